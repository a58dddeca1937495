"""JSON Lines and arrays of objects: types, gaps, numbers JSON has no words for, and what is refused with its line."""

import json
from pathlib import Path

import numpy as np
import pytest

from lossctl.sources.opening import open_source
from lossctl.sources.source import As, Source
from support.sources import batches, read, refused, text_source


def lines(folder: Path, *rows: object, name: str = "a.jsonl") -> Source:
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    return text_source(folder, "\n".join(texts) + "\n", name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "without_suffix"])
def test_lines_of_objects_are_rows(tmp_path: Path, name: str) -> None:
    assert read(lines(tmp_path, {"y": 1, "p": 2.5}, {"y": 3, "p": 4}, name=name)) == {"y": [1.0, 3.0], "p": [2.5, 4.0]}


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "without_suffix"])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_objects_is_rows(tmp_path: Path, name: str, indent: int | None) -> None:
    rows = [{"y": 1, "k": 'x,"}{['}, {"y": 2, "k": None}]
    assert read(text_source(tmp_path, json.dumps(rows, indent=indent), name)) == {
        "y": [1.0, 2.0],
        "k": ['x,"}{[', None],
    }


def test_keys_that_are_missing_are_null_and_may_come_in_any_order(tmp_path: Path) -> None:
    found = read(lines(tmp_path, {"y": 1}, {"p": 2, "y": 3}, {}, {"p": None}))
    assert found == {"y": [1.0, 3.0, None, None], "p": [None, 2.0, None, None]}


def test_a_key_that_is_always_null_may_be_read_as_anything(tmp_path: Path) -> None:
    source = lines(tmp_path, {"y": None}, {"y": None})
    assert source.columns()["y"].kind == "unknown"
    ways: tuple[As, ...] = ("number", "text")
    for how in ways:
        assert read(source, {"y": how}) == {"y": [None, None]}


@pytest.mark.parametrize(
    ("values", "kind", "type_", "width"),
    [
        ([1, 2], "number", "whole number", 1),
        ([1, 2.5], "number", "whole number and, from line 2 on, number", 1),
        ([True, False], "number", "truth", 1),
        (["a", "b"], "text", "text", 1),
        ([[1, 2.5], [3]], "list", "list<double>", 2),
        ([[], [[1, 2], [3, 4]]], "list", "list<list<double>>", 2),
        ([["a"], [], ["b", "c", "NaN"]], "list", "list<string>", 1),
        ([[], [[True, None], [False]]], "list", "list<list<bool>>", 2),
        ([["a", 1]], "other", "list of several things", 1),
        ([[{"a": 1}]], "other", "list of several things", 1),
        ([[1], ["a"]], "other", "list and, from line 2 on, list of text", 1),
        ([{"a": 1}], "other", "object", 1),
        ([1, "a"], "other", "whole number and, from line 2 on, text", 1),
        ([None], "unknown", "null", 1),
    ],
)
def test_what_a_column_holds_is_known_from_the_first_rows(
    tmp_path: Path, values: list[object], kind: str, type_: str, width: int
) -> None:
    info = lines(tmp_path, *({"v": value} for value in values)).columns()["v"]
    assert (info.kind, info.type, info.width) == (kind, type_, width)


def test_lists_keep_their_lengths_and_gaps(tmp_path: Path) -> None:
    values = [[1.0, None], None, [], [[2.0]][0]]
    assert read(lines(tmp_path, *({"v": value} for value in values))) == {"v": values}
    nested = [[[1.0, 2.0], []], [], None, [[3.0]]]
    assert read(lines(tmp_path, *({"v": value} for value in nested), name="b.jsonl")) == {"v": nested}


@pytest.mark.parametrize("values", [[["a", "b"], [], None, [None, "c"]], [[True, False], None, [None], []]])
def test_lists_of_text_and_of_truth_are_read(tmp_path: Path, values: list[object]) -> None:
    rows = [{"v": value} for value in values]
    assert read(lines(tmp_path, *rows)) == {"v": values}
    # A word that JSON has not is read by another reader.
    assert read(lines(tmp_path, *rows, '{"v": null, "w": NaN}'), {"v": "raw", "w": "number"})["v"] == [*values, None]


def test_numbers_are_read_to_the_last_digit(tmp_path: Path) -> None:
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 123456789.12345679]
    found = read(lines(tmp_path, *({"y": value, "v": [value]} for value in values)))
    assert found == {"y": values, "v": [[value] for value in values]}


def test_whole_numbers_as_keys_are_exact(tmp_path: Path) -> None:
    ids = [2**53 + 1, 2**63 - 1, -(2**63) + 1]
    assert read(lines(tmp_path, *({"id": value} for value in ids)), {"id": "raw"}) == {"id": ids}


