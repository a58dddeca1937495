"""What every file format offers: its columns, its pieces, and the rows of a piece as Arrow batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

# How a column is to be read: as float64 where the file has text, as text (keys, labels, ids), or as it stands.
As = Literal["number", "text", "raw"]


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """What a file says of a column before its values are read."""

    kind: Literal["number", "text", "list", "other", "unknown"]
    type: str
    width: int = 1  # numbers per row, of a list column the mean or fixed length


@dataclass(frozen=True, slots=True)
class Piece:
    """What one worker reads in one go: row groups of a Parquet file, a byte range of a text file."""

    file: int
    start: int
    stop: int
    size: int  # bytes, for progress


@dataclass(frozen=True, slots=True)
class Reading:
    """Which columns are wanted and how; `batch_rows` is how many rows at a time, and decides no digit."""

    columns: Mapping[str, As]
    batch_rows: int


class Source(Protocol):
    """One file, picklable: opening it again elsewhere gives the same rows."""

    path: str
    format: str

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
