"""One machine: threads take pieces in the order of the data, and the caller's thread merges them in that order."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from lossctl.columns import Faults
from lossctl.engine.block import Kept, PieceResult, RowValues, clean, select
from lossctl.engine.outcome import Outcome
from lossctl.engine.piece import recut, run_piece
from lossctl.engine.plan import Plan, Term
from lossctl.kernel import pivots
from lossctl.mapping import Binding
from lossctl.roles import Array
from lossctl.sources import Reading

# Pieces in hand per thread, so that none waits for the merging; it bounds the memory of row outputs.
AHEAD = 2


class Collector(Protocol):
    """What takes the rows of units that must be evaluated whole."""

    def add(self, kept: Sequence[Kept]) -> None:
        """Take what comes next in the data."""

    def finish(self) -> None:
        """Evaluate what is left."""


Sink = Callable[[int, RowValues], None]
Progress = Callable[[int], None]


def run(plan: Plan, threads: int = 0, sink: Sink | None = None, progress: Progress | None = None) -> Outcome:
    """Evaluate a plan; `sink` receives row values with the number of rows before their piece, in order."""
    _keep_memory()
    if not any(term.scope == "group" for term in plan.terms):
        return _run(plan, threads, sink, progress, None)
    from lossctl.engine.stream import ScatteredError, collector

    if plan.group and not plan.keep_rows and plan.observe is None:
        try:
            return _run(plan, threads, sink, progress, partial(collector, together=True))
        except ScatteredError:
            pass  # the units are read again, to be kept until all of them are whole
    return _run(plan, threads, sink, progress, partial(collector, together=False))


def _run(
    plan: Plan, threads: int, sink: Sink | None, progress: Progress | None, collector: Callable[..., Collector] | None
) -> Outcome:
    outcome = Outcome([0] * len(plan.sources))
    units = collector(plan, outcome) if collector else None
    workers = 1 if plan.sequential else min(threads or os.cpu_count() or 1, len(plan.pieces))
    results = _ahead(plan, workers) if workers > 1 else _in_turn(plan)
    for piece, result in zip(plan.pieces, results, strict=False):
        if sink is not None:
            for values in result.values:
                sink(sum(outcome.file_rows[: piece.file]) + outcome.before(piece), values)
        outcome.add(piece, result)
        if units is not None and not outcome.faults:
            units.add(result.kept)
        if progress is not None:
            progress(piece.size)
    if units is not None and not outcome.faults:
        units.finish()
    return outcome


def _keep_memory() -> None:
    """Let the allocator keep what blocks free: one large array freed raises its threshold for giving memory back.

    Without it every temporary of a block is mapped anew, and page faults cost more than the arithmetic.
    """
    np.empty((1 << 22) - 4096)


def _in_turn(plan: Plan) -> Iterator[PieceResult]:
    """The results of a plan's pieces one by one; with a limit, until it is reached."""
    rows = used = 0
    for piece in plan.pieces:
        limit = None if plan.limit is None else plan.limit - used
        if limit == 0:
            return
        result = run_piece(plan._replace(limit=limit), piece, before=rows)
        rows, used = rows + result.rows, used + result.used
        yield result


def _ahead(plan: Plan, workers: int) -> Iterator[PieceResult]:
    """The results of a plan's pieces in order, computed ahead by threads."""
    from concurrent.futures import Future, ThreadPoolExecutor  # imports logging: not for small files

    stop = threading.Event()
    pending: deque[Future[PieceResult]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for piece in plan.pieces:
                pending.append(pool.submit(run_piece, plan, piece, stop.is_set))
                if len(pending) >= workers * AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            stop.set()
            for future in pending:
                future.cancel()


def centred(plan: Plan) -> Plan:
    """The plan with the first valid row's values for the terms that centre on them."""
    if not any("pivot" in term.kernel.supplied for term in plan.terms):
        return plan
    scout = plan._replace(group=None, by=(), id=None)
    before = 0
    for piece in plan.pieces:
        source = plan.sources[piece.file]
        for batch in recut(source.read(piece, Reading(plan.columns, plan.block_rows)), plan.block_rows):
            faults: Faults = {}
            scratch = PieceResult(before=before)
            before += batch.num_rows
            block = clean(scout, *select(scout, batch, scratch, faults), scratch, faults)
            if block.rows and not faults:
                return plan._replace(terms=tuple(_centred(term, block.numbers) for term in plan.terms))
    nothing = {name: np.zeros(1) for term in plan.terms for name in term.bindings}
    return plan._replace(terms=tuple(term._replace(pivot=nothing) for term in plan.terms))


def _centred(term: Term, found: Mapping[Binding, Array]) -> Term:
    return term._replace(pivot=pivots({name: found[binding] for name, binding in term.bindings.items()}))
