"""NumPy's .npy and .npz: arrays as columns, read a run of rows at a time; nothing in them is ever executed.

An array of one dimension is a column of numbers, of two a list column, of three a column of lists of lists. A .npz
holds named arrays; a .npy with two dimensions or more is cut into the columns c0, c1, ..., one with fields into those.
"""

import struct
import zlib
from ast import literal_eval
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import IO, Any, Literal, NamedTuple, TypeAlias
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.errors import DataError
from lossctl.sources import arrow
from lossctl.sources.source import ColumnInfo, FileSource, Kind, Piece, Reading, Stamp, first_line

MAGIC = b"\x93NUMPY"
# The most bytes of rows that a piece holds, of all arrays together.
PIECE_BYTES, PIECE_ROWS = 1 << 26, 1 << 19
# What the library raises for a damaged file.
DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    SyntaxError,
    BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
)
DEEPEST = 3
LAST_CHARACTER = 0x10FFFF
# The units of Arrow's timestamps; coarser ones are dates, hours and minutes seconds.
UNITS = ("s", "ms", "us", "ns")

Values: TypeAlias = npt.NDArray[np.generic]


class Member(NamedTuple):
    """An array of a file: its name ('' in a .npy), type and shape, and where its values begin (None: compressed)."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int | None
    header: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return int(self.dtype.itemsize) * prod(self.shape[1:])


class Column(NamedTuple):
    """A column: the array it is in, and the field or the place on the second axis that it is."""

    member: Member
    part: str | int | None
    dtype: np.dtype[Any]
    shape: tuple[int, ...]  # of a row


@lru_cache(maxsize=256)
def _members(stamp: Stamp) -> tuple[Member, ...]:
    try:
        with open(stamp.file, "rb") as file:
            mark = file.read(len(MAGIC))
            file.seek(0)
            found = _archived(stamp, file) if mark.startswith(b"PK") else [_member("", file, 0)]
    except DAMAGED as error:
        raise _unreadable(stamp.path, error) from None
    rows = tuple(member for member in found if member.shape)
    if not rows:
        raise DataError(f"{stamp.path} holds no array with rows, of one dimension or more.")
    return rows


def _archived(stamp: Stamp, file: IO[bytes]) -> list[Member]:
    found = []
    with ZipFile(file) as archive:
        for item in archive.infolist():
            if not item.filename.endswith(".npy"):
                raise DataError(f"{stamp.path} holds {item.filename}, which is no array; a .npz of arrays is read.")
            start = None
            if item.compress_type == ZIP_STORED:
                # The data follow a header whose length only the header itself tells.
                file.seek(item.header_offset + 26)
                name, extra = struct.unpack("<HH", file.read(4))
                start = item.header_offset + 30 + name + extra
            with archive.open(item) as values:
                found.append(_member(item.filename.removesuffix(".npy"), values, start))
    return found


def _member(name: str, file: IO[bytes], start: int | None) -> Member:
    """What the header of an array says."""
    head = file.read(8)
    if head[:6] != MAGIC or head[6] not in (1, 2, 3):
        raise ValueError("it is no array of a version that is known")
    size = 2 if head[6] == 1 else 4
    length = int.from_bytes(file.read(size), "little")
    text = file.read(length)
    if len(text) < length:
        raise EOFError("the header is not whole")
    said = literal_eval(text.decode("utf-8" if head[6] == 3 else "latin-1").strip())
    header = 8 + size + length
    dtype, shape = np.lib.format.descr_to_dtype(said["descr"]), tuple(said["shape"])
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ValueError(f"no array has the shape {shape}")
    return Member(name, dtype, shape, bool(said["fortran_order"]), None if start is None else start + header, header)


def _unreadable(path: str, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as NumPy arrays: {first_line(error)} It may be truncated or damaged.")


def _columns(members: Sequence[Member]) -> dict[str, Column]:
    """The columns by name."""
    found: dict[str, Column] = {}
    for member in members:
        if member.dtype.names:
            for field in member.dtype.names:
                inner = member.dtype[field]
                name = field if len(members) == 1 else f"{member.name}.{field}"
                found[name] = Column(member, field, inner.base, (*member.shape[1:], *inner.shape))
        elif not member.name and member.shape and len(member.shape) > 1:
            for index in range(member.shape[1]):
                found[f"c{index}"] = Column(member, index, member.dtype, member.shape[2:])
        else:
            found[member.name or "c0"] = Column(member, None, member.dtype, member.shape[1:])
    return found


@dataclass(frozen=True, slots=True)
class NumpySource(FileSource):
    """A .npy or .npz file."""

    format: Literal["npy", "npz"] = "npy"

    @property
    def rows(self) -> int | None:
        """The number of rows, where all arrays have as many."""
        lengths = {member.shape[0] for member in _members(self.stamp)}
        return lengths.pop() if len(lengths) == 1 else None

    def columns(self) -> dict[str, ColumnInfo]:
        """The arrays, fields or columns of an array in the order of the file."""
        return {name: _info(column) for name, column in _columns(_members(self.stamp)).items()}

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """Runs of rows; compressed arrays are one piece."""
        stamp = self.stamp
        members = _members(stamp)
        known = _columns(members)
        wanted = [(name, known[name].member) for name in columns if name in known]
        lengths = {member.shape[0]: name for name, member in wanted}
        if len(lengths) > 1:
            said = " and ".join(f"{name!r} {length:,}" for length, name in lengths.items())
            raise DataError(
                f"{self.path}: arrays of one length are needed, and the rows of {said} differ. Name others."
            )
        rows = next(iter(lengths), 0)
        row_bytes = sum(member.row_bytes for member in {member for _, member in wanted})
        if any(member.start is None for _, member in wanted):
            return [Piece(file, 0, rows, stamp.size, 0)]
        everything = sum(member.row_bytes for member in members)
        step = max(1, min(PIECE_ROWS, PIECE_BYTES // max(1, everything)))
        edges = [(start, min(start + step, rows)) for start in range(0, rows, step)]
        return [Piece(file, start, stop, (stop - start) * row_bytes, start) for start, stop in edges]

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        """The rows of a piece."""
        stamp = self.stamp
        known = _columns(_members(stamp))
        wanted = {name: known[name] for name in reading.columns}
        for name, column in wanted.items():
            _check_readable(stamp.path, name, column)
        try:
            with ExitStack() as stack:
                arrays = {c.member: stack.enter_context(_opened(stamp, c.member)) for c in wanted.values()}
                for start in range(piece.start, piece.stop, reading.batch_rows):
                    stop = min(start + reading.batch_rows, piece.stop)
                    rows = {member: array.rows(start, stop) for member, array in arrays.items()}
                    values = [_column(_part(rows[column.member], column), column) for column in wanted.values()]
                    yield pa.RecordBatch.from_arrays(values, names=list(wanted))
        except DAMAGED as error:
            raise _unreadable(stamp.path, error) from None


def _info(column: Column) -> ColumnInfo:
    if (moments := _moments(column)) is not None:
        return ColumnInfo("other", str(moments))
    said = "pickled object" if column.dtype.hasobject else str(column.dtype)
    said += "".join(f"[{size}]" for size in column.shape)
    if _kind(column.dtype) != "number":
        return ColumnInfo(_kind(column.dtype) if not column.shape else "other", said)
    if len(column.shape) >= DEEPEST:
        return ColumnInfo("other", said)
    return ColumnInfo("list" if column.shape else "number", said, max(1, prod(column.shape)))


def _moments(column: Column) -> pa.DataType | None:
    """The type of a column of dates or timestamps; None where it holds something else."""
    if column.dtype.kind != "M" or column.shape:
        return None
    unit, step = np.datetime_data(column.dtype)
    if unit in ("Y", "M", "W", "D"):
        return pa.date32()
    if step == 1 and unit in UNITS:
        return pa.timestamp(unit)
    return pa.timestamp("s") if unit in ("s", "m", "h") else None


def _kind(dtype: np.dtype[Any]) -> Kind:
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8):
        return "number"
    return "text" if dtype.kind in "US" else "other"


def _check_readable(path: str, name: str, column: Column) -> None:
    if column.dtype.hasobject:
        raise DataError(
            f"{path}: {name!r} holds Python objects, which are stored as code (pickle) and never loaded. "
            "Save numbers or text: array.astype(float)."
        )
    if _info(column).kind == "other" and _moments(column) is None:
        raise DataError(f"{path}: {name!r} holds {_info(column).type}, which is no number, text or list of numbers.")


class _Held:
    """An array in memory, or mapped into it from the file."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def rows(self, start: int, stop: int) -> Values:
        """Some rows."""
        return self._values[start:stop]


