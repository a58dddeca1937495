"""Class weights as a user says them (numbers, pairs, a word, a file) as numbers in the order of the classes.

Words count the whole dataset but for ignored rows. A class without rows then gets the weight 0: it weighs no row, and
gives label smoothing nothing to spread. A label whose rows are all positive or all negative has nothing to balance: its
`pos_weight` is 1.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeAlias

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Rows
from lossctl.declare.classes import Classes, ignored_index, numbered
from lossctl.declare.params import FileCells, Param, number
from lossctl.errors import UsageError, did_you_mean, listing

ClassWeight: TypeAlias = Annotated[
    tuple[float, ...] | str | None,
    Param("weight per class: K numbers, 'cat=2,dog=1', balanced, effective, or file:PATH", from_file=True),
]
PosWeight: TypeAlias = Annotated[
    float | tuple[float, ...] | str, Param("weight of positives: a number, one per label, or balanced", gt=0)
]
BETA: TypeAlias = Annotated[
    float, Param("how far effective numbers follow the counts: 0 ignores them, near 1 is balanced", ge=0, lt=1)
]
OPTION, POSITIVE = "--class-weight", "--pos-weight"


def resolved(params: Mapping[str, Any], classes: Classes, beta: float) -> dict[str, Any]:
    """`class_weight` and `ignore_index` as kernels take them."""
    ignored = params["ignore_index"]
    ignored = None if ignored is None else ignored_index(ignored, numbered(classes.names))
    weights = resolve(params["class_weight"], classes, beta, ignored)
    return {**params, "class_weight": weights, "ignore_index": ignored}


def resolve(value: object, classes: Classes, beta: float, ignored: int | None = None) -> Array | None:
    """The weight of every class; `beta` is that of 'effective'. Ignored rows are not counted."""
    match value:
        case None:
            return None
        case "balanced":
            return balanced(_counts(classes, ignored))
        case "effective":
            return effective(_counts(classes, ignored), beta)
        case FileCells(said, rows):
            return _from_cells(rows, classes, said)
        case str() if "=" in value:
            pairs = [part.rpartition("=") for part in value.split(",")]
            return _by_name(((name, weight) for name, _, weight in pairs), classes, OPTION)
        case str():
            known = ("balanced", "effective")
            raise UsageError(
                f"{OPTION} must be {classes.size} numbers, pairs such as {classes.names[0]}=2, one of "
                f"{', '.join(known)}, or file:PATH, not {value!r}.{did_you_mean(value, known)}"
            )
        case _:
            return _listed(np.asarray(value, dtype=np.float64), classes, OPTION)


def _counts(classes: Classes, ignored: int | None) -> Array:
    counts = classes.counts()
    return counts if ignored is None else np.where(np.arange(len(counts)) == ignored, 0.0, counts)


def balanced(counts: Array) -> Array:
    """`n / (K n_c)`: every class that occurs has the same total weight."""
    present = counts > 0
    weights: Array = present * counts.sum() / (len(counts) * np.maximum(counts, 1.0 - present))
    return weights if present.any() else np.ones(len(counts))


def effective(counts: Array, beta: float) -> Array:
    """`(1 - beta) / (1 - beta^n_c)`, scaled to sum to K: the inverse of the effective numbers of rows (Cui 2019)."""
    present = counts > 0
    with np.errstate(divide="ignore"):  # beta 0: every class counts as one row
        covered = -np.expm1(np.maximum(counts, 1.0 - present) * np.log(beta))
    weights: Array = present * (1.0 - beta) / covered
    return weights * (len(counts) / weights.sum()) if present.any() else np.ones(len(counts))


def positive(value: object, classes: Classes) -> float | Array:
    """`pos_weight` as a number, or one per label in a column `(d, 1)`."""
    if value == "balanced":
        found, rows = classes.counts()
        mixed = (found > 0) & (found < rows)
        return _column(np.where(mixed, (rows - found) / np.where(mixed, found, 1.0), 1.0))
    if isinstance(value, str):
        raise UsageError(f"{POSITIVE} must be a number, one per label, or balanced, not {value!r}.")
    if isinstance(value, tuple):
        weights = _listed(np.array(value), classes, POSITIVE)
        if not weights.all():
            raise UsageError(f"{POSITIVE} must be > 0 for every label.")
        return _column(weights)
    return value  # type: ignore[return-value]  # a number, or each row's from a column


def _column(weights: Array) -> float | Array:
    return float(weights[0]) if len(weights) == 1 else weights[:, np.newaxis]


def per_class(value: object, classes: Classes, option: str) -> object:
    """K numbers as a column `(k, 1)`, so that they cannot be taken for a number per row; anything else as it is."""
    return _listed(np.array(value), classes, option)[:, np.newaxis] if isinstance(value, tuple) else value


def of_rows(weights: object, target: Array) -> Array | None:
    """The weight of each row's class."""
    if weights is None:
        return None
    return np.asarray(weights, dtype=np.float64).take(target.astype(np.intp, copy=False), mode="clip")


