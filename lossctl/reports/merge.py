"""Several reports as one."""

from collections.abc import Iterable
from dataclasses import replace

from lossctl.reports.results import Check, Comparison, Report


def joined(command: str, reports: Iterable[Report], comparisons: Iterable[Comparison] = ()) -> Report:
    """One report of the results of several, in their order; an input that several read stands once."""
    whole = Report(command, [], [], comparisons=list(comparisons))
    for report in reports:
        before = len(whole.results)
        whole.inputs.extend(item for item in report.inputs if item not in whole.inputs)
        whole.results.extend(report.results)
        whole.checks.extend(
            each if each.result is None else each._replace(result=before + each.result) for each in report.checks
        )
        whole.findings.extend(replace(each, results=[before + at for at in each.results]) for each in report.findings)
    return whole


def named_checks(report: Report, name: str) -> list[Check]:
    """A report's checks, each with a name before its id and its message."""
    return [each._replace(id=f"{name}: {each.id}", message=f"{name}: {each.message}") for each in report.checks]
