"""A report in the format that is asked for: printed, or written to files."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, Protocol

from lossctl.errors import UsageError, did_you_mean
from lossctl.reports.outputs import write_text
from lossctl.reports.render.layout import bare
from lossctl.reports.results import Report

# The formats in the order that help lists them, each with its module here, which is imported when it is asked for.
RENDERERS = {"table": "table", "json": "json", "csv": "csv", "markdown": "markdown"}


class Renderer(Protocol):
    """What every module in `RENDERERS` offers."""

    def render(self, report: Report, precision: int | None) -> str:
        """A report as text, with so many significant digits (None: as the format has them)."""


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
    elif output is None and style.format == "table" and sys.stdout.isatty():
        from lossctl.reports.render import table

        table.draw(report, style.precision)
    elif output is None:
        print(text(report, style.format, style.precision), end="")  # rich would end the process where a pipe breaks


def text(report: Report, format: str, precision: int | None) -> str:
    """A report in a format, as a file or a pipe gets it."""
    module: Renderer = import_module(f"lossctl.reports.render.{RENDERERS[format]}")
    return module.render(report, precision)


def export(text: str) -> tuple[str, str]:
    """The parts of `FORMAT=FILE`, the value of --export."""
    format, sign, path = text.partition("=")
    if not sign or not path or format not in RENDERERS:
        tip = "" if format in RENDERERS else did_you_mean(format, RENDERERS)
        raise UsageError(
            f"--export must be FORMAT=FILE, as in json=report.json, with a format of {', '.join(RENDERERS)}, "
            f"not {text!r}.{tip}"
        )
    return format, path
