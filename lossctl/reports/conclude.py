"""Reports from merged totals, and the signatures that make evaluations comparable; nothing is written or refused."""

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lossctl import __version__
from lossctl.arithmetic.cells import Key
from lossctl.declare import registry
from lossctl.declare.options import signed
from lossctl.declare.params import show
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan import expressions
from lossctl.engine.plan.plan import Ask, View
from lossctl.engine.plan.request import Job
from lossctl.reports.combine import DRY_RUN, factors, is_single, penalties, slices, value_of
from lossctl.reports.reduce import Reduced, slice_of
from lossctl.reports.refusals import coverage
from lossctl.reports.results import Evaluation, Input, Report, TermValue

if TYPE_CHECKING:
    from lossctl.reports.rows import RowList

Infer: TypeAlias = Callable[[Evaluation, Key, Sequence[Reduced]], Evaluation]


def conclude(job: Job, outcome: Outcome, whole: Sequence[Reduced], rows: "RowList | None" = None) -> Report:
    """The report of a job whose pieces are merged and whose totals `refusals.check` has let pass.

    `whole` is each term over the whole dataset, `rows` are the values of rows where they are not reduced.
    """
    evaluations = []
    for view in job.ask.views:
        infer = _inference(job, view, outcome)
        for key, cells in (slices(job, view, outcome) if view else {(): whole}).items():
            evaluations.append(infer(_evaluation(job, view, key, cells, outcome), key, cells))
    evaluations[0] = _completed(evaluations[0], job, outcome, rows)
    inputs = [
        Input(source.path, source.format, count if source.rows is None else source.rows, source.bytes)
        for source, count in zip(job.scan.sources, outcome.file_rows, strict=True)
    ]
    inputs += _truth_input(job)
    report = Report("compute", inputs, evaluations, [])
    if job.request.max is not None or job.request.min is not None:
        from lossctl.reports.bounds import checks

        report.checks.extend(checks(job, evaluations))
    if counts := _counts(job, outcome, whole, evaluations[0].skipped):
        from lossctl.reports.findings import findings

        report.findings.extend(findings(counts, outcome.missing))
    return report


def _completed(evaluation: Evaluation, job: Job, outcome: Outcome, rows: "RowList | None") -> Evaluation:
    """The evaluation of the whole, with what is told once for all slices, and with the values of rows."""
    details = dict(evaluation.details)
    if outcome.missing:
        details["missing"] = outcome.missing
    if job.scan.truth is not None:
        details["join"] = coverage(job, outcome).told
    evaluation = evaluation._replace(details=details)
    return evaluation._replace(values=rows.values, places=rows.places) if rows and rows.values else evaluation


def _counts(job: Job, outcome: Outcome, whole: Sequence[Reduced], skipped: int) -> Mapping[str, int]:
    """How often each pitfall was met in the whole dataset."""
    counts: dict[str, int] = {}
    for code, count in (item for cell in whole for item in cell.findings.items()):
        counts[code] = max(count, counts.get(code, 0))  # terms look at the same rows
    if skipped:
        counts["LC101"] = skipped
    if job.scan.truth_file is not None and not job.scan.truth_file.on:
        counts["LC103"] = outcome.rows
    if job.ask.group and any(term.nested for term in job.ask.terms):
        counts["LC104"] = outcome.used
    return counts


def _truth_input(job: Job) -> list[Input]:
    file, truth = job.scan.truth_file, job.scan.truth
    if file is None:
        return []
    source, rows = file.source, file.source.rows if truth is None else truth.rows
    return [Input(source.path, source.format, rows, source.bytes)]


def _inference(job: Job, view: View, outcome: Outcome) -> Infer:
    """The function that adds intervals and distributions to evaluations; it does nothing where none is asked for."""
    if job.request.ci is None and not job.request.stats:
        return lambda evaluation, key, cells: evaluation
    from lossctl.reports.inference.methods import Inference

    return Inference(job, view, outcome).of


