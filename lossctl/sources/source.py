"""What every file format offers: its columns, its pieces, and the rows of a piece as Arrow batches.

Small values are named tuples in this package: every start pays for each class, and for a dataclass seven times as much.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import date, time
    from decimal import Decimal
    from typing import TypeAlias

    import pyarrow as pa

    Bound: TypeAlias = bool | int | float | str | Decimal | date | time

# How a column is to be read: as float64 where the file has text, as text (keys, labels, ids), or as it stands.
As = Literal["number", "text", "raw"]
Kind = Literal["number", "text", "list", "other", "unknown"]


class ColumnInfo(NamedTuple):
    """What a file says of a column before its values are read."""

    kind: Kind
    type: str
    width: int = 1  # numbers per row, of a list column the mean or fixed length


class Piece(NamedTuple):
    """What one worker reads in one go: row groups of a Parquet file, a byte range of a text file."""

    file: int
    start: int
    stop: int
    size: int  # bytes, for progress
    row: int | None = None  # rows of the file before the piece, where the file says it without being read


class Reading(NamedTuple):
    """Which columns are wanted and how; `batch_rows` is how many rows at a time, and decides no digit."""

    columns: Mapping[str, As]
    batch_rows: int


class Source(Protocol):
    """One file, picklable: opening it again elsewhere gives the same rows.

    All batches of a piece have one schema, and so have all pieces, except that text which should be numbers comes as
    text, so that the check of the columns can name every such cell.
    """

    @property
    def path(self) -> str:
        """The file as messages name it."""

    @property
    def format(self) -> str:
        """The file's format, in a word."""

    @property
    def bytes(self) -> int:
        """Size of the file."""

    @property
    def rows(self) -> int | None:
        """The number of rows, where the file says it without being read."""

    def columns(self) -> dict[str, ColumnInfo]:
        """The columns in the order of the file."""

    def pieces(self, file: int, columns: Sequence[str]) -> list[Piece]:
        """The pieces in the order of the rows, cut by the file alone; `file` is its index in the dataset."""

    def read(self, piece: Piece, reading: Reading) -> "Iterator[pa.RecordBatch]":
        """The rows of a piece."""

    def line(self, row: int) -> str:
        """How an editor finds a row (0-based): ' (line 7)', or nothing."""


class Span(NamedTuple):
    """What a file says of a column in some rows: its least and its largest value, both None where all are missing.

    Numbers, truth, dates, times, or text as keys write it; `gapless` where no value is missing for certain.
    """

    low: "Bound | None"
    high: "Bound | None"
    gapless: bool = False


class Sieve(Protocol):
    """What rules rows out by the spans of their columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose spans count."""

    def may_pass(self, spans: Mapping[str, Span]) -> bool:
        """Whether a row within the spans may be wanted; of columns without a span nothing is known."""


@runtime_checkable
class Pruning(Protocol):
    """A source whose file holds statistics, so that parts of it need not be read to be ruled out."""

    def prune(self, pieces: Sequence[Piece], sieve: Sieve) -> list[Piece]:
        """The pieces without the rows that the statistics rule out; a piece with a gap becomes several."""


@runtime_checkable
class Growing(Protocol):
    """A source whose columns are known from its first rows, and which may have others further on."""

    def knowing(self, names: Collection[str]) -> Source:
        """The source with these columns too; it is read up to where they first appear."""


class Stamp(NamedTuple):
    """A file as it was when it was looked at: what is remembered of it is forgotten once it changes."""

    path: str  # as messages name it
    file: str  # as the system opens it
    size: int
    changed: int


@dataclass(frozen=True, slots=True, repr=False)
class FileSource:
    """A file under the name that messages use; `file` is what is opened where that differs (spooled input)."""

    path: str
    file: str = ""

    @property
    def stamp(self) -> Stamp:
        """What tells this state of the file from a later one."""
        file = self.file or self.path
        found = os.stat(file)
        return Stamp(self.path, file, found.st_size, found.st_mtime_ns)

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.stamp.size

    @property
    def rows(self) -> int | None:
        """The number of rows, where the file says it without being read."""
        return None

    def line(self, row: int) -> str:
        """Binary files have no lines."""
        return ""


def natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key of names (files, columns, labels) by the numbers in them: part_2 comes before part_10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def first_line(error: Exception) -> str:
    """The first line of a library's error, as a sentence."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0].strip()
    return text if text.endswith(".") else text + "."


def check_doubled(path: str, names: Sequence[str], tip: str = "") -> None:
    """Refuse a file in which a name could mean two columns."""
    if len(set(names)) < len(names):
        from lossctl.errors import DataError

        doubled = sorted({name for name in names if name and names.count(name) > 1})
        if doubled:
            raise DataError(f"{path} has more than one column named {', '.join(map(repr, doubled))}.{tip}")
