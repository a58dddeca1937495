"""The truth in a file of its own: its rows are found by keys, or by position, and its columns join the predictions'."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.columns.binding import Table
from lossctl.columns.keys import Encoded, encode
from lossctl.errors import DataError, counted
from lossctl.sources.arrow import index_column
from lossctl.sources.source import As, Reading, Source

BATCH_ROWS = 1 << 17
Places = npt.NDArray[np.int64]


class TruthFile(NamedTuple):
    """A truth that is not read yet: its columns, and the keys by which its rows are found."""

    source: Source
    on: tuple[str, ...]
    columns: Mapping[str, As]
    renamed: Mapping[str, str]

    def read(self) -> "Truth":
        """Read the file whole and index it."""
        return _read(self.source, self.on, self.columns, self.renamed)


class Truth(NamedTuple):
    """A truth file in memory, with an index over its keys; `on` is empty where rows pair by position.

    `labels` gives each key's text a code; `stages` combine the codes of several keys into one, in turn, each with the
    number of labels of the next key and the combinations there are, sorted. `places` is the row of each final code.
    """

    source: Source
    on: tuple[str, ...]
    table: pa.Table
    labels: tuple[dict[str | None, int], ...] = ()
    stages: tuple[tuple[int, Places], ...] = ()
    places: Places = field(default_factory=lambda: np.zeros(0, np.int64))
    renamed: Mapping[str, str] = {}

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def find(self, batch: pa.RecordBatch, start: int) -> Places:
        """For each row of a batch the row of the truth, or -1; `start` is the number of rows before the batch."""
        if not self.on:
            at = np.arange(start, start + batch.num_rows)
            return np.where(at < self.rows, at, -1)
        codes = _codes(encode(batch.column(self.on[0])), self.labels[0])
        for name, labels, (size, known) in zip(self.on[1:], self.labels[1:], self.stages, strict=True):
            more = _codes(encode(batch.column(name)), labels)
            combined = codes * size + more
            at = np.minimum(np.searchsorted(known, combined), len(known) - 1)
            # Both codes are asked too: an unknown one, -1, may combine to a number that stands for other labels.
            codes = np.where((codes >= 0) & (more >= 0) & (known[at] == combined), at, -1)
        return np.where(codes >= 0, self.places[codes], -1)

    def join(self, batch: pa.RecordBatch, places: Places) -> pa.RecordBatch:
        """A batch with the truth's columns, for rows that were all found."""
        index = index_column(places)
        columns = {self.renamed.get(name, name): batch.column(name) for name in batch.schema.names}
        for name in self.table.schema.names:
            if name not in self.on:
                columns[name] = self.table.column(name).combine_chunks().take(index)
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def holds(self, column: str) -> bool:
        """Whether a column of joined rows is the truth's; keys are those of the predictions."""
        return column in self.table.schema.names and column not in self.on

    def own_name(self, column: str) -> str:
        """What a column of the truth is called in its file."""
        own = column.removeprefix(TRUE)
        return own if own in self.renamed else column

    def key(self, row: int) -> str:
        """A row's key, for messages."""
        return ", ".join(f"{name}={self.table.column(name)[row].as_py()!s}" for name in self.on)


PREDICTED, TRUE = "pred:", "truth:"


def joined_table(table: Table, truth: Source, on: Sequence[str]) -> Table:
    """The columns of predictions and truth together; a name that both have gets a prefix in each."""
    theirs = truth.columns()
    for name in on:
        for path, columns in ((table.path, table.columns), (truth.path, theirs)):
            Table(path, columns).require(name, "--on")
    both = {name for name in theirs if name in table.columns and name not in on}
    columns = {PREDICTED + name if name in both else name: info for name, info in table.columns.items()}
    added = {TRUE + name if name in both else name: info for name, info in theirs.items() if name not in on}
    renamed = {name: PREDICTED + name for name in both}
    return Table(f"{table.path} with {truth.path}", {**columns, **added}, frozenset(added), renamed)


def _read(source: Source, on: Sequence[str], columns: Mapping[str, As], renamed: Mapping[str, str]) -> Truth:
    columns = {name.removeprefix(TRUE): how for name, how in columns.items()}
    batches = [
        batch for piece in source.pieces(0, list(columns)) for batch in source.read(piece, Reading(columns, BATCH_ROWS))
    ]
    if not batches:
        raise DataError(f"{source.path} has no rows to join.")
    table = pa.Table.from_batches(batches).select(list(columns)).unify_dictionaries().combine_chunks()
    table = table.rename_columns([TRUE + name if name in renamed else name for name in table.schema.names])
    truth = Truth(source, tuple(on), table, renamed=dict(renamed))
    return _indexed(truth, source) if on else truth


def _indexed(truth: Truth, source: Source) -> Truth:
    keys = [encode(_whole(truth.table, name)) for name in truth.on]
    for name, key in zip(truth.on, keys, strict=True):
        if None in key.labels and (gaps := np.flatnonzero(key.codes == list(key.labels).index(None))).size:
            raise DataError(
                f"{truth.path}, column {name!r}: the key is missing in row {gaps[0] + 1}{source.line(int(gaps[0]))}. "
                "Keys of the truth must all be given; fill it in, or drop those rows."
            )
    codes = keys[0].codes
    stages = []
    for key in keys[1:]:
        size = len(key.labels)
        known, codes = np.unique(codes * size + key.codes, return_inverse=True)
        stages.append((size, known))
    order = np.argsort(codes, kind="stable")
    twice = np.flatnonzero(codes[order][1:] == codes[order][:-1])
    if len(twice):
        first = truth.key(int(order[twice[0]]))
        rows = f"rows {order[twice[0]] + 1} and {order[twice[0] + 1] + 1}"
        raise DataError(
            f"{truth.path}: {counted(len(twice), 'key stands', 'keys stand')} twice (first: {first} in {rows}); "
            "truth keys must be unique. Add a column to --on that tells them apart, or drop the copies."
        )
    places = np.full(int(codes.max()) + 1, -1, np.int64)
    places[codes] = np.arange(len(codes))
    labels = tuple({label: code for code, label in enumerate(key.labels)} for key in keys)
    return truth._replace(labels=labels, stages=tuple(stages), places=places)


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def _codes(key: Encoded, labels: dict[str | None, int]) -> Places:
    table = np.array([labels.get(label, -1) if label is not None else -1 for label in key.labels], dtype=np.int64)
    return table[key.codes] if len(table) else np.zeros(0, np.int64)
