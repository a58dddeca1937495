"""What intervals and distributions need of every row, merged block to piece to total like the totals themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import WHOLE, Cells, Key
from lossctl.arithmetic.moments import Index, Scatter
from lossctl.arithmetic.sketch import Sketch
from lossctl.arithmetic.statistics import Histogram, Largest, Smallest
from lossctl.arithmetic.tally import Tally
from lossctl.columns.keys import Encoded, cells_of, merged
from lossctl.engine.plan.plan import Observe, View
from lossctl.engine.terms import Evaluated

# Second moments take the square of this many numbers per slice, and their time.
MOST_COMPONENTS = 100
# Rows of a slice that are resampled, or sorted for their percentiles, and numbers that are kept for that in all.
MOST_ROWS = 1_000_000
MOST_NUMBERS = 1 << 24

BASES = {"mean": "weight", "mean-elements": "weight", "mean-rows": "counted"}


class Cut(NamedTuple):
    """How a block's rows are cut: into the slices of each view, and into the units inside them."""

    slices: Mapping[View, Cells | None]
    units: Mapping[View, Cells | None]
    by: list[Encoded]
    rows: int


class Sample(NamedTuple):
    """A block's rows, kept: components and bases as columns `(c, n)`, row losses (NaN: does not count), slices.

    The columns are those of every view, but for views that have columns of their own, centred apart.
    """

    columns: Mapping[View, Array]
    values: Array | None
    by: list[Encoded]
    rows: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        values = 0 if self.values is None else self.values.size
        return sum(part.size for part in self.columns.values()) + values + self.rows * len(self.by)

    def columns_of(self, view: View) -> Array:
        """The columns of a view."""
        return self.columns[view if view in self.columns else ()]

    def places(self, view: View) -> dict[Key, Index]:
        """Where the rows of each slice are."""
        cells = cells_of([self.by[index] for index in view], self.rows)
        if cells is None:
            return {WHOLE: np.arange(self.rows)}
        rows = np.arange(self.rows)
        return {key: rows[place] for key, place in cells.places()}


@dataclass(slots=True)
class Observed:
    """Second moments and distributions by view, and the rows themselves while they are few (`full`: no longer)."""

    scatter: dict[View, Scatter] = field(default_factory=dict)
    clusters: dict[tuple[int, View], Tally] = field(default_factory=dict)
    moments: dict[View, Scatter] = field(default_factory=dict)
    extremes: dict[View, Tally] = field(default_factory=dict)
    sketches: dict[View, Sketch] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    places: dict[View, dict[Key, Index]] = field(default_factory=dict)
    kept: int = 0
    numbers: int = 0
    full: bool = False

    def add_block(self, wanted: Observe, terms: Sequence[Evaluated], cut: Cut) -> None:
        """Merge a block."""
        columns: dict[View, Array] = {}
        values = None
        for view, units in cut.units.items():
            for index, term in enumerate(terms):
                if term.rows is not None:
                    self.clusters.setdefault((index, view), Tally()).add_block(term.statistics, units, cut.rows)
        if wanted.reductions and not cut.units and sum(map(width, terms)) <= MOST_COMPONENTS:
            common = components(terms, wanted.reductions, cut.rows)
            for view, found in cut.slices.items():
                apart = any(view in term.apart for term in terms)
                own = (
                    components([term.seen_by(view) for term in terms], wanted.reductions, cut.rows) if apart else common
                )
                x, v, base = own
                self.scatter.setdefault(view, Scatter()).add_block(x, v, base, found)
                if wanted.resample and (apart or not view):
                    columns[view] = np.concatenate([x, v])
        if wanted.factors:
            values = self._add_values(wanted.factors, terms, cut)
        if columns or values is not None:
            self._keep([Sample(columns, values, cut.by, cut.rows)])

    def _add_values(self, factors: Sequence[float], terms: Sequence[Evaluated], cut: Cut) -> Array:
        rows_of = (term.rows for term in terms if term.rows is not None)
        losses = [factor * own.value for factor, own in zip(factors, rows_of, strict=True)]
        value: Array = sum(losses[1:], start=losses[0])
        masks = [mask > 0 for term in terms if isinstance(mask := term.statistics.get("counted"), np.ndarray)]
        counted = np.logical_and.reduce(masks) if masks else None
        one = np.ones(cut.rows) if counted is None else counted.astype(np.float64)
        low, high = value, value
        if counted is not None:
            low, high = np.where(counted, value, np.inf), np.where(counted, value, -np.inf)
        x = (value if counted is None else np.where(counted, value, 0.0))[np.newaxis]
        totals = {"low": Smallest(low), "high": Largest(high), "sum": x[0], "counted": one}
        for view, found in cut.slices.items():
            self.moments.setdefault(view, Scatter()).add_block(x, one[np.newaxis], np.zeros(1, np.intp), found)
            self.extremes.setdefault(view, Tally()).add_block(totals, found, cut.rows)
            self.sketches.setdefault(view, Sketch()).add_block(value, counted, found)
        return value if counted is None else np.where(counted, value, np.nan)

    def _keep(self, samples: Sequence[Sample]) -> None:
        self.numbers += sum(sample.numbers for sample in samples)
        self.kept += sum(sample.rows for sample in samples)
        sliced = any(sample.by for sample in samples)
        self.full = self.full or self.numbers > MOST_NUMBERS or (self.kept > MOST_ROWS and not sliced)
        if self.full:
            self.samples = []
        else:
            self.samples.extend(samples)

    def plus(self, other: "Observed") -> "Observed":
        """With what comes next in the data."""
        for view, scatter in other.scatter.items():
            self.scatter.setdefault(view, Scatter()).add(scatter)
        for place, tally in other.clusters.items():
            self.clusters.setdefault(place, Tally()).add(tally)
        for view, scatter in other.moments.items():
            self.moments.setdefault(view, Scatter()).add(scatter)
        for view, tally in other.extremes.items():
            self.extremes.setdefault(view, Tally()).add(tally)
        for view, sketch in other.sketches.items():
            self.sketches.setdefault(view, Sketch()).add(sketch)
        self.full = self.full or other.full
        self._keep(other.samples)
        return self

    def joined(self) -> Sample:
        """All kept rows as one sample."""
        if len(self.samples) > 1:
            self.samples = [joined_samples(self.samples)]
        return self.samples[0]

    def rows(self, view: View, key: Key) -> Index | None:
        """Where the kept rows of a slice are; None where they are no longer kept."""
        if self.full or not self.samples:
            return None
        if view not in self.places:
            self.places[view] = self.joined().places(view)
        return self.places[view].get(key)


