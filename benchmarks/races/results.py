"""What was measured, and where it is kept between runs: one entry per race, the newest wins."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Timing:
    """What a runner took: seconds, and the median of its peak memory."""

    median: float
    best: float
    megabytes: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A ratio to the best of the others (or a size) and the target for it; `best` is the ratio of the best times."""

    title: str
    value: float
    best: float | None
    unit: str
    against: str
    limit: float | None
    at_least: bool

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a race; `rows` is 0 where there is no throughput to tell, `notes` say who could not run and why."""

    name: str
    title: str
    rows: int
    scale: float
    timings: Mapping[str, Timing]
    lines: list[Measured]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of a race with the day and the versions it was measured with."""

    outcome: Outcome
    day: str
    versions: str


def load(path: Path) -> dict[str, Kept]:
    """The outcomes kept, by race."""
    if not path.exists():
        return {}
    return {name: _kept(entry) for name, entry in json.loads(path.read_text()).items()}


def save(path: Path, kept: Mapping[str, Kept]) -> None:
    path.write_text(json.dumps({name: asdict(entry) for name, entry in kept.items()}, indent=1))


def _kept(entry: dict[str, Any]) -> Kept:
    told = entry["outcome"]
    timings = {name: Timing(**timing) for name, timing in told["timings"].items()}
    lines = [Measured(**line) for line in told["lines"]]
    return Kept(Outcome(**{**told, "timings": timings, "lines": lines}), entry["day"], entry["versions"])
