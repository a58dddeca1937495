"""What a newcomer types, and what the answer must say to help."""

import os
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

import lossctl
from lossctl.reports.render import table
from support import Run, check_refused, write_parquet

FILES = {
    "probs.csv": "label,prob_cat,prob_dog\ncat,0.9,0.1\ndog,0.2,0.8\n",
    "spaces.csv": "y true, y pred \n1,2\n2,4\n",
    "case.csv": "Target Value,Predicted\n1,2\n2,4\n",
    "comment.csv": "# made by x\ny_true,y_pred\n1,2\n",
    "thousands.csv": 'y_true,y_pred\n"1,234.5",1\n"2,000.0",2\n',
    "semi.csv": "label,logits\n0,0.1;0.9\n1,0.3;0.2\n",
    "preds.csv": "y_true,y_pred,site\n1,2,a\n2,4,b\n",
    "ab.csv": "y_true,y_pred\n1,2\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    words = pa.array(["1.5", "2"]).dictionary_encode()
    write_parquet(tmp_path / "words.parquet", {"y_true": words, "y_pred": [1.0, 2.0]})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("cross_entropy probs.csv", "Its columns fit "),
        ("cross_entropy probs.csv", "categorical_cross_entropy"),
        ("bce_with_logits probs.csv --target label --pred nothing", "column 'nothing' is not in probs.csv"),
        ("mse spaces.csv", "Did you mean 'y true'? Name it with --target COLUMN."),
        ("mse case.csv --target Predicted", "no column for the pred"),
        ("mse comment.csv", "drop the one above it (tail -n +2 FILE | lossctl ... -)"),
        ("pearson_loss preds.csv --group y_true", "'y_true' already serves another option"),
        ("cross_entropy semi.csv", "'logits' holds text; K logits per row are several columns, or lists"),
        ("MSE preds.csv", "Did you mean 'mse'? `lossctl"),
        ("MSELoss preds.csv", "Did you mean 'mse'? `lossctl"),
        ("l1_loss preds.csv", "Did you mean 'l1'? `lossctl"),
        ("BCEWithLogitsLoss preds.csv", "Did you mean 'bce_with_logits'? `lossctl"),
        ("mse s3://bucket/a.parquet", "s3://bucket/a.parquet is an address"),
        ("mse thousands.csv", "without thousands separators"),
        ("mse predz.csv", "there is no file predz.csv. Did you mean 'preds.csv'?"),
        ("mse words.parquet", "column 'y_true' of words.parquet holds string values"),
    ],
)
def test_an_error_shows_the_way_on(run: Run, folder: Path, line: str, says: str) -> None:
    check_refused(run("compute", *line.split()), says)


def test_a_near_name_is_no_tip_where_only_the_suffix_is_alike(run: Run, folder: Path) -> None:
    assert "Did you mean" not in run("compute", "mse", "zz.csv").err


def test_no_tip_is_given_where_no_loss_fits_better(run: Run, folder: Path) -> None:
    assert "Its columns fit" not in run("compute", "mse", "spaces.csv").err


def test_a_group_is_for_intervals_of_row_losses(run: Run, folder: Path) -> None:
    assert run("compute", "mse", "preds.csv", "--group", "site", "--ci", "95").code == 0
    assert run("compute", "mse", "preds.csv", "--by", "site").code == 0


def test_an_unknown_code_is_answered_with_those_there_are(run: Run) -> None:
    said = run("info", "LC999").err
    assert "Findings are LC101, LC102" in said
    assert "Did you mean 'huber'" in run("info", "hubber").err


def test_one_row_is_not_called_rows(run: Run, folder: Path) -> None:
    (folder / "gap.csv").write_text("y_true,y_pred\n1,2\n2,\n")
    done = run("compute", "mse", "gap.csv", "--missing", "skip")
    assert "1 row was left out" in done.out
    assert "  1 row  " in done.out


def in_terminal(report: lossctl.Report, width: int) -> str:
    buffer = StringIO()
    table._print(report, Console(file=buffer, width=width, force_terminal=True, color_system=None), 6)
    return buffer.getvalue()


def test_a_narrow_terminal_hides_no_digit_and_no_slice(folder: Path) -> None:
    report = lossctl.compute("mse", "preds.csv", by="site", max=9)
    shown = in_terminal(report, 40)
    assert [line.split() for line in shown.splitlines() if line.startswith("site")] == [
        ["site", "(all)"],
        ["site", "a"],
        ["site", "b"],
    ]
    assert "value      2.5\n" in shown
    assert "mean over  2 rows\n" in shown
    assert "…" not in shown
    assert "pass: whole: 2.5 <= 9.0" in shown


def test_a_wide_terminal_shows_a_line_per_slice(folder: Path) -> None:
    shown = in_terminal(lossctl.compute("mse", "preds.csv", by="site"), 100)
    assert [line.split()[:2] for line in shown.splitlines() if line.endswith(" 1 ")] == [["a", "1"], ["b", "4"]]


def test_columns_may_be_set_narrower_than_the_text(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = run("compute", "mse", "preds.csv").out
    monkeypatch.setenv("COLUMNS", "40")
    assert run("compute", "mse", "preds.csv").out == wide, "a pipe has no width"
    assert os.environ["COLUMNS"] == "40"


@pytest.mark.parametrize(
    "where", ["day >= 2024-02-01", "day = 2024-2-1", "day in (2024-02-01)", "day < 2024-02-01T10:00"]
)
def test_dates_want_quotes(run: Run, folder: Path, where: str) -> None:
    (folder / "days.csv").write_text("day,y_true,y_pred\n2024-02-01,1,2\n")
    check_refused(run("compute", "mse", "days.csv", "--where", where), "put dates in single quotes: '2024-")
