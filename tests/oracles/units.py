"""Cases by unit, by batch and by row, and drawn images: what families G to J share."""

from collections.abc import Callable, Mapping

import numpy as np
from cases import (
    FORMULA,
    TIGHT,
    Case,
    Column,
    Columns,
    Family,
    Formula,
    Params,
    agreeing,
    array,
    draw,
    evaluate,
    exact,
    named,
    row_case,
    uneven,
    units_of,
)  # fmt: skip
from mpmath import mp

Peer = Callable[[dict[str, np.ndarray]], object]


# ------------------------------------------------------------------------------------------------------ cases by unit
def by_unit(
    family: Family,
    id: str,
    loss: str,
    columns: Columns,
    formula: Formula,
    *,
    params: Params | None = None,
    group: Column | None = None,
    nested: bool = False,
    weight: Column | None = None,
    peer: Peer | None = None,
    oracle: str = FORMULA,
    package: str = "mpmath",
    peer_rtol: float = TIGHT,
) -> None:
    """A loss of units: groups of rows, or (nested) rows that hold a whole unit in lists.

    The formula gives None for a unit that does not count; the peer gives None where it is not asked. The numbers stored
    are the formula's: a peer in float32 only has to come near them.
    """
    said = dict(params or {})
    settings = {name: exact(value) for name, value in said.items()}
    size = len(next(iter(columns.values())))
    index = [[i] for i in range(size)] if nested else units_of(group, size)
    units, theirs = [], []
    for rows in index:
        part = {name: column[rows[0]] if nested else [column[i] for i in rows] for name, column in columns.items()}
        inside = {} if nested or weight is None else {"weight": exact([weight[i] for i in rows])}
        units.append(formula(**{name: exact(column) for name, column in part.items()}, **inside, **settings))
        arrays = {name: array(column) for name, column in part.items()}
        theirs.append(None if peer is None else peer({**arrays, **{name: array(w) for name, w in inside.items()}}))
    asked = [k for k, value in enumerate(theirs) if value is not None]
    agreeing(id, [theirs[k] for k in asked], [units[k] for k in asked], peer_rtol)
    counted = [k for k, value in enumerate(units) if value is not None]
    share = [mp.mpf(1 if weight is None or not nested else weight[k]) for k in range(len(units))]
    total = mp.fsum(share[k] * units[k] for k in counted) / mp.fsum(share[k] for k in counted)
    family.add(
        Case(
            id=id, loss=loss, columns=columns, oracle=oracle, package=named(package), params=said, weight=weight,
            group=group, units=units, value=total,
        )
    )  # fmt: skip


def arranged(units: Mapping[str, Columns], name: str) -> dict[str, tuple[Columns, Column]]:
    """The units' rows one after the other, and the same rows shuffled."""
    columns = {role: [cell for unit in units.values() for cell in unit[role]] for role in next(iter(units.values()))}
    group = [label for label, unit in units.items() for _ in next(iter(unit.values()))]
    order = draw(name + "-order").permutation(len(group))
    scattered = {role: [column[i] for i in order] for role, column in columns.items()}
    return {"contiguous": (columns, group), "scattered": (scattered, [group[i] for i in order])}


# ---------------------------------------------------------------------------------------------------------------- data
def binary_units(name: str, *, logits: bool = False) -> dict[str, Columns]:
    """Two images, one empty in target and prediction, one with predictions only, one of a single pixel."""
    rng = draw(name)
    targets = {"a": [1, 0, 1, 1, 0], "b": [0, 0, 0, 1], "none": [0, 0, 0], "false": [0, 0, 0], "one": [1]}
    units: dict[str, Columns] = {}
    for label, target in targets.items():
        pred = rng.normal(0, 2, len(target)) if logits else rng.uniform(0.03, 0.97, len(target))
        units[label] = {"target": list(target), "pred": uneven(pred if logits or label != "none" else 0 * pred)}
    if not logits:
        units["a"]["pred"][:2] = [1, 0]  # certain and right
    return units


