"""Arrow columns as float64 arrays: what is missing, no number or not exact is found here, so that no kernel looks.

A check that passes costs one sum, or one minimum and maximum; the offending rows are searched for only after a hit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.columns.binding import Binding
from lossctl.columns.faults import NOT_EMPTY, Faults, Kind, Trouble, note, of_rows
from lossctl.sources.arrow import column_of, flags_of, nulls_of, offsets_of, values_of
from lossctl.sources.kinds import EXACT_INTEGERS

# Values as numbers, and where one is missing; faults are of the values' own places.
Convert: TypeAlias = "Callable[[pa.Array, Faults], tuple[Array, Flags | None]]"


@dataclass(slots=True, eq=False, repr=False)
class Numbers:
    """A role's values in a block and the rows where one is missing (None: nowhere), by column."""

    values: Any
    missing: dict[str, Flags]
    finite: bool = False  # known from a sum, so that nobody need add them up again


def numbers(batch: pa.RecordBatch, binding: Binding, faults: Faults) -> Numbers:
    """The numbers of a role: `(n,)`, or a logical `(k, n)` in the memory order of the file."""
    says = binding.role.says
    if binding.layout == "list":
        name = binding.columns[0]
        return lists(batch.column(name), binding, faults, lambda flat, inner: floats(flat, name, says, inner))
    missing: dict[str, Flags] = {}
    if binding.layout == "number":
        name = binding.columns[0]
        column, gaps = floats(batch.column(name), name, binding.role.says, faults)
        return Numbers(column, missing, _gaps(column, gaps, name, missing))
    values = np.empty((len(binding.columns), batch.num_rows))
    nulls: list[Flags | None] = []
    for row, name in zip(values, binding.columns, strict=True):
        row[:], gaps = floats(batch.column(name), name, binding.role.says, faults)
        nulls.append(gaps)
    if np.isfinite(values.sum()):  # a null is NaN by now
        return Numbers(values, missing, True)
    known = [_gaps(*found, missing) for found in zip(values, nulls, binding.columns, strict=True)]
    return Numbers(values, missing, all(known))


def _gaps(values: Array, nulls: Flags | None, name: str, missing: dict[str, Flags]) -> bool:
    """Note where a column's numbers are missing; returns whether they are known to be finite."""
    if np.isfinite(values.sum()):  # a sum that overflows, of finite numbers, only costs the search
        return True
    nan = np.isnan(values)
    gaps = nan if nulls is None else nan | nulls
    if gaps.any():
        missing[name] = gaps
    return False


def floats(array: pa.Array, name: str, says: str, faults: Faults) -> tuple[Array, Flags | None]:
    """A primitive column as float64, exactly, with the mask of its nulls."""
    kind = array.type
    if pt.is_dictionary(kind):
        return _decode(array, name, says, faults)
    if pt.is_floating(kind) or pt.is_integer(kind):
        raw = values_of(array)
        gaps = nulls_of(array)
        values: Array = raw.astype(np.float64, copy=False)
        if raw.dtype.kind in "iu" and raw.dtype.itemsize == 8 and len(raw):
            _check_exact(raw, values, gaps, name, faults)
        return (values if gaps is None else np.where(gaps, np.nan, values)), gaps
    gaps = nulls_of(array)
    if pt.is_boolean(kind):
        values = flags_of(array).astype(np.float64)
    elif pt.is_null(kind):
        values, gaps = np.full(len(array), np.nan), np.ones(len(array), dtype=bool)
    else:
        values = _parse(array, name, says, faults)
    return (values if gaps is None else np.where(gaps, np.nan, values)), gaps


def _check_exact(raw: npt.NDArray[np.generic], values: Array, gaps: Flags | None, name: str, faults: Faults) -> None:
    """Note the integers of 64 bits that float64 does not hold."""
    if values.min() > -EXACT_INTEGERS and values.max() < EXACT_INTEGERS:  # 2^53 may be 2^53 + 1, rounded
        return
    inexact = np.array([int(value) != int(number) for value, number in zip(raw, values, strict=True)])
    if gaps is not None:
        inexact &= ~gaps
    if inexact.any():
        at = np.flatnonzero(inexact)
        note(faults, Trouble(Kind.INEXACT, name), at, (str(raw[place]) for place in at))


