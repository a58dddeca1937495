"""Reports as one flat table: CSV for programs, Markdown for pages."""

import csv
from io import StringIO

from lossctl.render import PRECISION, plain
from lossctl.render.layout import differences, leading, side_by_side
from lossctl.results import Evaluation, Report


def csv_text(report: Report, precision: int | None) -> str:
    """A line per result, numbers in full; an undefined value is an empty cell beside its reason."""
    names = _slices(report)
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    fixed = ("value", "reason", "dimension", "reduction", "denominator_kind", "denominator", "rows", "skipped", "units")
    writer.writerow(["spec", "data", *names, *fixed])
    for result in report.results:
        denominator = result.denominator
        writer.writerow(
            [
                result.spec,
                result.data,
                *((result.slice or {}).get(name, "") for name in names),
                "" if result.value is None else plain(result.value, None, precision),
                result.reason or "",
                result.dimension,
                result.reduction,
                denominator.kind if denominator else "",
                repr(denominator.value) if denominator else "",
                result.rows,
                result.skipped,
                "" if result.units is None else result.units,
            ]
        )
    return buffer.getvalue()


def markdown(report: Report, precision: int | None) -> str:
    """A table for a page, then findings and checks."""
    results = side_by_side(report)
    heads = [head for head in leading(results) if head.name != "loss"]
    compared = ["difference"] if report.comparisons else []
    lines = [_row(["loss", *(head.name for head in heads), "value", *compared, "unit", "over", "rows"])]
    lines.append(_row(["---"] * (len(heads) + len(compared) + 5)))
    moved = differences(report, precision or PRECISION)
    for result in results:
        keys = [head.of(result) for head in heads]
        value = plain(result.value, result.reason, precision or PRECISION)
        apart = [moved(result)] if report.comparisons else []
        cells = [f"`{result.spec}`", *keys, value, *apart, result.dimension, _over(result), f"{result.rows:,}"]
        lines.append(_row(cells))
    for finding in report.findings:
        lines += ["", f"**{finding.severity} {finding.code}**: {finding.message}"]
    for check in report.checks:
        lines += ["", f"**{check.status}**: {check.message}"]
    return "\n".join(lines) + "\n"


def _slices(report: Report) -> list[str]:
    return list(dict.fromkeys(name for result in report.results for name in result.slice or {}))


def _over(result: Evaluation) -> str:
    return f"{result.denominator.value:,.6g} {result.denominator.kind}" if result.denominator else ""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
