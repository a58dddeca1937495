"""One piece of the data, from its bytes to merged statistics: the function that every worker runs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl import spec
from lossctl.arrays import Ragged, count
from lossctl.columns import Faults, Mask, Numbers, Trouble, note
from lossctl.engine.plan import Plan, RowOutput, Term, View
from lossctl.kernel import Kernel, pivots
from lossctl.keys import Encoded, encode, segments
from lossctl.labels import Seen
from lossctl.mapping import Binding
from lossctl.reading import Context, check, check_classes, keep, read
from lossctl.roles import Array
from lossctl.sources import Piece, Reading
from lossctl.totals import Largest, Rows, Segments, Smallest, Tally


@dataclass(slots=True)
class RowValues:
    """What a block says of its rows: their numbers in the piece (0-based), ids, losses and gradients."""

    rows: npt.NDArray[np.int64]
    ids: pa.Array | None
    loss: Array
    gradient: Array | None = None


@dataclass(slots=True)
class Kept:
    """A block's clean arrays, kept for losses that need their units whole."""

    arrays: dict[Binding, Array]
    weights: Array | None
    unit_weights: Array | None
    by: list[Encoded]
    group: Encoded | None
    rows: int


@dataclass(slots=True)
class PieceResult:
    """What a piece adds to the totals."""

    rows: int = 0
    used: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)
    tallies: dict[tuple[int, View], Tally] = field(default_factory=dict)
    dropped: dict[View, Tally] = field(default_factory=dict)
    values: list[RowValues] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    seen: Seen = field(default_factory=dict)
    counts: Array | None = None


@dataclass(slots=True)
class Block:
    """A block's clean arrays and keys, and the rows of the piece they come from (None: all)."""

    start: int
    rows: int
    numbers: dict[Binding, Any]
    by: list[Encoded]
    group: Encoded | None
    kept: npt.NDArray[np.intp] | None
    _segments: dict[tuple[View, bool], Segments | None] = field(default_factory=dict)

    def arrays(self, term: Term) -> dict[str, Any]:
        """A term's arrays by role."""
        return {name: self.numbers[binding] for name, binding in term.bindings.items()}

    def params(self, term: Term) -> dict[str, Any]:
        """A term's parameters; those read from a column are arrays."""
        return {**term.resolved, **{name: self.numbers[binding] for name, binding in term.columns.items()}}

    def segments(self, view: View, units: bool) -> Segments | None:
        """The block's rows by the cells of a view: its slices, or the units inside them."""
        key = (view, units and self.group is not None)
        if key not in self._segments:
            columns = [self.by[index] for index in view]
            if key[1] and self.group is not None:
                columns.append(self.group)
            self._segments[key] = segments(columns, self.rows)
        return self._segments[key]


def run_piece(plan: Plan, piece: Piece, stopped: Callable[[], bool] = bool) -> PieceResult:
    """Evaluate one piece, or as much of it as there was before `stopped`."""
    result = PieceResult()
    source = plan.sources[piece.file]
    reading = Reading(plan.columns, plan.batch_rows or plan.block_rows)
    for batch in recut(source.read(piece, reading), plan.block_rows):
        if stopped():
            break
        evaluate(plan, batch, result)
    return result


