"""What a command line asks for as a request, and its report as output and exit code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lossctl.declare.options import Option
    from lossctl.render import Style
    from lossctl.request import Request
    from lossctl.results import Report


class Output(NamedTuple):
    """Where a report goes, and how it is shown."""

    style: "Style"
    file: str | None
    exports: list[tuple[str, str]]


def output_of(values: dict[str, object], files: Sequence[str]) -> Output:
    """The output options, once every file that will be written is known to be apart from those that are read."""
    from lossctl.outputs import check_apart, check_writable
    from lossctl.render import Style, export

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


def conclude(report: "Report", output: Output) -> int:
    """Show a report; how the command ends."""
    from lossctl.cli import complain
    from lossctl.errors import EXIT_MISUSE
    from lossctl.render import show_report

    show_report(report, output.style, output.file, output.exports)
    code = exit_code(report)
    if code == EXIT_MISUSE:
        losses = dict.fromkeys(item.loss for item in report.results if item.value is None)
        complain(f"{', '.join(losses)} could not be evaluated everywhere: {_reasons(report)}.")
    return code


def _reasons(report: "Report") -> str:
    """Why values are missing, each reason once."""
    found = {item.reason: None for item in report.results if item.value is None and item.reason != "infinite"}
    return "; ".join(reason or "undefined" for reason in found)


def texts(value: object) -> list[str]:
    """What a repeatable option is given."""
    return [str(item) for item in value] if isinstance(value, list) else []


def _numbers(option: str, value: object) -> tuple[float, ...]:
    """Numbers given in a comma list, or one by one."""
    from lossctl.errors import UsageError
    from lossctl.params import number

    found = [(text, number(text)) for item in texts(value) for text in item.split(",")]
    for text, read in found:
        if read is None:
            raise UsageError(f"{option} must be numbers, one per term, not {text!r}.")
    return tuple(float(read) for _, read in found if read is not None)


def request_of(own: dict[str, object], loss: str, files: list[str], values: dict[str, object]) -> "Request":
    """The request that the options make; `own` are those of the losses."""
    from lossctl.declare.options import KEYWORDS
    from lossctl.request import Request, request_fields

    fields = request_fields({name: _value(option, values.get(name)) for name, option in KEYWORDS.items()})
    given = {name: value for name, value in own.items() if value is not None}
    return Request(loss=loss, files=tuple(files), options=given, dry_run=bool(values.get("dry_run")), **fields)


def _value(option: "Option", value: object) -> object:
    """What an option is given, in the type of a request; its default where it is not, or the command has it not."""
    if value is None:
        return option.default
    match option.kind:
        case "word":
            return str(value)
        case "columns":
            return tuple(texts(value))
        case "numbers":
            return _numbers(option.flag, value)
        case "names":
            names = str(value).split(",")
            return tuple(names) if option.empty else tuple(name.strip() for name in names if name.strip())
        case _:
            return value


def exit_code(report: "Report") -> int:
    """2 where something could not be evaluated, 1 where a check failed."""
    from lossctl.errors import EXIT_CHECK_FAILED, EXIT_MISUSE, EXIT_OK

    statuses = {check.status for check in report.checks}
    missing = [item for item in report.results if not item.slice and not item.evaluated and item.reduction != "none"]
    if missing or "error" in statuses:
        return EXIT_MISUSE
    return EXIT_CHECK_FAILED if "fail" in statuses else EXIT_OK
