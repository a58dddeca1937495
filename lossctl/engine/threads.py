"""One machine: threads take pieces in the order of the data, and the caller's thread merges them in that order."""

import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from typing import Protocol

import numpy as np

from lossctl.engine.block import Held, PieceResult, RowValues
from lossctl.engine.outcome import Outcome
from lossctl.engine.piece import run_piece
from lossctl.engine.plan.plan import Ask, Scan, Wanted

# Pieces in hand per thread, so that none waits for the merging; it bounds the memory of row outputs.
AHEAD = 2


class Collector(Protocol):
    """What takes the rows of units that must be evaluated whole."""

    def add(self, held: Sequence[Held]) -> None:
        """Take what comes next in the data."""

    def finish(self) -> None:
        """Evaluate what is left."""


Sink = Callable[[int, RowValues], None]
Progress = Callable[[int], None]


def run(
    scan: Scan, wanted: Wanted, threads: int = 0, sink: Sink | None = None, progress: Progress | None = None
) -> Outcome:
    """What is wanted of the rows; `sink` takes row values, with the number of rows before their piece, in order."""
    _keep_memory()
    if not isinstance(wanted, Ask) or not any(term.scope == "group" for term in wanted.terms):
        return _run(scan, wanted, threads, sink, progress, None)
    from lossctl.engine.whole.budget import check_dataset
    from lossctl.engine.whole.stream import ScatteredError, collector

    check_dataset(scan, wanted)
    if wanted.group and not wanted.hold and not wanted.observe:
        try:
            return _run(scan, wanted, threads, sink, progress, partial(collector, together=True))
        except ScatteredError:
            pass  # the units are read again, to be held until all of them are whole
    return _run(scan, wanted, threads, sink, progress, partial(collector, together=False))


def _run(
    scan: Scan,
    wanted: Wanted,
    threads: int,
    sink: Sink | None,
    progress: Progress | None,
    collector: Callable[..., Collector] | None,
) -> Outcome:
    outcome = Outcome([0] * len(scan.sources))
    units = collector(scan, wanted, outcome) if collector else None
    cores = threads or os.cpu_count() or 1
    workers = 1 if scan.sequential else min(cores, len(scan.pieces))
    found = _ahead(scan, wanted, workers, cores > workers) if workers > 1 else _in_turn(scan, wanted, cores > 1)
    with closing(found) as results:  # whatever happens here, no thread is left waiting
        for piece, result in zip(scan.pieces, results, strict=False):
            if sink is not None:
                for values in result.values:
                    sink(sum(outcome.file_rows[: piece.file]) + outcome.before(piece), values)
            outcome.add(piece, result)
            if units is not None and not outcome.faults:
                units.add(result.held)
            if progress is not None:
                progress(piece.size)
    if units is not None and not outcome.faults:
        units.finish()
    return outcome


def _keep_memory() -> None:
    """Let the allocator keep what blocks free: one large array, freed at once, moves a threshold of glibc's.

    Without it every temporary of a block is mapped anew, and page faults cost more than the arithmetic.
    """
    # glibc maps what is above its threshold, and gives it back when it is freed; a freed mapping raises the threshold
    # to its own size if that is not above 32 MB (M_MMAP_THRESHOLD in mallopt(3)): hence just below. No page is touched.
    np.empty((1 << 22) - 4096)


def _in_turn(scan: Scan, wanted: Wanted, spare: bool) -> Generator[PieceResult, None, None]:
    """The results of a plan's pieces one by one; with a limit, until it is reached."""
    rows = used = 0
    for piece in scan.pieces:
        limit = None if scan.limit is None else scan.limit - used
        if limit == 0:
            return
        result = run_piece(scan._replace(limit=limit), wanted, piece, before=rows, spare=spare)
        rows, used = rows + result.rows, used + result.used
        yield result


def _ahead(scan: Scan, wanted: Wanted, workers: int, spare: bool) -> Generator[PieceResult, None, None]:
    """The results of a plan's pieces in order, computed ahead by threads."""
    done: dict[int, PieceResult | BaseException] = {}
    changed, stop = threading.Condition(), threading.Event()
    begun = given = 0

    def work() -> None:
        nonlocal begun
        while True:
            with changed:
                while begun - given >= workers * AHEAD and not stop.is_set():
                    changed.wait()
                if stop.is_set() or begun == len(scan.pieces):
                    return
                at, begun = begun, begun + 1
            result: PieceResult | BaseException
            try:
                result = run_piece(scan, wanted, scan.pieces[at], stop.is_set, 0, spare)
            except BaseException as error:  # raised again in the caller's thread
                result = error
            with changed:
                done[at] = result
                changed.notify_all()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    try:
        for thread in threads:
            thread.start()
        for at in range(len(scan.pieces)):
            with changed:
                while at not in done:
                    changed.wait()
                result, given = done.pop(at), at + 1
                changed.notify_all()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        with changed:
            stop.set()
            changed.notify_all()
        for thread in threads:
            thread.join()
