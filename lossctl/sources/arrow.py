"""Between Arrow's buffers and NumPy's arrays, both ways: the only place (pa.array and to_numpy would import pandas).

Nothing is copied where the layouts agree: an array of `values_of` is the column's memory, a column of `column_of` the
array's, so nobody may write to either.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.sources.kinds import EXACT_INTEGERS

Flags = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.int64]


def values_of(array: pa.Array) -> npt.NDArray[Any]:
    """The values of a fixed-width column as they lie in memory; whatever stands where one is null."""
    return _buffer(array, np.dtype(array.type.to_pandas_dtype()))


def ticks_of(array: pa.Array) -> npt.NDArray[Any]:
    """Dates and times as the whole numbers that they are stored as."""
    return _buffer(array, np.dtype(f"i{array.type.bit_width // 8}"))


def _buffer(array: pa.Array, dtype: "np.dtype[Any]") -> npt.NDArray[Any]:
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * dtype.itemsize)


def flags_of(array: pa.Array) -> Flags:
    """The values of a boolean column; whatever stands where one is null."""
    buffer = array.buffers()[1]
    return np.zeros(len(array), dtype=bool) if buffer is None else _bits(buffer, array)


def nulls_of(array: pa.Array) -> Flags | None:
    """Where a column is null; None where it nowhere is."""
    if not array.null_count:
        return None
    buffer = array.buffers()[0]
    return ~_bits(buffer, array) if buffer is not None else np.ones(len(array), dtype=bool)


def present(array: pa.Array) -> Flags:
    """Where a column holds a value."""
    buffer = array.buffers()[0]
    return np.ones(len(array), dtype=bool) if buffer is None else _bits(buffer, array)


def _bits(buffer: pa.Buffer, array: pa.Array) -> Flags:
    stop = array.offset + len(array)
    return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little", count=stop)[array.offset :].astype(bool)


def offsets_of(array: pa.Array) -> Offsets:
    """Where the rows of a column of lists or text begin in its values, and where the last one ends."""
    large = pt.is_large_list(array.type) or pt.is_large_string(array.type)
    dtype = np.dtype(np.int64 if large else np.int32)
    edges = np.frombuffer(array.buffers()[1], dtype, count=len(array) + 1, offset=array.offset * dtype.itemsize)
    return edges.astype(np.int64)


def texts_of(cells: pa.Array) -> tuple[Offsets, bytes]:
    """Where the cells begin and end in their text; a missing cell has no length."""
    edges, data = offsets_of(cells), cells.buffers()[2]
    text = b"" if data is None else data.slice(int(edges[0]), int(edges[-1] - edges[0])).to_pybytes()
    return edges - edges[0], text


def large(column: pa.Array) -> bool:
    """Whether a column of float64 holds numbers from 2^53, which integers beyond it may have been rounded to."""
    values = values_of(column).astype(np.float64, copy=False)
    if not len(values) or (values.min() > -EXACT_INTEGERS and values.max() < EXACT_INTEGERS):
        return False
    return bool((np.abs(values) >= EXACT_INTEGERS).any())  # a NaN hides the extremes


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def taken(batch: pa.RecordBatch, rows: npt.NDArray[np.integer]) -> pa.RecordBatch:
    """Some of the rows of a batch."""
    return batch.take(index_column(rows))


def index_column(rows: npt.NDArray[np.integer]) -> pa.Array:
    """Row numbers as Arrow's `take` wants them."""
    return column_of(rows.astype(np.int64, copy=False))


def column_of(values: npt.NDArray[Any], present: Flags | None = None, kind: pa.DataType | None = None) -> pa.Array:
    """Numbers or truth values as a column; whole numbers may be those of another `kind` of their width (dates)."""
    if values.dtype == np.bool_:
        bits = pa.py_buffer(np.packbits(values.astype(np.bool_, copy=False), bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(values), [_validity(present), bits])
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        kind or pa.from_numpy_dtype(values.dtype), len(values), [_validity(present), pa.py_buffer(values)]
    )


def texts_column(cells: Sequence[str | None]) -> pa.Array:
    """Text cells as a column."""
    encoded = [b"" if cell is None else cell.encode() for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum([len(cell) for cell in encoded], out=offsets[1:])
    present = np.array([cell is not None for cell in cells], dtype=bool)
    return encoded_texts(pa.py_buffer(offsets), b"".join(encoded), present)


def encoded_texts(ends: "pa.Buffer | bytes", text: bytes, present: Flags | None = None) -> pa.Array:
    """Cells that stand one after another in a text; `ends` are their int32 offsets, from 0 on."""
    edges = pa.py_buffer(ends) if isinstance(ends, bytes) else ends
    return pa.Array.from_buffers(pa.string(), edges.size // 4 - 1, [_validity(present), edges, pa.py_buffer(text)])


def lists_of(values: pa.Array, offsets: npt.NDArray[np.integer], present: Flags | None = None) -> pa.Array:
    """Lists of any length: row i holds `values[offsets[i]:offsets[i + 1]]`."""
    wide = len(offsets) > 0 and offsets[-1] > np.iinfo(np.int32).max
    kind = pa.large_list(values.type) if wide else pa.list_(values.type)
    edges = pa.py_buffer(np.ascontiguousarray(offsets, dtype=np.int64 if wide else np.int32))
    return pa.Array.from_buffers(kind, len(offsets) - 1, [_validity(present), edges], children=[values])


def fixed_lists(values: pa.Array, width: int, rows: int) -> pa.Array:
    """Lists of one length, their values one after another."""
    return pa.Array.from_buffers(pa.list_(values.type, width), rows, [None], children=[values])


def coded(codes: npt.NDArray[np.integer], labels: pa.Array, present: Flags | None = None) -> pa.Array:
    """A column of repeated texts: each row's index into the labels."""
    return pa.DictionaryArray.from_arrays(column_of(codes.astype(np.int32), present), labels)


def _validity(present: Flags | None) -> pa.Buffer | None:
    """Where values are there, as Arrow keeps it; None where all are."""
    if present is None or present.all():
        return None
    return pa.py_buffer(np.packbits(present, bitorder="little"))
