"""Labels against the literals of a filter, as numbers, dates and times where they spell such."""

import math
import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

from lossctl.columns.filter.literals import (
    Literal,
    Moment,
    Number,
    moment,
    numeral,
    truth,
    written,
)
from lossctl.declare.params import number
from lossctl.errors import DataError

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


def truth_of(value: Literal) -> int | None:
    """The truth that a literal is or spells, as 0 or 1."""
    return truth(value) if isinstance(value, str) else value if isinstance(value, bool) else None


def number_of(value: Literal) -> Number | None:
    """The number that a literal is or spells."""
    return numeral(value) if isinstance(value, str) else None if isinstance(value, bool) else value


def nearest_float(value: Number) -> float:
    """A number of any size as a float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def meets(sign: str, sides: Sequence[tuple[object, object]]) -> bool:
    """Whether a comparison holds, of values that are of one kind."""
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
    return meets(sign, [_sides(label, value, sign, column, loose) for value in values])


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
    return read, nearest_float(value) if isinstance(read, float) and isinstance(value, Decimal) else value


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
