"""`compare`: several losses in one pass over a dataset, and several datasets side by side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lossctl.api.compute import compute
from lossctl.api.inputs import keywords_of, paths_of, request_of
from lossctl.api.run import concluded
from lossctl.engine.passes import evaluated
from lossctl.engine.plan.planner import planned
from lossctl.engine.plan.request import Request
from lossctl.engine.threads import Progress
from lossctl.errors import UsageError
from lossctl.reports.comparison import differences
from lossctl.reports.merge import joined, named_checks
from lossctl.reports.results import Report


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
    return [concluded(job, outcome) for job, outcome in evaluated(planned(requests), None, progress)]


def compare(data: object, losses: object, *, baseline: int = 0, **options: Any) -> Report:
    """Evaluate several losses on a dataset in one pass over it, or on the datasets of several models, a pass each.

    `data` is what `compute` takes, or a list with an entry per model. `losses` is a loss or an expression, or a list of
    them. `options` are the keywords of `compute` but for those of rows (`per_row`, `gradient`, `id`), and the
    parameters and columns of the losses, given to each that has them. With `missing="skip"` a row that one of the
    losses cannot use is left out of all.

    The report holds the results by model and loss, each the whole and then its slices; with several models
    `comparisons` holds what each differs by from the one at place `baseline`. Raises `LossctlError` as `compute` does.

    >>> import lossctl
    >>> report = lossctl.compare("sample_data/preds.parquet", ["mse", "huber(delta=2)", "0.5*mse + 0.5*mae"])
    >>> [(result.spec, round(result.value, 4)) for result in report]
    [('mse', 1.1893), ('huber(delta=2.0)', 0.5016), ('0.5*mse + 0.5*mae', 0.9419)]
    >>> models = ["sample_data/baseline.parquet", "sample_data/candidate.parquet"]
    >>> [(each.loss, round(each.difference, 4)) for each in lossctl.compare(models, ["mae", "mse"]).comparisons]
    [('mae', -4.5515), ('mse', -374.3367)]
    """
    left_out = [name for name in ("per_row", "gradient", "id") if options.get(name)]
    if left_out:
        raise UsageError(f"compare has no rows to write: leave {', '.join(left_out)} out, or use compute.")
    several = isinstance(data, list | tuple)
    models = list(data) if several else [data]  # type: ignore[call-overload]
    wanted = list(losses) if isinstance(losses, list | tuple) else [losses]
    defaults = dict(compute.__kwdefaults__ or {})
    named = keywords_of(defaults | {name: value for name, value in options.items() if name in defaults})
    own = {name: value for name, value in options.items() if name not in defaults}
    sources = [paths_of(model, at if len(models) > 1 else 0) for at, model in enumerate(models, 1)]
    return compare_all([[request_of(loss, source, own, **named) for loss in wanted] for source in sources], baseline)
