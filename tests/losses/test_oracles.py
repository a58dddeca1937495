"""Every stored expectation, made by peers and by formulas in exact arithmetic (tests/oracles), comes out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.arithmetic.arrays import Ragged
from lossctl.declare import registry
from lossctl.declare.classes import classes_of
from lossctl.declare.from_python import from_python
from support import write_csv, write_parquet
from support.expectations import expectations

# Cases that cannot come out, by id, each with the reason. Nothing else is left out.
EXCEPTIONS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation of a fixture file; its columns hold a cell per row."""

    id: str
    loss: str
    columns: Mapping[str, list[Any]]
    params: Mapping[str, Any]
    value: float
    rtol: float
    oracle: str
    package: str
    weight: list[float] | None = None
    group: list[Any] | None = None
    reduction: str | None = None
    rows: list[Any] | None = None
    units: list[Any] | None = None
    gradient: list[Any] | None = None

    @property
    def size(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def nested(self) -> bool:
        """Whether a row holds a whole unit."""
        lists = any(isinstance(cells[0], list) for cells in self.columns.values())
        return lists and self.units is not None and self.group is None and len(self.units) == self.size > 1

    def members(self) -> list[list[int]]:
        """The rows of every unit, units in order of first appearance."""
        found: dict[object, list[int]] = {}
        for row in range(self.size):
            key = row if self.nested else None if self.group is None else self.group[row]
            found.setdefault(key, []).append(row)
        return list(found.values())


def number(value: Any) -> Any:
    """The numbers of a fixture: infinity is a word in JSON, and a unit that does not count is null."""
    if isinstance(value, list):
        return [number(item) for item in value]
    return (
        {"inf": math.inf, "-inf": -math.inf, None: math.nan}.get(value, value) if not isinstance(value, dict) else value
    )


def load() -> list[Case]:
    cases = []
    for item in expectations():
        columns = {name: [infinite(cell) for cell in cells] for name, cells in item.pop("columns").items()}
        said = {name: number(item.pop(name)) for name in ("value", "rows", "units", "gradient") if name in item}
        cases.append(Case(columns=columns, **item, **said))
    return cases


def infinite(cell: Any) -> Any:
    """Infinite cells are words too."""
    if isinstance(cell, list):
        return [infinite(item) for item in cell]
    return {"inf": math.inf, "-inf": -math.inf}.get(cell, cell) if isinstance(cell, str) else cell


CASES = load()
KNOWN = [case for case in CASES if registry.find(case.loss) is not None and case.id not in EXCEPTIONS]
ROWS = [case for case in KNOWN if case.rows is not None]
# A plain function takes no weights: values of weighted units are asked of files alone.
UNITS = [case for case in KNOWN if case.units is not None and case.weight is None]
GRADIENTS = [case for case in KNOWN if case.gradient is not None]


def flat(case: Case) -> bool:
    """Whether columns of numbers can hold it: neither units nor lists of lists in a cell, and lists of one length."""
    lists = [cells for cells in case.columns.values() if isinstance(cells[0], list)]
    deep = any(isinstance(item, list) for cells in lists for cell in cells for item in cell)
    return not case.nested and not deep and all(len({len(cell) for cell in cells}) == 1 for cells in lists)


def by_id(case: Case) -> str:
    return case.id


def called(case: Case, rows: Sequence[int]) -> Any:
    """The plain function on some of the rows."""
    columns = {name: [cells[row] for row in rows] for name, cells in case.columns.items()}
    if case.nested:
        columns = {name: _unnested(cells[0]) for name, cells in columns.items()}
    return registry.get(case.loss)(**columns, **case.params)


def _unnested(cell: list[Any]) -> list[Any]:
    """A unit's cell as rows: an image by its pixels."""
    flat: list[Any] = []
    for item in cell:
        flat.extend(_unnested(item) if isinstance(item, list) else [item])
    return flat


# ------------------------------------------------------------------------------------------------------- completeness
def test_ids_are_unique() -> None:
    ids = [case.id for case in CASES]
    assert len(ids) == len(set(ids))


def test_exceptions_name_cases_that_exist() -> None:
    assert set(EXCEPTIONS) <= {case.id for case in CASES}


@pytest.mark.parametrize("name", sorted({case.loss for case in CASES}))
def test_a_loss_with_expectations_is_declared_or_still_to_come(name: str) -> None:
    # Tightened to `is not None` when every family is declared.
    found = registry.find(name)
    assert found is None or found.name == name, f"fixtures go by the canonical name, {found.name if found else ''}"


@pytest.mark.parametrize("name", [loss.name for loss in registry.every()])
def test_a_declared_loss_has_expectations(name: str) -> None:
    assert [case.id for case in CASES if case.loss == name] != []


def test_every_case_of_a_declared_loss_is_compared() -> None:
    compared = {case.id for case in (*ROWS, *UNITS)} | {case.id for case in KNOWN}
    assert compared == {case.id for case in CASES if registry.find(case.loss) is not None} - set(EXCEPTIONS)


# ------------------------------------------------------------------------------------------------------------- Python
@pytest.mark.parametrize("case", ROWS, ids=by_id)
def test_the_function_gives_the_rows(case: Case) -> None:
    expected = np.array(case.rows, dtype=np.float64)
    if registry.get(case.loss).kernel_for(case.columns).scope == "group":
        found = np.full(case.size, np.nan)
        for rows in case.members():
            found[rows] = called(case, rows)
    else:
        found = called(case, range(case.size))
    assert_allclose(found, expected, rtol=case.rtol, atol=1e-300)


@pytest.mark.parametrize("case", UNITS, ids=by_id)
def test_the_function_gives_the_units(case: Case) -> None:
    found = [called(case, rows) for rows in case.members()]
    assert_allclose(found, case.units, rtol=case.rtol, atol=1e-15)


@pytest.mark.parametrize("case", GRADIENTS, ids=by_id)
def test_the_gradient_comes_out(case: Case) -> None:
    loss = registry.get(case.loss)
    assert loss.hooks.gradient is not None
    params = loss.resolve_params(case.params)
    kernel = loss.kernel_for(case.columns)
    arrays = from_python(loss.roles_for(params, kernel), case.columns, loss.name)
    with np.errstate(all="ignore"):
        slope = np.asarray(loss.hooks.gradient(**arrays, **loss.prepared(params, classes_of(kernel.roles, arrays))))
    if kernel.elements == "mean" and slope.ndim > 1:
        slope = slope / len(slope)
    if isinstance(pred := arrays.get(loss.hooks.gradient_by), Ragged):
        steps = np.concatenate([np.array(row, dtype=np.float64) for row in case.gradient or []])
        assert_allclose(slope.T, steps, rtol=max(case.rtol, 1e-9), atol=1e-12)
        assert len(pred) == case.size
        return
    found = np.moveaxis(slope, -1, 0) if slope.ndim > 1 else slope
    assert_allclose(found, np.array(case.gradient, dtype=np.float64), rtol=max(case.rtol, 1e-9), atol=1e-12)


# -------------------------------------------------------------------------------------------------------------- files
def evaluated(case: Case, path: Path, columns: Mapping[str, str]) -> lossctl.Report:
    return lossctl.compute(
        case.loss,
        path,
        weight=None if case.weight is None else "the weight",
        group=None if case.group is None else "the unit",
        reduction=case.reduction,
        **columns,  # type: ignore[arg-type]
        **case.params,
    )


def keys(case: Case) -> dict[str, object]:
    said = {"the weight": case.weight, "the unit": case.group}
    return {name: cells for name, cells in said.items() if cells is not None}


@pytest.mark.parametrize("case", KNOWN, ids=by_id)
def test_a_parquet_file_gives_the_value(case: Case, tmp_path: Path) -> None:
    stored = {f"c {name}": cells for name, cells in case.columns.items()}
    path = write_parquet(tmp_path / "case.parquet", {**stored, **keys(case)}, rows_per_group=7)
    report = evaluated(case, path, {name: f"c {name}" for name in case.columns})
    assert report.value is not None, report.results[0].reason
    assert_allclose(report.value, case.value, rtol=case.rtol, atol=1e-15)
    if case.units is not None:
        counted = np.isfinite(np.array(case.units, dtype=np.float64)).sum()
        assert report.results[0].units == counted


@pytest.mark.parametrize("case", [case for case in KNOWN if flat(case)], ids=by_id)
def test_a_csv_file_of_wide_columns_gives_the_value(case: Case, tmp_path: Path) -> None:
    stored: dict[str, object] = {}
    columns = {}
    for name, cells in case.columns.items():
        if isinstance(cells[0], list):
            parts = {f"{name}_{at}": [cell[at] for cell in cells] for at in range(len(cells[0]))}
        else:
            parts = {f"c_{name}": cells}
        stored |= parts
        columns[name] = ",".join(parts)
    path = write_csv(tmp_path / "case.csv", {**stored, **keys(case)})
    report = evaluated(case, path, columns)
    assert report.value is not None, report.results[0].reason
    assert_allclose(report.value, case.value, rtol=case.rtol, atol=1e-15)
