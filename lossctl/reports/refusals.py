"""Totals that are no result: no rows left, weights that sum to 0, a positive label or keys that are not there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lossctl.columns.labels import is_label
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan.request import Job
from lossctl.errors import DataError, counted
from lossctl.reports.combine import value_of
from lossctl.reports.reduce import Reduced


class Coverage(NamedTuple):
    """How predictions and truth met: rows of the truth without a prediction, those with several, and what is told."""

    extra: npt.NDArray[np.intp]
    twice: npt.NDArray[np.intp]
    told: dict[str, object]


def check(job: Job, outcome: Outcome, whole: Sequence[Reduced]) -> None:
    """Raise where totals are no result; `whole` is each term over the whole dataset."""
    _check_left(job, outcome)
    _check_weights(job, outcome, whole)
    _check_positive(job, outcome)
    if job.scan.truth is not None:
        _check_coverage(job, outcome)


def _check_left(job: Job, outcome: Outcome) -> None:
    """Raise where no row was left to evaluate."""
    path, request = job.table.path, job.request
    told = [source.rows for source in job.scan.sources]
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


def _empty(job: Job) -> str:
    """What a dataset without rows lacks."""
    csv = any(source.format == "csv" for source in job.scan.sources)
    return "; rows are needed below the header" if csv else "; it is empty"


def _check_weights(job: Job, outcome: Outcome, whole: Sequence[Reduced]) -> None:
    """Raise where rows are left, but none that weighs."""
    weight = job.request.weight or job.request.unit_weight
    if weight is None:
        return
    value, reason = value_of(job, whole, outcome)
    if value is not None:
        return
    # A value can be missing for another reason that hides the weights: every row ignored, or nothing reduced.
    tally = outcome.tallies.get((0, ()))
    weights = {} if tally is None else tally.sums()
    if (reason or "").endswith("weights sum to 0") or ("weight" in weights and not np.any(weights["weight"])):
        raise DataError(f"{job.table.path}, column {weight!r}: the weights sum to 0; some row must weigh more.")


def _check_positive(job: Job, outcome: Outcome) -> None:
    """Raise where there are two labels, and none of them is the positive one."""
    for binding in {b for term in job.ask.terms for b in term.bindings.values() if b.positive is not None}:
        for name in binding.columns:
            found = outcome.seen.get(name, set())
            if len(found) > 1 and not any(is_label(label, str(binding.positive)) for label in found):
                raise DataError(
                    f"{job.table.path}, column {name!r}: no row holds the positive label {binding.positive!r}, but "
                    f"{' and '.join(sorted(map(repr, found)))}. Name one of them with --positive-label."
                )


def coverage(job: Job, outcome: Outcome) -> Coverage:
    """How predictions met the truth that a job joins."""
    truth = job.scan.truth
    assert truth is not None
    found = np.zeros(truth.rows, dtype=np.uint8)
    for counts in outcome.matched.values():
        found = np.maximum(found, counts)
    extra = np.flatnonzero(found == 0)
    told = {
        "on": list(truth.on),
        "rows": outcome.used,
        "without_truth": outcome.unmatched,
        "without_prediction": len(extra),
    }
    return Coverage(extra, np.flatnonzero(found > 1), told)


def _check_coverage(job: Job, outcome: Outcome) -> None:
    """Raise where predictions share a key, or a row of the truth has none, and the join does not allow that."""
    truth = job.scan.truth
    assert truth is not None
    extra, twice, _ = coverage(job, outcome)
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
