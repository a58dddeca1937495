"""A path as a source: what opens it is found by its first bytes."""

import os
import stat
from collections.abc import Collection, Sequence

from lossctl.errors import DataError
from lossctl.sources.csv.options import TextOptions
from lossctl.sources.formats import format_of
from lossctl.sources.paths import STDIN, expand, inside_file, near, partitions
from lossctl.sources.source import Growing, Piece, Pruning, Sieve, Source

DEFAULTS = TextOptions()


def open_sources(paths: Sequence[str], options: TextOptions = DEFAULTS) -> list[Source]:
    """The sources of a dataset in order; a folder or a pattern stands for the files in it, `-` for standard input."""
    return [open_source(path, options) for path in expand(paths)]


def open_source(path: str, options: TextOptions = DEFAULTS) -> Source:
    """The source of a file; `options` say how text is laid out, where that is not to be recognised."""
    source = _source(*_accessible(path), options)
    values = partitions(path)
    if not values:
        return source
    from lossctl.sources.partitioned import PartitionedSource

    return PartitionedSource(source, values)


def prune(source: Source, pieces: Sequence[Piece], sieve: Sieve | None) -> list[Piece]:
    """The pieces of a source without the rows that its statistics rule out; the sieve is that of `--where`."""
    return source.prune(pieces, sieve) if sieve is not None and isinstance(source, Pruning) else list(pieces)


def knowing(source: Source, names: Collection[str]) -> Source:
    """The source with the columns of these names, where the file has them only far beyond its first rows."""
    return source.knowing(names) if names and isinstance(source, Growing) else source


def _accessible(path: str) -> tuple[str, str]:
    """The name of an input in messages, and the file that holds it."""
    if path == STDIN:
        from lossctl.sources.spool import spooled

        return _filled("stdin", spooled(path))
    if not path:
        raise DataError("the name of a file is empty; name one, or - for standard input.")
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}.{near(path)}") from None
    except NotADirectoryError:
        raise DataError(f"{path} cannot be opened: {inside_file(path)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}.") from None
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{path} is a folder; name the files in it.")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} cannot be read: permission denied.")
    if not stat.S_ISREG(found.st_mode):
        from lossctl.sources.spool import spooled

        return _filled(path, spooled(path))
    return _filled(path, path)


def _filled(path: str, file: str) -> tuple[str, str]:
    if os.stat(file).st_size == 0:
        raise DataError(f"{path} is empty (0 bytes).")
    return path, file


def _source(path: str, file: str, options: TextOptions) -> Source:
    found, codec = format_of(path, file)
    other = "" if file == path else file
    match found:
        case "parquet":
            from lossctl.sources.binary.parquet import ParquetSource

            return ParquetSource(path, other)
        case "arrow":
            from lossctl.sources.binary.ipc import IpcSource

            return IpcSource(path, other)
        case "npy" | "npz":
            from lossctl.sources.binary.npy import NumpySource

            return NumpySource(path, other, found)
        case "jsonl" | "json":
            from lossctl.sources.json.reader import JsonSource

            return JsonSource(path, other, codec, found)
        case "csv":
            from lossctl.sources.csv.reader import CsvSource

            return CsvSource(path, other, codec, options=options)
