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
import numpy.typing as npt

from lossctl.errors import DataError
from lossctl.sources.base import Piece, Stamp

PIECE_BYTES = 4 << 20
# Read beyond a piece's range, where its last row ends.
TAIL_BYTES = 1 << 15
LONGEST_ROW = 1 << 28

Offsets = npt.NDArray[np.int64]


class Rules(NamedTuple):
    """What ends a row: the line end, and the quote (none: line ends always do) with the bytes it may stand behind."""

    newline: bytes = b"\n"
    quote: bytes = b""
    delimiters: bytes = b""

    def unclosed(self, data: bytes, start: int, stop: int) -> int | None:
        """Where a quote stands that is opened and never closed; a row begins at `start`."""
        if not self.quoted(data, start, stop) or not _odd(data, self.quote, start, stop):
            return None
        opened, closed = (self.spans(data, start, stop) or [(start, start)])[-1]
        return opened if closed == stop else None

    def quoted(self, data: bytes, start: int, stop: int) -> bool:
        """Whether there are quotes in a range."""
        return bool(self.quote) and data.find(self.quote, start, stop) >= 0

    def row_end(self, data: bytes, start: int, at: int) -> int:
        """The end of the first row whose line end stands at or after `at`; a row begins at `start`. 0: it goes on."""
        end = data.find(self.newline, at)
        if end < 0 or not self.quoted(data, start, end) or not _odd(data, self.quote, start, end):
            return end + 1
        for opened, closed in self.spans(data, start, len(data)):
            if end < opened:
                break
            if end < closed:
                end = data.find(self.newline, closed)
                if end < 0:
                    break
        return end + 1

    def last_row_end(self, data: bytes) -> int:
        """The end of the last row that is whole; a row begins at 0. 0: none is."""
        end = data.rfind(self.newline)
        if end < 0 or not self.quoted(data, 0, end) or not _odd(data, self.quote, 0, end):
            return end + 1
        for opened, closed in reversed(self.spans(data, 0, len(data))):
            if end > closed:
                break
            if end > opened:
                end = data.rfind(self.newline, 0, opened)
        return end + 1

    def spans(self, data: bytes, start: int, stop: int) -> list[tuple[int, int]]:
        """The quoted cells from quote to quote; one that is not closed ends at `stop`."""
        buffer = np.frombuffer(data, np.uint8, stop - start, start)
        quotes = (np.flatnonzero(buffer == self.quote[0]) + start).tolist()
        before = self.delimiters + b"\r\n"
        found, opened, index = [], -1, 0
        while index < len(quotes):
            at = quotes[index]
            if opened < 0:
                if at == start or data[at - 1] in before:
                    opened = at
            elif index + 1 < len(quotes) and quotes[index + 1] == at + 1:
                index += 1  # a doubled quote is a quote in the text
            else:
                found.append((opened, at))
                opened = -1
            index += 1
        if opened >= 0:
            found.append((opened, stop))
        return found


def _odd(data: bytes, quote: bytes, start: int, stop: int) -> bool:
    buffer = np.frombuffer(data, np.uint8, stop - start, start)
    return bool(np.count_nonzero(buffer == quote[0]) % 2)


class Part(NamedTuple):
    """Whole rows: a range of some bytes; `offset` is where the bytes begin in the file."""

    data: bytes
    start: int
    stop: int
    offset: int = 0

    @property
    def buffer(self) -> npt.NDArray[np.uint8]:
        """The bytes of the rows."""
        return np.frombuffer(self.data, np.uint8, self.stop - self.start, self.start)

    def row_starts(self, rules: Rules) -> Offsets:
        """Where the rows begin in the bytes, empty ones left out."""
        buffer = self.buffer
        ends = np.flatnonzero(buffer == rules.newline[0])
        if rules.quoted(self.data, self.start, self.stop):
            spans = np.array([(-1, -1), *rules.spans(self.data, self.start, self.stop)]) - self.start
            inside = np.searchsorted(spans[:, 0], ends) - 1
            ends = ends[ends > spans[inside, 1]]
        starts = np.concatenate([[0], ends + 1])
        ends = np.concatenate([ends, [len(buffer)]])
        alone = ends - starts == 1
        carriage = np.append(buffer, 0)[starts] == 13
        filled: Offsets = starts[(ends > starts) & ~(alone & carriage)]
        return filled + self.start

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
        if wanted >= size or start >= wanted:
            return max(start, size) if wanted >= size else start
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
