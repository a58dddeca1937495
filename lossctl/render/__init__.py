"""Reports as text: pure functions of results, and the one function that prints or writes them."""

from lossctl.outputs import write_text
from lossctl.results import Report


def show_report(report: Report, format: str, output: str | None, quiet: bool) -> None:
    """Print a report, or write it to a file; `quiet` prints the bare number of each result."""
    if output is not None:
        write_text(output, _text(report, format))
    if quiet:
        print(bare(report))
    elif output is None:
        if format == "table":
            from lossctl.render import table

            table.show(report)
        else:
            print(_text(report, format), end="")


def _text(report: Report, format: str) -> str:
    if format == "json":
        return report.to_json() + "\n"
    from lossctl.render import table

    return table.text(report)


def bare(report: Report) -> str:
    """The value of the whole and of each slice, a line each; values that are not reduced, a line each."""
    lines = []
    for result in report.results:
        if result.values is not None:
            lines += [plain(value, None) for value in result.values]
        else:
            lines.append(plain(result.value, result.reason))
    return "\n".join(lines)


def plain(value: float | None, reason: str | None) -> str:
    """A number in full precision, or why there is none."""
    return repr(value) if value is not None else (reason or "undefined")
