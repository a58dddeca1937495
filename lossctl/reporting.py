"""From a job's totals to its report: evaluations of the whole and the slices, findings, checks."""

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import TypeAlias

import numpy as np

from lossctl import __version__, expressions, spec
from lossctl.declare.options import signed
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan import Plan, View
from lossctl.errors import DataError, counted, listing
from lossctl.evaluate import Blend, Reduced, defined, in_order, reduce_term, slice_of, undefined_reason
from lossctl.labels import is_label
from lossctl.params import show
from lossctl.request import Job
from lossctl.results import Check, Evaluation, Finding, Input, Report, TermValue
from lossctl.rows import RowFile, RowList, unit_columns, unit_labels
from lossctl.segments import Key

Infer: TypeAlias = Callable[[Evaluation, Key, Sequence[Reduced]], Evaluation]

DRY_RUN = "dry run"
NO_ROWS = "no rows"


def conclude(job: Job, outcome: Outcome, rows: RowFile | None, collected: RowList | None) -> Report:
    """The report of a job whose pieces are merged; unit values go to the row file here."""
    evaluations: list[Evaluation] = []
    counts: dict[str, int] = {}
    for view in job.plan.views:
        infer = _inference(job, view, outcome)
        terms = [
            reduce_term(job.plan, index, view, outcome, job.reductions[index]) for index in range(len(job.plan.terms))
        ]
        for key in in_order(terms[0]) if view else [()]:
            cells = [cells.get(key, Reduced(None, NO_ROWS, None, 0)) for cells in terms]
            evaluations.append(infer(_evaluation(job, view, key, cells, outcome), key, cells))
            if not view:
                for code, count in (item for cell in cells for item in cell.findings.items()):
                    counts[code] = max(count, counts.get(code, 0))  # terms look at the same rows
                if rows is not None and cells[0].values is not None:
                    rows.write(unit_columns(cells[0].values))
    whole = evaluations[0]
    _check_evaluated(job, outcome, whole)
    if whole.skipped:
        counts["LC101"] = whole.skipped
    details: dict[str, object] = {"missing": outcome.missing} if outcome.missing else {}
    if job.plan.truth is not None:
        details["join"] = _coverage(job, outcome)
        if not job.plan.truth.on:
            counts["LC103"] = outcome.rows
    if job.plan.group and any(term.nested for term in job.plan.terms):
        counts["LC104"] = outcome.used
    if collected is not None and collected.values:
        whole = whole._replace(values=collected.values, places=collected.places)
    evaluations[0] = whole._replace(details={**whole.details, **details})
    inputs = [
        Input(source.path, source.format, count if source.rows is None else source.rows, source.bytes)
        for source, count in zip(job.plan.sources, outcome.file_rows, strict=True)
    ]
    inputs += _truth_input(job)
    return Report("compute", inputs, evaluations, _checks(job, evaluations), _findings(counts, outcome.missing))


def _truth_input(job: Job) -> list[Input]:
    truth = job.plan.truth
    return [] if truth is None else [Input(truth.path, truth.source.format, truth.rows, truth.source.bytes)]


def _check_evaluated(job: Job, outcome: Outcome, whole: Evaluation) -> None:
    """Raise where nothing was left to evaluate, or nothing that weighs, or labels of which none is the positive one."""
    path, request = job.table.path, job.request
    told = [source.rows for source in job.plan.sources]
    rows = outcome.rows if None in told else sum(count or 0 for count in told)
    if not outcome.used:
        why = [f"{count:,} left out as missing in {name!r}" for name, count in outcome.missing.items()]
        if why and request.limit is not None:
            why.append(f"--limit {request.limit:,} takes no others; raise it")
        elif why and request.where:
            why.append(f"--where {request.where!r} keeps no others")
        elif request.where and rows > outcome.unmatched:
            why.append(
                f"--where {request.where!r} keeps none of {rows - outcome.unmatched:,}; loosen it, or see how the file "
                "writes those values"
            )
        if outcome.unmatched:
            why.append(
                f"{outcome.unmatched:,} without a truth for {', '.join(request.on)}: "
                "keys must be written alike in both files"
            )
        raise DataError(f"{path} has no rows to evaluate{': ' + '; '.join(why) if why else _empty(job)}.")
    weight = request.weight or request.unit_weight
    if weight is not None and whole.value is None and _weightless(whole, outcome):
        raise DataError(f"{path}, column {weight!r}: the weights sum to 0; some row must weigh more.")
    for binding in {b for term in job.plan.terms for b in term.bindings.values() if b.positive is not None}:
        for name in binding.columns:
            found = outcome.seen.get(name, set())
            if len(found) > 1 and not any(is_label(label, str(binding.positive)) for label in found):
                raise DataError(
                    f"{path}, column {name!r}: no row holds the positive label {binding.positive!r}, but "
                    f"{' and '.join(sorted(map(repr, found)))}. Name one of them with --positive-label."
                )


