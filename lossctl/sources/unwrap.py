"""A JSON array of objects as objects one a line, block by block, without a byte more or less.

The commas between the objects become line ends, and line ends elsewhere spaces; where a comma or a bracket stands is
told by counting quotes and brackets, for whole blocks at once.
"""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from lossctl.errors import DataError

ESCAPE = re.compile(rb"\\.", re.DOTALL)
BOM = b"\xef\xbb\xbf"
SPACE, LINE = 32, 10

Mask = npt.NDArray[np.bool_]


def unwrapped(blocks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """The blocks of an array as blocks of lines; as many bytes in the same places."""
    depth, quoted, escaped, begun = 0, False, False, False
    for block in blocks:
        text = np.frombuffer(block, np.uint8)
        bare, escaped = _bare(block, escaped)
        inside = (np.cumsum(bare == ord('"'), dtype=np.int32) + quoted) % 2 == 1
        opens = ((bare == ord("[")) | (bare == ord("{"))) & ~inside
        closes = ((bare == ord("]")) | (bare == ord("}"))) & ~inside
        level = depth + np.cumsum(opens, dtype=np.int32) - np.cumsum(closes, dtype=np.int32)
        lines = text.copy()
        lines[(text == LINE) | (text == 13)] = SPACE
        lines[(opens & (level == 1)) | (closes & (level == 0))] = SPACE
        lines[(bare == ord(",")) & ~inside & (level == 1)] = LINE
        if not begun and block.startswith(BOM):
            lines[: len(BOM)] = SPACE
        begun = True
        if len(text):
            depth, quoted = int(level[-1]), bool(inside[-1])
        yield lines.tobytes()
    if depth or quoted:
        raise DataError(f"{path} is not whole: its array of objects is never closed. The file may be truncated.")


def _bare(block: bytes, escaped: bool) -> tuple[npt.NDArray[np.uint8], bool]:
    """A block without the characters behind backslashes, and whether its last one is such a backslash."""
    if not escaped and b"\\" not in block:
        return np.frombuffer(block, np.uint8), False
    start = b"_" + block[1:] if escaped else block
    bare = ESCAPE.sub(b"__", start)
    return np.frombuffer(bare, np.uint8), bare.endswith(b"\\")
