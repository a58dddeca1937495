"""What the oracle modules share: drawn data, exact arithmetic, and the shape of a fixture.

Formulas are plain scalar functions of one row (or of one unit), named by role, evaluated in mpmath at 50 digits;
a peer's values are stored only after they agree with the formula.
"""

import importlib.metadata
import importlib.util
import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
from mpmath import mp

mp.dps = 50

Cell = float | int | str | list["Cell"]
Column = list[Cell]
Columns = Mapping[str, Column]
Params = Mapping[str, object]
MEAN, TIGHT, SINGLE = "mean", 1e-12, 1e-6
FORMULA = "the catalogue's formula, row by row in mpmath"


class Formula(Protocol):
    """A loss written from its formula: cells and parameters by name, exact numbers in, an exact number out."""

    def __call__(self, *args: object, **kwargs: object) -> mp.mpf: ...


class OracleMismatchError(Exception):
    """A peer and the formula disagree: choose other data or record the disagreement."""


# ---------------------------------------------------------------------------------------------------------------- data
def draw(name: str) -> np.random.Generator:
    """A generator seeded by a name, so that inserting a case does not move the data of the others."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def uneven(values: object, digits: int = 6) -> Column:
    """Drawn numbers rounded to a readable, uneven decimal (lists of lists for a vector role)."""
    return np.round(np.asarray(values, dtype=float), digits).tolist()


def array(column: object) -> np.ndarray:
    """A column as the float64 array a peer takes."""
    return np.asarray(column, dtype=np.float64)


# ----------------------------------------------------------------------------------------------------- exact arithmetic
def exact(value: object) -> object:
    """Numbers as mpf (ints too: int / int would be a float), lists element by element, words and None unchanged."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool | int | float | mp.mpf):
        return mp.mpf(value)
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "tolist"):
        return exact(value.tolist())  # type: ignore[attr-defined]
    if isinstance(value, Iterable):
        return [exact(item) for item in value]
    raise TypeError(f"cannot make {value!r} exact")


def evaluate(formula: Formula, columns: Columns, params: Params | None = None) -> list[mp.mpf]:
    """The formula's value on every row."""
    settings = {name: exact(value) for name, value in (params or {}).items()}
    return [formula(**cells, **settings) for cells in rows_of(columns)]


def rows_of(columns: Columns) -> list[dict[str, object]]:
    """The rows of the columns, role by role, exact."""
    length = {len(column) for column in columns.values()}
    if len(length) != 1:
        raise ValueError(f"columns of unequal length: { {name: len(column) for name, column in columns.items()} }")
    return [{name: exact(column[i]) for name, column in columns.items()} for i in range(length.pop())]


def elementwise(formula: Formula) -> Formula:
    """The formula over rows of D outputs: the plain mean of its values; rows of one number pass through."""

    def over_outputs(**arguments: object) -> mp.mpf:
        roles = {name: value for name, value in arguments.items() if name in ROLES and isinstance(value, list)}
        if not roles:
            return formula(**arguments)
        width = len(next(iter(roles.values())))
        at = [{**arguments, **{name: value[d] for name, value in roles.items()}} for d in range(width)]
        return mp.fsum(formula(**one) for one in at) / width

    return over_outputs


ROLES = ("target", "pred", "var", "std", "logvar", "scale")


def gradients(formula: Formula, columns: Columns, params: Params | None = None, by: str = "pred") -> list[object]:
    """d row value / d `by` on every row, by differences at 50 digits; meaningless on a kink, so give none there."""
    settings = {name: exact(value) for name, value in (params or {}).items()}

    def partial(cells: dict[str, object], position: int | None) -> mp.mpf:
        def moved(x: mp.mpf) -> mp.mpf:
            at = cells[by]
            there = x if position is None else [*at[:position], x, *at[position + 1 :]]  # type: ignore[index]
            return formula(**{**cells, by: there}, **settings)

        centre = cells[by] if position is None else cells[by][position]  # type: ignore[index]
        return mp.diff(moved, centre)

    def one(cells: dict[str, object]) -> object:
        at = cells[by]
        return [partial(cells, k) for k in range(len(at))] if isinstance(at, list) else partial(cells, None)

    return [one(cells) for cells in rows_of(columns)]


