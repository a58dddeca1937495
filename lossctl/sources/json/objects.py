"""Rows that are JSON objects, by Python's own reader: what the first ones hold, and where others are wrong."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from lossctl.errors import DataError, encodable
from lossctl.sources import arrow
from lossctl.sources.source import As, ColumnInfo, Kind

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Row: TypeAlias = dict[str, JSON]
Path: TypeAlias = tuple[str, ...]
SHOWN = 60
NUMBERS, OPEN, MIXED = "list", "list of anything", "list of several things"
LISTS = {NUMBERS: pa.float64(), "list of text": pa.string(), "list of truth": pa.bool_()}
# The largest whole numbers that float64, and int64, hold exactly.
EXACT, LARGEST = 2**53, 2**63 - 1
# JSON has no numbers for these, so writers use words.
WORD_NAME = {"word": "text"}
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class _Shape(NamedTuple):
    """How deep a list is nested, how many values it holds, and of which types."""

    depth: int
    size: int
    items: frozenset[str]


@dataclass(frozen=True, slots=True)
class Field:
    """What the first rows hold under a key: the types of the values, and it in words; of lists the Arrow type."""

    types: frozenset[str]
    said: str
    width: int = 1
    lists: pa.DataType | None = None
    path: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """The kind of column this is."""
        if not self.types:
            return "unknown"
        if self.lists is not None:
            return "list"
        if self.types <= {"whole number", "number", "word"} and self.types != {"word"}:
            return "number"
        if self.types <= {"text", "word"}:
            return "text"
        return "number" if self.types == {"truth"} else "other"

    @property
    def info(self) -> ColumnInfo:
        """The column as the rest of the program sees it."""
        return ColumnInfo(self.kind, self.said, self.width)

    def arrow(self, how: As) -> pa.DataType:
        """The type to read it as."""
        if self.lists is not None:
            return self.lists
        if self.kind == "text" or (self.kind == "unknown" and how != "number"):
            return pa.string()
        if self.types == {"truth"}:
            return pa.bool_()
        return pa.int64() if how != "number" and self.types == {"whole number"} else pa.float64()


def rows_of(path: str, texts: Iterable[tuple[int, bytes]], line_at: Callable[[int], int]) -> Iterator[tuple[int, Row]]:
    """The objects, each with the byte at which it begins."""
    for place, text in texts:
        place += len(text) - len(text.lstrip())
        shown = text[:SHOWN].decode(errors="replace").strip()
        try:
            row = json.loads(text, object_pairs_hook=_row)
        except UnicodeDecodeError as error:
            line, byte = line_at(place + error.start), text[error.start]
            raise DataError(f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; convert the file.") from None
        except _DoubledError as error:
            raise DataError(f"{path}, line {line_at(place)}: {error} stands twice in an object; drop one.") from None
        except (ValueError, RecursionError) as error:
            said = str(error).split(":")[0]
            raise DataError(
                f"{path}, line {line_at(place)}: no JSON ({said}): {shown!r}. "
                "Each line must hold one object, or the file one array of objects."
            ) from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {line_at(place)}: an object with named values is needed, not {shown!r}.")
        yield place, row


class _DoubledError(ValueError):
    """A key that stands twice in an object."""


def _row(pairs: list[tuple[str, JSON]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DoubledError(repr(next(key for key in keys if keys.count(key) > 1)))
    return row


def fields_of(rows: Iterable[tuple[int, Row]]) -> dict[str, Field]:
    """What the rows hold, by key in the order of first appearance; each row comes with its line."""
    types: dict[Path, dict[str, int]] = {}
    shapes: dict[Path, list[_Shape]] = {}
    for line, row in rows:
        for key, value in _values(row):
            found = types.setdefault(key, {})
            if isinstance(value, list):
                shape = _shape(value)
                found.setdefault(_list(shape), line)
                shapes.setdefault(key, []).append(shape or _Shape(1, 1, frozenset()))
            elif value is not None:
                found.setdefault(_type(value), line)
    fields: dict[str, Field] = {}
    for path in sorted(types, key=len, reverse=True):  # a key goes before a field of its name
        fields[".".join(path)] = replace(_field(types[path], shapes.get(path, [])), path=path)
    return {name: fields[name] for name in dict.fromkeys(".".join(path) for path in types)}


def _values(row: Row, above: Path = ()) -> Iterator[tuple[Path, JSON]]:
    """The values of a row by key, and after an object those in it."""
    for key, value in row.items():
        yield (*above, key), value
        if isinstance(value, dict):
            yield from _values(value, (*above, key))


def value_at(row: Row, path: Path) -> JSON:
    """A value of a row; what has no such field is missing it."""
    found: JSON = row
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _field(types: dict[str, int], shapes: list[_Shape]) -> Field:
    lists = [name for name in types if name in LISTS]
    if OPEN in types:  # empty lists, and words for numbers, tell nothing of the other lists
        types = {(lists or [NUMBERS])[0] if name == OPEN else name: line for name, line in types.items()}
    names = list(types)
    words = [WORD_NAME.get(name, name) for name in names]
    said = words[0] if words else "null"
    if len(names) > 1:
        said += f" and, from line {types[names[1]]} on, {words[1]}"
    if len(names) != 1 or names[0] not in LISTS:
        return Field(frozenset(names), said)
    depth, item = max(shape.depth for shape in shapes), LISTS[names[0]]
    kind = item
    for _ in range(depth):
        kind = pa.list_(kind)
    width = max(1, round(sum(shape.size for shape in shapes) / len(shapes)))
    return Field(frozenset(names), "list<" * depth + str(item) + ">" * depth, width, kind)


def _list(shape: _Shape | None) -> str:
    """What a list is called by what it holds."""
    if shape is None:
        return MIXED
    if shape.items <= {"word"}:
        return OPEN
    if shape.items <= {"whole number", "number", "word"}:
        return NUMBERS
    if shape.items <= {"text", "word"}:
        return "list of text"
    return "list of truth" if shape.items == {"truth"} else MIXED


def _type(value: JSON) -> str:
    match value:
        case bool():
            return "truth"
        case int():
            return "whole number"
        case float():
            return "number"
        case str():
            return "word" if value in WORDS else "text"
        case list():
            return "list"
        case _:
            return "object"


def _shape(value: list[JSON]) -> "_Shape | None":
    """The shape of a list of plain values or of such lists; None for a list of other things."""
    if not any(isinstance(item, list) for item in value):
        items = frozenset(_type(item) for item in value if item is not None)
        return None if "object" in items else _Shape(1, len(value), items)
    shapes = [_shape(item) if isinstance(item, list) else None for item in value]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    items = frozenset[str]().union(*(shape.items for shape in known))
    return _Shape(1 + max(shape.depth for shape in known), sum(shape.size for shape in known), items)


def _is_number(value: JSON) -> bool:
    if isinstance(value, str):
        return value in WORDS
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


class ConflictError(ValueError):
    """A value of another type than the column's; `row` counts from the first of the values."""

    def __init__(self, row: int, value: JSON) -> None:
        super().__init__(str(value))
        self.row, self.value = row, value


