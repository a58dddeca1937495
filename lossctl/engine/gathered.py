"""Losses that need a unit whole: the kept blocks are joined and every unit is evaluated at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from lossctl.engine.block import Kept
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan import Plan, Term, View
from lossctl.engine.units import Units
from lossctl.keys import Encoded, segments
from lossctl.roles import Array
from lossctl.totals import Key


def unit_values(plan: Plan, term: Term, view: View, outcome: Outcome) -> dict[Key, Units]:
    """The units of every slice with their values, in the order of the data."""
    if not outcome.kept:
        return {}
    arrays = {
        name: np.concatenate([kept.arrays[binding] for kept in outcome.kept], axis=-1)
        for name, binding in term.bindings.items()
    }
    weights = _joined([kept.weights for kept in outcome.kept])
    unit_weights = _joined([kept.unit_weights for kept in outcome.kept])
    rows = sum(kept.rows for kept in outcome.kept)
    found: dict[Key, Units] = {}
    for key, at in _units(plan, view, outcome.kept, rows):
        part = {name: np.ascontiguousarray(array[..., at]) for name, array in arrays.items()}
        value = term.kernel.unit(part, term.resolved, None if weights is None else weights[at]).value
        units = found.setdefault(key[: len(view)], Units.empty())
        units.append(
            key[-1] if plan.group else None,
            part[next(iter(part))].shape[-1],
            float(value[0]),
            None if unit_weights is None else (float(unit_weights[at].min()), float(unit_weights[at].max())),
        )
    return found


def _joined(parts: Sequence[Array | None]) -> Array | None:
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if present else None


def _units(plan: Plan, view: View, kept: list[Kept], rows: int) -> "Iterator[tuple[Key, slice | Array]]":
    """Every unit's key and where its rows are."""
    columns = [_merged([block.by[index] for block in kept]) for index in view]
    groups = [block.group for block in kept if block.group is not None]
    if groups:
        columns.append(_merged(groups))
    cells = segments(columns, rows)
    if cells is None:
        yield (), slice(0, rows)
        return
    ends = np.append(cells.starts[1:], rows)
    for key, run in zip(cells.keys, cells.rank, strict=True):
        span = slice(int(cells.starts[run]), int(ends[run]))
        yield key, span if cells.order is None else cells.order[span]


def _merged(parts: Sequence[Encoded]) -> Encoded:
    """One key column from the blocks' own codes."""
    codes: dict[str | None, int] = {}
    pieces = []
    for part in parts:
        table = np.array([codes.setdefault(label, len(codes)) for label in part.labels], dtype=np.int64)
        pieces.append(table[part.codes] if len(table) else part.codes)
    return Encoded(np.concatenate(pieces), list(codes))
