"""Which rows pass a filter: columns against its literals, as exact numbers, dates and times where they hold such."""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.columns.filter.language import Both, Compare, Filter, IsNull, Not
from lossctl.columns.filter.literals import Holds, Literal, Number, refusal, seconds, zone_of
from lossctl.columns.filter.text import COMPARE, ORDERED, compare_label, meets, nearest_float, number_of, truth_of
from lossctl.columns.keys import encode
from lossctl.columns.numbers import floats
from lossctl.sources.arrow import Flags, flags_of, nulls_of, ticks_of, values_of

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = 86400
# So few values are looked for one by one.
FEW = 8


def missing(array: pa.Array) -> Flags:
    """Where a column has no value."""
    kind = array.type
    if pt.is_floating(kind):
        return np.isnan(floats(array, "", "", {})[0])
    if pt.is_dictionary(kind) or isinstance(kind, pa.BaseExtensionType):
        keys = encode(array)
        return _lookup([label is None for label in keys.labels], keys.codes)
    gaps = nulls_of(array)
    return np.zeros(len(array), dtype=bool) if gaps is None else gaps


def compare(
    array: pa.Array, column: str, sign: str, values: Sequence[Literal], loose: bool = False
) -> tuple[Flags, Flags]:
    """Where a comparison is true, and where it is false; elsewhere the column is missing.

    Columns of text files are `loose`: their cells hold what they spell.
    """
    kind = array.type
    if pt.is_dictionary(kind) and not (pt.is_string(kind.value_type) or pt.is_large_string(kind.value_type)):
        return _spread(array, *compare(array.dictionary, column, sign, values, loose))
    true = _typed(array, column, sign, values)
    if true is None:
        keys = encode(array)
        found = [compare_label(label, sign, values, column, loose) for label in keys.labels]
        return tuple(_lookup([result is wanted for result in found], keys.codes) for wanted in (True, False))  # type: ignore[return-value]
    if not array.null_count and not (pt.is_floating(kind) and _gapped(values_of(array))):
        return true, ~true
    gone = missing(array)
    return true & ~gone, ~true & ~gone


def _gapped(found: npt.NDArray[Any]) -> bool:
    """Whether a NaN is among floats: it hides the least of them."""
    return bool(len(found) and np.isnan(found.min()))


def _spread(array: pa.DictionaryArray, true: Flags, false: Flags) -> tuple[Flags, Flags]:
    """What is true and false of the entries of a dictionary, by rows."""
    gaps = nulls_of(array)
    codes = values_of(array.indices).astype(np.int64)
    codes = codes if gaps is None else np.where(gaps, len(true), codes)
    return np.append(true, False)[codes], np.append(false, False)[codes]


def _typed(array: pa.Array, column: str, sign: str, values: Sequence[Literal]) -> Flags | None:
    """Where a comparison is true of what is there, by the type of the column; None where that is text."""
    kind = array.type
    if pt.is_boolean(kind):
        sides = [_needed(value, truth_of(value), column, "true and false") for value in values]
        return _any(flags_of(array).astype(np.int8), sign, sides)
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        numbers = [number_of(value) for value in values]
        if None in numbers:
            return None  # a column of a text file that a loss reads as numbers
        if pt.is_integer(kind):
            return _any(values_of(array), sign, numbers)
        if pt.is_floating(kind):
            return _real(floats(array, column, "a number", {})[0], sign, numbers)
        return _decimal(array.to_pylist(), sign, numbers)
    if pt.is_date(kind) or pt.is_timestamp(kind) or pt.is_time(kind):
        clock = pt.is_time(kind)
        zone = zone_of(kind.tz) if pt.is_timestamp(kind) and kind.tz else None
        scale = Fraction(1, DAY) if pt.is_date32(kind) else 10**3 if pt.is_date64(kind) else UNITS[kind.unit]
        said: Holds = "times" if clock else "dates"
        places = [_needed(value, seconds(value, zone, clock), column, said) * scale for value in values]
        return _any(ticks_of(array), sign, places)
    return None


