"""Data that is in memory already: Arrow tables, data frames, dicts of arrays, batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from lossctl.errors import DataError
from lossctl.sources import arrow
from lossctl.sources.kinds import kind_of, type_name
from lossctl.sources.source import ColumnInfo, Piece, Reading

PIECE_ROWS = 1 << 19
Data: TypeAlias = object
Unread: TypeAlias = dict[str, str]
# What pandas, Polars and Arrow raise for values that have no Arrow type.
NOT_ARROW = (pa.ArrowException, TypeError, ValueError, AttributeError, NotImplementedError, OverflowError)
# Types of pandas that stand for other numbers than they show: they are read as pandas writes them.
WRITTEN = ("pandas.period", "pandas.interval")


@dataclass(frozen=True, slots=True)
class MemorySource:
    """An Arrow table as a source; `unread` says of columns why they are not in it, which matters once they are used."""

    table: pa.Table
    path: str = "(memory)"
    format: str = "memory"
    unread: Unread = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return int(self.table.nbytes)

    @property
    def rows(self) -> int | None:
        return int(self.table.num_rows)

    def columns(self) -> dict[str, ColumnInfo]:
        found = {field.name: _info(field, self.table) for field in self.table.schema}
        held = {name: f"what cannot be read ({why.partition('. ')[0]})" for name, why in self.unread.items()}
        return found | {name: ColumnInfo("unknown", what) for name, what in held.items()}

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        for name in columns:
            if name in self.unread:
                raise DataError(f"column {name!r} of {self.path} cannot be read: {self.unread[name]}")
        rows = self.table.num_rows
        return [Piece(file, start, min(start + PIECE_ROWS, rows), 0) for start in range(0, rows, PIECE_ROWS)]

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        part = self.table.select(list(reading.columns)).slice(piece.start, piece.stop - piece.start)
        for at, about in enumerate(part.schema):
            if _is_written(about.type):
                chunks = [_written(chunk) for chunk in part.column(at).chunks]
                part = part.set_column(at, about.name, pa.chunked_array(chunks, pa.string()))
        yield from part.to_batches(reading.batch_rows)

    def line(self, row: int) -> str:
        return ""


def _info(field: pa.Field, table: pa.Table) -> ColumnInfo:
    if _is_written(field.type):
        return ColumnInfo("text", str(_valued(field.type).to_pandas_dtype()))
    kind = kind_of(field.type)
    width = 1
    if kind == "list" and table.num_rows:
        first = next((value for value in table.column(field.name).slice(0, 100).to_pylist() if value is not None), None)
        width = max(1, len(first)) if first is not None else 1
    return ColumnInfo(kind, type_name(field.type), width)


def _is_written(kind: pa.DataType) -> bool:
    return getattr(_valued(kind), "extension_name", "") in WRITTEN


def _valued(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _written(values: pa.Array) -> pa.Array:
    """Periods and intervals as pandas writes them."""
    if isinstance(values, pa.DictionaryArray):
        return _written(values.dictionary).take(values.indices)
    if pa.types.is_integer(values.type.storage_type):  # periods: each is written once
        found = values.storage.dictionary_encode()
        return _as_text(pa.ExtensionArray.from_storage(values.type, found.dictionary)).take(found.indices)
    return _as_text(values)


def _as_text(values: pa.ExtensionArray) -> pa.Array:
    shown = values.type.to_pandas_dtype().__from_arrow__(values)
    return pa.array([None if value != value else str(value) for value in shown], pa.string())


def source(data: Data) -> MemorySource:
    """Anything that holds columns: with the Arrow stream protocol (pandas, Polars, Arrow), a mapping, or batches."""
    if isinstance(data, pa.Table):
        return _distinct(data)
    if isinstance(data, pa.RecordBatch):
        return _distinct(pa.Table.from_batches([data]))
    if hasattr(data, "__arrow_c_stream__"):
        return _frame(data)
    if isinstance(data, Mapping):
        return _mapping(data)
    if isinstance(data, Iterable):
        batches = list(data)
        if not batches:
            raise DataError(f"{type(data).__name__} is empty: give at least one record batch, which may have no rows.")
        if all(isinstance(batch, pa.RecordBatch) for batch in batches):
            return _distinct(_joined(batches))
    if hasattr(data, "collect"):
        raise DataError(f"{type(data).__name__} has no rows yet; evaluate it first: compute(..., data.collect()).")
    raise DataError(
        f"{type(data).__name__} cannot be evaluated: "
        "give paths, a data frame, an Arrow table, a dict of arrays or batches."
    )


def _frame(data: Any) -> MemorySource:
    """A data frame as a source, or those of its columns that Arrow has a type for."""
    names = [str(name) for name in getattr(data, "columns", ())]
    kinds = [str(kind) for kind in getattr(data, "dtypes", ())] if names else []
    unread: Unread = {}
    try:
        table = pa.table(data)
    except NOT_ARROW as error:
        if not names and not hasattr(data, "schema"):
            name = type(data).__name__
            raise DataError(f"{name} is one column; give a data frame, or a dict of arrays by name.") from None
        if len(kinds) < len(names) or not names:
            raise DataError(f"{type(data).__name__} cannot be read: {_said(error)}.") from None
        table, unread = _by_column(data, names, kinds)
    # Polars exports objects as their addresses.
    objects = {name: _why(kind) for name, kind in zip(names, kinds, strict=False) if kind == "Object"}
    return _distinct(
        table.drop_columns([name for name in objects if name in table.column_names]), {**unread, **objects}
    )


def _by_column(data: Any, names: Sequence[str], kinds: Sequence[str]) -> tuple[pa.Table, Unread]:
    """A data frame's columns one by one, and why some cannot be taken."""
    found: list[tuple[str, pa.ChunkedArray]] = []
    unread: Unread = {}
    places = getattr(data, "iloc", None)  # of pandas, where a name may stand twice
    for at, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        try:
            if places is None:
                part = pa.table(data[[name]])
            else:
                part = pa.Table.from_pandas(places[:, [at]], preserve_index=False)
            found.append((name, part.column(0)))
        except NOT_ARROW as error:
            unread[name] = _why(kind, error)
    if places is not None:
        with suppress(*NOT_ARROW):
            index = pa.table(places[:, :0])
            found.extend(zip(index.column_names, index.columns, strict=True))
    return pa.Table.from_arrays([column for _, column in found], [name for name, _ in found]), unread


