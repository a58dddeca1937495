"""One term over one block."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags, Ragged
from lossctl.arithmetic.cells import CellRuns, Runs
from lossctl.arithmetic.statistics import Largest, Product, Rows, Smallest, Statistic, Statistics, Sums
from lossctl.arithmetic.tally import Tally
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.declare.kernel import Kernel, weighed
from lossctl.engine.block import Block, PieceResult, Tallies
from lossctl.engine.plan.plan import Ask, Term, View


class Evaluated(NamedTuple):
    """What a term makes of a block: row values where it has them, statistics, and those of views centred apart."""

    rows: Rows | None = None
    statistics: Mapping[str, Statistic] = {}
    apart: Mapping[View, Statistics] = {}

    def seen_by(self, view: View) -> "Evaluated":
        """The same with the statistics of a view."""
        return self._replace(statistics=self.apart[view]) if view in self.apart else self


class Remarks(NamedTuple):
    """What a loss says of rows beside their value: which show a pitfall, by its code, and what details are means of."""

    findings: Mapping[str, Array] = {}
    details: Mapping[str, Array] = {}


def evaluated_term(
    ask: Ask, index: int, term: Term, block: Block, weights: Array | None, result: PieceResult
) -> Evaluated:
    """Merge a term's statistics into every view, and return them where they are observed."""
    if term.scope == "group":
        return Evaluated()
    loss, kernel, arrays, params = registry.get(term.loss), term.kernel, block.arrays(term), block.params(term)
    rows, found = None, Remarks()
    statistics: Statistics = {}
    if term.nested:
        rows, findings = nested_units(loss, kernel, arrays, params)
        statistics, found = row_statistics(rows, weights), Remarks(findings)
    elif term.scope == "row":
        values = kernel.values(arrays, params)
        statistics = row_statistics(values, weights)
        if isinstance(values, Rows):
            rows = values
        elif ask.rows is not None or ask.observe or loss.hooks.detail is not None:
            rows = Rows(values.value)
        found = remarks(loss, rows, arrays, params, weights)
    apart: dict[View, Statistics] = {}
    for view in ask.views:
        cells, own = block.cells(view, units=term.scope == "set"), statistics
        if term.scope == "set" and cells is not None and view in ask.levels and "pivot" in kernel.supplied:
            pivot = {name: cells.spread(level) for name, level in ask.pivot(term, view, cells.keys).items()}
            own = kernel.statistics(arrays, params, pivot, weights)
            if ask.observe:
                apart[view] = _dense(own)
        elif term.scope == "set" and not statistics:
            own = statistics = kernel.statistics(arrays, params, term.pivot, weights)
        unit_weights: Statistics = {}
        if term.scope == "set" and ask.unit_weight is not None:
            given = block.numbers[ask.unit_weight]
            unit_weights = {"least": Smallest(given), "most": Largest(given)}
        place = index, view
        result.tallies.setdefault(place, Tally()).add_block(own, cells, block.rows)
        apart_from_it: tuple[tuple[Tallies, Mapping[str, Statistic]], ...] = (
            (result.findings, found.findings),
            (result.details, found.details),
            (result.unit_weights, unit_weights),
        )
        for tallies, more in apart_from_it:
            if more:
                tallies.setdefault(place, Tally()).add_block(dict(more), cells, block.rows)
    return Evaluated(rows, _dense(statistics) if ask.observe else {}, apart)


def _dense(statistics: Statistics) -> Statistics:
    """Statistics with a value for every row."""
    return {name: part.value if isinstance(part, Product) else part for name, part in statistics.items()}


def remarks(
    loss: Loss, rows: Rows | None, arrays: dict[str, Any], params: dict[str, Any], weights: Array | None
) -> Remarks:
    """Row by row what a loss remarks on its data; details are weighted as values are."""
    findings: dict[str, Array] = {}
    details: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for detector in loss.hooks.findings:
            findings[detector.code] = _shown(detector.mask(**arrays, **params)).astype(np.float64)
        if loss.hooks.detail is not None and rows is not None:
            for name, values in loss.hooks.detail(rows.value, **arrays, **params).items():
                details[name] = values if weights is None else values * weights
    return Remarks(findings, details)


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
        cells = CellRuns([(row,) for row in range(len(first))], flat_size(first), runs)
        tally = Tally()
        pivot = {name: array[..., starts] for name, array in flat.items()} if "pivot" in kernel.supplied else {}
        spread = {name: cells.spread(level) for name, level in pivot.items()}
        tally.add_block(kernel.statistics(flat, params, spread, None), cells, flat_size(first))
        sums = tally.sums()
        value = kernel.finish(sums, params, pivot)
        found = {code: marks.astype(np.float64) for code, marks in unit_remarks(loss, sums, params).items()}
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


def row_gradient(term: Term, arrays: dict[str, Any], params: dict[str, Any]) -> Any:
    """Derivative of the row value by each predicted number."""
    declared = registry.get(term.loss)
    assert declared.hooks.gradient is not None, "checked when the request was read"
    with np.errstate(all="ignore"):
        slope = declared.hooks.gradient(**arrays, **params)
    return slope / len(slope) if slope.ndim > 1 and term.kernel.elements == "mean" else slope
