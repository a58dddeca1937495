"""A report as JSON."""

from lossctl.reports.results import Report


def render(report: Report, precision: int | None) -> str:
    """The whole report; its numbers are always written in full."""
    return report.to_json() + "\n"
