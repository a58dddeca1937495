"""Data flows one way: a room imports only the rooms that one table allows it, and no modules stand in a circle."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "lossctl"

# Every room, and what its modules may import besides each other: rooms (the modules that stand in the folder itself),
# or single modules. Imports inside functions count like any other; those for type checkers alone are free.
READ = ("sources.source", "sources.arrow", "sources.kinds")
TOTALS = ("engine.block", "engine.observed", "engine.outcome", "engine.terms", "engine.units", "engine.whole.gather")
PLAN = ("engine.plan.plan", "engine.plan.request", "engine.plan.expressions")
SHOWN = ("reports.results", "reports.outputs")
ENGINE = (
    *("errors", "arithmetic", "arithmetic.fused", "declare", "columns", "columns.filter.passing", *READ),
    *("engine.plan.plan", "engine.plan.request", "sources.ahead"),
)
RULES: dict[str, tuple[str, ...]] = {
    "errors": (),
    "arithmetic": ("errors",),
    "arithmetic.fused": ("errors", "arithmetic"),
    "declare": ("errors", "arithmetic"),
    "sources": ("errors", "sources.csv.options"),
    "sources.opening": ("errors", "sources", "sources.csv", "sources.json", "sources.binary"),
    "sources.text": ("errors", "sources"),
    "sources.csv": ("errors", "sources", "sources.text"),
    "sources.json": ("errors", "sources", "sources.text"),
    "sources.binary": ("errors", "sources"),
    "columns": ("errors", "arithmetic", "declare", *READ, "sources.text.numerals"),
    "columns.filter": ("errors", "declare.params", *READ, "columns.numbers", "columns.keys"),
    "engine.plan": (
        *("errors", "arithmetic", "declare", "columns", "columns.filter", *READ),
        *("sources.opening", "sources.memory", "sources.csv.options"),
    ),
    "engine": ENGINE,
    "engine.passes": (*ENGINE, "engine", "engine.threads"),
    "engine.threads": ("engine", "engine.plan.plan", "engine.whole.budget", "engine.whole.stream"),
    "engine.whole": ("errors", "arithmetic", "declare", "columns", "engine", "engine.plan.plan"),
    "losses": ("errors", "declare"),
    "losses.regression": ("errors", "arithmetic", "declare"),
    "losses.distributions": ("errors", "arithmetic", "declare"),
    "losses.classification": ("errors", "arithmetic", "declare"),
    "losses.vision": ("errors", "arithmetic", "declare"),
    "losses.embedding": ("errors", "arithmetic", "declare"),
    "losses.structured": ("errors", "arithmetic", "declare"),
    "losses.generative": ("errors", "arithmetic", "declare"),
    # Data alone; its methods to_dict, to_json and to_pandas import two modules that know reports by their types only.
    "reports.results": ("reports.render.json", "reports.render.frame"),
    "reports.render.json": ("errors",),
    "reports.render.frame": (),
    "reports.render": ("errors", *SHOWN),
    "reports.render.catalogue": ("reports.render", "declare.params", "declare.pitfalls"),
    "reports.inference": ("arithmetic", "reports.results", "reports.reduce", *TOTALS, *PLAN),
    "reports": (
        *("errors", "arithmetic", "declare", "sources.arrow", "sources.paths", "columns.keys", "columns.labels"),
        *("reports.results", "reports.inference", *TOTALS, *PLAN),
    ),
    "api": (
        *("errors", "declare", "sources.memory", "reports", "reports.results", *TOTALS, *PLAN),
        *("engine.passes", "engine.threads", "engine.plan.planner"),
    ),
    "cli": (
        *("errors", "api", "reports.render", *SHOWN, "declare.options", "declare.params", "declare.registry"),
        *("engine.plan.request", "engine.plan.expressions", "sources.opening"),
    ),
    "cli.commands": (
        *("errors", "api", "cli", "reports.render", "reports.render.catalogue", "reports.results"),
        *("declare.registry", "declare.catalogue", "declare.pitfalls"),
    ),
}

PANDAS_HOME = "reports.render.frame"  # the one module that knows data frames, and only when one is asked for
# What a stranger can take in: names at the top of the package, modules of a folder, lines of a module.
MOST_NAMES, MOST_MODULES, MOST_LINES = 10, 12, 400
ARROW_HOME = "sources.memory"  # the one that takes columns of any Python values, for which there is no other way
# What the package itself hands on, and to whom: its other names are those of the modules. Every module may know the
# version; a loss that is called in Python asks for the reader of the planner where a parameter is `file:PATH`.
HANDED_ON = {"__version__": "", "read_cells": "declare.declaration"}
# What reads or writes files without any import, and through NumPy's.
OPENING = {"open", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savez", "savetxt", "tofile"}
BANNED_CALLS = {
    "to_numpy": "imports pandas (0.2-0.4 s): np.frombuffer on the array's buffer",
    "to_pandas": "imports pandas (0.2-0.4 s)",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import of the package by one of its modules."""

    module: str
    target: str
    name: str
    line: int


