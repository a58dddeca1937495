"""Numbers of plain CSV rows by a compiled reader, built where there is a C++ compiler: twice as fast as Arrow's."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from lossctl.sources import kinds
from lossctl.sources.cuts import Part
from lossctl.sources.dialect import CANDIDATES, Dialect

try:
    from lossctl.sources import _cells
except ImportError:
    _cells = None  # type: ignore[assignment]

NO_QUOTE = -1


def numbers(dialect: Dialect, names: Sequence[str], part: Part) -> dict[str, pa.Array] | None:
    """The named columns, every cell a finite number below 2^53; None where that is not so or Arrow has to say."""
    if _cells is None or dialect.likely != ("",) or dialect.decimal != "." or dialect.delimiter not in CANDIDATES:
        return None
    width = len(dialect.names)
    columns = np.full(width, -1, np.int32)
    columns[[dialect.names.index(name) for name in names]] = range(len(names))
    # no row is shorter: its wanted cells hold a byte at least, and every cell ends with one
    most = (part.stop - part.start) // (width + len(names))
    out = np.empty((len(names), most))
    quote = ord(dialect.quote) if dialect.quote else NO_QUOTE
    rows = _cells.read(part.data, part.start, part.stop, dialect.delimiter.encode(), quote, columns, out)
    return None if rows < 0 else {name: kinds.primitive(column[:rows]) for name, column in zip(names, out, strict=True)}
