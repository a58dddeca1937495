"""Start-up is a feature: what a command does not need is not imported."""

import importlib.util
import json
from pathlib import Path

import pytest

from support import ROOT, SAMPLE, environment, python

REPORT = """
import json, os, sys
from lossctl.cli.main import main
sys.stdout = open(os.devnull, "w")
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code or 0
print(json.dumps({"code": code, "modules": sorted(sys.modules)}), file=sys.__stdout__)
"""


# Not needed to read a file; file systems and loggers take as long as half of our own modules.
SLOW = {"pandas", "scipy", "pyarrow.dataset", "pyarrow.compute", "pyarrow.fs", "logging"}


def loaded(*arguments: object) -> set[str]:
    """The modules a command line has imported when it ends."""
    done = python(REPORT, *map(str, arguments), env=environment(), cwd=SAMPLE)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["code"] == 0
    return set(told["modules"])


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("compute", "--help"), ("list", "--help")])
def test_help_and_version_come_without_numpy_pandas_or_pyarrow(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) & {"numpy", "pandas", "pyarrow", "scipy"} == set()


def test_version_comes_without_typer_or_rich() -> None:
    assert loaded("--version") & {"typer", "rich", "click"} == set()


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("list", "--format", "json"), ("info", "huber"), ("compute", "huber", "--help"), ("schema",)],
)
def test_the_registry_is_read_without_pyarrow_or_pandas(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) & {"pandas", "pyarrow", "scipy"} == set()


@pytest.mark.parametrize("file", ["preds.parquet", "preds.csv"])
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--by", "diagnosis", "--weight", "weight", "--format", "json"),
    ],
)
def test_compute_comes_without_pandas(file: str, options: tuple[str, ...]) -> None:
    assert importlib.util.find_spec("pandas") is not None, "the test shows something only where pandas is installed"
    assert loaded("compute", "huber", file, *options) & SLOW == set()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_row_values_are_written_without_pandas(suffix: str, tmp_path: object) -> None:
    modules = loaded("compute", "huber", "preds.parquet", "--per-row", f"{tmp_path}/rows{suffix}", "--gradient")
    assert modules & {"pandas", "scipy"} == set()


@pytest.mark.parametrize(
    "call",
    ["huber([3.0], [2.5], delta=1.0)", "cross_entropy([1], [[0.5, 0.0]], class_weight='file:w.csv')"],
)
def test_losses_are_called_from_python_without_pyarrow(call: str, tmp_path: Path) -> None:
    tmp_path.joinpath("w.csv").write_text("1\n2\n")
    done = python(
        f"import sys, lossctl; lossctl.losses.{call};"
        "print(sorted({'pyarrow', 'pandas', 'rich', 'typer'} & set(sys.modules)))",
        env=environment() | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"
