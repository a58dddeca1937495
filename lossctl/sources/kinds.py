"""Arrow types as far as roles care: what kind of values a column holds, and columns made of NumPy's."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.sources.base import Kind

EXACT_INTEGERS = 2.0**53
INEXACT = "Integers beyond 2^53 are not exact as float64; store the column as float64 (text with a point), or scale it."


def kind_of(kind: pa.DataType) -> Kind:
    """The kind of values a type holds."""
    if pt.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_decimal(kind) or pt.is_null(kind):
        return "number"
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind):
        return "text"
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return "list"
    if isinstance(kind, pa.BaseExtensionType):
        return kind_of(kind.storage_type)
    return "other"


def type_name(kind: pa.DataType) -> str:
    """A type as messages name it: that of the values, however they are stored."""
    return type_name(kind.value_type) if pt.is_dictionary(kind) else str(kind)


def validity(present: npt.NDArray[np.bool_] | None) -> pa.Buffer | None:
    """A mask of the values that are there as Arrow keeps it; None where all are."""
    if present is None or present.all():
        return None
    return pa.py_buffer(np.packbits(present, bitorder="little"))


def present(column: pa.Array) -> npt.NDArray[np.bool_]:
    """A mask of the values that are there."""
    buffer = column.buffers()[0]
    return np.ones(len(column), dtype=bool) if buffer is None else bits(buffer, column)


def bits(buffer: pa.Buffer, column: pa.Array) -> npt.NDArray[np.bool_]:
    """A mask as Arrow keeps it beside a column."""
    stop = column.offset + len(column)
    return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little", count=stop)[column.offset :].astype(bool)


def primitive(values: npt.NDArray[np.generic], present: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers or booleans as a column (pa.array would import pandas)."""
    if values.dtype == np.bool_:
        bits = pa.py_buffer(np.packbits(values.astype(np.bool_, copy=False), bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(values), [validity(present), bits])
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), len(values), [validity(present), pa.py_buffer(values)]
    )


def large(column: pa.Array) -> bool:
    """Whether a column of float64 holds numbers from 2^53, which integers beyond it may have been rounded to."""
    values = np.frombuffer(column.buffers()[1] or b"", np.float64, len(column), column.offset * 8 if len(column) else 0)
    if not len(values) or (values.min() > -EXACT_INTEGERS and values.max() < EXACT_INTEGERS):
        return False
    return bool((np.abs(values) >= EXACT_INTEGERS).any())  # a NaN hides the extremes


def strings(cells: Sequence[str | None]) -> pa.Array:
    """Text cells as a column."""
    encoded = [b"" if cell is None else cell.encode() for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum([len(cell) for cell in encoded], out=offsets[1:])
    present = np.array([cell is not None for cell in cells], dtype=bool)
    return pa.Array.from_buffers(
        pa.string(), len(cells), [validity(present), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    )


def lists(values: pa.Array, offsets: npt.NDArray[np.integer], present: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Lists of any length: row i holds `values[offsets[i]:offsets[i + 1]]`."""
    wide = len(offsets) > 0 and offsets[-1] > np.iinfo(np.int32).max
    kind = pa.large_list(values.type) if wide else pa.list_(values.type)
    edges = pa.py_buffer(np.ascontiguousarray(offsets, dtype=np.int64 if wide else np.int32))
    return pa.Array.from_buffers(kind, len(offsets) - 1, [validity(present), edges], children=[values])


def fixed_lists(values: pa.Array, width: int, rows: int) -> pa.Array:
    """Lists of one length, their values one after another."""
    return pa.Array.from_buffers(pa.list_(values.type, width), rows, [None], children=[values])


def coded(codes: npt.NDArray[np.integer], labels: pa.Array, present: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """A column of repeated texts: each row's index into the labels."""
    return pa.DictionaryArray.from_arrays(primitive(codes.astype(np.int32), present), labels)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
