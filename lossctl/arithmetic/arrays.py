"""The types of arrays that kernels take."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Indexes: TypeAlias = npt.NDArray[np.intp]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(slots=True, eq=False, repr=False)
class Ragged:
    """Lists of different lengths: row i holds `values[..., offsets[i]:offsets[i + 1]]`.

    Where the lists were nested before they were laid end to end, `inner` has the lengths of the lists of each level
    below the first, by row.
    """

    values: Array
    offsets: npt.NDArray[np.intp]
    inner: "tuple[Ragged, ...]" = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.values.shape[:-1], len(self.offsets) - 1)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, index: int) -> Array:
        """The values of one row."""
        return self.values[..., self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: npt.NDArray[np.intp]) -> "Ragged":
        """Some of the rows."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        places = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[..., places], offsets, tuple(level.take(rows) for level in self.inner))

    def row_of(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """The rows that values at these places belong to."""
        return np.searchsorted(self.offsets, places, side="right") - 1

    @property
    def lengths(self) -> npt.NDArray[np.intp]:
        """How many values each row holds."""
        return np.diff(self.offsets)

    def nesting(self, row: int) -> tuple[tuple[int, ...], ...]:
        """How the lists of a row are nested: their lengths by level, one number where all of a level are as long."""
        levels = [[len(self.inner[0].row(row))], *(level.row(row).tolist() for level in self.inner)]
        return tuple((lengths[0],) if len(set(lengths)) == 1 else tuple(lengths) for lengths in levels)
