"""Truth in a file of its own, and filters on rows."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.columns.filter import language, passing
from lossctl.errors import UsageError
from support import Run, arrow_table, check_refused, write_csv, write_parquet

IDS = [f"{number:02d}" for number in range(40)]
TRUTH = np.linspace(-3.0, 5.0, 40)
PRED = TRUTH + np.sin(np.arange(40.0))
ORDER = np.random.default_rng(3).permutation(40)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    predictions = {"id": [IDS[row] for row in ORDER], "y_pred": PRED[ORDER]}
    return (
        write_csv(tmp_path / "pred.csv", predictions),
        write_parquet(tmp_path / "truth.parquet", {"id": IDS, "y_true": TRUTH, "kind": ["a", "b"] * 20}),
    )


def test_rows_are_joined_on_their_keys(files: tuple[Path, Path]) -> None:
    report = lossctl.compute("mae", files[0], truth=files[1], on="id")
    assert_allclose(report.value, np.abs(PRED - TRUTH).mean(), rtol=1e-14)
    assert report.results[0].details["join"] == {"on": ["id"], "rows": 40, "without_truth": 0, "without_prediction": 0}


def test_columns_of_the_truth_cut_slices_and_filter(files: tuple[Path, Path]) -> None:
    report = lossctl.compute("mae", files[0], truth=files[1], on="id", by="kind", where="y_true > 0")
    kept = TRUTH > 0
    for result, rows in zip(report.results[1:], (slice(0, None, 2), slice(1, None, 2)), strict=True):
        assert_allclose(result.value, np.abs(PRED - TRUTH)[rows][kept[rows]].mean(), rtol=1e-13)


def test_a_missing_truth_names_the_key_and_the_way_out(files: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    short = write_parquet(tmp_path / "short.parquet", {"id": IDS[:38], "y_true": TRUTH[:38]})
    ended = run("compute", "mae", files[0], "--truth", short, "--on", "id")
    check_refused(ended, "2 rows have no truth", "--join inner")
    inner = lossctl.compute("mae", files[0], truth=short, on="id", join="inner").results[0]
    assert_allclose(inner.value, np.abs(PRED - TRUTH)[:38].mean(), rtol=1e-14)
    assert inner.details["join"]["without_truth"] == 2


def test_a_truth_without_prediction_is_an_error_unless_the_join_is_inner(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    few = write_csv(tmp_path / "few.csv", {"id": IDS[:5], "y_pred": PRED[:5]})
    with pytest.raises(lossctl.LossctlError, match="35 rows have no prediction"):
        lossctl.compute("mae", few, truth=files[1], on="id")
    assert_allclose(
        lossctl.compute("mae", few, truth=files[1], on="id", join="inner").value,
        np.abs(PRED - TRUTH)[:5].mean(),
        rtol=1e-14,
    )


def test_keys_that_stand_twice_are_errors(files: tuple[Path, Path], tmp_path: Path) -> None:
    twice = write_csv(tmp_path / "twice.csv", {"id": [*IDS, "07"], "y_pred": [*PRED, 1.0]})
    with pytest.raises(lossctl.LossctlError, match="more than one prediction"):
        lossctl.compute("mae", twice, truth=files[1], on="id")
    assert lossctl.compute("mae", twice, truth=files[1], on="id", many_to_one=True).results[0].rows == 41
    doubled = write_parquet(tmp_path / "doubled.parquet", {"id": [*IDS, "07"], "y_true": [*TRUTH, 1.0]})
    with pytest.raises(lossctl.LossctlError, match="truth keys must be unique"):
        lossctl.compute("mae", files[0], truth=doubled, on="id", many_to_one=True)


def test_predictions_of_several_models_are_told_apart_by_a_slice(files: tuple[Path, Path], tmp_path: Path) -> None:
    both = {"id": IDS * 2, "y_pred": [*PRED, *(PRED + 1)], "model": ["a"] * 40 + ["b"] * 40}
    report = lossctl.compute("mae", write_csv(tmp_path / "both.csv", both), truth=files[1], on="id", by="model")
    assert_allclose(report.results[2].value, np.abs(PRED + 1 - TRUTH).mean(), rtol=1e-14)


def test_several_keys_are_matched_together(tmp_path: Path) -> None:
    place, day = np.repeat(["x", "y", "z"], 4), np.tile([1, 2, 3, 4], 3)
    truth = write_parquet(tmp_path / "t.parquet", {"place": place, "day": day, "y_true": np.arange(12.0)})
    order = np.random.default_rng(1).permutation(12)
    pred = write_csv(
        tmp_path / "p.csv", {"place": place[order], "day": day[order], "y_pred": np.arange(12.0)[order] + 0.25}
    )
    assert lossctl.compute("mae", pred, truth=truth, on=["place", "day"]).value == 0.25


def test_rows_pair_by_position_with_a_finding(tmp_path: Path) -> None:
    pred = write_csv(tmp_path / "p.csv", {"y_pred": PRED})
    truth = write_csv(tmp_path / "t.csv", {"y_true": TRUTH})
    report = lossctl.compute("mae", pred, truth=truth)
    assert_allclose(report.value, np.abs(PRED - TRUTH).mean(), rtol=1e-14)
    assert [finding.code for finding in report.findings] == ["LC103"]
    longer = write_csv(tmp_path / "l.csv", {"y_true": [*TRUTH, 1.0]})
    with pytest.raises(lossctl.LossctlError, match="pair by position only where both have as many"):
        lossctl.compute("mae", pred, truth=longer)


def test_a_column_of_both_files_is_told_apart_by_a_prefix(tmp_path: Path) -> None:
    pred = write_csv(tmp_path / "p.csv", {"id": IDS, "target": TRUTH + 7, "prediction": PRED})
    truth = write_csv(tmp_path / "t.csv", {"id": IDS, "target": TRUTH})
    with pytest.raises(lossctl.LossctlError, match="truth:target"):
        lossctl.compute("mae", pred, truth=truth, on="id")
    found = lossctl.compute("mae", pred, truth=truth, on="id", target="truth:target")
    assert_allclose(found.value, np.abs(PRED - TRUTH).mean(), rtol=1e-14)


COLUMNS = {
    "model": ["a", "b", None, "a"],
    "h": [1, 3, 2, None],
    "when": ["2021-05-03", "2021-06-01", None, "2022-01-01"],
}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("model == 'a'", [0, 3]),
        ("model != 'a'", [1]),
        ("not model = 'a'", [1]),
        ("h < 3", [0, 2]),
        ("not h < 3", [1]),
        ("h >= 2 and model is not null", [1]),
        ("model is null or h is null", [2, 3]),
        ("h in (1, 3)", [0, 1]),
        ("model not in ('b')", [0, 3]),
        ("when >= '2021-06-01'", [1, 3]),
        ("(model = 'a' or model = 'b') and (h = 1 or h = 3)", [0, 1]),
        ("h = -1", []),
    ],
)
def test_a_filter_keeps_the_rows_that_pass(text: str, rows: list[int]) -> None:
    batch = arrow_table(COLUMNS).to_batches()[0]
    assert np.flatnonzero(passing.passing(language.parse(text), batch)).tolist() == rows


@pytest.mark.parametrize("text", ["", "h <", "h = b", "h = 'x", "and h = 1", "h = 1 or", "(h = 1", "h = 1 2", "in (1)"])
def test_a_filter_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(UsageError, match="--where"):
        language.parse(text)


def test_a_limit_takes_the_first_rows_that_pass(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"y_true": TRUTH, "y_pred": PRED}, rows_per_group=7)
    report = lossctl.compute("mae", path, where="y_true > 0", limit=9)
    first = np.flatnonzero(TRUTH > 0)[:9]
    assert_allclose(report.value, np.abs(PRED - TRUTH)[first].mean(), rtol=1e-13)
    assert report.results[0].rows == 9
