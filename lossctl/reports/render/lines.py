"""A report as lines of columns, which flat formats share."""

from collections.abc import Callable, Iterator
from functools import partial
from math import isinf
from typing import NamedTuple, TypeAlias

from lossctl.reports.render.layout import STATISTICS, compared, has_distributions, has_intervals
from lossctl.reports.results import Check, Evaluation, Report

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


def lines_of(report: Report) -> Iterator[Line]:
    """A line per evaluation, or per value of one that is not reduced."""
    for index, result in enumerate(report.results):
        if result.values is None:
            yield Line(result, index, result.value, result.reason)
        else:
            yield from row_lines(result, index)


def row_lines(result: Evaluation, index: int) -> Iterator[Line]:
    """A line per value of an evaluation that is not reduced."""
    for place, value in enumerate(result.values or []):
        reason = "undefined" if value is None else "infinite" if isinf(value) else None
        yield Line(result, index, value, reason, place)


def place_columns(report: Report) -> list[Column]:
    """The columns that name rows or units."""
    names = dict.fromkeys(name for result in report.results for name in result.places or {})
    return [Column(name, partial(_place, name)) for name in names]


def _place(name: str, line: Line) -> object:
    places = (line.result.places or {}).get(name)
    return "" if places is None or line.place is None else places[line.place]


def difference_columns(report: Report, said: Said) -> list[Column]:
    """What each value differs by from that of the baseline."""
    found = compared(report)

    def baseline(line: Line) -> str:
        each = found(line.result)
        return "" if each is None else each.baseline

    def difference(line: Line) -> str:
        each = found(line.result)
        return "" if each is None else said(each.difference)

    return [Column("baseline", baseline), Column("difference", difference)] if report.comparisons else []


def interval_columns(report: Report, said: Said) -> list[Column]:
    """The ends of intervals, and how they were found."""

    def end(name: str, line: Line) -> str:
        return said(getattr(line.result.interval, name, None))

    def level(line: Line) -> str:
        return "" if line.result.interval is None else repr(line.result.interval.level)

    columns = [Column(f"ci_{name}", partial(end, name)) for name in ("low", "high")] + [Column("ci_level", level)]
    return [*columns, Column("ci_reason", partial(_reason, "interval"))] if has_intervals(report.results) else []


def statistic_columns(report: Report, said: Said) -> list[Column]:
    """The statistics of distributions."""

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


def checks_by_bound(report: Report) -> dict[str, dict[int | None, Check]]:
    """The checks by bound and result."""
    found: dict[str, dict[int | None, Check]] = {}
    for check in report.checks:
        found.setdefault(check.op, {})[check.result] = check
    return found


def bound_columns(report: Report) -> list[Column]:
    """The bounds that values are held against."""
    return [
        Column(name, partial(_checked, own, at))
        for op, own in checks_by_bound(report).items()
        for at, name in enumerate(bound_names(op))
    ]


def bound_names(op: str) -> list[str]:
    """The three columns of a bound."""
    return [f"{BOUNDS[op]}_{name}" for name in ("threshold", "status", "check")]


def _checked(own: dict[int | None, Check], at: int, line: Line) -> str:
    check = own.get(line.at)
    return "" if check is None else check_cells(check)[at]


def check_cells(check: Check) -> list[str]:
    """Their cells."""
    return [repr(check.threshold), check.status, check.id]


def slice_names(report: Report) -> list[str]:
    """The columns that slices are cut by."""
    return list(dict.fromkeys(name for result in report.results for name in result.slice or {}))
