"""A file whose folders say more of it: region=eu/part.csv has a column `region` of one value."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lossctl.sources import arrow
from lossctl.sources.source import ColumnInfo, Growing, Piece, Pruning, Reading, Sieve, Source, Span


@dataclass(frozen=True, slots=True)
class PartitionedSource:
    """A source with columns of one value each beside its own; a column of the file goes before one of its folders."""

    inner: Source
    values: Mapping[str, str | None]

    @property
    def path(self) -> str:
        """The file as messages name it."""
        return self.inner.path

    @property
    def format(self) -> str:
        """The file's format."""
        return self.inner.format

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.inner.bytes

    @property
    def rows(self) -> int | None:
        """The number of rows, where the file says it."""
        return self.inner.rows

    def line(self, row: int) -> str:
        """How an editor finds a row."""
        return self.inner.line(row)

    def columns(self) -> dict[str, ColumnInfo]:
        """The columns of the file, then those of its folders."""
        return {**dict.fromkeys(self.values, ColumnInfo("unknown", "text")), **self.inner.columns()}

    def _own(self, columns: Sequence[str]) -> list[str]:
        """The columns to read from the file itself; one at least, which tells the number of rows."""
        there = self.inner.columns()
        return [name for name in columns if name in there] or list(there)[:1]

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """The pieces of the file."""
        return self.inner.pieces(file, self._own(columns))

    def prune(self, pieces: Sequence[Piece], sieve: Sieve) -> list[Piece]:
        """No piece where the folders rule the file out, else those that its statistics leave."""
        there = self.inner.columns()
        known = {
            name: Span(self.values[name], self.values[name], self.values[name] is not None)
            for name in sieve.columns
            if name in self.values and name not in there
        }
        if known and not sieve.may_pass(known):
            return []
        return self.inner.prune(pieces, _Within(sieve, known)) if isinstance(self.inner, Pruning) else list(pieces)

    def knowing(self, names: Collection[str]) -> Source:
        """The file with columns that appear far beyond its first rows."""
        missing = [name for name in names if name not in self.values]
        return replace(self, inner=self.inner.knowing(missing)) if isinstance(self.inner, Growing) else self

    def read(self, piece: Piece, reading: Reading) -> Iterator[pa.RecordBatch]:
        """The rows of a piece."""
        own = self._own(list(reading.columns))
        inner = Reading({name: reading.columns.get(name, "text") for name in own}, reading.batch_rows)
        for batch in self.inner.read(piece, inner):
            arrays = [
                batch.column(name) if name in own and name in reading.columns else self._constant(name, batch.num_rows)
                for name in reading.columns
            ]
            yield pa.RecordBatch.from_arrays(arrays, names=list(reading.columns))

    def _constant(self, name: str, rows: int) -> pa.Array:
        value = self.values[name]
        present = None if value is not None else np.zeros(rows, dtype=bool)
        return arrow.coded(np.zeros(rows, np.int32), arrow.texts_column([value or ""]), present)


class _Within(NamedTuple):
    """A sieve for a file whose folders have answered for some columns: it asks the file for the others alone."""

    sieve: Sieve
    known: Mapping[str, Span]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.sieve.columns if name not in self.known)

    def may_pass(self, spans: Mapping[str, Span]) -> bool:
        """Whether a row of the file within the spans may be wanted."""
        return self.sieve.may_pass({**spans, **self.known})
