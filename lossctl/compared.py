"""Columns against the literals of a filter: as exact numbers, dates and times where they hold such, else as text."""

import math
import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.columns import floats
from lossctl.declare.params import number
from lossctl.errors import DataError
from lossctl.keys import encode
from lossctl.literals import Holds, Literal, Moment, Number, moment, numeral, refusal, seconds, truth, written, zone_of
from lossctl.sources.arrow import flags_of, nulls_of, ticks_of, values_of

Mask: TypeAlias = npt.NDArray[np.bool_]

COMPARE: dict[str, Callable[..., object]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ORDERED = ("<", "<=", ">", ">=")
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = 86400
# So few values are looked for one by one.
FEW = 8


def missing(array: pa.Array) -> Mask:
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
) -> tuple[Mask, Mask]:
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


def _spread(array: pa.DictionaryArray, true: Mask, false: Mask) -> tuple[Mask, Mask]:
    """What is true and false of the entries of a dictionary, by rows."""
    gaps = nulls_of(array)
    codes = values_of(array.indices).astype(np.int64)
    codes = codes if gaps is None else np.where(gaps, len(true), codes)
    return np.append(true, False)[codes], np.append(false, False)[codes]


def _typed(array: pa.Array, column: str, sign: str, values: Sequence[Literal]) -> Mask | None:
    """Where a comparison is true of what is there, by the type of the column; None where that is text."""
    kind = array.type
    if pt.is_boolean(kind):
        sides = [_needed(value, _truth(value), column, "true and false") for value in values]
        return _any(flags_of(array).astype(np.int8), sign, sides)
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        numbers = [_number(value) for value in values]
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


def _truth(value: Literal) -> int | None:
    return truth(value) if isinstance(value, str) else value if isinstance(value, bool) else None


def _number(value: Literal) -> Number | None:
    return numeral(value) if isinstance(value, str) else None if isinstance(value, bool) else value


def _needed(value: Literal, found: int | Fraction | None, column: str, said: Holds) -> int | Fraction:
    if found is None:
        raise refusal(column, said, value)
    return found


def _any(found: npt.NDArray[Any], sign: str, values: Sequence[int | Decimal | Fraction | None]) -> Mask:
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
    result: Mask = COMPARE[sign](found, found.dtype.type(edge))  # type: ignore[assignment]
    return result


def _whole(value: int | Decimal | Fraction | None) -> int | None:
    if value is None or (isinstance(value, Decimal) and value.is_infinite()):
        return None
    return int(value) if value == int(value) else None


def _equal(found: npt.NDArray[np.generic], sign: str, values: npt.NDArray[np.generic]) -> Mask:
    """Where a column equals one of some values, or where it does not; all of one type."""
    if len(values) == 1:
        same: Mask = found == values[0]
    else:
        same = np.isin(found, values, kind="sort" if len(values) <= FEW else None)
    return ~same if sign in ("!=", "<>") else same


def _real(found: npt.NDArray[np.float64], sign: str, values: Sequence[Number | None]) -> Mask:
    """Floats against numbers: a whole number that is no float lies between two, any other is the nearest one."""
    nearest = [(value, _nearest(value)) for value in values if value is not None]
    exact = [isinstance(value, Decimal) or value == near for value, near in nearest]
    if sign not in ORDERED:
        return _equal(found, sign, np.array([near for (_, near), same in zip(nearest, exact, strict=True) if same]))
    (value, near), less = nearest[0], sign in ("<", "<=")
    if not exact[0]:
        sign = ("<" if near > value else "<=") if less else (">=" if near > value else ">")
    result: Mask = COMPARE[sign](found, near)  # type: ignore[assignment]
    return result


def _nearest(value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _decimal(cells: Sequence[Decimal | None], sign: str, values: Sequence[Number | None]) -> Mask:
    told = {cell: _holds(sign, [(cell, value) for value in values]) for cell in set(cells) if cell is not None}
    return np.array([cell is not None and told[cell] for cell in cells], dtype=bool)


def _holds(sign: str, sides: Sequence[tuple[object, object]]) -> bool:
    if sign == "in":
        return any(left == right for left, right in sides)
    return bool(COMPARE[sign](*sides[0]))


def compare_label(
    label: str | None, sign: str, values: Sequence[Literal], column: str, loose: bool = False
) -> bool | None:
    """A label against literals: as numbers where the literals are numbers, as text otherwise.

    In text files, where quotes tell no type, what both spell counts: dates and times, true and false, and in order
    numbers; equal is what is written alike, so that a filter keeps the rows of the slice that has this name.
    """
    if label is None:
        return None
    return _holds(sign, [_sides(label, value, sign, column, loose) for value in values])


def _sides(label: str, value: Literal, sign: str, column: str, loose: bool) -> tuple[object, object]:
    if isinstance(value, bool):
        said = truth(label)
        return (label, written(value)) if said is None else (said, value)
    if not isinstance(value, str):
        return _numbers(label, value, sign, column)
    if loose:
        pair: tuple[object, object] = truth(label), truth(value)
        if None in pair and (right := moment(value)) is not None and (left := moment(label)) is not None:
            pair = _moments(left, right, column, label, value)
        if None in pair and sign in ORDERED and (limit := numeral(value)) is not None:
            pair = numeral(label), limit
        if None not in pair:
            return pair
    return label, value


def _numbers(label: str, value: Number, sign: str, column: str) -> tuple[object, object]:
    read = number(label)
    if read is None and sign in ORDERED:
        way_out = f"Put text in single quotes: '{value}'." if truth(label) is None else "Compare it with true or false."
        raise DataError(
            f"--where: column {column!r} holds {label!r}, which is no number to hold against {value}. {way_out}"
        )
    return read, _nearest(value) if isinstance(read, float) and isinstance(value, Decimal) else value


def _moments(left: Moment, right: Moment, column: str, label: str, value: str) -> tuple[object, object]:
    """Two dates or two times as seconds; a date without a zone is in that of the column."""
    if left.alone != right.alone:
        return None, None
    if left.zone is None and right.zone is not None:
        raise DataError(
            f"--where: column {column!r} holds {label!r}, without a time zone, and {value!r} names one; leave it out."
        )
    own = 0 if left.zone is None else Fraction(left.zone.total_seconds())
    theirs = own if right.zone is None else Fraction(right.zone.total_seconds())
    return left.seconds - own, right.seconds - theirs


def _lookup(table: Sequence[bool], codes: npt.NDArray[np.int64]) -> Mask:
    return np.array(table, dtype=bool)[codes] if len(table) else np.zeros(len(codes), dtype=bool)
