"""Whole units as they come: evaluated and let go while they stand together, partitioned on disk where they do not."""

import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO
from zlib import crc32

import numpy as np

from lossctl.arithmetic.tally import Tally
from lossctl.engine.block import Held
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan.plan import Ask, Scan
from lossctl.engine.units import Units
from lossctl.engine.whole.budget import check_held
from lossctl.engine.whole.gather import row_tallies, unit_values

# Rows of complete units that are evaluated together, and files that scattered units are spread over.
FLUSH_ROWS = 1 << 16
PARTS = 64
DIGITS = PARTS**4  # beyond it hashes say no more


class ScatteredError(Exception):
    """A unit goes on after another one has begun, so that units cannot be let go as they come."""


class Together:
    """Units that stand together: all but the last one seen are complete."""

    def __init__(self, scan: Scan, ask: Ask, outcome: Outcome) -> None:
        self._scan, self._ask, self._outcome = scan, ask, outcome
        self._memory = ask.memory or default_memory()
        self._pending: list[Held] = []
        self._finished: set[str | None] = set()

    def add(self, held: Sequence[Held]) -> None:
        """Take what comes next, and evaluate what is complete."""
        self._pending.extend(held)
        full = sum(block.bytes for block in self._pending) > self._memory
        if not full and sum(block.rows for block in self._pending) < FLUSH_ROWS:
            return
        complete, rest = _before_last_unit(self._pending)
        if complete and _last_label(rest) not in _labels(complete):
            self._evaluate(complete)
            self._pending = rest
        elif complete and full:
            raise ScatteredError
        check_held(self._scan, self._ask, self._pending)

    def finish(self) -> None:
        """Evaluate the rest."""
        self._evaluate(self._pending)
        self._pending = []

    def _evaluate(self, held: list[Held]) -> None:
        labels = _labels(held)
        if labels & self._finished:
            raise ScatteredError
        self._finished |= labels
        check_held(self._scan, self._ask, held)
        settle(self._ask, held, self._outcome)


@dataclass(slots=True)
class Part:
    """Units on disk: the memory they will take, and their names as far as there are two."""

    file: IO[bytes]
    bytes: int = 0
    units: set[str | None] = field(default_factory=set)


class Scattered:
    """Units in any order: held in memory, or beyond `memory` bytes spread over files that hold whole units each."""

    def __init__(self, scan: Scan, ask: Ask, outcome: Outcome) -> None:
        self._scan, self._ask, self._outcome = scan, ask, outcome
        self._memory = ask.memory or default_memory()
        self._kept: list[Held] = []
        self._parts: list[Part] = []
        self._stack = ExitStack()

    def add(self, held: Sequence[Held]) -> None:
        """Take what comes next."""
        if self._parts:
            _spread(held, self._parts, 1)
            return
        self._kept.extend(held)
        if not self._ask.group or self._ask.hold or self._ask.observe:
            check_held(self._scan, self._ask, self._kept, ahead=True)
        elif sum(block.bytes for block in self._kept) > self._memory:
            self._parts = _opened(self._stack)
            _spread(self._kept, self._parts, 1)
            self._kept = []

    def finish(self) -> None:
        """Evaluate all units; what later statistics ask of the rows stays in memory."""
        with self._stack:
            for part in self._parts:
                self._settle(part, PARTS)
        if not self._parts:
            settle(self._ask, self._kept, self._outcome)
            self._outcome.held = self._kept

    def _settle(self, part: Part, divisor: int) -> None:
        """Evaluate the units of a part; several that are larger than the memory are spread again."""
        if part.bytes <= self._memory or len(part.units) == 1 or divisor > DIGITS:
            held = list(_load(part.file))
            check_held(self._scan, self._ask, held)
            settle(self._ask, held, self._outcome)
            return
        with ExitStack() as stack:
            parts = _opened(stack)
            for block in _load(part.file):
                _spread([block], parts, divisor)
            for smaller in parts:
                self._settle(smaller, divisor * PARTS)


def _opened(stack: ExitStack) -> list[Part]:
    return [Part(stack.enter_context(tempfile.TemporaryFile())) for _ in range(PARTS)]


def _spread(held: Sequence[Held], parts: Sequence[Part], divisor: int) -> None:
    """Write blocks to parts by a digit of their units' hashes."""
    for block in held:
        assert block.group is not None, "only units of a group are spread"
        part_of = np.array([crc32(str(label).encode()) // divisor % PARTS for label in block.group.labels])
        digits = part_of[block.group.codes]
        for digit in np.unique(digits).tolist():
            some, part = block.take(np.flatnonzero(digits == digit)), parts[digit]
            pickle.dump(some, part.file, pickle.HIGHEST_PROTOCOL)
            part.bytes += some.bytes
            if len(part.units) < 2:
                part.units |= _labels([some])


def _load(file: IO[bytes]) -> Iterator[Held]:
    file.seek(0)
    while True:
        try:
            yield pickle.load(file)  # written by this process a moment ago
        except EOFError:
            return


def settle(ask: Ask, held: list[Held], outcome: Outcome) -> None:
    """Evaluate whole units and merge what they are worth."""
    for index, term in enumerate(ask.terms):
        if term.scope != "group" or not held:
            continue
        for view in ask.views:
            if term.kernel.unit_valued:
                slices = outcome.units.setdefault((index, view), {})
                for key, units in unit_values(ask, term, view, held).items():
                    slices.setdefault(key, Units.empty()).extend(units)
            else:
                found = row_tallies(ask, term, view, held)
                for tallies, tally in zip((outcome.tallies, outcome.findings, outcome.details), found, strict=True):
                    tallies.setdefault((index, view), Tally()).add(tally)


def collector(scan: Scan, ask: Ask, outcome: Outcome, together: bool) -> Together | Scattered:
    """What takes the rows of units: streaming where they may stand together and nothing else needs their rows."""
    if together:
        return Together(scan, ask, outcome)
    return Scattered(scan, ask, outcome)


def default_memory() -> int:
    """Half of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _labels(held: Sequence[Held]) -> set[str | None]:
    return {
        block.group.labels[code] for block in held if block.group is not None for code in np.unique(block.group.codes)
    }


def _last_label(held: Sequence[Held]) -> str | None:
    group = held[-1].group
    assert group is not None, "units of a group are streamed"
    return group.labels[int(group.codes[-1])]


def _before_last_unit(held: Sequence[Held]) -> tuple[list[Held], list[Held]]:
    """Blocks cut where the last unit begins."""
    label = _last_label(held)
    for index in range(len(held) - 1, -1, -1):
        block = held[index]
        assert block.group is not None, "units of a group are streamed"
        same = np.array([name == label for name in block.group.labels], dtype=bool)[block.group.codes]
        others = np.flatnonzero(~same)
        if len(others):
            cut = int(others[-1]) + 1
            before = [*held[:index], block.take(slice(0, cut))]
            after = [block.take(slice(cut, block.rows))] if cut < block.rows else []
            return before, [*after, *held[index + 1 :]]
    return [], list(held)