def joined_samples(samples: Sequence[Sample]) -> Sample:
    """Samples as one, in the order of the data."""
    first = samples[0]
    return Sample(
        {view: np.concatenate([sample.columns[view] for sample in samples], axis=1) for view in first.columns},
        None if first.values is None else np.concatenate([s.values for s in samples if s.values is not None]),
        [merged([sample.by[index] for sample in samples]) for index in range(len(first.by))],
        sum(sample.rows for sample in samples),
    )


def components(
    terms: Sequence[Evaluated], reductions: Sequence[str], rows: int
) -> tuple[Array, Array, npt.NDArray[np.intp]]:
    """What values are made of: components `(k, n)`, bases `(m, n)`, and the base of each component.

    A row loss is one component over what its reduction divides by; a set loss's statistics are totals, over the count.
    """
    x: list[Array] = []
    v: list[Array] = []
    base: list[int] = []
    for term, reduction in zip(terms, reductions, strict=True):
        parts = [_dense(part) for part in summed(term)]
        own = term.statistics.get(BASES.get(reduction, "")) if term.rows is not None else None
        base += [len(v)] * sum(map(len, parts))
        v.append(own if isinstance(own, np.ndarray) else np.ones(rows))
        weight = term.statistics.get("weight")
        if term.rows is None and isinstance(weight, np.ndarray):
            v.append(weight)  # no component's base: it tells how many rows really count
        x += parts
    return np.concatenate(x) if x else np.zeros((0, rows)), np.stack(v), np.array(base, dtype=np.intp)


def summed(term: Evaluated) -> "list[Array | Histogram]":
    """A row loss's value; the statistics that merge by addition of a set loss's."""
    parts = {name: part for name, part in term.statistics.items() if isinstance(part, np.ndarray | Histogram)}
    return list(parts.values()) if term.rows is None else [parts["loss"]]


def width(term: Evaluated) -> int:
    """How many components it has."""
    return sum(part.size if isinstance(part, Histogram) else len(np.atleast_2d(part)) for part in summed(term))


def _dense(part: "Array | Histogram") -> Array:
    """A statistic as components `(k, n)`."""
    if not isinstance(part, Histogram):
        return np.atleast_2d(part)
    dense = np.zeros((part.size, len(part.bin)))
    dense[part.bin, np.arange(len(part.bin))] = 1.0 if part.value is None else part.value
    return dense
