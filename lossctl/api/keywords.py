"""The keywords of the Python functions in the types that requests have: NumPy's are taken, other things refused."""

import os
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from lossctl.declare.options import KEYWORDS, Option
from lossctl.declare.params import plain
from lossctl.errors import UsageError

SHOWN = 60
TAKES = {
    "flag": "True or False",
    "number": "a number",
    "level": "a level in percent, e.g. 95",
    "numbers": "a list of numbers",
}


def read(given: Mapping[str, object]) -> dict[str, Any]:
    """The keywords of `compute`, each in its own type, or a UsageError that says what it takes."""
    return {name: _read(KEYWORDS[name], value) for name, value in given.items()}


def _read(option: Option, value: object) -> object:
    name, kind = option.name, option.kind
    if kind == "data" or (value is None and option.default is None):
        return value
    if kind == "label":
        return str(value)
    if kind == "columns":
        return _columns(name, value)
    if kind in ("names", "numbers"):
        return _several(option, value)
    if kind == "file":
        return path(name, value)
    found = plain(value)
    if kind == "column" and not isinstance(found, str):
        raise _no_column(name, value)
    if not _fits(option, found):
        raise _wrong(name, _takes(option), value if option.takes else found)
    return float(found) if kind == "number" else found  # type: ignore[arg-type]  # it is a number


def _fits(option: Option, found: object) -> bool:
    match option.kind:
        case "word" if not option.takes:
            return found in option.choices
        case "word":
            return found is None or isinstance(found, str)
        case "column" | "text" | "cells":
            return isinstance(found, str)
        case "flag":
            return isinstance(found, bool)
        case "whole":
            least, most = option.least or 0, inf if option.most is None else option.most
            return _is_number(found, int) and least <= found <= most  # type: ignore[operator]  # it is a number
        case _:
            return _is_number(found, int | float)


def _takes(option: Option) -> str:
    """What an option takes, in words."""
    if option.kind == "whole":
        return f"a whole number >= {option.least or 0}" + (f" and <= {option.most}" if option.most else "")
    if option.kind == "word" and not option.takes:
        words = option.choices if option.default is not None else (None, *option.choices)
        return f"one of {', '.join(map(repr, words))}"
    return option.takes or TAKES[option.kind]


def path(name: str, value: object) -> str:
    """The path of a file."""
    if not isinstance(value, str | os.PathLike):
        raise _wrong(name, "the path of a file", value)
    return str(os.fspath(value))


def _columns(name: str, value: object) -> tuple[str, ...]:
    found = plain(value)
    names = [found] if isinstance(found, str) or not isinstance(found, Iterable) else list(found)
    for each in names:
        if not isinstance(each, str):
            raise _no_column(name, each)
    return tuple(map(str, names))


def _several(option: Option, value: object) -> tuple[object, ...]:
    if value is None:
        return ()
    name, found = option.name, plain(value)
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise _wrong(name, _takes(option), found)
    items = tuple(map(plain, found))
    if option.kind == "names":
        return tuple(map(str, items))
    for item in items:
        if not _is_number(item, int | float):
            raise _wrong(name, _takes(option), list(items))
    return tuple(map(float, items))  # type: ignore[arg-type]  # they are numbers


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _wrong(name: str, takes: str, value: object) -> UsageError:
    return UsageError(f"{name} must be {takes}, not {_shown(value)}.")


def _no_column(name: str, value: object) -> UsageError:
    return UsageError(
        f"{name} must be the name of a column, not {_shown(value)}. "
        "Values go into the data, as a column that is named here."
    )


def _shown(value: object) -> str:
    """A value as a message shows it: one that is long by its type."""
    shown = repr(value)
    return shown if len(shown) <= SHOWN and "\n" not in shown else type(value).__name__
