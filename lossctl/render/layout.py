"""How results stand in a table: in which order, and what tells one from the other."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from lossctl.results import Evaluation, Report, sliced


class Head(NamedTuple):
    """A column that tells results apart."""

    name: str
    of: Callable[[Evaluation], str]


def side_by_side(report: Report) -> list[Evaluation]:
    """The results in the order of the report; those of several datasets beside each other, loss by loss."""
    results = report.results
    if len({result.data for result in results}) == 1:
        return list(results)
    specs = _places(result.spec for result in results)
    slices = _places(map(sliced, results))
    return sorted(results, key=lambda result: (specs[result.spec], slices[sliced(result)]))


def _places(names: Iterable[Hashable]) -> dict[Hashable, int]:
    """Where each stands in the order in which they first came."""
    return {name: at for at, name in enumerate(dict.fromkeys(names))}


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


def differences(report: Report, precision: int) -> Callable[[Evaluation], str]:
    """What a result differs by from the baseline's, as text: nothing for the baseline itself."""
    known = {(each.loss, each.candidate, sliced(each)): each.difference for each in report.comparisons}

    def said(result: Evaluation) -> str:
        key = (result.spec, result.data, sliced(result))
        found = known.get(key)
        return f"{found:+.{precision}g}" if found is not None else "-" if key in known else ""

    return said


def number(value: float, precision: int) -> str:
    """Significant digits for people: the full number is in the JSON report and in -q."""
    return f"{value:.{precision}g}"


def brief(columns: Sequence[str]) -> str:
    """The columns of a role, the first and the last where there are many."""
    return ", ".join(columns) if len(columns) <= 4 else f"{columns[0]} ... {columns[-1]} ({len(columns)})"
