"""The compiled reader of CSV rows: what it reads is what Arrow reads, and what is not plain is left to Arrow."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossctl.arithmetic.arrays import Array
from lossctl.errors import DataError
from lossctl.sources.csv import compiled, reader
from lossctl.sources.csv.complaints import Complaints
from lossctl.sources.csv.dialect import Dialect
from lossctl.sources.source import As
from lossctl.sources.text.cuts import Part
from support.sources import read, text_source

pytestmark = pytest.mark.skipif(compiled._cells is None, reason="this installation was made without a C++ compiler")

MISSING = ("", "NA", "nan", "null")


def dialect(**changes: object) -> Dialect:
    usual = Dialect(",", '"', ".", MISSING, MISSING, ("a", "b", "c"), 0, b"\n", {})
    return usual._replace(**changes)  # type: ignore[arg-type]


Columns = dict[str, pa.Array]
OUTER: dict[str, As] = {"a": "number", "c": "number"}
LABEL: dict[str, As] = {"b": "text", "a": "number"}


def by_compiled(text: str | bytes, layout: Dialect, wanted: Mapping[str, As]) -> Columns | None:
    data = text if isinstance(text, bytes) else text.encode()
    return compiled.read(layout, wanted, Part(data, 0, len(data)))


def by_arrow(text: str | bytes, layout: Dialect, wanted: Mapping[str, As]) -> Columns | None:
    data = text if isinstance(text, bytes) else text.encode()
    complaints = Complaints("a.csv", layout, lambda at: at)
    parser = reader._Parser(layout, dict(wanted), True, lambda: complaints)
    try:
        return parser._by_arrow(Part(data, 0, len(data)))
    except DataError:
        return None


def shown(columns: Columns | None) -> dict[str, tuple[str, str]] | None:
    """Everything about columns: types, and values to the sign of a zero."""
    return columns and {name: (str(column.type), repr(column.to_pylist())) for name, column in columns.items()}


# --------------------------------------------------------------------------------------------------------------- plain
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,x,2\n", [1, 2]),
        ("-1.5,,.5\n2.,x,1e-3\n", [-1.5, 2, 0.5, 1e-3]),
        ("1,x,2\r\n3,y,4\r\n", [1, 3, 2, 4]),
        ('1,"a,b",2\n', [1, 2]),
        ('1,"a\nb",2\n', [1, 2]),
        ('1,"a""b",2\n', [1, 2]),
        ('1,"""",2\n', [1, 2]),
        ('1,"",2\n', [1, 2]),
        ('"1",x,"2.5"\r\n', [1, 2.5]),
        ('1,5" pipe,2\n', [1, 2]),
        ("1,nan,2\n", [1, 2]),
        ("-0.0,x,9007199254740991\n", [-0.0, 2.0**53 - 1]),
        ("5e-324,x,0.1000000000000000055511151231257827021181583404541015625\n", [5e-324, 0.1]),
        ("", []),
    ],
)
def test_plain_rows_are_read(text: str, found: list[float]) -> None:
    columns = by_compiled(text, dialect(), OUTER)
    assert columns is not None
    assert [cell for column in columns.values() for cell in column.to_pylist()] == found
    assert shown(columns) == shown(by_arrow(text, dialect(), OUTER))


@pytest.mark.parametrize("cell", ["", "NA", "nan", '""', '"NA"'])
def test_missing_numbers_are_null(cell: str) -> None:
    text = f"1,x,{cell}\r\n{cell},x,2\r\n3,x,4\r\n"
    columns = by_compiled(text, dialect(), OUTER)
    assert columns is not None
    assert {name: column.to_pylist() for name, column in columns.items()} == {"a": [1, None, 3], "c": [None, 2, 4]}
    assert shown(columns) == shown(by_arrow(text, dialect(), OUTER))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,x,2\n1,y,2\n1,x,2\n", ["x", "y", "x"]),
        ('1,"x",2\n1,x,2\n', ["x", "x"]),
        ('1,"x\ny",2\n1,"x,y",2\n1,x" y,2\n', ["x\ny", "x,y", 'x" y']),
        ("1,,2\n1,NA,2\n1,NAN,2\n1, NA,2\n1,null,2\n", [None, None, "NAN", " NA", None]),
        ('1,"",2\n1,"NA",2\n', [None, None]),
        ("1,é,\xff\n1,0070,2\n1,7,2\n", ["é", "0070", "7"]),
        ("".join(f"1,{at},2\n" for at in range(3000)), [str(at) for at in range(3000)]),
    ],
)
def test_labels_are_read(text: str, found: list[str | None]) -> None:
    columns = by_compiled(text, dialect(), LABEL)
    assert columns is not None
    assert columns["b"].to_pylist() == found
    assert shown(columns) == shown(by_arrow(text, dialect(), LABEL))


