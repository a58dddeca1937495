"""Row or unit values as a file: Parquet, CSV or JSON Lines by its suffix, streamed in the order of the data.

A row or unit without a value is null, in CSV an empty cell; an infinite value is null where JSON has none.
"""

import os
from array import array
from collections.abc import Sequence
from math import isfinite
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from lossctl.arithmetic.arrays import Array, Ragged
from lossctl.engine.block import RowValues
from lossctl.engine.units import Units
from lossctl.errors import UsageError
from lossctl.reports.outputs import OutputFile, is_straight
from lossctl.sources import arrow

SUFFIXES = (".parquet", ".csv", ".jsonl")


class RowFile:
    """A file of row or unit values, written batch by batch; it appears when all of it is written."""

    def __init__(self, path: str) -> None:
        self.suffix = os.path.splitext(path)[1].lower()
        if self.suffix not in SUFFIXES:
            raise UsageError(f"--per-row {path}: the suffix must be one of {', '.join(SUFFIXES)}.")
        if self.suffix == ".parquet" and is_straight(path):
            raise UsageError(f"--per-row {path}: Parquet cannot be written to a pipe or device; use .csv or .jsonl.")
        self._output = OutputFile(path)
        self._writer: Any = None

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The writer writes its last bytes when it is closed. Where that fails, the file must end as after any other
        # error; after an error of somebody else, the writer is not closed at all, for what it wrote goes anyway.
        try:
            if self._writer is not None and kind is None:
                with self._output.trouble():
                    self._writer.close()
        except BaseException as failure:
            self._output.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._output.__exit__(kind, error, trace)

    def write(self, columns: dict[str, pa.Array]) -> None:
        """Append rows, given as columns."""
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        with self._output.trouble():
            if self._writer is None:
                self._writer = self._open(batch.schema)
            self._writer.write_batch(batch)

    def _open(self, schema: pa.Schema) -> Any:
        if self.suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.ParquetWriter(self._output.file, schema)
        if self.suffix == ".csv":
            from pyarrow import csv

            return csv.CSVWriter(self._output.file, schema)
        return _JsonLines(self._output)


class RowList:
    """Row values in memory, for a report that is not reduced."""

    def __init__(self, id: str | None = None) -> None:
        self.values: list[float | None] = []
        self.id = id
        self._ids: list[object] = []
        self._rows = array("q")

    def add(self, before: int, values: RowValues) -> None:
        """Append the values of a block; `before` rows stand before its piece."""
        self.values.extend(None if value != value else value for value in values.loss.tolist())
        if values.ids is None:
            self._rows.frombytes((values.rows + before + 1).astype(np.int64).tobytes())
        else:
            self._ids.extend(values.ids.to_pylist())

    @property
    def places(self) -> dict[str, Sequence[Any]]:
        """The id of each row, or its number from 1."""
        return {"row": self._rows} if self.id is None else {self.id: self._ids}


class _JsonLines:
    """A writer with the methods of Arrow's own, for JSON Lines."""

    def __init__(self, output: OutputFile) -> None:
        self._file = output.file

    def write_batch(self, batch: pa.RecordBatch) -> None:
        import json

        for row in batch.to_pylist():
            plain = {key: _plain(value) for key, value in row.items()}
            self._file.write((json.dumps(plain, ensure_ascii=False, default=str) + "\n").encode())

    def close(self) -> None:
        """Do nothing: every batch is written at once."""


def _plain(value: object) -> object:
    """A value as JSON has it: there is no infinity."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def row_columns(before: int, values: RowValues, id: str | None, predicted: Sequence[str]) -> dict[str, pa.Array]:
    """The columns of row values: the id, or the row's number from 1; `loss`; a gradient per predicted column."""
    first = {"row": arrow.column_of(values.rows + before + 1)} if values.ids is None else {str(id): values.ids}
    columns = {**first, "loss": _numbers(values.loss)}
    gradient = values.gradient
    if gradient is None:
        return columns
    if isinstance(gradient, Ragged):
        return {**columns, "gradient": _lists(gradient)}
    if gradient.ndim == 1:
        return {**columns, "gradient": _numbers(gradient)}
    if gradient.ndim > 2:
        cube = np.moveaxis(gradient, -1, 0)
        nested = _numbers(cube.ravel())
        for size in cube.shape[:0:-1]:
            nested = pa.FixedSizeListArray.from_arrays(nested, size)
        return {**columns, "gradient": nested}
    names = predicted if len(predicted) == len(gradient) else [f"{predicted[0]}.{at}" for at in range(len(gradient))]
    return {**columns, **{f"gradient.{name}": _numbers(part) for name, part in zip(names, gradient, strict=True)}}


def _lists(gradient: Ragged) -> pa.Array:
    """A list per row of lists: the gradient by every number of every step."""
    size = len(gradient.values)
    steps = pa.FixedSizeListArray.from_arrays(_numbers(gradient.values.T.ravel()), size)
    return arrow.lists_of(steps, gradient.offsets)


def unit_columns(units: Units) -> dict[str, pa.Array]:
    """The columns of unit values: `unit`, the number of its `rows`, `loss`."""
    return {
        "unit": arrow.texts_column(units.names),
        "rows": arrow.column_of(np.array(units.rows, dtype=np.int64)),
        "loss": _numbers(np.array(units.values, dtype=np.float64)),
    }


def _numbers(values: Array) -> pa.Array:
    """Values as a column; NaN, which is no value, is null."""
    gaps = np.isnan(values)
    return arrow.column_of(values, ~gaps) if gaps.any() else arrow.column_of(values)