def softplus(x: mp.mpf) -> mp.mpf:
    """log(1 + e^x) to full precision on both sides."""
    return max(x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x)))


def log_softmax(scores: Sequence[mp.mpf]) -> list[mp.mpf]:
    """log of the softmax; the small tail survives because the largest term is taken out as log1p."""
    top = max(range(len(scores)), key=lambda k: scores[k])
    rest = mp.fsum(mp.exp(s - scores[top]) for k, s in enumerate(scores) if k != top)
    return [s - scores[top] - mp.log1p(rest) for s in scores]


def xlogy(x: mp.mpf, y: mp.mpf) -> mp.mpf:
    """x log y with 0 log 0 = 0."""
    return mp.mpf(0) if x == 0 else x * mp.log(y)


# ------------------------------------------------------------------------------------------------------------ fixtures
@dataclass(frozen=True, slots=True)
class Case:
    """One expectation; `None` fields are left out of the file."""

    id: str
    loss: str
    columns: Columns
    oracle: str
    package: str
    params: Params = field(default_factory=dict)
    weight: Column | None = None
    group: Column | None = None
    reduction: str | None = None
    rows: Sequence[object] | None = None
    units: Sequence[object] | None = None
    value: object = None
    gradient: Sequence[object] | None = None
    rtol: float = TIGHT

    def as_json(self) -> dict[str, object]:
        """The fixture's form: only what is said, plain numbers, infinities as words."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {name: plain(value) for name, value in said.items() if value is not None}


@dataclass(slots=True)
class Family:
    """The cases of one family, and where peers differ from the catalogue."""

    name: str
    packages: Sequence[str]
    cases: list[Case] = field(default_factory=list)
    disagreements: list[dict[str, str]] = field(default_factory=list)

    def add(self, case: Case) -> None:
        if any(case.id == other.id for other in self.cases):
            raise ValueError(f"two cases are called {case.id}")
        self.cases.append(case)

    def disagree(self, loss: str, peer: str, what: str) -> None:
        """The formula won: say where the peer differs."""
        self.disagreements.append({"loss": loss, "peer": peer, "what": what})

    def write(self, folder: Path) -> Path:
        """One case per line, so that a changed case is a changed line."""
        head = {"family": self.name, "packages": {name: version(name) for name in self.packages}}
        head["disagreements"] = self.disagreements
        lines = ",\n".join("  " + json.dumps(case.as_json(), allow_nan=False) for case in self.cases)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(head, indent=1)[:-2] + f',\n "cases": [\n{lines}\n ]\n}}\n')
        return path


def row_case(
    id: str,
    loss: str,
    columns: Columns,
    formula: Formula,
    *,
    params: Params | None = None,
    peer: object = None,
    oracle: str = FORMULA,
    package: str = "mpmath",
    weight: Column | None = None,
    normaliser: Sequence[object] | None = None,
    reduction: str | None = None,
    value: object = None,
    gradient: str | None = None,
    rtol: float = TIGHT,
) -> Case:
    """A row loss: the formula's rows, replaced by the peer's where one is given and agrees.

    `normaliser` holds each row's own class weight c (its row value has it already); `value` is a peer's reduced value,
    to agree with ours; `gradient` names the role to differentiate by.
    """
    said = dict(params or {})
    truth = evaluate(formula, columns, said)
    rows = truth if peer is None else agreeing(id, peer, truth, rtol)
    reduced = reduce_rows(truth, weight, normaliser, reduction or MEAN)
    return Case(
        id=id,
        loss=loss,
        columns=columns,
        oracle=oracle,
        package=named(package),
        params=said,
        weight=weight,
        reduction=reduction,
        rows=rows,
        value=reduced if value is None else agreeing(id, [value], [reduced], rtol)[0],
        gradient=None if gradient is None else gradients(formula, columns, said, gradient),
        rtol=rtol,
    )


def unit_case(
    id: str,
    loss: str,
    columns: Columns,
    formula: Formula,
    *,
    params: Params | None = None,
    peer: Sequence[object] | None = None,
    oracle: str = FORMULA,
    package: str = "mpmath",
    weight: Column | None = None,
    group: Column | None = None,
    rtol: float = TIGHT,
) -> Case:
    """A set or group loss: one value per unit, the mean over units.

    The formula takes the columns of a unit, and `weight` (a list) where the case has weights; `peer` holds a value
    per unit.
    """
    said = dict(params or {})
    settings = {name: exact(value) for name, value in said.items()}
    truth = []
    for index in units_of(group, len(next(iter(columns.values())))):
        part = {name: exact([column[i] for i in index]) for name, column in columns.items()}
        extra = {} if weight is None else {"weight": exact([weight[i] for i in index])}
        truth.append(formula(**part, **extra, **settings))
    units = truth if peer is None else agreeing(id, peer, truth, rtol)
    return Case(
        id=id,
        loss=loss,
        columns=columns,
        oracle=oracle,
        package=named(package),
        params=said,
        weight=weight,
        group=group,
        units=units,
        value=mp.fsum(truth) / len(truth),
        rtol=rtol,
    )


def units_of(group: Column | None, rows: int) -> list[list[int]]:
    """Row numbers of every unit, units in order of first appearance; without a group everything is one unit."""
    if group is None:
        return [list(range(rows))]
    found: dict[object, list[int]] = {}
    for i, unit in enumerate(group):
        found.setdefault(unit, []).append(i)
    return list(found.values())


def parts(columns: Columns, group: Column | None) -> list[dict[str, np.ndarray]]:
    """The columns of every unit as float64 arrays, for peers that take one unit at a time."""
    size = len(next(iter(columns.values())))
    return [{n: array(c)[index] for n, c in columns.items()} for index in units_of(group, size)]


def reduce_rows(
    rows: Sequence[mp.mpf], weight: Sequence[object] | None, normaliser: Sequence[object] | None, reduction: str
) -> mp.mpf:
    """sum(w c l) over its denominator; the rows already hold c l."""
    w = [mp.mpf(1)] * len(rows) if weight is None else exact(weight)
    c = [mp.mpf(1)] * len(rows) if normaliser is None else exact(normaliser)
    total = mp.fsum(a * b for a, b in zip(w, rows, strict=True) if a != 0)
    if reduction == "sum":
        return total
    if reduction == "mean-rows":
        return total / sum(1 for b in c if b != 0)
    if reduction == MEAN:
        return total / mp.fsum(a * b for a, b in zip(w, c, strict=True))
    raise ValueError(f"{reduction} needs the elements: give the value")


def agreeing(id: str, peer: object, truth: Sequence[object], rtol: float) -> list[object]:
    """The peer's numbers, once each is within rtol of the formula's."""
    found = plain(peer)
    for i, (theirs, ours) in enumerate(zip(found, plain(list(truth)), strict=True)):
        a, b = float(theirs), float(ours)
        if a != b and not abs(a - b) <= rtol * abs(b):
            raise OracleMismatchError(f"{id}: row {i}: the peer says {a!r}, the formula {b!r}")
    return found


def plain(value: object) -> object:
    """JSON's numbers, with infinities as words; NaN is never an expectation."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, mp.mpf | float):
        number = float(value)
        if math.isnan(number):
            raise ValueError("an expectation is NaN")
        return number if math.isfinite(number) else ("inf" if number > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if hasattr(value, "detach"):  # a tensor that still carries its gradient
        return plain(value.detach().tolist())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return [plain(item) for item in value]  # type: ignore[attr-defined]


# --------------------------------------------------------------------------------------------------------------- peers
def version(package: str) -> str:
    """The installed version without its build tag ("2.13.0+cpu" is 2.13.0)."""
    return importlib.metadata.version(package).partition("+")[0]


def named(package: str) -> str:
    """ "torch" -> "torch 2.13.0"."""
    return f"{package} {version(package)}"


def load_file(package: str, path: str) -> ModuleType:
    """One module of a package without importing the package, whose own imports need more than the module does."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    place = Path(next(iter(spec.submodule_search_locations))) / path
    found = importlib.util.spec_from_file_location(f"{package}_{place.stem}", place)
    if found is None or found.loader is None:
        raise ModuleNotFoundError(f"{package}: {path}")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


Build = Callable[[], Family]