class InexactError(ConflictError):
    """A whole number that the column's type does not hold; in a list the value is that number."""


class HalfError(ConflictError):
    """Text with half a character, a surrogate that stands alone; in a list the value is that text."""


def column(values: Sequence[JSON], kind: pa.DataType) -> pa.Array:
    """Values as a column of a type; numbers without fraction may be wider than was expected."""
    if pa.types.is_list(kind):
        return _list_column(values, kind)
    for row, value in enumerate(values):
        if value is not None and not _fits(value, kind):
            raise ConflictError(row, value)
    present = np.array([value is not None for value in values], dtype=bool)
    if pa.types.is_string(kind):
        for row, value in enumerate(values):
            if isinstance(value, str) and not encodable(value):
                raise HalfError(row, value)
        return arrow.texts_column([value if isinstance(value, str) else None for value in values])
    if pa.types.is_boolean(kind):
        return arrow.column_of(np.array([value is True for value in values], dtype=bool), present)
    numbers = [_number(value) for value in values]
    whole = pa.types.is_integer(kind) and all(isinstance(number, int) for number in numbers)
    for row, number in enumerate(numbers):
        if isinstance(number, int) and abs(number) > EXACT and not _held(number, whole):
            raise InexactError(row, number)
    return arrow.column_of(np.array(numbers, dtype=np.int64 if whole else np.float64), present)


def _held(number: int, whole: bool) -> bool:
    """Whether int64, or else float64, holds a whole number."""
    if whole:
        return abs(number) <= LARGEST
    return abs(number) <= sys.float_info.max and int(float(number)) == number


def _fits(value: JSON, kind: pa.DataType) -> bool:
    if pa.types.is_string(kind):
        return isinstance(value, str)
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    return _is_number(value)


def _number(value: JSON) -> int | float:
    if isinstance(value, str):
        return WORDS[value]
    return value if isinstance(value, int | float) else 0


def _list_column(values: Sequence[JSON], kind: pa.DataType) -> pa.Array:
    sizes, items = [], []
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, list):
            raise ConflictError(row, value)
        sizes.append(len(value or []))
        items.extend(value or [])
    offsets = np.cumsum([0, *sizes])
    try:
        inner = column(items, kind.value_type)
    except ConflictError as error:
        row = int(np.searchsorted(offsets, error.row, "right")) - 1
        error.row, error.value = row, error.value if isinstance(error, InexactError | HalfError) else values[row]
        raise
    return arrow.lists_of(inner, offsets, np.array([value is not None for value in values], dtype=bool))


def conflict(path: str, key: str, line: int, error: ConflictError, field: Field) -> DataError:
    """The error for a value of another type than the first rows have."""
    if isinstance(error, HalfError):
        return DataError(
            f"{path}, line {line}: {key!r} holds {json.dumps(error.value)[:SHOWN]}, in which a surrogate stands alone: "
            "half a character, which is no text. Write the whole character, or take it out."
        )
    shown = json.dumps(error.value, ensure_ascii=False)[:SHOWN]
    return DataError(
        f"{path}, line {line}: {key!r} holds {shown}, and in the first rows {field.info.type}. "
        "Give all rows values of one type."
    )
