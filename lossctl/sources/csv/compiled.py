"""Plain CSV rows by a compiled reader, built where there is a C++ compiler: twice as fast as Arrow's."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from lossctl.sources import arrow
from lossctl.sources.csv.absent import numbers_in
from lossctl.sources.csv.dialect import CANDIDATES, Dialect
from lossctl.sources.source import As
from lossctl.sources.text.cuts import Part

try:
    from lossctl.sources.csv import _cells
except ImportError:
    _cells = None  # type: ignore[assignment]

NO_QUOTE = -1
QUOTES = ("", '"', "'")  # other characters may stand in numbers


def read(dialect: Dialect, wanted: Mapping[str, As], part: Part) -> dict[str, pa.Array] | None:
    """The wanted columns, finite numbers below 2^53 and labels; None where rows are not plain, and Arrow has to say."""
    if _cells is None or not wanted or wanted.keys() & dialect.lists.keys():
        return None
    if dialect.decimal != "." or dialect.delimiter not in CANDIDATES or numbers_in(dialect.missing, "."):
        return None
    if dialect.quote not in QUOTES:
        return None
    numeric = [name for name, how in wanted.items() if how == "number"]
    coded = [name for name, how in wanted.items() if how != "number"]
    if coded and part.data.find(b"\0", part.start, part.stop) >= 0:
        return None
    width = len(dialect.names)
    columns = np.full(width, -1, np.int32)
    columns[[dialect.names.index(name) for name in numeric + coded]] = range(len(wanted))
    most = (part.stop - part.start) // width + 1  # every cell ends with a byte at least
    numbers, codes = np.empty((len(numeric), most)), np.empty((len(coded), most), np.int32)
    rows, texts = _cells.read(
        part.data,
        part.start,
        part.stop,
        dialect.delimiter.encode(),
        ord(dialect.quote) if dialect.quote else NO_QUOTE,
        tuple(text.encode() for text in dialect.missing),
        columns,
        numbers,
        codes,
        most,
    )
    if rows < 0:
        return None
    found = {}
    for name, values in zip(numeric, numbers[:, :rows], strict=True):
        found[name] = arrow.column_of(values, ~np.isnan(values))
    for name, places, (text, ends) in zip(coded, codes[:, :rows], texts, strict=True):
        labels = arrow.encoded_texts(ends, text)
        try:
            labels.validate(full=True)
        except pa.ArrowInvalid:  # no UTF-8 text
            return None
        found[name] = arrow.coded(places, labels, places >= 0)
    return found
