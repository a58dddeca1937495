"""JSON Lines, and a JSON array of objects: rows are objects, columns their keys; a key that is missing is null.

Lines are read in parallel, like those of a CSV file; an array is read in order.
"""

import json as text_json
import re
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

import pyarrow as pa
from pyarrow import json

from lossctl.errors import DataError, encodable, listing
from lossctl.sources import arrow, packed
from lossctl.sources.json.objects import (
    ConflictError,
    Field,
    InexactError,
    Row,
    column,
    conflict,
    fields_of,
    rows_of,
    value_at,
)
from lossctl.sources.json.unwrap import BOM, unwrapped
from lossctl.sources.source import ColumnInfo, Piece, Reading, Stamp
from lossctl.sources.text.cuts import LONGEST_ROW, Part
from lossctl.sources.text.quotes import Rules
from lossctl.sources.text.text import TextSource

HEAD_BYTES = 1 << 18
SAMPLE_ROWS = 1000
# A number without a point and an exponent, as long as those that float64 may not hold.
LONG_INTEGER = re.compile(rb"[\s:,\[]-?\d{16,}[\s,\]}]")

PLACE = re.compile(r"(?<= from line )\d+")


class Head(NamedTuple):
    """What the beginning of a file shows: whether it is an array, where the rows begin, and what they hold."""

    array: bool
    first: int
    fields: Mapping[str, Field]


@lru_cache(maxsize=256)
def _head(stamp: Stamp, codec: str | None, single: bool) -> Head:
    size = HEAD_BYTES
    while True:
        text = packed.head_of(stamp.path, stamp.file, codec, size)
        whole = len(text) < size
        first = len(BOM) if text.startswith(BOM) else 0
        array = text[first:].lstrip()[:1] == b"["
        lines = _lines(text, first, whole, array, stamp.path)
        if whole or lines or size > LONGEST_ROW:
            break
        size *= 4

    def line_at(place: int) -> int:
        return text.count(b"\n", 0, place) + 1

    rows = [(line_at(place), row) for place, row in rows_of(stamp.path, lines, line_at)]
    if not rows:
        raise DataError(f"{stamp.path} holds no rows: objects are needed, one a line or in an array.")
    if not array and whole and len(rows) == 1 and not single:
        _check_table(stamp.path, rows[0][1])
    return Head(array, 0 if array else first, fields_of(rows))


def _lines(text: bytes, first: int, whole: bool, array: bool, path: str) -> list[tuple[int, bytes]]:
    """The whole rows that a text begins with."""
    if array:
        blocks = unwrapped([text], path)
        text = next(blocks)
        if whole:
            next(blocks, None)  # which checks that the array is closed
    lines = [(start, row) for start, row in Part(text, first, len(text)).rows(Rules()) if row.strip()]
    if lines and not whole:
        lines.pop()
    return lines[:SAMPLE_ROWS]


def _check_table(path: str, row: Row) -> None:
    """One object alone in a .json is a table by columns, or something else than a table."""
    if any(isinstance(value, list | dict) for value in row.values()):
        raise DataError(
            f"{path} holds one object ({', '.join(list(row)[:5])}), not a row each: write one object per row, "
            "as JSON Lines or in an array (in pandas: to_json(path, orient='records', lines=True))."
        )


