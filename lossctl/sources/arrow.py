"""Between Arrow's buffers and NumPy's arrays, both ways: the only place (pa.array and to_numpy would import pandas)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.sources.kinds import EXACT_INTEGERS


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


def column_of(values: npt.NDArray[np.generic], present: npt.NDArray[np.bool_] | None = None) -> pa.Array:
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


def texts_column(cells: Sequence[str | None]) -> pa.Array:
    """Text cells as a column."""
    encoded = [b"" if cell is None else cell.encode() for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum([len(cell) for cell in encoded], out=offsets[1:])
    present = np.array([cell is not None for cell in cells], dtype=bool)
    return pa.Array.from_buffers(
        pa.string(), len(cells), [validity(present), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    )


def lists_of(
    values: pa.Array, offsets: npt.NDArray[np.integer], present: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
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
    return pa.DictionaryArray.from_arrays(column_of(codes.astype(np.int32), present), labels)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def values_of(array: pa.Array) -> npt.NDArray[np.generic]:
    """The values buffer of a fixed-width column as it lies in memory (to_numpy would import pandas)."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * dtype.itemsize)


def flags_of(array: pa.Array) -> npt.NDArray[np.bool_]:
    """A boolean column as a mask."""
    buffer = array.buffers()[1]
    return np.zeros(len(array), dtype=bool) if buffer is None else bits(buffer, array)


def nulls_of(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    """The mask of a column's nulls; None where it has none."""
    if not array.null_count:
        return None
    buffer = array.buffers()[0]
    return ~bits(buffer, array) if buffer is not None else np.ones(len(array), dtype=bool)


Offsets = npt.NDArray[np.int64]


def texts_of(cells: pa.Array) -> tuple[Offsets, bytes]:
    """Where the cells begin and end in their text; a missing cell has no length."""
    _, offsets, data = cells.buffers()
    edges = np.frombuffer(offsets, np.int32, len(cells) + 1, cells.offset * 4).astype(np.int64)
    text = b"" if data is None else data.slice(int(edges[0]), int(edges[-1] - edges[0])).to_pybytes()
    return edges - edges[0], text
