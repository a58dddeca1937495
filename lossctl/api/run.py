"""A request from its plan to its report; the one place that opens the file of rows, and says what is written there."""

from contextlib import ExitStack
from functools import partial

from lossctl.engine.block import RowValues
from lossctl.engine.passes import evaluated
from lossctl.engine.plan.planner import planned
from lossctl.engine.plan.request import Job, Request
from lossctl.engine.threads import Progress, Sink
from lossctl.engine.whole.gather import row_output as gathered_rows
from lossctl.reports import refusals
from lossctl.reports.combine import whole
from lossctl.reports.conclude import conclude, dry_run
from lossctl.reports.outputs import check_apart
from lossctl.reports.results import Report
from lossctl.reports.rows import RowFile, RowList, row_columns, unit_columns


def run(request: Request, progress: Progress | None = None) -> Report:
    """Evaluate a request."""
    work = planned((request,))
    job = work.jobs[0]
    if request.per_row:
        truth = [request.truth] if request.truth else []
        check_apart([request.per_row], [*(source.path for source in job.scan.sources), *truth])
    if request.dry_run:
        return dry_run(job)
    with ExitStack() as stack:  # the file takes its name at the end, and only where nothing was raised until then
        file = stack.enter_context(RowFile(request.per_row)) if request.per_row else None
        collected = RowList(request.id) if request.reduction == "none" else None
        sinks: list[Sink] = [collected.add] if collected is not None else []
        if file is not None:
            sinks.append(partial(_write_rows, job, file))

        def sink(before: int, values: RowValues) -> None:
            for receive in sinks:
                receive(before, values)

        ((job, outcome),) = evaluated(work, sink, progress)
        terms = whole(job, outcome)
        refusals.check(job, outcome, terms)
        if job.ask.rows is None and len(job.ask.terms) == 1 and job.ask.terms[0].row_valued:
            for values in gathered_rows(job.ask, outcome.held):
                sink(0, values)
        if file is not None and terms[0].values is not None:
            file.write(unit_columns(terms[0].values))
        return conclude(job, outcome, terms, collected)


def _write_rows(job: Job, file: RowFile, before: int, values: RowValues) -> None:
    bindings, role = job.ask.terms[0].bindings, job.losses[0].hooks.gradient_by
    predicted = bindings[role].columns if role in bindings else ()
    file.write(row_columns(before, values, job.ask.id, predicted))
