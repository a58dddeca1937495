"""Columns that name things (groups, slices, ids): small codes with text labels, and rows in runs of one cell."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.columns import primitive
from lossctl.segments import Key, Segments, runs_of

Codes = npt.NDArray[np.int64]
MISSING = "(missing)"
HEAD = 4096


class Encoded(NamedTuple):
    """A key column of a block: a code per row and the label of each code; None labels a missing key."""

    codes: Codes
    labels: Sequence[str | None]

    def take(self, keep: npt.NDArray[np.bool_]) -> "Encoded":
        """Without the rows that are dropped."""
        return Encoded(self.codes[keep], self.labels)


def encode(array: pa.Array) -> Encoded:
    """A key column as codes; labels are text, so that the same key is the same in every format."""
    kind = array.type
    if pt.is_dictionary(kind):
        return _from_dictionary(array)
    if (pt.is_integer(kind) or pt.is_floating(kind)) and not array.null_count:
        return _from_numbers(primitive(array))
    return _from_dictionary(array.dictionary_encode())


def _from_dictionary(array: pa.DictionaryArray) -> Encoded:
    labels = [label(value) for value in array.dictionary.to_pylist()]
    codes = primitive(array.indices).astype(np.int64)
    if array.null_count:
        mask = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
        valid = mask[array.offset : array.offset + len(array)].astype(bool)
        codes = np.where(valid, codes, len(labels))
        labels = [*labels, None]
    return Encoded(codes, labels)


def _from_numbers(values: npt.NDArray[np.generic]) -> Encoded:
    if not len(values):
        return Encoded(np.zeros(0, np.int64), [])
    starts = np.flatnonzero(values[1:] != values[:-1]) + 1
    if len(starts) * 4 < len(values):  # runs, as sorted keys come: sort the heads of the runs alone
        heads = values[np.concatenate([[0], starts])]
        lengths = np.diff(np.concatenate([[0], starts, [len(values)]]))
        found, codes = np.unique(heads, return_inverse=True)
        return Encoded(np.repeat(codes, lengths), [label(value) for value in found.tolist()])
    found, codes = np.unique(values, return_inverse=True)
    return Encoded(codes.astype(np.int64), [label(value) for value in found.tolist()])


def label(value: object) -> str | None:
    """A key as text: 3 and 3.0 are both '3'."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    return str(value)


def segments(columns: Sequence[Encoded], rows: int) -> Segments | None:
    """The rows by combinations of keys, which come in order of first appearance; without columns all are one cell."""
    if not columns or not rows:
        return None
    codes, space = columns[0].codes, len(columns[0].labels)
    for column in columns[1:]:
        codes, space = codes * len(column.labels) + column.codes, space * len(column.labels)
    if space > rows or not (codes[1:] < codes[:-1]).any():
        runs = runs_of(codes)
        first = (runs.starts if runs.order is None else runs.order[runs.starts])[runs.rank]
        return Segments(_keys(columns, first), rows, runs)
    counts = np.bincount(codes, minlength=space)
    cells = np.flatnonzero(counts)
    first = _first_places(codes, cells, space)
    rank = np.argsort(first)
    return Segments(_keys(columns, first[rank]), rows, codes=codes, cells=cells[rank], counts=counts)


def _keys(columns: Sequence[Encoded], places: Codes) -> list[Key]:
    found = zip(*(column.codes[places].tolist() for column in columns), strict=True)
    return [tuple(column.labels[code] for column, code in zip(columns, codes, strict=True)) for codes in found]


def _first_places(codes: Codes, cells: Codes, space: int) -> Codes:
    """Where each of the cells' codes stands first; most often all do among the first rows."""
    place = np.full(space, -1)
    for rows in (HEAD, len(codes)):
        head = codes[:rows]
        place[head[::-1]] = np.arange(len(head) - 1, -1, -1)  # of several writes the last one stays
        if (place[cells] >= 0).all():
            break
    return place[cells]


def merged(parts: Sequence[Encoded]) -> Encoded:
    """One key column from the blocks' own codes."""
    codes: dict[str | None, int] = {}
    pieces = []
    for part in parts:
        table = np.array([codes.setdefault(label, len(codes)) for label in part.labels], dtype=np.int64)
        pieces.append(table[part.codes] if len(table) else part.codes)
    return Encoded(np.concatenate(pieces), list(codes))
