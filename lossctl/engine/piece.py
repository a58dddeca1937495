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
from lossctl.engine.plan.plan import Observe, Plan, RowOutput
from lossctl.engine.select import select
from lossctl.engine.terms import Evaluated, evaluated_term, row_gradient
from lossctl.sources.ahead import ahead
from lossctl.sources.source import Piece, Reading

# Bytes of a piece that are worth a thread to read them.
WORTHWHILE = 1 << 20


def run_piece(
    plan: Plan, piece: Piece, stopped: Callable[[], bool] = bool, before: int = 0, spare: bool = False
) -> PieceResult:
    """Evaluate one piece, or as much of it as there was before `stopped`; `before` rows of the dataset precede it.

    With a thread to `spare` the rows are read ahead.
    """
    result = PieceResult(before=before)
    source = plan.sources[piece.file]
    reading = Reading(plan.columns, plan.batch_rows or plan.block_rows)
    batches = source.read(piece, reading)
    if spare and piece.size > WORTHWHILE:
        batches = ahead(batches)
    vouching = vouched.applies(plan)
    for batch in recut(batches, plan.block_rows):
        if stopped() or (plan.limit is not None and result.used >= plan.limit):
            break
        # where one block cannot vouch for its numbers the next ones hardly can, and would be evaluated twice
        vouching = vouching and vouched.add_block(plan, batch, result)
        if not vouching:
            add_block(plan, batch, result)
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


def add_block(plan: Plan, batch: pa.RecordBatch, result: PieceResult) -> None:
    """Check a block, and merge its statistics; a block with faults adds its faults alone."""
    faults: Faults = {}
    block = clean(plan, *select(plan, batch, result, faults), result, faults)
    for trouble, fault in faults.items():
        result.faults.setdefault(trouble, type(fault)()).add(fault, result.rows)
    if not faults and block.rows:
        _merge(plan, block, result)
    result.rows += batch.num_rows
    result.used += block.rows


def _merge(plan: Plan, block: Block, result: PieceResult) -> None:
    weights = block.numbers[plan.weight] if plan.weight else None
    if plan.counted is not None:
        binding, size = plan.counted
        found = count(binding.role, block.numbers[binding], size)
        result.counts = found if result.counts is None else result.counts + found
    for view in plan.views if plan.levelled else ():
        cells = block.cells(view, units=True)
        if cells is not None:
            values = {str(at): block.numbers[binding] for at, binding in enumerate(plan.levelled)}
            result.levels.setdefault(view, Tally()).add_block(values, cells, block.rows)
    evaluated = [evaluated_term(plan, index, term, block, weights, result) for index, term in enumerate(plan.terms)]
    if plan.rows is not None:
        result.values.append(_row_values(plan, plan.rows, block, [rows for rows, *_ in evaluated]))
    for at, wanted in enumerate(plan.observe):
        if wanted is not None:
            _observe(plan, at, wanted, block, evaluated, result)
    if any(term.scope == "group" for term in plan.terms):
        result.held.append(_held(plan, block, weights))


def _observe(
    plan: Plan, at: int, wanted: Observe, block: Block, evaluated: list[Evaluated], result: PieceResult
) -> None:
    from lossctl.engine.observed import Cut, Measured, Observed

    slices = {view: block.cells(view, units=False) for view in plan.views}
    by_units = wanted.reductions and plan.group is not None
    units = {view: block.cells(view, units=True) for view in plan.views} if by_units else {}
    chosen = (evaluated[place] for place in wanted.terms)
    terms = [Measured(statistics, rows, apart) for rows, statistics, apart in chosen]
    result.observed.setdefault(at, Observed()).add_block(wanted, terms, Cut(slices, units, block.by, block.rows))


def _row_values(plan: Plan, wanted: RowOutput, block: Block, rows: list[Rows | None]) -> RowValues:
    parts = [
        (factor, term, found)
        for factor, term, found in zip(wanted.factors, plan.terms, rows, strict=True)
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


def _held(plan: Plan, block: Block, weights: Array | None) -> Held:
    wanted = {
        binding: np.array(block.numbers[binding])
        for term in plan.terms
        if term.scope == "group"
        for binding in term.bindings.values()
    }
    unit_weights = block.numbers[plan.unit_weight] if plan.unit_weight else None
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
