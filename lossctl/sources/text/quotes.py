"""Which line ends end a row: those outside quotes, which are told apart only where their number is odd."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Bytes that are counted at a time, so that what is compared stays in the cache.
BLOCK_BYTES = 1 << 17

Offsets = npt.NDArray[np.int64]


class Rules(NamedTuple):
    """What ends a row: the line end, and the quote (none: line ends always do) with the bytes it may stand behind."""

    newline: bytes = b"\n"
    quote: bytes = b""
    delimiters: bytes = b""

    def quoted(self, data: bytes, start: int, stop: int) -> bool:
        """Whether there are quotes in a range."""
        return bool(self.quote) and data.find(self.quote, start, stop) >= 0

    def unclosed(self, data: bytes, start: int, stop: int) -> int | None:
        """Where a quote stands that is opened and never closed; a row begins at `start`."""
        if not self._odd(data, start, stop):
            return None
        spans = self.spans(data, start, stop)
        return int(spans[-1, 0]) if len(spans) and spans[-1, 1] == stop else None

    def row_end(self, data: bytes, start: int, at: int) -> int:
        """The end of the first row whose line end stands at or after `at`; a row begins at `start`. 0: it goes on."""
        end = data.find(self.newline, at)
        if end >= 0 and self._odd(data, start, end):
            spans = self.spans(data, start, len(data))
            while end >= 0 and (around := _around(spans, end)) is not None:
                end = data.find(self.newline, around[1])
        return end + 1

    def last_row_end(self, data: bytes) -> int:
        """The end of the last row that is whole; a row begins at 0. 0: none is."""
        end = data.rfind(self.newline)
        if end >= 0 and self._odd(data, 0, end):
            spans = self.spans(data, 0, len(data))
            while end >= 0 and (around := _around(spans, end)) is not None:
                end = data.rfind(self.newline, 0, around[0])
        return end + 1

    def row_ends(self, data: bytes, start: int, stop: int) -> Offsets:
        """All line ends that end a row; a row begins at `start`."""
        ends: Offsets = np.flatnonzero(np.frombuffer(data, np.uint8, stop - start, start) == self.newline[0]) + start
        if not self.quoted(data, start, stop):
            return ends
        spans = np.concatenate([np.full((1, 2), -1), self.spans(data, start, stop)])
        outside: Offsets = ends[ends > spans[np.searchsorted(spans[:, 0], ends) - 1, 1]]
        return outside

    def spans(self, data: bytes, start: int, stop: int) -> Offsets:
        """The quoted cells from quote to quote, `(n, 2)`; one that is not closed ends at `stop`."""
        text = np.frombuffer(data, np.uint8, stop - start, start)
        places: Offsets = np.flatnonzero(text == self.quote[0])
        opens = places[::2]
        behind = text[np.maximum(opens - 1, 0)]
        before = np.frombuffer(self.delimiters + b"\r\n" + self.quote, np.uint8)
        if ((opens > 0) & ~np.isin(behind, before)).any():
            return self._told_apart(data, (places + start).tolist(), start, stop)
        # Quotes open and close in turn; a doubled one closes and opens a cell, between which there is nothing.
        closes = np.append(places[1::2], stop - start)[: len(opens)]
        return np.stack([opens, closes], axis=1) + start

    def _told_apart(self, data: bytes, quotes: list[int], start: int, stop: int) -> Offsets:
        """The quoted cells where there are other quotes too, inside cells that do not begin with one."""
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
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def _odd(self, data: bytes, start: int, stop: int) -> bool:
        """Whether there is an odd number of quotes in a range, so that one may be open at its end."""
        if not self.quoted(data, start, stop):
            return False
        text = np.frombuffer(data, np.uint8, stop - start, start)
        blocks = (text[at : at + BLOCK_BYTES] for at in range(0, len(text), BLOCK_BYTES))
        return sum(int(np.count_nonzero(block == self.quote[0])) for block in blocks) % 2 == 1


def _around(spans: Offsets, place: int) -> tuple[int, int] | None:
    """The quoted cell that a place is in."""
    index = int(np.searchsorted(spans[:, 0], place)) - 1
    return (int(spans[index, 0]), int(spans[index, 1])) if index >= 0 and place < spans[index, 1] else None
