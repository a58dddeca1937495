"""The rows of a block by cell (a slice, a unit, a unit inside a slice), and their sums cell by cell."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Indexes

Key: TypeAlias = tuple[Hashable, ...]
WHOLE: Key = ()
HEAD = 4096
# Rows of a strip per cell: plain sums of so few keep their digits.
STRIP = 64


class Runs(NamedTuple):
    """The rows cell after cell: `order` sorts them (None: they stand so already), `starts` is where the runs begin.

    `rank` gives the runs' places in the order of the keys.
    """

    order: Indexes | None
    starts: Indexes
    rank: Indexes


class Cells(Protocol):
    """Which rows of a block are in which cell. What has a value per cell has it in the order of `keys`.

    `CellRuns` know where each cell's rows are, `CellCodes` which cell each row is in.
    """

    __slots__ = ()

    @property
    def keys(self) -> Sequence[Key]:
        """The cells' keys; the list may be shared with other blocks, and is not to be changed."""

    @property
    def rows(self) -> int:
        """Rows of the block."""

    @property
    def runs(self) -> Runs:
        """The rows cell after cell."""

    def appearance(self) -> Indexes:
        """The places of the keys in order of first appearance."""

    def sizes(self) -> npt.NDArray[np.int64]:
        """Rows of each cell."""

    def spread(self, values: Array) -> Array:
        """Each row's cell's value: `(cells,)` or `(k, cells)` as `(n,)` or `(k, n)`."""

    def sum(self, x: Array) -> Array:
        """Sums of components `(k, n)`, as `(k, cells)`."""

    def bins(self, place: Indexes, size: int, value: Array | None) -> "Array | Indexes":
        """Histograms of `size` bins, as `(size, cells)`; each row adds its value, or 1, to its place."""

    def arrange(self, x: Array) -> Array:
        """The rows of `x`, cell after cell."""
        order = self.runs.order
        return x if order is None else x[..., order]

    def places(self) -> Iterator[tuple[Key, slice | Indexes]]:
        """Every key and where its rows are, in order of first appearance."""
        order, starts, rank = self.runs
        ends = np.append(starts[1:], self.rows)
        for at in self.appearance().tolist():
            span = slice(int(starts[rank[at]]), int(ends[rank[at]]))
            yield self.keys[at], span if order is None else order[span]

    def reduce(self, operation: np.ufunc, x: Array) -> Array:
        """Components `(k, n)` reduced cell by cell, as `(k, cells)`."""
        reduced: Array = operation.reduceat(self.arrange(x), self.runs.starts, axis=-1)[:, self.runs.rank]
        return reduced


class CellRuns(Cells):
    """Rows in runs of one cell each; the keys stand in order of first appearance.

    For keys that stand sorted in the file, and where there may be more cells than rows.
    """

    __slots__ = ("keys", "rows", "runs")
    keys: Sequence[Key]
    rows: int
    runs: Runs

    def __init__(self, keys: Sequence[Key], rows: int, runs: Runs) -> None:
        self.keys, self.rows, self.runs = keys, rows, runs

    def appearance(self) -> Indexes:
        return np.arange(len(self.keys))

    def sizes(self) -> npt.NDArray[np.int64]:
        starts = self.runs.starts
        return (np.append(starts[1:], self.rows) - starts)[self.runs.rank]

    def spread(self, values: Array) -> Array:
        order, starts, rank = self.runs
        by_run = np.empty_like(values)
        by_run[..., rank] = values
        sorted_rows = np.repeat(by_run, np.diff(starts, append=self.rows), axis=-1)
        if order is None:
            return sorted_rows
        spread = np.empty_like(sorted_rows)
        spread[..., order] = sorted_rows
        return spread

    def sum(self, x: Array) -> Array:
        return self.reduce(np.add, x)

    def bins(self, place: Indexes, size: int, value: Array | None) -> "Array | Indexes":
        order, starts, rank = self.runs
        if order is not None:
            place, value = place[order], None if value is None else value[order]
        first = np.repeat(np.arange(0, len(starts) * size, size), np.diff(starts, append=self.rows))
        return np.bincount(first + place, value, len(starts) * size).reshape(len(starts), size)[rank].T