def _why(kind: str, error: Exception | None = None) -> str:
    said = "" if error is None else f" ({_said(error)})"
    return f"it holds {kind} values{said}. Give it numbers, text or dates, of one type."


def _said(error: Exception) -> str:
    """The first line of what a library says of values."""
    return str(error.args[0] if error.args else error).splitlines()[0].rstrip(".")


def _distinct(table: pa.Table, unread: Unread | None = None) -> MemorySource:
    """A table as a source, without the columns that share a name."""
    names = table.column_names
    doubled = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    told = dict.fromkeys(doubled, "several columns have this name. Rename or drop all but one.")
    kept = [at for at, name in enumerate(names) if name not in doubled]
    return MemorySource(table.select(kept) if doubled else table, unread={**(unread or {}), **told})


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Batches of one schema as a table."""
    first = batches[0].schema
    for at, batch in enumerate(batches[1:], 2):
        if batch.schema.equals(first):
            continue
        for name in dict.fromkeys([*first.names, *batch.schema.names]):
            here, there = _type_in(batch.schema, name), _type_in(first, name)
            if here != there:
                raise DataError(
                    f"record batches must have the same columns: {name!r} is {there} in batch 1 and {here} in "
                    f"batch {at}. Cast them to one schema, e.g. batch.cast(schema)."
                )
        raise DataError(
            f"record batches must have the same columns, in one order: batch {at} has another than batch 1."
        )
    return pa.Table.from_batches(batches)


def _type_in(schema: pa.Schema, name: str) -> str:
    return " and ".join(str(schema.field(at).type) for at in schema.get_all_field_indices(name)) or "absent"


def _mapping(data: Mapping[Any, object]) -> MemorySource:
    """The columns of a mapping, but for those that are no columns."""
    columns: dict[str, pa.Array] = {}
    unread: Unread = {}
    for name, values in data.items():
        try:
            columns[str(name)] = _column(values)
        except DataError as error:
            unread[str(name)] = str(error)
        except NOT_ARROW as error:
            unread[str(name)] = _why(str(getattr(values, "dtype", type(values).__name__)), error)
    return MemorySource(_table(columns), unread=unread)


def _table(columns: Mapping[str, pa.Array]) -> pa.Table:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise DataError(f"the columns differ in length: {told} rows. Give as many values for each.")
    return pa.table(dict(columns))


def _column(values: object) -> pa.Array:
    """A column of a mapping; arrays of several dimensions are lists of one length."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    array = values if isinstance(values, np.ndarray) else None
    if array is None and isinstance(values, Sequence) and values and isinstance(values[0], float | int):
        array = np.asarray(values) if all(isinstance(value, float | int) for value in values) else None
    if array is not None and array.ndim:
        return _nested(array)
    if isinstance(values, Sequence) and values and all(isinstance(value, str) for value in values):
        return arrow.texts_column([str(value) for value in values])
    return pa.array(values)


def _nested(array: "np.ndarray[Any, Any]") -> pa.Array:
    """An array in the type it has; its dimensions after the first are lists of one length."""
    if 0 in array.shape[1:]:
        raise DataError(f"it has the shape {array.shape}, so its rows hold nothing. Give each at least one number.")
    flat = array.ravel()
    if not flat.dtype.isnative:  # Arrow would take the bytes as they are
        flat = flat.astype(flat.dtype.newbyteorder("="))
    plain = flat.dtype.kind in "fi" and flat.dtype.itemsize == 8 and not isinstance(flat, np.ma.MaskedArray)
    column = arrow.column_of(flat) if plain else pa.array(flat)
    for size in reversed(array.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column
