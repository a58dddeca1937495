"""Rows without quotes, all of one width, cut into cells by the places of their separators.

Arrow's own CSV reader copies every cell of every column before it converts the wanted ones. Here NumPy finds the
separators, and the wanted cells are converted where they stand: text between two of them is made to look like one
column of an Arrow array in which every other value is missing. It takes two thirds of the time. Whatever is not as
plain as that (missing values with a name, spaces around numbers, rows of another width) is left to Arrow's reader,
which converts numbers by the same code, so that the digits do not depend on the way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.sources import kinds
from lossctl.sources.cuts import Part

# Of the public names in pyarrow.compute only these are needed; importing it builds a wrapper for each of 300 functions.
try:
    from pyarrow._compute import CastOptions, DictionaryEncodeOptions, call_function
except ImportError:  # pragma: no cover (a later pyarrow may keep them elsewhere)
    from pyarrow.compute import CastOptions, DictionaryEncodeOptions, call_function

# Small enough for the separators' places to stay in the cache.
BLOCK_BYTES = 1 << 20
NEWLINE, RETURN = 10, 13

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Cells:
    """Where the cells of some rows begin and end, by column: `(rows, columns)` each."""

    starts: Places
    ends: Places


def table(
    part: Part, width: int, delimiter: str, wanted: Sequence[tuple[int, bool]], missing: Sequence[str]
) -> list[pa.Array] | None:
    """The wanted columns, each its place in the row and whether it holds numbers; None where rows are not plain."""
    buffer = np.frombuffer(part.data, np.uint8)
    at = [place for place, _ in wanted]
    numeric = [index for index, (_, number) in enumerate(wanted) if number]
    values: list[list[npt.NDArray[np.float64]]] = [[] for _ in wanted]
    gaps: list[list[npt.NDArray[np.bool_]]] = [[] for _ in wanted]
    texts: list[Cells] = []
    for start, stop in _blocks(part):
        cells = _cells(buffer, start, stop, width, ord(delimiter), at)
        if cells is None:
            return None
        if numeric:
            found = _numbers(part.data, cells.starts[:, numeric], cells.ends[:, numeric])
            if found is None:
                return None
            for index, column, gap in zip(numeric, *found, strict=True):
                values[index].append(column)
                gaps[index].append(gap)
        texts.append(cells)
    columns = []
    for index, (_, number) in enumerate(wanted):
        if number:
            present = ~np.concatenate(gaps[index])
            columns.append(kinds.primitive(np.concatenate(values[index]), present))
        else:
            starts = np.concatenate([cells.starts[:, index] for cells in texts])
            ends = np.concatenate([cells.ends[:, index] for cells in texts])
            labels = _labels(part.data, starts, ends, {text.encode() for text in missing})
            if labels is None:
                return None
            columns.append(labels)
    return columns


def _blocks(part: Part) -> Iterator[tuple[int, int]]:
    start = part.start
    while start < part.stop:
        stop = part.stop
        if stop - start > BLOCK_BYTES:
            stop = part.data.rfind(b"\n", start, start + BLOCK_BYTES) + 1
            if stop <= start:
                stop = part.data.find(b"\n", start, part.stop) + 1 or part.stop
        yield start, stop
        start = stop


def _cells(
    buffer: npt.NDArray[np.uint8], start: int, stop: int, width: int, delimiter: int, wanted: Sequence[int]
) -> Cells | None:
    """The wanted cells of some rows; None where a row has not `width` cells, or nothing in it."""
    text = buffer[start:stop]
    newlines = text == NEWLINE
    rows = int(np.count_nonzero(newlines))
    separators = text == delimiter
    separators |= newlines
    places = np.flatnonzero(separators)
    if len(places) != rows * width or not rows or places[-1] != len(text) - 1:
        return None
    ends = places.reshape(rows, width)
    if not newlines[ends[:, -1]].all():
        return None
    ends = ends + start
    returns = buffer[ends[:, -1] - 1] == RETURN
    begins = np.empty((rows, len(wanted)), np.intp)
    finish = np.empty((rows, len(wanted)), np.intp)
    for index, place in enumerate(wanted):
        if place:
            np.add(ends[:, place - 1], 1, out=begins[:, index])
        else:
            begins[0, index] = start
            np.add(ends[:-1, -1], 1, out=begins[1:, index])
        finish[:, index] = ends[:, place] - returns if place == width - 1 else ends[:, place]
    if width == 1 and (finish <= begins).any():
        return None  # an empty line is no row
    return Cells(begins, finish)


def _between(data: bytes, starts: Places, ends: Places, present: npt.NDArray[np.bool_]) -> pa.Array:
    """Cells in the order of the text as every other value of a text column; what lies between them is missing."""
    offsets = np.empty(2 * len(starts) + 1, np.int32)
    offsets[:-1:2], offsets[1::2] = starts, ends
    offsets[-1] = ends[-1] if len(ends) else 0
    valid = np.zeros(2 * len(starts), dtype=bool)
    valid[::2] = present
    bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), len(valid), [bits, pa.py_buffer(offsets), pa.py_buffer(data)])


def _numbers(
    data: bytes, starts: Places, ends: Places
) -> tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.bool_]]] | None:
    """Columns of numbers and where they are missing; None where a cell is something else."""
    order = np.argsort(starts[0])
    starts, ends = starts[:, order], ends[:, order]
    present = ends > starts
    cells = _between(data, starts.ravel(), ends.ravel(), present.ravel())
    try:
        found = call_function("cast", [cells], CastOptions.safe(pa.float64()))
    except pa.ArrowInvalid:
        return None
    values = np.frombuffer(found.buffers()[1], np.float64, len(cells)).reshape(len(starts), -1)
    place = np.argsort(order)
    return [values[:, 2 * at].copy() for at in place], [~present[:, at] for at in place]


def _labels(data: bytes, starts: Places, ends: Places, missing: set[bytes]) -> pa.Array | None:
    """A text column as codes with labels, without those that mean a missing value; None where it is no text."""
    cells = _between(data, starts, ends, np.ones(len(starts), dtype=bool))
    found = call_function("dictionary_encode", [cells], DictionaryEncodeOptions(null_encoding="mask"))
    codes = np.frombuffer(found.indices.buffers()[1], np.int32, len(cells))[::2]
    labels = found.dictionary
    try:
        labels.validate(full=True)
    except pa.ArrowInvalid:
        return None
    if b"\0" in _bytes(labels):
        return None
    gaps = [code for code, label in _short(labels, max(map(len, missing), default=0)) if label in missing]
    if not gaps:
        return kinds.coded(codes, labels)
    kept = np.ones(len(labels), dtype=bool)
    kept[gaps] = False
    left = kinds.strings([text for text, keep in zip(labels.to_pylist(), kept.tolist(), strict=True) if keep])
    return kinds.coded((np.cumsum(kept) - 1)[codes], left, kept[codes])


def _short(labels: pa.Array, length: int) -> list[tuple[int, bytes]]:
    """The labels of at most some length with their codes."""
    offsets = labels.buffers()[1]
    edges = np.frombuffer(offsets, np.int32, len(labels) + 1, labels.offset * 4)
    text = _bytes(labels)
    at = np.flatnonzero(np.diff(edges) <= length)
    return [(int(code), text[edges[code] : edges[code + 1]]) for code in at]


def _bytes(labels: pa.Array) -> bytes:
    data = labels.buffers()[2]
    return b"" if data is None else bytes(data.to_pybytes())
