"""A block of rows made clean: joined, filtered, checked, without the rows that are to be skipped."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl import spec
from lossctl.columns import Fault, Faults, Mask, Numbers, SharedFault, Trouble, note
from lossctl.engine.plan import Plan, Term, View
from lossctl.errors import DataError
from lossctl.keys import Encoded, encode, segments
from lossctl.labels import Seen
from lossctl.mapping import Binding
from lossctl.reading import Context, check, check_classes, check_lengths, check_rules, check_sizes, keep, read
from lossctl.results import MISSING
from lossctl.roles import Array
from lossctl.segments import WHOLE, Key, Segments
from lossctl.totals import Tally

if TYPE_CHECKING:
    from lossctl.engine.observed import Observed


# How many numbers the rows of a list column hold, and the first row that tells.
Widths: TypeAlias = dict[Binding, tuple[tuple[int, ...], int]]


@dataclass(slots=True, eq=False, repr=False)
class RowValues:
    """What a block says of its rows: their numbers in the piece (0-based), ids, losses and gradients."""

    rows: npt.NDArray[np.int64]
    ids: pa.Array | None
    loss: Array
    gradient: Any = None


@dataclass(slots=True, eq=False, repr=False)
class Kept:
    """A block's clean arrays, kept for losses that need their units whole; `labels` are what label codes stand for."""

    arrays: dict[Binding, Any]
    labels: list[str | None]
    places: npt.NDArray[np.int64]
    ids: pa.Array | None
    weights: Array | None
    unit_weights: Array | None
    by: list[Encoded]
    group: Encoded | None
    rows: int

    def take(self, at: "slice | npt.NDArray[np.intp]") -> "Kept":
        """Some of the rows."""
        places = self.places[at]
        index = pa.Array.from_buffers(
            pa.int64(), len(places), [None, pa.py_buffer(np.arange(self.rows, dtype=np.int64)[at].copy())]
        )
        return Kept(
            {binding: np.ascontiguousarray(array[..., at]) for binding, array in self.arrays.items()},
            self.labels,
            places,
            None if self.ids is None else self.ids.take(index),
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
    tallies: dict[tuple[int, View], Tally] = field(default_factory=dict)
    dropped: dict[View, Tally] = field(default_factory=dict)
    values: list[RowValues] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
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
    _segments: dict[tuple[View, bool], Segments | None] = field(default_factory=dict)

    def places(self) -> npt.NDArray[np.int64]:
        """Row numbers in the piece."""
        return self.start + (np.arange(self.rows) if self.origin is None else self.origin)

    def arrays(self, term: Term) -> dict[str, Any]:
        """A term's arrays by role."""
        return {name: self.numbers[binding] for name, binding in term.bindings.items()}

    def params(self, term: Term) -> dict[str, Any]:
        """A term's parameters; those read from a column are arrays."""
        return {**term.resolved, **{name: self.numbers[binding] for name, binding in term.columns.items()}}

    def segments(self, view: View, units: bool) -> Segments | None:
        """The block's rows by the cells of a view: its slices, or the units inside them."""
        key = (view, units and self.group is not None)
        if key not in self._segments:
            columns = [self.by[index] for index in view]
            if key[1] and self.group is not None:
                columns.append(self.group)
            self._segments[key] = segments(columns, self.rows)
        return self._segments[key]


def select(
    plan: Plan, batch: pa.RecordBatch, result: PieceResult, faults: Faults
) -> tuple[pa.RecordBatch, npt.NDArray[np.intp] | None, npt.NDArray[np.int64] | None]:
    """The rows to evaluate with the truth's columns; where they stood in the batch (None: all did) and in the truth."""
    origin: npt.NDArray[np.intp] | None = None
    places: npt.NDArray[np.int64] | None = None
    if plan.truth is not None:
        places = plan.truth.find(batch, result.before + result.rows)
        lost = np.flatnonzero(places < 0)
        if len(lost):
            result.unmatched += len(lost)
            if plan.join == "strict":
                names = plan.truth.on
                if not names:
                    raise DataError(
                        f"{plan.truth.path} has {plan.truth.rows:,} rows, and the predictions have more: rows pair by "
                        "position only where both have as many. Join them on keys with --on."
                    )
                keys = {name: encode(batch.column(name)) for name in names}
                shown = (", ".join(key.labels[key.codes[row]] or MISSING for key in keys.values()) for row in lost)
                note(faults, Trouble("unmatched", ", ".join(names), plan.truth.path), lost, shown)
            origin = np.flatnonzero(places >= 0)
            batch, places = take(batch, origin), places[origin]
        _count_matched(plan, batch, places, result)
        batch = plan.truth.join(batch, places)
    if plan.where is not None:
        from lossctl import filters

        passed = np.flatnonzero(filters.passing(plan.where, batch))
        if len(passed) < batch.num_rows:
            batch, origin = take(batch, passed), passed if origin is None else origin[passed]
            places = None if places is None else places[passed]
    if plan.limit is not None and batch.num_rows > plan.limit - result.used:
        batch = batch.slice(0, plan.limit - result.used)
        origin = np.arange(batch.num_rows) if origin is None else origin[: batch.num_rows]
    return batch, origin, None if places is None else places[: batch.num_rows]


def take(batch: pa.RecordBatch, rows: npt.NDArray[np.intp]) -> pa.RecordBatch:
    """Some of the rows of a batch."""
    index = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(rows.astype(np.int64))])
    return batch.take(index)


