"""Counts of values in buckets, merged in any order.

The buckets divide every octave into 128 of equal width, so that a midpoint is within 2^-8 of any value in its bucket
(log-linear, as HdrHistogram; for the guarantee see Masson, Rim and Lee 2019, DDSketch, doi:10.14778/3352063.3352135).
A bucket is the upper bits of the number itself: no logarithm, the same on every machine.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.cells import WHOLE, Cells, Key
from lossctl.arithmetic.quantiles import between

_SHIFT = 52 - 7
_OFFSET = 1 << 19
_CELL = 1 << 20
_MAGNITUDE = np.int64((1 << 63) - 1)
# States are merged when so many new entries wait, or as many as there are.
_WAITING = 1 << 17
Counts = npt.NDArray[np.int64]


@dataclass(slots=True)
class Sketch:
    """Counts per cell and bucket: integers, so that merging is exact."""

    cells: dict[Key, int] = field(default_factory=dict)
    keys: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    _waiting: list[tuple[Counts, Counts]] = field(default_factory=list)

    def add_block(self, values: Array, counted: "Flags | None", cells: Cells | None) -> None:
        """Count a block's values; those that are not `counted` are left out."""
        buckets = _buckets(values)
        if cells is not None:
            order, starts, rank = cells.runs
            sizes = np.diff(starts, append=cells.rows)
            own = np.array([self.cells.setdefault(key, len(self.cells)) for key in cells.keys], np.int64)
            by_run = np.empty_like(own)
            by_run[rank] = own
            if order is not None:
                buckets, counted = buckets[order], None if counted is None else counted[order]
            buckets = buckets + np.repeat(by_run * _CELL, sizes)
        else:
            buckets += self.cells.setdefault(WHOLE, len(self.cells)) * _CELL
        self._wait(*_tallied(buckets if counted is None else buckets[counted]))

    def add(self, other: "Sketch") -> None:
        """Merge another sketch; cells are known by their keys."""
        other._merge()
        own = np.array([self.cells.setdefault(key, len(self.cells)) for key in other.cells], np.int64)
        if len(other.keys):
            cell, bucket = np.divmod(other.keys, _CELL)
            self._wait(own[cell] * _CELL + bucket, other.counts)

    def _wait(self, keys: Counts, counts: Counts) -> None:
        """Put entries aside: merging sorts all there are, so it waits until enough have come together."""
        self._waiting.append((keys, counts))
        if sum(len(part) for part, _ in self._waiting) > max(_WAITING, len(self.keys)):
            self._merge()

    def _merge(self) -> None:
        if self._waiting:
            keys = np.concatenate([self.keys, *(part for part, _ in self._waiting)])
            counts = np.concatenate([self.counts, *(part for _, part in self._waiting)])
            self.keys, place = np.unique(keys, return_inverse=True)
            self.counts = np.bincount(place, counts, len(self.keys)).astype(np.int64)
            self._waiting = []

    def percentiles(self, key: Key, shares: Array) -> Array:
        """Quantiles of a cell's values, each within half a percent of what NumPy's default interpolates."""
        self._merge()
        cell = self.cells[key]
        start, stop = np.searchsorted(self.keys, [cell * _CELL, (cell + 1) * _CELL])
        ends = np.cumsum(self.counts[start:stop])
        middles = _middles(self.keys[start:stop] - cell * _CELL)
        ranks = shares * (ends[-1] - 1)
        below = np.floor(ranks)
        pairs = (middles[np.searchsorted(ends, np.minimum(below + up, ends[-1] - 1), side="right")] for up in (0, 1))
        return np.array([between(*pair) for pair in zip(*pairs, ranks - below, strict=True)])


def _buckets(values: Array) -> Counts:
    """The bucket of each value: sign and upper bits, so that buckets ascend as values do."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
    size = (bits & _MAGNITUDE) >> _SHIFT
    return np.where(bits < 0, _OFFSET - size, _OFFSET + size)


def _middles(buckets: Counts) -> Array:
    """The value in the middle of each bucket; of the one of infinity, infinity."""
    size = np.abs(buckets - _OFFSET)
    low, high = ((size + up) << _SHIFT for up in (0, 1))
    low, high = low.view(np.float64), high.view(np.float64)
    with np.errstate(all="ignore"):
        middle = np.where(np.isfinite(low), low + (high - low) / 2, low)
    return np.where(size == 0, 0.0, np.sign(buckets - _OFFSET) * middle)


def _tallied(keys: Counts) -> tuple[Counts, Counts]:
    """The distinct keys and how often each comes: counted where they lie close together, else sorted."""
    if not len(keys):
        return keys, keys
    low, high = int(keys.min()), int(keys.max())
    if high - low > 4 * len(keys) + _WAITING:
        found, counts = np.unique(keys, return_counts=True)
        return found, counts.astype(np.int64)
    dense = np.bincount(keys - low)
    found = np.flatnonzero(dense)
    return found + low, dense[found].astype(np.int64)