@pytest.mark.parametrize("text", [b'1,"x""y",2\n', b"1,\xff,2\n", b"1,x\0,2\n", b"1,x,\0\n", b'1,"x,2\n', b"1,x\r,2\n"])
def test_labels_that_are_not_plain_are_left(text: bytes) -> None:
    assert by_compiled(text, dialect(), LABEL) is None


@pytest.mark.parametrize(
    "text",
    [
        "1,x,2",
        "1,2\n",
        "1,x,2,3\n",
        "1,x,2\n\n",
        "\n1,x,2\n",
        "y,x,2\n",
        "1,x,NaN\n",
        "1,x, NA\n",
        "1,x,9NA\n",
        "1,x,inf\n",
    ]
    + ["1,x,9007199254740992\n", "1,x,-1e300\n", "1,x,1e400\n", "1,x,1e-400\n", " 1,x,2\n", "1 ,x,2\n", "+1,x,2\n"]
    + ["1,x,2 \n", "1,x,0x2\n", "1,x,2_0\n", '1,"x,2\n', '1,"x"y,2\n', '"1"0,x,2\n', '"1,x,2\n', '"NA,x,2\n', "1;x;2\n"]
    + [
        "1,x,2\r3,x,4\n",
        "1,x\r,2\n",
        "1\n,x,2\n",
        "1,x,2\r\r\n",
        "\0,x,2\n",
        "1,x,2\n\r\n",
        '""1,x,2\n',
        '"NA""",x,2\n',
    ],
)
def test_what_is_not_plain_is_left(text: str) -> None:
    assert by_compiled(text, dialect(), OUTER) is None


@pytest.mark.parametrize(
    "changes",
    [{"decimal": ","}, {"missing": ("", "-999")}, {"missing": ("INF",)}, {"delimiter": "."}, {"delimiter": " "}]
    + [{"quote": sign} for sign in "-.e+5"],
)
def test_dialects_in_which_cells_mean_something_else_are_left(changes: dict[str, object]) -> None:
    assert by_compiled("1,x,2\n", dialect(**changes), OUTER) is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_separators_and_quotes_are_those_of_the_dialect(delimiter: str, quote: str) -> None:
    text = delimiter.join(["1", f"{quote}x{quote}", "2"]) + "\n"
    columns = by_compiled(text, dialect(delimiter=delimiter, quote=quote), {"c": "number", "b": "text", "a": "number"})
    assert columns is not None
    assert {name: column.to_pylist() for name, column in columns.items()} == {"c": [2.0], "b": ["x"], "a": [1.0]}


def test_empty_cells_end_rows_where_quotes_mean_nothing() -> None:
    columns = by_compiled("1,x,\n2,,y\n", dialect(quote=""), {"a": "number", "c": "text"})
    assert columns is not None
    assert {name: column.to_pylist() for name, column in columns.items()} == {"a": [1.0, 2.0], "c": [None, "y"]}
    assert by_compiled("1,\n2,\n", dialect(quote=""), {"a": "number"}) is None  # rows of two cells


def test_quotes_that_mean_nothing_end_no_search() -> None:
    columns = by_compiled('1,"x,2\n', dialect(quote=""), {"c": "number", "b": "text"})
    assert columns is not None
    assert columns["c"].to_pylist() == [2.0]
    assert columns["b"].to_pylist() == ['"x']


def test_a_range_of_the_text_is_read_and_no_byte_beyond() -> None:
    text, layout = b"9,9\n1,2\n3,4\n9,9\n", dialect(names=("a", "b"))
    columns = compiled.read(layout, {"b": "number"}, Part(text, 4, 12))
    assert columns is not None
    assert columns["b"].to_pylist() == [2.0, 4.0]
    assert compiled.read(layout, {"b": "number"}, Part(text, 4, 11)) is None
    assert compiled.read(layout, {"b": "number"}, Part(text, 4, 4)) == {"b": pa.array([], pa.float64())}


def directly(start: int, stop: int, columns: list[int], numbers: Array, codes: Array, capacity: int) -> int:
    cells, codes = np.array(columns, np.int32), codes.astype(np.int32)
    return compiled._cells.read(b"1\n2\n3\n", start, stop, b",", -1, (), cells, numbers, codes, capacity)[0]


@pytest.mark.parametrize(("start", "stop", "capacity"), [(-1, 2, 4), (3, 2, 4), (0, 7, 4), (0, 4, 0)])
def test_ranges_outside_the_text_are_refused(start: int, stop: int, capacity: int) -> None:
    with pytest.raises(ValueError, match="a range of the text and room for a row"):
        directly(start, stop, [0], np.zeros(4), np.zeros(0), capacity)


