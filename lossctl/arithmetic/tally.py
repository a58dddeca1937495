"""The one place where statistics are merged: block to piece to total, compensated, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Indexes
from lossctl.arithmetic.cells import WHOLE, Cells, Key
from lossctl.arithmetic.statistics import Histogram, Largest, Product, Smallest, Statistics


class Column(NamedTuple):
    """Where a statistic stands: rows `start` to `stop` of the merged sums, or of the maxima (`merge`: sum, max, min).

    A minimum is kept as the maximum of its negative.
    """

    start: int
    stop: int
    vector: bool
    merge: str


@dataclass(slots=True, eq=False, repr=False)
class Tally:
    """Merged statistics of cells (a slice, a unit): compensated sums and maxima, a column per cell.

    Every cell counts its rows; a sum `weight` stands for them unless a kernel or a weight column says otherwise.
    """

    layout: dict[str, Column] = field(default_factory=dict)
    cells: dict[Key, int] = field(default_factory=dict)
    high: Array = field(default_factory=lambda: np.zeros((0, 0)))
    low: Array = field(default_factory=lambda: np.zeros((0, 0)))
    top: Array = field(default_factory=lambda: np.zeros((0, 0)))
    _known: tuple[Sequence[Key], Indexes] = ((), np.zeros(0, np.intp))

    def add_block(self, statistics: Statistics, cells: Cells | None, rows: int) -> None:
        """Merge one block's row statistics; without cells all rows are one cell.

        The block's own sums are plain: blocks are small, and what is lost between them is kept in `low`.
        """
        if not self.layout:
            self.layout = _layout(statistics)
        keys = [WHOLE] if cells is None else cells.keys
        sizes = np.array([rows]) if cells is None else cells.sizes()
        sums, tops = [sizes[np.newaxis].astype(np.float64)], []
        with np.errstate(invalid="ignore"):  # infinities of both signs
            for statistic in statistics.values():
                match statistic:
                    case Largest(value):
                        tops.append(_reduce(np.maximum, value, cells))
                    case Smallest(value):
                        tops.append(-_reduce(np.minimum, value, cells))
                    case Histogram():
                        sums.append(_reduce_bins(statistic, cells))
                    case Product(left) if cells is None and left.ndim == 1:
                        sums.append(np.array([[statistic.total()]]))
                    case Product():
                        sums.append(_reduce(np.add, statistic.value, cells))
                    case _:
                        sums.append(_reduce(np.add, statistic, cells))
        high = np.concatenate(sums)
        top = np.concatenate(tops) if tops else np.zeros((0, len(keys)))
        self._merge(self._places(keys, cells), high, None, top)

    def add(self, other: "Tally") -> None:
        """Merge another tally, of the rows that come next in the data."""
        if not other.layout:
            return
        if not self.layout:
            self.layout = other.layout
        self._merge(self._places(list(other.cells), None), other.high, other.low, other.top)

    def _places(self, keys: Sequence[Key], cells: Cells | None) -> Indexes:
        """Where the cells of some keys are; new ones are added in order of first appearance."""
        # Keys are known by identity: `columns.keys.cells_of` hands out the same list for blocks of the same few cells,
        # which saves a look-up per key and block. So nobody may change that list in place.
        if keys is self._known[0]:
            return self._known[1]
        if cells is not None and any(key not in self.cells for key in keys):
            for place in cells.appearance().tolist():
                self.cells.setdefault(keys[place], len(self.cells))
        at = np.array([self.cells.setdefault(key, len(self.cells)) for key in keys], dtype=np.intp)
        self._known = keys, at
        return at

    def _merge(self, at: Indexes, high: Array, low: Array | None, top: Array) -> None:
        """Add sums (`high + low`) and merge maxima of the cells at these places."""
        if len(at) == 1 and self.high.shape[1] == len(self.cells) == 1:
            self.high, error = _two_sum(self.high, high)
            self.low = self.low + error if low is None else self.low + (error + low)
            self.top = np.maximum(self.top, top)
            return
        if not len(self.high):  # the first cells, every one new
            # Cells stand in order of their places. Adding 0 turns a sum of -0.0 into 0.0, as adding to a cell that is
            # there does: a zero's sign would depend on the cuts of the data.
            order = np.argsort(at)
            self.high, self.top = high[:, order] + 0.0, top[:, order]
            self.low = np.zeros_like(high) if low is None else low[:, order]
            return
        self._grow()
        self.high[:, at], error = _two_sum(self.high[:, at], high)
        self.low[:, at] += error if low is None else error + low
        self.top[:, at] = np.maximum(self.top[:, at], top)

    def _grow(self) -> None:
        missing = len(self.cells) - self.high.shape[1]
        if missing > 0:
            self.high, self.low = _widened(self.high, missing, 0.0), _widened(self.low, missing, 0.0)
            self.top = _widened(self.top, missing, -np.inf)

    def sums(self, at: npt.NDArray[np.intp] | None = None) -> dict[str, Array]:
        """Statistics by name for the cells `at` (default all): `(u,)`, or `(d, u)` for those of several components."""
        total = self.high + self.low
        named = {}
        for name, column in self.layout.items():
            source = total if column.merge == "sum" else self.top
            values = source[column.start : column.stop]
            values = -values if column.merge == "min" else values
            values = values if at is None else values[:, at]
            named[name] = values if column.vector else values[0]
        named.setdefault("weight", named["rows"])
        return named

    def by_cell(self) -> dict[Key, dict[str, float]]:
        """Of each cell the totals of what blocks gave, without its count of rows; every statistic is a number."""
        own = {name: total for name, total in self.sums().items() if name in self.layout and name != "rows"}
        return {key: {name: float(total[at]) for name, total in own.items()} for key, at in self.cells.items()}


def _widened(x: Array, columns: int, value: float) -> Array:
    """With so many columns more; NumPy's own padding takes longer than a block's sums."""
    return np.concatenate([x, np.full((len(x), columns), value)], axis=1)


def _layout(statistics: Statistics) -> dict[str, Column]:
    """Where each statistic will stand; the first of the sums are the rows."""
    layout, sums, tops = {"rows": Column(0, 1, False, "sum")}, 1, 0
    for name, statistic in statistics.items():
        match statistic:
            case Product(value):
                merge = "sum"
            case Largest(value):
                merge = "max"
            case Smallest(value):
                merge = "min"
            case Histogram():
                merge, value = "sum", np.empty((statistic.size, 0))
            case _:
                merge, value = "sum", statistic
        size = 1 if value.ndim == 1 else len(value)
        start = sums if merge == "sum" else tops
        layout[name] = Column(start, start + size, value.ndim > 1, merge)
        sums, tops = (sums + size, tops) if merge == "sum" else (sums, tops + size)
    return layout


def _reduce(operation: np.ufunc, x: Array, cells: Cells | None) -> Array:
    """One number per component and cell, `(components, cells)`."""
    x = x if x.ndim > 1 else x[np.newaxis]
    if cells is None:
        reduced = operation.reduce(x, axis=-1, keepdims=True)
    else:
        reduced = cells.sum(x) if operation is np.add else cells.reduce(operation, x)
    return np.ascontiguousarray(reduced, dtype=np.float64)


def _reduce_bins(histogram: Histogram, cells: Cells | None) -> Array:
    """One number per bin and cell, `(bins, cells)`."""
    size, place, value = histogram.size, histogram.bin, histogram.value
    if cells is None:
        return np.bincount(place, value, size)[:, np.newaxis].astype(np.float64)
    return np.ascontiguousarray(cells.bins(place, size, value), dtype=np.float64)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The rounded sum and its exact error (Knuth); a sum that is infinite has no error."""
    total = a + b
    with np.errstate(invalid="ignore"):
        part = total - a
        error = (a - (total - part)) + (b - part)
    return total, np.where(np.isfinite(total), error, 0.0)
