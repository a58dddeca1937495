"""The value of an expression from the values of its terms."""

from collections.abc import Sequence

from lossctl.arithmetic.cells import Key
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan.plan import View
from lossctl.engine.plan.request import Blend, Job
from lossctl.reports.reduce import Reduced, defined, in_order, reduce_term, undefined_reason

DRY_RUN = "dry run"
NO_ROWS = "no rows"
NOTHING = Reduced(None, NO_ROWS, None, 0)


def whole(job: Job, outcome: Outcome) -> list[Reduced]:
    """Every term over the whole dataset."""
    return [cells.get((), NOTHING) for cells in _terms(job, (), outcome)]


def slices(job: Job, view: View, outcome: Outcome) -> dict[Key, list[Reduced]]:
    """Every term in every slice of a view; the first term tells which slices there are."""
    terms = _terms(job, view, outcome)
    return {key: [cells.get(key, NOTHING) for cells in terms] for key in in_order(terms[0])}


def _terms(job: Job, view: View, outcome: Outcome) -> list[dict[Key, Reduced]]:
    return [reduce_term(job.ask, at, view, outcome, reduction) for at, reduction in enumerate(job.reductions)]


def is_single(job: Job) -> bool:
    """Whether the value is that of one loss, with nothing multiplied or added."""
    return factors(job) == (1.0,) and job.blend is None


def factors(job: Job) -> tuple[float, ...]:
    """What terms and penalties are multiplied by."""
    return (*job.factors, *(penalty.factor for penalty in job.penalties))


def penalties(job: Job, outcome: Outcome | None) -> list[Reduced]:
    """What penalties are worth, which have coefficients of their own."""
    if outcome is None:
        return [Reduced(None, DRY_RUN, None, 0)] * len(job.penalties)
    return [
        reduce_term(penalty.work.ask, 0, (), found, penalty.work.jobs[0].reductions[0])[()]
        for penalty, found in zip(job.penalties, outcome.penalties, strict=True)
    ]


def value_of(job: Job, cells: Sequence[Reduced], outcome: Outcome | None) -> tuple[float | None, str | None]:
    """The value of a job from those of its terms (penalties are added here), or why there is none."""
    if is_single(job):
        value, reason = cells[0].value, cells[0].reason
    else:
        value, reason = _sum(job.blend, factors(job), [*cells, *penalties(job, outcome)])
    if job.reduction == "none" and reason != DRY_RUN:
        return None, "not reduced"
    return value, undefined_reason(job.losses[0].name) if reason == "undefined" else reason


def _sum(blend: Blend | None, factors: Sequence[float], cells: Sequence[Reduced]) -> tuple[float | None, str | None]:
    """The sum of the terms; one that could not be evaluated leaves nothing to add."""
    total = 0.0
    for index, (factor, cell) in enumerate(zip(factors, cells, strict=True)):
        if cell.value is None:
            return None, cell.reason
        part = factor * cell.value
        total += part if blend is None else blend.scale(index, part)
    return defined(total)
