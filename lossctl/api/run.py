"""A request from its plan to its report."""

from lossctl.engine.outcome import Outcome
from lossctl.engine.passes import evaluated
from lossctl.engine.plan.planner import planned
from lossctl.engine.plan.request import Job, Request
from lossctl.engine.threads import Progress
from lossctl.reports import refusals
from lossctl.reports.combine import whole
from lossctl.reports.conclude import conclude, dry_run
from lossctl.reports.results import Report


def run(request: Request, progress: Progress | None = None) -> Report:
    """Evaluate a request."""
    work = planned((request,))
    if request.per_row or request.reduction == "none":
        from lossctl.api.rows import run_with_rows

        return run_with_rows(work, progress)
    if request.dry_run:
        return dry_run(work.jobs[0])
    ((job, outcome),) = evaluated(work, None, progress)
    return concluded(job, outcome)


def concluded(job: Job, outcome: Outcome) -> Report:
    """The report of merged totals, once nothing speaks against them."""
    terms = whole(job, outcome)
    refusals.check(job, outcome, terms)
    return conclude(job, outcome, terms)
