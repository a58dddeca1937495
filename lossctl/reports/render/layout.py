"""What the formats for people share: the order of results, what tells them apart, numbers and remarks."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from lossctl.errors import counted, printable
from lossctl.reports.results import Comparison, Distribution, Evaluation, Report, sliced

STATISTICS = ("mean", "std", "min", "p01", "p50", "p90", "p99", "max")


class Head(NamedTuple):
    """A column that tells results apart, and its cell for a result."""

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
    """The place of each name in the order of first appearance."""
    return {name: at for at, name in enumerate(dict.fromkeys(names))}


def leading(results: Sequence[Evaluation]) -> list[Head]:
    """The columns before the value: what differs between results, and their slices."""
    heads = [Head("loss", lambda result: printable(result.spec)), Head("data", lambda result: printable(result.data))]
    roles = dict.fromkeys(role for result in results for role in result.columns)
    heads += [Head(role, partial(_bound, role)) for role in roles]
    heads = [head for head in heads if len({head.of(result) for result in results}) > 1]
    names = dict.fromkeys(name for result in results for name in result.slice or {})
    return heads + [Head(printable(name), partial(_part, name)) for name in names]


def _bound(role: str, result: Evaluation) -> str:
    return brief(result.columns.get(role, []))


def _part(name: str, result: Evaluation) -> str:
    return printable((result.slice or {}).get(name, "(all)"))


def differences(report: Report, precision: int) -> Callable[[Evaluation], str]:
    """A function that gives a result's difference from the baseline's as text, and nothing for the baseline itself."""
    found = compared(report)

    def said(result: Evaluation) -> str:
        each = found(result)
        return "" if each is None else "-" if each.difference is None else f"{each.difference:+.{precision}g}"

    return said


def compared(report: Report) -> Callable[[Evaluation], Comparison | None]:
    """A function that finds a result's comparison with the baseline; None for the baseline itself."""
    known = {(each.loss, each.candidate, sliced(each)): each for each in report.comparisons}
    return lambda result: known.get((result.spec, result.data, sliced(result)))


def has_intervals(results: Sequence[Evaluation]) -> bool:
    """Whether intervals were asked for."""
    return any(result.interval or "interval" in result.details for result in results)


def has_distributions(results: Sequence[Evaluation]) -> bool:
    """Whether distributions were asked for."""
    return any(result.distribution or "distribution" in result.details for result in results)


def interval_head(results: Sequence[Evaluation]) -> str:
    """The heading above intervals."""
    level = next((result.interval.level for result in results if result.interval), None)
    return "interval" if level is None else f"{100 * level:g} % interval"


def interval(result: Evaluation, precision: int) -> str:
    """A result's interval as text, or a dash."""
    found = result.interval
    return "-" if found is None else f"{number(found.low, precision)} to {number(found.high, precision)}"


def statistic(found: Distribution | None, name: str, precision: int) -> str:
    """One number of a distribution; percentiles of a sketch are marked."""
    value = getattr(found, name, None)
    if value is None:
        return "-"
    about = "~" if found is not None and found.approximate and name.startswith("p") else ""
    return about + number(value, precision)


def remarks(results: Sequence[Evaluation]) -> list[str]:
    """What is said once below a table: why something asked for is not there, and what a join left out."""
    said = [
        f"no {name}: {result.details[name]}"
        for name in ("interval", "distribution")
        for result in results
        if name in result.details
    ]
    said += [f"rows are {result.details['rows']}" for result in results if result.rows and "rows" in result.details]
    several = len({result.data for result in results}) > 1
    joins = ((result.data, _coverage(result.details.get("join", {}))) for result in results)
    said += [f"{data}: {line}" if several else line for data, line in joins if line]
    return list(dict.fromkeys(said))


def _coverage(join: Mapping[str, Any]) -> str:
    """How many rows a join left without a partner, as text; empty where all met."""
    lost, free = join.get("without_truth", 0), join.get("without_prediction", 0)
    parts = [f"{counted(lost, 'row without a truth is', 'rows without a truth are')} left out"] if lost else []
    parts += [f"{counted(free, 'row of the truth has', 'rows of the truth have')} no prediction"] if free else []
    return (
        f"joined {'on ' + ', '.join(join['on']) if join['on'] else 'by position'}: {'; '.join(parts)}" if parts else ""
    )


def row_count(result: Evaluation) -> str:
    """The number of rows of a result as text; a dash where nobody counted them."""
    return "-" if result.rows is None else f"{result.rows:,}"


def number(value: float, precision: int) -> str:
    """A number with so many significant digits, for people; JSON and -q have all of them."""
    return f"{value:.{precision}g}"


def brief(columns: Sequence[str]) -> str:
    """The columns of a role, the first and the last where there are many."""
    return printable(", ".join(columns) if len(columns) <= 4 else f"{columns[0]} ... {columns[-1]} ({len(columns)})")


PRECISION = 6
UNASKED = ("dry run", "not reduced")  # why there is no value where none was asked for


def bare(report: Report, precision: int | None) -> str:
    """The bare values, a line each: the whole, then its slices; or the rows or units of what is not reduced."""
    lines = []
    for result in report.results:
        if result.values is not None:
            lines += [plain(value, None, precision) for value in result.values]
        else:
            reason = result.reason if result.reason in UNASKED else None
            lines.append(plain(result.value, reason, precision))
    return "\n".join(lines)


def plain(value: float | None, reason: str | None, precision: int | None) -> str:
    """A number (in full, unless a precision is asked for), or why there is none."""
    if value is None:
        return reason or "undefined"
    return repr(value) if precision is None else f"{value:.{precision}g}"
