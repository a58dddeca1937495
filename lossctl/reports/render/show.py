"""A report in the format that is asked for."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lossctl.errors import UsageError, did_you_mean
from lossctl.reports.outputs import write_text
from lossctl.reports.render.layout import PRECISION, bare
from lossctl.reports.results import Report

FORMATS = ("table", "json", "csv", "markdown")


class Style(NamedTuple):
    """How a report is shown: format, significant digits (None: each format's own), the bare number alone."""

    format: str = "table"
    precision: int | None = None
    quiet: bool = False


def show_report(report: Report, style: Style, output: str | None, exports: Sequence[tuple[str, str]]) -> None:
    """Write the files that are asked for, then print; a report that goes to a file is not printed too."""
    for format, path in exports:
        write_text(path, text(report, format, style.precision))
    if output is not None:
        write_text(output, text(report, style.format, style.precision))
    if style.quiet:
        print(bare(report, style.precision))
    elif output is None and style.format == "table":
        from lossctl.reports.render import table

        table.show(report, style.precision or PRECISION)
    elif output is None:
        print(text(report, style.format, style.precision), end="")


def text(report: Report, format: str, precision: int | None) -> str:
    """A report in a format, as a file gets it."""
    return _renderer(format)(report, precision)


def _renderer(format: str) -> Callable[[Report, int | None], str]:
    match format:
        case "json":
            return lambda report, precision: report.to_json() + "\n"
        case "csv":
            from lossctl.reports.render import csv, markdown

            return csv.csv_text
        case "markdown":
            from lossctl.reports.render import csv, markdown

            return markdown.markdown
        case _:
            from lossctl.reports.render import table

            return lambda report, precision: table.text(report, precision or PRECISION)


def export(text: str) -> tuple[str, str]:
    """`FORMAT=FILE` as its parts."""
    format, sign, path = text.partition("=")
    if not sign or not path or format not in FORMATS:
        tip = "" if format in FORMATS else did_you_mean(format, FORMATS)
        raise UsageError(
            f"--export must be FORMAT=FILE, as in json=report.json, with a format of {', '.join(FORMATS)}, "
            f"not {text!r}.{tip}"
        )
    return format, path
