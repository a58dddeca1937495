"""Several losses in one pass over a dataset, and several datasets side by side."""

from collections.abc import Sequence
from dataclasses import replace

from lossctl.engine.passes import evaluated
from lossctl.engine.plan.planner import prepare
from lossctl.engine.plan.request import Request
from lossctl.engine.threads import Progress
from lossctl.errors import UsageError
from lossctl.reports.comparison import differences
from lossctl.reports.conclude import conclude
from lossctl.reports.results import Report, joined, named_checks


def compare_all(models: Sequence[Sequence[Request]], baseline: int = 0, progress: Progress | None = None) -> Report:
    """Every model's losses, and what they differ by from those of the baseline."""
    if not models or not all(models):
        raise UsageError("compare needs a dataset and a loss: lossctl compare FILE... --loss LOSS.")
    if not 0 <= baseline < len(models):
        raise UsageError(f"the baseline must be one of the {len(models)} datasets, numbered from 0, not {baseline}.")
    datasets = [requests[0].files for requests in models]
    twice = next((files for at, files in enumerate(datasets) if files in datasets[:at]), None)
    if twice is not None:
        raise UsageError(f"compare takes each dataset once, and {', '.join(twice)} is given twice.")
    for request in models[0]:
        if request.reduction == "none":
            raise UsageError("compare needs values to compare: --reduction none has none; use compute.")
    reports = [_reports(requests, progress) for requests in models]
    comparisons = [
        difference
        for at, model in enumerate(reports)
        if at != baseline
        for base, report in zip(reports[baseline], model, strict=True)
        for difference in differences(base, report)
    ]
    told = [_told(report, len(models[0]) > 1, len(models) > 1) for model in reports for report in model]
    return joined("compare", told, comparisons)


def _told(report: Report, losses: bool, models: bool) -> Report:
    """A report whose checks name their loss and their dataset, where there are several."""
    whole = report.results[0]
    name = " on ".join(part for part, several in ((whole.spec, losses), (whole.data, models)) if several)
    return replace(report, checks=named_checks(report, name)) if name else report


def _reports(requests: Sequence[Request], progress: Progress | None) -> list[Report]:
    """The report of each loss on one dataset."""
    found = evaluated(prepare(requests), None, progress)
    return [conclude(job, outcome, None, None) for job, outcome in found]
