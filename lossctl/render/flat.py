"""Reports as one flat table: CSV for programs, Markdown for pages."""

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import StringIO
from math import isinf
from typing import Any, NamedTuple, TypeAlias

from lossctl.errors import printable
from lossctl.render import PRECISION, plain
from lossctl.render.layout import (
    STATISTICS,
    compared,
    differences,
    has_distributions,
    has_intervals,
    interval,
    interval_head,
    leading,
    remarks,
    row_count,
    side_by_side,
    statistic,
)
from lossctl.results import Check, Evaluation, Report

BOUNDS = {"<=": "max", ">=": "min"}
FIXED = ("value", "reason", "dimension", "reduction", "denominator_kind", "denominator", "rows", "skipped", "units")
Said: TypeAlias = Callable[[float | None], str]


class Line(NamedTuple):
    """A value and what it is of: the one of a result, or one of those that are not reduced."""

    result: Evaluation
    at: int
    value: float | None
    reason: str | None
    place: int | None = None


class Column(NamedTuple):
    """A column that is there because it was asked for."""

    name: str
    of: Callable[[Line], object]


def csv_text(report: Report, precision: int | None) -> str:
    """A line per result (or per value that is not reduced), numbers in full; an undefined value is an empty cell."""
    names, checked = _slices(report), _checks(report)

    def said(value: float | None) -> str:
        return "" if value is None else plain(value, None, precision)

    columns = [*_places(report), *_differences(report, said), *_intervals(report, said)]
    columns += [*_statistics(report, said), *_bounds(report)]
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["spec", "data", *names, *FIXED, *(column.name for column in columns)])
    for line in _lines(report):
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
    left = len(columns) - sum(len(_bound(op)) for op in checked)
    for check in report.checks:
        if check.result is None:  # nothing could be evaluated: the check stands alone
            cells = [cell for op in checked for cell in (_cells(check) if op == check.op else [""] * len(_bound(op)))]
            writer.writerow([*[""] * (2 + len(names)), "", check.message, *[""] * (len(FIXED) - 2 + left), *cells])
    return buffer.getvalue()


def _lines(report: Report) -> Iterator[Line]:
    for index, result in enumerate(report.results):
        if result.values is None:
            yield Line(result, index, result.value, result.reason)
        else:
            yield from _apart(result, index)


def _apart(result: Evaluation, index: int) -> Iterator[Line]:
    for place, value in enumerate(result.values or []):
        reason = "undefined" if value is None else "infinite" if isinf(value) else None
        yield Line(result, index, value, reason, place)


def _places(report: Report) -> list[Column]:
    names = dict.fromkeys(name for result in report.results for name in result.places or {})
    return [Column(name, partial(_place, name)) for name in names]


def _place(name: str, line: Line) -> object:
    places = (line.result.places or {}).get(name)
    return "" if places is None or line.place is None else places[line.place]


def _differences(report: Report, said: Said) -> list[Column]:
    found = compared(report)

    def baseline(line: Line) -> str:
        each = found(line.result)
        return "" if each is None else each.baseline

    def difference(line: Line) -> str:
        each = found(line.result)
        return "" if each is None else said(each.difference)

    return [Column("baseline", baseline), Column("difference", difference)] if report.comparisons else []


def _intervals(report: Report, said: Said) -> list[Column]:
    def end(name: str, line: Line) -> str:
        return said(getattr(line.result.interval, name, None))

    def level(line: Line) -> str:
        return "" if line.result.interval is None else repr(line.result.interval.level)

    columns = [Column(f"ci_{name}", partial(end, name)) for name in ("low", "high")] + [Column("ci_level", level)]
    return [*columns, Column("ci_reason", partial(_reason, "interval"))] if has_intervals(report.results) else []


def _statistics(report: Report, said: Said) -> list[Column]:
    def value(name: str, line: Line) -> str:
        return said(getattr(line.result.distribution, name, None))

    def approximate(line: Line) -> object:
        found = line.result.distribution
        return "" if found is None or found.approximate is None else repr(found.approximate["relative_error"])

    if not has_distributions(report.results):
        return []
    columns = [Column(name, partial(value, name)) for name in STATISTICS]
    return [*columns, Column("approximate", approximate), Column("stats_reason", partial(_reason, "distribution"))]


def _reason(name: str, line: Line) -> object:
    """Why there is no interval, or no distribution."""
    return line.result.details.get(name, "")


def _checks(report: Report) -> dict[str, dict[int | None, Check]]:
    """The checks by bound and result."""
    found: dict[str, dict[int | None, Check]] = {}
    for check in report.checks:
        found.setdefault(check.op, {})[check.result] = check
    return found


def _bounds(report: Report) -> list[Column]:
    return [
        Column(name, partial(_checked, own, at))
        for op, own in _checks(report).items()
        for at, name in enumerate(_bound(op))
    ]


def _bound(op: str) -> list[str]:
    return [f"{BOUNDS[op]}_{name}" for name in ("threshold", "status", "check")]


def _checked(own: dict[int | None, Check], at: int, line: Line) -> str:
    check = own.get(line.at)
    return "" if check is None else _cells(check)[at]


def _cells(check: Check) -> list[str]:
    return [repr(check.threshold), check.status, check.id]


def markdown(report: Report, precision: int | None) -> str:
    """A table for a page, then statistics, findings and checks."""
    digits = precision or PRECISION
    results = side_by_side(report)
    heads = [head for head in leading(results) if head.name != "loss"]
    names = ["loss", *(head.name for head in heads)]
    places = _places(report)
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
        own = [Line(result, 0, result.value, result.reason)] if result.values is None else _apart(result, 0)
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


def _slices(report: Report) -> list[str]:
    return list(dict.fromkeys(name for result in report.results for name in result.slice or {}))


def _over(result: Evaluation) -> str:
    if result.denominator is None:
        return ""
    return "-" if result.denominator.kind == "none" else f"{result.denominator.value:,.6g} {result.denominator.kind}"


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), _row(["---"] * len(cells))]


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
