"""Files that other programs write in their own ways: read as they are meant, or refused with the way out."""

import json
from pathlib import Path

import pytest

from lossctl.sources.json import reader
from lossctl.sources.opening import open_source
from lossctl.sources.source import As
from support import Run, as_named, check_refused, process, reported, write_file, write_zip
from support.sources import read, refused, text_source

by_either_reader = pytest.mark.usefixtures("csv_reader")
SPELLED = ["-999", "-999.0", "-999.00", " -999", "-9.99e2", "-0999", '"-999.0"']


# ------------------------------------------------------------------------------------------------------ missing values
@by_either_reader
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("how", ["number", "raw"])
@pytest.mark.parametrize("cell", SPELLED)
def test_a_number_that_means_missing_does_so_however_it_is_spelled(
    tmp_path: Path, cell: str, how: As, name: str
) -> None:
    text = f"y,k\n1,a\n{cell},b\n,c\n-999.5,d\n"
    source = text_source(tmp_path, as_named(name, text), name, na_values=("-999",))
    found = read(source, {"y": how, "k": "text"})
    assert [None if value is None else float(value) for value in found["y"]] == [1.0, None, None, -999.5]
    assert found["k"] == ["a", "b", "c", "d"]


@by_either_reader
@pytest.mark.parametrize("said", ["-999.5", "-999,5"])
@pytest.mark.parametrize("cell", ["-999,5", "-999,50", " -9,995e2"])
def test_a_number_that_means_missing_may_have_a_decimal_comma(tmp_path: Path, cell: str, said: str) -> None:
    source = text_source(tmp_path, f"y;p\n1,5;2,5\n{cell};3\n", na_values=(said,))
    ways: list[dict[str, As]] = [{"y": "number"}, {"y": "raw"}]
    assert [[value and float(value) for value in read(source, how)["y"]] for how in ways] == [[1.5, None]] * 2


@by_either_reader
def test_a_number_that_means_missing_is_its_spelling_in_text(tmp_path: Path) -> None:
    source = text_source(tmp_path, "k,y\n-999,1\n-999.0,2\n", na_values=("-999",))
    assert read(source, {"k": "text"})["k"] == [None, "-999.0"]


@by_either_reader
@pytest.mark.parametrize("other", ["abc", "9007199254740993"])
def test_a_number_that_means_missing_does_so_beside_cells_that_are_checked_as_text(tmp_path: Path, other: str) -> None:
    source = text_source(tmp_path, f"y\n{other}\n-999.0\n", na_values=("-999",))
    assert read(source) == {"y": [other, None]}


@by_either_reader
def test_a_huge_number_may_mean_missing(tmp_path: Path) -> None:
    source = text_source(tmp_path, "y\n1\n9.969210e36\n-1e20\n", na_values=("9.96921e36", "-1e20"))
    assert read(source) == {"y": [1.0, None, None]}


@by_either_reader
def test_a_missing_number_in_another_spelling_is_no_prediction(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text("y_true,y_pred\n1,2\n3,-999.0\n2,2.5\n")
    command = ("compute", "mae", "a.csv", "--na-values", "-999")
    check_refused(run(*command), "'y_pred'", "line 3")
    assert "0.75" in run(*command, "--missing", "skip").out


# ----------------------------------------------------------------------------------------------------------- late keys
EARLY = 20_000


def json_file(folder: Path, rows: list[object], name: str = "a.jsonl") -> Path:
    text = json.dumps(rows, indent=0) if name.endswith(".json") else "\n".join(map(json.dumps, rows)) + "\n"
    return write_file(folder / name, as_named(name, text))


def rows_with(*late: object) -> list[object]:
    return [{"y_true": 1, "y_pred": 2, "deep": {"x": 1}} for _ in range(EARLY)] + list(late)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "part=1/a.jsonl"])
