"""What help() shows in Python: every public name is explained, and every example runs to what it shows."""

import doctest
import inspect
import json
import pydoc
from pathlib import Path

import numpy as np
import pytest

import lossctl
from lossctl.declare import describe
from lossctl.declare.declaration import Loss
from lossctl.reports import results
from support import ROOT, python
from support.draw import LOSSES, by_name

# In a process of its own: an example declares a loss, which would stay in the registry.
MODULES = """
import doctest, importlib, json, pkgutil, lossctl
found = [m.name for m in pkgutil.walk_packages(lossctl.__path__, "lossctl.") if not m.name.endswith("__main__")]
tried = {name: doctest.testmod(importlib.import_module(name)) for name in [*found, "lossctl"]}
print(json.dumps({name: list(result) for name, result in tried.items() if result.attempted}))
"""


def test_the_examples_of_the_package_run(tmp_path: Path) -> None:
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    done = python(MODULES, cwd=tmp_path)
    assert done.stderr == ""
    *failures, tried = done.stdout.splitlines()
    assert failures == []
    told = json.loads(tried)
    assert {
        "lossctl",
        "lossctl.api.compute",
        "lossctl.losses",
        "lossctl.reports.results",
        "lossctl.declare.declaration",
    } <= set(told)
    assert {name for name, (failed, _) in told.items() if failed} == set()


def test_every_loss_shows_an_example_that_runs_to_its_value() -> None:
    parser, failures, tried = doctest.DocTestParser(), [], 0
    for loss in LOSSES:
        test = parser.get_doctest(str(loss.__doc__), {}, loss.name, None, None)
        found = doctest.DocTestRunner().run(test, out=failures.append)
        assert found.attempted >= 1 + 2 * len(loss.examples), loss.name
        assert len(loss.examples) > 0, loss.name
        tried += found.attempted
    assert failures == []
    assert tried > 3 * len(LOSSES)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_help_on_a_loss_says_all_there_is_to_know(loss: Loss) -> None:
    shown = pydoc.plain(pydoc.render_doc(getattr(lossctl.losses, loss.name)))
    shown = " ".join(shown.split())
    for said in (loss.summary, *loss.formula.split("\n"), loss.dimension, "LossctlError", loss.reference):
        assert " ".join(said.split()) in shown
    for role in loss.roles:
        assert f"{role.name}: " in shown
    for parameter in loss.params.values():
        assert f"{parameter.name}: {parameter.help}" in shown
    assert list(inspect.signature(loss).parameters) == [*(role.name for role in loss.roles), *loss.params]


def test_the_class_keeps_a_docstring_of_its_own() -> None:
    assert str(Loss.__doc__).startswith("A declared loss")
    assert "examples" in inspect.signature(Loss).parameters
    assert repr(lossctl.losses.huber) == "<loss huber(target, pred, *, delta=1.0)>"


def test_every_public_name_has_an_example() -> None:
    named = {name: getattr(lossctl, name) for name in lossctl.__all__ if name != "__version__"}
    kinds = {kind.__name__: kind for kind in vars(results).values() if inspect.isclass(kind) and is_ours(kind)}
    methods = {
        f"{name}.{key}": member
        for name, kind in {**kinds, "Report": lossctl.Report}.items()
        for key, member in vars(kind).items()
        if inspect.isfunction(member) and not key.startswith("_")
    }
    assert {"Report.to_pandas", "Report.to_dict", "Report.to_json"} <= set(methods)
    bare = [name for name, item in {**named, **kinds, **methods}.items() if ">>> " not in str(item.__doc__)]
    assert bare == []


def is_ours(kind: type) -> bool:
    return kind.__module__ == results.__name__


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2.5, "a", None], "[1, 2.5, 'a', None]"),
        (np.array([[1.0, 2.0]]), "[[1.0, 2.0]]"),
        ((np.float64(0.1),), "(0.1,)"),
        ([float("inf"), float("-inf")], '[float("inf"), float("-inf")]'),
    ],
    ids=["list", "array", "tuple", "infinite"],
)
def test_values_are_written_as_python_reads_them(value: object, text: str) -> None:
    assert describe.written(value) == text
    assert eval(text) is not None


def test_a_long_call_is_broken_over_lines() -> None:
    lines = describe.python_session(lossctl.losses.dice)
    assert "... )" in lines
    assert all(len(line) <= 120 for line in lines)


def test_a_loss_is_declared_and_called_without_writing_its_help() -> None:
    done = python(
        "import sys, lossctl; lossctl.losses.huber([3.0], [2.5]); print('lossctl.declare.describe' in sys.modules)"
    )
    assert done.stdout.strip() == "False"
