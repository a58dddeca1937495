"""Reports that leave nothing out: whatever was asked for stands in every format, and names what it is of."""

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from support import Run, refused, reported, write_csv, write_parquet

DATA = {"y": [1.0, 2.0, 3.0, 7.0], "yhat": [2.0, 2.0, 5.0, 6.5], "g": ["a", "b", "b", "a"], "k": ["p", "q", "r", "s"]}
FIRST = ["value", "reason", "dimension", "reduction", "denominator_kind", "denominator", "rows", "skipped", "units"]


@pytest.fixture
def data(folder: Path) -> str:
    write_csv(folder / "x.csv", DATA)
    return "x.csv"


def lines(text: str) -> list[dict[str, str]]:
    """A CSV report as a program reads it."""
    return list(csv.DictReader(StringIO(text)))


def told(run: Run, *arguments: object) -> list[dict[str, str]]:
    return lines(run(*arguments, "--format", "csv").out)


# ----------------------------------------------------------------------------------------------------- CSV and Markdown
def test_a_csv_report_has_no_column_that_was_not_asked_for(data: str, run: Run) -> None:
    assert list(told(run, "compute", "mae", data, "--by", "g")[0]) == ["spec", "data", "g", *FIRST]


def test_a_csv_report_holds_the_interval_of_every_result(data: str, run: Run) -> None:
    found = told(run, "compute", "mae", data, "--ci", 95, "--by", "g")
    wanted = lossctl.compute("mae", data, ci=95, by="g").results
    assert list(found[0])[-4:] == ["ci_low", "ci_high", "ci_level", "ci_reason"]
    for line, result in zip(found, wanted, strict=True):
        assert result.interval is not None
        assert (float(line["ci_low"]), float(line["ci_high"])) == (result.interval.low, result.interval.high)
        assert line["ci_level"] == "0.95"


def test_a_csv_report_says_why_there_is_no_interval(data: str, run: Run) -> None:
    (line,) = told(run, "compute", "max_error", data, "--ci", 95)
    assert (line["ci_low"], line["ci_high"], line["ci_level"]) == ("", "", "")
    assert "largest or smallest rows" in line["ci_reason"]


def test_a_csv_report_holds_the_distribution_as_json_names_it(data: str, run: Run) -> None:
    (line,) = told(run, "compute", "mae", data, "--stats")
    wanted = json.loads(run("compute", "mae", data, "--stats", "--format", "json").out)["results"][0]["distribution"]
    assert {name: float(line[name]) for name in wanted if wanted[name] is not None} == {
        name: value for name, value in wanted.items() if value is not None
    }
    assert line["approximate"] == ""
    (line,) = told(run, "compute", "rmse", data, "--stats")
    assert line["mean"] == ""
    assert line["stats_reason"] == "rmse has no value per row"


def test_values_that_are_not_reduced_are_a_line_each(data: str, run: Run) -> None:
    found = told(run, "compute", "mae", data, "--reduction", "none")
    assert [(line["row"], float(line["value"])) for line in found] == [("1", 1.0), ("2", 0.0), ("3", 2.0), ("4", 0.5)]
    kept = told(run, "compute", "mae", data, "--reduction", "none", "--where", "y > 1")
    assert [line["row"] for line in kept] == ["2", "3", "4"]
    named = told(run, "compute", "mae", data, "--reduction", "none", "--id", "k", "--per-row", "r.csv")
    assert [line["k"] for line in named] == ["p", "q", "r", "s"]


def test_units_that_are_not_reduced_are_a_line_each(data: str, run: Run) -> None:
    found = told(run, "compute", "rmse", data, "--group", "g", "--reduction", "none")
    assert [line["unit"] for line in found] == ["a", "b"]
    assert_allclose([float(line["value"]) for line in found], [0.625**0.5, 2**0.5], rtol=1e-15)
    page = run("compute", "rmse", data, "--group", "g", "--reduction", "none", "--format", "markdown").out
    assert page.splitlines()[0] == "| loss | unit label | value | unit | over | rows |"
    assert page.splitlines()[3].startswith("| `rmse` | b | 1.41421 |")


def test_a_value_per_row_that_is_infinite_or_undefined_says_so(folder: Path, run: Run) -> None:
    path = write_parquet(folder / "a.parquet", {"y": [1, 0], "prob": [0.0, 0.0]})
    found = told(run, "compute", "bce", path, "--eps", 0, "--reduction", "none")
    assert [(line["value"], line["reason"]) for line in found] == [("inf", "infinite"), ("0.0", "")]