def test_whole_numbers_and_truths_are_keys_as_they_stand(tmp_path: Path) -> None:
    found = read(lines(tmp_path, {"a": 1, "b": True}, {"a": 2, "b": None}), {"a": "text", "b": "text"})
    assert found == {"a": [1, 2], "b": [True, None]}


def test_keys_that_turn_fractional_far_down_are_still_numbers(tmp_path: Path) -> None:
    rows = [{"q": 1}] * 1500 + [{"q": 0.5}]
    assert read(lines(tmp_path, *rows), {"q": "text"})["q"][-2:] == [1, 0.5]


@pytest.mark.parametrize("quote", ["", '"'])
def test_words_for_numbers_that_json_lacks_are_numbers(tmp_path: Path, quote: str) -> None:
    texts = [f'{{"y": {quote}{word}{quote}}}' for word in ("NaN", "Infinity", "-Infinity")]
    found = read(lines(tmp_path, *texts, {"y": 1}))["y"]
    assert np.isnan(found[0])
    assert found[1:] == [np.inf, -np.inf, 1.0]


def test_words_for_numbers_may_stand_in_lists(tmp_path: Path) -> None:
    found = read(lines(tmp_path, '{"v": [1, "NaN"]}', {"v": [2, 3]}))["v"]
    assert np.isnan(found[0][1])
    assert found[1] == [2.0, 3.0]


def test_a_nan_far_down_is_no_reason_to_fail(tmp_path: Path) -> None:
    found = read(lines(tmp_path, *[{"y": 1}] * 3000, '{"y": "NaN"}', '{"y": NaN}'))["y"]
    assert np.isnan(found[-2:]).all()


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, '\ufeff\n{"y":1}\r\n\r\n{"y":2}', "a.jsonl")) == {"y": [1.0, 2.0]}
    assert read(text_source(tmp_path, '\ufeff [\n{"y":1} , {"y":2}\n] \n', "a.json")) == {"y": [1.0, 2.0]}


def test_rows_are_found_on_their_lines(tmp_path: Path) -> None:
    source = text_source(tmp_path, '{"y":1}\n\n{"y":2}\n', "a.jsonl")
    assert [source.line(row) for row in range(3)] == [" (line 1)", " (line 3)", ""]
    source = text_source(tmp_path, '[\n  {"y":\n 1},\n\n  {"y":2}\n]', "a.json")
    assert [source.line(row) for row in range(2)] == [" (line 2)", " (line 5)"]


def test_text_in_any_language_comes_whole(tmp_path: Path) -> None:
    assert read(lines(tmp_path, {"日本": 'é\n"x\\'}, {"日本": "\u0000"})) == {"日本": ['é\n"x\\', "\u0000"]}


# -------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('{"y": "x", "v": [1]}', ("'y'", '"x"', "whole number")),
        ('{"y": true, "v": [1]}', ("'y'", "true")),
        ('{"y": 1, "v": 2}', ("'v'", "2", "list<double>")),
        ('{"y": 1, "v": ["a"]}', ("'v'", '["a"]')),
        ('{"y": 1, "v": [[1]]}', ("'v'", "[[1]]")),
        ('{"y": {"a": 1}, "v": [1]}', ("'y'", '{"a": 1}')),
        ('{"y": 1, "v": [1]', ("no JSON", "one object")),
        ("y,v", ("no JSON",)),
        ("[1, 2]", ("object", "[1, 2]")),
        ('{"y": 1, "y": 2}', ("'y'", "twice")),
        ('{"y": 1}, {"y": 2}', ("no JSON",)),
    ],
)
@pytest.mark.parametrize("before", [2, 2000])
def test_a_row_that_does_not_fit_is_refused_with_its_line(
    tmp_path: Path, bad: str, said: tuple[str, ...], before: int
) -> None:
    source = lines(tmp_path, *[{"y": 1, "v": [1]}] * before, bad, {"y": 2, "v": []})
    if before == 2 and bad.startswith("{") and "twice" not in said and "no JSON" not in said:
        # Among the first rows, what the column holds is not one thing.
        info = source.columns()[said[0].strip("'")]
        depth = said[-1] == "[[1]]"
        assert "line 3" in info.type or (depth and info.type == "list<list<double>>")
        return
    refused(lambda: read(source, {"y": "number", "v": "raw"}), "a.jsonl", f"line {before + 1}", *said)


def test_a_column_of_several_kinds_is_refused_with_the_line_where_they_differ(tmp_path: Path) -> None:
    refused(lambda: read(lines(tmp_path, {"y": 1}, {"y": 2}, {"y": "a"})), "'y'", "whole number", "line 3", "text")


