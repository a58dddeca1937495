"""How results stand in a table: in which order, and what tells one from the other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from lossctl.results import Comparison, Evaluation, Report


class Head(NamedTuple):
    """A column that tells results apart."""

    name: str
    of: Callable[[Evaluation], str]


def side_by_side(report: Report) -> list[Evaluation]:
    """The results in the order of the report; those of several datasets beside each other, loss by loss."""
    results = report.results
    if len({result.data for result in results}) == 1:
        return list(results)
    specs = {result.spec: None for result in results}
    slices = {_slice(result): None for result in results}
    order = [(spec, cut) for spec in specs for cut in slices]
    return sorted(results, key=lambda result: order.index((result.spec, _slice(result))))


def leading(results: Sequence[Evaluation]) -> list[Head]:
    """The columns before the value: what differs between results, and their slices."""
    heads = [Head("loss", lambda result: result.spec), Head("data", lambda result: result.data)]
    roles = dict.fromkeys(role for result in results for role in result.columns)
    heads += [Head(role, partial(_bound, role)) for role in roles]
    heads = [head for head in heads if len({head.of(result) for result in results}) > 1]
    names = dict.fromkeys(name for result in results for name in result.slice or {})
    return heads + [Head(name, partial(_part, name)) for name in names]


def _bound(role: str, result: Evaluation) -> str:
    return brief(result.columns.get(role, []))


def _part(name: str, result: Evaluation) -> str:
    return (result.slice or {}).get(name, "(all)")


def difference(report: Report, result: Evaluation, precision: int) -> str:
    """What a result differs by from the baseline's."""
    found = next((each for each in report.comparisons if _is_of(each, result)), None)
    return "" if found is None else "-" if found.difference is None else f"{found.difference:+.{precision}g}"


def _is_of(comparison: Comparison, result: Evaluation) -> bool:
    same = comparison.candidate == result.data and comparison.loss == result.spec
    return same and dict(comparison.slice or {}) == dict(result.slice or {})


def number(value: float, precision: int) -> str:
    """Significant digits for people: the full number is in the JSON report and in -q."""
    return f"{value:.{precision}g}"


def brief(columns: Sequence[str]) -> str:
    """The columns of a role, the first and the last where there are many."""
    return ", ".join(columns) if len(columns) <= 4 else f"{columns[0]} ... {columns[-1]} ({len(columns)})"


def _slice(result: Evaluation) -> tuple[tuple[str, str], ...]:
    return tuple((result.slice or {}).items())
