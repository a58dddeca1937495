"""What is wrong with text that cannot be read, with its line: the slow search, once something has failed."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from lossctl.errors import DataError
from lossctl.sources.csv.dialect import THOUSANDS, Dialect, cells_of, not_utf8
from lossctl.sources.source import first_line
from lossctl.sources.text.cuts import Part
from lossctl.sources.text.numerals import NUMBER, NUMBER_COMMA, refusal

SHOWN = 80
LONE_RETURN = re.compile(rb"\r(?!\n)")


class Complaints(NamedTuple):
    """Errors about rows of a CSV file; `line_at` tells on which line a byte stands."""

    path: str
    dialect: Dialect
    line_at: Callable[[int], int]

    def unclosed(self, part: Part, at: int) -> DataError:
        """A quote is opened and never closed."""
        return DataError(
            f"{self.path}, line {self.line_at(part.offset + at)}: a quote is opened and never closed. "
            "Close it, or say that quotes mean nothing (--quote '')."
        )

    def unreadable(self, part: Part, error: Exception) -> DataError:
        """Rows that Arrow's reader refuses: of another width, or no UTF-8 text."""
        text = part.data[part.start : part.stop]
        try:
            text.decode()
        except UnicodeDecodeError as failure:
            line = self.line_at(part.offset + part.start + failure.start)
            return not_utf8(self.path, line, text[failure.start])
        ragged = self._ragged(part)
        if ragged is None and (found := LONE_RETURN.search(text)):
            line = self.line_at(part.offset + part.start + found.start())
            return DataError(
                f"{self.path}, line {line}: a carriage return inside the line, which ends a row. "
                "Remove it, or put the cell in quotes."
            )
        return ragged or DataError(f"{self.path} cannot be read as CSV: {first_line(error)}")

    def zero_byte(self, part: Part) -> DataError:
        """A file with zero bytes was cut short, or is no text."""
        line = self.line_at(part.offset + part.data.index(b"\0", part.start))
        return DataError(f"{self.path}, line {line}: a zero byte; the file is damaged, or no text.")

    def _ragged(self, part: Part) -> DataError | None:
        dialect = self.dialect
        width = len(dialect.names)
        rows = (
            (place, cells_of(row.decode().rstrip("\r\n"), dialect.delimiter, dialect.quote))
            for place, row in part.rows(dialect.rules)
        )
        uneven = [(place, row) for place, row in rows if len(row) != width]
        if not uneven:
            return None
        place, row = uneven[0]
        more = f" ({len(uneven):,} such rows in this part of the file)" if len(uneven) > 1 else ""
        found = "1 cell" if len(row) == 1 else f"{len(row)} cells"
        return DataError(
            f"{self.path}, line {self.line_at(place)}: {found} where there should be {width}: "
            f"{dialect.delimiter.join(row)[:SHOWN]!r}{more}. "
            f"Quote cells that hold {dialect.delimiter!r}, complete the row, or say another --delimiter."
        )

    def no_number(self, part: Part, name: str, cells: pa.Array) -> DataError | None:
        """The first cell of a text column that is no number."""
        for row, cell in enumerate(cells.to_pylist()):
            if cell is not None and not NUMBER.fullmatch(cell):
                place = self.row(part, row)
                tip = " Where the comma is the decimal point, say --decimal ,." if NUMBER_COMMA.fullmatch(cell) else ""
                return DataError(
                    f"{self.path}, column {name!r}: a number is needed, and {place} holds {cell[:SHOWN]!r}. "
                    f"Correct the file, name another column, or say what is missing with --na-values.{tip}"
                )
        return None

    def thousands(self, part: Part, name: str, cells: pa.Array) -> DataError | None:
        """The first cell of a column with decimal commas that has a point where thousands may end."""
        for row, cell in enumerate(cells.to_pylist()):
            if cell is not None and "." in cell and THOUSANDS.fullmatch(cell):
                whole, comma = cell.strip().replace(".", ""), cell.strip().replace(".", ",")
                return DataError(
                    f"{self.path}, column {name!r}: {self.row(part, row)} holds {cell[:SHOWN]!r}, which is {whole} or "
                    f"{comma} where numbers have a decimal comma. Write it as one of these, "
                    "or say --decimal . if no number has a comma."
                )
        return None

    def no_list(self, part: Part, name: str, row: int, cell: str) -> DataError:
        """A cell of a list column that is no such list."""
        items = {"string": "text", "bool": "true and false"}.get(self.dialect.lists[name].item, "numbers")
        return DataError(
            f"{self.path}, column {name!r}: {self.row(part, row)} holds {cell[:SHOWN]!r}, "
            f"which is no list of {items} as the first rows have them. Correct the cell."
        )

    def inexact(self, part: Part, name: str, row: int, cell: str) -> DataError:
        """An integer that float64 does not hold."""
        return refusal(self.path, name, self.row(part, row), cell.strip())

    def row(self, part: Part, row: int) -> str:
        """The place of a part's row."""
        return f"line {self.line_at(part.offset + int(part.row_starts(self.dialect.rules)[row]))}"
