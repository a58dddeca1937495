"""Columns as programs read them: memory, a type, a stride, and which values are there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array

# In the order of their numbers in the compiled module, by Arrow's names; "bits" are flags of a bit each.
TYPES: dict[str, Any] = {
    "double": np.float64,
    "float": np.float32,
    "halffloat": np.float16,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": None,
}
_NUMBERS = {name: number for number, name in enumerate(TYPES)}
_OF_DTYPE = {np.dtype(dtype): name for name, dtype in TYPES.items() if dtype is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A value per row: element `offset + row * stride` of a buffer, and bit `valid_offset + row * valid_stride`.

    `outer` is the bitmap of the rows' lists, from bit `outer_offset` on.
    """

    data: Any
    type: str = "double"
    offset: int = 0
    stride: int = 1
    validity: Any = None
    valid_offset: int = 0
    valid_stride: int = 1
    outer: Any = None
    outer_offset: int = 0

    @property
    def packed(self) -> tuple[Any, int, int, int, Any, int, int, Any, int]:
        """As the compiled module takes it."""
        return (
            self.data,
            _NUMBERS[self.type],
            self.offset,
            self.stride,
            self.validity,
            self.valid_offset,
            self.valid_stride,
            self.outer,
            self.outer_offset,
        )

    def read(self, start: int, stop: int) -> Array:
        """The values of some rows as doubles; what missing ones hold is anything."""
        first, last = self.offset + start * self.stride, self.offset + (stop - 1) * self.stride + 1
        if self.type == "bool":
            return _bits(self.data, self.offset, self.stride, start, stop).astype(np.float64)
        whole: Array = np.frombuffer(self.data, dtype=TYPES[self.type])[first : last : self.stride]
        return whole if whole.dtype == np.float64 and self.stride == 1 else whole.astype(np.float64)

    def valid(self, start: int, stop: int) -> npt.NDArray[np.bool_] | None:
        """Which values of some rows are there, or None where all are."""
        found = None
        if self.validity is not None:
            found = _bits(self.validity, self.valid_offset, self.valid_stride, start, stop)
        if self.outer is not None:
            lists = _bits(self.outer, self.outer_offset, 1, start, stop)
            found = lists if found is None else found & lists
        return None if found is None or found.all() else found

    def large(self, start: int, stop: int) -> npt.NDArray[np.bool_] | None:
        """Which values are integers beyond 2^53."""
        if self.type not in ("int64", "uint64"):
            return None
        first, last = self.offset + start * self.stride, self.offset + (stop - 1) * self.stride + 1
        whole = np.frombuffer(self.data, dtype=TYPES[self.type])[first : last : self.stride]
        return np.asarray((whole > 1 << 53) | (whole < -(1 << 53) if self.type == "int64" else False))


def _bits(data: Any, offset: int, stride: int, start: int, stop: int) -> npt.NDArray[np.bool_]:
    first, last = offset + start * stride, offset + (stop - 1) * stride
    some = np.frombuffer(data, dtype=np.uint8)[first >> 3 : (last >> 3) + 1]
    return np.unpackbits(some, bitorder="little").view(np.bool_)[first & 7 :][: last - first + 1 : stride]


def of_numpy(array: npt.NDArray[Any]) -> "Column | list[Column]":
    """The column of `(n,)`, the columns of `(k, n)` in either memory order; others are copied."""
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    type_ = _OF_DTYPE[array.dtype]
    if array.ndim == 1:
        return Column(np.ascontiguousarray(array), type_)
    k, n = array.shape
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        return [Column(array.T, type_, at, k) for at in range(k)]
    whole = np.ascontiguousarray(array)
    return [Column(whole, type_, at * n) for at in range(k)]


def of_arrow(array: Any, size: int | None = None) -> "Column | list[Column]":
    """The column of a primitive Arrow array, or the `size` columns of one of lists that are all so long."""
    if size is None:
        validity, data = array.buffers()[:2]
        marks = validity if array.null_count else None
        return Column(data if data is not None else b"", str(array.type), array.offset, 1, marks, array.offset)
    values = array.values
    fixed = str(array.type).startswith("fixed_size_list")
    first = array.offset * size if fixed else array.offsets[0].as_py()
    validity, data = values.buffers()[:2]
    start = values.offset + first
    marks = validity if values.null_count else None
    outer = array.buffers()[0] if array.null_count else None
    data = data if data is not None else b""
    return [
        Column(data, str(values.type), start + at, size, marks, start + at, size, outer, array.offset)
        for at in range(size)
    ]
