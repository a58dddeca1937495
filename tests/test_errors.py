"""Every bad input ends in one message, exit code 2, no traceback and no partial file."""

import errno
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lossctl import outputs
from support import Outcome, command, environment, leftovers, regression, write_csv, write_parquet

Run = Callable[..., Outcome]

# Tests that show a known defect, with what is wrong.
PENDING: dict[str, str] = {}


def check_refused(outcome: Outcome, *said: str) -> str:
    """Check that a command line was refused with one message that says this; the message."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("lossctl: "), outcome.err
    assert outcome.err.count("lossctl: ") == 1
    assert "Traceback" not in outcome.err
    assert "internal error" not in outcome.err
    for part in said:
        assert part in outcome.err, f"{part!r} is not in: {outcome.err}"
    assert leftovers(Path.cwd()) == []
    return outcome.err


def check_usage(outcome: Outcome, *said: str) -> None:
    """The same for mistakes that the parser of options finds, which shows how the command is used."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for part in said:
        assert part in " ".join(outcome.err.split()), f"{part!r} is not in: {outcome.err}"


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
    data = regression()
    data["y_pred"] = [None if row in (3, 7) else value for row, value in enumerate(data["y_pred"])]  # type: ignore[arg-type]
    path = folder / f"gaps.{suffix}"
    write_parquet(path, data) if suffix == "parquet" else write_csv(path, data)
    said = check_refused(run("compute", "huber", path), "'y_pred'", "2 rows", "--missing skip")
    assert "row 4" in said
    assert "8" in said


def test_nan_in_a_float_column_is_missing_too(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "nan.parquet", {**regression(), "y_pred": np.r_[np.full(11, 1.0), np.nan]})
    check_refused(run("compute", "huber", path), "'y_pred'", "1 row", "row 12")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_missing_values_are_skipped_and_counted_where_asked(run: Run, folder: Path, suffix: str) -> None:
    data = regression()
    data["y_pred"] = [None if row in (3, 7) else value for row, value in enumerate(data["y_pred"])]  # type: ignore[arg-type]
    path = folder / f"gaps.{suffix}"
    write_parquet(path, data) if suffix == "parquet" else write_csv(path, data)
    done = run("compute", "huber", path, "--missing", "skip", "--by", "region", "--format", "json")
    assert done.code == 0
    import json

    told = json.loads(done.out)
    assert [(r["rows"], r["skipped"]) for r in told["results"]] == [(10, 2), (4, 0), (3, 1), (3, 1)]
    assert told["results"][0]["details"]["missing"] == {"y_pred": 2}
    assert [(f["code"], f["count"]) for f in told["findings"]] == [("LC101", 2)]


def test_infinity_is_refused(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "inf.parquet", {**regression(), "y_pred": np.r_[np.full(11, 1.0), np.inf]})
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
    path = folder / name
    write_csv(path, empty) if name.endswith("csv") else write_parquet(path, empty)
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
    path = write_parquet(folder / "data.parquet", {**regression(), "weight": np.r_[np.ones(11), -0.5]})
    check_refused(run("compute", name, path, "--weight", "weight"), "'weight'", ">= 0", "-0.5 in row 12")


@pytest.mark.parametrize("name", ["huber", "rmse"])
def test_weights_that_are_all_zero_are_refused(run: Run, folder: Path, name: str) -> None:
    path = write_parquet(folder / "data.parquet", {**regression(), "weight": np.zeros(12)})
    check_refused(run("compute", name, path, "--weight", "weight"), "'weight'", "sum to 0")


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_a_weight_must_always_be_given(run: Run, folder: Path, missing: str) -> None:
    path = write_parquet(folder / "data.parquet", {**regression(), "weight": np.r_[np.ones(11), np.nan]})
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


# --------------------------------------------------------------------------------------------------- losses and options
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "much"])
def test_a_parameter_out_of_range_is_refused_with_its_range(run: Run, preds: Path, value: str) -> None:
    check_refused(run("compute", "huber", preds, f"--delta={value}"), "huber", "--delta", "> 0", value)


def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(run: Run, preds: Path) -> None:
    check_refused(
        run("compute", "nrmse", preds, "--normalizer", "meen"), "--normalizer", "range", "Did you mean 'mean'?"
    )


