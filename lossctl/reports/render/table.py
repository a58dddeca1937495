"""A report as tables for people: coloured in a terminal, plain in a pipe."""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lossctl.errors import printable
from lossctl.reports.render.layout import (
    PRECISION,
    STATISTICS,
    Head,
    brief,
    differences,
    has_intervals,
    interval,
    interval_head,
    leading,
    number,
    remarks,
    row_count,
    side_by_side,
    statistic,
)
from lossctl.reports.results import Check, Evaluation, Finding, Report

STYLES = {"info": "dim", "warning": "yellow", "error": "red", "pass": "green", "fail": "red"}
WIDE = 10_000  # a pipe has no width: nothing is wrapped or cut


def draw(report: Report, precision: int | None) -> None:
    """Draw a report in the terminal that stdout is."""
    _print(report, Console(), precision or PRECISION)


def render(report: Report, precision: int | None) -> str:
    """The tables as plain text, without colours and as wide as they need to be."""
    buffer = StringIO()
    _print(report, Console(file=buffer, width=WIDE, color_system=None), precision or PRECISION)
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
    if report.results:
        yield from _evaluated(report, terminal, precision)
    for check in report.checks:
        yield _check(check)


def _evaluated(report: Report, terminal: bool, precision: int) -> Iterator["Text | Table"]:
    results = side_by_side(report)
    whole, heads = results[0], leading(results)
    names = dict.fromkeys(head.name for head in heads)
    specs, data = ([getattr(result, name) for result in results] for name in ("spec", "data"))
    title = f"{len(set(specs))} losses" if "loss" in names else printable(whole.spec)
    where = f"{len(set(data))} datasets" if "data" in names else printable(whole.data)
    yield Text.assemble((title, "bold"), f" on {where}")
    roles = (f"{role}: {brief(columns)}" for role, columns in whole.columns.items() if role not in names)
    if said := "  ".join(roles):
        yield Text(said, style="dim")
    yield _values(report, results, heads, terminal, precision)
    if any(result.distribution for result in results):
        yield _distributions(results, heads, terminal, precision)
    for remark in remarks(results):
        yield Text(printable(remark), style="dim")
    if whole.terms and "loss" not in names:
        yield _terms(whole, terminal, precision)
    if whole.values is not None:
        yield Text("\n".join(number(value, precision) if value is not None else "undefined" for value in whole.values))
    for finding in report.findings:
        yield Text(
            printable(f"{finding.severity} {finding.code}{_about(finding, report, heads)}: {finding.message}", "\n"),
            style=STYLES[finding.severity],
        )


def _about(finding: Finding, report: Report, heads: Sequence[Head]) -> str:
    """Which losses and datasets a finding concerns, in parentheses; nothing where there is only one of each."""
    told = [head for head in heads if head.name in ("loss", "data")]
    found = ("; ".join(head.of(report.results[at]) for head in told) for at in finding.results)
    return f" ({', '.join(dict.fromkeys(found))})" if told else ""


def _values(
    report: Report, results: Sequence[Evaluation], heads: Sequence[Head], terminal: bool, precision: int
) -> Table:
    table = _table(terminal)
    for head in heads:
        table.add_column(escape(head.name), overflow="fold")
    table.add_column("value", justify="right", style="bold", no_wrap=True)
    intervals = has_intervals(results)
    if intervals:
        table.add_column(interval_head(results), no_wrap=True)
    if report.comparisons:
        table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("unit", overflow="fold")
    reductions = {result.reduction for result in results}
    table.add_column(
        f"{results[0].reduction} over" if len(reductions) == 1 else "over", justify="right", overflow="fold"
    )
    table.add_column("rows", justify="right", no_wrap=True)
    extra = [name for name in ("units", "skipped", "ignored") if any(getattr(result, name) for result in results)]
    for name in extra:
        table.add_column(name, justify="right", no_wrap=True)
    moved = differences(report, precision)
    for result in results:
        keys = [escape(head.of(result)) for head in heads]
        counts = [f"{getattr(result, name) or 0:,}" for name in extra]
        value = number(result.value, precision) if result.value is not None else printable(f"({result.reason})")
        extras = [interval(result, precision)] if intervals else []
        extras += [moved(result)] if report.comparisons else []
        over = _denominator(result) if len(reductions) == 1 else f"{result.reduction}: {_denominator(result)}"
        table.add_row(*keys, value, *extras, result.dimension, over, row_count(result), *counts)
    return table


def _distributions(results: Sequence[Evaluation], heads: Sequence[Head], terminal: bool, precision: int) -> Table:
    """The table of --stats, a line per result."""
    table = _table(terminal)
    for head in heads:
        table.add_column(escape(head.name), overflow="fold")
    for heading in STATISTICS:
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        keys = [escape(head.of(result)) for head in heads]
        table.add_row(*keys, *(statistic(result.distribution, name, precision) for name in STATISTICS))
    return table


def _terms(result: Evaluation, terminal: bool, precision: int) -> Table:
    table = _table(terminal)
    for heading in ("factor", "value"):
        table.add_column(heading, justify="right")
    table.add_column("term", overflow="fold")
    for term in result.terms or []:
        value = number(term.value, precision) if term.value is not None else printable(f"({term.reason})")
        table.add_row(f"{term.factor:g}", value, escape(printable(term.spec)))
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
    return Text(printable(f"{check.status}: {check.message}", "\n"), style=STYLES.get(check.status, "red"))
