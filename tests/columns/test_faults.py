"""Bad data ends in one message, exit code 2, no traceback and no partial file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support import Run, check_refused, regression, reported, with_gaps, with_last, write_csv, write_file, write_parquet


# ------------------------------------------------------------------------------------------------------------ columns
def test_a_missing_column_is_named_with_those_there_are(run: Run, preds: Path) -> None:
    check_refused(
        run("compute", "huber", preds, "--pred", "y_prd"),
        "'y_prd'",
        "preds.parquet",
        "Did you mean 'y_pred'?",
        "--pred",
    )


def test_a_role_without_a_column_tells_the_names_that_were_tried(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "odd.parquet", {"a": [1.0], "b": [2.0]})
    check_refused(run("compute", "huber", path), "target", "y_true", "--target", "a, b")


@pytest.mark.parametrize("option", ["--weight", "--group", "--by", "--id", "--unit-weight"])
def test_a_missing_column_is_named_for_every_option(run: Run, preds: Path, option: str) -> None:
    check_refused(run("compute", "rmse", preds, option, "regin"), "'regin'", "Did you mean 'region'?", option)


def test_two_candidates_of_one_rank_are_both_named(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "two.parquet", {**regression(), "target": np.zeros(12)})
    check_refused(run("compute", "huber", path), "'y_true'", "'target'", "--target")


def test_two_candidates_are_no_trouble_where_one_is_named(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "two.parquet", {**regression(), "target": np.zeros(12)})
    assert run("compute", "huber", path, "--target", "y_true", "-q").code == 0


def test_a_name_given_twice_is_refused(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", preds, "--pred", "y_pred,y_pred"), "twice")


def test_roles_of_different_width_are_refused(run: Run, preds: Path) -> None:
    check_refused(
        run("compute", "huber", preds, "--pred", "y_pred,weight", "--target", "y_true"), "target", "pred", "2"
    )


def test_a_glob_that_matches_nothing_is_refused(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", preds, "--pred", "z_*"), "'z_*'", "y_pred")


# ------------------------------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_nan_is_an_error_with_counts_and_first_rows(run: Run, folder: Path, suffix: str) -> None:
    path = write_file(folder / f"gaps.{suffix}", with_gaps(3, 7))
    said = check_refused(run("compute", "huber", path), "'y_pred'", "2 rows", "--missing skip")
    assert "row 4" in said
    assert "8" in said


def test_nan_in_a_float_column_is_missing_too(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "nan.parquet", with_last("y_pred", np.nan))
    check_refused(run("compute", "huber", path), "'y_pred'", "1 row", "row 12")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_missing_values_are_skipped_and_counted_where_asked(run: Run, folder: Path, suffix: str) -> None:
    path = write_file(folder / f"gaps.{suffix}", with_gaps(3, 7))
    told = reported(run, "compute", "huber", path, "--missing", "skip", "--by", "region")
    assert [(r["rows"], r["skipped"]) for r in told["results"]] == [(10, 2), (4, 0), (3, 1), (3, 1)]
    assert told["results"][0]["details"]["missing"] == {"y_pred": 2}
    assert [(f["code"], f["count"]) for f in told["findings"]] == [("LC101", 2)]


def test_infinity_is_refused(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "inf.parquet", with_last("y_pred", np.inf))
    check_refused(run("compute", "huber", path), "'y_pred'", "finite", "inf in row 12")


def test_strings_where_numbers_are_due_are_refused_in_parquet(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "text.parquet", {**regression(), "y_pred": ["1.0"] * 12})
    check_refused(run("compute", "huber", path), "'y_pred'", "string", "--pred")


def test_strings_where_numbers_are_due_are_refused_in_csv_with_their_lines(run: Run, folder: Path) -> None:
    cells = [str(row) if row not in (2, 9) else "oops" for row in range(12)]
    path = write_csv(folder / "text.csv", {**regression(), "y_pred": cells})
    check_refused(run("compute", "huber", path), "'y_pred'", "2 rows", "'oops' in row 3 (line 4)")


def test_a_value_outside_its_domain_is_shown_with_its_row(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "low.parquet", {"y_true": [1.0, 2.0, -3.5], "y_pred": [1.0, 2.0, 3.0]})
    check_refused(run("compute", "msle", path), "'y_true'", "> -1", "-3.5 in row 3")


def test_all_columns_with_trouble_are_told_together(run: Run, folder: Path) -> None:
    gap = np.r_[np.nan, np.ones(11)]
    path = write_parquet(folder / "gaps.parquet", {**regression(), "y_true": gap, "y_pred": gap})
    check_refused(run("compute", "huber", path), "'y_true'", "'y_pred'")


# -------------------------------------------------------------------------------------------------------------- files
def test_a_file_that_is_not_there_gets_a_tip(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", "pred.parquet"), "no file pred.parquet", "Did you mean 'preds.parquet'")


@pytest.mark.parametrize("name", ["header.csv", "header.parquet"])
def test_a_file_with_a_header_alone_is_refused(run: Run, folder: Path, name: str) -> None:
    empty: dict[str, object] = {"y_true": np.zeros(0), "y_pred": np.zeros(0)}
    path = write_file(folder / name, empty)
    check_refused(run("compute", "huber", path), name, "no rows")


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_no_rows_leave_no_row_file(run: Run, folder: Path, name: str) -> None:
    path = write_csv(folder / "header.csv", {"y_true": [], "y_pred": []})
    assert run("compute", "huber", path, "--per-row", name).code == 2
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", ["zero.parquet", "zero.csv"])
def test_a_file_of_zero_bytes_is_refused(run: Run, folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    check_refused(run("compute", "huber", name), name, "empty", "0 bytes")


def test_a_truncated_parquet_file_is_refused(run: Run, preds: Path) -> None:
    whole = preds.read_bytes()
    preds.write_bytes(whole[: len(whole) // 2])
    check_refused(run("compute", "huber", preds), "preds.parquet", "cannot be read as Parquet", "truncated")


def test_a_damaged_parquet_file_is_refused(run: Run, preds: Path) -> None:
    whole = bytearray(preds.read_bytes())
    whole[40:400] = b"\xff" * 360
    preds.write_bytes(bytes(whole))
    check_refused(run("compute", "huber", preds), "preds.parquet", "damaged")


@pytest.mark.parametrize("change", [lambda line: line + ",extra", lambda line: line.rsplit(",", 2)[0]])
def test_a_ragged_csv_row_is_refused_with_its_line(run: Run, preds_csv: Path, change: Callable[[str], str]) -> None:
    lines = preds_csv.read_text().splitlines()
    lines[4] = change(lines[4])
    preds_csv.write_text("\n".join(lines) + "\n")
    check_refused(run("compute", "huber", preds_csv), "preds.csv", "line 5", "where there should be 6")


def test_files_whose_columns_differ_are_refused(run: Run, preds: Path, folder: Path) -> None:
    other = regression()
    other["score"] = other.pop("y_pred")
    path = write_parquet(folder / "other.parquet", other)
    check_refused(run("compute", "huber", preds, path), "other.parquet", "'y_pred'", "preds.parquet")


def test_files_whose_types_differ_are_refused(run: Run, preds: Path, folder: Path) -> None:
    path = write_parquet(folder / "other.parquet", {**regression(), "y_pred": ["a"] * 12})
    check_refused(run("compute", "huber", preds, path), "other.parquet", "'y_pred'", "string", "double")


def test_a_column_named_twice_is_refused(run: Run, folder: Path) -> None:
    (folder / "twice.csv").write_text("y_true,y_pred,y_pred\n1,2,3\n")
    check_refused(run("compute", "huber", "twice.csv"), "twice.csv", "'y_pred'")


def test_a_format_it_does_not_read_is_refused(run: Run, folder: Path) -> None:
    (folder / "preds.xlsx").write_bytes(b"PK")
    check_refused(run("compute", "huber", "preds.xlsx"), "preds.xlsx", ".parquet")


def test_a_file_that_is_not_text_is_refused(run: Run, folder: Path) -> None:
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 8)
    check_refused(run("compute", "huber", "binary.csv"), "binary.csv", "no text")


def test_a_wrong_suffix_does_no_harm(run: Run, preds: Path, folder: Path) -> None:
    (folder / "preds.csv").write_bytes(preds.read_bytes())
    assert run("compute", "huber", "preds.csv", "-q") == run("compute", "huber", preds, "-q")


# ------------------------------------------------------------------------------------------------------------ weights
@pytest.mark.parametrize("name", ["huber", "rmse"])
def test_negative_weights_are_refused(run: Run, folder: Path, name: str) -> None:
    path = write_parquet(folder / "data.parquet", with_last("weight", -0.5))
    check_refused(run("compute", name, path, "--weight", "weight"), "'weight'", ">= 0", "-0.5 in row 12")


@pytest.mark.parametrize("name", ["huber", "rmse"])
def test_weights_that_are_all_zero_are_refused(run: Run, folder: Path, name: str) -> None:
    path = write_parquet(folder / "data.parquet", {**regression(), "weight": np.zeros(12)})
    check_refused(run("compute", name, path, "--weight", "weight"), "'weight'", "sum to 0")


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_a_weight_must_always_be_given(run: Run, folder: Path, missing: str) -> None:
    path = write_parquet(folder / "data.parquet", with_last("weight", np.nan))
    check_refused(run("compute", "huber", path, "--weight", "weight", "--missing", missing), "'weight'", "row 12")


@pytest.mark.parametrize("name", ["mase"])
def test_weights_of_rows_are_refused_where_units_have_one_value(run: Run, preds: Path, name: str) -> None:
    check_refused(run("compute", name, preds, "--weight", "weight"), name, "--weight", "--unit-weight")


def test_weights_of_units_are_refused_where_rows_have_values(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", preds, "--unit-weight", "weight"), "huber", "--weight", "--unit-weight")


def test_a_unit_of_two_weights_is_refused(run: Run, preds: Path) -> None:
    check_refused(run("compute", "rmse", preds, "--unit-weight", "weight", "--group", "unit"), "unit", "--unit-weight")


@pytest.mark.parametrize("option", ["--group", "--id"])
def test_a_key_must_always_be_given(run: Run, folder: Path, option: str) -> None:
    path = write_parquet(folder / "data.parquet", {**regression(), "key": ["a"] * 11 + [None]})
    more = ("--per-row", "rows.csv") if option == "--id" else ()
    check_refused(
        run("compute", "huber" if more else "rmse", path, option, "key", *more, "--missing", "skip"), "'key'", "row 12"
    )
    assert not (folder / "rows.csv").exists()
