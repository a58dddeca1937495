"""Reading ahead: the same items, errors where they are taken, nothing left running."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lossctl
from lossctl.engine import piece
from lossctl.engine.plan.planner import planned
from lossctl.engine.plan.request import Request
from lossctl.engine.threads import AHEAD, run
from lossctl.sources.ahead import ahead
from support import write_parquet


def test_items_come_in_order() -> None:
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter([]))) == []


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    taken = []
    with pytest.raises(OSError, match="no more"):
        taken.extend(ahead(broken()))
    found = ahead(broken())
    assert next(found) == 1
    with pytest.raises(OSError, match="no more"):
        next(found)


def test_whoever_stops_early_ends_the_reading() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    found = ahead(endless())
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    assert closed.wait(5)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_one_row_group_gives_the_same_digits_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece, "WORTHWHILE", 0)
    rng = np.random.default_rng(1)
    path = write_parquet(tmp_path / "a.parquet", {"target": rng.normal(size=300_000), "pred": rng.normal(size=300_000)})
    found = {lossctl.compute("huber", path, threads=threads).value for threads in (1, 2, 3)}
    assert len(found) == 1
    limited = {lossctl.compute("huber", path, threads=threads, limit=1000).value for threads in (1, 2)}
    assert len(limited) == 1


def test_no_thread_waits_for_one_who_has_failed(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    columns = {"target": rng.normal(size=8_000_000), "pred": rng.normal(size=8_000_000)}
    path = write_parquet(tmp_path / "a.parquet", columns, rows_per_group=1 << 19)
    work = planned((Request("mse", (str(path),)),))
    before = threading.active_count()

    def fail(size: int) -> None:
        raise OSError("no more")

    with pytest.raises(OSError, match="no more") as caught:
        run(work.scan, work.ask, 2, None, fail)
    assert len(work.scan.pieces) > 2 * AHEAD
    assert caught.value.__traceback__ is not None  # which holds on to the frames of the run
    assert threading.active_count() == before
