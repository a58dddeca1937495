"""A report as Markdown: tables and paragraphs for a page or a comment."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from lossctl.errors import printable
from lossctl.reports.render.layout import (
    PRECISION,
    STATISTICS,
    differences,
    has_distributions,
    has_intervals,
    interval,
    interval_head,
    leading,
    plain,
    remarks,
    row_count,
    side_by_side,
    statistic,
)
from lossctl.reports.render.lines import Line, place_columns, row_lines
from lossctl.reports.results import Evaluation, Report


def render(report: Report, precision: int | None) -> str:
    """A table of results, then statistics, remarks, findings and checks."""
    digits = precision or PRECISION
    results = side_by_side(report)
    heads = [head for head in leading(results) if head.name != "loss"]
    names = ["loss", *(head.name for head in heads)]
    places = place_columns(report)
    names += ["unit label" if column.name == "unit" else column.name for column in places]
    said: list[tuple[str, Callable[[Evaluation], str]]] = []
    if has_intervals(results):
        said.append((interval_head(results), partial(interval, precision=digits)))
    if report.comparisons:
        said.append(("difference", differences(report, digits)))
    lines = _head([*names, "value", *(name for name, _ in said), "unit", "over", "rows"]) if results else []
    for result in results:
        keys = [f"`{result.spec}`", *(head.of(result) for head in heads)]
        after = [*(of(result) for _, of in said), result.dimension, _over(result), row_count(result)]
        own = [Line(result, 0, result.value, result.reason)] if result.values is None else row_lines(result, 0)
        for line in own:
            at = [str(column.of(line)) for column in places]
            lines.append(_row([*keys, *at, plain(line.value, line.reason, digits), *after]))
    if has_distributions(results):
        lines += ["", *_head(["loss", *(head.name for head in heads), *STATISTICS])]
        for result in results:
            keys = [f"`{result.spec}`", *(head.of(result) for head in heads)]
            lines.append(_row([*keys, *(statistic(result.distribution, name, digits) for name in STATISTICS)]))
    for remark in remarks(results):
        lines += ["", remark]
    for finding in report.findings:
        lines += ["", f"**{finding.severity} {finding.code}**: {finding.message}"]
    for check in report.checks:
        lines += ["", f"**{check.status}**: {check.message}"]
    return printable("\n".join(lines).lstrip("\n") + "\n", keep="\n")


def _over(result: Evaluation) -> str:
    if result.denominator is None:
        return ""
    return "-" if result.denominator.kind == "none" else f"{result.denominator.value:,.6g} {result.denominator.kind}"


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), _row(["---"] * len(cells))]


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
