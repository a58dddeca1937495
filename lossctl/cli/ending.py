"""How a command ends: its report shown or written, and its exit code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lossctl.cli.request import texts

if TYPE_CHECKING:
    from lossctl.reports.render.show import Style
    from lossctl.reports.results import Report


class Output(NamedTuple):
    """Where a report goes, and how it is shown."""

    style: "Style"
    file: str | None
    exports: list[tuple[str, str]]


def output_of(values: dict[str, object], files: Sequence[str]) -> Output:
    """The output options, checked: no file that is read or written twice is written, and all of them could be."""
    from lossctl.reports.outputs import check_apart, check_writable
    from lossctl.reports.render.show import Style, export

    exports = [export(text) for text in texts(values["export"])]
    file = None if values["output"] is None else str(values["output"])
    written = [path for _, path in exports] + ([] if file is None else [file])
    per_row, truth = (None if values.get(name) is None else str(values[name]) for name in ("per_row", "truth"))
    check_apart([*written, *([per_row] if per_row else [])], [*files, *([truth] if truth else [])])
    for path in written:
        check_writable(path)
    precision = values["precision"]
    style = Style(str(values["format"]), precision if isinstance(precision, int) else None, bool(values["quiet"]))
    return Output(style, file, exports)


def show(report: "Report", output: Output) -> int:
    """Print a report or write it to files, complain about values that are missing, and return the exit code."""
    from lossctl.cli.say import complain
    from lossctl.errors import EXIT_MISUSE
    from lossctl.reports.render.show import show_report

    show_report(report, output.style, output.file, output.exports)
    code = exit_code(report)
    if code == EXIT_MISUSE:
        losses = dict.fromkeys(item.loss for item in report.results if item.value is None)
        complain(f"{', '.join(losses)} could not be evaluated everywhere: {_reasons(report)}.")
    return code


def _reasons(report: "Report") -> str:
    """Why values are missing, as text; each reason once."""
    found = {item.reason: None for item in report.results if item.value is None and item.reason != "infinite"}
    return "; ".join(reason or "undefined" for reason in found)


def exit_code(report: "Report") -> int:
    """The exit code that a report asks for: 2 where something could not be evaluated, 1 where a check failed."""
    from lossctl.errors import EXIT_CHECK_FAILED, EXIT_MISUSE, EXIT_OK

    statuses = {check.status for check in report.checks}
    missing = [item for item in report.results if not item.slice and not item.evaluated and item.reduction != "none"]
    if missing or "error" in statuses:
        return EXIT_MISUSE
    return EXIT_CHECK_FAILED if "fail" in statuses else EXIT_OK
