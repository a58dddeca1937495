"""Cells that hold lists: JSON arrays of numbers, nested ones too, and the way NumPy prints them; of text, of truth."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.errors import encodable
from lossctl.sources import arrow
from lossctl.sources.arrow import Offsets, texts_of

OPEN, CLOSE, COMMA = b"[],"
SEPARATORS = b"[], \t\r\n"
IS_SEPARATOR = np.isin(np.arange(256), np.frombuffer(SEPARATORS, np.uint8))
TO_LINES = bytes(10 if IS_SEPARATOR[code] else code for code in range(256))
NOT_NUMBERS = ["null", "NaN", "nan", "None", "NA"]
TOKEN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|-?[iI]nf(?:inity)?|null|nan|NaN|None|NA")

WORDS = re.compile(r"\[\s*(?:null\s*,\s*)*(?:\"|true\b|false\b)")
ITEMS = {str: "string", bool: "bool"}


class Shape(NamedTuple):
    """How deep lists are nested, how many values a row holds, and of which type."""

    depth: int
    width: int
    item: str = "double"

    @property
    def type(self) -> str:
        """The type as Arrow writes it."""
        return "list<" * self.depth + self.item + ">" * self.depth


class CellError(ValueError):
    """A cell that cannot be read."""

    def __init__(self, row: int, cell: str) -> None:
        super().__init__(cell)
        self.row, self.cell = row, cell


class NotAListError(CellError):
    """A cell that holds no list of the expected depth and type."""


class InexactError(CellError):
    """An integer in a list that float64 does not hold; the cell is the integer."""


def shape_of(cell: str) -> Shape | None:
    """The shape of one cell; None where it is no list of numbers, of text or of truth."""
    text = cell.strip()
    if WORDS.match(text):
        words = _words(text)
        known = [word for word in words or () if word is not None]
        return Shape(1, len(words or ()), ITEMS[type(known[0])]) if known else None
    depth = len(text) - len(text.lstrip("[ \n"))
    depth = text[:depth].count("[")
    tokens = [token for token in re.split(r"[\[\],\s]+", text) if token]
    if not depth or not text.endswith("]") or not all(TOKEN.fullmatch(token) for token in tokens):
        return None
    return Shape(depth, len(tokens)) if _balanced(text, depth) else None


def _words(cell: str) -> list[str | None] | list[bool | None] | None:
    """The items of a list of text or of a list of truth; None where the cell is neither."""
    try:
        items = json.loads(cell)
    except ValueError:
        return None
    if not isinstance(items, list) or len({type(item) for item in items if item is not None} & set(ITEMS)) != 1:
        return None
    if not all(item is None or type(item) in ITEMS for item in items):
        return None
    return items if all(encodable(item) for item in items if isinstance(item, str)) else None


def _balanced(text: str, depth: int) -> bool:
    level = 0
    for at, character in enumerate(text):
        level += (character == "[") - (character == "]")
        number = character.encode() not in SEPARATORS
        if level > depth or level < (at < len(text) - 1) or (number and level < depth):
            return False
    return level == 0


def parse(cells: pa.Array, shape: Shape) -> pa.Array:
    """A text column of lists as a list column; raises `NotAListError` for the first cell that is none."""
    depth = shape.depth
    if shape.item != "double":
        return _parse_words(cells, shape)
    edges, text = texts_of(cells)
    raw = np.frombuffer(text, np.uint8)
    opens, closes = raw == OPEN, raw == CLOSE
    level = np.cumsum(opens, dtype=np.int32) - np.cumsum(closes, dtype=np.int32)
    separator = IS_SEPARATOR[raw]
    tokens = np.flatnonzero(~separator & np.concatenate([[True], separator[:-1]]))
    starts = [np.flatnonzero(opens & (level == at)) for at in range(1, depth + 1)]
    if not _regular(edges, raw, level, tokens, starts, int(np.count_nonzero(raw == COMMA))):
        raise _first_bad(cells, depth)
    values = _numbers(text.translate(TO_LINES))
    if values is None or len(values) != len(tokens):
        raise _first_bad(cells, depth)
    if arrow.large(values):
        _check_exact(text.translate(TO_LINES).split(), np.searchsorted(edges, tokens, side="right") - 1)
    children = [*starts[1:], tokens]
    inner = values
    for position in range(depth - 1, 0, -1):
        offsets = np.searchsorted(children[position], np.append(starts[position], len(raw)))
        inner = arrow.lists_of(inner, offsets)
    present = edges[1:] > edges[:-1]
    return arrow.lists_of(inner, np.searchsorted(children[0], edges), present)


def _parse_words(cells: pa.Array, shape: Shape) -> pa.Array:
    rows: list[list[Any]] = []
    texts = cells.to_pylist()
    for row, cell in enumerate(texts):
        words = [] if cell is None or cell.strip() == "[]" else _words(cell)
        if words is None or any(ITEMS[type(word)] != shape.item for word in words if word is not None):
            raise NotAListError(row, str(cell))
        rows.append(words)
    items = [item for words in rows for item in words]
    present = np.array([item is not None for item in items], dtype=bool)
    truths = np.array([item is True for item in items], dtype=bool)
    values = arrow.texts_column(items) if shape.item == "string" else arrow.column_of(truths, present)
    offsets = np.cumsum([0, *map(len, rows)])
    return arrow.lists_of(values, offsets, np.array([cell is not None for cell in texts], dtype=bool))


def _regular(
    edges: Offsets,
    raw: npt.NDArray[np.uint8],
    level: npt.NDArray[np.int32],
    tokens: Offsets,
    starts: list[Offsets],
    commas: int,
) -> bool:
    """Whether every cell is one list, every number at its depth, and commas (if there are any) between all items."""
    filled = edges[1:] > edges[:-1]
    first, last = edges[:-1][filled], edges[1:][filled] - 1
    if not len(first):
        return True
    depth = len(starts)
    if (raw[first] != OPEN).any() or (raw[last] != CLOSE).any() or (level[last] != 0).any():
        return False
    if len(starts[0]) != len(first) or level.max() > depth or level.min() < 0 or (level[tokens] != depth).any():
        return False
    items = 0
    for children, parents in zip([*starts[1:], tokens], starts, strict=True):
        sizes = np.diff(np.searchsorted(children, np.append(parents, len(raw))))
        items += int(np.maximum(sizes - 1, 0).sum())
    return commas in (0, items)


def _numbers(lines: bytes) -> pa.Array | None:
    """One number a line; None where something is none."""
    from pyarrow import csv

    if not lines.strip():
        return arrow.column_of(np.zeros(0))
    try:
        table = csv.read_csv(
            pa.BufferReader(lines),
            csv.ReadOptions(use_threads=False, column_names=["value"], block_size=len(lines) + 1),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(column_types={"value": pa.float64()}, null_values=NOT_NUMBERS),
        )
    except pa.ArrowInvalid:
        return None
    return arrow.whole(table.column(0))


def _check_exact(tokens: list[bytes], rows: Offsets) -> None:
    """Raise for the first integer that float64 does not hold."""
    from lossctl.sources.text.numerals import inexact

    for token, row in zip(tokens, rows.tolist(), strict=True):
        if inexact(token):
            raise InexactError(row, token.decode())


def _first_bad(cells: pa.Array, depth: int) -> NotAListError:
    texts = cells.to_pylist()
    for row, cell in enumerate(texts):
        if cell is not None and ((shape := shape_of(cell)) is None or not _as_deep(shape, depth) or not _commas(cell)):
            return NotAListError(row, cell)
    return NotAListError(0, str(texts[0]))


def _as_deep(shape: Shape, depth: int) -> bool:
    return shape.depth == depth or (not shape.width and shape.depth < depth)


def common(shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape of a column of lists; None where one is no list, or they are not of one depth."""
    known = [shape for shape in shapes if shape is not None]
    depth = max((shape.depth for shape in known), default=0)
    items = {shape.item for shape in known if shape.width} or {"double"}
    if not known or len(known) < len(shapes) or len(items) > 1 or not all(_as_deep(shape, depth) for shape in known):
        return None
    return Shape(depth, max(1, round(sum(shape.width for shape in known) / len(known))), items.pop())


def _commas(cell: str) -> bool:
    return "," not in cell or not re.search(r",\s*,|\[\s*,|,\s*\]|[^\s,\[]\s+[^\s,\]]", cell.strip())