class CellCodes(Cells):
    """Rows in any order, each with the code of its cell: sums need no more, and what does sorts the rows into runs.

    `cells` are the codes of the keys, ascending; `counts` tells how often each code comes, also those of no key.
    """

    __slots__ = ("_cells", "_codes", "_counts", "_runs", "_strips", "keys", "rows")
    keys: Sequence[Key]
    rows: int

    def __init__(self, keys: Sequence[Key], rows: int, codes: Indexes, cells: Indexes, counts: Indexes) -> None:
        self.keys, self.rows = keys, rows
        self._codes, self._cells, self._counts = codes, cells, counts
        self._runs: Runs | None = None
        self._strips: tuple[Indexes, int] | None = None

    @property
    def _space(self) -> int:
        """How many codes there may be."""
        return len(self._counts)

    @property
    def runs(self) -> Runs:
        if self._runs is None:
            found = runs_of(self._codes)
            self._runs = found._replace(rank=np.arange(len(found.rank)))  # the keys ascend, and so do sorted codes
        return self._runs

    def appearance(self) -> Indexes:
        place = np.full(self._space, -1)
        for rows in (HEAD, self.rows):  # most often all are among the first rows
            head = self._codes[:rows]
            place[head[::-1]] = np.arange(len(head) - 1, -1, -1)  # of several writes the last one stays
            if (place[self._cells] >= 0).all():
                break
        return np.argsort(place[self._cells])

    def sizes(self) -> npt.NDArray[np.int64]:
        return self._counts[self._cells]

    def spread(self, values: Array) -> Array:
        table = np.zeros((*values.shape[:-1], self._space))
        table[..., self._cells] = values
        return table[..., self._codes]

    def sum(self, x: Array) -> Array:
        places, strips = self._in_strips()
        parts = [np.bincount(places, row, strips * self._space).reshape(strips, self._space) for row in x]
        return np.stack([np.ascontiguousarray(part.T).sum(axis=1)[self._cells] for part in parts])

    def _in_strips(self) -> tuple[Indexes, int]:
        """Where each row is added up (the code's place in the row's strip), and how many strips there are.

        One long `bincount` would add row to row and lose digits; NumPy sums the strips' totals pairwise.
        """
        if self._strips is None:
            length = STRIP * max(4, self._space)
            strips = max(1, self.rows // length)
            places = self._codes
            if strips > 1:
                places, whole = np.empty_like(self._codes), strips * length
                first = np.arange(0, strips * self._space, self._space)
                np.add(
                    self._codes[:whole].reshape(strips, length), first[:, None], places[:whole].reshape(strips, length)
                )
                np.add(self._codes[whole:], first[-1], places[whole:])  # rows beyond the last whole strip join it
            self._strips = places, strips
        return self._strips

    def bins(self, place: Indexes, size: int, value: Array | None) -> "Array | Indexes":
        counts = np.bincount(self._codes * size + place, value, self._space * size)
        return counts.reshape(self._space, size)[self._cells].T


def runs_of(codes: npt.NDArray[np.integer[Any]]) -> Runs:
    """The rows sorted by code, where they are not yet."""
    order, narrow = None, _narrow(codes)
    if (narrow[1:] < narrow[:-1]).any():
        order = np.argsort(narrow, kind="stable")
        narrow = narrow[order]
    starts = np.concatenate([[0], np.flatnonzero(narrow[1:] != narrow[:-1]) + 1])
    return Runs(order, starts, np.argsort(starts if order is None else order[starts]))


def _narrow(codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """Codes in the smallest type: NumPy sorts integers of up to 16 bits by radix, a pass per byte."""
    top = int(codes.max())
    if top < 1 << 8:
        return codes.astype(np.uint8)
    return codes.astype(np.uint16) if top < 1 << 16 else codes