def test_columns_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="no room for a wanted cell"):
        directly(0, 6, [1], np.zeros(4), np.zeros(0), 4)
    assert directly(0, 6, [1], np.zeros(4), np.zeros(4), 4) == 3


def test_no_more_rows_are_written_than_there_is_room_for() -> None:
    room = np.full(4, -1.0)
    assert directly(0, 6, [0], room[:2], np.zeros(0), 2) == -1
    assert room.tolist() == [1, 2, -1, -1]


# -------------------------------------------------------------------------------------------------------- as Arrow does
CELLS = ["1", "-2.5", "3e7", ".5", "x", "x y", '"3"', '"p,q"', '"p\nq"', '"p""q"', 'x"y', "é", "0.1234567890123456"]
ODD = ["", "+1", " 1", "1 ", "nan", "NA", "inf", "-1e400", "9007199254740993", '"', '"x"y', "0x1", "1_0", "\0", '""']
WANTED: list[dict[str, As]] = [{"a": "number"}, {"b": "text"}, OUTER, LABEL, {"c": "text", "b": "number", "a": "text"}]
cells = st.one_of(st.sampled_from(CELLS[:4]), st.sampled_from(CELLS), st.sampled_from([*CELLS, *ODD]))
rows = st.lists(st.one_of(st.lists(cells, min_size=3, max_size=3), st.lists(cells, max_size=4)), max_size=5)
ends = st.one_of(st.just("\n"), st.sampled_from(["\n", "\r\n", "\n\n", "\r"]))


@settings(max_examples=800, deadline=None)
@given(rows, ends, st.booleans(), st.sampled_from(WANTED), st.sampled_from(['"', "", "'"]))
def test_what_is_read_is_what_arrow_reads(
    table: list[list[str]], end: str, closed: bool, wanted: dict[str, As], quote: str
) -> None:
    text, layout = end.join(",".join(row) for row in table) + (end if closed else ""), dialect(quote=quote)
    found = by_compiled(text, layout, wanted)
    if found is not None:
        assert shown(found) == shown(by_arrow(text, layout, wanted))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=40), st.sampled_from(WANTED))
def test_any_bytes_are_read_as_arrow_reads_them_or_left(text: bytes, wanted: dict[str, As]) -> None:
    found = by_compiled(text + b"\n", dialect(), wanted)
    if found is not None:
        assert shown(found) == shown(by_arrow(text + b"\n", dialect(), wanted))


@pytest.mark.parametrize("written", [repr, "{:.25e}".format, "{:.17g}".format], ids=["repr", "25 digits", "17 digits"])
def test_every_number_is_the_nearest_one(written: Callable[[float], str]) -> None:
    patterns = np.random.default_rng(8).integers(0, 2**64, 20_000, np.uint64, endpoint=False)
    values = [value for (value,) in struct.iter_unpack("d", patterns.tobytes()) if 1e-300 < abs(value) < 2.0**53]
    values += [float(f"{mantissa}e-{power}") for mantissa in (2**53 - 1, 10**15 + 1, 7) for power in range(30)]
    columns = by_compiled("".join(f"{written(value)}\n" for value in values), dialect(names=("a",)), {"a": "number"})
    assert columns is not None
    assert columns["a"].to_pylist() == values


def test_a_mark_of_the_order_of_bytes_inside_a_file_is_part_of_its_cell() -> None:
    text = b"1,\xef\xbb\xbfa,2\n1,a,2\n"
    for data in (text, b"\xef\xbb\xbf" + text):
        wanted: dict[str, As] = {"b": "text"} if data is text else {"a": "text"}
        found = by_compiled(data, dialect(), wanted)
        assert found is not None
        assert shown(found) == shown(by_arrow(data, dialect(), wanted))
        assert found.popitem()[1].to_pylist()[0].startswith("\ufeff")


# ----------------------------------------------------------------------------------------------------------- installed
def test_files_are_the_same_with_and_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).normal(size=(5000, 2)).tolist()
    text = "id,y,p,name\n" + "".join(f"{at},{y!r},{p!r},n{at % 7}\n" for at, (y, p) in enumerate(values))
    source = text_source(tmp_path, text)
    how: dict[str, As] = {"p": "number", "name": "text", "y": "number"}
    with_it = read(source, how)
    monkeypatch.setattr(compiled, "_cells", None)
    assert read(source, how) == with_it
    assert with_it["p"] == [p for _, p in values]
    assert with_it["name"][:8] == ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n0"]
