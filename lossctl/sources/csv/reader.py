"""CSV and TSV: byte ranges parsed in parallel, cut at row ends; a compressed file is unpacked and parsed in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyarrow import csv

from lossctl.sources import arrow, packed
from lossctl.sources.csv import compiled
from lossctl.sources.csv.absent import numbers_in, without
from lossctl.sources.csv.dialect import BOM, Dialect, recognise
from lossctl.sources.csv.options import TextOptions
from lossctl.sources.source import As, ColumnInfo, Piece, Reading, Stamp
from lossctl.sources.text.cuts import LONGEST_ROW, Part
from lossctl.sources.text.numerals import numeral
from lossctl.sources.text.quotes import Rules
from lossctl.sources.text.text import TextSource

if TYPE_CHECKING:
    from lossctl.sources.csv.complaints import Complaints

HEAD_BYTES = 1 << 16


@lru_cache(maxsize=256)
def _dialect(stamp: Stamp, codec: str | None, options: TextOptions) -> Dialect:
    size = HEAD_BYTES
    while True:
        head = packed.head_of(stamp.path, stamp.file, codec, size)
        if len(head) < size or b"\n" in head or b"\r" in head or size > LONGEST_ROW:
            return recognise(stamp.path, head, len(head) < size, options)
        size *= 4


@dataclass(frozen=True, slots=True, repr=False)
class CsvSource(TextSource):
    """A CSV or TSV file."""

    format: str = "csv"
    options: TextOptions = field(default_factory=TextOptions)

    @property
    def dialect(self) -> Dialect:
        """How the text is laid out."""
        return _dialect(self.stamp, self.codec, self.options)

    @property
    def rules(self) -> Rules:
        """What ends a row."""
        return self.dialect.rules

    @property
    def first(self) -> int:
        """The byte of the text at which the rows begin."""
        return self.dialect.first

    def columns(self) -> dict[str, ColumnInfo]:
        """The columns in the order of the file; what they hold is known when they are read, but for lists."""
        dialect = self.dialect
        return {name: _info(dialect, name) for name in dialect.names if name}

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """Ranges of bytes."""
        return self.cut(file)

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        """The rows of a piece."""
        parser = _Parser(self.dialect, dict(reading.columns), self.in_order, self._complaints)
        for part in self.parts(piece):
            batch = parser.parse(part)
            for start in range(0, batch.num_rows, reading.batch_rows):
                yield batch.slice(start, reading.batch_rows)

    def _complaints(self) -> "Complaints":
        from lossctl.sources.csv.complaints import Complaints

        return Complaints(self.path, self.dialect, self.line_at)


def _info(dialect: Dialect, name: str) -> ColumnInfo:
    shape = dialect.lists.get(name)
    return ColumnInfo("unknown", "text") if shape is None else ColumnInfo("list", shape.type, shape.width)


class _Parser(NamedTuple):
    """Rows to columns; `complaints` has the words for what is wrong."""

    dialect: Dialect
    wanted: dict[str, As]
    in_order: bool
    complaints: "Callable[[], Complaints]"

    def parse(self, part: Part) -> pa.RecordBatch:
        """The wanted columns of some rows."""
        found = compiled.read(self.dialect, self.wanted, part)
        if found is None:
            found = self._by_arrow(part)
        return pa.RecordBatch.from_arrays([found[name] for name in self.wanted], names=list(self.wanted))

    def _by_arrow(self, part: Part) -> dict[str, pa.Array]:
        """Whatever the cells hold, and what is wrong with them."""
        dialect = self.dialect
        if (at := dialect.rules.unclosed(*part[:3])) is not None:
            raise self.complaints().unclosed(part, at)
        number, text, label = pa.float64(), pa.string(), pa.dictionary(pa.int32(), pa.string())
        types = {name: number if how == "number" else label for name, how in self.wanted.items()}
        types |= {name: text for name in self.wanted if name in dialect.lists}
        found = None
        # Each missing value to look for takes time in every cell of a number, so first those the head shows are tried;
        # in a column of labels one that is not looked for would pass as a label.
        if set(types.values()) == {number}:
            found = self._read(part, types, dialect.likely)
        if found is None:
            found = self._read(part, types, dialect.missing)
        if found is None:
            found = self._as_text(part, types)
        if large := [name for name, cells in found.items() if cells.type == number and arrow.large(cells)]:
            found |= self._integers(part, large)
        for name in self.wanted:
            if name in dialect.lists:
                found[name] = self._list(part, name, found[name])
        return found

    def _as_text(self, part: Part, types: dict[str, pa.DataType]) -> dict[str, pa.Array]:
        """Numbers as text, where some are none, so that the check of the columns can name every such cell."""
        numbers = [name for name, kind in types.items() if kind == pa.float64()]
        found = self._read(part, types | dict.fromkeys(numbers, pa.string()), self.dialect.missing)
        assert found is not None, "text is not converted"
        for name in numbers if self.in_order else ():
            if (error := self.complaints().no_number(part, name, found[name])) is not None:
                raise error
        return found

    def _integers(self, part: Part, names: list[str]) -> dict[str, pa.Array]:
        """As text the columns with integers that float64 does not hold, for the same reason."""
        from lossctl.sources.text.numerals import inexact_cells

        texts = self._read(part, dict.fromkeys(names, pa.string()), self.dialect.missing) or {}
        found = {name: rows for name, cells in texts.items() if (rows := inexact_cells(cells))}
        for name, rows in found.items() if self.in_order else ():
            raise self.complaints().inexact(part, name, rows[0], texts[name][rows[0]].as_py())
        return {name: texts[name] for name in found}

    def _list(self, part: Part, name: str, cells: pa.Array) -> pa.Array:
        from lossctl.sources.text.lists import InexactError, NotAListError, parse

        try:
            return parse(cells, self.dialect.lists[name])
        except NotAListError as bad:
            raise self.complaints().no_list(part, name, bad.row, bad.cell) from None
        except InexactError as bad:
            raise self.complaints().inexact(part, name, bad.row, bad.cell) from None

    def _read(self, part: Part, types: dict[str, pa.DataType], missing: Sequence[str]) -> dict[str, pa.Array] | None:
        """The columns, each with its decimal point; None where a cell that should be a number is none."""
        found: dict[str, pa.Array] = {}
        for decimal in dict.fromkeys((self.dialect.decimal, ".")):
            some = {name: kind for name, kind in types.items() if self._decimal(name) == decimal}
            if some:
                read = self._converted(part, some, missing, decimal)
                if read is None:
                    return None
                found |= read
        return found

    def _decimal(self, name: str) -> str:
        return "." if name in self.dialect.pointed else self.dialect.decimal

    def _converted(
        self, part: Part, types: dict[str, pa.DataType], missing: Sequence[str], decimal: str
    ) -> dict[str, pa.Array] | None:
        """Columns of one decimal point by Arrow's reader."""
        dialect, size = self.dialect, part.stop - part.start
        if not size:
            return {name: pa.nulls(0, kind) for name, kind in types.items()}
        quote = dialect.quote if dialect.rules.quoted(*part[:3]) else False
        text = pa.py_buffer(part.data).slice(part.start, size)
        if part.data.startswith(BOM, part.start):  # Arrow takes it off, wherever in a file it stands
            text = pa.py_buffer(BOM + part.data[part.start : part.stop])
        try:
            table = csv.read_csv(
                pa.BufferReader(text),
                csv.ReadOptions(use_threads=False, column_names=list(dialect.names), block_size=len(text) + 1),
                csv.ParseOptions(delimiter=dialect.delimiter, quote_char=quote),
                csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=list(missing),
                    strings_can_be_null=True,
                    decimal_point=decimal,
                ),
            )
        except pa.ArrowInvalid as error:
            # Arrow has one error for everything that is wrong; only its words tell a cell that is no number.
            if "onversion error to double" in str(error):
                return None
            raise self.complaints().unreadable(part, error) from None
        found = {name: arrow.whole(table.column(name)) for name in types}
        texts = [name for name, kind in types.items() if kind != pa.float64()]
        if texts and part.data.find(b"\0", part.start, part.stop) >= 0:
            raise self.complaints().zero_byte(part)
        if decimal == ",":
            for name in texts:
                if self.wanted[name] == "number" and (bad := self.complaints().thousands(part, name, found[name])):
                    raise bad
            found |= {name: _with_points(found[name]) for name in texts if name not in dialect.lists}
        if absent := numbers_in(dialect.missing, decimal):
            read = [name for name in types if self.wanted[name] != "text" and name not in dialect.lists]
            found |= {name: without(found[name], absent) for name in read}
        return found


def _with_points(array: pa.Array) -> pa.Array:
    """Numbers with a decimal comma as they are written elsewhere; other text as it is."""
    if isinstance(array, pa.DictionaryArray):
        return pa.DictionaryArray.from_arrays(array.indices, _with_points(array.dictionary))
    return arrow.texts_column([None if cell is None else _with_point(cell) for cell in array.to_pylist()])


def _with_point(cell: str) -> str:
    changed = cell.replace(",", ".")
    return changed if numeral(changed) else cell
