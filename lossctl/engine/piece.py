"""One piece of the data, from its bytes to merged statistics: the function that every worker runs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl import spec
from lossctl.columns import Faults, Mask, Numbers, Trouble, check_domain, note, numbers
from lossctl.engine.plan import Plan, RowOutput, Term, View
from lossctl.keys import Encoded, encode, segments
from lossctl.mapping import Binding
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


@dataclass(slots=True)
class Block:
    """A block's clean arrays and keys, and the rows of the piece they come from (None: all)."""

    start: int
    rows: int
    numbers: dict[Binding, Array]
    by: list[Encoded]
    group: Encoded | None
    kept: npt.NDArray[np.intp] | None
    _segments: dict[tuple[View, bool], Segments | None] = field(default_factory=dict)

    def arrays(self, term: Term) -> dict[str, Array]:
        """A term's arrays by role."""
        return {name: self.numbers[binding] for name, binding in term.bindings.items()}

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
        rows = [_evaluate_term(plan, index, term, block, weights, result) for index, term in enumerate(plan.terms)]
        if plan.rows is not None:
            result.values.append(_row_values(plan, plan.rows, block, rows, batch))
        if any(term.kernel.scope == "group" for term in plan.terms):
            result.kept.append(_keep(plan, block, weights))
    result.rows += batch.num_rows
    result.used += block.rows


def clean(plan: Plan, batch: pa.RecordBatch, result: PieceResult, faults: Faults) -> Block:
    """The block's arrays, without the rows that have a missing value where those are to be skipped."""
    read = {binding: numbers(batch, binding, faults) for binding in plan.numeric()}
    by = [encode(batch.column(name)) for name in plan.by]
    group = encode(batch.column(plan.group)) if plan.group else None
    _check_keys(plan, batch, group, faults)
    gone = _missing(plan, read, result, faults)
    arrays = {binding: found.values for binding, found in read.items()}
    kept, rows = None, batch.num_rows
    if gone is not None and not faults:
        _count_dropped(plan, by, gone, result)
        keep = ~gone
        kept = np.flatnonzero(keep)
        rows = len(kept)
        arrays = {binding: values[..., keep] for binding, values in arrays.items()}
        by = [column.take(keep) for column in by]
        group = group.take(keep) if group else None
    if gone is None or not faults:
        for binding, values in arrays.items():
            check_domain(values, binding, faults, kept)
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
    kernel = term.kernel
    if kernel.scope == "group":
        return None
    arrays = block.arrays(term)
    rows = None
    statistics: dict[str, Array | Largest | Smallest]
    if kernel.scope == "row":
        rows = kernel.rows(arrays, term.params)
        statistics = row_statistics(rows, weights)
    else:
        statistics = {**kernel.statistics(arrays, term.params, term.pivot, weights)}
        if plan.unit_weight is not None:
            unit_weights = block.numbers[plan.unit_weight]
            statistics |= {"unit_weight": Smallest(unit_weights), "-unit_weight": Smallest(-unit_weights)}
    for finding in spec.get(term.loss).findings:
        statistics["finding " + finding.code] = finding.mask(**arrays, **term.params).astype(np.float64)
    for view in plan.views:
        tally = result.tallies.setdefault((index, view), Tally())
        tally.add_block(statistics, block.segments(view, units=kernel.scope == "set"), block.rows)
    return rows


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
        slopes = [factor * row_gradient(term, block.arrays(term)) for factor, term, _ in parts]
        gradient = sum(slopes[1:], start=slopes[0])
    return RowValues(at, ids, loss, gradient)


def _arrow_mask(kept: npt.NDArray[np.intp], rows: int) -> pa.BooleanArray:
    mask = np.zeros(rows, dtype=bool)
    mask[kept] = True
    return pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(np.packbits(mask, bitorder="little"))])


def row_gradient(term: Term, arrays: dict[str, Array]) -> Array:
    """Derivative of the row value by each predicted number."""
    declared = spec.get(term.loss)
    assert declared.slope is not None, "checked when the request was read"
    with np.errstate(all="ignore"):
        slope = declared.slope(**arrays, **term.params)
    return slope / len(slope) if slope.ndim > 1 and term.kernel.elements == "mean" else slope


def _keep(plan: Plan, block: Block, weights: Array | None) -> Kept:
    wanted = {
        binding: np.array(block.numbers[binding])
        for term in plan.terms
        if term.kernel.scope == "group"
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