def _needed(value: Literal, found: int | Fraction | None, column: str, said: Holds) -> int | Fraction:
    if found is None:
        raise refusal(column, said, value)
    return found


def _any(found: npt.NDArray[Any], sign: str, values: Sequence[int | Decimal | Fraction | None]) -> Flags:
    """Whole numbers against numbers of any size, exactly."""
    info = np.iinfo(found.dtype)
    if sign not in ORDERED:
        whole = [edge for edge in map(_whole, values) if edge is not None and info.min <= edge <= info.max]
        return _equal(found, sign, np.array(whole, dtype=found.dtype))
    value = values[0]
    assert value is not None
    if isinstance(value, Decimal) and value.is_infinite():
        value = info.max + 1 if value > 0 else info.min - 1
    edge = math.ceil(value) if sign in ("<", ">=") else math.floor(value)
    if not info.min <= edge <= info.max:
        return np.full(len(found), (edge > info.max) == (sign in ("<", "<=")))
    result: Flags = COMPARE[sign](found, found.dtype.type(edge))  # type: ignore[assignment]
    return result


def _whole(value: int | Decimal | Fraction | None) -> int | None:
    if value is None or (isinstance(value, Decimal) and value.is_infinite()):
        return None
    return int(value) if value == int(value) else None


def _equal(found: npt.NDArray[np.generic], sign: str, values: npt.NDArray[np.generic]) -> Flags:
    """Where a column equals one of some values, or where it does not; all of one type."""
    if len(values) == 1:
        same: Flags = found == values[0]
    else:
        same = np.isin(found, values, kind="sort" if len(values) <= FEW else None)
    return ~same if sign in ("!=", "<>") else same


def _real(found: npt.NDArray[np.float64], sign: str, values: Sequence[Number | None]) -> Flags:
    """Floats against numbers: a whole number that is no float lies between two, any other is the nearest one."""
    nearest = [(value, nearest_float(value)) for value in values if value is not None]
    exact = [isinstance(value, Decimal) or value == near for value, near in nearest]
    if sign not in ORDERED:
        return _equal(found, sign, np.array([near for (_, near), same in zip(nearest, exact, strict=True) if same]))
    (value, near), less = nearest[0], sign in ("<", "<=")
    if not exact[0]:
        sign = ("<" if near > value else "<=") if less else (">=" if near > value else ">")
    result: Flags = COMPARE[sign](found, near)  # type: ignore[assignment]
    return result


def _decimal(cells: Sequence[Decimal | None], sign: str, values: Sequence[Number | None]) -> Flags:
    told = {cell: meets(sign, [(cell, value) for value in values]) for cell in set(cells) if cell is not None}
    return np.array([cell is not None and told[cell] for cell in cells], dtype=bool)


def _lookup(table: Sequence[bool], codes: npt.NDArray[np.int64]) -> Flags:
    return np.array(table, dtype=bool)[codes] if len(table) else np.zeros(len(codes), dtype=bool)


def passing(part: Filter, batch: pa.RecordBatch) -> Flags:
    """The rows of a batch that pass; a comparison with a missing value is unknown, and does not."""
    true, _ = _evaluate(part, batch)
    return true


def _evaluate(part: Filter, batch: pa.RecordBatch) -> tuple[Flags, Flags]:
    """Where a filter is true, and where it is false; elsewhere it is unknown."""
    match part:
        case Compare(column, sign, values, loose):
            return compare(batch.column(column), column, sign, values, loose)
        case IsNull(column):
            null = missing(batch.column(column))
            return null, ~null
        case Not(inner):
            true, false = _evaluate(inner, batch)
            return false, true
        case Both(word, left, right):
            first, second = _evaluate(left, batch), _evaluate(right, batch)
            if word == "and":
                return first[0] & second[0], first[1] | second[1]
            return first[0] | second[0], first[1] & second[1]
