"""What runs of programs give, and how it merges."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.fused.exact import Extreme, Total


class Check(NamedTuple):
    """What one pass saw of a column: missing values, NaNs, the range of the others, integers beyond 2^53."""

    nulls: int
    nans: int
    low: float
    high: float
    large: int

    @property
    def finite(self) -> bool:
        """Whether every number is."""
        return not self.nans and self.low > -np.inf and self.high < np.inf

    def with_(self, other: "Check") -> "Check":
        """Of both."""
        return Check(
            self.nulls + other.nulls,
            self.nans + other.nans,
            min(self.low, other.low),
            max(self.high, other.high),
            self.large + other.large,
        )


UNSEEN = Check(0, 0, np.inf, -np.inf, 0)


@dataclass(slots=True, eq=False)
class Result:
    """What a run gives: rows that counted, checks by column and component, totals by output, and row values.

    Row values are `(n,)`, or `(k, n)` of several components; rows that do not count are NaN there.
    """

    rows: int
    checks: dict[str, tuple[Check, ...]]
    totals: dict[str, Total | Extreme]
    values: dict[str, Array]

    def add(self, other: "Result") -> None:
        """Merge what another run of the program gave, but for row values."""
        self.rows += other.rows
        for name, checks in other.checks.items():
            self.checks[name] = tuple(a.with_(b) for a, b in zip(self.checks[name], checks, strict=True))
        for name, total in other.totals.items():
            self.totals[name].add(total)  # type: ignore[arg-type]