def class_units(name: str, *, logits: bool = False) -> dict[str, Columns]:
    """Images of three classes: all there, one missing, one neither there nor predicted, a single pixel."""
    rng = draw(name)
    targets = {"a": [0, 2, 1, 1, 0, 2], "b": [1, 0, 0, 1], "sure": [2, 0, 2], "one": [1]}
    units: dict[str, Columns] = {}
    for label, target in targets.items():
        pred = np.round(rng.dirichlet([1.3, 0.8, 1], len(target)), 6)
        if label == "sure":
            pred[:, 0] += pred[:, 1]
            pred[:, 1] = 0
        pred[:, 2] = 1 - pred[:, 0] - pred[:, 1]
        units[label] = {"target": list(target), "pred": uneven(rng.normal(0, 1.7, pred.shape) if logits else pred)}
    return units


def images(name: str, *, logits: bool = False) -> Columns:
    """Three rows that hold a 4 x 5 mask each; the second has no target."""
    rng = draw(name)
    target = (rng.uniform(size=(3, 4, 5)) < 0.4).astype(int)
    target[1] = 0
    pred = rng.normal(0, 2, target.shape) if logits else rng.uniform(0.02, 0.98, target.shape)
    return {"target": target.tolist(), "pred": uneven(pred)}


# -------------------------------------------------------------------------------------------- rows inside their unit
def by_batch(
    family: Family,
    id: str,
    loss: str,
    columns: Columns,
    formula: Callable[..., list[mp.mpf | None]],
    *,
    params: Params | None = None,
    group: Column | None = None,
    weight: Column | None = None,
    share: Callable[[int, dict[str, object]], object] | None = None,
    peer: Peer | None = None,
    oracle: str = FORMULA,
    package: str = "mpmath",
    peer_rtol: float = TIGHT,
) -> Case:
    """A loss whose row values need the unit whole; None for a row that does not count.

    `share(i, unit)` is the row's own denominator, 1 without it; the value is the mean over rows, not over units.
    """
    said = dict(params or {})
    settings = {name: exact(value) for name, value in said.items()}
    size = len(next(iter(columns.values())))
    rows: list[mp.mpf | None] = [None] * size
    total = below = mp.mpf(0)
    for index in units_of(group, size):
        part = {name: exact([column[i] for i in index]) for name, column in columns.items()}
        values = formula(**part, **settings)
        if peer is not None:
            theirs = peer({name: array(column) for name, column in part.items()})
            asked = [(a, b) for a, b in zip(theirs, values, strict=True) if a is not None and b is not None]
            agreeing(id, [a for a, _ in asked], [b for _, b in asked], peer_rtol)
        for i, (row, value) in enumerate(zip(index, values, strict=True)):
            rows[row] = value
            if value is not None:
                part_of_all = mp.mpf(1 if weight is None else weight[row]) * (1 if share is None else share(i, part))
                total, below = total + part_of_all * value, below + part_of_all
    case = Case(
        id=id, loss=loss, columns=columns, oracle=oracle, package=named(package), params=said, weight=weight,
        group=group, rows=rows, value=total / below,
    )  # fmt: skip
    family.add(case)
    return case


# ---------------------------------------------------------------------------------------------------------- row by row
def by_row(
    family: Family, loss: str, formula: Formula, columns: Columns, params: Params, label: str, rows: object = None,
    oracle: str = "mpmath", peer_rtol: float = TIGHT, **more: object,
) -> None:  # fmt: skip
    """A row case, named after who stands behind it; a peer in float32 only has to come near the formula.

    `oracle` is the dotted name of the peer's function: its first part is the package.
    """
    module = oracle.partition(".")[0]
    package = module.replace("_", "-")
    who = "formula" if rows is None else {"pytorch-metric-learning": "pml"}.get(package, package)
    said: dict[str, object] = {}
    if rows is not None:
        said = {"oracle": oracle, "package": package, "peer": rows}
    if peer_rtol != TIGHT:
        agreeing(loss, said.pop("peer"), evaluate(formula, columns, params), peer_rtol)
        said["oracle"] = f"the formula; {oracle} agrees to {peer_rtol:g}"
    name = "-".join(part for part in (loss, who, label) if part)
    family.add(row_case(name, loss, columns, formula, params=params, **said, **more))
