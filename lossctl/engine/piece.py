"""One piece of the data, from its bytes to merged statistics: the function that every worker runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from lossctl import spec
from lossctl.arrays import Ragged, count
from lossctl.columns import Faults
from lossctl.engine import vouched
from lossctl.engine.block import Block, Kept, PieceResult, RowValues, clean, select
from lossctl.engine.plan import Observe, Plan, RowOutput, Term, View
from lossctl.kernel import Kernel, weighed
from lossctl.roles import Array, Flags
from lossctl.segments import Runs, Segments
from lossctl.sources import Piece, Reading
from lossctl.sources.ahead import ahead
from lossctl.spec import Loss
from lossctl.totals import Product, Rows, Smallest, Statistic, Statistics, Sums, Tally

# Bytes of a piece that are worth a thread to read them.
WORTHWHILE = 1 << 20
# A term's row values where it has them, its statistics, and those of the views that are centred apart.
Evaluated: TypeAlias = tuple[Rows | None, Statistics, Mapping[View, Statistics]]


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
        vouching = vouching and vouched.evaluate(plan, batch, result)
        if not vouching:
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
        cells = block.segments(view, units=True)
        if cells is not None:
            values = {str(at): block.numbers[binding] for at, binding in enumerate(plan.levelled)}
            result.levels.setdefault(view, Tally()).add_block(values, cells, block.rows)
    evaluated = [_evaluate_term(plan, index, term, block, weights, result) for index, term in enumerate(plan.terms)]
    if plan.rows is not None:
        result.values.append(_row_values(plan, plan.rows, block, [rows for rows, *_ in evaluated]))
    for at, wanted in enumerate(plan.observe):
        if wanted is not None:
            _observe(plan, at, wanted, block, evaluated, result)
    if any(term.scope == "group" for term in plan.terms):
        result.kept.append(_keep(plan, block, weights))


def _observe(
    plan: Plan, at: int, wanted: Observe, block: Block, evaluated: list[Evaluated], result: PieceResult
) -> None:
    from lossctl.engine.observed import Cut, Measured, Observed

    slices = {view: block.segments(view, units=False) for view in plan.views}
    by_units = wanted.reductions and plan.group is not None
    units = {view: block.segments(view, units=True) for view in plan.views} if by_units else {}
    chosen = (evaluated[place] for place in wanted.terms)
    terms = [Measured(statistics, rows, apart) for rows, statistics, apart in chosen]
    result.observed.setdefault(at, Observed()).add_block(wanted, terms, Cut(slices, units, block.by, block.rows))


def _evaluate_term(
    plan: Plan, index: int, term: Term, block: Block, weights: Array | None, result: PieceResult
) -> Evaluated:
    """Merge a term's statistics into every view, and return them where they are observed."""
    if term.scope == "group":
        return None, {}, {}
    kernel, arrays, params = term.kernel, block.arrays(term), block.params(term)
    rows = None
    extra: dict[str, Statistic] = {}
    statistics: Statistics = {}
    if term.nested:
        rows, found = nested_units(spec.get(term.loss), kernel, arrays, params)
        statistics = {**row_statistics(rows, weights), **found}
    elif term.scope == "row":
        values = kernel.values(arrays, params)
        statistics = row_statistics(values, weights)
        if isinstance(values, Rows):
            rows = values
        elif plan.rows is not None or plan.observe or spec.get(term.loss).hooks.detail is not None:
            rows = Rows(values.value)
    elif plan.unit_weight is not None:
        unit_weights = block.numbers[plan.unit_weight]
        extra = {"unit_weight": Smallest(unit_weights), "-unit_weight": Smallest(-unit_weights)}
    if not term.nested:
        extra |= remarks(spec.get(term.loss), rows, arrays, params, weights)
    apart: dict[View, Statistics] = {}
    for view in plan.views:
        cells, own = block.segments(view, units=term.scope == "set"), statistics
        if term.scope == "set" and cells is not None and view in plan.levels and "pivot" in kernel.supplied:
            pivot = {name: cells.spread(level) for name, level in plan.pivot(term, view, cells.keys).items()}
            own = kernel.statistics(arrays, params, pivot, weights)
            if plan.observe:
                apart[view] = {**_dense(own), **extra}
        elif term.scope == "set" and not statistics:
            own = statistics = kernel.statistics(arrays, params, term.pivot, weights)
        result.tallies.setdefault((index, view), Tally()).add_block({**own, **extra}, cells, block.rows)
    return (rows, {**_dense(statistics), **extra}, apart) if plan.observe else (rows, {}, apart)


def _dense(statistics: Statistics) -> Statistics:
    """Statistics with a value for every row."""
    return {name: part.value if isinstance(part, Product) else part for name, part in statistics.items()}


