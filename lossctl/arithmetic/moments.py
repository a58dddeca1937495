"""Second moments of row values about their own ratios, merged like totals: what intervals are made of."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import WHOLE, Cells, Key

Index = npt.NDArray[np.intp]


class Moments(NamedTuple):
    """Sums of components `x_k` and of bases `v_m`, and of products of residuals; the last axis is the cells.

    A residual is `e_k = x_k - centre_k v_k` with `centre_k = sum x_k / sum v_k`; `used` counts rows of base not 0.
    """

    x: Array
    v: Array
    used: Array
    centre: Array
    ee: Array
    ev: Array
    vv: Array

    def about(self, centre: Array, base: Index) -> "Moments":
        """These moments about other centres: a residual is then `e - d v`, where the centre has moved by `d`."""
        d = centre - self.centre
        own, between = self.vv[base], self.ev[:, base]
        ee = self.ee - d * between - (d * between).swapaxes(0, 1) + d[:, np.newaxis] * d * own[:, base]
        return Moments(self.x, self.v, self.used, centre, ee, self.ev - d[:, np.newaxis] * own, self.vv)

    def plus(self, other: "Moments", base: Index) -> "Moments":
        """The moments of the rows of both, moved to their common centre.

        Chan, Golub, LeVeque 1983, doi:10.2307/2683386.
        """
        centre = _ratio(self.x + other.x, (self.v + other.v)[base])
        left, right = self.about(centre, base), other.about(centre, base)
        return Moments(
            left.x + right.x,
            left.v + right.v,
            left.used + right.used,
            centre,
            left.ee + right.ee,
            left.ev + right.ev,
            left.vv + right.vv,
        )

    def at(self, cells: "Index | slice") -> "Moments":
        """The moments of some of the cells."""
        return Moments(*(part[..., cells] for part in self))

    def grown(self, cells: int) -> "Moments":
        """The moments with empty cells added at the end, so that there are so many."""
        missing = cells - self.x.shape[-1]
        if missing <= 0:
            return self
        return Moments(*(np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, missing)]) for part in self))

    def put(self, cells: Index, other: "Moments") -> None:
        """Write the moments of others over those of some of the cells, in place."""
        for mine, theirs in zip(self, other, strict=True):
            mine[..., cells] = theirs


@dataclass(slots=True)
class Scatter:
    """Merged second moments of cells. `base` tells which base each component is divided by.

    Each cell's moments are about its own centre, which moves as rows come in: no pivot is needed, and nothing
    cancels, wherever values lie and however far apart the slices are.
    """

    base: Index = field(default_factory=lambda: np.zeros(0, np.intp))
    cells: dict[Key, int] = field(default_factory=dict)
    moments: Moments | None = None

    def add_block(self, x: Array, v: Array, base: Index, cells: Cells | None) -> None:
        """Merge a block's components `(k, n)` over bases `(m, n)`."""
        self.base = base
        with np.errstate(all="ignore"):
            self._merge([WHOLE] if cells is None else list(cells.keys), _of_block(x, v, base, cells))

    def add(self, other: "Scatter") -> None:
        """Merge the moments of the rows that come next in the data."""
        if other.moments is None:
            return
        self.base = other.base
        with np.errstate(all="ignore"):
            self._merge(list(other.cells), other.moments)

    def _merge(self, keys: list[Key], found: Moments) -> None:
        if self.moments is None:
            self.cells, self.moments = {key: at for at, key in enumerate(keys)}, found
            return
        at = np.array([self.cells.setdefault(key, len(self.cells)) for key in keys], dtype=np.intp)
        self.moments = self.moments.grown(len(self.cells))
        self.moments.put(at, self.moments.at(at).plus(found, self.base))

    def cell(self, key: Key) -> Moments | None:
        """The moments of one cell, without its axis."""
        if self.moments is None or key not in self.cells:
            return None
        at = self.cells[key]
        return Moments(*(part[..., at] for part in self.moments))


def _ratio(x: Array, v: Array) -> Array:
    return np.where(v != 0, x / np.where(v != 0, v, 1.0), 0.0)


def _of_block(x: Array, v: Array, base: Index, cells: Cells | None) -> Moments:
    starts = np.zeros(1, np.intp)
    if cells is not None:
        x, v, starts = cells.arrange(x), cells.arrange(v), cells.runs.starts
    sizes = np.diff(starts, append=x.shape[-1])

    def total(values: Array) -> Array:
        return np.add.reduceat(np.ascontiguousarray(values), starts, axis=-1)

    x_sum, v_sum = total(x), total(v)
    centre = _ratio(x_sum, v_sum[base])
    e = x - np.repeat(centre, sizes, axis=-1) * v[base]
    ee = np.empty((len(x), len(x), len(starts)))
    for k in range(len(x)):
        ee[k, k:] = ee[k:, k] = total(e[k] * e[k:])
    ev = np.stack([total(e * own) for own in v], axis=1)
    vv = np.stack([total(v * own) for own in v], axis=1)
    found = Moments(x_sum, v_sum, total((v != 0).astype(np.float64)), centre, ee, ev, vv)
    return found if cells is None else found.at(cells.runs.rank)