def test_text_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    for before in (1, 2000):
        data = b'{"k": "a"}\n' * before + '{"k": "caf\xe9"}\n'.encode("latin-1")
        source = text_source(tmp_path, data, f"{before}.jsonl")
        refused(lambda source=source: read(source), f"line {before + 1}", "0xe9", "UTF-8")  # type: ignore[misc]


@pytest.mark.parametrize("text", ['[{"y": 1}, {"y": 2}', '[{"y": 1}, {"y": "a', '[{"y": [1'])
def test_an_array_that_ends_too_early_is_refused(tmp_path: Path, text: str) -> None:
    refused(lambda: read(text_source(tmp_path, text, "a.json")), "a.json", "truncated")


def test_a_long_array_that_ends_too_early_is_refused_at_its_end(tmp_path: Path) -> None:
    source = text_source(tmp_path, "[" + '{"y": 1},\n' * 50_000 + '{"y": 2}', "a.json")
    assert list(source.columns()) == ["y"]
    refused(lambda: read(source), "a.json", "truncated")


@pytest.mark.parametrize("text", ["[]", "[\n]", "[1, 2]", '[[{"y": 1}]]', '["a"]', "{\n}", '{"y": 1'])
def test_json_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    refused(lambda: read(text_source(tmp_path, text, "a.json")), "a.json")


@pytest.mark.parametrize("text", ['{"y": [1, 2], "p": [3, 4]}', '{"train": {"a": 1}}'])
def test_one_object_with_whole_columns_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    refused(lambda: read(text_source(tmp_path, text, "a.json")), "one object", "orient='records'")
    assert len(next(iter(read(text_source(tmp_path, '{"y": [1, 2]}', "a.jsonl")).values()))) == 1


def test_pretty_printed_objects_are_refused_with_the_way_out(tmp_path: Path) -> None:
    refused(
        lambda: read(text_source(tmp_path, '{\n "y": 1\n}\n{\n "y": 2\n}\n', "a.jsonl")), "line 1", "array of objects"
    )


def test_what_no_role_can_use_is_refused_where_it_is_read(tmp_path: Path) -> None:
    refused(lambda: read(lines(tmp_path, {"o": {"a": 1}})), "'o'", "object")


def test_batches_of_an_array_have_one_schema_throughout(tmp_path: Path) -> None:
    source = text_source(tmp_path, json.dumps([{"y": 1, "k": None}] * 9 + [{"y": 1.5, "k": "a"}]), "a.json")
    assert len({str(batch.schema) for batch in batches(source, {"y": "number", "k": "text"}, 2)}) == 1


# -------------------------------------------------------------------------------------------------- objects in objects
def test_fields_of_objects_are_columns(tmp_path: Path) -> None:
    rows = [
        '{"id": "a", "out": {"p": 0.5, "v": [1, 2], "deep": {"q": 3}}, "y": 1}',
        '{"id": "b", "out": {"p": 1, "v": [3, 4], "extra": 0}, "y": 2}',
        '{"id": "c", "out": null, "y": 3}',
        '{"id": "d", "y": 4}',
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(rows))
    source = open_source(str(path))
    assert list(source.columns()) == ["id", "out", "out.p", "out.v", "out.deep", "out.deep.q", "y", "out.extra"]
    wanted = {"y": "number", "out.deep.q": "number", "out.p": "number", "out.v": "raw"}
    expected = {
        "y": [1.0, 2.0, 3.0, 4.0],
        "out.deep.q": [3.0, None, None, None],
        "out.p": [0.5, 1.0, None, None],
        "out.v": [[1.0, 2.0], [3.0, 4.0], None, None],
    }
    assert read(source, wanted) == expected
    path.write_text("\n".join([*rows, '{"id": "e", "out": {"p": NaN}, "y": 5}']))
    again = read(open_source(str(path)), {"out.p": "number", "y": "number"})
    assert again["out.p"][:4] == [0.5, 1.0, None, None], "Python's reader, which takes NaN, says the same"
    assert again["y"] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_key_goes_before_a_field_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": {"b": 1}, "a.b": 7}\n{"a": {"b": 2}, "a.b": 8}\n')
    assert read(open_source(str(path)), {"a.b": "number"}) == {"a.b": [7.0, 8.0]}


def test_a_field_of_another_type_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": {"b": 1}}\n' * 1200 + '{"a": {"b": "x"}}\n')
    refused(lambda: read(open_source(str(path)), {"a.b": "number"}), "line 1201", "'a.b'")