def _empty(job: Job) -> str:
    """What a dataset without rows lacks."""
    csv = any(source.format == "csv" for source in job.plan.sources)
    return "; rows are needed below the header" if csv else "; it is empty"


def _weightless(whole: Evaluation, outcome: Outcome) -> bool:
    tally = outcome.tallies.get((0, ()))
    weights = {} if tally is None else tally.sums()
    return (whole.reason or "").endswith("weights sum to 0") or ("weight" in weights and not np.any(weights["weight"]))


def _inference(job: Job, view: View, outcome: Outcome) -> Infer:
    """What adds intervals and distributions to evaluations, where they are asked for."""
    if job.request.ci is None and not job.request.stats:
        return lambda evaluation, key, cells: evaluation
    from lossctl.inference import Inference

    return Inference(job, view, outcome).of


def _coverage(job: Job, outcome: Outcome) -> dict[str, object]:
    """How predictions and truth met; what a strict join does not allow is an error."""
    truth = job.plan.truth
    assert truth is not None
    found = np.zeros(truth.rows, dtype=np.uint8)
    for counts in outcome.matched.values():
        found = np.maximum(found, counts)
    extra = np.flatnonzero(found == 0)
    twice = np.flatnonzero(found > 1)
    path = ", ".join(job.request.files)
    if truth.on and len(twice) and not job.request.many_to_one:
        raise DataError(
            f"{path}: {counted(len(twice), 'key has', 'keys have')} more than one prediction "
            f"(first: {truth.key(int(twice[0]))}). "
            "Use --many-to-one if that is meant, or tell them apart with --by or another column in --on."
        )
    if len(extra) and job.request.join == "strict":
        if not truth.on:
            raise DataError(
                f"{path} has {outcome.rows:,} rows and {truth.path} {truth.rows:,}: rows pair by position only where "
                "both have as many. Join them on keys with --on."
            )
        raise DataError(
            f"{truth.path}: {counted(len(extra), 'row has', 'rows have')} no prediction in {path} "
            f"(first: {truth.key(int(extra[0]))}). "
            "Use --join inner to evaluate the rows that have one, or complete the predictions."
        )
    return {
        "on": list(truth.on),
        "rows": outcome.used,
        "without_truth": outcome.unmatched,
        "without_prediction": len(extra),
    }


def dry_run(job: Job) -> Report:
    """What would be evaluated, and on which columns."""
    inputs = [Input(source.path, source.format, source.rows, source.bytes) for source in job.plan.sources]
    counts = [item.rows for item in inputs if item.rows is not None]
    rows = sum(counts) if len(counts) == len(inputs) else None
    cells = [Reduced(None, DRY_RUN, None, 0)] * len(job.plan.terms)
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
    plan, losses, first = job.plan, job.losses, cells[0]
    specs = [expressions.canonical(term.loss, term.params) for term in plan.terms]
    specs += [constant.spec for constant in job.constants]
    factors = (*job.factors, *(constant.factor for constant in job.constants))
    cells = [*cells, *(constant.cell for constant in job.constants)]
    text = expressions.combined(zip(factors, specs, strict=True))
    single = factors == (1.0,) and job.blend is None
    value, reason = (first.value, first.reason) if single else _sum(job.blend, factors, cells)
    if reason == "undefined":
        reason = undefined_reason(losses[0].name)
    values = None
    if job.reduction == "none" and reason != DRY_RUN:
        value, reason, values = None, "not reduced", _values(cells)
    units = cells[0].values if values is not None else None
    dropped = outcome.dropped.get(view) if outcome else None
    dimensions = {loss.dimension for loss in losses}
    return Evaluation(
        loss=losses[0].name if single else expressions.combined(_named(job)),
        spec=text,
        params=dict(plan.terms[0].params) if single else {},
        data=job.table.path,
        columns=_columns(plan),
        slice=slice_of(plan, view, key),
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
        details={**_resolved(plan), **first.details},
        terms=None
        if single
        else [
            TermValue(spec, factor, cell.value, cell.reason, cell.denominator)
            for spec, factor, cell in zip(specs, factors, cells, strict=True)
        ],
        signature=_signature(job, text),
        places=None if units is None else {"unit": unit_labels(units)},
    )