def test_a_csv_comparison_holds_the_differences(data: str, folder: Path, run: Run) -> None:
    write_csv(folder / "z.csv", {**DATA, "yhat": DATA["y"]})
    found = told(run, "compare", data, "z.csv", "--loss", "mae", "--loss", "mse", "--ci", 95)
    assert [(line["data"], line["baseline"], line["difference"]) for line in found] == [
        ("x.csv", "", ""),
        ("x.csv", "", ""),
        ("z.csv", "x.csv", "-0.875"),
        ("z.csv", "x.csv", "-1.3125"),
    ]
    assert all(line["ci_low"] for line in found)


@pytest.mark.parametrize("format", ["csv", "markdown"])
def test_a_report_says_which_check_failed(data: str, run: Run, format: str) -> None:
    done = run("compute", "mae", data, "--by", "g", "--max", 0.9, "--min", 0.1, "--format", format)
    assert done.code == 1
    assert "fail" in done.out
    if format == "csv":
        found = [(line["g"], line["max_threshold"], line["max_status"], line["min_status"]) for line in lines(done.out)]
        assert found == [("", "0.9", "pass", "pass"), ("a", "0.9", "pass", "pass"), ("b", "0.9", "fail", "pass")]
    else:
        assert "**fail**: g=b: 1.0 is not <= 0.9" in done.out


def test_the_checks_of_a_project_are_in_csv_even_where_they_cannot_be_evaluated(
    data: str, folder: Path, run: Run
) -> None:
    broken = "[[check]]\nid = 'second'\nloss = 'mae'\ndata = 'gone.csv'\nmin = 1\n"
    text = f"[[check]]\nid = 'first'\nloss = 'mae'\ndata = '{data}'\nmax = 0.5\n{broken}"
    (folder / "lossctl.toml").write_text(text, encoding="utf-8")
    done = run("check", "--format", "csv")
    assert done.code == 2
    first, second = lines(done.out)
    assert (first["max_check"], first["max_status"], first["min_status"]) == ("first: mae<=0.5:whole", "fail", "")
    assert (second["min_check"], second["min_status"], second["max_status"]) == ("second: >=1", "error", "")
    assert "there is no file" in second["reason"]
    assert [len(row) for row in csv.reader(StringIO(done.out))] == [len(first)] * 3
    only = "[[check]]\nid = 'only'\nloss = 'mae'\ndata = 'gone.csv'\nmax = 1\n"
    (folder / "lossctl.toml").write_text(only, encoding="utf-8")
    page = run("check", "--format", "markdown").out
    assert page.startswith("**error**: only: there is no file")


def test_a_markdown_page_holds_intervals_and_distributions(data: str, run: Run) -> None:
    page = run("compute", "mae", data, "--ci", 95, "--stats", "--format", "markdown").out.splitlines()
    assert page[0] == "| loss | value | 95 % interval | unit | over | rows |"
    assert " to " in page[2]
    assert page[4] == "| loss | mean | std | min | p01 | p50 | p90 | p99 | max |"
    assert page[6].startswith("| `mae` | 0.875 |")


def test_an_exported_file_is_as_complete(data: str, folder: Path, run: Run) -> None:
    assert run("compute", "mae", data, "--ci", 95, "--stats", "--export", "csv=out.csv").code == 0
    (line,) = lines((folder / "out.csv").read_text(encoding="utf-8"))
    assert line["ci_low"]
    assert line["p50"] == "0.75"


def test_every_check_names_its_result(data: str, run: Run) -> None:
    told = reported(run, "compute", "mae", data, "--by", "g", "--max", 0.9, code=1)
    assert [told["results"][each["result"]]["value"] for each in told["checks"]] == [
        each["value"] for each in told["checks"]
    ]


# ---------------------------------------------------------------------------------------------------------------- joins
@pytest.fixture
def joined(folder: Path) -> tuple[str, ...]:
    """Predictions of which two rows have no truth, and a truth of which one row has no prediction."""
    (folder / "pred.csv").write_text("k,predicted\na,1\nb,2\nc,5\nb,2\nx,1\ny,1\n", encoding="utf-8")
    (folder / "t.csv").write_text("k,observed\nd,1\na,1\nb,4\nc,3\n", encoding="utf-8")
    return ("pred.csv", "--truth", "t.csv", "--on", "k", "--many-to-one", "--target", "observed", "--pred", "predicted")


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_an_inner_join_shows_its_coverage(joined: tuple[str, ...], run: Run, format: str) -> None:
    said = "joined on k: 2 rows without a truth are left out; 1 row of the truth has no prediction"
    found = run("compute", "mae", *joined, "--join", "inner", "--format", format)
    assert found.out.count(said) == 1
    both = run("compare", *joined, "--join", "inner", "--loss", "mae", "--loss", "mse", "--format", format)
    assert both.out.count(said) == 1


