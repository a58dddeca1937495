"""Differences between the results of two models."""

from collections.abc import Iterator

from lossctl.reports.reduce import defined
from lossctl.reports.results import Comparison, Evaluation, Report, sliced


def differences(baseline: Report, candidate: Report) -> Iterator[Comparison]:
    """The difference of each result of the candidate from the baseline's; a slice that only one has is left out."""
    known = {sliced(result): result for result in baseline.results}
    for result in candidate.results:
        base = known.get(sliced(result))
        if base is not None:
            yield _difference(base, result)


def _difference(base: Evaluation, result: Evaluation) -> Comparison:
    difference = None
    if base.value is not None and result.value is not None:
        difference, _ = defined(result.value - base.value)
    over = "as many rows" if base.rows == result.rows else "different rows"
    method = f"difference of values over {over}"
    return Comparison(
        result.spec, base.data, result.data, result.slice, difference, None, None, method, result.rows or 0
    )
