"""Parquet: a piece is a run of row groups; only the wanted columns are read."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as pt

from lossctl.errors import DataError
from lossctl.sources.base import ColumnInfo, Piece, Reading

PIECE_ROWS = 1 << 19
# Small enough to stay in cache while pages are decoded; larger buffers only cost memory.
READ_BUFFER = 1 << 18


@lru_cache(maxsize=256)
def _metadata(path: str, size: int, changed: int) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet: {_first_line(error)} It may be truncated or of another format."
        ) from None


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """A Parquet file."""

    path: str
    format: str = "parquet"

    @property
    def bytes(self) -> int:
        return os.stat(self.path).st_size

    @property
    def metadata(self) -> pq.FileMetaData:
        stat = os.stat(self.path)
        return _metadata(self.path, stat.st_size, stat.st_mtime_ns)

    @property
    def rows(self) -> int | None:
        return self.metadata.num_rows

    def columns(self) -> dict[str, ColumnInfo]:
        schema = self.metadata.schema.to_arrow_schema()
        names = schema.names
        doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if doubled:
            raise DataError(f"{self.path} has more than one column named {', '.join(map(repr, doubled))}.")
        return {field.name: self._info(field) for field in schema}

    def _info(self, field: pa.Field) -> ColumnInfo:
        kind = kind_of(field.type)
        if kind != "list":
            return ColumnInfo(kind, str(field.type))
        if pt.is_fixed_size_list(field.type):
            return ColumnInfo("list", str(field.type), max(1, field.type.list_size))
        return ColumnInfo("list", str(field.type), self._mean_length(field.name))

    def _mean_length(self, name: str) -> int:
        metadata = self.metadata
        if not metadata.num_row_groups or not metadata.num_rows:
            return 1
        group = metadata.row_group(0)
        values = sum(
            group.column(index).num_values
            for index in range(metadata.num_columns)
            if group.column(index).path_in_schema.split(".")[0] == name
        )
        return max(1, round(values / max(1, group.num_rows)))

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        metadata, wanted = self.metadata, set(columns)
        leaves = [
            index
            for index in range(metadata.num_columns)
            if metadata.schema.column(index).path.split(".")[0] in wanted
            or metadata.schema.column(index).path in wanted
        ]
        pieces, start, rows, size = [], 0, 0, 0
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            rows += group.num_rows
            size += sum(group.column(leaf).total_compressed_size for leaf in leaves)
            if rows >= PIECE_ROWS or index == metadata.num_row_groups - 1:
                pieces.append(Piece(file, start, index + 1, size))
                start, rows, size = index + 1, 0, 0
        return pieces

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        texts = [name for name, how in reading.columns.items() if how == "text"]
        try:
            with pq.ParquetFile(
                self.path,
                metadata=self.metadata,
                pre_buffer=False,
                buffer_size=READ_BUFFER,
                read_dictionary=texts or None,
            ) as file:
                yield from file.iter_batches(
                    reading.batch_rows,
                    row_groups=range(piece.start, piece.stop),
                    columns=list(reading.columns),
                    use_threads=False,
                )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise DataError(f"{self.path} cannot be read: {_first_line(error)} The file is damaged.") from None

    def line(self, row: int) -> str:
        return ""


def kind_of(kind: pa.DataType) -> str:
    """The kind of values a type holds, as far as roles care."""
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


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0].strip()
    return text if text.endswith(".") else text + "."
