"""Parameters of losses: declared as annotations, read from text, checked against their range, printed canonically."""

import sys
from dataclasses import dataclass
from math import inf
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

from lossctl.declare.roles import Domain
from lossctl.errors import DeclarationError, UsageError, did_you_mean

Value: TypeAlias = bool | int | float | str | tuple[float, ...] | None
FILE = "file:"


class Param(NamedTuple):
    """What an annotation says of a parameter: its help text and its range.

    `from_file`: it may be `file:PATH`, and the loss's `prepare` hook is then given the file's `FileCells` in its place.
    """

    help: str
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    becomes: str | None = None  # what is worked out from it (weights from counts), as reports name it
    from_file: bool = False


@dataclass(slots=True, eq=False, repr=False)
class FileCells:
    """What stands in the file that a parameter names: rows of cells, without a header. `said` is `file:PATH`."""

    said: str
    rows: list[list[object]]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """`@COLUMN`: the parameter takes each row's value of that column."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


class Parameter(NamedTuple):
    """One parameter of one loss, as resolved from its declaration."""

    name: str
    types: frozenset[type]
    default: Value
    required: bool
    interval: Domain
    choices: tuple[Value, ...]
    help: str
    becomes: str
    from_file: bool

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def is_flag(self) -> bool:
        return self.types == {bool}

    @property
    def is_numeric(self) -> bool:
        return float in self.types and not self.choices

    @property
    def domain(self) -> str:
        """The values it takes, for help and messages."""
        if self.choices:
            return "one of " + ", ".join(show(choice) for choice in self.choices)
        if self.is_flag:
            return "true or false"
        number = "a whole number" if int in self.types and float not in self.types else "a number"
        words = []
        if {int, float} & self.types:
            words.append(number if self.interval.everything else f"{number} {self.interval.words}")
        if tuple in self.types:
            words.append("a list of numbers")
        if str in self.types:
            words.append("text")
        if NoneType in self.types:
            words.append("none")
        return " or ".join(words)

    def check(self, value: object, loss: str) -> Value:
        """The value in its own type, or a UsageError naming the range."""
        value = plain(value)
        if isinstance(value, str):
            value = self._read(value, loss)
        if isinstance(value, list | tuple):
            value = tuple(map(plain, value))
        if self.choices and isinstance(value, int | float):
            value = self._choice(value)
        if not self._fits(value):
            raise UsageError(f"{loss}: {self.option} must be {self.domain}, not {show(value)}.")
        if isinstance(value, tuple):
            return tuple(float(item) for item in value)
        if isinstance(value, int) and not isinstance(value, bool) and float in self.types and not self.choices:
            return float(value)
        if isinstance(value, float) and float not in self.types:
            return int(value)
        return value  # type: ignore[return-value]  # _fits has narrowed it

    def _fits(self, value: object) -> bool:
        if value is None:
            return NoneType in self.types
        if self.choices:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        if isinstance(value, bool):
            return bool in self.types
        if isinstance(value, int):
            return bool({int, float} & self.types) and is_finite(value) and value in self.interval
        if isinstance(value, float):
            whole = int in self.types and value.is_integer()
            return (float in self.types or whole) and is_finite(value) and value in self.interval
        if isinstance(value, tuple):
            numbers = (isinstance(item, int | float) and is_finite(item) for item in value)
            return tuple in self.types and len(value) > 0 and all(numbers)
        return isinstance(value, str) and str in self.types

    def _choice(self, value: float) -> Value:
        """The choice that a number means: 2.0 is 2, and infinity 'inf'."""
        numbers = {choice: number(choice) if isinstance(choice, str) else choice for choice in self.choices}
        same = (choice for choice, meant in numbers.items() if meant == value and not isinstance(value, bool))
        return next(same, value)

    def _read(self, text: str, loss: str) -> object:
        """Text from a command line or an expression as a value; what it cannot be stays text for `check` to refuse."""
        parsed = number(text)
        for choice in self.choices:
            if text == show(choice) or (parsed is not None and self._choice(parsed) is choice):
                return choice
        if self.choices and NoneType not in self.types:
            tip = did_you_mean(text, [str(choice) for choice in self.choices])
            raise UsageError(f"{loss}: {self.option} must be {self.domain}, not {text!r}.{tip}")
        if text.lower() == "none" and NoneType in self.types:
            return None
        if bool in self.types and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if tuple in self.types and ("," in text or text.startswith("[")):
            items = [number(item.strip()) for item in text.strip("[]").split(",") if item.strip()]
            if all(item is not None for item in items):
                return tuple(items)
        if parsed is not None and {int, float, tuple} & self.types:
            return (parsed,) if not {int, float} & self.types else parsed
        return text


def is_finite(value: float) -> bool:
    """Whether a number is one that float64 holds: whole numbers may be beyond it."""
    return abs(value) <= sys.float_info.max


def plain(value: object) -> object:
    """A NumPy scalar or array as Python's own number, truth, text or list; anything else as it is."""
    read = getattr(value, "tolist", None)
    if read is None:
        return str(value) if isinstance(value, str) else value
    found: object = read()
    return float(found) if hasattr(found, "tolist") else found  # type: ignore[arg-type]  # a long double is left as it is


def number(text: str) -> int | float | None:
    """A number written as text, or None."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def show(value: object) -> str:
    """A value as expressions and reports write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ",".join(show(item) for item in value) + "]"
    if isinstance(value, str):
        return value if value.replace("_", "").isalnum() else repr(value)
    return repr(value) if isinstance(value, float | int) else str(value)


def resolve(name: str, annotation: Any, default: Value, required: bool, loss: str) -> Parameter:
    """The parameter that `name: Annotated[type, Param(...)] = default` declares."""
    about = next((item for item in getattr(annotation, "__metadata__", ()) if isinstance(item, Param)), None)
    if about is None:
        raise DeclarationError(f"loss {loss!r}: parameter {name!r} needs Annotated[type, Param('help', ...)].")
    base = annotation.__origin__
    members = get_args(base) if isinstance(base, UnionType) or get_origin(base) is Union else (base,)
    choices: tuple[Value, ...] = ()
    types: set[type] = set()
    for member in members:
        if get_origin(member) is Literal:
            choices += get_args(member)
            types |= {type(choice) for choice in get_args(member)}
        else:
            types.add(tuple if get_origin(member) is tuple else member)
    low, high = (about.gt if about.ge is None else about.ge), (about.lt if about.le is None else about.le)
    interval = Domain(-inf if low is None else low, inf if high is None else high, about.ge is None, about.le is None)
    parameter = Parameter(
        name, frozenset(types), default, required, interval, choices, about.help, about.becomes or name, about.from_file
    )
    if not required:
        try:
            parameter.check(default, loss)
        except UsageError as error:
            raise DeclarationError(
                f"loss {loss!r}: the default of {name!r} is outside its own range: {error}"
            ) from None
    return parameter
