"""The keywords of the Python functions in the types that requests have: NumPy's are taken, other things refused."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from lossctl.declare.params import plain
from lossctl.errors import UsageError

SHOWN = 60
WORDS = {"missing": ("error", "skip"), "join": ("strict", "inner"), "combine": (None, "uncertainty", "normalized")}
TEXTS = {
    "where": "a condition, e.g. 'h < 3'",
    "reduction": "a word, e.g. 'sum'",
    "memory": "a size, e.g. '2GB'",
    "coef_file": "FILE:COLUMN",
    "delimiter": "a character",
    "quote": "a character",
    "decimal": "a character",
    "ci_method": "'normal' or 'bootstrap'",
}
COLUMNS = ("weight", "group", "unit_weight", "id")
FLAGS = ("many_to_one", "stats", "gradient", "header")
WHOLE = {"limit": 1, "threads": 0, "seed": 0}
NUMBERS = {"max": "a number", "min": "a number", "ci": "a level in percent, e.g. 95"}
LISTS = {
    "classes": "a list of names",
    "na_values": "a list of texts",
    "log_var": "a list of numbers",
    "reference": "a list of numbers",
}
MAY_BE_NONE = {*TEXTS, *COLUMNS, *NUMBERS, "limit", "header", "per_row", "combine"}


def read(given: Mapping[str, object]) -> dict[str, Any]:
    """The keywords of `compute`, each in its own type, or a UsageError that says what it takes."""
    return {name: _read(name, value) for name, value in given.items()}


def _read(name: str, value: object) -> object:
    if value is None and name in MAY_BE_NONE:
        return None
    if name in ("by", "on"):
        return _columns(name, value)
    if name in LISTS:
        return _several(name, value)
    if name == "per_row":
        return path(name, value)
    found = plain(value)
    if name in WORDS and found not in WORDS[name]:
        raise _wrong(name, f"one of {', '.join(map(repr, WORDS[name]))}", found)
    if name in COLUMNS and not isinstance(found, str):
        raise _no_column(name, value)
    if name in TEXTS and not isinstance(found, str):
        raise _wrong(name, TEXTS[name], value)
    if name in FLAGS and not isinstance(found, bool):
        raise _wrong(name, "True or False", found)
    if name in WHOLE and (not _is_number(found, int) or found < WHOLE[name]):  # type: ignore[operator]
        raise _wrong(name, f"a whole number >= {WHOLE[name]}", found)
    if name in NUMBERS and not _is_number(found, int | float):
        raise _wrong(name, NUMBERS[name], found)
    if name in ("max", "min"):
        return float(found)  # type: ignore[arg-type]  # it is a number
    return value if name in ("truth", "positive_label") else found


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


def _several(name: str, value: object) -> tuple[object, ...] | None:
    if value is None:
        return None if name == "na_values" else ()
    found = plain(value)
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise _wrong(name, LISTS[name], found)
    items = tuple(map(plain, found))
    if name in ("classes", "na_values"):
        return tuple(map(str, items))
    for item in items:
        if not _is_number(item, int | float):
            raise _wrong(name, LISTS[name], list(items))
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
