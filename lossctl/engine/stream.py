"""Whole units as they come: evaluated and let go while they stand together, partitioned on disk where they do not."""

import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO
from zlib import crc32

import numpy as np

from lossctl.engine.block import Kept
from lossctl.engine.gathered import row_tally, unit_values
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan import Plan
from lossctl.engine.units import Units
from lossctl.totals import Tally

# Rows of complete units that are evaluated together, and files that scattered units are spread over.
FLUSH_ROWS = 1 << 16
PARTS = 64


class ScatteredError(Exception):
    """A unit goes on after another one has begun, so that units cannot be let go as they come."""


class Together:
    """Units that stand together: all but the last one seen are complete."""

    def __init__(self, plan: Plan, outcome: Outcome) -> None:
        self._plan, self._outcome = plan, outcome
        self._pending: list[Kept] = []
        self._finished: set[str | None] = set()

    def add(self, kept: Sequence[Kept]) -> None:
        """Take what comes next, and evaluate what is complete."""
        self._pending.extend(kept)
        if sum(block.rows for block in self._pending) < FLUSH_ROWS:
            return
        complete, rest = _before_last_unit(self._pending)
        if complete and _last_label(rest) not in _labels(complete):
            self._evaluate(complete)
            self._pending = rest

    def finish(self) -> None:
        """Evaluate the rest."""
        self._evaluate(self._pending)
        self._pending = []

    def _evaluate(self, kept: list[Kept]) -> None:
        labels = _labels(kept)
        if labels & self._finished:
            raise ScatteredError
        self._finished |= labels
        settle(self._plan, kept, self._outcome)


class Scattered:
    """Units in any order: kept in memory, or beyond `memory` bytes spread over files that hold whole units each."""

    def __init__(self, plan: Plan, outcome: Outcome, memory: int) -> None:
        self._plan, self._outcome, self._memory = plan, outcome, memory
        self._kept: list[Kept] = []
        self._files: list[IO[bytes]] = []
        self._stack = ExitStack()

    def add(self, kept: Sequence[Kept]) -> None:
        """Take what comes next."""
        if self._files:
            self._spread(kept)
            return
        self._kept.extend(kept)
        if self._plan.group and sum(block.bytes for block in self._kept) > self._memory:
            self._files = [self._stack.enter_context(tempfile.TemporaryFile()) for _ in range(PARTS)]  # noqa: SIM115
            self._spread(self._kept)
            self._kept = []

    def finish(self) -> None:
        """Evaluate all units; what later statistics ask of the rows stays in memory."""
        with self._stack:
            for file in self._files:
                settle(self._plan, list(_load(file)), self._outcome)
        if not self._files:
            settle(self._plan, self._kept, self._outcome)
            self._outcome.kept = self._kept

    def _spread(self, kept: Sequence[Kept]) -> None:
        for block in kept:
            assert block.group is not None, "only units of a group are spread"
            part_of = np.array([crc32(str(label).encode()) % PARTS for label in block.group.labels])
            parts = part_of[block.group.codes]
            for part in np.unique(parts).tolist():
                pickle.dump(block.take(np.flatnonzero(parts == part)), self._files[part], pickle.HIGHEST_PROTOCOL)


def _load(file: IO[bytes]) -> Iterator[Kept]:
    file.seek(0)
    while True:
        try:
            yield pickle.load(file)  # written by this process a moment ago
        except EOFError:
            return


def settle(plan: Plan, kept: list[Kept], outcome: Outcome) -> None:
    """Evaluate whole units and merge what they are worth."""
    for index, term in enumerate(plan.terms):
        if term.scope != "group" or not kept:
            continue
        for view in plan.views:
            if term.kernel.unit_valued:
                slices = outcome.units.setdefault((index, view), {})
                for key, units in unit_values(plan, term, view, kept).items():
                    slices.setdefault(key, Units.empty()).extend(units)
            else:
                outcome.tallies.setdefault((index, view), Tally()).add(row_tally(plan, term, view, kept))


def collector(plan: Plan, outcome: Outcome, together: bool) -> Together | Scattered:
    """What takes a plan's units: streaming where they may stand together and nothing else needs their rows."""
    if together:
        return Together(plan, outcome)
    return Scattered(plan, outcome, plan.memory or default_memory())


def default_memory() -> int:
    """Half of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _labels(kept: Sequence[Kept]) -> set[str | None]:
    return {
        block.group.labels[code] for block in kept if block.group is not None for code in np.unique(block.group.codes)
    }


def _last_label(kept: Sequence[Kept]) -> str | None:
    group = kept[-1].group
    assert group is not None, "units of a group are streamed"
    return group.labels[int(group.codes[-1])]


def _before_last_unit(kept: Sequence[Kept]) -> tuple[list[Kept], list[Kept]]:
    """Blocks cut where the last unit begins."""
    label = _last_label(kept)
    for index in range(len(kept) - 1, -1, -1):
        block = kept[index]
        assert block.group is not None, "units of a group are streamed"
        same = np.array([name == label for name in block.group.labels], dtype=bool)[block.group.codes]
        others = np.flatnonzero(~same)
        if len(others):
            cut = int(others[-1]) + 1
            before = [*kept[:index], block.take(slice(0, cut))]
            after = [block.take(slice(cut, block.rows))] if cut < block.rows else []
            return before, [*after, *kept[index + 1 :]]
    return [], list(kept)
