"""Intervals and distributions of evaluations: which method applies where, or why there is none."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from math import isfinite
from typing import NamedTuple

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import WHOLE, Key
from lossctl.arithmetic.moments import Index, Moments, Scatter
from lossctl.arithmetic.statistics import Pivot
from lossctl.arithmetic.tally import Tally
from lossctl.engine import observed
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan.plan import Observe, Term, View
from lossctl.engine.plan.request import Job
from lossctl.engine.units import Units
from lossctl.engine.whole import gather
from lossctl.reports.inference import bootstrap, intervals
from lossctl.reports.inference.distribution import SHARES, describe, exact_percentiles
from lossctl.reports.inference.intervals import Curve
from lossctl.reports.reduce import Reduced
from lossctl.reports.results import Distribution, Evaluation, Interval

NOT_REDUCED = "not reduced"


class IntervalError(Exception):
    """A value has no interval; the message is the reason that a report gives."""


class Observations(NamedTuple):
    """A value as a function of totals: moments of independent rows or units, its slopes, and its curved parts.

    `columns` are the rows themselves, components and then bases, where they are to be resampled.
    """

    moments: Moments
    base: Index
    slopes: Array
    curves: Sequence[Curve]
    columns: Callable[[], Array]
    method: str


class Inference:
    """Intervals and distributions of the slices of one view."""

    def __init__(self, job: Job, view: View, outcome: Outcome) -> None:
        self.job, self.ask, self.view, self.outcome = job, job.ask, view, outcome
        self.reason = unsampled(job)
        self.slopes = slopes(job)

    def of(self, evaluation: Evaluation, key: Key, cells: Sequence[Reduced]) -> Evaluation:
        """An evaluation with its interval and distribution as asked for; `details` says why one is not there."""
        interval, no_interval = self.interval(key, cells, evaluation.value, evaluation.reason)
        distribution, no_distribution = self.distribution(key, cells)
        reasons = {"interval": no_interval, "distribution": no_distribution}
        said = {name: reason for name, reason in reasons.items() if reason is not None}
        return evaluation._replace(interval=interval, distribution=distribution, details={**evaluation.details, **said})

    def interval(
        self, key: Key, cells: Sequence[Reduced], value: float | None, reason: str | None
    ) -> tuple[Interval | None, str | None]:
        """The interval of a slice's value, or why there is none."""
        request = self.job.request
        if request.ci is None:
            return None, None
        if value is None or not isfinite(value):
            return None, reason or "no value"
        try:
            if self.reason is not None:
                raise IntervalError(self.reason)
            return self._interval(key, cells, value, request.ci / 100), None
        except IntervalError as why:
            return None, str(why)

    def _interval(self, key: Key, cells: Sequence[Reduced], value: float, level: float) -> Interval:
        things = "rows" if self.ask.group is None else "units"
        found = self._over_rows(key, cells) if things == "rows" else self._over_units(key, cells)
        if found.moments.used.min() < 2:
            raise IntervalError(f"at least 2 {things} that count are needed")
        linear = intervals.linearise(found.moments, found.slopes, found.curves)
        if linear is None or not linear.finite:
            raise IntervalError("the value cannot be linearised at these totals")
        if self.job.request.ci_method == "bootstrap":
            return self._resampled(found, linear, value, level, things)
        return Interval(level, *intervals.central(value, found.moments, linear, level), found.method)

    def _resampled(
        self, found: Observations, linear: intervals.Linear, value: float, level: float, things: str
    ) -> Interval:
        columns, seed = found.columns(), self.job.request.seed
        if columns.shape[-1] > observed.MOST_ROWS:
            raise IntervalError(f"too many {things} to be resampled in memory; use --ci-method normal")
        size = len(found.slopes)
        x, v = columns[:size], columns[size:]
        influence = intervals.influences(x, v, found.base, found.moments, linear.gradient)
        statistic = partial(_value, found, value - float(_value(found, 0.0, columns.sum(axis=1, keepdims=True))[0]))
        reach = intervals.reach(found.moments, level)
        ends = bootstrap.interval(columns, statistic, value, influence, reach, seed)
        if ends is None:
            raise IntervalError("too many resamples have no value")
        return Interval(level, *ends, f"bootstrap over {things} (BCa, {bootstrap.RESAMPLES} resamples, seed {seed})")

    def _over_rows(self, key: Key, cells: Sequence[Reduced]) -> Observations:
        ask, seen = self.ask, self.outcome.observed.get(0)
        for index, term in enumerate(ask.terms):
            if term.scope == "set":
                self._check_smooth(index, term, key)
        scatter = seen.scatter.get(self.view) if seen is not None else None
        moments = scatter.cell(key) if scatter is not None else None
        if scatter is None or moments is None:
            raise IntervalError(f"its statistics are more than {observed.MOST_COMPONENTS} numbers per row")
        factors = np.zeros(len(scatter.base))
        curves: list[Curve] = []
        at = 0
        for index, (term, cell) in enumerate(zip(ask.terms, cells, strict=True)):
            slope = self.slopes[index] * cell.slope
            if term.scope == "row":
                factors[at] = slope
                at += 1
                continue
            curve = self._curve(index, key, slope * (cell.values.weights[0] if cell.values else 1.0), at)
            at = curve.of.stop
            curves.append(curve)
        method = "delta method" if curves else "central limit"
        return Observations(moments, scatter.base, factors, curves, partial(self._columns, key), method)

    def _check_smooth(self, index: int, term: Term, key: Key) -> None:
        """Refuse losses whose value is no smooth function of sums."""
        tally = self.outcome.tallies[index, self.view]
        pivot = self.ask.pivot(term, self.view, [key])
        if _extremes_matter(term, tally, tally.sums(np.array([tally.cells[key]])), pivot):
            said = "follows its largest or smallest rows, and a sample does not tell how those vary"
            raise IntervalError(f"{term.loss} {said}")
        if self.job.request.ci_method == "normal" and self.job.losses[index].facts["differentiable"] is False:
            raise IntervalError(f"{term.loss} is not smooth in its totals; --ci-method bootstrap resamples the rows")

    def _curve(self, index: int, key: Key, slope: float, start: int) -> Curve:
        """A set loss over one unit as a function of its totals, from component `start` on; extremes are held fixed."""
        term = self.ask.terms[index]
        tally = self.outcome.tallies[index, self.view]
        sums = tally.sums(np.array([tally.cells[key]]))
        names = [name for name, column in tally.layout.items() if column.merge == "sum" and name != "rows"]
        sizes = [len(sums[name]) if tally.layout[name].vector else 1 for name in names]
        totals = np.concatenate([np.atleast_2d(sums[name])[:, 0] for name in names])
        pivot = self.ask.pivot(term, self.view, [key])

        def value(points: Array) -> Array:
            moved = {name: np.repeat(part, points.shape[1], axis=-1) for name, part in sums.items()}
            parts = np.split(points, np.cumsum(sizes)[:-1])
            moved |= {
                name: part if tally.layout[name].vector else part[0] for name, part in zip(names, parts, strict=True)
            }
            return slope * term.kernel.finish(moved, term.resolved, pivot)

        return Curve(slice(start, start + len(totals)), totals, value)

    def _columns(self, key: Key) -> Array:
        """The components and bases of every row of a slice, for the bootstrap to draw from."""
        seen = self.outcome.observed.get(0)
        assert seen is not None
        rows = seen.rows(self.view, key)
        if rows is None or len(rows) > observed.MOST_ROWS:
            raise IntervalError("too many rows to be resampled in memory; use --ci-method normal")
        columns: Array = seen.joined().columns_of(self.view)[:, rows]
        return columns

    def _over_units(self, key: Key, cells: Sequence[Reduced]) -> Observations:
        x, v, factors, labels = [], [], [], []
        for index, cell in enumerate(cells):
            if cell.values is not None:
                names, part, base = _of_units(cell.values, self.job.reductions[index])
            else:
                names, part, base = self._clusters[index][key]
            labels.append(names)
            x.append(part)
            v.append(base)
            factors.append(self.slopes[index] * cell.slope)
        if any(names != labels[0] for names in labels):
            raise IntervalError("the terms have different units")
        columns = np.stack([*x, *v])
        scatter, own = Scatter(), np.arange(len(x))
        scatter.add_block(columns[: len(x)], columns[len(x) :], own, None)
        moments = scatter.cell(WHOLE)
        assert moments is not None
        return Observations(moments, own, np.array(factors), [], lambda: columns, "central limit over units")

    @cached_property
    def _clusters(self) -> dict[int, dict[Key, tuple[list[object], Array, Array]]]:
        """Labels, sums and bases of units, by term and slice, of terms with row values (related within a unit)."""
        found: dict[int, dict[Key, tuple[list[object], Array, Array]]] = {}
        seen = self.outcome.observed.get(0)
        for index, term in enumerate(self.ask.terms):
            if term.scope == "row" and seen is not None:
                tally = seen.clusters[index, self.view]
            elif term.row_valued:
                tally = gather.row_tallies(self.ask, term, self.view, self.outcome.held, units=True)[0]
            else:
                continue
            found[index] = _of_clusters(tally, len(self.view), self.job.reductions[index])
        return found

    def distribution(self, key: Key, cells: Sequence[Reduced]) -> tuple[Distribution | None, str | None]:
        """How a slice's row losses (or its units' values) are distributed, or why that cannot be said."""
        if not self.job.request.stats:
            return None, None
        units = cells[0].values
        if self._plain and units is not None and len(units.values) > 1:
            return _of_unit_values(units, self.job.factors[0])
        seen = self._observed
        scatter = seen.moments.get(self.view) if seen is not None else None
        if seen is None or scatter is None:
            said = self.ask.terms[0].loss if self._plain else "the sum of these terms"
            return None, f"{said} has no value per row" if cells[0].rows else "no rows"
        moments = scatter.cell(key)
        if moments is None or not moments.used[0]:
            return None, "no rows"
        tally = seen.extremes[self.view]
        sums = {name: float(part[0]) for name, part in tally.sums(np.array([tally.cells[key]])).items()}
        rows = seen.rows(self.view, key)
        values = None if rows is None or len(rows) > observed.MOST_ROWS else seen.joined().values
        if values is not None:
            kept = values[rows]
            shares = exact_percentiles(kept[~np.isnan(kept)])
        else:
            shares = seen.sketches[self.view].percentiles(key, SHARES)
        ends = (sums["low"], sums["high"])
        return describe(moments, sums["sum"] / sums["counted"], ends, shares, values is not None), None

    @property
    def _plain(self) -> bool:
        """Whether one term is the value, but for a factor."""
        return len(self.ask.terms) == 1 and not self.job.penalties and self.job.blend is None

    @cached_property
    def _observed(self) -> "observed.Observed | None":
        """What was observed of rows. A loss that needs units whole had no row values while pieces were read: they are
        observed here, from the rows held in memory.
        """
        first = self.ask.terms[0]
        if not self._plain or first.scope != "group" or not first.row_valued or not self.outcome.held:
            return self.outcome.observed.get(0)
        return gather.observe(self.ask, self.view, self.outcome.held, Observe(factors=self.job.factors))