def counted(
    value: Array, target: Array, weights: Array | None, ignore_index: int | None, *, smoothed: bool = False
) -> Rows:
    """Row values that already hold their class weights, with those weights as what the mean divides by.

    Ignored rows are worth nothing and count nothing.
    Rows of a class without weight are worth nothing either, unless their labels are `smoothed` over all classes.
    """
    if weights is None and ignore_index is None:
        return Rows(value)
    share = np.ones(len(value)) if weights is None else weights.copy()
    ignored = np.zeros(len(value), dtype=bool) if ignore_index is None else target == ignore_index
    share[ignored] = 0.0
    silent = ignored if smoothed else share == 0.0
    if silent.any():
        value = value.copy()
        value[silent] = 0.0
    return Rows(value, share, ignored=ignored)


def given_counts(value: object, classes: Classes, option: str) -> Array:
    """Rows per class as a user says them (of the training set, say), all above 0; else those of the dataset."""
    if value is None:
        return classes.counts()
    counts = _listed(np.asarray(value, dtype=np.float64), classes, option)
    if not counts.all():
        raise UsageError(f"{option} must be above 0 for every class: a class without rows has no effective number.")
    return counts


def _listed(numbers: Array, classes: Classes, said: str) -> Array:
    if len(numbers) != classes.size:
        raise UsageError(
            f"{said} takes as many numbers as there are classes ({classes.size}: {listing(classes.names)}), "
            f"not {len(numbers)}."
        )
    if not (np.isfinite(numbers).all() and (numbers >= 0).all() and numbers.any()):
        found = listing(map(str, numbers.tolist()))
        raise UsageError(f"{said} must be numbers >= 0, and not all of them 0; found {found}.")
    return numbers


def _by_name(pairs: Iterable[tuple[object, object]], classes: Classes, said: str) -> Array:
    found: dict[str, float] = {}
    for key, weight in pairs:
        name = classes.name(str(key).strip())
        if name not in classes.names:
            raise UsageError(
                f"{said}: there is no class {name!r} (there are: {listing(classes.names)})."
                f"{did_you_mean(name, classes.names)}"
            )
        if name in found:
            raise UsageError(f"{said} gives class {name!r} two weights.")
        found[name] = _number(weight, f"{said}: the weight of class {name!r}")
    missing = [name for name in classes.names if name not in found]
    if missing:
        raise UsageError(f"{said} gives no weight for {listing(missing)}; every class needs one.")
    return _listed(np.array([found[name] for name in classes.names]), classes, said)


def _number(cell: object, what: str) -> float:
    value = number(cell.strip()) if isinstance(cell, str) else cell
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{what} must be a number, not {cell!r}.")
    return float(value)


def _from_cells(cells: list[list[object]], classes: Classes, said: str) -> Array:
    """A list of numbers, down or across, or rows of a class and its weight."""
    if {len(row) for row in cells} == {1} or (len(cells) == 1 and len(cells[0]) == classes.size):
        return _listed(np.array([_number(cell, f"{said}: a weight") for row in cells for cell in row]), classes, said)
    if {len(row) for row in cells} != {2}:
        raise UsageError(f"{said} must hold {classes.size} numbers, or a class and its weight per line.")
    return _by_name(((row[0], row[1]) for row in cells), classes, said)
