"""What a block, a piece and held rows are."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import Cells, Key
from lossctl.arithmetic.tally import Tally
from lossctl.columns.binding import Binding
from lossctl.columns.faults import Faults
from lossctl.columns.keys import Encoded, cells_of
from lossctl.columns.labels import Seen
from lossctl.engine.plan.plan import Term, View
from lossctl.sources.arrow import index_column

if TYPE_CHECKING:
    from lossctl.engine.observed import Observed


# How many numbers the rows of a list column hold, and the first row that tells.
Widths: TypeAlias = dict[Binding, tuple[tuple[int, ...], int]]
# By term and view: the statistics of a loss, and apart from them what it remarks of the same rows.
Tallies: TypeAlias = dict[tuple[int, View], Tally]


@dataclass(slots=True, eq=False, repr=False)
class RowValues:
    """What a block says of its rows: their numbers in the piece (0-based), ids, losses and gradients."""

    rows: npt.NDArray[np.int64]
    ids: pa.Array | None
    loss: Array
    gradient: Any = None


@dataclass(slots=True, eq=False, repr=False)
class Held:
    """A block's clean arrays, held for losses that need their units whole; `labels` are what label codes stand for."""

    arrays: dict[Binding, Any]
    labels: list[str | None]
    places: npt.NDArray[np.int64]
    ids: pa.Array | None
    weights: Array | None
    unit_weights: Array | None
    by: list[Encoded]
    group: Encoded | None
    rows: int

    def take(self, at: "slice | npt.NDArray[np.intp]") -> "Held":
        """Some of the rows."""
        places = self.places[at]
        return Held(
            {binding: np.ascontiguousarray(array[..., at]) for binding, array in self.arrays.items()},
            self.labels,
            places,
            None if self.ids is None else self.ids.take(index_column(np.arange(self.rows)[at])),
            None if self.weights is None else self.weights[at],
            None if self.unit_weights is None else self.unit_weights[at],
            [Encoded(key.codes[at], key.labels) for key in self.by],
            None if self.group is None else Encoded(self.group.codes[at], self.group.labels),
            len(places),
        )

    @property
    def bytes(self) -> int:
        """Memory its arrays, places, weights and keys hold."""
        alone = [self.places, self.weights, self.unit_weights, *(key.codes for key in self.by)]
        alone += [] if self.group is None else [self.group.codes]
        return sum(array.nbytes for array in [*self.arrays.values(), *alone] if array is not None)


@dataclass(slots=True, eq=False, repr=False)
class PieceResult:
    """What a piece adds to the totals; `before` rows of the dataset precede it, where that matters."""

    before: int = 0
    rows: int = 0
    used: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    widths: "Widths" = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)
    tallies: Tallies = field(default_factory=dict)
    findings: Tallies = field(default_factory=dict)
    details: Tallies = field(default_factory=dict)
    unit_weights: Tallies = field(default_factory=dict)
    dropped: dict[View, Tally] = field(default_factory=dict)
    values: list[RowValues] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    observed: "dict[int, Observed]" = field(default_factory=dict)
    seen: Seen = field(default_factory=dict)
    counts: Array | None = None
    levels: dict[View, Tally] = field(default_factory=dict)
    matched: dict[Key, npt.NDArray[np.uint8]] = field(default_factory=dict)
    unmatched: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Block:
    """A block's clean arrays and keys, and the rows of the block as read that they come from (None: all)."""

    start: int
    rows: int
    numbers: dict[Binding, Any]
    by: list[Encoded]
    group: Encoded | None
    origin: npt.NDArray[np.intp] | None
    ids: pa.Array | None
    labels: list[str | None]
    _cells: dict[tuple[View, bool], Cells | None] = field(default_factory=dict)

    def places(self) -> npt.NDArray[np.int64]:
        """Row numbers in the piece."""
        return self.start + (np.arange(self.rows) if self.origin is None else self.origin)

    def arrays(self, term: Term) -> dict[str, Any]:
        """A term's arrays by role."""
        return {name: self.numbers[binding] for name, binding in term.bindings.items()}

    def params(self, term: Term) -> dict[str, Any]:
        """A term's parameters; those read from a column are arrays."""
        return {**term.resolved, **{name: self.numbers[binding] for name, binding in term.columns.items()}}

    def cells(self, view: View, units: bool) -> Cells | None:
        """The block's rows by the cells of a view: its slices, or the units inside them."""
        key = (view, units and self.group is not None)
        if key not in self._cells:
            columns = [self.by[index] for index in view]
            if key[1] and self.group is not None:
                columns.append(self.group)
            self._cells[key] = cells_of(columns, self.rows)
        return self._cells[key]
