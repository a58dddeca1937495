"""Columns that name things (groups, slices, ids): small codes with text labels, and rows in runs of one cell."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.arithmetic.cells import HEAD, CellCodes, CellRuns, Cells, Key, runs_of
from lossctl.sources.arrow import present, texts_column, texts_of, values_of
from lossctl.sources.source import natural

Codes = npt.NDArray[np.int64]
# So few labels are worth remembering: the next block most often has the same.
FEW = 4096
# Whole numbers that lie so close are counted instead of sorted.
CLOSE = 1 << 16
MISSING = "(missing)"  # what a null that cuts a slice is called


class Encoded(NamedTuple):
    """A key column of a block: a code per row and the label of each code; None labels a missing key."""

    codes: Codes
    labels: Sequence[str | None]

    def take(self, keep: npt.NDArray[np.bool_]) -> "Encoded":
        """The key column of the rows to keep; labels that no row has any more stay."""
        return Encoded(self.codes[keep], self.labels)


def encode(array: pa.Array) -> Encoded:
    """A key column as codes; labels are text, so that the same key is the same in every format."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):  # a UUID, say: as it is written
        return _from_dictionary(texts_column([label(value) for value in array.to_pylist()]).dictionary_encode())
    if pt.is_dictionary(kind):
        return _from_dictionary(array)
    if (pt.is_integer(kind) or pt.is_floating(kind)) and not array.null_count:
        return _from_numbers(values_of(array))
    return _from_dictionary(array.dictionary_encode())


def _from_dictionary(array: pa.DictionaryArray) -> Encoded:
    labels = _labels(array.dictionary)
    codes = values_of(array.indices).astype(np.int64)
    if array.null_count:
        codes[~present(array)] = len(labels)
        labels = (*labels, None)
    return Encoded(codes, labels)


def _labels(values: pa.Array) -> Sequence[str | None]:
    """The entries of a dictionary as text."""
    if not pt.is_string(values.type) or values.null_count or len(values) > FEW:
        return tuple(label(value) for value in values.to_pylist())
    edges, text = texts_of(values)
    return _texts(edges.tobytes(), text)


@lru_cache(maxsize=64)
def _texts(edges: bytes, text: bytes) -> tuple[str, ...]:
    return tuple(text[start:stop].decode() for start, stop in pairwise(np.frombuffer(edges, np.int64).tolist()))


def _from_numbers(values: npt.NDArray[np.generic]) -> Encoded:
    if not len(values):
        return Encoded(np.zeros(0, np.int64), [])
    starts = np.flatnonzero(values[1:] != values[:-1]) + 1
    if len(starts) * 4 < len(values):  # runs, as sorted keys come: sort the heads of the runs alone
        heads = values[np.concatenate([[0], starts])]
        lengths = np.diff(np.concatenate([[0], starts, [len(values)]]))
        found, codes = np.unique(heads, return_inverse=True)
        return Encoded(np.repeat(codes, lengths), [label(value) for value in found.tolist()])
    if values.dtype.kind in "iu" and (low := _close(values)) is not None:
        places = values.astype(np.int64) - low
        present = np.bincount(places) > 0
        labels = [str(low + place) for place in np.flatnonzero(present).tolist()]
        return Encoded((np.cumsum(present) - 1)[places], labels)
    found, codes = np.unique(values, return_inverse=True)
    return Encoded(codes.astype(np.int64), [label(value) for value in found.tolist()])


def _close(values: npt.NDArray[Any]) -> int | None:
    """The least of whole numbers that lie close together."""
    low, high = int(values.min()), int(values.max())
    return low if high - low < CLOSE and high < 1 << 63 else None


def label(value: object) -> str | None:
    """A key as text: 3 and 3.0 are both '3'."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    return str(value)


def cells_of(columns: Sequence[Encoded], rows: int) -> Cells | None:
    """The rows by combinations of keys; without columns all are one cell."""
    if not columns or not rows:
        return None
    codes, space = columns[0].codes, len(columns[0].labels)
    for column in columns[1:]:
        codes, space = codes * len(column.labels) + column.codes, space * len(column.labels)
    # Rows that come sorted are cut into runs of one code. Others are sorted for it only where there are more
    # combinations than rows, and counted by code elsewhere.
    if space > rows or not _descends(codes):
        runs = runs_of(codes)
        first = (runs.starts if runs.order is None else runs.order[runs.starts])[runs.rank]
        return CellRuns(_keys(tuple(column.labels for column in columns), codes[first].tobytes()), rows, runs)
    counts = np.bincount(codes, minlength=space)
    cells = np.flatnonzero(counts)
    name = _remembered if len(cells) <= FEW else _keys
    keys = name(tuple(tuple(column.labels) for column in columns), cells.tobytes())
    return CellCodes(keys, rows, codes, cells, counts)


def _descends(codes: Codes) -> bool:
    """Whether a code is less than the one before it: most often among the first."""
    return any(bool((part[1:] < part[:-1]).any()) for part in (codes[:HEAD], codes))


def _keys(labels: tuple[Sequence[str | None], ...], codes: bytes) -> list[Key]:
    """The keys that codes of a combination stand for."""
    rest, found = np.frombuffer(codes, np.int64), []
    for names in reversed(labels):
        rest, own = np.divmod(rest, len(names))
        found.append([names[code] for code in own.tolist()])
    return list(zip(*reversed(found), strict=True))


# The same cells get the same list object again, which all who asked for them share: a `Tally` knows keys by identity
# and then need not look them up. Whoever sorts or changes the list in place breaks the others: copy it.
_remembered = lru_cache(maxsize=64)(_keys)


def merged(parts: Sequence[Encoded]) -> Encoded:
    """One key column from the blocks' own codes."""
    codes: dict[str | None, int] = {}
    pieces = []
    for part in parts:
        table = np.array([codes.setdefault(label, len(codes)) for label in part.labels], dtype=np.int64)
        pieces.append(table[part.codes] if len(table) else part.codes)
    return Encoded(np.concatenate(pieces), list(codes))


def natural_key(key: Key) -> list[tuple[bool, list[tuple[int, int | str]]]]:
    """Sort key of slices: in natural order of their labels, the missing ones last."""
    return [(label is None, natural(str(label))) for label in key]