def slopes(job: Job) -> list[float]:
    """How much the value of an expression changes with the value of each term."""
    if job.blend is None:
        return list(job.factors)
    parts = ((job.blend.scale(index, 1.0) - job.blend.scale(index, 0.0)) for index in range(len(job.factors)))
    return [factor * part for factor, part in zip(job.factors, parts, strict=True)]


def unsampled(job: Job) -> str | None:
    """Why no slice of a job can have an interval; None where slices may."""
    ask = job.ask
    if "none" in job.reductions:
        return NOT_REDUCED
    whole = next((term.loss for term in ask.terms if term.scope == "group" and ask.group is None), None)
    if whole is not None:
        return f"{whole} needs all rows at once, and one unit does not tell how units vary; --group makes several"
    return None


def _value(found: Observations, offset: float, sums: Array) -> Array:
    """The value at sums `(components and bases, points)`; `offset` is the part of it that no sum moves."""
    x, v = sums[: len(found.slopes)], sums[len(found.slopes) :]
    total = np.full(sums.shape[-1], offset)
    with np.errstate(all="ignore"):
        for k, slope in enumerate(found.slopes):
            if slope:
                total += slope * found.moments.v[found.base[k]] * (x[k] / v[found.base[k]])
        for curve in found.curves:
            total += curve.value(x[curve.of])
    return total


