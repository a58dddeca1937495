"""A report as a data frame; the one module that knows pandas, which is imported where a frame is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from lossctl.reports.results import Report

NAMES = ("loss", "spec", "data", "value", "reason", "reduction", "rows", "skipped", "ignored", "units", "dimension")


def data_frame(report: "Report") -> "pd.DataFrame":
    """A row per result: the slice's columns, those of `NAMES`, and what the value was divided by."""
    import pandas as pd

    rows = []
    for item in report.results:
        denominator = item.denominator
        sized = {"over": denominator.kind, "denominator": denominator.value} if denominator else {}
        rows.append({**(item.slice or {}), **{name: getattr(item, name) for name in NAMES}, **sized})
    return pd.DataFrame(rows)
