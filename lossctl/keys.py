"""Columns that name things (groups, slices, ids): small codes with text labels, and rows in runs of one cell."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.columns import primitive
from lossctl.totals import Segments

Codes = npt.NDArray[np.int64]
MISSING = "(missing)"


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
    """The rows in runs of one combination of keys, in order of first appearance; without columns all are one cell."""
    if not columns or not rows:
        return None
    combined = columns[0].codes
    for column in columns[1:]:
        combined = combined * len(column.labels) + column.codes
    order, sorting = None, _narrow(combined)
    if (sorting[1:] < sorting[:-1]).any():
        order = np.argsort(sorting, kind="stable")
        sorting = sorting[order]
    starts = np.concatenate([[0], np.flatnonzero(sorting[1:] != sorting[:-1]) + 1])
    first = starts if order is None else order[starts]
    rank = np.argsort(first)
    keys = [
        tuple(column.labels[code] for column, code in zip(columns, codes, strict=True))
        for codes in zip(*(column.codes[first[rank]].tolist() for column in columns), strict=True)
    ]
    return Segments(keys, order, starts, rank, rows)


def _narrow(codes: Codes) -> npt.NDArray[np.integer[Any]]:
    """Codes in the smallest type: NumPy sorts integers of up to 16 bits by radix, a pass per byte."""
    top = int(codes.max())
    if top < 1 << 8:
        return codes.astype(np.uint8)
    return codes.astype(np.uint16) if top < 1 << 16 else codes


def merged(parts: Sequence[Encoded]) -> Encoded:
    """One key column from the blocks' own codes."""
    codes: dict[str | None, int] = {}
    pieces = []
    for part in parts:
        table = np.array([codes.setdefault(label, len(codes)) for label in part.labels], dtype=np.int64)
        pieces.append(table[part.codes] if len(table) else part.codes)
    return Encoded(np.concatenate(pieces), list(codes))
