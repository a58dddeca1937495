"""What reads as a number, and integers in text that float64 does not hold: looked for where numbers are beyond 2^53.

What is refused is a cell of digits alone: 9007199254740993 is an integer, and another one once it is read. A cell with
a point or an exponent (9007199254740993.0, 1e20) is a float, which is read as the nearest one as all floats are.
"""

import re

import numpy as np
import pyarrow as pa

from lossctl.errors import DataError
from lossctl.sources.arrow import texts_of
from lossctl.sources.kinds import INEXACT

SHORTEST = len(str(2**53 + 1))
NOT_IN_INTEGERS = ~np.isin(np.arange(256), np.frombuffer(b"0123456789+- \t", np.uint8))


def refusal(path: str, column: str, where: str, cell: object) -> DataError:
    """The error for such an integer."""
    return DataError(
        f"{path}, column {column!r}: an integer that float64 holds exactly is needed, and {where} holds {cell}. "
        f"{INEXACT}"
    )


def inexact(cell: str | bytes) -> bool:
    """Whether a cell is an integer that float64 does not hold."""
    try:
        return int(cell) != int(float(cell))
    except (ValueError, OverflowError):  # a float, or so large that it is infinite, which is told elsewhere
        return False


def inexact_cells(cells: pa.Array) -> list[int]:
    """The rows of a text column that hold such integers."""
    edges, text = texts_of(cells)
    raw = np.frombuffer(text + b" ", np.uint8)
    rows = np.flatnonzero(np.diff(edges) >= SHORTEST)
    rows = rows[~NOT_IN_INTEGERS[raw[edges[rows] + 1]]]  # most floats this large are written as 1.5e20
    if not len(rows):
        return []
    bounds = np.stack([edges[rows], edges[rows + 1]], axis=1).ravel()
    rows = rows[~np.logical_or.reduceat(NOT_IN_INTEGERS[raw], bounds)[::2]]
    return [row for row in rows.tolist() if inexact(text[edges[row] : edges[row + 1]])]


def numeral(cell: str) -> bool:
    """Whether a cell reads as a number."""
    return NUMBER.fullmatch(cell) is not None


NUMBER = re.compile(r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?i:inf(?:inity)?))\s*")
NUMBER_COMMA = re.compile(r"\s*[-+]?(?:(?:\d+,?\d*|,\d+)(?:[eE][-+]?\d+)?|(?i:inf(?:inity)?))\s*")
