"""What stands around the command line: pipes, closed streams, encodings, signals, and names that are no plain text."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support import Outcome, Run, check_refused, command, environment, leftovers, process, python, unread

ROWS = "y_true,y_pred,model\n1,2,a\n3,5,b\n"


@pytest.fixture
def ok(folder: Path) -> Path:
    """A small file whose mean absolute error is 1.5."""
    path = folder / "ok.csv"
    path.write_text(ROWS)
    return path


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


def test_links_in_a_circle_are_refused(run: Run, ok: Path, folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    check_refused(run("compute", "mae", ok, "--output", "a"), "a cannot be written", "circle")
    assert (folder / "a").is_symlink()


def test_a_reader_that_leaves_a_pipe_is_told(run: Run, folder: Path) -> None:
    (folder / "long.csv").write_text("y_true,y_pred\n" + "1,2\n" * 200_000)
    os.mkfifo(folder / "f.csv")
    reader = threading.Thread(target=lambda: (folder / "f.csv").open("rb").close(), daemon=True)
    reader.start()
    check_refused(run("compute", "mae", "long.csv", "--per-row", "f.csv"), "f.csv cannot be written: Broken pipe")


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


# ------------------------------------------------------------------------------------------------ names and encodings
@pytest.fixture
def odd(ok: Path) -> bytes:
    """The same file under a name that is no UTF-8."""
    ok.rename(b"bad\xff.csv".decode(errors="surrogateescape"))
    return b"bad\xff.csv"


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_a_file_name_that_is_no_text_comes_out_escaped(odd: bytes, folder: Path, format: str) -> None:
    line = ("compute", "mae", odd, "--format", format)
    printed = process(*line)
    assert (printed.returncode, printed.stderr) == (0, b"")
    assert process(*line, "--output", "out").returncode == 0
    for text in (printed.stdout.decode(), (folder / "out").read_bytes().decode()):
        assert format == "markdown" or r"bad\udcff.csv" in text
    if format == "json":
        assert json.loads(printed.stdout)["inputs"][0]["path"] == "bad\udcff.csv"


def test_a_folder_name_that_is_no_text_is_an_escaped_label(ok: Path, folder: Path) -> None:
    deep = folder / b"m=\xff".decode(errors="surrogateescape")
    deep.mkdir()
    ok.rename(deep / "ok.csv")
    done = process("compute", "mae", b"m=\xff", "--by", "m", "--per-row", "rows.csv", "--id", "m")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(rb"\udcff") == 2
    assert (folder / "rows.csv").read_text() == '"m","loss"\n"\\udcff",1\n"\\udcff",2\n'


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_stream_that_lacks_a_character_gets_it_escaped(ok: Path, folder: Path, encoding: str) -> None:
    ok.rename(folder / "ü♥😀.csv")
    variables = {**environment(), "PYTHONIOENCODING": encoding}
    for format in ("table", "json", "csv"):
        done = process("compute", "mae", "ü♥😀.csv", "--format", format, env=variables)
        assert (done.returncode, done.stderr) == (0, b"")
        assert r"\u2665\ud83d\ude00.csv" in done.stdout.decode(encoding)
        if format == "json":
            assert json.loads(done.stdout.decode(encoding))["inputs"][0]["path"] == "ü♥😀.csv"
    done = process("compute", "mae", "♥.csv", env=variables)
    assert done.returncode == 2
    assert rb"there is no file \u2665.csv" in done.stderr


RED = "\x1b[31m"


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_control_characters_are_shown_and_not_obeyed(run: Run, folder: Path, format: str) -> None:
    name = f"{RED}.csv"
    (folder / name).write_text(f"y_true,y_pred,{RED}k\n1,2,{RED}label\n3,5,\x9bother\n", encoding="utf-8")
    done = run("compute", "mae", name, "--by", f"{RED}k", "--max", "1", "--format", format)
    assert done.code == 1
    assert not set("\x1b\x9b") & set(done.out + done.err)
    for part in (r"\x1b[31mk", r"\x1b[31mlabel", r"\x9bother"):
        assert part in done.out
    assert "\x1b" not in run("compute", "mae", name, "--dry-run").out


def test_messages_show_control_characters_too(run: Run, ok: Path) -> None:
    said = check_refused(run("compute", "mae", "\x1bc.csv"), r"there is no file \x1bc.csv")
    assert "\x1b" not in said


# ------------------------------------------------------------------------------------------------------ half characters
@pytest.mark.parametrize(
    "options",
    [("--by", "model"), ("--where", "model = 'A'"), ("--per-row", "rows.csv", "--id", "model")],
    ids=lambda options: options[0],
)
@pytest.mark.parametrize("array", [False, True], ids=["lines", "array"])
def test_half_a_character_in_json_is_refused_with_its_line(
    run: Run, folder: Path, options: tuple[str, ...], array: bool
) -> None:
    lines = ['{"y_true":1,"y_pred":2,"model":"A"}', '{"y_true":1,"y_pred":2,"model":"\\ud800"}']
    (folder / "x.json").write_text("[" + ",\n".join(lines) + "]" if array else "\n".join(lines))
    check_refused(run("compute", "mae", "x.json", *options), "x.json, line 2: 'model'", r'"\ud800"', "half a character")
    assert run("compute", "mae", "x.json", "-q").out == "1.0\n"


def test_half_a_character_in_a_list_is_refused_with_its_line(run: Run, folder: Path) -> None:
    (folder / "x.jsonl").write_text('{"t":["a"],"p":["a"]}\n{"t":["\\udfff"],"p":["a"]}\n')
    check_refused(
        run("compute", "jaccard", "x.jsonl", "--target", "t", "--pred", "p"), "line 2: 't'", r'"\udfff"', "Write the"
    )


def test_a_key_with_half_a_character_is_refused_where_it_is_asked_for(run: Run, folder: Path) -> None:
    (folder / "x.jsonl").write_text('{"y_true":1,"y_pred":2,"\\udcff":"A"}\n')
    assert run("compute", "mae", "x.jsonl", "-q").out == "1.0\n"
    check_refused(run("compute", "mae", "x.jsonl", "--by", "\udcff"), r"'\udcff'", "Rename it")


# ------------------------------------------------------------------------------------------------------- closed streams
def test_a_good_run_needs_no_standard_error(ok: Path) -> None:
    done = shell('"$@" 2>&-', "compute", "mae", ok, "-q")
    assert (done.returncode, done.stdout) == (0, b"1.5\n")


@pytest.mark.parametrize("line", [("compute", "mae", "ok.csv", "-q"), ("list",), ("--version",), ("compute", "--help")])
def test_a_closed_standard_output_is_one_message(ok: Path, line: tuple[str, ...]) -> None:
    done = shell('"$@" >&-', *line)
    assert done.returncode == 2
    assert done.stderr.startswith(b"lossctl: the output cannot be written: it is closed.")
    assert done.stderr.count(b"\n") == 1


def test_a_run_that_prints_nothing_needs_no_stream_at_all(ok: Path, folder: Path) -> None:
    assert shell('"$@" <&- >&- 2>&-', "compute", "mae", ok, "--output", "out.txt").returncode == 0
    assert (folder / "out.txt").read_text().startswith("mae on ")


def test_an_error_that_nobody_reads_keeps_its_exit_code(ok: Path) -> None:
    assert shell('"$@" 2>&-', "compute", "mae", "gone.csv").returncode == 2
    assert shell('"$@" 2>&1 >&- | true; exit ${PIPESTATUS[0]}', "compute", "mae", "gone.csv").returncode == 2


@pytest.mark.parametrize("line", [("--help",), ("compute", "--help"), ("compute", "mae", "--help"), ("list", "--help")])
def test_help_into_a_broken_pipe_is_silent(folder: Path, line: tuple[str, ...]) -> None:
    done = unread(*line)
    assert (done.returncode, done.stderr) == (141, b"")


# -------------------------------------------------------------------------------------------------------------- signals
IMPORTING = """
import signal, sys
from lossctl import __main__
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "lossctl.cli.main":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
__main__.entry()
"""


def test_ctrl_c_while_modules_are_imported_ends_cleanly() -> None:
    done = python(IMPORTING, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "lossctl: interrupted\n")


def test_an_ignored_ctrl_c_stays_ignored(ok: Path) -> None:
    done = shell("trap '' INT; \"$@\"", "compute", "mae", ok, "-q")
    assert (done.returncode, done.stdout) == (0, b"1.5\n")


def test_no_copy_of_standard_input_stays(ok: Path, folder: Path) -> None:
    (folder / "temporary").mkdir()
    done = shell('cat ok.csv | "$@"', "compute", "mae", "-", "-q", TMPDIR=str(folder / "temporary"))
    assert (done.returncode, done.stdout) == (0, b"1.5\n")
    assert list((folder / "temporary").iterdir()) == []


# -------------------------------------------------------------------------------------------------------- small matters
@pytest.mark.parametrize("columns", ["0", ""])
def test_a_terminal_without_a_width_shows_help(folder: Path, columns: str) -> None:
    done = process("compute", "--help", env={**environment(), "COLUMNS": columns})
    assert done.returncode == 0
    assert b"Usage: lossctl compute" in done.stdout


def test_an_empty_file_name_is_told_as_such(run: Run, folder: Path) -> None:
    check_refused(run("compute", "mae", ""), "the name of a file is empty", "- for standard input")


def test_a_file_that_begins_with_a_dash_is_pointed_at(run: Run, ok: Path, folder: Path) -> None:
    ok.rename(folder / "-dash.csv")
    check_refused(run("compute", "mae", "-dash.csv"), "mae has no option -dash.csv", "./-dash.csv")
    assert run("compute", "mae", "./-dash.csv", "-q").out == "1.5\n"
    assert "./-" not in check_refused(run("compute", "mae", "-other.csv"), "mae has no option -other.csv")
