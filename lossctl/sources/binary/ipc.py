"""Arrow IPC and Feather: record batches where they lie, in the file format (with a footer) and the stream format.

The number of rows of a record batch stands in its message's header. Arrow's Python library tells it only of a batch
that was read, and so unpacked, whole; here the few fields needed are taken from the headers themselves, by the layout
that the format's specification fixes (https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from
from typing import BinaryIO, NamedTuple

import pyarrow as pa
from pyarrow import types as pt

from lossctl.errors import DataError
from lossctl.sources.kinds import kind_of, type_name
from lossctl.sources.source import ColumnInfo, FileSource, Piece, Reading, Stamp, check_doubled, first_line

PIECE_ROWS = 1 << 19
MAGIC, OLD_FEATHER = b"ARROW1", b"FEA1"
CONTINUES = 0xFFFFFFFF
# Kinds of messages.
DICTIONARY, BATCH = 2, 3
# What pyarrow raises for a damaged file.
DAMAGED = (pa.ArrowException, OSError, ValueError, EOFError, struct.error)


class Message(NamedTuple):
    """A message: where it begins and ends, its kind, and how many rows it holds."""

    start: int
    stop: int
    kind: int
    rows: int


class Layout(NamedTuple):
    """The schema of a file, and where its record batches lie."""

    schema: pa.Schema
    batches: tuple[Message, ...]
    footer: bool  # whether batches can be asked for by number
    dictionaries: bool


@lru_cache(maxsize=256)
def _layout(stamp: Stamp) -> Layout:
    try:
        with open(stamp.file, "rb") as file:
            head = file.read(8)
            if head.startswith(OLD_FEATHER):
                raise DataError(f"{stamp.path} is Feather of version 1; write it again with version 2 or as Parquet.")
            footer = head.startswith(MAGIC)
            messages = list(_in_footer(file, stamp.size) if footer else _in_stream(file, stamp.size))
        with pa.memory_map(stamp.file) as memory:
            schema = (pa.ipc.open_file(memory) if footer else pa.ipc.open_stream(memory)).schema
            check_doubled(stamp.path, schema.names)
    except DAMAGED as error:
        raise _unreadable(stamp.path, error) from None
    batches = tuple(message for message in messages if message.kind == BATCH)
    return Layout(schema, batches, footer, any(message.kind == DICTIONARY for message in messages))


def _unreadable(path: str, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as Arrow IPC: {first_line(error)} It may be truncated or damaged.")


def _in_footer(file: BinaryIO, size: int) -> Iterator[Message]:
    """The record batches of a file whose footer lists them."""
    file.seek(max(0, size - 10))
    length, magic = unpack_from("<i6s", file.read(10))
    if magic != MAGIC or not 0 < length < size:
        raise ValueError("the footer is missing")
    file.seek(size - 10 - length)
    footer = file.read(length)
    at = _vector(footer, _root(footer), 3)
    for index in range(unpack_from("<I", footer, at)[0] if at else 0):
        start, header, body = unpack_from("<qi4xq", footer, at + 4 + 24 * index)
        file.seek(start)
        yield _message(file.read(header), start, start + header + body)


def _in_stream(file: BinaryIO, size: int) -> Iterator[Message]:
    """The messages of a stream, up to its end or the mark of its end."""
    start = 0
    while start < size:
        file.seek(start)
        length, more = unpack_from("<II", file.read(8).ljust(8, b"\0"))
        prefix = 8 if length == CONTINUES else 4
        length = more if length == CONTINUES else length
        if not length:
            return
        file.seek(start)
        header = file.read(prefix + length)
        body = _scalar(header, _root(header, prefix), 3, "<q")
        stop = start + prefix + length + body
        if stop > size:
            raise ValueError("the last message is not whole")
        yield _message(header, start, stop)
        start = stop


def _message(header: bytes, start: int, stop: int) -> Message:
    prefix = 8 if unpack_from("<I", header)[0] == CONTINUES else 4
    table = _root(header, prefix)
    kind = _scalar(header, table, 1, "<B")
    rows = 0
    if kind == BATCH and (place := _place(header, table, 2)):
        rows = _scalar(header, place + unpack_from("<I", header, place)[0], 0, "<q")
    return Message(start, stop, kind, rows)


def _root(buffer: bytes, at: int = 0) -> int:
    return at + int(unpack_from("<I", buffer, at)[0])


def _place(buffer: bytes, table: int, field: int) -> int:
    """Where a field of a table lies; 0 where it has its default.

    Fields are numbered as Arrow's schemas list them: of a message 1 is the header's type, 2 the header, 3 the length of
    the body; of a record batch 0 is its length; of a footer 3 are the record batches.
    """
    fields = table - unpack_from("<i", buffer, table)[0]
    entry = 4 + 2 * field
    offset = unpack_from("<H", buffer, fields + entry)[0] if entry < unpack_from("<H", buffer, fields)[0] else 0
    return table + offset if offset else 0


def _scalar(buffer: bytes, table: int, field: int, layout: str) -> int:
    place = _place(buffer, table, field)
    return int(unpack_from(layout, buffer, place)[0]) if place else 0


def _vector(buffer: bytes, table: int, field: int) -> int:
    place = _place(buffer, table, field)
    return place + int(unpack_from("<I", buffer, place)[0]) if place else 0


@dataclass(frozen=True, slots=True)
class IpcSource(FileSource):
    """An Arrow IPC file or stream, or a Feather file."""

    format: str = "arrow"

    @property
    def rows(self) -> int | None:
        """The number of rows, as the headers say."""
        return sum(batch.rows for batch in _layout(self.stamp).batches)

    def columns(self) -> dict[str, ColumnInfo]:
        """The columns in the order of the file."""
        return {field.name: self._info(field) for field in _layout(self.stamp).schema}

    def _info(self, field: pa.Field) -> ColumnInfo:
        kind, width = kind_of(field.type), 1
        if pt.is_fixed_size_list(field.type):
            width = max(1, field.type.list_size)
        elif kind == "list":
            width = self._length(field.name)
        return ColumnInfo(kind, type_name(field.type), width)

    def _length(self, name: str) -> int:
        """How long the first list is that is not missing."""
        pieces = self.pieces(0, [name])
        batch = next(self.read(pieces[0], Reading({name: "raw"}, 100)), None) if pieces else None
        lists = [] if batch is None else batch.column(0).to_pylist()
        return max(1, next((len(item) for item in lists if item is not None), 1))

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """Runs of record batches of half a million rows or more."""
        layout = _layout(self.stamp)
        if layout.dictionaries and not layout.footer:
            return [Piece(file, 0, len(layout.batches), self.bytes, 0)]
        pieces, start, rows, before = [], 0, 0, 0
        for index, batch in enumerate(layout.batches):
            rows += batch.rows
            if rows >= PIECE_ROWS or index == len(layout.batches) - 1:
                size = batch.stop - layout.batches[start].start
                pieces.append(Piece(file, start, index + 1, size, before))
                before, start, rows = before + rows, index + 1, 0
        return pieces

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        """The rows of a piece."""
        stamp = self.stamp
        layout = _layout(stamp)
        wanted = [layout.schema.get_field_index(name) for name in reading.columns]
        try:
            with pa.memory_map(stamp.file) as memory:
                for batch in _batches(memory, layout, piece, wanted):
                    chosen = batch.select(list(reading.columns))
                    chosen.validate(full=True)  # a damaged offset would end the process
                    for start in range(0, chosen.num_rows, reading.batch_rows):
                        yield chosen.slice(start, reading.batch_rows)
        except DAMAGED as error:
            raise _unreadable(stamp.path, error) from None


def _batches(memory: pa.MemoryMappedFile, layout: Layout, piece: Piece, wanted: list[int]) -> Iterator[pa.RecordBatch]:
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted)
    if layout.footer:
        reader = pa.ipc.open_file(memory, options=options)
        for index in range(piece.start, piece.stop):
            yield reader.get_batch(index)
    elif layout.dictionaries:
        yield from pa.ipc.open_stream(memory, options=options)
    else:
        for message in layout.batches[piece.start : piece.stop]:
            memory.seek(message.start)
            yield pa.ipc.read_record_batch(pa.ipc.read_message(memory), layout.schema)
