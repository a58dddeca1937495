"""Parquet: a piece is a run of row groups; only the wanted columns are read, and statistics rule row groups out.

A field of a struct is a column of its own, under the path that Parquet gives it: `scores.cat`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyarrow import types as pt

from lossctl.errors import DataError
from lossctl.sources.binary import spans
from lossctl.sources.binary.parquet_file import FileMetaData, opened
from lossctl.sources.kinds import kind_of, type_name
from lossctl.sources.source import ColumnInfo, FileSource, Piece, Reading, Sieve, Span, Stamp, check_doubled, first_line

if TYPE_CHECKING:
    from pyarrow.parquet import RowGroupMetaData

# A piece is at least one of these, so that files of few long lists have pieces for all threads too.
PIECE_ROWS, PIECE_BYTES = 1 << 19, 1 << 23
# A footer that is readable in a file with encrypted columns is signed.
SIGNATURE_BYTES = 28
# What pyarrow raises for a damaged file; its own errors and the system's are not all of one family.
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)


class Column(NamedTuple):
    """Where a column lies: its name in the schema and the fields below it, its type, and its leaves in the file."""

    path: tuple[str, ...]
    type: pa.DataType
    leaves: tuple[int, ...]

    @property
    def selector(self) -> str:
        """The column as Parquet addresses it."""
        return ".".join(self.path)


class Footer(NamedTuple):
    """What a file says of itself."""

    metadata: FileMetaData
    columns: Mapping[str, Column]


@lru_cache(maxsize=256)
def _footer(stamp: Stamp) -> Footer:
    try:
        with opened(stamp.file) as reader:
            metadata = reader.metadata
        schema = metadata.schema.to_arrow_schema()
        check_doubled(stamp.path, schema.names)
        signed = _footer_bytes(stamp) - metadata.serialized_size == SIGNATURE_BYTES
    except DAMAGED as error:
        raise _unreadable(stamp.path, error) from None
    if signed:
        # Asking pyarrow for an encrypted column's metadata ends the process, so it must not come to that.
        raise _unreadable(stamp.path, OSError("its columns are encrypted"))
    leaves: dict[str, list[int]] = {}
    for index in range(metadata.num_columns):
        path = metadata.schema.column(index).path
        for name in _prefixes(path):
            leaves.setdefault(name, []).append(index)
    columns: dict[str, Column] = {}
    for field in schema:
        for path, kind in _columns((field.name,), field.type):
            name = ".".join(path)
            if len(path) == 1 or name not in schema.names:  # a column goes before a field of its name
                columns[name] = Column(path, kind, tuple(leaves.get(name, ())))
    return Footer(metadata, columns)


def _footer_bytes(stamp: Stamp) -> int:
    """The length of the footer as the end of the file says it."""
    with open(stamp.file, "rb") as file:
        file.seek(stamp.size - 8)
        return int.from_bytes(file.read(4), "little")


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:size]) for size in range(1, len(parts) + 1)]


def _columns(path: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[tuple[str, ...], pa.DataType]]:
    """A column, and where it is a struct the fields in it."""
    yield path, kind
    if pt.is_struct(kind):
        for index in range(kind.num_fields):
            field = kind.field(index)
            yield from _columns((*path, field.name), field.type)


def _unreadable(path: str, error: Exception) -> DataError:
    said = first_line(error)
    if "ncrypt" in said:
        return DataError(f"{path} is encrypted; write it again without encryption. ({said})")
    return DataError(f"{path} cannot be read as Parquet: {said} It may be truncated, damaged or of another format.")


@dataclass(frozen=True, slots=True, repr=False)
class ParquetSource(FileSource):
    """A Parquet file."""

    format: str = "parquet"

    @property
    def metadata(self) -> FileMetaData:
        """The file's footer."""
        return _footer(self.stamp).metadata

    @property
    def rows(self) -> int | None:
        """The number of rows, as the footer says."""
        return int(self.metadata.num_rows)

    def columns(self) -> dict[str, ColumnInfo]:
        """The columns in the order of the file."""
        footer = _footer(self.stamp)
        return {name: self._info(column, footer.metadata) for name, column in footer.columns.items()}

    def _info(self, column: Column, metadata: FileMetaData) -> ColumnInfo:
        kind = kind_of(column.type)
        if kind != "list":
            return ColumnInfo(kind, type_name(column.type))
        if pt.is_fixed_size_list(column.type):
            return ColumnInfo("list", str(column.type), max(1, column.type.list_size))
        if not metadata.num_row_groups or not metadata.num_rows:
            return ColumnInfo("list", str(column.type))
        group = metadata.row_group(0)
        values = sum(group.column(leaf).num_values for leaf in column.leaves)
        return ColumnInfo("list", str(column.type), max(1, round(values / max(1, group.num_rows))))

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """Runs of row groups, of half a million rows or eight megabytes of the wanted columns."""
        footer = _footer(self.stamp)
        metadata = footer.metadata
        leaves = sorted({leaf for name in columns if name in footer.columns for leaf in footer.columns[name].leaves})
        pieces, start, rows, size, before = [], 0, 0, 0, 0
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            rows += group.num_rows
            size += sum(group.column(leaf).total_compressed_size for leaf in leaves)
            if rows >= PIECE_ROWS or size >= PIECE_BYTES or index == metadata.num_row_groups - 1:
                pieces.append(Piece(file, start, index + 1, size, before))
                before, start, rows, size = before + rows, index + 1, 0, 0
        return pieces

    def prune(self, pieces: Sequence[Piece], sieve: Sieve) -> list[Piece]:
        """The pieces without the row groups whose statistics say that no row is wanted."""
        footer = _footer(self.stamp)
        known = {name: footer.columns[name] for name in sieve.columns if name in footer.columns}
        flat = {name: column for name, column in known.items() if len(column.leaves) == 1 and spans.told(column.type)}
        return [part for piece in pieces for part in self._kept(piece, flat, sieve, footer.metadata)]

    def _kept(self, piece: Piece, known: Mapping[str, Column], sieve: Sieve, metadata: FileMetaData) -> Iterator[Piece]:
        """A piece's runs of row groups that may hold wanted rows."""
        groups = [metadata.row_group(index) for index in range(piece.start, piece.stop)]
        kept = [sieve.may_pass(_spans(group, known)) for group in groups]
        if all(kept):
            yield piece
            return
        row, start = piece.row, None
        share = piece.size / max(1, len(groups))
        for index, (group, keep) in enumerate(zip([*groups, None], [*kept, False], strict=True)):
            if keep and start is None:
                start, first = index, row
            elif not keep and start is not None:
                edges = (piece.start + start, piece.start + index)
                yield Piece(piece.file, *edges, round(share * (index - start)), first)
                start = None
            if group is not None and row is not None:
                row += group.num_rows

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        """The rows of a piece."""
        stamp = self.stamp
        footer = _footer(stamp)
        wanted = {name: footer.columns[name] for name in reading.columns}
        texts = [wanted[name].selector for name, how in reading.columns.items() if how == "text"]
        try:
            with opened(stamp.file, footer.metadata, texts or None) as reader:
                for batch in reader.iter_batches(
                    reading.batch_rows,
                    row_groups=range(piece.start, piece.stop),
                    column_indices=list(dict.fromkeys(leaf for column in wanted.values() for leaf in column.leaves)),
                    use_threads=False,
                ):
                    yield _selected(batch, wanted)
        except DAMAGED as error:
            raise _unreadable(stamp.path, error) from None


def _spans(group: "RowGroupMetaData", known: Mapping[str, Column]) -> dict[str, Span]:
    """What the statistics of a row group say of columns."""
    found = ((name, spans.span(group.column(column.leaves[0]), column.type)) for name, column in known.items())
    return {name: span for name, span in found if span is not None}


def _selected(batch: pa.RecordBatch, wanted: Mapping[str, Column]) -> pa.RecordBatch:
    """The wanted columns alone, fields of structs taken out of them."""
    if batch.schema.names == list(wanted):
        return batch
    return pa.RecordBatch.from_arrays([_taken(batch, column.path) for column in wanted.values()], names=list(wanted))


def _taken(batch: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array:
    array = batch.column(path[0])
    for name in path[1:]:
        # flatten, and not field: a missing struct makes its fields missing
        array = array.flatten()[array.type.get_field_index(name)]
    return array
