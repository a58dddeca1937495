"""An option is one row of a table; what is written out beside it (two signatures) says the same."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

import lossctl
from lossctl.api import keywords
from lossctl.cli.commands import compare, compute
from lossctl.cli.options import parameters
from lossctl.declare.options import COMMON_OPTIONS, KEYWORDS, OPTIONS, SETTINGS, SIGNS, Option, of, signed
from lossctl.engine.plan.request import OF_TEXT, REDUCTIONS, Request
from lossctl.errors import UsageError
from lossctl.sources.csv.options import TextOptions
from support import ROOT, write_csv

COMMANDS = ("lossctl", "compute", "compare", "check", "list", "info")
# What `compute` says of a keyword of each kind.
ANNOTATIONS: dict[str, object] = {
    "text": str,
    "label": object,
    "flag": bool,
    "whole": int,
    "number": float,
    "level": float,
    "column": str,
    "columns": str | Sequence[str],
    "names": Sequence[str],
    "numbers": Sequence[float],
    "file": str | os.PathLike[str],
    "cells": str,
    "data": object,
}
# What a request holds, where it is not that.
HELD = {"columns": tuple[str, ...], "names": tuple[str, ...], "numbers": tuple[float, ...]}
HELD |= dict.fromkeys(("label", "file", "data"), str)

ROW = 'Option("made_up", "whole", "Made up.", "N", ENGINE, 3, least=1, most=9, signs=Sign(99)),\n'


def annotated(option: Option, kinds: dict[str, Any]) -> object:
    """The annotation of a keyword."""
    kind = Literal[option.choices] if option.kind == "word" else kinds[option.kind]
    return kind if option.default is not None or kind is object else kind | None


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_row_is_complete(option: Option) -> None:
    assert set(option.commands) <= set(COMMANDS)
    assert option.help.endswith((".", ","))
    assert bool(option.choices) >= (option.kind == "word")
    assert (option.least is not None) == (option.kind == "whole")
    assert bool(option.metavar) != (option.kind in ("word", "flag"))
    assert option.default is None or option.kind != "word" or option.default in option.choices
    assert option.panel or not {"compute", "compare", "check"} & set(option.commands)
    if option.reaches != "line":
        told = option.kind in ("label", "data", "column", "columns", "file")  # taken as they are, or told as such
        assert told or keywords._takes(option)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_no_option_twice(command: str) -> None:
    names = [option.name for option in of(command)]
    assert len(names) == len(set(names))
    assert [parameter.name for parameter in parameters(command)] == names


def test_places_in_the_signature_are_told_apart() -> None:
    assert [sign.place for sign, _ in SIGNS] == list(range(1, len(SIGNS) + 1))
    assert signed(dict.fromkeys(KEYWORDS), ["pred:y"]) == ["weight:none", "missing:error", "where:-", "pred:y"]


def test_compute_says_what_the_table_says() -> None:
    written = {
        name: said
        for name, said in inspect.signature(lossctl.compute, eval_str=False).parameters.items()
        if said.kind is said.KEYWORD_ONLY
    }
    assert written.keys() == KEYWORDS.keys()
    for name, option in KEYWORDS.items():
        said = written[name].annotation
        found = eval(said, {"os": os}) if isinstance(said, str) else said
        assert (name, written[name].default) == (name, option.default)
        assert (name, found) == (name, annotated(option, ANNOTATIONS))


def test_a_request_says_what_the_table_says() -> None:
    text = inspect.signature(TextOptions).parameters
    assert set(OF_TEXT) == text.keys() == {option.name for option in OPTIONS if option.panel == "Text files"}
    for name, option in KEYWORDS.items():
        held = text[name].annotation if name in text else Request.__annotations__[name]
        default = text[name].default if name in text else Request._field_defaults[name]
        assert (name, default) == (name, option.default)
        assert (name, held) == (name, annotated(option, ANNOTATIONS | HELD))
    assert not {option.name for option in OPTIONS if option.reaches == "line"} - {"dry_run", "loss"} & set(
        Request._fields
    )


def test_words_are_those_that_are_known_elsewhere() -> None:
    assert set(KEYWORDS["reduction"].choices) == {*REDUCTIONS, "batchmean"} - {"none"}


def test_compare_refuses_the_keywords_that_its_command_has_not() -> None:
    data = {"y": [1.0], "pred": [2.0]}
    left_out = {name for name, option in KEYWORDS.items() if "compare" not in option.commands}
    for name in left_out:
        with pytest.raises(UsageError, match=f"^compare has no rows to write: leave {name} out"):
            lossctl.compare(data, "mae", **{name: "x"})
    assert left_out == {"id", "per_row", "gradient"}


def test_every_option_beside_those_of_losses_is_reserved() -> None:
    for module in (compute, compare):
        names = {said.name for said in module.signature().parameters.values() if said.kind is said.KEYWORD_ONLY}
        assert names <= COMMON_OPTIONS


def test_one_row_is_an_option_everywhere(tmp_path: Path) -> None:
    """A copy of the package with one more row: commands, keywords, settings, pages and signatures know it.

    The two signatures that are written out have it too: `compute` and `Request`.
    """
    shutil.copytree(ROOT / "lossctl", tmp_path / "lossctl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    for known, before, more in (
        (Option, '    Option(\n        "plugin"', f"    {ROW}"),
        (lossctl.compute, "    memory: str | None = None,\n", "    made_up: int = 3,\n"),
        (Request, "    coef_file: str | None = None\n", "    made_up: int = 3\n"),
    ):
        path = tmp_path / f"{known.__module__.replace('.', '/')}.py"
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, more + before), encoding="utf-8")
    data = write_csv(tmp_path / "a.csv", {"y": [0.0, 1.0], "pred": [0.5, 3.0]})
    (tmp_path / "lossctl.toml").write_text('[[check]]\nloss = "mae"\ndata = "a.csv"\nmax = 2\nmade-up = 1\n')

    def said(*arguments: object, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "120", **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout + done.stderr

    command = ("-m", "lossctl", "compute", "mae", data)
    assert "Made up." in said(*command, "--help")
    assert "Made up." in said("-m", "lossctl", "compare", "--help")
    assert "1<=x<=9" in said(*command, "--made-up", 0, code=2)
    told = json.loads(said(*command, "--made-up", 4, "--format", "json"))
    assert "|made-up:4|" in told["results"][0]["signature"]
    told = json.loads(said(*command, "--format", "json", LOSSCTL_MADE_UP="5"))
    assert "|made-up:5|" in told["results"][0]["signature"]
    call = f"import lossctl; print(lossctl.compute('mae', {str(data)!r}, made_up=%s))"
    assert "made_up must be a whole number >= 1 and <= 9, not 0." in said("-c", call % 0, code=1)
    assert "made-up:7" in said("-c", call % 7)
    said("docs/make.py")
    schema = json.loads((tmp_path / "lossctl" / "api" / "schemas" / "config.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["check"]["properties"]["made_up"] == {"type": "integer", "minimum": 1, "maximum": 9}
    assert "| `--made-up N` |  | Made up. |" in (tmp_path / "docs" / "options.md").read_text(encoding="utf-8")
    assert "pass" in said("-m", "lossctl", "check")
    (tmp_path / "lossctl.toml").write_text('[[check]]\nloss = "mae"\ndata = "a.csv"\nmax = 2\nmade-up = "x"\n')
    assert "made_up must be a whole number, not 'x'." in said("-m", "lossctl", "check", code=2)
    reserved = "from lossctl.declare.options import COMMON_OPTIONS; print('made_up' in COMMON_OPTIONS)"
    assert said("-c", reserved) == "True\n"


def test_settings_are_keywords() -> None:
    assert SETTINGS.items() <= KEYWORDS.items()
