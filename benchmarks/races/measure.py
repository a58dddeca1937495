"""Processes in turn: each runner once per round, its time, its peak memory, and that its value is the same work's."""

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from races.results import Measured, Outcome, Timing
from races.works import Line, Race, Runner

TOLERANCE = 1e-9
MEGABYTE = 1 << 20
# Linux tells kilobytes, macOS bytes.
RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10

# What the caller's shell says to Python (not to keep bytecode, say) must not decide; compiling anew costs 0.1 s.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name == "PYTHONPATH" or not name.startswith(("PYTHON", "LOSSCTL_", "COLUMNS"))
}

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One process that has ended."""

    seconds: float
    megabytes: float
    out: str
    error: str

    @property
    def values(self) -> list[float]:
        return [float(word) for word in self.out.split()]


@dataclass(slots=True)
class Samples:
    """The timed processes of a runner."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        self.seconds.append(sample.seconds)
        self.megabytes.append(sample.megabytes)

    def timing(self) -> Timing:
        return Timing(
            statistics.median(self.seconds), min(self.seconds), statistics.median(self.megabytes), len(self.seconds)
        )


class WrongValueError(Exception):
    """A runner did other work than the others."""


def run(runner: Runner) -> Sample:
    """Run a process to its end. Our own memory is the floor of its peak, so this program imports next to nothing."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        files = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
        start = time.perf_counter()
        process = os.posix_spawn(runner.command[0], runner.command, ENVIRONMENT, file_actions=files)
        _, status, usage = os.wait4(process, 0)
        seconds = time.perf_counter() - start
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().strip())
    error = ""
    if os.waitstatus_to_exitcode(status):
        error = texts[1].splitlines()[-1] if texts[1] else f"it ended with status {os.waitstatus_to_exitcode(status)}"
    elif runner.inside:
        texts[0], _, told = texts[0].rpartition("\n")
        seconds = float(told)
    return Sample(seconds, usage.ru_maxrss * RSS_UNIT / MEGABYTE, texts[0], error)


def hold(race: Race, rounds: int, scale: float, report: Report) -> Outcome:
    """Run a race: an untimed round that fills the page cache and compares values, then the timed ones."""
    notes: list[str] = []
    able, agreed = _agreeing(race, notes, report)
    ours = race.runners[0].name
    if ours not in {runner.name for runner in able}:
        notes.append(f"{agreed} of {len(race.runners) - 1} peers ran and agree with each other; nothing was timed.")
        return Outcome(race.name, race.title, race.rows, scale, {}, [], notes)
    samples = {runner.name: Samples() for runner in able}
    for number, runner in _turns(able, rounds * race.repeat):
        report(f"{race.name}: round {number} of {rounds * race.repeat}, {runner.name}")
        sample = run(runner)
        if sample.error:
            raise WrongValueError(f"{race.name}: {runner.name} failed in round {number}: {sample.error}")
        samples[runner.name].add(sample)
    timings = {name: found.timing() for name, found in samples.items()}
    lines = [measured for line in race.lines if (measured := _line(line, timings)) is not None]
    return Outcome(race.name, race.title, race.rows, scale, timings, lines, notes)


def _turns(runners: Sequence[Runner], rounds: int) -> Iterator[tuple[int, Runner]]:
    """A B C A B C: what disturbs the machine for a while disturbs all of them."""
    return ((number, runner) for number in range(1, rounds + 1) for runner in runners)


def _agreeing(race: Race, notes: list[str], report: Report) -> tuple[list[Runner], int]:
    """The runners that can do the work, and how many peers' values were compared; one that differs ends the race."""
    able: list[Runner] = []
    reference: tuple[str, list[float]] | None = None
    peers = 0
    for runner in race.runners:
        report(f"{race.name}: first run, {runner.name}")
        sample = run(runner)
        if sample.error:
            notes.append(f"{runner.name}: {sample.error}")
            continue
        able.append(runner)
        if not runner.checked:
            continue
        if reference is None:
            reference = runner.name, sample.values
        elif not same(reference[1], sample.values):
            raise WrongValueError(
                f"{race.name}: {runner.name} found {brief(sample.values)} and {reference[0]} {brief(reference[1])}"
            )
        peers += runner is not race.runners[0]
    return able, peers


def same(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two runners found the same values."""
    return len(first) == len(second) > 0 and all(
        math.isclose(here, there, rel_tol=TOLERANCE) for here, there in zip(first, second, strict=True)
    )


def brief(values: Sequence[float]) -> str:
    return ", ".join(map(repr, values[:3])) + (f" ... ({len(values)} values)" if len(values) > 3 else "")


def _line(line: Line, timings: dict[str, Timing]) -> Measured | None:
    """A line of the table of ratios; none where its runners did not run."""
    others = {name: timings[name] for name in line.others if name in timings}
    if line.ours not in timings or (line.others and not others):
        return None
    ours = timings[line.ours]
    if line.quantity == "memory":
        if not others:
            return Measured(line.title, ours.megabytes, None, "MB", "", line.limit, line.at_least)
        least = min(others, key=lambda name: others[name].megabytes)
        ratio = ours.megabytes / others[least].megabytes
        return Measured(line.title, ratio, None, "x", least, line.limit, line.at_least)
    fastest = min(others, key=lambda name: others[name].median)
    ratio, best = ours.median / others[fastest].median, ours.best / min(other.best for other in others.values())
    return Measured(line.title, ratio, best, "x", fastest, line.limit, line.at_least)
