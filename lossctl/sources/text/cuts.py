"""Where text can be cut between rows, so that byte ranges are read in parallel.

A row ends at a line end outside quotes. Pieces are byte ranges of fixed length; a piece's rows are those that begin in
its range. Whether a line end stands in quotes depends on everything before it, so the true beginnings of the pieces
are found one after another, by whoever reads a piece first; a piece without quotes costs one memory search. An odd
number of quotes before a line end means that it stands in a cell, or that a quote is no quoting one (5" pipe): only
then the quotes are told apart one by one.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import BinaryIO, NamedTuple

import numpy as np

from lossctl.errors import DataError
from lossctl.sources.source import Piece, Stamp
from lossctl.sources.text.quotes import Offsets, Rules

PIECE_BYTES = 4 << 20
# Read beyond a piece's range, where its last row ends.
TAIL_BYTES = 1 << 15
LONGEST_ROW = 1 << 28
RETURN = 13


class Part(NamedTuple):
    """Whole rows: a range of some bytes; `offset` is where the bytes begin in the file."""

    data: bytes
    start: int
    stop: int
    offset: int = 0

    def row_starts(self, rules: Rules) -> Offsets:
        """Where the rows begin in the bytes; empty ones, and those of a carriage return alone, are left out."""
        ends = rules.row_ends(self.data, self.start, self.stop)
        starts = np.concatenate([[self.start], ends + 1])
        lengths = np.append(ends, self.stop) - starts
        # The last row may begin where the bytes end: one more is there to be looked at.
        carriage = np.frombuffer(self.data + b"\0", np.uint8)[starts] == RETURN
        filled: Offsets = starts[(lengths > 1) | ((lengths == 1) & ~carriage)]
        return filled

    def rows(self, rules: Rules) -> Iterator[tuple[int, bytes]]:
        """The rows and where they begin in the text."""
        for start, stop in pairwise([*self.row_starts(rules).tolist(), self.stop]):
            yield self.offset + start, self.data[start:stop]


class Cuts:
    """The true beginnings of a file's pieces, found as far as they were asked for."""

    def __init__(self, stamp: Stamp, first: int, rules: Rules) -> None:
        self._stamp, self._first, self._rules = stamp, first, rules
        self._starts = [first]
        self._lock = Lock()

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return max(1, -(-(self._stamp.size - self._first) // PIECE_BYTES))

    def pieces(self, file: int) -> list[Piece]:
        """The ranges the pieces begin in."""
        edges = [*range(self._first, self._first + self.count * PIECE_BYTES, PIECE_BYTES), self._stamp.size]
        return [Piece(file, start, stop, stop - start) for start, stop in pairwise(edges)]

    def part(self, piece: Piece) -> Part:
        """The rows that begin in a piece's range."""
        return self._part((piece.start - self._first) // PIECE_BYTES)

    def parts(self) -> Iterator[Part]:
        """All rows."""
        return map(self._part, range(self.count))

    def _part(self, index: int) -> Part:
        with open(self._stamp.file, "rb", buffering=0) as file:
            data, offset = self._nominal(file, index), self._first + index * PIECE_BYTES
            with self._lock:
                while len(self._starts) <= index:
                    before = len(self._starts) - 1
                    self._starts.append(self._next(file, before, self._nominal(file, before)))
                if len(self._starts) == index + 1:
                    self._starts.append(self._next(file, index, data))
                start, stop = self._starts[index : index + 2]
            if stop > offset + len(data):
                data, offset = _read(file, start, stop - start), start
        return Part(data, start - offset, max(stop, start) - offset, offset)

    def _nominal(self, file: BinaryIO, index: int) -> bytes:
        start = self._first + index * PIECE_BYTES
        return _read(file, start, min(PIECE_BYTES + TAIL_BYTES, self._stamp.size - start))

    def _next(self, file: BinaryIO, index: int, data: bytes) -> int:
        """Where the piece after this one truly begins."""
        offset = self._first + index * PIECE_BYTES
        start, wanted, size = self._starts[index], offset + PIECE_BYTES, self._stamp.size
        if wanted >= size:
            return max(start, size)
        if start >= wanted:  # a row of an earlier piece reaches beyond this one, in which none begins
            return start
        while True:
            end = self._rules.row_end(data, start - offset, wanted - 1 - offset)
            if end:
                return offset + end
            if offset + len(data) >= size:
                return size
            if len(data) > LONGEST_ROW:
                raise too_long(self._stamp.path, offset + start)
            more = _read(file, offset + len(data), len(data))
            if not more:
                return offset + len(data)
            data += more


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def too_long(path: str, offset: int) -> DataError:
    """The error for a row without an end."""
    return DataError(
        f"{path}: the row at byte {offset:,} is longer than {LONGEST_ROW >> 20} MiB. "
        "Is a quote opened and never closed? Close it, or say that quotes mean nothing (--quote '')."
    )


@lru_cache(maxsize=256)
def cuts(stamp: Stamp, first: int, rules: Rules) -> Cuts:
    """A file's cuts, shared by all who read its pieces in this process."""
    return Cuts(stamp, first, rules)


def streamed(blocks: Iterable[bytes], first: int, rules: Rules, path: str) -> Iterator[Part]:
    """The rows of text that can only be read in order, a few million bytes at a time; `first` bytes are left out."""
    rest, offset = b"", first
    for block in blocks:
        data, first = block[min(first, len(block)) :], max(0, first - len(block))
        data = rest + data
        end = rules.last_row_end(data)
        if end:
            yield Part(data, 0, end, offset)
        elif len(data) > LONGEST_ROW:
            raise too_long(path, offset)
        rest, offset = data[end:], offset + end
    if rest:
        yield Part(rest, 0, len(rest), offset)