def recut(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Batches of exactly `rows` rows (the last may be shorter), however they came."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        while held + batch.num_rows >= rows:
            take = rows - held
            yield _join([*waiting, batch.slice(0, take)])
            batch, waiting, held = batch.slice(take), [], 0
        if batch.num_rows:
            waiting.append(batch)
            held += batch.num_rows
    if waiting:
        yield _join(waiting)


def _join(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def evaluate(plan: Plan, batch: pa.RecordBatch, result: PieceResult) -> None:
    """Check a block, and merge its statistics; a block with faults adds its faults alone."""
    faults: Faults = {}
    block = clean(plan, batch, result, faults)
    for trouble, fault in faults.items():
        result.faults.setdefault(trouble, type(fault)()).add(fault, result.rows)
    if not faults and block.rows:
        weights = block.numbers[plan.weight] if plan.weight else None
        if plan.counted is not None:
            binding, size = plan.counted
            found = count(binding.role, block.numbers[binding], size)
            result.counts = found if result.counts is None else result.counts + found
        rows = [_evaluate_term(plan, index, term, block, weights, result) for index, term in enumerate(plan.terms)]
        if plan.rows is not None:
            result.values.append(_row_values(plan, plan.rows, block, rows, batch))
        if any(term.scope == "group" for term in plan.terms):
            result.kept.append(_keep(plan, block, weights))
    result.rows += batch.num_rows
    result.used += block.rows


def clean(plan: Plan, batch: pa.RecordBatch, result: PieceResult, faults: Faults) -> Block:
    """The block's arrays, without the rows that have a missing value where those are to be skipped."""
    context = Context(faults, result.seen)
    found = {binding: read(batch, binding, context) for binding in plan.numeric()}
    by = [encode(batch.column(name)) for name in plan.by]
    group = encode(batch.column(plan.group)) if plan.group else None
    _check_keys(plan, batch, group, faults)
    gone = _missing(plan, found, result, faults)
    arrays: dict[Binding, Any] = {binding: part.values for binding, part in found.items()}
    kept, rows = None, batch.num_rows
    if gone is not None:
        _count_dropped(plan, by, gone, result)
        kept = np.flatnonzero(~gone)
        rows = len(kept)
        arrays = {binding: keep(values, kept) for binding, values in arrays.items()}
        by = [column.take(~gone) for column in by]
        group = group.take(~gone) if group else None
    if not any(trouble.kind == "missing" for trouble in faults):
        for binding, values in arrays.items():
            check(values, binding, faults, kept)
        for term in plan.terms:
            check_classes(term.bindings, {name: arrays[b] for name, b in term.bindings.items()}, faults, kept)
    return Block(result.rows, rows, arrays, by, group, kept)


def _missing(plan: Plan, read: dict[Binding, Numbers], result: PieceResult, faults: Faults) -> Mask | None:
    """The rows to drop; where missing values are errors, and in weights always, they are noted as faults."""
    gone: Mask | None = None
    for binding, found in read.items():
        strict = plan.missing == "error" or binding in (plan.weight, plan.unit_weight)
        for name, gaps in found.missing.items():
            if strict:
                at = np.flatnonzero(gaps)
                note(faults, Trouble("missing", name), at, ("missing" for _ in at))
                continue
            result.missing[name] = result.missing.get(name, 0) + int(gaps.sum())
            gone = gaps if gone is None else gone | gaps
    return gone


def _check_keys(plan: Plan, batch: pa.RecordBatch, group: Encoded | None, faults: Faults) -> None:
    if group is not None and None in group.labels:
        at = np.flatnonzero(group.codes == list(group.labels).index(None))
        if len(at):
            note(faults, Trouble("missing key", str(plan.group)), at, ("missing" for _ in at))
    if plan.id and batch.column(plan.id).null_count:
        at = np.flatnonzero(encode(batch.column(plan.id)).codes == _null_code(batch.column(plan.id)))
        note(faults, Trouble("missing key", plan.id), at, ("missing" for _ in at))


def _null_code(array: pa.Array) -> int:
    return list(encode(array).labels).index(None)


def _count_dropped(plan: Plan, by: list[Encoded], gone: Mask, result: PieceResult) -> None:
    for view in plan.views:
        tally = result.dropped.setdefault(view, Tally())
        tally.add_block({}, segments([by[index].take(gone) for index in view], int(gone.sum())), int(gone.sum()))


def _evaluate_term(
    plan: Plan, index: int, term: Term, block: Block, weights: Array | None, result: PieceResult
) -> Rows | None:
    """Merge a term's statistics into every view; the row values of a row loss are returned."""
    kernel, arrays, params = term.kernel, block.arrays(term), block.params(term)
    if term.scope == "group":
        return None
    rows = None
    statistics: dict[str, Array | Largest | Smallest]
    if term.nested:
        rows = nested_units(kernel, arrays, params, weights)
        statistics = row_statistics(rows, weights)
    elif kernel.scope == "row":
        rows = kernel.rows(arrays, params)
        statistics = row_statistics(rows, weights)
    else:
        statistics = {**kernel.statistics(arrays, params, term.pivot, weights)}
        if plan.unit_weight is not None:
            unit_weights = block.numbers[plan.unit_weight]
            statistics |= {"unit_weight": Smallest(unit_weights), "-unit_weight": Smallest(-unit_weights)}
    if not term.nested:
        for finding in spec.get(term.loss).findings:
            statistics["finding " + finding.code] = finding.mask(**arrays, **params).astype(np.float64)
    for view in plan.views:
        tally = result.tallies.setdefault((index, view), Tally())
        tally.add_block(statistics, block.segments(view, units=term.scope == "set"), block.rows)
    return rows


def nested_units(kernel: Kernel, arrays: dict[str, Any], params: dict[str, Any], weights: Array | None) -> Rows:
    """Units that stand whole in a row each: their values are row values; an undefined one does not count."""
    first = next(iter(arrays.values()))
    if kernel.scope == "set":
        flat = {name: array.values for name, array in arrays.items()}
        starts = np.asarray(first.offsets[:-1])
        cells = Segments([(row,) for row in range(len(first))], None, starts, np.arange(len(first)), flat_size(first))
        tally = Tally()
        tally.add_block(kernel.statistics(flat, params, pivots(flat), None), cells, flat_size(first))
        value = kernel.finish(tally.sums(), params, pivots(flat))
    else:
        rows = range(len(first))
        parts = [kernel.unit({n: np.ascontiguousarray(a.row(row)) for n, a in arrays.items()}, params, None) for row in rows]
        value = np.array([part.value.mean() for part in parts])
    counts = ~np.isnan(value)
    return Rows(value) if counts.all() else Rows(np.where(counts, value, 0.0), counts.astype(np.float64))


def flat_size(ragged: Ragged) -> int:
    """How many values all rows hold together."""
    return int(ragged.offsets[-1])


def row_statistics(rows: Rows, weights: Array | None) -> dict[str, Array | Largest | Smallest]:
    """What the reductions need of row values."""
    value, denominator = rows.value, rows.denominator
    if rows.share is not None:
        value = value * rows.share
        denominator = rows.share if denominator is None else denominator
    statistics: dict[str, Array | Largest | Smallest] = {"loss": value if weights is None else value * weights}
    if denominator is not None:
        statistics["weight"] = denominator if weights is None else denominator * weights
        statistics["counted"] = (denominator > 0).astype(np.float64)
    elif weights is not None:
        statistics["weight"] = weights
    return statistics


def _row_values(
    plan: Plan, wanted: RowOutput, block: Block, rows: list[Rows | None], batch: pa.RecordBatch
) -> RowValues:
    at = np.arange(block.start, block.start + block.rows) if block.kept is None else block.start + block.kept
    ids = batch.column(plan.id) if plan.id else None
    if ids is not None and block.kept is not None:
        ids = ids.filter(_arrow_mask(block.kept, batch.num_rows))
    parts = [
        (factor, term, found)
        for factor, term, found in zip(wanted.factors, plan.terms, rows, strict=True)
        if found is not None
    ]
    loss = sum((factor * found.value for factor, _, found in parts), start=np.zeros(block.rows))
    gradient = None
    if wanted.gradient:
        slopes = [factor * row_gradient(term, block.arrays(term), block.params(term)) for factor, term, _ in parts]
        gradient = sum(slopes[1:], start=slopes[0])
    return RowValues(at, ids, loss, gradient)


def _arrow_mask(kept: npt.NDArray[np.intp], rows: int) -> pa.BooleanArray:
    mask = np.zeros(rows, dtype=bool)
    mask[kept] = True
    return pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(np.packbits(mask, bitorder="little"))])


def row_gradient(term: Term, arrays: dict[str, Array], params: dict[str, Any]) -> Array:
    """Derivative of the row value by each predicted number."""
    declared = spec.get(term.loss)
    assert declared.slope is not None, "checked when the request was read"
    with np.errstate(all="ignore"):
        slope = declared.slope(**arrays, **params)
    return slope / len(slope) if slope.ndim > 1 and term.kernel.elements == "mean" else slope


def _keep(plan: Plan, block: Block, weights: Array | None) -> Kept:
    wanted = {
        binding: np.array(block.numbers[binding])
        for term in plan.terms
        if term.scope == "group"
        for binding in term.bindings.values()
    }
    unit_weights = block.numbers[plan.unit_weight] if plan.unit_weight else None
    return Kept(
        wanted,
        None if weights is None else np.array(weights),
        None if unit_weights is None else np.array(unit_weights),
        block.by,
        block.group,
        block.rows,
    )
