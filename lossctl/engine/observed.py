"""What intervals and distributions need of every row, merged block to piece to total like the totals themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lossctl.analysis.distribution import Sketch
from lossctl.engine.plan import Observe, View
from lossctl.keys import Encoded
from lossctl.roles import Array
from lossctl.scatter import Scatter
from lossctl.totals import Largest, Rows, Segments, Smallest, Statistics, Tally

# Second moments take the square of this many numbers per slice, and their time.
MOST_COMPONENTS = 100
# Rows of a slice that are resampled, or sorted for their percentiles, and numbers that are kept for that in all.
MOST_ROWS = 1_000_000
MOST_NUMBERS = 1 << 24

BASES = {"mean": "weight", "mean-elements": "weight", "mean-rows": "counted"}


@dataclass(frozen=True, slots=True)
class Measured:
    """A term over a block: its statistics, and its row values where it has them."""

    statistics: Statistics
    rows: Rows | None


@dataclass(frozen=True, slots=True)
class Sample:
    """A block's rows, kept: components and bases as columns `(c, n)`, row losses (NaN: does not count), slices."""

    columns: Array | None
    values: Array | None
    by: list[Encoded]
    rows: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return sum(part.size for part in (self.columns, self.values) if part is not None) + self.rows * len(self.by)


@dataclass(slots=True)
class Observed:
    """Second moments and distributions by view, and the rows themselves while they are few (`full`: no longer)."""

    scatter: dict[View, Scatter] = field(default_factory=dict)
    moments: dict[View, Scatter] = field(default_factory=dict)
    extremes: dict[View, Tally] = field(default_factory=dict)
    sketches: dict[View, Sketch] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    numbers: int = 0
    full: bool = False

    def add_block(
        self, wanted: Observe, terms: Sequence[Measured], cells: Mapping[View, Segments | None], by: list[Encoded], rows: int
    ) -> None:
        """Merge a block."""
        columns = values = None
        if wanted.reductions:
            x, v, base = components(terms, wanted.reductions, rows)
            if len(x) <= MOST_COMPONENTS:
                for view, segments in cells.items():
                    self.scatter.setdefault(view, Scatter()).add_block(x, v, base, segments)
                columns = np.concatenate([x, v]) if wanted.resample else None
        if wanted.factors:
            values = self._add_values(wanted.factors, terms, cells, rows)
        if columns is not None or values is not None:
            self._keep([Sample(columns, values, by, rows)])

    def _add_values(
        self, factors: Sequence[float], terms: Sequence[Measured], cells: Mapping[View, Segments | None], rows: int
    ) -> Array:
        losses = [factor * term.rows.value for factor, term in zip(factors, terms, strict=True) if term.rows is not None]
        value: Array = sum(losses[1:], start=losses[0])
        masks = [mask > 0 for term in terms if isinstance(mask := term.statistics.get("counted"), np.ndarray)]
        counted = np.logical_and.reduce(masks) if masks else None
        one = np.ones(rows) if counted is None else counted.astype(np.float64)
        low, high = value, value
        if counted is not None:
            low, high = np.where(counted, value, np.inf), np.where(counted, value, -np.inf)
        x = np.where(one > 0, value, 0.0)[np.newaxis]
        for view, segments in cells.items():
            self.moments.setdefault(view, Scatter()).add_block(x, one[np.newaxis], np.zeros(1, np.intp), segments)
            self.extremes.setdefault(view, Tally()).add_block({"low": Smallest(low), "high": Largest(high)}, segments, rows)
            self.sketches.setdefault(view, Sketch()).add_block(value, counted, segments)
        return value if counted is None else np.where(counted, value, np.nan)

    def _keep(self, samples: Sequence[Sample]) -> None:
        self.numbers += sum(sample.numbers for sample in samples)
        self.full = self.full or self.numbers > MOST_NUMBERS
        if self.full:
            self.samples = []
        else:
            self.samples.extend(samples)

    def plus(self, other: "Observed") -> "Observed":
        """With what comes next in the data."""
        for view, scatter in other.scatter.items():
            self.scatter.setdefault(view, Scatter()).add(scatter)
        for view, scatter in other.moments.items():
            self.moments.setdefault(view, Scatter()).add(scatter)
        for view, tally in other.extremes.items():
            self.extremes.setdefault(view, Tally()).add(tally)
        for view, sketch in other.sketches.items():
            self.sketches.setdefault(view, Sketch()).add(sketch)
        self.full = self.full or other.full
        self._keep(other.samples)
        return self


def components(
    terms: Sequence[Measured], reductions: Sequence[str], rows: int
) -> tuple[Array, Array, npt.NDArray[np.intp]]:
    """What values are made of: components `(k, n)`, bases `(m, n)`, and the base of each component.

    A row loss is one component over what its reduction divides by; a set loss's statistics are totals, over the count.
    """
    x: list[Array] = []
    v: list[Array] = []
    base: list[int] = []
    for term, reduction in zip(terms, reductions, strict=True):
        found = {name: part for name, part in term.statistics.items() if isinstance(part, np.ndarray)}
        parts = [found["loss"]] if term.rows is not None else [found[name] for name in summed(term.statistics)]
        size = sum(1 if part.ndim == 1 else len(part) for part in parts)
        own = found.get(BASES.get(reduction, "")) if term.rows is not None else None
        base += [len(v)] * size
        v.append(np.ones(rows) if own is None else own)
        if term.rows is None and "weight" in found:
            v.append(found["weight"])  # no component's base: it tells how many rows really count
        x += [np.atleast_2d(part) for part in parts]
    return np.concatenate(x), np.stack(v), np.array(base, dtype=np.intp)


def summed(statistics: Statistics) -> list[str]:
    """The statistics of a set loss that its value is a function of and that merge by addition."""
    return [name for name, part in statistics.items() if isinstance(part, np.ndarray) and not name.startswith("finding ")]
