"""Missing values that read as numbers: -999 is missing in a column of numbers however a cell spells it."""

from functools import lru_cache

import numpy as np
import pyarrow as pa

from lossctl.sources import arrow
from lossctl.sources.text.numerals import NUMBER, NUMBER_COMMA


@lru_cache
def numbers_in(missing: tuple[str, ...], decimal: str) -> frozenset[float]:
    """The missing values that read as numbers; with a decimal comma they may be written with a point all the same."""
    found = [text for text in missing if NUMBER.fullmatch(text)]
    if decimal == ",":
        found += [text.replace(",", ".") for text in missing if NUMBER_COMMA.fullmatch(text)]
    return frozenset(map(float, found))


def without(column: pa.Array, absent: frozenset[float]) -> pa.Array:
    """A column of numbers, or of the text of some, in which these numbers are missing."""
    if isinstance(column, pa.DictionaryArray):
        gone = np.array([_among(cell, absent) for cell in column.dictionary.to_pylist()], dtype=bool)
        codes = arrow.values_of(column.indices)
        present = arrow.present(column)
        if not gone.any():
            return column
        return arrow.coded(codes, column.dictionary, present & ~gone[np.where(present, codes, 0)])
    if pa.types.is_string(column.type):
        return arrow.texts_column([None if _among(cell, absent) else cell for cell in column.to_pylist()])
    values = arrow.values_of(column)
    there = ~np.isin(values, list(absent))
    return column if there.all() else arrow.column_of(np.where(there, values, 0.0), there & arrow.present(column))


def _among(cell: str | None, absent: frozenset[float]) -> bool:
    return cell is not None and NUMBER.fullmatch(cell) is not None and float(cell) in absent
