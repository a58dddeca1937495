"""Every pass over the data, in order: read the truth, count classes, find centres, evaluate the terms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.columns.binding import Binding, Table
from lossctl.columns.faults import Faults, Kind
from lossctl.declare import registry
from lossctl.declare.classes import Classes
from lossctl.declare.kernel import pivots
from lossctl.engine.block import PieceResult
from lossctl.engine.clean import clean
from lossctl.engine.outcome import Outcome
from lossctl.engine.piece import recut
from lossctl.engine.plan.plan import Ask, CountClasses, FindMeans, Levels, Scan, Term
from lossctl.engine.plan.request import Job, Work
from lossctl.engine.select import select
from lossctl.engine.threads import Progress, Sink, run
from lossctl.errors import UsageError
from lossctl.sources.source import Reading

OF_PENALTIES = {Kind.MISSING: "A penalty needs all coefficients; fill them in, or drop those rows from the file."}


def evaluated(work: Work, sink: Sink | None = None, progress: Progress | None = None) -> list[tuple[Job, Outcome]]:
    """Every job with its part of the totals; `sink` and `progress` follow the last pass alone."""
    threads = work.jobs[0].request.threads
    penalties = [tuple(_penalty(each.work) for each in job.penalties) for job in work.jobs]
    scan = _with_truth(work.scan)
    ask = _with_classes(scan, work.ask, work.jobs[0].table, threads)
    ask = _centred(scan, ask, threads)
    outcome = run(scan, ask, threads, sink, progress)
    outcome.check(scan)
    found = []
    for at, (job, places) in enumerate(zip(work.jobs, work.places, strict=True)):
        terms = tuple(ask.terms[place] for place in places)
        own = ask._replace(terms=terms, rows=job.ask.rows, observe=job.ask.observe, hold=job.ask.hold)
        part = replace(outcome.part(at, places), penalties=penalties[at])
        found.append((job._replace(scan=scan, ask=own), part))
    return found


def _penalty(work: Work) -> Outcome:
    """The totals of a penalty; --missing skip is about rows of data: no coefficient may be missing."""
    outcome = run(work.scan, work.ask, work.jobs[0].request.threads)
    outcome.check(work.scan, OF_PENALTIES)
    return outcome


def _with_truth(scan: Scan) -> Scan:
    return scan if scan.truth_file is None else scan._replace(truth=scan.truth_file.read())


def _with_classes(scan: Scan, ask: Ask, table: Table, threads: int) -> Ask:
    """What is asked, with parameters as kernels take them; some need a pass over the target to count classes."""
    return ask._replace(terms=tuple(_with_own_classes(term, scan, table, threads) for term in ask.terms))


def _with_own_classes(term: Term, scan: Scan, table: Table, threads: int) -> Term:
    loss = registry.get(term.loss)
    if loss.hooks.prepare is None:
        return term
    scores = [b for b in term.bindings.values() if b.layout not in ("number", "nested") and b.role.kind != "class"]
    target = next((b for b in term.bindings.values() if b.role.kind in ("class", "class or vector", "binary")), None)
    size = max((binding.width for binding in scores), default=1)
    named = next((b for b in term.bindings.values() if b.classes), None)
    names = tuple(map(str, range(size))) if named is None else named.classes
    written = () if named is None else named.written

    def counts() -> Array:
        if target is None:
            raise UsageError(f"{loss.name} has no class target to count.")
        read = {table.original(name) for name in (*target.columns, *scan.choosing)}
        columns = {name: how for name, how in scan.columns.items() if name in read} or scan.columns
        outcome = run(scan._replace(columns=columns), CountClasses(target=target, size=size), threads)
        outcome.check(scan)
        nothing = np.zeros((2, size) if target.role.kind == "binary" else size)
        return nothing if outcome.counts is None else outcome.counts

    return term._replace(resolved=loss.prepared(term.resolved, Classes(size, names, counts, written)))


def _centred(scan: Scan, ask: Ask, threads: int) -> Ask:
    """What is asked, with what its centred terms are centred on, so that plain sums do not cancel.

    The whole is centred on the first valid row, and each unit or slice on its own mean, for they may lie far apart.
    """
    terms = [term for term in ask.terms if "pivot" in term.kernel.supplied and not term.nested]
    if not terms:
        return ask
    ask = _about_first_row(scan, ask)
    if not ask.group and not ask.by:
        return ask
    bindings = tuple(dict.fromkeys(binding for term in terms for binding in term.bindings.values()))
    wanted = FindMeans(
        means=bindings, weight=ask.weight, unit_weight=ask.unit_weight, group=ask.group, by=ask.by, id=ask.id
    )
    outcome = run(scan, wanted, threads)
    if outcome.faults:
        return ask  # the evaluation will come upon them too, and tell
    found = {view: _levels(tally.cells, tally.sums(), bindings) for view, tally in outcome.levels.items()}
    return ask._replace(levels=found)


def _levels(cells: Mapping[Any, int], sums: Mapping[str, Array], bindings: tuple[Binding, ...]) -> Levels:
    with np.errstate(all="ignore"):
        means = {binding: sums[str(at)] / sums["rows"] for at, binding in enumerate(bindings)}
    return Levels(cells, {binding: np.where(np.isfinite(mean), mean, 0.0) for binding, mean in means.items()})


def _about_first_row(scan: Scan, ask: Ask) -> Ask:
    scout = ask._replace(group=None, by=(), id=None)
    before = 0
    for piece in scan.pieces:
        source = scan.sources[piece.file]
        for batch in recut(source.read(piece, Reading(scan.columns, scan.block_rows)), scan.block_rows):
            faults: Faults = {}
            scratch = PieceResult(before=before)
            before += batch.num_rows
            block = clean(scan, scout, *select(scan, scout, batch, scratch, faults), scratch, faults)
            if block.rows and not faults:
                return ask._replace(terms=tuple(_pivoted(term, block.numbers) for term in ask.terms))
    nothing = {name: np.zeros(1) for term in ask.terms for name in term.bindings}
    return ask._replace(terms=tuple(term._replace(pivot=nothing) for term in ask.terms))


def _pivoted(term: Term, found: Mapping[Binding, Array]) -> Term:
    return term._replace(pivot=pivots({name: found[binding] for name, binding in term.bindings.items()}))
