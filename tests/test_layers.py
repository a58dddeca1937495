"""Data flows one way: every module imports only modules that stand before it in one ordered list."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "lossctl"

# From the left to the right of the data's way. A name stands for its module, or for a folder whose modules may import
# each other, though never in a circle. A new module takes its place here.
ORDER = (
    "errors",
    "roles",
    "primitive",
    "params",
    "options",
    "segments",
    "vectors",
    "totals",
    "special",
    "entropies",
    "arithmetic",
    "geometry",
    "examples",
    "kernel",
    "arrays",
    "confusion",
    "class_weights",
    "findings",
    "scatter",
    "signatures",
    "plugins",
    "config",
    "signatures",
    "spec",
    "manual",
    "expressions",
    "catalogue",
    "losses",
    "results",
    "outputs",
    "sources",
    "mapping",
    "hints",
    "columns",
    "keys",
    "labels",
    "reading",
    "literals",
    "compared",
    "filters",
    "sieve",
    "joins",
    "analysis",
    "engine",
    "rows",
    "memory",
    "coefficients",
    "agreement",
    "evaluate",
    "request",
    "checks",
    "dataset",
    "prepare",
    "inference",
    "reporting",
    "together",
    "gate",
    "keywords",
    "api",
    "render",
    "cli",
    "__main__",
)

# Imports inside functions that point back, each with its reason.
UPWARD = {
    ("mapping", "hints"): "tips are looked for where a column is missing, in all losses",
    ("spec", "manual"): "a loss's docstring is written when it is asked for",
    ("spec", "losses"): "the registry loads the families when it is first asked for a loss",
}

PANDAS_HOME = "results"  # the one module that knows data frames, and only when one is asked for
ARROW_HOME = "memory"  # the one that takes columns of any Python values, for which there is no other way
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
    lazy: bool


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


def place(module: str) -> int:
    """Where a module stands: the longest entry that names it or its folder."""
    parts = module.split(".")
    for size in range(len(parts), 0, -1):
        if ".".join(parts[:size]) in ORDER:
            return ORDER.index(".".join(parts[:size]))
    return -1


def walk(node: ast.AST, lazy: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it runs only when a function is called."""
    for child in ast.iter_child_nodes(node):
        inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield child, inside
        yield from walk(child, inside)


def imports(module: str) -> Iterator[Import]:
    """What a module imports of the package, in functions too."""
    for node, lazy in walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lossctl":
                    yield Import(module, alias.name.partition(".")[2], "", node.lineno, lazy)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"lossctl/{module}:{node.lineno}: imports are absolute"
            base, _, rest = (node.module or "").partition(".")
            if base != "lossctl":
                continue
            for alias in node.names:
                deeper = f"{rest}.{alias.name}" if rest else alias.name
                is_module = deeper in MODULES
                yield Import(module, deeper if is_module else rest, "" if is_module else alias.name, node.lineno, lazy)


def test_every_module_has_its_place() -> None:
    strays = [module for module in MODULES if module and place(module) < 0]
    assert strays == [], f"give {strays} a place in ORDER of {Path(__file__).name}"


def test_every_place_has_its_module() -> None:
    named = {entry for entry in ORDER if entry not in MODULES}
    assert named == set()


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_a_module_imports_only_what_stands_before_it(module: str) -> None:
    wrong = []
    for found in imports(module):
        if not found.target:
            # Of the package itself only the version may be asked: its other names are those of the modules.
            if found.name != "__version__":
                wrong.append(f"line {found.line}: from lossctl import {found.name}")
        elif place(found.target) > place(module):
            excused = found.lazy and (module, found.target) in UPWARD
            if not excused:
                wrong.append(f"line {found.line}: {found.target} stands after {module}")
        elif place(found.target) == place(module) and found.target == module:
            wrong.append(f"line {found.line}: {module} imports itself")
    assert wrong == []


def test_every_exception_is_used() -> None:
    used = {
        (found.module, found.target)
        for module in MODULES
        for found in imports(module)
        if found.target and place(found.target) > place(found.module)
    }
    assert set(UPWARD) <= used


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {found.target for found in imports(module) if not found.lazy and found.target not in ("", module)}
        for module in MODULES
        if module
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")
    assert set(graph) <= set(order)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_neither_scipy_nor_pandas(module: str) -> None:
    found = set()
    for node, _ in walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    allowed = {"pandas"} if module == PANDAS_HOME else set()
    assert found & {"scipy", "pandas"} <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_a_module_takes_no_detour_over_pandas(module: str) -> None:
    wrong = []
    for node, _ in walk(tree(module)):
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
    names = set()
    for node, _ in walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= {"collections", "dataclasses", "functools", "itertools", "lossctl", "math", "numpy", "typing"}