def dry_run(job: Job) -> Report:
    """The report of a job that is not run: what would be evaluated, on which columns and how many rows."""
    inputs = [Input(source.path, source.format, source.rows, source.bytes) for source in job.scan.sources]
    counts = [item.rows for item in inputs if item.rows is not None]
    rows = sum(counts) if len(counts) == len(inputs) else None
    cells = [Reduced(None, DRY_RUN, None, 0)] * len(job.ask.terms)
    found = _evaluation(job, (), (), cells, None)._replace(rows=rows)
    request = job.request
    fewer = {
        "--where": request.where,
        "--limit": request.limit is not None,
        "--join inner": request.join == "inner",
        "--missing skip": request.missing == "skip",
    }
    if rows is not None and any(fewer.values()):
        options = " and ".join(option for option, given in fewer.items() if given)
        found = found._replace(details={**found.details, "rows": f"counted before {options}"})
    return Report("compute", inputs + _truth_input(job), [found])


def _evaluation(job: Job, view: View, key: Key, cells: Sequence[Reduced], outcome: Outcome | None) -> Evaluation:
    ask, losses, first = job.ask, job.losses, cells[0]
    specs = [expressions.canonical(term.loss, term.params) for term in ask.terms]
    specs += [expressions.canonical(penalty.term.loss, penalty.term.params) for penalty in job.penalties]
    parts = [*cells, *penalties(job, outcome)]
    text = expressions.combined(zip(factors(job), specs, strict=True))
    single = is_single(job)
    value, reason = value_of(job, cells, outcome)
    values = _values(cells) if job.reduction == "none" and reason != DRY_RUN else None
    units = cells[0].values if values is not None else None
    dropped = outcome.dropped.get(view) if outcome else None
    dimensions = {loss.dimension for loss in losses}
    return Evaluation(
        loss=losses[0].name if single else expressions.combined(_named(job)),
        spec=text,
        params=dict(ask.terms[0].params) if single else {},
        data=job.table.path,
        columns=_columns(ask),
        slice=slice_of(ask, view, key),
        value=value,
        reason=reason,
        reduction=job.reduction,
        denominator=first.denominator if single else None,
        rows=first.rows,
        skipped=int(dropped.sums()["rows"][dropped.cells[key]]) if dropped and key in dropped.cells else 0,
        ignored=first.ignored,
        units=first.units,
        dimension=dimensions.pop() if len(dimensions) == 1 else "mixed",
        values=values,
        details={**_resolved(ask), **first.details},
        terms=None
        if single
        else [
            TermValue(spec, factor, cell.value, cell.reason, cell.denominator)
            for spec, factor, cell in zip(specs, factors(job), parts, strict=True)
        ],
        signature=_signature(job, text),
        places=None if units is None else {"unit": units.names},
    )


def _columns(ask: Ask) -> dict[str, list[str]]:
    """The columns of every role; those of several terms are joined."""
    found: dict[str, dict[str, None]] = {}
    for term in ask.terms:
        for name, bound in term.bindings.items():
            found.setdefault(name, {}).update(dict.fromkeys(bound.columns))
    return {name: list(columns) for name, columns in found.items()}


def _resolved(ask: Ask) -> dict[str, object]:
    """Parameters that were worked out from the data or a file: class weights, positive weights."""
    found: dict[str, object] = {}
    for term in ask.terms:
        known = registry.get(term.loss).params
        for name, value in term.resolved.items():
            if isinstance(value, np.ndarray):
                found[known[name].becomes] = np.ravel(value).tolist()
            elif isinstance(value, float) and isinstance(term.params.get(name), str):  # the balance of a single label
                found[known[name].becomes] = [value]
    return found


def _named(job: Job) -> list[tuple[float, str]]:
    terms = [(factor, term.loss) for factor, term in zip(job.factors, job.ask.terms, strict=True)]
    return terms + [(penalty.factor, penalty.term.loss) for penalty in job.penalties]


def _values(cells: Sequence[Reduced]) -> list[float | None] | None:
    units = cells[0].values
    return None if units is None else [None if isnan(value) else value for value in units.values]


def _signature(job: Job, text: str) -> str:
    """The expression, and the options and columns that decide its value: equal signatures mean comparable values."""
    request = job.request
    roles = {role.name for loss in job.losses for role in loss.roles}
    columns = [
        f"{name}:{show(str(value))}" for name, value in request.options.items() if name in roles and value is not None
    ]
    told = request._asdict()
    told["truth"] = f"{','.join(request.on) or 'by position'}:{request.join}" if request.truth else None
    told["combine"] = f"{job.blend.kind}:{show(job.blend.numbers)}" if job.blend else None
    return "|".join([text, job.reduction, *signed(told, columns), f"lossctl:{__version__}"])
