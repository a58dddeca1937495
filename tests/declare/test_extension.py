"""Losses of one's own, and what follows from one declaration."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.declare import registry
from lossctl.declare.pitfalls import PITFALLS
from support import ROOT, Run, check_refused, process, write_csv

EXAMPLE = ROOT / "examples" / "asymmetric_plugin.py"

DECLARED = '''
"""A family of one loss."""

from typing import Annotated

import numpy as np

from lossctl.declare import Array, Param, RealD, example, loss


@loss(
    task="regression", elements="mean", convex=True, differentiable=True, robust=False,
    smoothness="C1", scale="quadratic",
    dimension="cubed target units", use_when="never", avoid_when="always", reference="this test 2026",
    pitfalls="An outlier counts with its third power.",
    examples=(example((0.125 + 8.0) / 2, target=[0.0, 1.0], pred=[0.5, 3.0]),),
)
def cubed_error_of_the_test(
    target: RealD, pred: RealD, *, power: Annotated[float, Param("the exponent", gt=0)] = 3.0
) -> Array:
    """Cubed absolute error.

    `abs(e)^power`.
    """
    return np.abs(pred - target) ** power


@cubed_error_of_the_test.gradient
def _(target: Array, pred: Array, *, power: float) -> Array:
    return power * np.abs(pred - target) ** (power - 1) * np.sign(pred - target)
'''

# The same, its scale said by its family, which serves another task.
SHARED = (
    DECLARED.replace("from typing", "from functools import partial\nfrom typing")
    .replace(' scale="quadratic",', "")
    .replace("\n@loss(", '\nof_family = partial(loss, task="forecast", scale="quadratic")\n\n\n@of_family(')
)

FOUND = """
from lossctl.declare import registry

@registry.get("{loss}").{kind}("{code}")
def _(*arrays, **params):
    return arrays[0] == 0
"""


@pytest.fixture(autouse=True)
def _registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares is gone after it: the tests of the documentation see the built-in losses alone."""
    registry.load()
    for name in ("_REGISTRY", "_ALIASES", "_LOADED"):
        monkeypatch.setattr(registry, name, getattr(registry, name).copy())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "a.csv", {"y": [3.0, 2.0], "pred": [2.5, 5.0]})


def test_a_plugin_file_is_a_loss_like_any_other(data: Path, run: Run) -> None:
    ended = run("compute", "asymmetric_mae", data, "--plugin", EXAMPLE, "--over", "3", "-q")
    assert ended.code == 0, ended.err
    assert float(ended.out) == (0.5 + 9.0) / 2
    assert "asymmetric_mae" in run("list", "--plugin", EXAMPLE).out
    assert "dearer above the target" in run("info", "asymmetric_mae", f"--plugin={EXAMPLE}").out
    assert "--over" in run("compute", "asymmetric_mae", "--plugin", EXAMPLE, "--help").out
    assert_allclose(lossctl.losses.asymmetric_mae([3.0, 2.0], [2.5, 5.0]), [0.5, 6.0], rtol=0)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("def broken(:\n", "SyntaxError"),
        ("x = 1 / 0\n", "line 1"),
        (DECLARED.replace("power: Annotated", "weight: Annotated"), "name of a common option"),
        (DECLARED.replace("gt=0)] = 3.0", "gt=0)] = -3.0"), "outside its own range"),
        (DECLARED.replace("cubed_error_of_the_test", "huber"), "is taken by 'huber'"),
        (DECLARED.replace("target: RealD", "target: float"), "needs a role"),
        (SHARED.replace(', scale="quadratic"', ""), "missing 1 required keyword-only argument: 'scale'"),
        (FOUND.format(loss="mse", kind="finding", code="LC999"), "loss 'mse': there is no finding 'LC999'."),
        (FOUND.format(loss="mse", kind="finding", code="LC999"), "The codes are LC101, LC102, "),
        (FOUND.format(loss="mse", kind="finding", code="lc201"), "Did you mean 'LC201'?"),
        (FOUND.format(loss="rmse", kind="unit_finding", code="LC999"), "loss 'rmse': there is no finding 'LC999'."),
    ],
)
def test_a_broken_plugin_is_one_clear_error(source: str, says: str, tmp_path: Path, data: Path, run: Run) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    check_refused(run("compute", "mse", data, "--plugin", path), str(path), says)