def remarks(
    loss: Loss, rows: Rows | None, arrays: dict[str, Any], params: dict[str, Any], weights: Array | None
) -> dict[str, Array]:
    """Row by row what a loss remarks on its data: the pitfalls it shows, and what its details are the means of."""
    found: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for finding in loss.hooks.findings:
            found["finding " + finding.code] = _shown(finding.mask(**arrays, **params)).astype(np.float64)
        if loss.hooks.detail is not None and rows is not None:
            for name, values in loss.hooks.detail(rows.value, **arrays, **params).items():
                found["detail " + name] = values if weights is None else values * weights
    return found


def unit_remarks(loss: Loss, sums: Sums, params: Mapping[str, Any]) -> dict[str, Flags]:
    """Unit by unit the pitfalls that merged statistics show."""
    with np.errstate(all="ignore"):
        return {finding.code: _shown(finding.mask(sums, **params)) for finding in loss.hooks.unit_findings}


def _shown(mask: Flags) -> Flags:
    return np.asarray(mask.any(axis=0)) if mask.ndim > 1 else mask


def nested_units(
    loss: Loss, kernel: Kernel, arrays: dict[str, Any], params: dict[str, Any]
) -> tuple[Rows, dict[str, Array]]:
    """Units that stand whole in a row each: their values are row values; an undefined one does not count."""
    first = next(iter(arrays.values()))
    filled = np.flatnonzero(first.lengths)
    found: dict[str, Array] = {}
    if len(filled) < len(first):  # a unit of nothing has no value
        value, counts = np.zeros(len(first)), np.zeros(len(first))
        if len(filled):
            part, shown = nested_units(loss, kernel, {name: a.take(filled) for name, a in arrays.items()}, params)
            value[filled], counts[filled] = part.value, 1.0 if part.share is None else part.share
            for name, marks in shown.items():
                found[name] = np.zeros(len(first))
                found[name][filled] = marks
        return Rows(value, share=counts), found
    if kernel.scope == "set":
        flat = {name: array.values for name, array in arrays.items()}
        starts = np.asarray(first.offsets[:-1])
        runs = Runs(None, starts, np.arange(len(first)))
        cells = Segments([(row,) for row in range(len(first))], flat_size(first), runs)
        tally = Tally()
        pivot = {name: array[..., starts] for name, array in flat.items()} if "pivot" in kernel.supplied else {}
        spread = {name: cells.spread(level) for name, level in pivot.items()}
        tally.add_block(kernel.statistics(flat, params, spread, None), cells, flat_size(first))
        sums = tally.sums()
        value = kernel.finish(sums, params, pivot)
        found = {
            "finding " + code: marks.astype(np.float64) for code, marks in unit_remarks(loss, sums, params).items()
        }
    else:
        rows = range(len(first))
        parts = [
            kernel.unit({n: np.ascontiguousarray(a.row(row)) for n, a in arrays.items()}, params, None) for row in rows
        ]
        value = np.array([_mean(part) for part in parts])
    counts = ~np.isnan(value)
    rows_of = Rows(value) if counts.all() else Rows(np.where(counts, value, 0.0), share=counts.astype(np.float64))
    return rows_of, found


def _mean(rows: Rows) -> float:
    """The mean over the rows of one unit that count; NaN where none does."""
    weight = rows.denominator if rows.share is None else rows.share
    if weight is None:
        return float(rows.value.mean())
    value = rows.value if rows.share is None else weighed(rows.value, rows.share)
    return float(value.sum() / weight.sum()) if weight.any() else np.nan


def flat_size(ragged: Ragged) -> int:
    """How many values all rows hold together."""
    return int(ragged.offsets[-1])


def row_statistics(rows: Rows | Product, weights: Array | None) -> dict[str, Statistic]:
    """What the reductions need of row values."""
    if isinstance(rows, Product):
        if weights is None:
            return {"loss": rows}
        rows = Rows(rows.value)
    value, denominator = rows.value, rows.denominator
    if rows.share is not None:
        value = weighed(value, rows.share)
        denominator = rows.share if denominator is None else denominator
    statistics: dict[str, Statistic] = {"loss": value if weights is None else weighed(value, weights)}
    if denominator is not None:
        statistics["weight"] = denominator if weights is None else denominator * weights
        counted = denominator > 0 if rows.ignored is None else ~rows.ignored
        statistics["counted"] = counted.astype(np.float64)
    elif weights is not None:
        statistics["weight"] = weights
    return statistics


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
        predicted = block.arrays(first)[spec.get(first.loss).hooks.gradient_by]
        gradient = Ragged(gradient, predicted.offsets) if isinstance(predicted, Ragged) else gradient
    return RowValues(block.places(), block.ids, loss, gradient)


def row_gradient(term: Term, arrays: dict[str, Any], params: dict[str, Any]) -> Any:
    """Derivative of the row value by each predicted number."""
    declared = spec.get(term.loss)
    assert declared.hooks.gradient is not None, "checked when the request was read"
    with np.errstate(all="ignore"):
        slope = declared.hooks.gradient(**arrays, **params)
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
        block.labels,
        block.places(),
        block.ids,
        None if weights is None else np.array(weights),
        None if unit_weights is None else np.array(unit_weights),
        block.by,
        block.group,
        block.rows,
    )
