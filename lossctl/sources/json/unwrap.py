"""A JSON array of objects as objects one a line, block by block, without a byte more or less.

The commas between the objects become line ends, and line ends elsewhere spaces; where a comma or a bracket stands is
told by counting quotes and brackets, for many bytes at once.
"""

import re
from collections.abc import Generator, Iterable

import numpy as np

from lossctl.errors import DataError

# Bytes that are looked at together; what is noted of each stays in the cache.
CHUNK_BYTES = 1 << 17
ESCAPE = re.compile(rb"\\.", re.DOTALL)
BOM = b"\xef\xbb\xbf"
SPACE, LINE, RETURN, COMMA, QUOTE = b' \n\r,"'
# The bytes that may mean something, and how much deeper each leads.
MEANS = np.isin(np.arange(256), np.frombuffer(b'[{]}",\n\r', np.uint8))
DEEPER = np.zeros(256, np.int8)
DEEPER[list(b"[{")], DEEPER[list(b"]}")] = 1, -1


def unwrapped(blocks: Iterable[bytes], path: str) -> Generator[bytes, None, None]:
    """The blocks of an array as blocks of lines; as many bytes in the same places."""
    state = _State()
    for number, block in enumerate(blocks):
        text = block.replace(BOM, b"   ", 1) if number == 0 and block.startswith(BOM) else block
        yield b"".join(state.lines(text[at : at + CHUNK_BYTES]) for at in range(0, len(text), CHUNK_BYTES))
    if state.depth or state.quoted:
        raise DataError(f"{path} is not whole: its array of objects is never closed. The file may be truncated.")


class _State:
    """Where the text has come to: how deep in brackets, whether in a string, whether behind a backslash."""

    def __init__(self) -> None:
        self.depth, self.quoted, self.escaped = 0, False, False

    def lines(self, chunk: bytes) -> bytes:
        """The next bytes, with line ends between the objects and nowhere else."""
        bare = np.frombuffer(self._bare(chunk), np.uint8)
        places = np.flatnonzero(MEANS[bare])
        if not len(places):
            return chunk
        marks = bare[places]
        quotes = np.cumsum(marks == QUOTE)
        inside = (quotes + self.quoted) % 2 == 1
        steps = np.where(inside, 0, DEEPER[marks])
        level = np.cumsum(steps) + self.depth
        lines = np.frombuffer(chunk, np.uint8).copy()
        blank = (marks == LINE) | (marks == RETURN) | ((steps == 1) & (level == 1)) | ((steps == -1) & (level == 0))
        lines[places[blank]] = SPACE
        lines[places[(marks == COMMA) & ~inside & (level == 1)]] = LINE
        self.depth, self.quoted = int(level[-1]), bool(inside[-1])
        return lines.tobytes()

    def _bare(self, chunk: bytes) -> bytes:
        """The bytes without the characters behind backslashes."""
        if not self.escaped and b"\\" not in chunk:
            return chunk
        bare = ESCAPE.sub(b"__", b"_" + chunk[1:] if self.escaped else chunk)
        self.escaped = bare.endswith(b"\\")  # one that is left stands alone: it hides the next chunk's first byte
        return bare
