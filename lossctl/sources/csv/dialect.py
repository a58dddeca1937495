"""How a CSV file is laid out, recognised from its first rows: never guessed where two readings fit equally."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lossctl.errors import DataError
from lossctl.sources.csv.options import TextOptions
from lossctl.sources.source import check_doubled
from lossctl.sources.text.cuts import Part
from lossctl.sources.text.numerals import NUMBER, NUMBER_COMMA
from lossctl.sources.text.quotes import Rules

if TYPE_CHECKING:
    from lossctl.sources.text.lists import Shape

BOM = b"\xef\xbb\xbf"
WIDE_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
CANDIDATES = ",;\t|"
SAMPLE_ROWS = 200
SHOWN = 60
# 1,234 and 1.234 may be as many thousands, or a number with three decimals.
THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(?:,\d{3}|\.\d{3})\s*")
BROKEN = re.compile(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*")

# How Excel is told the separator of a file.
SEPARATOR_LINE = re.compile(rb'"?sep=([,;|:#^~ \t])"?(?:\r\n|\n|\r)(?=\s*\S)', re.IGNORECASE)

Row = list[str]


class Dialect(NamedTuple):
    """The layout of a file: `names` are the cells of a row in order, '' for one that holds nothing in any row."""

    delimiter: str
    quote: str
    decimal: str
    missing: tuple[str, ...]
    likely: tuple[str, ...]  # those of the missing values that must be looked for; a named one costs time in each cell
    names: tuple[str, ...]
    first: int  # the byte at which the rows begin
    newline: bytes
    lists: Mapping[str, "Shape"]
    pointed: frozenset[str] = frozenset()  # the columns with a decimal point where others have a comma

    @property
    def rules(self) -> Rules:
        """What ends a row."""
        return Rules(self.newline, self.quote.encode(), self.delimiter.encode())


def recognise(path: str, head: bytes, whole: bool, options: TextOptions) -> Dialect:
    """The dialect of a file that begins with `head`; `whole` says that this is all of it."""
    bom = _check_text(path, head)
    if excel := SEPARATOR_LINE.match(head, bom):
        bom = excel.end()
        if options.delimiter is None:
            options = replace(options, delimiter=excel[1].decode())
    newline = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
    quote = '"' if options.quote is None else options.quote
    behind = options.delimiter or CANDIDATES
    rules = Rules(newline, quote.encode(), behind.encode())
    texts, end = _texts(path, head, bom, whole, rules)
    delimiter = options.delimiter or _delimiter(path, texts, quote)
    rows = [cells_of(text, delimiter, quote) for text in texts]
    commas, points = _decimals(rows, delimiter, options.missing)
    decimal = options.decimal or ("," if commas and not commas & points else ".")
    header = _has_header(path, rows, decimal, options)
    names = _names(path, rows, header)
    first = end if header else len(head) - len(head[bom:].lstrip(b"\r\n"))
    lists = _lists(names, rows[1:] if header else rows, options.missing)
    likely = ("",) if _only_empty(head, delimiter, options.missing) else options.missing
    pointed = [names[index] for index in points - commas if decimal == "," and index < len(names)]
    return Dialect(delimiter, quote, decimal, options.missing, likely, names, first, newline, lists, frozenset(pointed))


def _check_text(path: str, head: bytes) -> int:
    """The length of the byte-order mark; refuse what is no UTF-8 text."""
    if not head.removeprefix(BOM).strip():
        raise DataError(f"{path} is empty ({len(head)} bytes of white space); rows are needed.")
    for mark, encoding in WIDE_BOMS.items():
        if head.startswith(mark):
            raise DataError(f"{path} is {encoding}; convert it to UTF-8: iconv -f {encoding} -t UTF-8 {path}")
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise DataError(
            f"{path}, line {line}: zero bytes; this is no text. Give the file its true suffix (.parquet, ...)."
        )
    return len(BOM) if head.startswith(BOM) else 0


def _texts(path: str, head: bytes, bom: int, whole: bool, rules: Rules) -> tuple[list[str], int]:
    """The first rows as text, and where the first one ends."""
    rows = list(Part(head, bom, len(head)).rows(rules))
    if not whole and len(rows) > 1:
        rows.pop()
    texts = []
    for start, row in rows[:SAMPLE_ROWS]:
        try:
            texts.append(row.decode().rstrip("\r\n"))
        except UnicodeDecodeError as error:
            line = head.count(rules.newline, 0, start + error.start) + 1
            raise not_utf8(path, line, row[error.start]) from None
    return texts, rows[0][0] + len(rows[0][1])


def not_utf8(path: str, line: int, byte: int) -> DataError:
    """The error for text in another encoding."""
    return DataError(
        f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8. "
        f"Convert the file: iconv -f LATIN1 -t UTF-8 {path} (or from the encoding it has)."
    )


def cells_of(text: str, delimiter: str, quote: str) -> Row:
    """The cells of a row."""
    if quote not in text or not quote:
        return text.split(delimiter)
    import csv

    # For all readers of this process: by default a cell of more than 128 KiB, a list say, is an error.
    csv.field_size_limit(1 << 30)
    try:
        return next(csv.reader([text], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:  # a carriage return outside quotes
        return text.split(delimiter)


def _delimiter(path: str, texts: list[str], quote: str) -> str:
    """The candidate that gives all rows as many cells, most of them numbers; then the one that stands most often."""
    candidates = CANDIDATES
    if path.lower().split(".")[-1] in ("tsv", "tab") and "\t" in texts[0]:
        return "\t"

    def score(candidate: str) -> tuple[bool, float, int]:
        rows = [cells_of(text, candidate, quote) for text in texts]
        width = len(rows[0])
        cells = [cell for row in rows[1:] or rows for cell in row if cell]
        numeric = [
            cell for cell in cells if NUMBER.fullmatch(cell) or (candidate != "," and NUMBER_COMMA.fullmatch(cell))
        ]
        even = all(len(row) == width or (len(row) == width + 1 and not row[-1]) for row in rows)
        return even, round(len(numeric) / max(1, len(cells)), 3), width

    present = [candidate for candidate in candidates if len(cells_of(texts[0], candidate, quote)) > 1]
    if present:
        return max(present, key=score)
    spaced = score(" ")
    return " " if spaced[0] and spaced[1] == 1 and spaced[2] > 1 else ","


def _decimals(rows: list[Row], delimiter: str, missing: tuple[str, ...]) -> tuple[set[int], set[int]]:
    """The columns whose numbers have a decimal comma, and those with a point; what may be thousands tells of neither.

    Beside columns with points, those with commas hold nothing but numbers.
    """
    if delimiter == ",":
        return set(), set()
    commas = _told(rows, ",", BROKEN)
    points = _told(rows[1:], ".", NUMBER)
    if points:
        cells = [(index, cell) for row in rows[1:] for index, cell in enumerate(row) if index in commas]
        commas -= {index for index, cell in cells if cell not in missing and not NUMBER_COMMA.fullmatch(cell)} - points
    return commas, points


def _told(rows: list[Row], sign: str, number: re.Pattern[str]) -> set[int]:
    found = ((index, cell) for row in rows for index, cell in enumerate(row) if sign in cell)
    return {index for index, cell in found if number.fullmatch(cell) and not THOUSANDS.fullmatch(cell)}


def _has_header(path: str, rows: list[Row], decimal: str, options: TextOptions) -> bool:
    """The first row names columns unless all its cells are numbers; 0, 1, 2, ... may be either."""
    if options.header is not None:
        return options.header
    numbers = (NUMBER, NUMBER_COMMA) if decimal == "," else (NUMBER,)
    first = [cell.strip() for cell in rows[0]]
    filled = [cell for cell in first if cell not in options.missing]
    if not filled or not all(any(number.fullmatch(cell) for number in numbers) for cell in filled):
        return True
    if filled != [str(index) for index in range(len(filled))]:
        return False
    if first[0] == "" and first[-1] != "":
        return True  # the header of a table written with its index
    if any(cell and not cell.strip().isdigit() for row in rows[1:] for cell in row):
        return True
    shown = options.delimiter or ","
    raise DataError(
        f"{path}: the first line ({shown.join(first)[:SHOWN]}) may be a header or a row of numbers. "
        "Say which with --header or --no-header."
    )


def _names(path: str, rows: list[Row], header: bool) -> tuple[str, ...]:
    """A name for each cell of a row: the header's, or else c and its place from 0; '' for an empty end of all rows."""
    first, data = rows[0], rows[1:] if header else rows
    names = [name.strip() for name in first] if header else [""] * len(first)
    if data and all(len(row) == len(names) + 1 and not row[-1] for row in data):
        names.append("")
    elif names[-1] == "" and len(names) > 1 and data and all(len(row) == len(names) - 1 for row in data):
        names.pop()
    trailing = len(names) > 1 and names[-1] == "" and all(row[-1:] == [""] for row in data if len(row) == len(names))
    last = len(names) - trailing
    taken = set(names)
    for index in range(last):
        if not names[index]:
            names[index] = _free(f"c{index}", taken)
    tip = "" if not header else " If the first line is a row, say --no-header."
    check_doubled(path, names, tip)
    return tuple(names)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _only_empty(head: bytes, delimiter: str, missing: tuple[str, ...]) -> bool:
    """Whether missing values are empty cells as far as can be seen, and no number means one."""
    if any(number.fullmatch(text) for text in missing for number in (NUMBER, NUMBER_COMMA)):
        return False
    named = "|".join(re.escape(text) for text in missing if text)
    edge = f"[{re.escape(delimiter)}\r\n]"
    return not named or re.search(f"(?:^|{edge})(?:{named})(?={edge}|$)".encode(), head) is None


def _lists(names: tuple[str, ...], data: list[Row], missing: tuple[str, ...]) -> "dict[str, Shape]":
    """The columns whose cells are all lists."""
    found = {}
    for index, name in enumerate(names):
        cells = [row[index] for row in data if len(row) > index and row[index] not in missing]
        if cells and cells[0].lstrip().startswith("["):
            from lossctl.sources.text.lists import common, shape_of

            shape = common([shape_of(cell) for cell in cells])
            if shape is not None:
                found[name] = shape
    return found
