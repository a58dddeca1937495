"""Exactly rounded sums that merge in any order, and extremes that do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array

Digits: TypeAlias = npt.NDArray[np.int64]
LEAST = 1074  # sums are kept in units of 2^-1074, the least double, 32 bits a digit
_LOWEST_GRID, _HIGHEST = -1022, 1000
MOST_MERGES = 1 << 29


@dataclass(slots=True, eq=False)
class Total:
    """Sums by component and cell: digits `(d, components, cells)` from the digit `first` on; `odd` is not finite."""

    first: int
    digits: Digits
    odd: Array
    merges: int = 0

    @classmethod
    def of(cls, parts: "Sequence[Total]") -> "Total":
        """Components one after another."""
        if len(parts) == 1:
            return parts[0]
        first = min(part.first for part in parts)
        top = max(part.first + len(part.digits) for part in parts)
        whole = [part.digits_over(first, top) for part in parts]
        return cls(first, np.concatenate(whole, axis=1), np.concatenate([part.odd for part in parts]))

    def digits_over(self, first: int, top: int) -> Digits:
        """Its digits from one to another; those that it has not are 0."""
        before, after = self.first - first, top - self.first - len(self.digits)
        return np.pad(self.digits, ((before, after), (0, 0), (0, 0))) if before or after else self.digits

    def add(self, other: "Total") -> None:
        """Merge another one, of the same components and cells."""
        if self.first == other.first and self.digits.shape == other.digits.shape:
            self.digits = self.digits + other.digits
        else:
            first = min(self.first, other.first)
            top = max(self.first + len(self.digits), other.first + len(other.digits))
            self.digits = self.digits_over(first, top) + other.digits_over(first, top)
            self.first = first
        if np.count_nonzero(other.odd):
            with np.errstate(invalid="ignore"):
                self.odd = self.odd + other.odd
        self.merges += other.merges + 1
        if self.merges > MOST_MERGES:
            self.carry()

    def carry(self) -> None:
        """Every digit but the last to [-2^31, 2^31)."""
        digits = np.concatenate([self.digits, np.zeros((1, *self.digits.shape[1:]), np.int64)])
        for place in range(len(digits) - 1):
            carried = (digits[place] + (1 << 31)) >> 32
            digits[place] -= carried << 32
            digits[place + 1] += carried
        self.digits, self.merges = digits, 0

    def values(self) -> Array:
        """The sums, rounded once, as `(components, cells)`: infinite beyond the largest double, NaN of inf - inf."""
        flat = self.digits.reshape(len(self.digits), self.odd.size).T.tolist()
        rounded = [rounded_sum(self.first, digits) for digits in flat]
        values = np.array(rounded).reshape(self.odd.shape)
        return np.where((self.odd != 0.0) | np.isnan(self.odd), self.odd, values)

    def take(self, cells: npt.NDArray[np.intp]) -> "Total":
        """Some of the cells."""
        return Total(self.first, self.digits[:, :, cells], self.odd[:, cells], self.merges)

    def widened(self, cells: int) -> "Total":
        """With so many cells, those that are new empty."""
        more = cells - self.odd.shape[1]
        return Total(
            self.first,
            np.pad(self.digits, ((0, 0), (0, 0), (0, more))),
            np.pad(self.odd, ((0, 0), (0, more))),
            self.merges,
        )


def rounded_sum(first: int, digits: Sequence[int]) -> float:
    """A fixed-point number as the nearest double."""
    whole = 0
    for digit in reversed(digits):
        whole = (whole << 32) + digit
    whole <<= 32 * first
    try:
        return whole / (1 << LEAST)
    except OverflowError:
        return np.inf if whole > 0 else -np.inf


@dataclass(slots=True, eq=False)
class Extreme:
    """Largest (`sign` 1) or smallest (-1) values, `(components, cells)`; a NaN stays."""

    sign: int
    found: Array

    def add(self, other: "Extreme") -> None:
        """Merge another one."""
        self.found = (np.maximum if self.sign > 0 else np.minimum)(self.found, other.found)

    def values(self) -> Array:
        """The extremes; infinite, of the other sign, for cells without rows."""
        return self.found

    def take(self, cells: npt.NDArray[np.intp]) -> "Extreme":
        """Some of the cells."""
        return Extreme(self.sign, self.found[:, cells])

    def widened(self, cells: int) -> "Extreme":
        """With so many cells, those that are new empty."""
        more = cells - self.found.shape[1]
        return Extreme(self.sign, np.pad(self.found, ((0, 0), (0, more)), constant_values=-self.sign * np.inf))


class Adder:
    """The sums of one component by cell, in NumPy: what the compiled module keeps."""

    def __init__(self, cells: int, rows: int, exact: bool) -> None:
        self.cells, self.exact = cells, exact
        self.whole = 0  # of runs, in units of 2^-1074
        self.digits: dict[int, Digits] = {}
        self.odd = np.zeros(cells)
        self.scratch = np.empty((2, rows if exact else 0))
        self.headroom = max(rows, 2).bit_length() + 1  # runs of so many rows add up without rounding

    def run(self, values: Array) -> None:
        """Add a run to the only cell: parts on ever finer grids, each added up exactly (Rump, Ogita, Oishi 2008)."""
        if not self.exact:
            with np.errstate(all="ignore"):
                total = float(values.sum())
            if abs(total) < np.inf:
                self._add(total)
                return
        low, high = float(values.min()), float(values.max())
        size = max(-low, high)
        if size == 0.0:
            return
        if not size <= 2.0**_HIGHEST:
            self.each(values, np.zeros(len(values), np.intp))
            return
        exponent = int(np.frexp(size)[1]) + self.headroom
        part, rest = self.scratch[:, : len(values)]
        while True:
            grid = 2.0 ** max(exponent, _LOWEST_GRID)
            np.add(values, grid, out=part)
            np.subtract(part, grid, out=part)
            self._add(float(part.sum()))
            values = np.subtract(values, part, out=rest)
            if not rest.any():
                break
            exponent -= 53 - self.headroom

    def _add(self, number: float) -> None:
        numerator, denominator = number.as_integer_ratio()
        self.whole += numerator << (LEAST + 1 - denominator.bit_length())

    def each(self, values: Array, cells: npt.NDArray[np.integer]) -> None:
        """Add numbers to their cells, digit by digit."""
        finite = np.isfinite(values)
        if not finite.all():
            odd = ~finite
            with np.errstate(invalid="ignore"):
                np.add.at(self.odd, cells[odd], values[odd])
            values, cells = values[finite], cells[finite]
        mantissas, exponents = np.frexp(values)
        place = exponents.astype(np.int64) - 53 + LEAST
        whole = np.ldexp(mantissas, 53 + np.minimum(place, 0)).astype(np.int64)  # subnormals have fewer bits
        place = np.maximum(place, 0)
        digit, shift = place >> 5, place & 31
        sign, size = np.sign(whole), np.abs(whole)
        low, high = (size & 0xFFFFFFFF) << shift, (size >> 32) << shift
        parts = (low & 0xFFFFFFFF, (low >> 32) + (high & 0xFFFFFFFF), high >> 32)
        for at in np.unique(digit).tolist():
            here = digit == at
            for beyond, part in enumerate(parts):
                plane = self.digits.setdefault(at + beyond, np.zeros(self.cells, np.int64))
                np.add.at(plane, cells[here], (sign * part)[here])

    def total(self) -> Total:
        """What was added."""
        nothing = np.zeros(self.cells, np.int64)
        first = min(self.digits, default=0)
        planes = [self.digits.get(at, nothing) for at in range(first, max(self.digits, default=-1) + 1)]
        total = Total(first, np.array(planes, np.int64).reshape(len(planes), 1, self.cells), self.odd[np.newaxis])
        if self.whole:
            sign, size = (1, self.whole) if self.whole > 0 else (-1, -self.whole)
            first = ((size & -size).bit_length() - 1) >> 5
            digits = [sign * (size >> (32 * at) & 0xFFFFFFFF) for at in range(first, (size.bit_length() + 31) >> 5)]
            total.add(Total(first, np.array(digits, np.int64).reshape(-1, 1, 1), np.zeros((1, 1))))
        total.carry()
        return total
