"""What the literals of a filter spell: numbers exactly, true and false, dates and times."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Literal as Word
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from lossctl.errors import UsageError
from lossctl.sources.kinds import EXACT_INTEGERS
from lossctl.sources.source import ColumnInfo

Number: TypeAlias = int | Decimal
Literal: TypeAlias = Number | str | bool
# What a column holds, as far as comparing goes.
Holds: TypeAlias = Word["numbers", "true and false", "dates", "times"]

# Numbers of more digits are infinite: no column holds them.
LARGEST = 400
EPOCH = datetime(1970, 1, 1)
_CLOCK = r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)" + rf"(?:(?:[Tt]|\s+){_CLOCK}\s*([Zz]|[+-]\d\d(?::?\d\d)?)?)?")
_TIME = re.compile(_CLOCK)
_TRUTH = {"true": True, "false": False}
_WAYS_OUT = {
    "numbers": "is no number to compare them with",
    "true and false": "is neither: compare it with true or false",
    "dates": "is none: write '2024-03-01' or '2024-03-01T05:30', in single quotes",
    "times": "is none: write '05:30' or '05:30:15', in single quotes",
}


class Moment(NamedTuple):
    """A date with its time, in seconds from 1970 on the clock of its zone, or a time alone, from midnight."""

    seconds: Fraction
    zone: timedelta | None
    alone: bool = False


@lru_cache(maxsize=1 << 12)
def numeral(text: str) -> Number | None:
    """The number that a text spells, of any size; None where it spells none."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    if value.is_nan():
        return None
    if value and value.adjusted() > LARGEST:
        value = Decimal("Infinity").copy_sign(value)
    return int(value) if value.is_finite() and value == value.to_integral_value() else value


def is_float(value: Literal) -> bool:
    """Whether a literal is a number that columns read as float64 are held against exactly."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and -EXACT_INTEGERS < value < EXACT_INTEGERS


def truth(text: str) -> bool | None:
    """Whether a text says true or false; None where it says neither."""
    return _TRUTH.get(text.lower())


@lru_cache(maxsize=1 << 12)
def moment(text: str) -> Moment | None:
    """The date, timestamp or time that a text spells (ISO 8601); None where it spells none."""
    text = text.strip()
    try:
        if (found := _DATE.fullmatch(text)) is not None:
            year, month, day, hour, minute, second, digits, zone = found.groups()
            whole = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
            return Moment(_seconds(whole - EPOCH) + _fraction(digits), _offset(zone))
        if (found := _TIME.fullmatch(text)) is not None:
            hour, minute, second, digits = found.groups()
            return Moment(
                _since_midnight(time(int(hour), int(minute), int(second or 0))) + _fraction(digits), None, True
            )
    except ValueError:  # a thirteenth month
        pass
    return None


def _fraction(digits: str | None) -> Fraction:
    return Fraction(int(digits), 10 ** len(digits)) if digits else Fraction(0)


def _seconds(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 10**6)


def _since_midnight(clock: time) -> Fraction:
    return _seconds(datetime.combine(EPOCH, clock) - EPOCH)


def _offset(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if text in "Zz":
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return (-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The time zone of a column."""
    if re.fullmatch(r"[+-]\d\d:?\d\d", name):
        return timezone(_offset(name) or timedelta(0))
    try:
        return UTC if name.upper() in ("UTC", "Z") else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"--where: a column is in the time zone {name!r}, which is not known here; pip install tzdata, or store "
            "the column in UTC."
        ) from None


def seconds(value: Literal, zone: tzinfo | None, alone: bool) -> Fraction | None:
    """A literal as seconds, in UTC where the column has a zone, which is the literal's too where it names none."""
    found = moment(value) if isinstance(value, str) else None
    if found is None or found.alone != alone or (zone is None and found.zone is not None):
        return None
    offset = found.zone
    if offset is None and zone is not None:
        local = EPOCH + timedelta(seconds=found.seconds.__floor__())
        offset = local.replace(tzinfo=zone).utcoffset()
    return found.seconds - _seconds(offset or timedelta(0))


def against(low: object, value: Literal) -> object:
    """A literal as what is comparable with a bound that a file tells; None where it spells nothing such."""
    match low:
        case bool():
            return truth(value) if isinstance(value, str) else value if isinstance(value, bool) else None
        case int() | float() | Decimal():
            number = numeral(value) if isinstance(value, str) else value
            if number is None or isinstance(number, bool):
                return None
            return float(number) if isinstance(low, float) and isinstance(number, Decimal) else number
        case datetime():
            return seconds(value, low.tzinfo, alone=False)
        case date() | time():
            return seconds(value, None, alone=isinstance(low, time))
    return value if isinstance(value, str) else None


def bound(value: object) -> object:
    """A bound that a file tells as what `against` makes of literals."""
    match value:
        case datetime():
            return _seconds((value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)) - EPOCH)
        case date():
            return _seconds(datetime(value.year, value.month, value.day) - EPOCH)
        case time():
            return _since_midnight(value)
    return value


def holds(info: ColumnInfo) -> Holds | None:
    """What a column holds that literals must spell; None where it is text, or known only once it is read."""
    if info.type in ("bool", "truth"):
        return "true and false"
    if info.kind == "number" and info.type != "null":
        return "numbers"
    if info.type.startswith(("timestamp", "date")):
        return "dates"
    return "times" if info.type.startswith("time") else None


def settled(column: str, info: ColumnInfo, values: Sequence[Literal]) -> tuple[Literal, ...]:
    """The literals as what the column holds; raises where one spells nothing such, which no row could equal."""
    said = holds(info)
    return tuple(values if said is None else (_settled(column, said, info.type, value) for value in values))


def _settled(column: str, said: Holds, kind: str, value: Literal) -> Literal:
    found: Literal | None
    if said == "numbers":
        found = numeral(value) if isinstance(value, str) else None if isinstance(value, bool) else value
    elif said == "true and false":
        found = truth(value) if isinstance(value, str) else value if isinstance(value, bool) else None
    else:
        zoned = "tz=" in kind
        found = value if seconds(value, UTC if zoned else None, said == "times") is not None else None
    if found is None:
        raise refusal(column, said, value)
    return found


def refusal(column: str, said: Holds, value: Literal) -> UsageError:
    """The error for a literal that spells nothing of what a column holds."""
    shown = written(value)
    told = moment(value) if isinstance(value, str) else None
    if said == "dates" and told is not None and told.zone is not None:
        return UsageError(
            f"--where: column {column!r} holds dates without a time zone, and {shown} names one; leave it out."
        )
    return UsageError(f"--where: column {column!r} holds {said}, and {shown} {_WAYS_OUT[said]}.")


def written(value: Literal) -> str:
    """A literal as messages write it."""
    if isinstance(value, str):
        return repr(value)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
