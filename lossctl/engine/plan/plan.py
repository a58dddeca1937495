"""What is to be computed, decided once and picklable: how rows are read, and what a pass wants of them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import Key
from lossctl.columns.binding import Binding
from lossctl.declare import registry
from lossctl.declare.kernel import Kernel, Scope
from lossctl.declare.params import ColumnRef, Value
from lossctl.sources.source import As, Piece, Source

if TYPE_CHECKING:
    from lossctl.columns.filter.language import Filter
    from lossctl.columns.join import Truth, TruthFile

# Bytes of float64 a block brings into the cache; blocks decide the digits, so this depends on the columns alone.
BLOCK_BYTES = 1 << 22
LEAST_ROWS, MOST_ROWS = 1 << 6, 1 << 18

View = tuple[int, ...]


class Term(NamedTuple):
    """One loss with its parameters and columns; several of them make an expression or a comparison.

    `nested`: every row is a whole unit, so that the term's `scope` is the row, whatever its loss's.
    `resolved` are the parameters as the kernel takes them, `columns` those that are read from a column.
    """

    loss: str
    params: Mapping[str, Value | ColumnRef]
    bindings: Mapping[str, Binding]
    nested: bool
    scope: Scope
    resolved: Mapping[str, object] = {}
    columns: Mapping[str, Binding] = {}
    pivot: Mapping[str, Array] = {}

    @property
    def kernel(self) -> Kernel:
        return registry.get(self.loss).kernel_for(self.bindings)

    @property
    def row_valued(self) -> bool:
        """Whether it has a value for every row (or for every unit that stands in one)."""
        return self.scope == "row" or (self.scope == "group" and not self.kernel.unit_valued)


class Levels(NamedTuple):
    """Where values lie in the cells of a view: means by binding, `(cells,)` or `(k, cells)`."""

    cells: Mapping[Key, int]
    means: Mapping[Binding, Array]

    def pivot(self, term: Term, keys: Sequence[Key]) -> dict[str, Array]:
        """What a term is centred on in these cells, by role."""
        at = np.array([self.cells[key] for key in keys], dtype=np.intp)
        return {name: self.means[binding][..., at] for name, binding in term.bindings.items()}


class RowOutput(NamedTuple):
    """What is wanted of every row: the sum of the terms times these factors, and perhaps its gradient."""

    factors: tuple[float, ...]
    gradient: bool = False


class Observe(NamedTuple):
    """What statistics need of every row: for intervals how each term is reduced, and whether rows are kept to be
    resampled; for distributions the factors of the terms. Empty: neither.
    """

    reductions: tuple[str, ...] = ()
    factors: tuple[float, ...] = ()
    resample: bool = False
    terms: tuple[int, ...] = ()


class Scan(NamedTuple):
    """How rows are read, and which: the same for every pass over a dataset.

    `truth` is what `truth_file` holds, once it is read.
    """

    sources: tuple[Source, ...]
    pieces: tuple[Piece, ...] = ()
    columns: Mapping[str, As] = {}
    where: "Filter | None" = None
    limit: int | None = None
    truth_file: "TruthFile | None" = None
    truth: "Truth | None" = None
    join: Literal["strict", "inner"] = "strict"
    many_to_one: bool = False
    missing: Literal["error", "skip"] = "error"
    block_rows: int = MOST_ROWS
    batch_rows: int = 0

    @property
    def sequential(self) -> bool:
        """Whether pieces must be taken in turn: rows that pair by position or are counted need those before them."""
        return self.limit is not None or (self.truth_file is not None and not self.truth_file.on)

    @property
    def choosing(self) -> tuple[str, ...]:
        """The columns that decide which rows are read: those of the filter and the keys of a join."""
        from lossctl.columns.filter import language

        chosen = () if self.where is None else tuple(language.columns(self.where))
        return chosen if self.truth_file is None else (*chosen, *self.truth_file.on)


class Ask(NamedTuple):
    """The terms evaluated: merged statistics, and perhaps row values, what intervals need of rows, rows of units."""

    terms: tuple[Term, ...] = ()
    weight: Binding | None = None
    unit_weight: Binding | None = None
    group: str | None = None
    by: tuple[str, ...] = ()
    id: str | None = None
    rows: RowOutput | None = None
    observe: tuple[Observe | None, ...] = ()
    levels: Mapping[View, Levels] = {}
    memory: int | None = None
    hold: bool = False

    @property
    def views(self) -> list[View]:
        return views(self.by)

    def numeric(self) -> Iterator[Binding]:
        """Every distinct binding that is read."""
        terms = (b for term in self.terms for b in (*term.bindings.values(), *term.columns.values()))
        yield from dict.fromkeys([*terms, *filter(None, (self.weight, self.unit_weight))])

    def pivot(self, term: Term, view: View, keys: Sequence[Key]) -> Mapping[str, Array]:
        """What a term is centred on in cells of a view, by role."""
        levels = self.levels.get(view)
        return term.pivot if levels is None else levels.pivot(term, keys)


class CountClasses(NamedTuple):
    """How often each class (of so many) is the target."""

    target: Binding
    size: int
    terms: tuple[Term, ...] = ()
    weight: None = None
    unit_weight: None = None
    group: None = None
    by: tuple[str, ...] = ()
    id: None = None

    @property
    def views(self) -> list[View]:
        return views(())

    def numeric(self) -> Iterator[Binding]:
        """The target alone."""
        yield self.target


class FindMeans(NamedTuple):
    """The means of columns in the units and slices, on which their statistics are then centred.

    The other columns are read as they will be when terms are evaluated: the same rows count.
    """

    means: tuple[Binding, ...]
    weight: Binding | None
    unit_weight: Binding | None
    group: str | None
    by: tuple[str, ...]
    id: str | None
    terms: tuple[Term, ...] = ()

    @property
    def views(self) -> list[View]:
        return views(self.by)

    def numeric(self) -> Iterator[Binding]:
        """The columns, and those of weights."""
        yield from dict.fromkeys([*filter(None, (self.weight, self.unit_weight)), *self.means])


# What a pass wants of the rows it is given clean: arrays, and keys that cut them.
Wanted: TypeAlias = Ask | CountClasses | FindMeans


def views(by: Sequence[str]) -> list[View]:
    """The whole, then the slices by each column, then by their crosses."""
    return [view for size in range(len(by) + 1) for view in combinations(range(len(by)), size)]


def block_rows(bindings: Mapping[Binding, None]) -> int:
    """Rows of a block: a power of two whose float64 columns fill BLOCK_BYTES."""
    width = sum(binding.width for binding in bindings)
    fitting = BLOCK_BYTES // (8 * max(width, 1))
    return min(MOST_ROWS, max(LEAST_ROWS, 1 << (fitting.bit_length() - 1 if fitting else 0)))


def wanted(
    terms: Sequence[Term], grouped: bool, reductions: tuple[str, ...], factors: tuple[float, ...], resample: bool
) -> Observe | None:
    """What must be observed of every row for intervals (of these reductions) and distributions (of these factors)."""
    scopes = {term.scope for term in terms}
    sets = [registry.get(term.loss) for term in terms if term.scope == "set" and not grouped]
    smooth = resample or all(loss.facts["differentiable"] is not False for loss in sets)
    possible = "row" in scopes if grouped else "group" not in scopes and smooth
    found = Observe(
        reductions if possible and "none" not in reductions else (), factors if scopes == {"row"} else (), resample
    )
    return found if found.reductions or found.factors else None