class _Unpacked:
    """An array that is unpacked in the order of its rows."""

    def __init__(self, file: IO[bytes], member: Member) -> None:
        self._file, self._member = file, member

    def rows(self, start: int, stop: int) -> Values:
        """The next rows: `start` is where those before ended, since a compressed array is one piece."""
        size = (stop - start) * self._member.row_bytes
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError("an array is not whole")
        return np.frombuffer(data, self._member.dtype).reshape(stop - start, *self._member.shape[1:])


@contextmanager
def _opened(stamp: Stamp, member: Member) -> Iterator[_Held | _Unpacked]:
    if not prod(member.shape) or not member.dtype.itemsize:  # of which NumPy maps nothing
        yield _Held(np.zeros(member.shape, member.dtype))
    elif member.start is not None:
        order: Literal["F", "C"] = "F" if member.fortran else "C"
        yield _Held(np.memmap(stamp.file, member.dtype, "r", member.start, member.shape, order))
    else:
        with ZipFile(stamp.file) as archive, archive.open(member.name + ".npy") as values:
            values.read(member.header)
            if member.fortran and len(member.shape) > 1:  # columns one after another: the rows come with the last
                yield _Held(np.frombuffer(values.read(), member.dtype).reshape(member.shape, order="F"))
            else:
                yield _Unpacked(values, member)