@dataclass(frozen=True, slots=True)
class JsonSource(TextSource):
    """A file of JSON objects."""

    format: Literal["json", "jsonl"] = "jsonl"
    later: tuple[tuple[str, Field], ...] = ()

    @property
    def head(self) -> Head:
        """What the beginning of the file shows."""
        return _head(self.stamp, self.codec, self.format == "jsonl")

    @property
    def fields(self) -> dict[str, Field]:
        """What the keys hold that are known."""
        return {**self.head.fields, **dict(self.later)}

    @property
    def first(self) -> int:
        """The byte of the text at which the rows begin."""
        return self.head.first

    @property
    def in_order(self) -> bool:
        """Whether the rows can only be read from the beginning."""
        return self.codec is not None or self.head.array

    def blocks(self) -> Generator[bytes, None, None]:
        """The text in order; an array as lines."""
        stamp = self.stamp
        blocks = packed.blocks(stamp.path, stamp.file, self.codec)
        return unwrapped(blocks, stamp.path) if self.head.array else blocks

    def columns(self) -> dict[str, ColumnInfo]:
        """The keys in the order of first appearance."""
        return {name: field.info for name, field in self.fields.items()}

    def knowing(self, names: Collection[str]) -> "JsonSource":
        """The file with keys that appear only after its first rows."""
        found = {name: _later(self.stamp, self, name) for name in names if name not in self.fields}
        later = tuple((name, field) for name, field in found.items() if field is not None)
        return replace(self, later=self.later + later)

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """Ranges of bytes."""
        return self.cut(file)

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        """The rows of a piece."""
        fields = {name: self.fields[name] for name in reading.columns}
        for name, field in fields.items():
            if not encodable(name):
                raise DataError(f"{self.path}: the key {name!r} is no text: a surrogate stands alone. Rename it.")
            if field.kind == "other":
                raise self._unusable(name, field)
        schema = pa.schema([(name, field.arrow(reading.columns[name])) for name, field in fields.items()])
        nested = _nested({fields[name].path: kind for name, kind in zip(schema.names, schema.types, strict=True)})
        for part in self.parts(piece):
            batch = self._parse(part, schema, nested, fields)
            for start in range(0, batch.num_rows, reading.batch_rows):
                yield batch.slice(start, reading.batch_rows)

    def _unusable(self, name: str, field: Field) -> DataError:
        """The error for a key whose values make no column."""
        if len(field.types) > 1:
            return DataError(
                f"{self.path}: {name!r} holds values of several types: {field.said}. Give all rows values of one type."
            )
        inner = [key for key in self.fields if key.startswith(f"{name}.")]
        way = f"Name a field inside: {listing(inner)}." if inner else "Name another column."
        return DataError(
            f"{self.path}: {name!r} holds values of type {field.said!r}; numbers, text, or lists of one of these are "
            f"needed. {way}"
        )

    def _parse(self, part: Part, schema: pa.Schema, nested: pa.Schema, fields: Mapping[str, Field]) -> pa.RecordBatch:
        size = part.stop - part.start
        if not size:
            return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)
        try:
            table = json.read_json(
                pa.BufferReader(pa.py_buffer(part.data).slice(part.start, size)),
                json.ReadOptions(use_threads=False, block_size=size + 1),
                json.ParseOptions(explicit_schema=nested, unexpected_field_behavior="ignore"),
            )
            table.validate(full=True)  # text is UTF-8
        except pa.ArrowInvalid:
            return self._search(part, schema, fields)
        whole = {name: arrow.whole(table.column(name)) for name in nested.names}
        arrays = [_taken(whole, fields[name].path) for name in schema.names]
        if any(map(_large, arrays)) and LONG_INTEGER.search(part.data, part.start, part.stop):
            return self._search(part, schema, fields)
        return pa.RecordBatch.from_arrays(arrays, names=schema.names)

    def _search(self, part: Part, schema: pa.Schema, fields: Mapping[str, Field]) -> pa.RecordBatch:
        """The rows by Python's reader, which tells what is wrong with which, and takes words for numbers JSON lacks."""
        from lossctl.sources.text.numerals import refusal

        texts = ((place, text) for place, text in part.rows(Rules()) if text.strip())
        found = list(rows_of(self.path, texts, self.line_at))
        arrays = []
        for name in schema.names:
            try:
                arrays.append(column([value_at(row, fields[name].path) for _, row in found], schema.field(name).type))
            except InexactError as error:
                where = f"line {self.line_at(found[error.row][0])}"
                raise refusal(self.path, name, where, error.value) from None
            except ConflictError as error:
                line = self.line_at(found[error.row][0])
                raise conflict(self.path, name, line, error, fields[name]) from None
        return pa.RecordBatch.from_arrays(arrays, names=schema.names)


@lru_cache(maxsize=256)
def _later(stamp: Stamp, source: JsonSource, name: str) -> Field | None:
    """What a key holds that the first rows lack, judged by the rows that have it in the part where it first appears."""
    keys = {name, name.rpartition(".")[2]}
    marks = [text_json.dumps(key, ensure_ascii=ascii).encode() for key in keys for ascii in (True, False)]
    for part in source.parts():
        if not any(part.data.find(mark, part.start, part.stop) >= 0 for mark in marks):
            continue
        texts = (row for row in part.rows(Rules()) if any(mark in row[1] for mark in marks))
        rows = rows_of(stamp.path, texts, source.line_at)
        while some := list(islice(rows, SAMPLE_ROWS)):
            if (field := fields_of(some).get(name)) is not None:
                # Lines are counted only for the words that name one.
                said = PLACE.sub(lambda place: str(source.line_at(int(place[0]))), field.said)
                return replace(field, said=said)
    return None


def _nested(kinds_of: Mapping[tuple[str, ...], pa.DataType]) -> pa.Schema:
    """The schema of the objects that hold these fields."""
    inside: dict[str, dict[tuple[str, ...], pa.DataType]] = {}
    for (key, *rest), kind in kinds_of.items():
        inside.setdefault(key, {})[tuple(rest)] = kind
    fields = [(key, parts[()] if () in parts else pa.struct(list(_nested(parts)))) for key, parts in inside.items()]
    return pa.schema(fields)


def _large(array: pa.Array) -> bool:
    """Whether a column, be it of lists, was read as float64 and holds numbers beyond 2^53."""
    while pa.types.is_list(array.type):
        array = array.values  # flatten() would import pyarrow.compute
    return bool(pa.types.is_float64(array.type)) and arrow.large(array)


def _taken(whole: Mapping[str, pa.Array], path: tuple[str, ...]) -> pa.Array:
    array = whole[path[0]]
    for name in path[1:]:
        # flatten, and not field: a missing object makes its fields missing
        array = array.flatten()[array.type.get_field_index(name)]
    return array
