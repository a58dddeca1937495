"""What is wrong with text that cannot be read, with its line: the slow search, once something has failed."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from lossctl.errors import DataError
from lossctl.sources.base import first_line
from lossctl.sources.cuts import Part
from lossctl.sources.dialect import NUMBER, Dialect, not_utf8, split
from lossctl.sources.lists import NotAList

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Complaints:
    """Errors about rows of a CSV file; `lines_before` counts the lines of the file before a part."""

    path: str
    dialect: Dialect
    lines_before: Callable[[Part], int]

    def unclosed(self, part: Part, at: int) -> DataError:
        """A quote is opened and never closed."""
        return DataError(
            f"{self.path}, {self._line_of(part, at)}: a quote is opened and never closed. "
            "Close it, or say that quotes mean nothing (--quote '')."
        )

    def unreadable(self, part: Part, error: Exception) -> DataError:
        """Rows that Arrow's reader refuses: of another width, or no UTF-8 text."""
        text = part.data[part.start : part.stop]
        try:
            text.decode()
        except UnicodeDecodeError as failure:
            line = self._number(part, part.start + failure.start)
            return not_utf8(self.path, line, text[failure.start])
        return self._ragged(part) or DataError(f"{self.path} cannot be read as CSV: {first_line(error)}")

    def zero_byte(self, part: Part) -> DataError:
        """A file with zero bytes was cut short, or is no text."""
        place = self._line_of(part, part.data.index(b"\0", part.start))
        return DataError(f"{self.path}, {place}: a zero byte; the file is damaged, or no text.")

    def _ragged(self, part: Part) -> DataError | None:
        dialect = self.dialect
        starts, lines = part.row_starts(dialect.rules)
        edges = pairwise([*starts.tolist(), part.stop])
        rows = (part.data[start:stop].decode().rstrip("\r\n") for start, stop in edges)
        width = len(dialect.names)
        cells = zip(lines.tolist(), split(rows, dialect.delimiter, dialect.quote), strict=False)
        uneven = [(line, row) for line, row in cells if len(row) != width]
        if not uneven:
            return None
        line, row = uneven[0]
        more = f" ({len(uneven):,} such rows in this part of the file)" if len(uneven) > 1 else ""
        found = "1 cell" if len(row) == 1 else f"{len(row)} cells"
        return DataError(
            f"{self.path}, line {self.lines_before(part) + line + 1}: {found} where there should be {width}: "
            f"{dialect.delimiter.join(row)[:SHOWN]!r}{more}. "
            f"Quote cells that hold {dialect.delimiter!r}, complete the row, or say another --delimiter."
        )

    def no_number(self, part: Part, name: str, cells: pa.Array) -> DataError | None:
        """The first cell of a text column that is no number."""
        for row, cell in enumerate(cells.to_pylist()):
            if cell is not None and not NUMBER.fullmatch(cell):
                return DataError(
                    f"{self.path}, column {name!r}: a number is needed, and {self.row(part, row)} holds {cell[:SHOWN]!r}. "
                    "Correct the file, name another column, or say what is missing with --na-values."
                )
        return None

    def no_list(self, part: Part, name: str, error: NotAList) -> DataError:
        """A cell of a list column that is no list of numbers."""
        return DataError(
            f"{self.path}, column {name!r}: {self.row(part, error.row)} holds {error.cell[:SHOWN]!r}, "
            "which is no list of numbers as the first rows have them. Correct the cell."
        )

    def row(self, part: Part, row: int) -> str:
        """The place of a part's row."""
        return f"line {self.lines_before(part) + int(part.row_starts(self.dialect.rules)[1][row]) + 1}"

    def _line_of(self, part: Part, at: int) -> str:
        return f"line {self._number(part, at)}"

    def _number(self, part: Part, at: int) -> int:
        return self.lines_before(part) + part.data.count(self.dialect.newline, part.start, at) + 1
