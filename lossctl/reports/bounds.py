"""Values held against the bounds of --max and --min."""

from collections.abc import Sequence

from lossctl.engine.plan.request import Job
from lossctl.reports.results import Check, Evaluation


def checks(job: Job, evaluations: Sequence[Evaluation]) -> list[Check]:
    """A check for each bound that is asked for and each evaluation: first those of --max, then those of --min."""
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