def test_an_unknown_parameter_gets_a_tip(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", preds, "--detla", "1"), "huber has no option --detla", "'--delta'", "--help")


def test_all_unknown_parameters_are_told_together(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", preds, "--detla", "1", "--tau", "2"), "--detla", "--tau")


def test_an_unknown_loss_gets_a_tip(run: Run, preds: Path) -> None:
    check_refused(run("compute", "hubber", preds), "no loss 'hubber'", "Did you mean 'huber'?", "lossctl list")


def test_an_unknown_loss_inside_an_expression_gets_a_tip(run: Run, preds: Path) -> None:
    check_refused(run("compute", "mse + 0.5*hubber", preds), "no loss 'hubber'", "Did you mean 'huber'?")


@pytest.mark.parametrize("text", ["mse +", "0.5*(mse)", "mse mae", "mse(", "huber(delta)", "2 mse", ""])
def test_an_expression_that_cannot_be_read_is_refused(run: Run, preds: Path, text: str) -> None:
    check_refused(run("compute", text, preds))


def test_an_unknown_reduction_is_refused_with_those_there_are(run: Run, preds: Path) -> None:
    check_refused(
        run("compute", "huber", preds, "--reduction", "men"), "--reduction", "mean-rows", "Did you mean 'mean'?"
    )


@pytest.mark.parametrize("reduction", ["mean-rows", "batchmean", "mean-elements", "sum-elements"])
def test_a_reduction_over_rows_is_refused_where_units_have_one_value(run: Run, preds: Path, reduction: str) -> None:
    check_refused(run("compute", "rmse", preds, "--reduction", reduction), "rmse", reduction)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_threshold_that_is_no_number_is_refused(run: Run, preds: Path, value: str) -> None:
    check_refused(run("compute", "huber", preds, "--max", value), "--max", value)


def test_a_gradient_without_a_place_to_go_is_refused(run: Run, preds: Path) -> None:
    check_refused(run("compute", "huber", preds, "--gradient"), "--gradient", "--per-row")


def test_a_gradient_that_does_not_exist_is_refused(run: Run, preds: Path, folder: Path) -> None:
    check_refused(run("compute", "rmse", preds, "--gradient", "--per-row", "rows.csv"), "rmse has no gradient")
    assert not (folder / "rows.csv").exists()


def test_rows_cannot_be_left_out_between_neighbours(run: Run, preds: Path) -> None:
    check_refused(run("compute", "mase", preds, "--missing", "skip"), "mase", "earlier")


@pytest.mark.parametrize(
    "arguments", [("compute",), ("compute", "huber"), ("guess",), ("compute", "huber", "x", "--threads", "-1")]
)
def test_a_command_line_that_is_not_complete_shows_the_usage(
    run: Run, folder: Path, arguments: tuple[str, ...]
) -> None:
    check_usage(run(*arguments), "Usage: lossctl")


PARSED = [
    (("list", "--nope"), "no such option: --nope.", "lossctl list"),
    (("compute", "huber", "a.csv", "--limit", "few"), "invalid value for '--limit': 'few' is not", "lossctl compute"),
    (("compute", "huber", "a.csv", "--missing", "drop"), "'drop' is not one of 'error', 'skip'.", "lossctl compute"),
    (("compute", "huber"), "missing argument 'FILE...'.", "lossctl compute"),
    (("list", "twice"), "got unexpected extra argument", "lossctl list"),
    (("guess",), "no such command 'guess'.", "lossctl"),
]


@pytest.mark.parametrize(("arguments", "said", "path"), PARSED)
def test_what_the_parser_finds_is_plain_text_in_a_pipe(
    run: Run, folder: Path, arguments: tuple[str, ...], said: str, path: str
) -> None:
    done = run(*arguments)
    check_refused(done, said, f"`{path} --help` says more.")
    assert done.err.isascii()
    first, usage, more = done.err.splitlines()
    assert first.startswith("lossctl: ")
    assert usage.startswith(f"Usage: {path} [OPTIONS]")
    assert more == f"`{path} --help` says more."


def test_an_option_without_its_value_is_plain_text_in_a_pipe(run: Run, preds: Path) -> None:
    done = run("compute", "huber", preds, "--limit")
    assert done == Outcome(
        2, "", "lossctl: option '--limit' requires an argument.\n`lossctl compute --help` says more.\n"
    )


def test_a_command_line_of_nothing_shows_the_help(run: Run) -> None:
    done = run()
    assert (done.code, done.err) == (2, "")
    assert "Usage: lossctl" in done.out


def test_what_the_parser_finds_is_drawn_in_a_terminal(folder: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        command("list", "--nope"), stdout=subprocess.PIPE, stderr=theirs, env={**environment(), "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        while b"\xe2\x95\xaf" not in shown:  # the corner that ends the box
            shown += os.read(ours, 4096)
    os.close(ours)
    assert process.returncode == 2
    assert "No such option" in shown.decode()
    assert "lossctl: " not in shown.decode()


def test_an_unknown_task_is_refused_with_those_there_are(run: Run) -> None:
    check_refused(run("list", "--task", "regresion"), "'regresion'", "Did you mean 'regression'")


def test_info_on_nothing_known_gets_a_tip(run: Run) -> None:
    check_refused(run("info", "hubber"), "'hubber'", "Did you mean 'huber'?")


def test_an_unknown_schema_is_refused(run: Run) -> None:
    check_refused(run("schema", "reprot"), "'reprot'", "Did you mean 'report'?")


# ------------------------------------------------------------------------------------------------------------ outputs
@pytest.mark.parametrize("option", ["--output", "--per-row"])
def test_an_output_in_a_folder_that_is_not_there_is_refused(run: Run, preds: Path, option: str) -> None:
    check_refused(
        run("compute", "huber", preds, option, "nowhere/out.csv"), "nowhere/out.csv", "cannot be written", "no folder"
    )


@pytest.mark.parametrize("option", ["--output", "--per-row"])
def test_an_output_that_is_a_folder_is_refused(run: Run, preds: Path, folder: Path, option: str) -> None:
    (folder / "out.csv").mkdir()
    check_refused(run("compute", "huber", preds, option, "out.csv"), "out.csv", "folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("option", ["--output", "--per-row"])
def test_an_output_without_permission_is_refused(run: Run, preds: Path, folder: Path, option: str) -> None:
    (folder / "locked").mkdir(mode=0o500)
    check_refused(run("compute", "huber", preds, option, "locked/out.csv"), "locked/out.csv", "ermission denied")


def test_an_output_is_refused_before_the_long_work(run: Run, folder: Path) -> None:
    (folder / "late.csv").write_text("y_true,y_pred\n1,oops\n")
    check_refused(run("compute", "huber", "late.csv", "--output", "nowhere/out.json"), "no folder")


@pytest.mark.parametrize("name", ["rows.xlsx", "rows"])
def test_row_values_go_to_known_formats_only(run: Run, preds: Path, folder: Path, name: str) -> None:
    check_refused(run("compute", "huber", preds, "--per-row", name), name, ".parquet, .csv, .jsonl")
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_an_error_in_the_data_leaves_no_row_file(run: Run, folder: Path, name: str) -> None:
    path = write_parquet(
        folder / "nan.parquet", {**regression(), "y_pred": np.r_[np.full(11, 1.0), np.nan]}, rows_per_group=3
    )
    check_refused(run("compute", "huber", path, "--per-row", name))
    assert [entry.name for entry in folder.iterdir()] == ["nan.parquet"]


def test_an_error_leaves_the_earlier_output_as_it_was(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "nan.parquet", {**regression(), "y_pred": np.r_[np.full(11, 1.0), np.nan]})
    for name in ("rows.csv", "report.json"):
        (folder / name).write_text("before")
    check_refused(run("compute", "huber", path, "--per-row", "rows.csv", "--output", "report.json", "--format", "json"))
    assert (folder / "rows.csv").read_text() == "before"
    assert (folder / "report.json").read_text() == "before"


def limited(limit: int) -> Callable[[], None]:
    """Let no file of the process grow beyond so many bytes, as a full disk does."""

    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return apply


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_a_full_disk_while_rows_are_written_leaves_nothing(folder: Path, name: str) -> None:
    data = regression(20_000)
    path = write_parquet(folder / "data.parquet", data, rows_per_group=1000)
    done = subprocess.run(
        command("compute", "huber", path, "--per-row", name),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
        preexec_fn=limited(50_000),
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr == f"lossctl: {name} cannot be written: File too large.\n"
    assert [entry.name for entry in folder.iterdir()] == ["data.parquet"]


class FullDisk:
    """A file on a disk that has no room left."""

    closed = False

    def __init__(self, path: str) -> None:
        Path(path).touch()

    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        """Nothing was taken."""

    def close(self) -> None:
        """Nothing is open."""

    def tell(self) -> int:
        return 0

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("option", [("--per-row", "out.csv"), ("--per-row", "out.jsonl"), ("--output", "out.json")])
def test_no_space_left_is_told_with_the_file(
    run: Run, preds: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]
) -> None:
    monkeypatch.setattr(outputs, "open", lambda path, mode: FullDisk(path), raising=False)
    check_refused(run("compute", "huber", preds, *option), option[1], "No space left on device")
    assert [entry.name for entry in folder.iterdir()] == ["preds.parquet"]
