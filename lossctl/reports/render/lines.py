"""A report as lines and columns: what CSV and Markdown share."""

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
    """A value with its result (the one `at` this place in the report): the result's own, or that of a row or unit.

    `place` is where a row or unit stands among the values of its result; None for the result's own value.
    """

    result: Evaluation
    at: int
    value: float | None
    reason: str | None
    place: int | None = None


class Column(NamedTuple):
    """A column that only some reports have, and its cell for a line."""

    name: str
    of: Callable[[Line], object]


def lines_of(report: Report) -> Iterator[Line]:
    """A line per result, or per row or unit of a result that is not reduced."""
    for index, result in enumerate(report.results):
        if result.values is None:
            yield Line(result, index, result.value, result.reason)
        else:
            yield from row_lines(result, index)


def row_lines(result: Evaluation, index: int) -> Iterator[Line]:
    """A line per row or unit of a result that is not reduced."""
    for place, value in enumerate(result.values or []):
        reason = "undefined" if value is None else "infinite" if isinf(value) else None
        yield Line(result, index, value, reason, place)


def place_columns(report: Report) -> list[Column]:
    """The columns that tell which row or unit a line is of."""
    names = dict.fromkeys(name for result in report.results for name in result.places or {})
    return [Column(name, partial(_place, name)) for name in names]


def _place(name: str, line: Line) -> object:
    places = (line.result.places or {}).get(name)
    return "" if places is None or line.place is None else places[line.place]


def difference_columns(report: Report, said: Said) -> list[Column]:
    """The columns of a comparison: the baseline, and the difference from it."""
    found = compared(report)

    def baseline(line: Line) -> str:
        each = found(line.result)
        return "" if each is None else each.baseline

    def difference(line: Line) -> str:
        each = found(line.result)
        return "" if each is None else said(each.difference)

    return [Column("baseline", baseline), Column("difference", difference)] if report.comparisons else []


def interval_columns(report: Report, said: Said) -> list[Column]:
    """The columns of intervals: both ends, the level, and why there is none."""

    def end(name: str, line: Line) -> str:
        return said(getattr(line.result.interval, name, None))

    def level(line: Line) -> str:
        return "" if line.result.interval is None else repr(line.result.interval.level)

    columns = [Column(f"ci_{name}", partial(end, name)) for name in ("low", "high")] + [Column("ci_level", level)]
    return [*columns, Column("ci_reason", partial(_reason, "interval"))] if has_intervals(report.results) else []


def statistic_columns(report: Report, said: Said) -> list[Column]:
    """The columns of distributions: their statistics, the error of percentiles, and why there are none."""

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
    """Why a result has no interval, or no distribution (`name`); empty where it has, or none was asked for."""
    return line.result.details.get(name, "")


def checks_by_bound(report: Report) -> dict[str, dict[int | None, Check]]:
    """The checks by the operator of their bound, then by the place of their result."""
    found: dict[str, dict[int | None, Check]] = {}
    for check in report.checks:
        found.setdefault(check.op, {})[check.result] = check
    return found


def bound_columns(report: Report) -> list[Column]:
    """The columns of checks: three per bound."""
    return [
        Column(name, partial(_checked, own, at))
        for op, own in checks_by_bound(report).items()
        for at, name in enumerate(bound_names(op))
    ]


def bound_names(op: str) -> list[str]:
    """The names of the three columns of a bound."""
    return [f"{BOUNDS[op]}_{name}" for name in ("threshold", "status", "check")]


def _checked(own: dict[int | None, Check], at: int, line: Line) -> str:
    check = own.get(line.at)
    return "" if check is None else check_cells(check)[at]


def check_cells(check: Check) -> list[str]:
    """A check as the cells of its three columns: threshold, status, id."""
    return [repr(check.threshold), check.status, check.id]


def slice_names(report: Report) -> list[str]:
    """The columns that slices are cut by."""
    return list(dict.fromkeys(name for result in report.results for name in result.slice or {}))
