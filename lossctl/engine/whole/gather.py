"""Losses that need a unit whole: the held blocks are joined and every unit is evaluated at once."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import WHOLE, Key
from lossctl.arithmetic.statistics import Rows
from lossctl.arithmetic.tally import Tally
from lossctl.columns.binding import Binding
from lossctl.columns.keys import Encoded, cells_of, merged
from lossctl.declare import registry
from lossctl.engine.block import Held, RowValues
from lossctl.engine.plan.plan import Ask, Observe, Term, View
from lossctl.engine.terms import Evaluated, Remarks, remarks, row_statistics
from lossctl.engine.units import Units

if TYPE_CHECKING:
    from lossctl.engine.observed import Observed

Rowset: TypeAlias = slice | npt.NDArray[np.intp]


def unit_values(ask: Ask, term: Term, view: View, held: Sequence[Held]) -> dict[Key, Units]:
    """The units of every slice with their values, in the order of the data."""
    found: dict[Key, Units] = {}
    unit_weights = _joined([block.unit_weights for block in held])
    for key, at, rows, _ in _evaluated(ask, term, view, held):
        low_high = None if unit_weights is None else (float(unit_weights[at].min()), float(unit_weights[at].max()))
        units = found.setdefault(key[: len(view)], Units.empty())
        size = at.stop - at.start if isinstance(at, slice) else len(at)
        units.append(key[-1] if ask.group else None, size, float(rows.value[0]), low_high)
    return found


def row_values(ask: Ask, term: Term, view: View, held: Sequence[Held]) -> tuple[Rows, Remarks]:
    """The row values of a loss that needs whole units, in the order of the data, and what it remarks."""
    size = sum(block.rows for block in held)
    value, share, denominator = np.zeros(size), np.ones(size), np.ones(size)
    findings: dict[str, Array] = {}
    details: dict[str, Array] = {}
    for _, at, rows, arrays in _evaluated(ask, term, view, held):
        own = remarks(registry.get(term.loss), rows, arrays, dict(term.resolved), None)
        for marks, more in ((findings, own.findings), (details, own.details)):
            for name, values in more.items():
                marks.setdefault(name, np.zeros(size))[at] = values
        value[at] = rows.value
        share[at] = 1.0 if rows.share is None else rows.share
        denominator[at] = share[at] if rows.denominator is None else rows.denominator
    uniform = (share == 1.0).all() and (denominator == 1.0).all()
    rows_of = Rows(value) if uniform else Rows(np.where(denominator > 0, value, 0.0), denominator, share)
    return rows_of, Remarks(findings, details)


def row_tallies(
    ask: Ask, term: Term, view: View, held: Sequence[Held], units: bool = False
) -> tuple[Tally, Tally, Tally]:
    """Row values merged for the slices of a view, or for the units inside them; and so the findings and the details."""
    merged_values, findings, details = Tally(), Tally(), Tally()
    if held:
        size = sum(block.rows for block in held)
        weights = _joined([block.weights for block in held])
        rows, remarked = row_values(ask, term, view, held)
        columns = _slices(view, held) + ([merged(_groups(held))] if units else [])
        cells = cells_of(columns, size)
        weighted = {name: own if weights is None else own * weights for name, own in remarked.details.items()}
        merged_values.add_block(row_statistics(rows, weights), cells, size)
        findings.add_block(dict(remarked.findings), cells, size)
        details.add_block(dict(weighted), cells, size)
    return merged_values, findings, details


def observe(ask: Ask, view: View, held: Sequence[Held], wanted: Observe) -> "Observed":
    """What distributions need of the same values."""
    from lossctl.engine.observed import Cut, Observed

    size = sum(block.rows for block in held)
    by = _slices(tuple(range(len(ask.by))), held)
    rows, _ = row_values(ask, ask.terms[0], view, held)
    found = Observed()
    slices = {view: cells_of([by[index] for index in view], size)}
    found.add_block(wanted, [Evaluated(rows, row_statistics(rows, None))], Cut(slices, {}, by, size))
    return found


def row_output(ask: Ask, held: Sequence[Held]) -> Iterator[RowValues]:
    """The same values, block by block, as a file of rows takes them."""
    value, start = row_values(ask, ask.terms[0], (), held)[0].shown(), 0
    for block in held:
        yield RowValues(block.places, block.ids, value[start : start + block.rows])
        start += block.rows


def _evaluated(
    ask: Ask, term: Term, view: View, held: Sequence[Held]
) -> Iterator[tuple[Key, Rowset, Rows, dict[str, Array]]]:
    """Every unit of a view: its key, where its rows are, what the kernel says of it, and its arrays."""
    if not held:
        return
    arrays = {name: _values(binding, held) for name, binding in term.bindings.items()}
    weights = _joined([block.weights for block in held])
    size = sum(block.rows for block in held)
    for key, at in _units(ask, view, held, size):
        part = {name: np.ascontiguousarray(array[..., at]) for name, array in arrays.items()}
        yield key, at, term.kernel.unit(part, term.resolved, None if weights is None else weights[at]), part


def _values(binding: Binding, held: Sequence[Held]) -> Array:
    """A role's values in all blocks; label codes are made common to them."""
    parts = [block.arrays[binding] for block in held]
    if binding.role.kind == "label":
        codes: dict[str | None, int] = {}
        tables = [np.array([codes.setdefault(label, len(codes)) for label in block.labels], np.intp) for block in held]
        parts = [table[part] for table, part in zip(tables, parts, strict=True)]
    joined: Array = np.concatenate(parts, axis=-1)
    return joined


def _joined(parts: Sequence[Array | None]) -> Array | None:
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if present else None


def _slices(view: View, held: Sequence[Held]) -> list[Encoded]:
    return [merged([block.by[index] for block in held]) for index in view]


def _groups(held: Sequence[Held]) -> list[Encoded]:
    return [block.group for block in held if block.group is not None]


def _units(ask: Ask, view: View, held: Sequence[Held], rows: int) -> Iterator[tuple[Key, Rowset]]:
    """Every unit's key and where its rows are."""
    columns = _slices(view, held)
    groups = _groups(held)
    if groups:
        columns.append(merged(groups))
    cells = cells_of(columns, rows)
    if cells is None:
        yield WHOLE, slice(0, rows)
    else:
        yield from cells.places()