def _decode(array: pa.DictionaryArray, name: str, says: str, faults: Faults) -> tuple[Array, Flags | None]:
    """A dictionary column: its entries as numbers, once each, then by row; faults of entries become those of rows."""
    inner: Faults = {}
    entries, entry_gaps = floats(array.dictionary, name, says, inner)
    gaps = nulls_of(array)
    index = values_of(array.indices).astype(np.intp)
    if gaps is not None:
        index = np.where(gaps, 0, index)  # Arrow leaves any number where a row is null
    if not len(entries):
        return np.full(len(array), np.nan), np.ones(len(array), dtype=bool)
    values = entries[index]
    if entry_gaps is not None:
        gaps = entry_gaps[index] if gaps is None else gaps | entry_gaps[index]
    filled = True if gaps is None else ~gaps
    if wrong := inner.get(Trouble(Kind.INEXACT, name)):
        at = np.flatnonzero(np.isin(index, wrong.at) & filled)
        note(faults, Trouble(Kind.INEXACT, name), at, (str(array.dictionary[int(index[place])]) for place in at))
    if not pt.is_string(array.dictionary.type):
        return values, gaps
    texts = array.dictionary.to_pylist()
    at = np.flatnonzero(np.isnan(values) & filled)
    if len(at):
        note(faults, Trouble(Kind.TEXT, name, says), at, (repr(texts[index[place]]) for place in at))
    return values, gaps


def _parse(array: pa.Array, name: str, says: str, faults: Faults) -> Array:
    """Decimals, and text that should have been numbers, cell by cell."""
    from lossctl.sources.text.numerals import numeral

    cells = [None if cell is None else str(cell) for cell in array.to_pylist()]
    good = [cell is not None and numeral(cell) for cell in cells]
    values = np.array([float(cell) if fine and cell else np.nan for cell, fine in zip(cells, good, strict=True)])
    at = np.array(
        [index for index, (cell, fine) in enumerate(zip(cells, good, strict=True)) if cell is not None and not fine],
        dtype=np.intp,
    )
    if len(at):
        note(faults, Trouble(Kind.TEXT, name, says), at, (repr(cells[place]) for place in at))
    beyond = np.flatnonzero(np.abs(values) >= EXACT_INTEGERS)
    if len(beyond):
        from lossctl.sources.text.numerals import inexact

        at = np.array([place for place in beyond if inexact(cells[place] or "")], dtype=np.intp)
        if len(at):
            note(faults, Trouble(Kind.INEXACT, name), at, (str(cells[place]).strip() for place in at))
    return values


def flat_list(array: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64], Flags | None]:
    """A list column as its values one after another, the offsets of the rows in them, and the mask of null rows."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    gaps, size = nulls_of(array), len(array)
    if pt.is_fixed_size_list(array.type):
        width = array.type.list_size
        return array.values.slice(array.offset * width, size * width), np.arange(size + 1) * width, gaps
    offsets = offsets_of(array)
    return array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0])), offsets - offsets[0], gaps


def lists(array: pa.Array, binding: Binding, faults: Faults, convert: Convert) -> Numbers:
    """A list column of one length as a transposed view of its values, which `convert` makes numbers of."""
    name, size = binding.columns[0], len(array)
    flat, offsets, gaps = flat_list(array)
    lengths = np.diff(offsets)
    present = lengths if gaps is None else lengths[~gaps]
    width = int(present[0]) if len(present) else binding.width
    if width == 0:
        at = np.arange(size) if gaps is None else np.flatnonzero(~gaps)
        note(faults, Trouble(Kind.RULE, name, NOT_EMPTY), at, ("an empty list" for _ in at))
        return Numbers(np.zeros((1, size)), {})
    if (present != width).any():
        uneven = (lengths != width) if gaps is None else (lengths != width) & ~gaps
        at = np.flatnonzero(uneven)
        note(faults, Trouble(Kind.LENGTH, name, str(width)), at, (f"{lengths[place]} numbers" for place in at))
        return Numbers(np.zeros((width, size)), {})
    if gaps is not None:
        flat = _spread(flat, offsets, gaps, width)
    inner: Faults = {}
    values, inner_gaps = convert(flat, inner)
    of_rows(inner, lambda items: items // width, faults)
    matrix = values.reshape(size, width)
    if inner_gaps is not None:
        matrix = np.where(inner_gaps.reshape(size, width), np.nan, matrix)
    if not inner and (inner_gaps is not None or not np.isfinite(matrix.sum())):
        holes: Flags = np.asarray(np.isnan(matrix).any(axis=1))
        gaps = holes if gaps is None else gaps | holes
    return Numbers(matrix.T, {} if gaps is None or not gaps.any() else {name: gaps})


def _spread(flat: pa.Array, offsets: npt.NDArray[np.int64], gaps: Flags, width: int) -> pa.Array:
    """The values of a list column with null rows, a row of nulls for each of them."""
    places = offsets[:-1, np.newaxis] + np.arange(width)
    places[gaps] = 0  # any place there is: the values are masked below
    return flat.take(column_of(places.ravel(), np.repeat(~gaps, width)))