def _columns(plan: Plan) -> dict[str, list[str]]:
    """The columns of every role; terms may read theirs from different ones."""
    found: dict[str, dict[str, None]] = {}
    for term in plan.terms:
        for name, bound in term.bindings.items():
            found.setdefault(name, {}).update(dict.fromkeys(bound.columns))
    return {name: list(columns) for name, columns in found.items()}


def _resolved(plan: Plan) -> dict[str, object]:
    """Parameters that were worked out from the data or a file: class weights, positive weights."""
    found: dict[str, object] = {}
    for term in plan.terms:
        known = spec.get(term.loss).params
        for name, value in term.resolved.items():
            if isinstance(value, np.ndarray):
                found[known[name].becomes] = np.ravel(value).tolist()
            elif isinstance(value, float) and isinstance(term.params.get(name), str):  # the balance of a single label
                found[known[name].becomes] = [value]
    return found


def _named(job: Job) -> list[tuple[float, str]]:
    terms = [(factor, term.loss) for factor, term in zip(job.factors, job.plan.terms, strict=True)]
    return terms + [(constant.factor, constant.loss) for constant in job.constants]


def _values(cells: Sequence[Reduced]) -> list[float | None] | None:
    units = cells[0].values
    return None if units is None else [None if isnan(value) else value for value in units.values]


def _sum(blend: Blend | None, factors: Sequence[float], cells: Sequence[Reduced]) -> tuple[float | None, str | None]:
    """The sum of the terms; one that could not be evaluated leaves nothing to add."""
    total = 0.0
    for index, (factor, cell) in enumerate(zip(factors, cells, strict=True)):
        if cell.value is None:
            return None, cell.reason
        part = factor * cell.value
        total += part if blend is None else blend.scale(index, part)
    return defined(total)


def _signature(job: Job, text: str) -> str:
    """The expression and everything else that decides the number."""
    request = job.request
    roles = {role.name for loss in job.losses for role in loss.roles}
    columns = [
        f"{name}:{show(str(value))}" for name, value in request.options.items() if name in roles and value is not None
    ]
    told = request._asdict()
    told["truth"] = f"{','.join(request.on) or 'by position'}:{request.join}" if request.truth else None
    told["combine"] = f"{job.blend.kind}:{show(job.blend.numbers)}" if job.blend else None
    return "|".join([text, job.reduction, *signed(told, columns), f"lossctl:{__version__}"])


def _findings(counts: Mapping[str, int], missing: Mapping[str, int] | None = None) -> list[Finding]:
    """Findings by code; that of rows left out names the columns which lack their values."""
    if not counts:
        return []
    from lossctl.findings import PITFALLS

    found = []
    for code in sorted(counts):
        kind, count = PITFALLS[code], counts[code]
        title = counted(count, kind.single, kind.title)
        if code == "LC101" and missing:
            title += f" ({listing(f'{name}: {lacking:,}' for name, lacking in missing.items())})"
        found.append(Finding(code, kind.severity, f"{title}. {kind.remedy}", count, [0]))
    return found


def _checks(job: Job, evaluations: Sequence[Evaluation]) -> list[Check]:
    bounds = (("<=", job.request.max), (">=", job.request.min))
    return [
        _check(evaluation, op, threshold)._replace(result=at)
        for op, threshold in bounds
        if threshold is not None
        for at, evaluation in enumerate(evaluations)
    ]


def _check(evaluation: Evaluation, op: str, threshold: float) -> Check:
    where = ", ".join(f"{name}={value}" for name, value in (evaluation.slice or {}).items()) or "whole"
    value = evaluation.value
    if value is None:
        status, said = "error", f"not evaluated ({evaluation.reason})"
    else:
        kept = value <= threshold if op == "<=" else value >= threshold
        status, said = (
            ("pass", f"{value!r} {op} {threshold!r}") if kept else ("fail", f"{value!r} is not {op} {threshold!r}")
        )
    return Check(f"{evaluation.loss}{op}{threshold:g}:{where}", status, value, op, threshold, f"{where}: {said}")