@pytest.mark.parametrize("key", ["extra", "deep.extra", "größe"])
def test_a_key_that_first_appears_late_is_a_column(run: Run, folder: Path, name: str, key: str) -> None:
    late = {"deep": {"extra": "b"}} if "." in key else {key: "b"}
    path = json_file(folder, rows_with({"y_true": 1, "y_pred": 5, **late}), name)
    told = reported(run, "compute", "mae", path.relative_to(folder), "--by", key)
    slices = [result for result in told["results"] if result["slice"]]
    assert {each["slice"][key]: each["value"] for each in slices} == {"b": 4, "(missing)": 1}


@pytest.mark.parametrize(
    "options",
    [
        ("--pred", "late"),
        ("--where", "late > 0"),
        ("--weight", "late"),
        ("--group", "late"),
        ("--by", "y_true,late"),
        ("--truth", "a.jsonl", "--on", "late"),
    ],
)
def test_a_late_key_can_be_named_by_every_option(folder: Path, options: tuple[str, ...], run: Run) -> None:
    json_file(folder, rows_with({"y_true": 1, "y_pred": 5, "late": 3}))
    told = run("compute", "mae", "a.jsonl", *options)
    assert "is not in" not in told.err


def test_a_key_that_is_nowhere_is_not_in_the_file(run: Run, folder: Path) -> None:
    json_file(folder, rows_with({"y_true": 1, "y_pred": 5, "extra": "b"}))
    check_refused(run("compute", "mae", "a.jsonl", "--by", "other"), "'other' is not in a.jsonl")


def test_a_late_key_may_be_in_all_files_of_a_dataset_but_early_in_one(run: Run, folder: Path) -> None:
    json_file(folder, [{"y_true": 1, "y_pred": 2, "extra": "a"}])
    json_file(folder, rows_with({"y_true": 1, "y_pred": 5, "extra": "b"}), "b.jsonl")
    found = run("compute", "mae", "a.jsonl", "b.jsonl", "--by", "extra")
    assert found.code == 0, found.err


def test_a_late_key_of_several_types_is_refused_with_the_line_where_they_differ(run: Run, folder: Path) -> None:
    late = [{"y_true": 1, "y_pred": 5, "extra": value} for value in ("b", 7)]
    json_file(folder, rows_with(*late))
    check_refused(run("compute", "mae", "a.jsonl", "--by", "extra"), f"line {EARLY + 2} ")