def test_a_join_in_which_all_rows_meet_says_nothing(folder: Path, run: Run) -> None:
    write_csv(folder / "p.csv", {"k": ["a", "b"], "yhat": [1.0, 2.0]})
    write_csv(folder / "t.csv", {"k": ["b", "a"], "y": [1.0, 2.0]})
    assert "joined" not in run("compute", "mae", "p.csv", "--truth", "t.csv", "--on", "k", "--join", "inner").out


def test_the_truth_is_among_the_inputs(joined: tuple[str, ...], run: Run) -> None:
    found = reported(run, "compute", "mae", *joined, "--join", "inner")
    assert [(each["path"], each["format"], each["rows"]) for each in found["inputs"]] == [
        ("pred.csv", "csv", 6),
        ("t.csv", "csv", 4),
    ]
    assert found["inputs"][1]["bytes"] == Path("t.csv").stat().st_size


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("abc", "1 row holds something else: 'abc' in row 3 (line 4)."),
        ("", "missing in 1 row (first: row 3 (line 4))."),
        ("inf", "1 row holds something else: inf in row 3 (line 4)."),
    ],
)
def test_a_bad_cell_of_the_truth_is_one_cell_of_its_own_file(
    joined: tuple[str, ...], folder: Path, run: Run, cell: str, said: str
) -> None:
    text = (folder / "t.csv").read_text(encoding="utf-8").replace("b,4", f"b,{cell}")
    (folder / "t.csv").write_text(text, encoding="utf-8")
    done = run("compute", "mae", *joined, "--join", "inner", "--where", "k in ('b', 'c')")
    assert done.code == 2
    assert done.err.startswith("lossctl: t.csv, column 'observed': ")
    assert said in done.err
    assert "pred.csv" not in done.err


def test_bad_cells_of_the_truth_count_once_whatever_files_and_blocks_they_meet(folder: Path) -> None:
    for name in ("p1", "p2"):
        write_csv(folder / f"{name}.csv", {"k": [*"abcd"] * 50, "target": [0.0] * 200, "pred": [0.0] * 200})
    (folder / "t.csv").write_text("k,target\na,1\nb,oops\nc,3\nd,bad\n", encoding="utf-8")
    options = {"truth": "t.csv", "on": "k", "target": "truth:target", "pred": "pred", "many_to_one": True}
    first = refused(lambda: lossctl.compute("mae", ["p1.csv", "p2.csv"], **options)).splitlines()[0]
    assert first.startswith("t.csv, column 'target': ")
    assert first.endswith("2 rows hold something else: 'oops' in row 2 (line 3), 'bad' in row 4 (line 5).")


def test_a_bad_key_is_the_predictions_own(folder: Path) -> None:
    for name, column in (("p", "yhat"), ("t", "y")):
        write_csv(folder / f"{name}.csv", {"k": ["1", "2", "x"], column: [1.0, 2.0, 3.0]})
    with pytest.raises(lossctl.LossctlError, match=r"^p\.csv, column 'k': .* row 3 \(line 4\)"):
        lossctl.compute("mae", "p.csv", truth="t.csv", on="k", pred="k", target="y")


def test_labels_of_a_truth_that_are_too_many_are_told_of_its_file(folder: Path) -> None:
    write_csv(folder / "p.csv", {"k": [1, 2, 3], "prob": [0.1, 0.2, 0.3]})
    write_csv(folder / "t.csv", {"k": [1, 2, 3], "label": [0, 1, -1]})
    with pytest.raises(lossctl.LossctlError, match=r"^t\.csv, column 'label': both 0 and -1"):
        lossctl.compute("bce", "p.csv", truth="t.csv", on="k")


def test_a_bad_list_of_the_truth_is_found_in_its_file(folder: Path) -> None:
    write_parquet(folder / "p.parquet", {"k": ["a", "b", "b"], "pred": [[1.0, 2.0]] * 3})
    write_parquet(folder / "t.parquet", {"k": ["b", "a"], "target": [[1.0, float("inf")], [1.0, 2.0]]})
    with pytest.raises(lossctl.LossctlError, match=r"^t\.parquet, column 'target': .* 1 row .* row 1\."):
        lossctl.compute("mse", "p.parquet", truth="t.parquet", on="k", many_to_one=True)


# ------------------------------------------------------------------------------------------------------------- findings
def test_rows_left_out_are_counted_by_column(folder: Path, run: Run) -> None:
    data = {"y": [1.0, None, 3.0, None], "yhat": [1.0, 2.0, None, None], "other": [1.0, 2.0, 3.0, 4.0]}
    done = run("compute", "mae", write_parquet(folder / "m.parquet", data), "--missing", "skip")
    assert "info LC101: 3 rows were left out because a value is missing (y: 2, yhat: 2). " in done.out


