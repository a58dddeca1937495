"""Units with their values: what set losses and unit-valued group losses reduce over."""

from dataclasses import dataclass
from math import fsum, isinf, isnan, nan

from lossctl.arithmetic.cells import Key
from lossctl.arithmetic.tally import Tally
from lossctl.errors import DataError


@dataclass(slots=True, eq=False, repr=False)
class Units:
    """The units of one slice, in the order of the data."""

    labels: list[str | None]
    rows: list[int]
    values: list[float]
    weights: list[float]

    @classmethod
    def empty(cls) -> "Units":
        return cls([], [], [], [])

    def append(self, label: object, rows: int, value: float, weight: tuple[float, float] | None) -> None:
        """Add a unit; `weight` is the least and the largest unit weight among its rows."""
        if weight is not None and weight[0] != weight[1]:
            raise DataError(
                f"unit {label!r} has unit weights from {weight[0]:g} to {weight[1]:g}; "
                "all rows of a unit must have the same --unit-weight."
            )
        self.labels.append(None if label is None else str(label))
        self.rows.append(rows)
        self.values.append(value)
        self.weights.append(1.0 if weight is None else weight[0])

    def extend(self, other: "Units") -> None:
        """Add the units that come next."""
        self.labels += other.labels
        self.rows += other.rows
        self.values += other.values
        self.weights += other.weights

    @property
    def names(self) -> list[str]:
        """What the units are called."""
        return ["(all)" if label is None else label for label in self.labels]

    @property
    def counted(self) -> list[bool]:
        """Whether each unit has a value; a unit whose value is undefined does not count."""
        return [not isnan(value) for value in self.values]

    def total(self) -> float:
        """Weighted sum of the values that count, correctly rounded."""
        parts = [w * v for v, w, counts in zip(self.values, self.weights, self.counted, strict=True) if counts and w]
        return sum(parts) if any(map(isinf, parts)) else fsum(parts)

    def weight(self) -> float:
        """Sum of the weights of the units that count."""
        return fsum(weight for weight, counts in zip(self.weights, self.counted, strict=True) if counts)

    def mean(self) -> float:
        weight = self.weight()
        return self.total() / weight if weight else nan


def from_tally(
    tally: Tally, weights: Tally | None, values: list[float], grouped: bool, slices: int
) -> dict[Key, Units]:
    """The units of every slice from merged statistics, the extremes of their weights, and the finished values."""
    sums = tally.sums()
    rows = sums["rows"].astype(int).tolist()
    given = None if weights is None else weights.by_cell()
    found: dict[Key, Units] = {}
    for index, key in enumerate(tally.cells):
        weight = None if given is None else (given[key]["least"], given[key]["most"])
        label = key[-1] if grouped else None
        found.setdefault(key[:slices], Units.empty()).append(label, rows[index], values[index], weight)
    return found
