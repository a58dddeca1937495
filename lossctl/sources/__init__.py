"""Files as sources: the format is told by the suffix, or else by the first bytes."""

import os
from collections.abc import Sequence

from lossctl.errors import DataError
from lossctl.sources.base import As, ColumnInfo, Piece, Reading, Source

SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".parq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
}


def open_source(path: str) -> Source:
    """The source of a file."""
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        raise DataError(f"there is no file {path}.{_near(path)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from None
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; name the files in it.")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} cannot be read: permission denied.")
    if size == 0:
        raise DataError(f"{path} is empty (0 bytes).")
    match _format(path):
        case "parquet":
            from lossctl.sources.parquet import ParquetSource

            return ParquetSource(path)
        case _:
            from lossctl.sources.csv import CsvSource

            return CsvSource(path)


def _format(path: str) -> str:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    with open(path, "rb") as file:
        if file.read(4) == b"PAR1":
            return "parquet"
    if suffix:
        raise DataError(f"{path}: {suffix} is no format lossctl reads (it reads {', '.join(SUFFIXES)}).")
    return "csv"


def _near(path: str) -> str:
    """A tip for a mistyped file name."""
    from lossctl.errors import did_you_mean

    folder = os.path.dirname(path) or "."
    try:
        return did_you_mean(os.path.basename(path), os.listdir(folder))
    except OSError:
        return ""


def open_sources(paths: Sequence[str]) -> list[Source]:
    """The sources of a dataset's files, in order."""
    return [open_source(path) for path in paths]


__all__ = ["As", "ColumnInfo", "Piece", "Reading", "Source", "open_source", "open_sources"]
