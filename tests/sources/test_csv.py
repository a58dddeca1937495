"""CSV: dialects recognised and stated, cells as numbers, texts and lists, and what is refused with its line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lossctl.errors import UsageError
from lossctl.sources.csv.options import TextOptions
from lossctl.sources.source import Source
from lossctl.sources.text import lists
from support.sources import batches, read, refused, text_source

pytestmark = pytest.mark.usefixtures("csv_reader")


def names(source: Source) -> list[str]:
    return list(source.columns())


# ---------------------------------------------------------------------------------------------------------- separators
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_recognised(tmp_path: Path, separator: str) -> None:
    source = text_source(tmp_path, f"y{separator}p\n1{separator}2.5\n-3e-4{separator}4\n")
    assert read(source) == {"y": [1.0, -3e-4], "p": [2.5, 4.0]}


@pytest.mark.parametrize(
    ("name", "typed"), [("a", "a"), ("tab", "\t"), ("\\t", "\t"), ("space", " "), ("semicolon", ";")]
)
def test_a_stated_separator_is_used(tmp_path: Path, name: str, typed: str) -> None:
    source = text_source(tmp_path, f"y{typed}p\n1{typed}2\n", delimiter=name)
    assert read(source) == {"y": [1.0], "p": [2.0]}


def test_numbers_between_blanks_are_columns_where_nothing_else_separates_them(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "1 2\n3 4.5\n", "a.txt")) == {"c0": [1.0, 3.0], "c1": [2.0, 4.5]}


def test_commas_in_text_do_not_outdo_the_separator(tmp_path: Path) -> None:
    source = text_source(tmp_path, "name, unit;value\na, b;1\nc, d;2\n")
    assert read(source, {"name, unit": "text", "value": "number"}) == {
        "name, unit": ["a, b", "c, d"],
        "value": [1.0, 2.0],
    }


def test_a_missing_value_spelled_like_infinity_is_missing_however_it_stands(tmp_path: Path) -> None:
    for cell in ("INF", '"INF"'):
        source = text_source(tmp_path, "y,p\n1,2\n" + f"{cell},3\n", na_values=("INF",))
        assert read(source) == {"y": [1.0, None], "p": [2.0, 3.0]}


def test_a_file_of_a_byte_order_mark_alone_is_empty(tmp_path: Path) -> None:
    refused(lambda: text_source(tmp_path, "\ufeff").columns(), "is empty")


def test_missing_values_are_text() -> None:
    with pytest.raises(UsageError, match=r"--na-values .* is no text"):
        TextOptions(na_values=("\udcff",))


def test_separators_in_quotes_do_not_count(tmp_path: Path) -> None:
    source = text_source(tmp_path, '"a;b;c;d",y\n"1;2;3;4",5\n')
    assert read(source, {"a;b;c;d": "text", "y": "number"}) == {"a;b;c;d": ["1;2;3;4"], "y": [5.0]}


def test_a_column_alone_needs_no_separator(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "y\n1\n\n2\n")) == {"y": [1.0, 2.0]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_may_end_as_on_any_system_and_the_last_need_not(tmp_path: Path, end: str, last: bool) -> None:
    text = end.join(["y,k", "1,a", "2,b"]) + (end if last else "")
    assert read(text_source(tmp_path, text), {"y": "number", "k": "text"}) == {"y": [1.0, 2.0], "k": ["a", "b"]}


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "\ufeffy,p\n1,2\n")) == {"y": [1.0], "p": [2.0]}
    assert read(text_source(tmp_path, "\ufeff1.5,2\n", "b.csv")) == {"c0": [1.5], "c1": [2.0]}


@pytest.mark.parametrize(
    "text",
    ["y;p;\n1;2;\n3;4;\n", "y;p\n1;2;\n3;4;\n", "y;p;\n1;2\n3;4\n"],
    ids=["everywhere", "in the rows", "in the header"],
)
def test_a_separator_at_the_end_of_lines_makes_no_column(tmp_path: Path, text: str) -> None:
    assert read(text_source(tmp_path, text)) == {"y": [1.0, 3.0], "p": [2.0, 4.0]}


def test_a_separator_at_the_end_makes_no_column_without_a_header_either(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "1.5;2;\n3;4;\n")) == {"c0": [1.5, 3.0], "c1": [2.0, 4.0]}


# -------------------------------------------------------------------------------------------------------------- quotes
def test_quotes_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    source = text_source(tmp_path, 'k,y\n"a, ""b""\nc",1\nd,2\n')
    assert read(source, {"k": "text", "y": "number"}) == {"k": ['a, "b"\nc', "d"], "y": [1.0, 2.0]}
    assert [source.line(0), source.line(1), source.line(2)] == [" (line 2)", " (line 4)", ""]


def test_a_quote_inside_a_cell_is_a_quote(tmp_path: Path) -> None:
    source = text_source(tmp_path, 'k,y\n5" pipe,1\n7" pipe,2\n6 x,3\n')
    assert read(source, {"k": "text", "y": "number"}) == {"k": ['5" pipe', '7" pipe', "6 x"], "y": [1.0, 2.0, 3.0]}


def test_another_quote_can_be_stated(tmp_path: Path) -> None:
    source = text_source(tmp_path, "k,y\n'a,b',1\n", quote="'")
    assert read(source, {"k": "text", "y": "number"}) == {"k": ["a,b"], "y": [1.0]}


def test_quotes_mean_nothing_where_that_is_stated(tmp_path: Path) -> None:
    source = text_source(tmp_path, 'k,y\n"a,1\n', quote="")
    assert read(source, {"k": "text", "y": "number"}) == {"k": ['"a'], "y": [1.0]}


# -------------------------------------------------------------------------------------------------------------- header
def test_names_may_be_of_any_kind(tmp_path: Path) -> None:
    header = ["id", r"$\Delta$logP error (calc - exp)", "naïve", "日本", "a b"]
    source = text_source(tmp_path, ",".join(header) + "\n1,2,3,4,5\n")
    assert names(source) == header


def test_blanks_around_names_are_no_part_of_them(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "y , p\n1, 2\n")) == {"y": [1.0], "p": [2.0]}


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    assert names(text_source(tmp_path, ",y,,p\n0,1,2,3\n")) == ["c0", "y", "c2", "p"]
    assert names(text_source(tmp_path, "c1,\n0,1\n", "b.csv")) == ["c1", "c1_"]


def test_rows_of_numbers_have_no_header(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "0.5,1\n2,NA\n")) == {"c0": [0.5, 2.0], "c1": [1.0, None]}
    assert read(text_source(tmp_path, "-1e-5\n", "b.csv")) == {"c0": [-1e-5]}


@pytest.mark.parametrize("text", ["0,1,2\n0.5,1,2\n", ",0,1,2\n0,5,1,2\n"], ids=["numbers", "with an index"])
def test_counted_columns_are_a_header_where_rows_show_it(tmp_path: Path, text: str) -> None:
    assert names(text_source(tmp_path, text))[-3:] == ["0", "1", "2"]


def test_counted_columns_over_whole_numbers_may_be_a_row_and_are_not_guessed(tmp_path: Path) -> None:
    source = text_source(tmp_path, "0,1\n1,0\n")
    refused(source.columns, "data.csv", "0,1", "--header", "--no-header")
    assert read(text_source(tmp_path, "0,1\n1,0\n", header=True)) == {"0": [1.0], "1": [0.0]}
    assert read(text_source(tmp_path, "0,1\n1,0\n", header=False)) == {"c0": [0.0, 1.0], "c1": [1.0, 0.0]}


def test_a_header_can_be_denied(tmp_path: Path) -> None:
    source = text_source(tmp_path, "a,1\nb,2\n", header=False)
    assert read(source, {"c0": "text", "c1": "number"}) == {"c0": ["a", "b"], "c1": [1.0, 2.0]}


def test_a_header_alone_has_columns_and_no_rows(tmp_path: Path) -> None:
    for text in ("y,p\n", "y,p"):
        assert read(text_source(tmp_path, text)) == {"y": [], "p": []}


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    refused(text_source(tmp_path, "y,y,p\n1,2,3\n").columns, "'y'", "--no-header")


# --------------------------------------------------------------------------------------------------------------- cells
def test_a_decimal_comma_is_recognised(tmp_path: Path) -> None:
    source = text_source(tmp_path, "y;p;n\n1,5;-2,25e-3;7\n,5;3;8\n")
    assert read(source) == {"y": [1.5, 0.5], "p": [-2.25e-3, 3.0], "n": [7.0, 8.0]}


def test_a_decimal_comma_is_a_point_in_keys_so_that_they_are_the_same_as_elsewhere(tmp_path: Path) -> None:
    source = text_source(tmp_path, "level;p;k\n0,5;1,5;a,b\n0,9;2;c\n")
    found = read(source, {"level": "text", "k": "text", "p": "raw"})
    assert found == {"level": ["0.5", "0.9"], "k": ["a,b", "c"], "p": ["1.5", "2"]}


def test_a_decimal_comma_can_be_stated_or_denied(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "y;p\n1;2\n3,5;4\n", decimal=","))["y"] == [1.0, 3.5]
    assert read(text_source(tmp_path, "y;p\n1,2;2\n", decimal="."), {"y": "text"})["y"] == ["1,2"]


def test_numbers_are_read_to_the_last_digit(tmp_path: Path) -> None:
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.12345679, 2.0**53]
    source = text_source(tmp_path, "y\n" + "\n".join(map(repr, values)) + "\n")
    assert list(map(repr, read(source)["y"])) == list(map(repr, values))


def test_blanks_around_numbers_do_no_harm(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "y,p\n 1 ,  2.5\n")) == {"y": [1.0], "p": [2.5]}


def test_missing_values_go_by_their_usual_names(tmp_path: Path) -> None:
    usual = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "n/a"]
    text = "y,k\n" + "".join(f"{cell},{cell}\n" for cell in usual) + "1,a\n"
    found = read(text_source(tmp_path, text), {"y": "number", "k": "text"})
    assert found["k"] == [None] * len(usual) + ["a"]
    assert [value for value in found["y"] if value is not None and value == value] == [1.0]


def test_missing_values_far_from_the_first_rows_are_found_too(tmp_path: Path) -> None:
    text = "y,p\n" + "1,2\n" * 40_000 + "NA,3\n,4\n"
    found = read(text_source(tmp_path, text), rows=100_000)
    assert found["y"][-3:] == [1.0, None, None]
    assert found["p"][-2:] == [3.0, 4.0]


def test_stated_missing_values_take_the_place_of_the_usual_ones(tmp_path: Path) -> None:
    source = text_source(tmp_path, "y,k\n-999,NA\n1,?\n,b\n", na_values=("-999", "?"))
    assert read(source, {"y": "number", "k": "text"}) == {"y": [None, 1.0, None], "k": ["NA", None, "b"]}


def test_codes_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "k,y\n01,1\n1,2\n1.0,3\n"), {"k": "text"})["k"] == ["01", "1", "1.0"]


def test_text_columns_come_as_codes_with_labels(tmp_path: Path) -> None:
    for batch in batches(text_source(tmp_path, "k\na\nb\na\n"), {"k": "text"}):
        assert batch.schema.field("k").type == pa.dictionary(pa.int32(), pa.string())


def test_a_cell_that_is_no_number_brings_its_column_as_text_to_be_checked(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "y,p\n1,2\nabc,3\n")) == {"y": ["1", "abc"], "p": ["2", "3"]}
    assert read(text_source(tmp_path, "y;p\n1,5;2\nabc;3\n")) == {"y": ["1.5", "abc"], "p": ["2", "3"]}


# --------------------------------------------------------------------------------------------------------------- lists
def test_cells_may_hold_json_arrays(tmp_path: Path) -> None:
    source = text_source(tmp_path, 'id,v\n1,"[1, 2.5, -3e2]"\n2,\n3,"[4,null,NaN]"\n4,[]\n')
    info = source.columns()["v"]
    assert (info.kind, info.type, info.width) == ("list", "list<double>", 2)
    found = read(source, {"v": "raw", "id": "number"})
    assert found == {"v": [[1.0, 2.5, -300.0], None, [4.0, None, None], []], "id": [1.0, 2.0, 3.0, 4.0]}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_arrays_may_be_nested_and_of_any_length(depth: int) -> None:
    random = np.random.default_rng(depth)

    def some(levels: int) -> Any:
        size = int(random.integers(0, 4))
        return [float(random.integers(-9, 9)) if levels == 1 else some(levels - 1) for _ in range(size)]

    cells = [None if index % 9 == 4 else some(depth) for index in range(200)]
    texts = pa.array([None if cell is None else json.dumps(cell) for cell in cells])
    assert lists.parse(texts, lists.Shape(depth, 1)).to_pylist() == cells
    assert lists.parse(texts.slice(50, 70), lists.Shape(depth, 1)).to_pylist() == cells[50:120]


def test_arrays_as_numpy_prints_them_are_lists_too(tmp_path: Path) -> None:
    source = text_source(tmp_path, 'v\n"[ 0.1  0.2\n  -3. ]"\n"[1. 2. 3.]"\n')
    assert read(source) == {"v": [[0.1, 0.2, -3.0], [1.0, 2.0, 3.0]]}


@pytest.mark.parametrize("cell", ["[1, x]", "[1, 2", "(1, 2)", "[[1], 2]", '["a", 1]', "[1 ... 2]", "[[1]] [[2]]"])
def test_other_texts_in_brackets_are_texts(tmp_path: Path, cell: str) -> None:
    source = text_source(tmp_path, f"v;y\n{cell};1\n")
    assert source.columns()["v"].kind == "unknown"
    assert read(source, {"v": "text"})["v"] == [cell]


@pytest.mark.parametrize("cell", ["[1,,2]", "[1, x]", "abc", "[[1],[2]]", "[1,2", "1", "[1 2, 3]", "[,1]"])
def test_a_list_that_is_none_is_refused_with_its_line(tmp_path: Path, cell: str) -> None:
    text = "id;v\n" + "1;[1,2]\n" * 300 + f"2;{cell}\n"
    refused(lambda: read(text_source(tmp_path, text)), "data.csv", "'v'", "line 302", repr(cell))


# -------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(("bad", "count"), [("3", "1 cell"), ("3,4,5", "3 cells"), (",,,", "4 cells")])
def test_a_row_of_another_width_is_refused_with_its_line(tmp_path: Path, bad: str, count: str) -> None:
    source = text_source(tmp_path, f"y,p\n1,2\n\n{bad}\n5,6\n")
    refused(lambda: read(source), "data.csv", "line 4", count, "should be 2", repr(bad))


def test_the_line_of_a_row_behind_quoted_line_ends_is_the_editors(tmp_path: Path) -> None:
    refused(lambda: read(text_source(tmp_path, 'k,y\n"a\nb\nc",1\n2\n')), "line 5", "1 cell")


def test_many_rows_of_another_width_are_counted(tmp_path: Path) -> None:
    refused(lambda: read(text_source(tmp_path, "y,p\n" + "1,2\n" * 300 + "1\n" * 3)), "line 302", "3 such rows")


def test_another_encoding_is_refused_with_the_way_out(tmp_path: Path) -> None:
    header = text_source(tmp_path, "na\xefve,p\n1,2\n".encode("latin-1"))
    refused(header.columns, "line 1", "0xef", "UTF-8", "iconv")
    cells = text_source(tmp_path, b"k,p\n" + b"a,1\n" * 20_000 + "caf\xe9,2\n".encode("latin-1"), "b.csv")
    refused(lambda: read(cells, {"k": "text"}), "b.csv", "line 20002", "0xe9", "iconv")
    wide = text_source(tmp_path, "y,p\n1,2\n".encode("utf-16"), "c.csv")
    refused(wide.columns, "UTF-16", "iconv")


def test_zero_bytes_are_refused(tmp_path: Path) -> None:
    refused(text_source(tmp_path, b"y,p\n1,\0\n").columns, "line 2", "zero byte")
    late = text_source(tmp_path, b"k,p\n" + b"a,1\n" * 20_000 + b"b\0,2\n", "b.csv")
    refused(lambda: read(late, {"k": "text"}), "line 20002", "zero byte")


@pytest.mark.parametrize("rows", [1, 30_000])
def test_a_quote_that_is_never_closed_is_refused_with_its_line(tmp_path: Path, rows: int) -> None:
    text = "k,y\n" + "a,1\n" * rows + '"b,2\n' + "c,3\n" * 5
    refused(lambda: read(text_source(tmp_path, text), {"y": "number"}), f"line {rows + 2}", "never closed", "--quote")


def test_nothing_but_white_space_is_refused(tmp_path: Path) -> None:
    refused(text_source(tmp_path, "\n \n").columns, "data.csv", "empty")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("delimiter", ";;", "--delimiter"),
        ("delimiter", "", "--delimiter"),
        ("delimiter", "é", "--delimiter"),
        ("delimiter", "\n", "--delimiter"),
        ("quote", "''", "--quote"),
        ("decimal", ";", "--decimal"),
    ],
)
def test_options_that_make_no_sense_are_refused(option: str, value: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        TextOptions(**{option: value})  # type: ignore[arg-type]


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match="different"):
        TextOptions(delimiter=",", decimal=",")


def test_a_carriage_return_inside_a_line_is_refused_with_its_line(tmp_path: Path) -> None:
    refused(lambda: read(text_source(tmp_path, "y,p\n1,2\n3\r,4\n")), "line 3", "carriage return")
    assert read(text_source(tmp_path, 'k,p\n"a\rb",2\n'), {"k": "text"}) == {"k": ["a\rb"]}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (['["a", "b,c"]', "[]", '[null, ""]'], [["a", "b,c"], [], [None, ""]]),
        (["[true,false]", "[null,true]"], [[True, False], [None, True]]),
    ],
)
def test_lists_of_text_and_of_truth_are_lists(tmp_path: Path, cells: list[str], expected: list[list[object]]) -> None:
    rows = "".join('"' + cell.replace('"', '""') + '",1\n' for cell in cells)
    assert read(text_source(tmp_path, f"k,p\n{rows}"), {"k": "list"}) == {"k": expected}


def test_a_list_of_other_things_is_named_with_its_line(tmp_path: Path) -> None:
    rows = '"[""a""]",1\n' * 20_000 + '"[""a"", 1]",1\n'
    source = text_source(tmp_path, f"k,p\n{rows}")
    refused(lambda: read(source, {"k": "list"}), "line 20002", "no list of text")