def _part(rows: Values, column: Column) -> Values:
    if column.part is None:
        return rows
    fields: Any = rows
    part: Values = fields[column.part] if isinstance(column.part, str) else fields[:, column.part]
    return part


def _points(values: Values) -> npt.NDArray[np.uint32]:
    """The characters of texts as numbers."""
    points: npt.NDArray[np.uint32] = np.ascontiguousarray(values).view(
        np.dtype("u4").newbyteorder(values.dtype.byteorder)
    )
    return points


def _column(values: Values, column: Column) -> pa.Array:
    """Rows of a column as Arrow's."""
    moments = _moments(column)
    if moments is None:
        return _array(values)
    day = pa.types.is_date(moments)
    ticks = values.astype("M8[D]" if day else f"M8[{moments.unit}]").astype(np.int64)
    return arrow.column_of(ticks.astype(np.int32 if day else np.int64), ~np.isnat(values), moments)


def _array(values: Values) -> pa.Array:
    """Rows as an Arrow column."""
    if values.dtype.kind in "US":
        if values.dtype.kind == "U" and values.dtype.itemsize and (_points(values) > LAST_CHARACTER).any():
            raise ValueError("a text is no Unicode")
        texts = values.tolist()
        return arrow.texts_column([text.decode() if isinstance(text, bytes) else text for text in texts])
    flat = arrow.column_of(np.require(values, requirements=["C", "A"]).reshape(-1))
    sizes = values.shape
    for depth in range(len(sizes) - 1, 0, -1):
        flat = arrow.fixed_lists(flat, sizes[depth], prod(sizes[:depth]))
    return flat
