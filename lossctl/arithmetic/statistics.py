"""What kernels return, and how each of it merges."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.vectors import dot


class Rows(NamedTuple):
    """Row values, each with its own share of the mean: mean = sum(w * share * value) / sum(w * denominator).

    `share` is 1 and `denominator` equals it unless given: cross_entropy's values already hold the class weight, so
    it gives `denominator` alone; a loss whose rows count for several pairs gives `share`. A row whose denominator
    is 0 is ignored, unless `ignored` tells which rows are.
    """

    value: Array
    denominator: Array | None = None
    share: Array | None = None
    ignored: Flags | None = None

    def shown(self) -> Array:
        """The values as a list of rows gives them: a row without a share has none."""
        return self.value if self.share is None else np.where(self.share > 0, self.value, np.nan)


class Product(NamedTuple):
    """Row values, or a statistic that merges by sum, as `left * (right + factor * other)`.

    Its total is made of dot products, which need no array of the values. It must vouch for what it is made of: where
    the total is finite, so is every number that the kernel was given.
    """

    left: Array
    right: Array
    factor: float = 0.0
    other: Array | None = None

    @property
    def value(self) -> Array:
        """The value of each row."""
        with np.errstate(all="ignore"):
            return self.left * (self.right if self.other is None else self.right + self.factor * self.other)

    def total(self) -> float:
        """The sum over all rows, of one number each."""
        total = dot(self.left, self.right)
        if self.other is not None:
            total += self.factor * dot(self.left, self.other)
        if isfinite(total):
            return total
        with np.errstate(all="ignore"):
            return float(self.value.sum())


class Largest(NamedTuple):
    """A statistic that merges by maximum; weights other than 0 leave it alone."""

    value: Array


class Smallest(NamedTuple):
    """A statistic that merges by minimum."""

    value: Array


@dataclass(slots=True, eq=False, repr=False)
class Histogram:
    """A statistic of `size` components that merge by sum; each row adds its value, or 1, to that of its bin."""

    bin: npt.NDArray[np.intp]
    size: int
    value: Array | None = None

    __array_ufunc__ = None  # leaves `weights * histogram` to us

    def __rmul__(self, weights: Array) -> "Histogram":
        """`weights * histogram`: each row adds its value times its weight."""
        return Histogram(self.bin, self.size, weights if self.value is None else weights * self.value)


Statistic: TypeAlias = Array | Product | Largest | Smallest | Histogram
Statistics: TypeAlias = Mapping[str, Statistic]
Pivot: TypeAlias = Mapping[str, Array]
Sums: TypeAlias = Mapping[str, Array]