def _count_matched(plan: Plan, batch: pa.RecordBatch, places: npt.NDArray[np.int64], result: PieceResult) -> None:
    """How often each row of the truth was found, up to twice; predictions of different slices are told apart."""
    assert plan.truth is not None
    by = [] if plan.many_to_one else [encode(batch.column(name)) for name in plan.by if name in batch.schema.names]
    cells = segments(by, len(places))
    parts = [(WHOLE, places)] if cells is None else [(key, places[at]) for key, at in cells.places()]
    for key, found in parts:
        counts = np.minimum(np.bincount(found, minlength=plan.truth.rows), 2).astype(np.uint8)
        before = result.matched.get(key)
        result.matched[key] = counts if before is None else np.minimum(before + counts, 2).astype(np.uint8)


def clean(
    plan: Plan,
    batch: pa.RecordBatch,
    origin: npt.NDArray[np.intp] | None,
    truths: npt.NDArray[np.int64] | None,
    result: PieceResult,
    faults: Faults,
) -> Block:
    """The block's arrays, without the rows that have a missing value where those are to be skipped."""
    found_faults: Faults = {}
    context = Context(found_faults, result.seen)
    found = {binding: read(batch, binding, context) for binding in plan.numeric()}
    by = [encode(batch.column(name)) for name in plan.by]
    group = encode(batch.column(plan.group)) if plan.group else None
    ids = batch.column(plan.id) if plan.id else None
    _check_keys(plan, ids, group, found_faults)
    gone = _missing(plan, found, result, found_faults)
    arrays: dict[Binding, Any] = {binding: part.values for binding, part in found.items()}
    kept, rows = None, batch.num_rows
    if gone is not None:
        _count_dropped(plan, by, gone, result)
        kept = np.flatnonzero(~gone)
        rows = len(kept)
        arrays = {binding: keep(values, kept) for binding, values in arrays.items()}
        by = [column.take(~gone) for column in by]
        group = group.take(~gone) if group else None
        ids = take(pa.RecordBatch.from_arrays([ids], ["id"]), kept).column(0) if ids is not None else None
    if not found_faults:
        _check_widths(arrays, result, found_faults, kept)
        for binding, values in arrays.items():
            if not (found[binding].finite and binding.role.anything):
                check(values, binding, found_faults, kept)
        for term in plan.terms:
            roles = {name: arrays[binding] for name, binding in term.bindings.items()}
            check_classes(term.bindings, roles, found_faults, kept)
            check_lengths(term.bindings, roles, found_faults, kept)
            check_sizes(term.bindings, roles, found_faults)
            if rules := spec.get(term.loss).hooks.rules:
                params = {**term.resolved, **{name: arrays[binding] for name, binding in term.columns.items()}}
                check_rules(rules, term.bindings, roles, params, found_faults, kept)
    for trouble, fault in found_faults.items():
        if plan.truth is not None and truths is not None and plan.truth.holds(trouble.column):
            trouble = trouble._replace(column=plan.truth.own_name(trouble.column))
            fault = _in_truth(fault, truths)
        elif origin is not None:
            fault.examples = [(int(origin[row]), shown) for row, shown in fault.examples]
        faults[trouble] = fault
    places = kept if origin is None else origin if kept is None else origin[kept]
    return Block(result.rows, rows, arrays, by, group, places, ids, list(context.vocabulary))


def _in_truth(fault: Fault, truths: npt.NDArray[np.int64]) -> SharedFault:
    """A fault of rows as one of the truth's own, which were joined to them."""
    found = SharedFault()
    found.add(Fault(0, [(int(truths[row]), shown) for row, shown in fault.examples], truths[fault.at]), 0)
    return found


def _check_widths(
    arrays: dict[Binding, Any], result: PieceResult, faults: Faults, rows: npt.NDArray[np.intp] | None
) -> None:
    """Note list columns whose lists are of another length than those of earlier blocks."""
    for binding, values in arrays.items():
        if binding.layout == "list" and values.shape[-1]:
            at = np.arange(values.shape[-1]) if rows is None else rows
            width, first = values.shape[:-1], result.rows + int(at[0])
            known, _ = result.widths.setdefault(binding, (width, first))
            if known != width:
                note(faults, uneven(binding, known), at, (said_width(width) for _ in at))


def uneven(binding: Binding, known: tuple[int, ...]) -> Trouble:
    """The fault of lists that are not as long as the first ones."""
    return Trouble("length", binding.columns[0], " x ".join(map(str, known)))


def said_width(width: tuple[int, ...]) -> str:
    """How long they are instead."""
    return f"{' x '.join(map(str, width))} numbers"


def _missing(plan: Plan, read: dict[Binding, Numbers], result: PieceResult, faults: Faults) -> Mask | None:
    """The rows to drop; where missing values are errors, and in weights always, they are noted as faults."""
    gone: Mask | None = None
    for binding, found in read.items():
        strict = plan.missing == "error" or binding in (plan.weight, plan.unit_weight)
        for name, gaps in found.missing.items():
            if strict:
                at = np.flatnonzero(gaps)
                note(faults, Trouble("missing", name), at, ("missing" for _ in at))
                continue
            result.missing[name] = result.missing.get(name, 0) + int(gaps.sum())
            gone = gaps if gone is None else gone | gaps
    return gone


def _check_keys(plan: Plan, ids: pa.Array | None, group: Encoded | None, faults: Faults) -> None:
    for name, key in ((plan.group, group), (plan.id, encode(ids) if ids is not None and ids.null_count else None)):
        if key is not None and None in key.labels:
            at = np.flatnonzero(key.codes == list(key.labels).index(None))
            if len(at):
                note(faults, Trouble("missing key", str(name)), at, ("missing" for _ in at))


def _count_dropped(plan: Plan, by: list[Encoded], gone: Mask, result: PieceResult) -> None:
    for view in plan.views:
        tally = result.dropped.setdefault(view, Tally())
        tally.add_block({}, segments([by[index].take(gone) for index in view], int(gone.sum())), int(gone.sum()))
