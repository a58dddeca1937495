"""The command line: how it ends when it is interrupted or breaks; and the plain functions of Python."""

import math
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import lossctl
from support import Run, command, environment, process, python, unread, write_parquet


@pytest.fixture
def long_work(folder: Path) -> Path:
    """A file whose row values take seconds to write as JSON Lines."""
    rows = 1_000_000
    target = np.random.default_rng(1).normal(size=rows)
    return write_parquet(folder / "big.parquet", {"y_true": target, "y_pred": target + 1.0}, rows_per_group=20_000)


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize(
    ("sent", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_run_that_is_stopped_ends_cleanly(
    long_work: Path, folder: Path, threads: str, sent: signal.Signals, code: int, said: str
) -> None:
    process = subprocess.Popen(
        command("compute", "huber", long_work, "--per-row", "rows.jsonl", "--threads", threads),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size > 100_000 for path in folder.glob("rows.jsonl.*")):
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == ""
    assert err == f"lossctl: {said}\n"
    assert [path.name for path in folder.iterdir()] == ["big.parquet"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--format", "json"),
        ("info", "huber"),
        ("schema",),
        ("--version",),
        ("compute", "huber", "preds.parquet"),
        ("compute", "huber", "preds.parquet", "-q"),
        ("compute", "huber", "preds.parquet", "--format", "json"),
    ],
    ids=" ".join,
)
def test_a_broken_pipe_is_silent(preds: Path, arguments: tuple[str, ...]) -> None:
    done = unread(*arguments)
    assert done.stderr == b""
    assert done.returncode == 141


def test_the_progress_bar_stays_out_of_pipes(preds: Path) -> None:
    done = process("compute", "huber", preds)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_device_under_the_output_is_one_message(preds: Path) -> None:
    with open("/dev/full", "w") as full:
        done = process("compute", "huber", preds, stdout=full, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("lossctl: the output cannot be written: No space left on device.")


def test_debug_shows_the_traceback(folder: Path) -> None:
    line = ("compute", "huber", "nothing.csv", "--debug")
    done = python("from lossctl.cli.main import main; main()", *line, env=environment())
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "DataError" in done.stderr


def test_a_defect_of_ours_exits_with_3(run: Run, preds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("lossctl.api.run.planned", broken)
    done = run("compute", "huber", preds)
    assert done.code == 3
    assert done.err.startswith("lossctl: internal error (ZeroDivisionError: by nothing).")
    assert "--debug" in done.err


# --------------------------------------------------------------------------------------------------------------- Python
def test_the_plain_function_returns_row_values() -> None:
    found = lossctl.losses.huber([3.0, 2.0], [2.5, 5.0], delta=1.0)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [0.125, 2.5]


def test_the_plain_function_of_a_set_returns_one_number() -> None:
    assert lossctl.losses.rmse([3.0, 2.0], [2.0, 2.0]) == math.sqrt(0.5)


def test_the_plain_function_checks_its_parameters() -> None:
    with pytest.raises(lossctl.LossctlError, match=r"huber: --delta must be a number > 0, not -1\."):
        lossctl.losses.huber([1.0], [2.0], delta=-1)
    with pytest.raises(lossctl.LossctlError, match=r"Did you mean 'delta'\?"):
        lossctl.losses.huber([1.0], [2.0], detla=1)
    with pytest.raises(lossctl.LossctlError, match="one length"):
        lossctl.losses.huber([1.0, 2.0], [2.0])


def test_compute_takes_paths_of_any_kind_and_several(preds: Path, folder: Path) -> None:
    assert lossctl.compute("huber", str(preds)).value == lossctl.compute("huber", preds).value
    copied = shutil.copy(preds, folder / "copied.parquet")
    both = lossctl.compute("huber", [preds, str(copied)])
    assert both.results[0].rows == 24


def test_the_package_lists_its_public_names() -> None:
    assert set(lossctl.__all__) >= {"compute", "losses", "LossctlError", "Report", "loss", "Loss"}
    for name in lossctl.__all__:
        assert getattr(lossctl, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = lossctl.nothing
