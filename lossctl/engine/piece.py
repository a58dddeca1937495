"""One piece of the data, from its bytes to merged statistics: the function that every worker runs."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from lossctl.arithmetic.arrays import Array, Ragged
from lossctl.arithmetic.statistics import Rows
from lossctl.arithmetic.tally import Tally
from lossctl.columns.faults import Faults
from lossctl.declare import registry
from lossctl.declare.classes import count
from lossctl.engine import vouched
from lossctl.engine.block import Block, Held, PieceResult, RowValues
from lossctl.engine.clean import clean
from lossctl.engine.plan.plan import Ask, CountClasses, FindMeans, Observe, RowOutput, Scan, Wanted
from lossctl.engine.select import select
from lossctl.engine.terms import Evaluated, evaluated_term, row_gradient
from lossctl.sources.ahead import ahead
from lossctl.sources.source import Piece, Reading

# Bytes of a piece that are worth a thread to read them.
WORTHWHILE = 1 << 20


def run_piece(
    scan: Scan, wanted: Wanted, piece: Piece, stopped: Callable[[], bool] = bool, before: int = 0, spare: bool = False
) -> PieceResult:
    """Evaluate one piece, or as much of it as there was before `stopped`; `before` rows of the dataset precede it.

    With a thread to `spare` the rows are read ahead.
    """
    result = PieceResult(before=before)
    source = scan.sources[piece.file]
    reading = Reading(scan.columns, scan.batch_rows or scan.block_rows)
    batches = source.read(piece, reading)
    if spare and piece.size > WORTHWHILE:
        batches = ahead(batches)
    vouching = vouched.applies(scan, wanted)
    for batch in recut(batches, scan.block_rows):
        if stopped() or (scan.limit is not None and result.used >= scan.limit):
            break
        # where one block cannot vouch for its numbers the next ones hardly can, and would be evaluated twice
        vouching = vouching and vouched.add_block(wanted, batch, result)
        if not vouching:
            add_block(scan, wanted, batch, result)
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


def add_block(scan: Scan, wanted: Wanted, batch: pa.RecordBatch, result: PieceResult) -> None:
    """Check a block, and merge its statistics; a block with faults adds its faults alone."""
    faults: Faults = {}
    block = clean(scan, wanted, *select(scan, wanted, batch, result, faults), result, faults)
    for trouble, fault in faults.items():
        result.faults.setdefault(trouble, type(fault)()).add(fault, result.rows)
    if not faults and block.rows:
        _merge(wanted, block, result)
    result.rows += batch.num_rows
    result.used += block.rows


def _merge(wanted: Wanted, block: Block, result: PieceResult) -> None:
    match wanted:
        case Ask():
            _evaluate(wanted, block, result)
        case CountClasses(target=target, size=size):
            found = count(target.role, block.numbers[target], size)
            result.counts = found if result.counts is None else result.counts + found
        case FindMeans(means=means):
            for view in wanted.views:
                cells = block.cells(view, units=True)
                if cells is not None:
                    values = {str(at): block.numbers[binding] for at, binding in enumerate(means)}
                    result.levels.setdefault(view, Tally()).add_block(values, cells, block.rows)


def _evaluate(ask: Ask, block: Block, result: PieceResult) -> None:
    weights = block.numbers[ask.weight] if ask.weight else None
    evaluated = [evaluated_term(ask, index, term, block, weights, result) for index, term in enumerate(ask.terms)]
    if ask.rows is not None:
        result.values.append(_row_values(ask, ask.rows, block, [each.rows for each in evaluated]))
    for at, wanted in enumerate(ask.observe):
        if wanted is not None:
            _observe(ask, at, wanted, block, evaluated, result)
    if any(term.scope == "group" for term in ask.terms):
        result.held.append(_held(ask, block, weights))


def _observe(ask: Ask, at: int, wanted: Observe, block: Block, evaluated: list[Evaluated], result: PieceResult) -> None:
    from lossctl.engine.observed import Cut, Observed

    slices = {view: block.cells(view, units=False) for view in ask.views}
    by_units = wanted.reductions and ask.group is not None
    units = {view: block.cells(view, units=True) for view in ask.views} if by_units else {}
    terms = [evaluated[place] for place in wanted.terms]
    result.observed.setdefault(at, Observed()).add_block(wanted, terms, Cut(slices, units, block.by, block.rows))


def _row_values(ask: Ask, wanted: RowOutput, block: Block, rows: list[Rows | None]) -> RowValues:
    parts = [
        (factor, term, found)
        for factor, term, found in zip(wanted.factors, ask.terms, rows, strict=True)
        if found is not None
    ]
    loss = sum((factor * found.shown() for factor, _, found in parts), start=np.zeros(block.rows))
    gradient = None
    if wanted.gradient:
        slopes = [factor * row_gradient(term, block.arrays(term), block.params(term)) for factor, term, _ in parts]
        gradient = sum(slopes[1:], start=slopes[0])
        first = parts[0][1]
        predicted = block.arrays(first)[registry.get(first.loss).hooks.gradient_by]
        gradient = Ragged(gradient, predicted.offsets) if isinstance(predicted, Ragged) else gradient
    return RowValues(block.places(), block.ids, loss, gradient)


def _held(ask: Ask, block: Block, weights: Array | None) -> Held:
    wanted = {
        binding: np.array(block.numbers[binding])
        for term in ask.terms
        if term.scope == "group"
        for binding in term.bindings.values()
    }
    unit_weights = block.numbers[ask.unit_weight] if ask.unit_weight else None
    return Held(
        wanted,
        block.labels,
        block.places(),
        block.ids,
        None if weights is None else np.array(weights),
        None if unit_weights is None else np.array(unit_weights),
        block.by,
        block.group,
        block.rows,
    )