def modules() -> dict[str, Path]:
    """Every module of the package, named from its root; the root itself is ''."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def room(module: str) -> str:
    """The room a module stands in: the longest entry of RULES that names it or a folder of it; '' for none."""
    parts = module.split(".")
    for size in range(len(parts), 0, -1):
        if ".".join(parts[:size]) in RULES:
            return ".".join(parts[:size])
    return ""


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from walk(child)


def imports(module: str) -> Iterator[Import]:
    """What a module imports of the package, in functions too."""
    for node in walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lossctl":
                    yield Import(module, alias.name.partition(".")[2], "", node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"lossctl/{module}:{node.lineno}: imports are absolute"
            base, _, rest = (node.module or "").partition(".")
            if base != "lossctl":
                continue
            for alias in node.names:
                deeper = f"{rest}.{alias.name}" if rest else alias.name
                is_module = deeper in MODULES
                yield Import(module, deeper if is_module else rest, "" if is_module else alias.name, node.lineno)


def test_every_rule_is_of_rooms_that_are() -> None:
    named = {*RULES, *(entry for allowed in RULES.values() for entry in allowed)}
    assert {entry for entry in named if entry not in MODULES} == set()


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    own, wrong = room(module), []
    for found in imports(module):
        if not found.target:
            if HANDED_ON.get(found.name) not in ("", module):
                wrong.append(f"line {found.line}: from lossctl import {found.name}")
        elif own and room(found.target) != own and not {found.target, room(found.target)} & {*RULES[own]}:
            wrong.append(f"line {found.line}: {found.target}, which {own} may not know")
    assert wrong == []


def test_the_figures_of_the_house_hold() -> None:
    top = {path.name for path in PACKAGE.iterdir()} - {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
    assert len(top) <= MOST_NAMES, f"a new name at the top of the package: {sorted(top)}"
    folders = Counter(path.parent.relative_to(PACKAGE) for path in MODULES.values() if path.name != "__init__.py")
    assert {folder: count for folder, count in folders.items() if count > MOST_MODULES} == {}
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {found.target for found in imports(module) if found.target not in ("", module)}
        for module in MODULES
        if room(module)
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")
    assert set(graph) <= set(order)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_neither_scipy_nor_pandas(module: str) -> None:
    found = set()
    for node in walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    allowed = {"pandas"} if module == PANDAS_HOME else set()
    assert found & {"scipy", "pandas"} <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_a_module_takes_no_detour_over_pandas(module: str) -> None:
    wrong = []
    for node in walk(tree(module)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in BANNED_CALLS and module != PANDAS_HOME:
            wrong.append(f"line {node.lineno}: {node.func.attr}() {BANNED_CALLS[node.func.attr]}")
        if ast.unparse(node.func) in ("pa.array", "pyarrow.array") and module != ARROW_HOME:
            wrong.append(
                f"line {node.lineno}: pa.array() imports pandas: Array.from_buffers, or csv and parquet writers"
            )
    assert wrong == []


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("losses.")])
def test_a_loss_does_no_input_or_output(module: str) -> None:
    names, opened = set(), []
    for node in walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in OPENING:
            opened.append(f"line {node.lineno}: {ast.unparse(node.func)}()")
    assert names <= {"collections", "dataclasses", "functools", "itertools", "lossctl", "math", "numpy", "typing"}
    assert opened == []