def test_what_losses_share_is_said_once(tmp_path: Path) -> None:
    """A declaration adds what its family does not say, and says otherwise where it differs."""
    (tmp_path / "own.py").write_text(SHARED)
    line = [sys.executable, *"-m lossctl info cubed_error_of_the_test --plugin own.py --format json".split()]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert (shown["properties"]["scale"], shown["task"]) == ("quadratic", "regression")


def test_a_plugin_may_find_what_is_in_the_list(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        DECLARED
        + '@cubed_error_of_the_test.finding("LC301")\n'
        + "def _(target: Array, pred: Array, *, power: float) -> Array:\n"
        + "    return target == 0\n"
    )
    write_csv(tmp_path / "a.csv", {"y": [0.0, 1.0, 0.0], "pred": [0.5, 3.0, 0.0]})
    line = ("compute", "cubed_error_of_the_test", "a.csv", "--plugin", "own.py")
    done = process(*line, cwd=tmp_path, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 targets at or near 0" in done.stdout


def test_built_in_losses_find_what_is_in_the_list() -> None:
    codes = {finding.code for loss in registry.every() for finding in (*loss.hooks.findings, *loss.hooks.unit_findings)}
    assert "LC201" in codes
    assert codes <= set(PITFALLS)


CONFIGS = [
    ("lossctl.toml", 'plugins = ["own/of_the_test.py"]'),
    ("pyproject.toml", '[tool.other]\nplugins = 3\n[tool.lossctl]\nplugins = ["own/of_the_test.py"]'),
]


@pytest.mark.parametrize(("file", "text"), CONFIGS)
def test_plugins_are_named_in_the_settings_of_a_project(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "of_the_test.py").write_text(DECLARED)
    (tmp_path / file).write_text(text)
    write_csv(tmp_path / "a.csv", {"y": [0.0, 1.0], "pred": [0.5, 3.0]})
    done = process("compute", "cubed_error_of_the_test", "a.csv", "-q", cwd=tmp_path, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4.0625\n", "")


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("lossctl.toml", "plugins = [", "lossctl.toml cannot be read: "),
        ("lossctl.toml", 'plugins = "a.py"', "plugins in lossctl.toml must be a list of files"),
        ("pyproject.toml", "[tool.lossctl]\nplugins = [1]", "plugins in pyproject.toml must be a list of files"),
        ("lossctl.toml", 'plugins = ["nowhere.py"]', "nowhere.py: there is no such file"),
    ],
)
def test_settings_that_make_no_sense_are_refused(file: str, text: str, says: str, folder: Path, run: Run) -> None:
    (folder / file).write_text(text)
    check_refused(run("list"), says)


def test_a_plugin_that_is_not_there_is_named(data: Path, run: Run) -> None:
    check_refused(run("compute", "mse", data, "--plugin", "nowhere.py"), "nowhere.py")


def test_one_declaration_is_found_everywhere(tmp_path: Path) -> None:
    """A copy of the package with one more file in a field of losses/: list, help, compute, docs and tests know it."""
    shutil.copytree(ROOT / "lossctl", tmp_path / "lossctl", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("docs", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "oracles"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "lossctl" / "losses" / "regression" / "of_the_test.py").write_text(DECLARED.lstrip())
    name = "cubed_error_of_the_test"
    data = write_csv(tmp_path / "a.csv", {"y": [0.0, 1.0], "pred": [0.5, 3.0]})

    def said(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    assert float(said("-m", "lossctl", "compute", name, data, "-q")) == (0.125 + 8.0) / 2
    assert name in said("-m", "lossctl", "list")
    assert "--power" in said("-m", "lossctl", "compute", name, "--help")
    assert "Cubed absolute error" in said("-m", "lossctl", "info", name)
    said("docs/make.py")
    assert name in (tmp_path / "docs" / "losses.md").read_text()
    assert "passed" in said("-m", "pytest", "-p", "no:cacheprovider", "tests/losses/test_registry.py", "-k", name)


def test_the_registry_is_not_changed_by_looking_for_what_is_not_there() -> None:
    before = registry.names()
    assert registry.find("no such loss") is None
    assert registry.names() == before
    assert registry.GROUP == "lossctl.losses"
