"""What stands around the command line: pipes, closed streams, encodings, signals, and names that are no plain text."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support import Outcome, check_refused, command, environment, leftovers

Run = Callable[..., Outcome]
ROWS = "y_true,y_pred,model\n1,2,a\n3,5,b\n"


@pytest.fixture
def ok(folder: Path) -> Path:
    """A small file whose mean absolute error is 1.5."""
    path = folder / "ok.csv"
    path.write_text(ROWS)
    return path


def lossctl(*arguments: object, **options: object) -> "subprocess.CompletedProcess[bytes]":
    """A command line as a process, and the bytes it writes."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **options}
    line = [argument if isinstance(argument, bytes) else str(argument) for argument in arguments]
    return subprocess.run([*command(), *line], timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


def shell(script: str, *arguments: object, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """A line of the shell, in which "$@" is a command line."""
    line = ["bash", "-c", script, "bash", *command(*arguments)]
    return subprocess.run(line, capture_output=True, timeout=60, check=False, env={**environment(), **variables})


# ------------------------------------------------------------------------------------------------------ special outputs
def read_from(pipe: Path, work: Callable[[], Outcome]) -> tuple[Outcome, bytes]:
    """What comes out of a named pipe while work is done."""
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    os.mkfifo(pipe)
    reader.start()
    done = work()
    reader.join(10)
    return done, b"".join(got)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("f", ("--output", "f", "--format", "json"), b'"lossctl.report/1"'),
        ("f", ("--export", "markdown=f"), b"| loss |"),
        ("f.csv", ("--per-row", "f.csv"), b'"row","loss"\n1,1\n2,2\n'),
        ("f.jsonl", ("--per-row", "f.jsonl"), b'{"row": 1, "loss": 1.0}\n{"row": 2, "loss": 2.0}\n'),
    ],
)
def test_a_pipe_is_written_to_and_stays_a_pipe(
    run: Run, ok: Path, folder: Path, name: str, options: tuple[str, ...], said: bytes
) -> None:
    done, got = read_from(folder / name, lambda: run("compute", "mae", ok, *options))
    assert done.code == 0, done
    assert said in got
    assert (folder / name).is_fifo()
    assert leftovers(folder) == []


def test_parquet_into_a_pipe_is_refused_without_waiting_for_a_reader(run: Run, ok: Path, folder: Path) -> None:
    os.mkfifo(folder / "f.parquet")
    check_refused(run("compute", "mae", ok, "--per-row", "f.parquet"), "f.parquet", "pipe", ".csv or .jsonl")
    assert (folder / "f.parquet").is_fifo()


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing yet"])
def test_a_link_is_followed_and_stays_a_link(run: Run, ok: Path, folder: Path, there: bool) -> None:
    (folder / "deep").mkdir()
    target = folder / "deep" / "real.csv"
    if there:
        target.write_text("before")
    (folder / "link.csv").symlink_to(target)
    assert run("compute", "mae", ok, "--per-row", "link.csv").code == 0
    assert (folder / "link.csv").is_symlink()
    assert target.read_text() == '"row","loss"\n1,1\n2,2\n'
    assert leftovers(folder / "deep") == []


def test_a_link_into_no_folder_is_refused(run: Run, ok: Path, folder: Path) -> None:
    (folder / "link.csv").symlink_to("nowhere/real.csv")
    check_refused(run("compute", "mae", ok, "--output", "link.csv"), "link.csv", "no folder", "nowhere")


def test_standard_output_can_be_named_as_the_output_wherever_it_goes(ok: Path, folder: Path) -> None:
    line = ("compute", "mae", ok, "--output", "/dev/stdout", "--format", "csv")
    assert shell('"$@" | cat', *line).stdout.startswith(b"spec,data,")
    done = shell('(echo before; "$@"; echo after) > all.txt', *line)
    assert done.stderr == b""
    text = (folder / "all.txt").read_text()
    assert text.startswith("before\nspec,data,")
    assert text.endswith("\nafter\n")


def test_an_output_without_a_name_is_refused_before_the_work(run: Run, folder: Path) -> None:
    (folder / "bad.csv").write_text("y_true,y_pred\n1,oops\n")
    check_refused(run("compute", "mae", "bad.csv", "--output", ""), "the name of a file to write is empty")
