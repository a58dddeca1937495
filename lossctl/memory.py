"""Data that is in memory already: Arrow tables, data frames, dicts of arrays, batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from lossctl.errors import DataError
from lossctl.rows import doubles, texts
from lossctl.sources import ColumnInfo, Piece, Reading
from lossctl.sources.parquet import kind_of

PIECE_ROWS = 1 << 19
Data: TypeAlias = object


@dataclass(frozen=True, slots=True)
class MemorySource:
    """An Arrow table as a source."""

    table: pa.Table
    path: str = "(memory)"
    format: str = "memory"

    @property
    def bytes(self) -> int:
        return int(self.table.nbytes)

    @property
    def rows(self) -> int | None:
        return int(self.table.num_rows)

    def columns(self) -> dict[str, ColumnInfo]:
        return {field.name: _info(field, self.table) for field in self.table.schema}

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        rows = self.table.num_rows
        return [Piece(file, start, min(start + PIECE_ROWS, rows), 0) for start in range(0, rows, PIECE_ROWS)]

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        part = self.table.select(list(reading.columns)).slice(piece.start, piece.stop - piece.start)
        yield from part.to_batches(reading.batch_rows)

    def line(self, row: int) -> str:
        return ""


def _info(field: pa.Field, table: pa.Table) -> ColumnInfo:
    kind = kind_of(field.type)
    width = 1
    if kind == "list" and table.num_rows:
        first = next((value for value in table.column(field.name).slice(0, 100).to_pylist() if value is not None), None)
        width = max(1, len(first)) if first is not None else 1
    return ColumnInfo(kind, str(field.type), width)


def source(data: Data) -> MemorySource:
    """Anything that holds columns: with the Arrow stream protocol (pandas, Polars, Arrow), a mapping, or batches."""
    if isinstance(data, pa.Table):
        return MemorySource(data)
    if isinstance(data, pa.RecordBatch):
        return MemorySource(pa.Table.from_batches([data]))
    if hasattr(data, "__arrow_c_stream__"):
        return MemorySource(pa.table(data))
    if isinstance(data, Mapping):
        return MemorySource(_table({str(name): _column(str(name), values) for name, values in data.items()}))
    if isinstance(data, Iterable):
        batches = list(data)
        if batches and all(isinstance(batch, pa.RecordBatch) for batch in batches):
            return MemorySource(pa.Table.from_batches(batches))
    raise DataError(
        f"{type(data).__name__} cannot be evaluated: "
        "give paths, a data frame, an Arrow table, a dict of arrays or batches."
    )


def _table(columns: Mapping[str, pa.Array]) -> pa.Table:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise DataError(f"the columns differ in length: {told} rows. Give as many values for each.")
    return pa.table(dict(columns))


def _column(name: str, values: object) -> pa.Array:
    """A column of a mapping; arrays of several dimensions are lists of one length."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    array = values if isinstance(values, np.ndarray) else None
    if array is None and isinstance(values, Sequence) and values and isinstance(values[0], float | int):
        array = np.asarray(values) if all(isinstance(value, float | int) for value in values) else None
    try:
        if array is not None and array.ndim:
            return _nested(name, array)
        if isinstance(values, Sequence) and values and all(isinstance(value, str) for value in values):
            return texts([str(value) for value in values])
        return pa.array(values)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise DataError(f"column {name!r} is no array of one type: {str(error).splitlines()[0]}") from None


def _nested(name: str, array: "np.ndarray[Any, Any]") -> pa.Array:
    """An array in the type it has; its dimensions after the first are lists of one length."""
    if 0 in array.shape[1:]:
        raise DataError(f"column {name!r} has the shape {array.shape}: its rows hold nothing.")
    flat = array.ravel()
    if not flat.dtype.isnative:  # Arrow would take the bytes as they are
        flat = flat.astype(flat.dtype.newbyteorder("="))
    plain = flat.dtype.kind in "fi" and flat.dtype.itemsize == 8 and not isinstance(flat, np.ma.MaskedArray)
    column = doubles(flat) if plain else pa.array(flat)
    for size in reversed(array.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column
