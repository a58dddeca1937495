"""Roles: what a column handed to a loss may hold, which shapes it comes in, and the names it usually has."""

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float64]
else:
    Array = object  # so that naming roles does not cost NumPy's import
Shape = Literal["number", "vector", "either"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of numbers; infinity belongs to it only where an end is infinite and closed."""

    low: float = -inf
    high: float = inf
    low_open: bool = True
    high_open: bool = True

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        return f"{'(' if self.low_open else '['}{self.low:g}, {self.high:g}{')' if self.high_open else ']'}"

    @property
    def everything(self) -> bool:
        """All finite numbers."""
        return self == Interval()

    @property
    def words(self) -> str:
        """The range as a reader says it: '>= 0', '> 0 and < 1', 'finite'."""
        parts = []
        if self.low != -inf:
            parts.append(f"{'>' if self.low_open else '>='} {self.low:g}")
        if self.high != inf:
            parts.append(f"{'<' if self.high_open else '<='} {self.high:g}")
        return " and ".join(parts) or "finite"


@dataclass(frozen=True, slots=True)
class Role:
    """What a column may hold: its kind, shape, domain, and the column names of that kind that are tried first."""

    kind: str
    says: str
    shape: Shape = "number"
    domain: Interval = Interval()
    names: tuple[str, ...] = ()


_POSITIVE = Interval(low=0)
_NOT_NEGATIVE = Interval(low=0, low_open=False)

Real: TypeAlias = Annotated[Array, Role("real", "a finite number")]
RealD: TypeAlias = Annotated[Array, Role("real", "finite numbers, one or D per row", shape="either")]
Positive: TypeAlias = Annotated[Array, Role("real", "a number > 0", domain=_POSITIVE)]
PositiveD: TypeAlias = Annotated[Array, Role("real", "numbers > 0, one or D per row", "either", _POSITIVE)]
AboveMinusOneD: TypeAlias = Annotated[
    Array, Role("real", "numbers > -1, one or D per row", shape="either", domain=Interval(low=-1))
]

# Column names by role name, best rank first; two hits within one rank are an error, never a guess.
USUAL_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "target": (("y_true", "target", "label", "y"), ("actual", "observed", "truth", "ground_truth")),
    "pred": (("y_pred", "pred", "prediction", "yhat"), ("predicted", "y_hat", "forecast")),
    "std": (("std", "sigma", "stddev", "y_std"),),
    "var": (("var", "variance"),),
    "scale": (("scale",),),
}


def usual_names(role_name: str, role: Role) -> tuple[tuple[str, ...], ...]:
    """The ranks of column names tried for a role, best first."""
    by_name = USUAL_NAMES.get(role_name, ((role_name,),))
    return (role.names, *by_name) if role.names else by_name
