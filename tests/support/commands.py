"""The command line of the tests: in this process, in one of its own, and what is checked of how it ended."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lossctl.errors import LossctlError
from support.files import ROOT, leftovers


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command line ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]  # the fixture `run`


# ------------------------------------------------------------------------------------------------------------ processes
def command(*arguments: object) -> list[str]:
    """A command line of lossctl as a process."""
    return [sys.executable, "-m", "lossctl", *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of processes: the same whatever the terminal of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOSSCTL_", "COLUMNS"))}


def process(*arguments: object, **options: object) -> "subprocess.CompletedProcess[Any]":
    """A command line in a process of its own; what it writes are bytes, or texts with `text=True`."""
    line = [argument if isinstance(argument, bytes) else str(argument) for argument in arguments]
    return _ended([*command(), *line], {"env": environment(), **options})


def python(code: str, *arguments: str, **options: object) -> "subprocess.CompletedProcess[Any]":
    """A fresh interpreter; what it writes are texts, or bytes with `text=False`."""
    return _ended([sys.executable, "-c", code, *arguments], {"text": True, **options})


def _ended(line: Sequence[str | bytes], options: Mapping[str, object]) -> "subprocess.CompletedProcess[Any]":
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run(line, check=False, **given)  # type: ignore[call-overload,no-any-return]


def unread(*arguments: object, **options: object) -> "subprocess.CompletedProcess[Any]":
    """A command line into a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return process(*arguments, stdout=writer, **options)
    finally:
        os.close(writer)


# -------------------------------------------------------------------------------------------------------------- reports
SCHEMA = json.loads((ROOT / "lossctl" / "api" / "schemas" / "report.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def report(outcome: Outcome, code: int = 0) -> dict[str, Any]:
    """The JSON report of a command line, once it is valid."""
    assert outcome.code == code, outcome
    told = json.loads(outcome.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    VALIDATOR.validate(told)
    return told  # type: ignore[no-any-return]


def reported(run: Run, *arguments: object, code: int = 0) -> dict[str, Any]:
    """The report of a command line that is run in this process."""
    return report(run(*arguments, "--format", "json"), code)


def values(told: dict[str, Any]) -> list[float | None]:
    """The values of a report."""
    return [result["value"] for result in told["results"]]


# ------------------------------------------------------------------------------------------------------------- refusals
def refused(action: Callable[[], object], *said: str, kind: type[LossctlError] = LossctlError) -> str:
    """The message of the error that an action ends with; it says all these words."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    assert caught.value.exit_code == 2, message
    for part in said:
        assert part in message, f"{part!r} is not in: {message}"
    return message


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
