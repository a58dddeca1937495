"""The arrays of the selected rows: checked, without the rows that are to be skipped."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.arithmetic.arrays import Flags
from lossctl.arithmetic.tally import Tally
from lossctl.columns.binding import Binding
from lossctl.columns.checks import check, check_classes, check_lengths, check_rules, check_sizes
from lossctl.columns.faults import Fault, Faults, Kind, SharedFault, Trouble, note, said_width, uneven
from lossctl.columns.keys import Encoded, cells_of, encode
from lossctl.columns.numbers import Numbers
from lossctl.columns.reading import Context, keep, read
from lossctl.declare import registry
from lossctl.engine.block import Block, PieceResult
from lossctl.engine.plan.plan import Scan, Wanted
from lossctl.sources.arrow import taken


def clean(
    scan: Scan,
    wanted: Wanted,
    batch: pa.RecordBatch,
    origin: npt.NDArray[np.intp] | None,
    truths: npt.NDArray[np.int64] | None,
    result: PieceResult,
    faults: Faults,
) -> Block:
    """The block's arrays, without the rows that have a missing value where those are to be skipped."""
    found_faults: Faults = {}
    context = Context(found_faults, result.seen)
    found = {binding: read(batch, binding, context) for binding in wanted.numeric()}
    by = [encode(batch.column(name)) for name in wanted.by]
    group = encode(batch.column(wanted.group)) if wanted.group else None
    ids = batch.column(wanted.id) if wanted.id else None
    _check_keys(wanted, ids, group, found_faults)
    gone = _missing(scan, wanted, found, result, found_faults)
    arrays: dict[Binding, Any] = {binding: part.values for binding, part in found.items()}
    kept, rows = None, batch.num_rows
    if gone is not None:
        _count_dropped(wanted, by, gone, result)
        kept = np.flatnonzero(~gone)
        rows = len(kept)
        arrays = {binding: keep(values, kept) for binding, values in arrays.items()}
        by = [column.take(~gone) for column in by]
        group = group.take(~gone) if group else None
        ids = taken(pa.RecordBatch.from_arrays([ids], ["id"]), kept).column(0) if ids is not None else None
    if not found_faults:
        _check_widths(arrays, result, found_faults, kept)
        for binding, values in arrays.items():
            if not (found[binding].finite and binding.role.anything):
                check(values, binding, found_faults, kept)
        for term in wanted.terms:
            roles = {name: arrays[binding] for name, binding in term.bindings.items()}
            check_classes(term.bindings, roles, found_faults, kept)
            check_lengths(term.bindings, roles, found_faults, kept)
            check_sizes(term.bindings, roles, found_faults)
            if rules := registry.get(term.loss).hooks.rules:
                params = {**term.resolved, **{name: arrays[binding] for name, binding in term.columns.items()}}
                check_rules(rules, term.bindings, roles, params, found_faults, kept)
    for trouble, fault in found_faults.items():
        if scan.truth is not None and truths is not None and scan.truth.holds(trouble.column):
            trouble = trouble._replace(column=scan.truth.own_name(trouble.column))
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


def _missing(
    scan: Scan, wanted: Wanted, read: dict[Binding, Numbers], result: PieceResult, faults: Faults
) -> Flags | None:
    """The rows to drop; where missing values are errors, and in weights always, they are noted as faults."""
    gone: Flags | None = None
    for binding, found in read.items():
        strict = scan.missing == "error" or binding in (wanted.weight, wanted.unit_weight)
        for name, gaps in found.missing.items():
            if strict:
                at = np.flatnonzero(gaps)
                note(faults, Trouble(Kind.MISSING, name), at, ("missing" for _ in at))
                continue
            result.missing[name] = result.missing.get(name, 0) + int(gaps.sum())
            gone = gaps if gone is None else gone | gaps
    return gone


def _check_keys(wanted: Wanted, ids: pa.Array | None, group: Encoded | None, faults: Faults) -> None:
    for name, key in ((wanted.group, group), (wanted.id, encode(ids) if ids is not None and ids.null_count else None)):
        if key is not None and None in key.labels:
            at = np.flatnonzero(key.codes == list(key.labels).index(None))
            if len(at):
                note(faults, Trouble(Kind.MISSING_KEY, str(name)), at, ("missing" for _ in at))


def _count_dropped(wanted: Wanted, by: list[Encoded], gone: Flags, result: PieceResult) -> None:
    for view in wanted.views:
        tally = result.dropped.setdefault(view, Tally())
        tally.add_block({}, cells_of([by[index].take(gone) for index in view], int(gone.sum())), int(gone.sum()))
