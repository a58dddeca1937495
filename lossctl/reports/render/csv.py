"""A report as CSV: a line per value, for other programs."""

import csv
from io import StringIO

from lossctl.reports.render.layout import plain
from lossctl.reports.render.lines import (
    FIXED,
    bound_columns,
    bound_names,
    check_cells,
    checks_by_bound,
    difference_columns,
    interval_columns,
    lines_of,
    place_columns,
    slice_names,
    statistic_columns,
)
from lossctl.reports.results import Report


def render(report: Report, precision: int | None) -> str:
    """A line per result (or per value that is not reduced), numbers in full; an undefined value is an empty cell."""
    names, checked = slice_names(report), checks_by_bound(report)

    def said(value: float | None) -> str:
        return "" if value is None else plain(value, None, precision)

    columns = [*place_columns(report), *difference_columns(report, said), *interval_columns(report, said)]
    columns += [*statistic_columns(report, said), *bound_columns(report)]
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["spec", "data", *names, *FIXED, *(column.name for column in columns)])
    for line in lines_of(report):
        result, parts = line.result, line.result.slice or {}
        denominator = result.denominator
        writer.writerow(
            [
                result.spec,
                result.data,
                *(parts.get(name, "") for name in names),
                said(line.value),
                line.reason or "",
                result.dimension,
                result.reduction,
                denominator.kind if denominator else "",
                repr(denominator.value) if denominator else "",
                "" if result.rows is None else result.rows,
                result.skipped,
                "" if result.units is None else result.units,
                *(column.of(line) for column in columns),
            ]
        )
    left = len(columns) - sum(len(bound_names(op)) for op in checked)
    for check in report.checks:
        if check.result is None:  # nothing could be evaluated: the check stands alone
            cells = [
                cell
                for op in checked
                for cell in (check_cells(check) if op == check.op else [""] * len(bound_names(op)))
            ]
            writer.writerow([*[""] * (2 + len(names)), "", check.message, *[""] * (len(FIXED) - 2 + left), *cells])
    return buffer.getvalue()
