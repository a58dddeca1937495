"""Reports as tables for people: coloured in a terminal, plain in a pipe."""

import sys
from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lossctl.results import Check, Distribution, Evaluation, Report

STYLES = {"info": "dim", "warning": "yellow", "error": "red", "pass": "green", "fail": "red"}
STATISTICS = ("mean", "std", "min", "p01", "p50", "p90", "p99", "max")
WIDE = 10_000  # a pipe has no width: nothing is wrapped or cut


def show(report: Report, precision: int) -> None:
    """Print to stdout."""
    if sys.stdout.isatty():
        _print(report, Console(), precision)
    else:
        print(text(report, precision), end="")  # not by rich, which ends the process where a pipe breaks


def text(report: Report, precision: int) -> str:
    """The plain text, as a file gets it."""
    buffer = StringIO()
    _print(report, Console(file=buffer, width=WIDE, color_system=None), precision)
    return buffer.getvalue()


def _print(report: Report, console: Console, precision: int) -> None:
    for part in _parts(report, console.is_terminal, precision):
        shown: Iterable[Text | Table] = [part]
        if isinstance(part, Table) and _natural_width(part, console) > console.width:
            shown = _upright(part)
        for item in shown:
            console.print(item, soft_wrap=isinstance(item, Text))


def _natural_width(part: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update_width(WIDE), part).maximum


def _upright(table: Table) -> Iterator[Text]:
    """A table that is wider than the terminal as a paragraph per row: columns squeezed together hide their digits."""
    names = [str(column.header) for column in table.columns]
    width = max(map(len, names))
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        yield Text()
        for name, cell in zip(names, cells, strict=True):
            yield Text.assemble((f"{name:<{width}}  ", "dim"), Text.from_markup(str(cell)))


def _parts(report: Report, terminal: bool, precision: int) -> Iterator["Text | Table"]:
    if not report.results:
        return
    whole = report.results[0]
    yield Text.assemble((whole.spec, "bold"), f" on {whole.data}")
    yield Text("  ".join(f"{role}: {_brief(columns)}" for role, columns in whole.columns.items()), style="dim")
    yield _values(report.results, terminal, precision)
    if any(result.distribution for result in report.results):
        yield _distributions(report.results, terminal, precision)
    for name in ("interval", "distribution"):
        for reason in dict.fromkeys(result.details[name] for result in report.results if name in result.details):
            yield Text(f"no {name}: {reason}", style="dim")
    if whole.terms:
        yield _terms(whole, terminal, precision)
    if whole.values is not None:
        yield Text("\n".join(number(value, precision) if value is not None else "undefined" for value in whole.values))
    for finding in report.findings:
        yield Text(f"{finding.severity} {finding.code}: {finding.message}", style=STYLES[finding.severity])
    for check in report.checks:
        yield _check(check)


def _values(results: list[Evaluation], terminal: bool, precision: int) -> Table:
    table = _table(terminal)
    whole = results[0]
    names = list(dict.fromkeys(name for result in results for name in result.slice or {}))
    for name in names:
        table.add_column(escape(name), overflow="fold")
    table.add_column("value", justify="right", style="bold", no_wrap=True)
    intervals = any(result.interval or "interval" in result.details for result in results)
    if intervals:
        level = next((result.interval.level for result in results if result.interval), None)
        table.add_column("interval" if level is None else f"{100 * level:g} % interval", no_wrap=True)
    table.add_column("unit", overflow="fold")
    table.add_column(f"{whole.reduction} over", justify="right", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    extra = [name for name in ("units", "skipped", "ignored") if any(getattr(result, name) for result in results)]
    for name in extra:
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        keys = [escape((result.slice or {}).get(name, "(all)")) for name in names]
        counts = [f"{getattr(result, name) or 0:,}" for name in extra]
        value = number(result.value, precision) if result.value is not None else f"({result.reason})"
        interval = [_interval(result, precision)] if intervals else []
        table.add_row(*keys, value, *interval, result.dimension, _denominator(result), f"{result.rows:,}", *counts)
    return table


def _interval(result: Evaluation, precision: int) -> str:
    found = result.interval
    return "-" if found is None else f"{number(found.low, precision)} to {number(found.high, precision)}"


def _distributions(results: list[Evaluation], terminal: bool, precision: int) -> Table:
    """A line per slice: what --stats tells; percentiles of a sketch are marked."""
    table = _table(terminal)
    names = list(dict.fromkeys(name for result in results for name in result.slice or {}))
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for heading in STATISTICS:
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        keys = [escape((result.slice or {}).get(name, "(all)")) for name in names]
        table.add_row(*keys, *(_statistic(result.distribution, name, precision) for name in STATISTICS))
    return table


def _statistic(found: Distribution | None, name: str, precision: int) -> str:
    value = getattr(found, name, None)
    if value is None:
        return "-"
    about = "~" if found is not None and found.approximate and name.startswith("p") else ""
    return about + number(value, precision)


def _terms(result: Evaluation, terminal: bool, precision: int) -> Table:
    table = _table(terminal)
    for heading in ("factor", "value"):
        table.add_column(heading, justify="right")
    table.add_column("term", overflow="fold")
    for term in result.terms or []:
        value = number(term.value, precision) if term.value is not None else f"({term.reason})"
        table.add_row(f"{term.factor:g}", value, escape(term.spec))
    return table


def _table(terminal: bool) -> Table:
    from rich import box

    return Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="dim")


def _denominator(result: Evaluation) -> str:
    if result.denominator is None or result.denominator.kind == "none":
        return "-"
    value, kind = result.denominator.value, result.denominator.kind
    kind = kind.removesuffix("s") if value == 1 and not kind.endswith("weights") else kind
    return f"{value:,.0f} {kind}" if value.is_integer() else f"{value:,.6g} {kind}"


def _check(check: Check) -> Text:
    return Text(f"{check.status}: {check.message}", style=STYLES.get(check.status, "red"))


def number(value: float, precision: int) -> str:
    """Significant digits for people: the full number is in the JSON report and in -q."""
    return f"{value:.{precision}g}"


def _brief(columns: list[str]) -> str:
    return ", ".join(columns) if len(columns) <= 4 else f"{columns[0]} ... {columns[-1]} ({len(columns)})"
