"""The public functions: the same requests as the command line's, the same reports."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Literal

from lossctl.engine import local
from lossctl.engine.block import RowValues
from lossctl.engine.gathered import row_output as gathered_rows
from lossctl.prepare import prepare
from lossctl.reporting import conclude, dry_run
from lossctl.request import Job, Request
from lossctl.results import Report
from lossctl.rows import RowFile, RowList, row_columns
from lossctl.sources import TextOptions

if TYPE_CHECKING:
    from lossctl.memory import MemorySource


def compute(
    loss: str,
    data: object,
    *,
    reduction: str | None = None,
    weight: str | None = None,
    group: str | None = None,
    unit_weight: str | None = None,
    by: str | Sequence[str] = (),
    id: str | None = None,
    where: str | None = None,
    limit: int | None = None,
    truth: "str | os.PathLike[str] | None" = None,
    on: str | Sequence[str] = (),
    join: Literal["strict", "inner"] = "strict",
    many_to_one: bool = False,
    delimiter: str | None = None,
    quote: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    na_values: Sequence[str] | None = None,
    coef_file: str | None = None,
    combine: Literal["uncertainty", "normalized"] | None = None,
    log_var: Sequence[float] = (),
    reference: Sequence[float] = (),
    missing: Literal["error", "skip"] = "error",
    positive_label: object = None,
    classes: Sequence[str] = (),
    ci: float | None = None,
    ci_method: Literal["normal", "bootstrap"] = "normal",
    seed: int = 0,
    stats: bool = False,
    per_row: "str | os.PathLike[str] | None" = None,
    gradient: bool = False,
    max: float | None = None,
    min: float | None = None,
    threads: int = 0,
    memory: str | None = None,
    **options: object,
) -> Report:
    """Evaluate a loss on a dataset: `compute("huber", "preds.parquet", delta=1.0).value`.

    `data` is a file, several that make one dataset, or data in memory: a pandas or Polars data frame (anything with
    the Arrow stream protocol), an Arrow table, a dict of arrays, record batches. `options` are the loss's
    parameters and the columns of its roles (`pred="y_hat"`). The report holds the whole first, then the slices of
    `by`. Raises `LossctlError` for anything that cannot be evaluated: a wrong name, an unreadable file, values
    outside a role's domain.
    """
    paths, table = _paths(data)
    request = Request(
        loss=loss,
        files=paths,
        memory=table,
        options=options,
        reduction=reduction,
        weight=weight,
        group=group,
        unit_weight=unit_weight,
        by=(by,) if isinstance(by, str) else tuple(by),
        id=id,
        where=where,
        limit=limit,
        truth=None if truth is None else os.fspath(truth),
        on=(on,) if isinstance(on, str) else tuple(on),
        join=join,
        many_to_one=many_to_one,
        text=TextOptions(delimiter, quote, header, decimal, None if na_values is None else tuple(na_values)),
        coef_file=coef_file,
        combine=combine,
        log_var=tuple(log_var),
        reference=tuple(reference),
        missing=missing,
        positive_label=None if positive_label is None else str(positive_label),
        classes=tuple(map(str, classes)),
        ci=ci,
        ci_method=ci_method,
        seed=seed,
        stats=stats,
        per_row=None if per_row is None else os.fspath(per_row),
        gradient=gradient,
        max=None if max is None else float(max),
        min=None if min is None else float(min),
        threads=threads,
        memory_limit=memory,
    )
    return run(request)


def _paths(data: object) -> tuple[tuple[str, ...], "MemorySource | None"]:
    """Paths of files, or the source of data in memory."""
    if isinstance(data, str | os.PathLike):
        return (os.fspath(data),), None
    if isinstance(data, list | tuple) and data and all(isinstance(item, str | os.PathLike) for item in data):
        return tuple(os.fspath(item) for item in data), None
    from lossctl import memory

    found = memory.source(data)
    return (found.path,), found


def run(request: Request, progress: local.Progress | None = None) -> Report:
    """Evaluate a request."""
    job = prepare(request)
    if request.dry_run:
        return dry_run(job)
    job = job._replace(plan=local.centred(job.plan))
    with ExitStack() as stack:
        file = stack.enter_context(RowFile(request.per_row)) if request.per_row else None
        collected = RowList() if request.reduction == "none" else None
        sinks: list[local.Sink] = [collected.add] if collected is not None else []
        if file is not None:
            sinks.append(partial(_write_rows, job, file))

        def sink(before: int, values: RowValues) -> None:
            for receive in sinks:
                receive(before, values)

        outcome = local.run(job.plan, request.threads, sink, progress)
        outcome.check(job.plan.sources)
        if job.plan.rows is None and len(job.plan.terms) == 1 and job.plan.terms[0].row_valued:
            for values in gathered_rows(job.plan, outcome.kept):
                sink(0, values)
        return conclude(job, outcome, file, collected)


def _write_rows(job: Job, file: RowFile, before: int, values: RowValues) -> None:
    bindings, role = job.plan.terms[0].bindings, job.losses[0].slope_role
    predicted = bindings[role].columns if role in bindings else ()
    file.write(row_columns(before, values, job.plan.id, predicted))
