"""Parquet files as pyarrow reads them, without `pyarrow.parquet`.

That module imports every file system there is, which takes 15 ms at each start. Its `ParquetFile` is a handle of the
same reader.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyarrow import OSFile

try:
    from pyarrow._parquet import FileMetaData, ParquetReader
except ImportError:  # another version's name for it
    from pyarrow.parquet.core import FileMetaData, ParquetReader

# Small enough to stay in cache while pages are decoded; larger buffers only cost memory.
READ_BUFFER = 1 << 18


@contextmanager
def opened(
    path: str, metadata: FileMetaData | None = None, dictionaries: Sequence[str] | None = None
) -> Iterator[ParquetReader]:
    """A file's reader; `dictionaries` are columns of text to be read as such."""
    reader = ParquetReader()
    with OSFile(path) as file:
        reader.open(file, buffer_size=READ_BUFFER, pre_buffer=False, read_dictionary=dictionaries, metadata=metadata)
        yield reader


__all__ = ["FileMetaData", "ParquetReader", "opened"]