def _extremes_matter(term: Term, tally: Tally, sums: "dict[str, Array]", pivot: Pivot) -> bool:
    """Whether the value moves with the maxima and minima of a set loss; some need them only to recognise constants."""
    moved = dict(sums)
    for name, column in tally.layout.items():
        if column.merge != "sum" and "unit_weight" not in name:
            # Away from the rows: a larger maximum and a smaller minimum are such as a further row could bring.
            away = 1e-3 * (1.0 + np.abs(sums[name]))
            moved[name] = sums[name] + away if column.merge == "max" else sums[name] - away
    here, there = (term.kernel.finish(found, term.resolved, pivot) for found in (sums, moved))
    return not np.allclose(here, there, rtol=1e-12, atol=0.0, equal_nan=True)


def _of_units(units: Units, reduction: str) -> tuple[list[object], Array, Array]:
    """Labels of units, their weighted values and bases (weights, or 1 for a sum); 0 for those that do not count."""
    counts = np.array(units.counted)
    value, weight = np.where(counts, units.values, 0.0), np.where(counts, units.weights, 0.0)
    return list(units.labels), value * weight, counts.astype(np.float64) if reduction == "sum" else weight


def _of_clusters(tally: Tally, slices: int, reduction: str) -> dict[Key, tuple[list[object], Array, Array]]:
    """Labels of units, sums of their row values, and their bases (the sums that the reduction divides by), by slice."""
    sums = tally.sums()
    base = sums.get(observed.BASES.get(reduction, ""), np.ones(len(tally.cells)))
    places: dict[Key, list[int]] = {}
    for key, at in tally.cells.items():
        places.setdefault(key[:slices], []).append(at)
    labels = list(tally.cells)
    return {key: ([labels[at][-1] for at in own], sums["loss"][own], base[own]) for key, own in places.items()}


def _of_unit_values(units: Units, factor: float) -> tuple[Distribution | None, str | None]:
    """How the values of units are distributed, or why that cannot be said."""
    values = factor * np.array([value for value, counts in zip(units.values, units.counted, strict=True) if counts])
    if not len(values):
        return None, "no unit has a value"
    scatter = Scatter()
    scatter.add_block(values[np.newaxis], np.ones((1, len(values))), np.zeros(1, np.intp), None)
    moments = scatter.cell(WHOLE)
    assert moments is not None
    mean, ends = float(values.mean()), (float(values.min()), float(values.max()))
    return describe(moments, mean, ends, exact_percentiles(values), True), None