# ---------------------------------------------------------------------------------------------------------------- gates
def test_the_checks_of_several_models_name_the_model(data: str, folder: Path, run: Run) -> None:
    write_csv(folder / "z.csv", {**DATA, "yhat": DATA["y"]})
    told = reported(run, "compare", data, "z.csv", "--loss", "mae", "--max", 0.5, code=1)
    assert [(each["id"], each["status"]) for each in told["checks"]] == [
        ("x.csv: mae<=0.5:whole", "fail"),
        ("z.csv: mae<=0.5:whole", "pass"),
    ]
    assert [told["results"][each["result"]]["data"] for each in told["checks"]] == ["x.csv", "z.csv"]
    shown = run("compare", data, "z.csv", "--loss", "mae", "--max", 0.5).out.splitlines()
    assert shown[-2:] == ["fail: x.csv: whole: 0.875 is not <= 0.5", "pass: z.csv: whole: 0.0 <= 0.5"]


def test_the_checks_of_several_losses_name_the_loss(data: str, folder: Path, run: Run) -> None:
    losses = ("--loss", "huber(delta=1)", "--loss", "huber(delta=2)")
    told = reported(run, "compare", data, *losses, "--max", 9)
    assert [each["id"].partition(": ")[0] for each in told["checks"]] == ["huber(delta=1.0)", "huber(delta=2.0)"]
    write_csv(folder / "z.csv", DATA)
    assert "pass: huber(delta=2.0) on z.csv: whole:" in run("compare", data, "z.csv", *losses, "--max", 9).out


def test_the_checks_of_one_model_and_loss_need_no_name(data: str, run: Run) -> None:
    assert run("compare", data, "--loss", "mae", "--max", 9).out.splitlines()[-1] == "pass: whole: 0.875 <= 9.0"


# ------------------------------------------------------------------------------------------------------------- dry runs
def test_a_dry_run_does_not_say_how_many_rows_a_text_file_has(data: str, run: Run) -> None:
    found = reported(run, "compute", "mae", data, "--dry-run")
    assert found["inputs"][0]["rows"] is None
    assert found["results"][0]["rows"] is None
    assert run("compute", "mae", data, "--dry-run").out.splitlines()[-1].split()[-1] == "-"
    assert told(run, "compute", "mae", data, "--dry-run")[0]["rows"] == ""


def test_a_dry_run_says_before_what_the_rows_are_counted(folder: Path, run: Run) -> None:
    path = write_parquet(folder / "x.parquet", DATA)
    whole = run("compute", "mae", path, "--dry-run").out.splitlines()
    assert whole[-1].split()[-1] == "4"
    some = run("compute", "mae", path, "--dry-run", "--where", "y > 2", "--missing", "skip").out.splitlines()
    assert some[-2].split()[-1] == "4"
    assert some[-1] == "rows are counted before --where and --missing skip"


def test_a_dry_run_shows_the_truth_too(joined: tuple[str, ...], run: Run) -> None:
    found = reported(run, "compute", "mae", *joined, "--dry-run")
    assert [(each["path"], each["rows"]) for each in found["inputs"]] == [("pred.csv", None), ("t.csv", None)]


# ---------------------------------------------------------------------------------------------------------------- words
def test_an_interval_of_one_row_says_how_many_are_needed(data: str, run: Run) -> None:
    shown = run("compute", "mae", data, "--ci", 95, "--limit", 1).out
    assert "no interval: at least 2 rows that count are needed" in shown


def test_a_bare_value_that_is_undefined_is_one_word(folder: Path, run: Run) -> None:
    path = write_parquet(folder / "c.parquet", {"y": [5.0, 5.0], "yhat": [5.0, 5.5]})
    done = run("compute", "relative_squared_error", path, "-q")
    assert (done.code, done.out) == (2, "undefined\n")
    assert "could not be evaluated" in done.err


def test_what_has_no_header_is_not_asked_for_one(folder: Path) -> None:
    np.save(folder / "e.npy", np.zeros((0, 2)))
    for given, target, pred in (("e.npy", "c0", "c1"), ({"y": [], "yhat": []}, "y", "yhat")):
        with pytest.raises(lossctl.LossctlError, match=r"has no rows to evaluate; it is empty\.$"):
            lossctl.compute("mae", given, target=target, pred=pred)
    (folder / "e.csv").write_text("y,yhat\n", encoding="utf-8")
    with pytest.raises(lossctl.LossctlError, match="rows are needed below the header"):
        lossctl.compute("mae", "e.csv")