def test_files_whose_keys_are_known_are_read_once(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    json_file(folder, rows_with({"y_true": 1, "y_pred": 5, "extra": "b"}))

    def never(*_: object) -> None:
        raise AssertionError("the file is searched for a key")

    monkeypatch.setattr(reader, "_later", never)
    assert run("compute", "mae", "a.jsonl", "--by", "y_true").code == 0


# ------------------------------------------------------------------------------------------------------ decimal commas
MIXED = "ver;y_true;y_pred\n1.0;1,5;2,5\n1.1;2,0;4,5\n"


@by_either_reader
@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_decimal_comma_is_recognised_beside_columns_with_points(tmp_path: Path, separator: str) -> None:
    source = text_source(tmp_path, MIXED.replace(";", separator))
    assert read(source) == {"ver": [1.0, 1.1], "y_true": [1.5, 2.0], "y_pred": [2.5, 4.5]}
    assert read(source, {"ver": "text", "y_true": "text"}) == {"ver": ["1.0", "1.1"], "y_true": ["1.5", "2.0"]}


def test_a_decimal_comma_is_recognised_beside_points_without_a_header_too(tmp_path: Path) -> None:
    source = text_source(tmp_path, MIXED.partition("\n")[2])
    assert read(source) == {"c0": [1.0, 1.1], "c1": [1.5, 2.0], "c2": [2.5, 4.5]}


def test_missing_values_and_words_are_found_beside_both_decimal_points(tmp_path: Path) -> None:
    source = text_source(tmp_path, MIXED + "-9.0;-9,00;NA\n", na_values=("-9", "NA"))
    assert read(source) == {"ver": [1.0, 1.1, None], "y_true": [1.5, 2.0, None], "y_pred": [2.5, 4.5, None]}


@pytest.mark.parametrize("codes", ["1,2;0.5\nnone;0.25\n", "1,2,3;0.5\n1,2;0.25\n", "1,2;0.5\n0.5;0.25\n"])
def test_commas_in_text_beside_points_are_no_decimal_commas(tmp_path: Path, codes: str) -> None:
    found = read(text_source(tmp_path, "k;y\n" + codes), {"k": "text", "y": "number"})
    assert found["k"][0].startswith("1,2")
    assert found["y"] == [0.5, 0.25]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("text", ["y_true;y_pred\n1,234;2,345\n", 'y_true,y_pred\n"1,5","2,5"\n'])
def test_commas_that_may_be_thousands_are_not_guessed(run: Run, folder: Path, text: str, name: str) -> None:
    (folder / name).write_bytes(as_named(name, text))
    check_refused(run("compute", "mae", name), "--decimal ,")
    assert run("compute", "mae", name, "--decimal", ",").code == 0


@pytest.mark.parametrize("text", ["y;p\n0,123;0,456\n", "y;p\n1,234;0,5\n", "y;p\n1,234e2;1\n", "y;p\n1234,567;1\n"])
def test_commas_that_cannot_be_thousands_are_decimal_commas(tmp_path: Path, text: str) -> None:
    cell = text.split("\n")[1].split(";")[0]
    assert read(text_source(tmp_path, text))["y"] == [float(cell.replace(",", "."))]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("options", [{}, {"decimal": ","}])
@pytest.mark.parametrize("rows", ["1,5;1.500\n2,5;3,5\n", "1,5;1.500\n2,5;2.500\n", "1,5;3\n" * 300 + "2,5;1.500\n"])
def test_points_that_may_end_thousands_beside_decimal_commas_are_refused(
    tmp_path: Path, rows: str, options: dict[str, str], name: str
) -> None:
    text = f"y;p\n{rows}"
    source = text_source(tmp_path, as_named(name, text), name, **options)
    refused(lambda: read(source), "'p'", "'1.500'", "line", "1500 or 1,500", "--decimal .")
    assert read(source, {"p": "text"})["p"][-1] in ("3.5", "2.500", "1.500")


def test_both_decimal_points_in_one_column_are_refused(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text("y_true;y_pred\n1,5;1.25\n2.5;3.5\n")
    check_refused(run("compute", "mae", "a.csv"), "'1,5'")


# ------------------------------------------------------------------------------------------------------------- packing
@pytest.mark.parametrize("member", ["in/a.csv", "a", "-"])
@pytest.mark.parametrize("name", ["a", "a.csv", "a.txt", "a.zip", "a.gz"])
def test_a_zip_is_known_by_its_first_bytes(tmp_path: Path, name: str, member: str) -> None:
    write_zip(tmp_path / name, {member: b"y,p\n1,2\n"})
    assert read(open_source(str(tmp_path / name))) == {"y": [1.0], "p": [2.0]}


def test_a_zip_can_be_piped_in(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.jsonl": b'{"y_true": 1, "y_pred": 3}\n'})
    done = process("compute", "mae", "-", "--format", "csv", input=(tmp_path / "a.zip").read_bytes())
    assert done.returncode == 0, done.stderr
    assert b"2" in done.stdout


def test_a_zip_of_several_files_is_refused_without_a_suffix_too(tmp_path: Path) -> None:
    write_zip(tmp_path / "a", {"a.csv": b"y\n1\n", "b.csv": b"y\n1\n"})
    refused(lambda: open_source(str(tmp_path / "a")), "2 files (a.csv, b.csv)")


@pytest.mark.parametrize("name", ["a.xlsx", "a.docx", "a.parquet"])
def test_a_zip_that_is_another_programs_file_is_no_format(tmp_path: Path, name: str) -> None:
    write_zip(tmp_path / name, {"a.csv": b"y\n1\n"})
    refused(lambda: open_source(str(tmp_path / name)), name)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst", ".zip"])
@pytest.mark.parametrize("text", ["y_true,y_pred\n1,2\n", "\0\1\2", "{}"])
def test_a_file_that_is_not_packed_as_its_name_says_is_refused_with_the_way_out(
    tmp_path: Path, suffix: str, text: str
) -> None:
    said = refused(lambda: text_source(tmp_path, text, "a.csv" + suffix), f"not packed as its name says ({suffix})")
    assert said.endswith("a.csv.")
    assert "no format" not in said


# --------------------------------------------------------------------------------------------------------------- types
def test_a_key_of_several_types_is_refused_in_words_that_agree(run: Run, folder: Path) -> None:
    json_file(folder, [{"y_true": 1, "y_pred": 2, "k": key} for key in ("a", 7)])
    said = check_refused(
        run("compute", "mae", "a.jsonl", "--by", "k"),
        "'k' holds values of several types: text and, from line 2 on, whole number. Give all rows",
    )
    assert "no text" not in said


def test_a_key_of_objects_is_refused_with_the_names_of_their_fields(run: Run, folder: Path) -> None:
    json_file(folder, [{"y_true": 1, "y_pred": 2, "k": {"a": 1, "b": "x"}, "v": [1, "a"]}])
    check_refused(run("compute", "mae", "a.jsonl", "--by", "k"), "k.a, k.b")
    assert "list of several things" in run("compute", "mae", "a.jsonl", "--by", "v").err


# -------------------------------------------------------------------------------------------------- lines of separators
@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("rows", [["y_true;y_pred", "1,5;2", "2;0,5"], ["1,5;2", "2;0,5"]])
def test_a_line_that_tells_excel_the_separator_tells_it_here(
    tmp_path: Path, line: str, end: str, mark: str, rows: list[str]
) -> None:
    source = text_source(tmp_path, mark + end.join([line, *rows]) + end)
    assert list(read(source).values()) == [[1.5, 2.0], [2.0, 0.5]]
    assert source.line(0) == f" (line {len(rows)})"


@pytest.mark.parametrize("separator", [",", "\t", "|", "#"])
def test_the_line_for_excel_may_name_any_separator(tmp_path: Path, separator: str) -> None:
    text = f"sep={separator}\ny{separator}k\n1{separator}a;b\n"
    assert read(text_source(tmp_path, text), {"k": "text"}) == {"k": ["a;b"]}


def test_a_stated_separator_goes_before_that_of_the_line_for_excel(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, "sep=,\ny;p\n1;2\n", delimiter=";")) == {"y": [1.0], "p": [2.0]}


def test_errors_below_the_line_for_excel_name_the_editors_line(tmp_path: Path) -> None:
    refused(lambda: read(text_source(tmp_path, "sep=;\ny;p\n1;2\n3\n")), "line 4")


@pytest.mark.parametrize("above", ["# from a model", "# a, b"])
def test_a_comment_above_the_header_is_refused_with_the_way_out(run: Run, folder: Path, above: str) -> None:
    (folder / "a.csv").write_text(f"{above}\ny_true,y_pred\n1,2\n")
    check_refused(run("compute", "mae", "a.csv"), "tail -n +2")


@pytest.mark.parametrize("cell", ["5%", "$5", "5 €", '"1,234.5"', "1 234", "1'234", "(5)", "5-", "1_000", "\u22125"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@by_either_reader
def test_numbers_with_units_and_separators_are_refused(run: Run, folder: Path, cell: str, name: str) -> None:
    text = f"y_true,y_pred\n1,2\n3,{cell}\n"
    (folder / name).write_bytes(as_named(name, text))
    check_refused(run("compute", "mae", name), "line 3", cell.strip('"'))
