"""Bad options, and outputs that cannot be written, end in one message, exit code 2, and no partial file."""

import errno
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lossctl.reports import outputs
from support import (
    Outcome,
    Run,
    check_refused,
    check_usage,
    command,
    environment,
    process,
    regression,
    with_last,
    write_parquet,
)


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
    path = write_parquet(folder / "nan.parquet", with_last("y_pred", np.nan), rows_per_group=3)
    check_refused(run("compute", "huber", path, "--per-row", name))
    assert [entry.name for entry in folder.iterdir()] == ["nan.parquet"]


def test_an_error_leaves_the_earlier_output_as_it_was(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "nan.parquet", with_last("y_pred", np.nan))
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
    done = process("compute", "huber", path, "--per-row", name, text=True, preexec_fn=limited(50_000))
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
