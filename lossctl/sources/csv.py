"""CSV and TSV: byte ranges parsed in parallel, cut at line ends; a file with quoted line breaks is read as one stream."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
from pyarrow import csv

from lossctl.errors import DataError
from lossctl.sources.base import ColumnInfo, Piece, Reading

PIECE_BYTES = 4 << 20
HEAD_BYTES = 1 << 16
SCAN_BYTES = 1 << 20
MISSING = ["", "NA", "N/A", "#N/A", "NaN", "nan", "-nan", "null", "NULL", "n/a"]
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?[iI]nf(inity)?")
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the text is laid out: delimiter, column names, where the rows begin, whether line breaks stand in quotes."""

    delimiter: str
    names: tuple[str, ...]
    data_start: int
    parallel: bool


@lru_cache(maxsize=256)
def _dialect(path: str, size: int, changed: int) -> Dialect:
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
        while b"\n" not in head and (more := file.read(HEAD_BYTES)):
            head += more
    if not head.strip():
        raise DataError(f"{path} is empty ({size} bytes); a header line and rows are needed.")
    if b"\0" in head:
        raise DataError(f"{path} is not text: it holds zero bytes. Give the file its true suffix (.parquet, ...).")
    start = len(BOM) if head.startswith(BOM) else 0
    end = head.find(b"\n")
    header = head[start:] if end < 0 else head[start:end]
    delimiter = "\t" if path.lower().endswith((".tsv", ".tab")) else _delimiter(header)
    names = _split(path, header, delimiter)
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise DataError(f"{path} has more than one column named {', '.join(map(repr, doubled))}.")
    data_start = size if end < 0 else end + 1
    return Dialect(delimiter, tuple(names), data_start, _quotes_balance(path, data_start, size))


def _delimiter(header: bytes) -> str:
    """The candidate that stands most often outside quotes in the header line."""
    bare = re.sub(rb'"[^"]*"', b"", header)
    return max(",;\t|", key=lambda candidate: bare.count(candidate.encode()))


def _split(path: str, header: bytes, delimiter: str) -> list[str]:
    import csv as text_csv

    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the header is not UTF-8 (byte {error.start}); convert the file to UTF-8.") from None
    return next(text_csv.reader([text.rstrip("\r")], delimiter=delimiter))


def _boundaries(size: int, data_start: int) -> list[int]:
    """Byte offsets at which pieces nominally begin; a piece really begins after the next line end."""
    return list(range(data_start, size, PIECE_BYTES)) or [data_start]


def _quotes_balance(path: str, data_start: int, size: int) -> bool:
    """Whether every nominal boundary stands outside quotes, so that line ends near it are row ends."""
    offsets = _boundaries(size, data_start)
    if len(offsets) == 1:
        return True
    with open(path, "rb") as file:
        file.seek(data_start)
        for offset in offsets[1:]:
            remaining = offset - file.tell()
            quotes = 0
            while remaining > 0:
                chunk = file.read(min(SCAN_BYTES, remaining))
                quotes += chunk.count(b'"')
                remaining -= len(chunk)
            if quotes % 2:
                return False
    return True


@dataclass(frozen=True, slots=True)
class CsvSource:
    """A CSV or TSV file."""

    path: str
    format: str = "csv"

    @property
    def bytes(self) -> int:
        return os.stat(self.path).st_size

    @property
    def dialect(self) -> Dialect:
        stat = os.stat(self.path)
        return _dialect(self.path, stat.st_size, stat.st_mtime_ns)

    @property
    def rows(self) -> int | None:
        return None

    def columns(self) -> dict[str, ColumnInfo]:
        return {name: ColumnInfo("unknown", "text") for name in self.dialect.names if name}

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        dialect, size = self.dialect, self.bytes
        if not dialect.parallel:
            return [Piece(file, dialect.data_start, size, size)]
        starts = _boundaries(size, dialect.data_start)
        stops = [*starts[1:], size]
        return [Piece(file, start, stop, stop - start) for start, stop in zip(starts, stops, strict=True)]

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        data = self._bytes_of(piece)
        if not data.strip():
            return
        ragged: list[csv.InvalidRow] = []

        def note(row: csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        table = self._parse(data, reading, note)
        if ragged:
            self._raise_ragged(piece, ragged)
        yield from table.combine_chunks().to_batches(reading.batch_rows)

    def _parse(self, data: bytes, reading: Reading, note: object) -> pa.Table:
        types = {
            name: pa.float64() if how == "number" else pa.dictionary(pa.int32(), pa.string())
            for name, how in reading.columns.items()
        }
        options = {
            "read_options": csv.ReadOptions(
                use_threads=False, column_names=list(self.dialect.names), block_size=len(data) + 1
            ),
            "parse_options": csv.ParseOptions(
                delimiter=self.dialect.delimiter, newlines_in_values=not self.dialect.parallel, invalid_row_handler=note
            ),
        }
        convert = {"include_columns": list(reading.columns), "null_values": MISSING, "strings_can_be_null": True}
        try:
            return csv.read_csv(
                pa.BufferReader(data), convert_options=csv.ConvertOptions(column_types=types, **convert), **options
            )
        except pa.ArrowInvalid as error:
            if "onversion error" not in str(error):
                raise DataError(f"{self.path} cannot be read as CSV: {str(error).splitlines()[0]}") from None
        # Some cell is no number: bring all as text, so that the check of the columns can name every such row.
        types = dict.fromkeys(reading.columns, pa.string())
        return csv.read_csv(
            pa.BufferReader(data), convert_options=csv.ConvertOptions(column_types=types, **convert), **options
        )

    def _bytes_of(self, piece: Piece) -> bytes:
        """The whole lines that begin in the piece's range."""
        with open(self.path, "rb") as file:
            if piece.start == self.dialect.data_start:
                file.seek(piece.start)
            else:
                file.seek(piece.start - 1)
                file.readline()
            start = file.tell()
            if start >= piece.stop:
                return b""
            data = file.read(piece.stop - start)
            return data if data.endswith(b"\n") else data + file.readline()

    def _raise_ragged(self, piece: Piece, ragged: list[csv.InvalidRow]) -> None:
        first = ragged[0]
        before = self._lines_before(piece)
        place = f"line {before + first.number}" if first.number else "a line"
        more = f" ({len(ragged)} such rows in this part of the file)" if len(ragged) > 1 else ""
        raise DataError(
            f"{self.path}, {place}: {first.actual_columns} cells where the header has {first.expected_columns}: "
            f"{first.text[:80]!r}{more}. Quote cells that hold {self.dialect.delimiter!r}, or complete the row."
        )

    def _lines_before(self, piece: Piece) -> int:
        """Lines of the file before the piece's first row."""
        with open(self.path, "rb") as file:
            if piece.start == self.dialect.data_start:
                return file.read(piece.start).count(b"\n")
            head = file.read(piece.start - 1)
            return head.count(b"\n") + file.readline().count(b"\n")

    def line(self, row: int) -> str:
        return f" (line {row + 2})" if self.dialect.parallel else ""


def numeral(cell: str) -> bool:
    """Whether a cell reads as a number."""
    return NUMBER.fullmatch(cell.strip().encode()) is not None
