"""A request for the values of rows or units; the one place that opens their file, and says what is written there."""

from contextlib import ExitStack
from functools import partial

from lossctl.engine.block import RowValues
from lossctl.engine.passes import evaluated
from lossctl.engine.plan.request import Job, Work
from lossctl.engine.threads import Progress, Sink
from lossctl.engine.whole.gather import row_output
from lossctl.reports import refusals
from lossctl.reports.combine import whole
from lossctl.reports.conclude import conclude, dry_run
from lossctl.reports.outputs import check_apart
from lossctl.reports.results import Report
from lossctl.reports.rows import RowFile, RowList, row_columns, unit_columns


def run_with_rows(work: Work, progress: Progress | None) -> Report:
    """The report of a job of which row values are written to a file, or reported as they are."""
    job = work.jobs[0]
    request = job.request
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
            for values in row_output(job.ask, outcome.held):
                sink(0, values)
        if file is not None and terms[0].values is not None:
            file.write(unit_columns(terms[0].values))
        return conclude(job, outcome, terms, collected)


def _write_rows(job: Job, file: RowFile, before: int, values: RowValues) -> None:
    bindings, role = job.ask.terms[0].bindings, job.losses[0].hooks.gradient_by
    predicted = bindings[role].columns if role in bindings else ()
    file.write(row_columns(before, values, job.ask.id, predicted))
