"""What centred statistics are taken about, so that plain sums do not cancel: a first pass looks where values lie.

The whole is centred on the first valid row, and each unit or slice on its own mean, for they may lie far apart.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.columns.binding import Binding
from lossctl.columns.faults import Faults
from lossctl.declare.kernel import pivots
from lossctl.engine.block import PieceResult
from lossctl.engine.clean import clean
from lossctl.engine.outcome import Outcome
from lossctl.engine.piece import recut
from lossctl.engine.plan.plan import Levels, Plan, Term
from lossctl.engine.plan.request import Job, Work
from lossctl.engine.select import select
from lossctl.engine.threads import Progress, Sink, run
from lossctl.sources.source import Reading


def centred(plan: Plan, threads: int = 0) -> Plan:
    """The plan with what its centred terms are centred on."""
    terms = [term for term in plan.terms if "pivot" in term.kernel.supplied and not term.nested]
    if not terms:
        return plan
    plan = _about_first_row(plan)
    if not plan.group and not plan.by:
        return plan
    bindings = tuple(dict.fromkeys(binding for term in terms for binding in term.bindings.values()))
    outcome = run(plan._replace(terms=(), rows=None, observe=(), counted=None, levelled=bindings), threads)
    if outcome.faults:
        return plan  # the evaluation will come upon them too, and tell
    return plan._replace(
        levels={view: _levels(tally.cells, tally.sums(), bindings) for view, tally in outcome.levels.items()}
    )


def _levels(cells: Mapping[Any, int], sums: Mapping[str, Array], bindings: tuple[Binding, ...]) -> Levels:
    with np.errstate(all="ignore"):
        means = {binding: sums[str(at)] / sums["rows"] for at, binding in enumerate(bindings)}
    return Levels(cells, {binding: np.where(np.isfinite(mean), mean, 0.0) for binding, mean in means.items()})


def _about_first_row(plan: Plan) -> Plan:
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
                return plan._replace(terms=tuple(_pivoted(term, block.numbers) for term in plan.terms))
    nothing = {name: np.zeros(1) for term in plan.terms for name in term.bindings}
    return plan._replace(terms=tuple(term._replace(pivot=nothing) for term in plan.terms))


def _pivoted(term: Term, found: Mapping[Binding, Array]) -> Term:
    return term._replace(pivot=pivots({name: found[binding] for name, binding in term.bindings.items()}))


def evaluated(work: Work, sink: Sink | None = None, progress: Progress | None = None) -> list[tuple[Job, Outcome]]:
    """Every job with its part of the totals, after one pass over the data."""
    threads = work.jobs[0].request.threads
    plan = centred(work.plan, threads)
    outcome = run(plan, threads, sink, progress)
    outcome.check(plan)
    found = []
    for at, (job, places) in enumerate(zip(work.jobs, work.places, strict=True)):
        terms = tuple(plan.terms[place] for place in places)
        own = plan._replace(terms=terms, rows=job.plan.rows, observe=job.plan.observe, hold=job.plan.hold)
        found.append((job._replace(plan=own), outcome.part(at, places)))
    return found
