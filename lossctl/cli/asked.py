"""What a command line asks for as a request, and its report as output and exit code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lossctl.engine.plan.request import Request
    from lossctl.reports.render.show import Style
    from lossctl.reports.results import Report


class Output(NamedTuple):
    """Where a report goes, and how it is shown."""

    style: "Style"
    file: str | None
    exports: list[tuple[str, str]]


def output_of(values: dict[str, object], files: Sequence[str]) -> Output:
    """The output options, once every file that will be written is known to be apart from those that are read."""
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


def conclude(report: "Report", output: Output) -> int:
    """Show a report; how the command ends."""
    from lossctl.cli import complain
    from lossctl.errors import EXIT_MISUSE
    from lossctl.reports.render.show import show_report

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


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def texts(value: object) -> list[str]:
    """What a repeatable option is given."""
    return [str(item) for item in value] if isinstance(value, list) else []


def _numbers(option: str, value: object) -> tuple[float, ...]:
    """Numbers given in a comma list, or one by one."""
    from lossctl.declare.params import number
    from lossctl.errors import UsageError

    found = [(text, number(text)) for item in texts(value) for text in item.split(",")]
    for text, read in found:
        if read is None:
            raise UsageError(f"{option} must be numbers, one per term, not {text!r}.")
    return tuple(float(read) for _, read in found if read is not None)


def request_of(own: dict[str, object], loss: str, files: list[str], values: dict[str, object]) -> "Request":
    """The request that the options make; `own` are those of the losses."""
    from lossctl.engine.plan.request import Request
    from lossctl.sources.csv.options import TextOptions

    fields = {name: values[name] for name in values.keys() & set(Request._fields)}
    classes = [name.strip() for name in str(values["classes"] or "").split(",") if name.strip()]
    fields |= {"by": tuple(texts(values["by"])), "on": tuple(texts(values["on"])), "classes": tuple(classes)}
    fields |= {name: str(values[name]) for name in ("missing", "join", "ci_method")}
    fields |= {"combine": values["combine"] and str(values["combine"])}
    fields |= {name: _numbers(f"--{name.replace('_', '-')}", values[name]) for name in ("log_var", "reference")}
    na_values, header = values["na_values"], values["header"]
    fields["text"] = TextOptions(
        delimiter=_text(values["delimiter"]),
        quote=_text(values["quote"]),
        header=header if isinstance(header, bool) else None,
        decimal=_text(values["decimal"]),
        na_values=None if na_values is None else tuple(str(na_values).split(",")),
    )
    fields.pop("memory", None)
    fields["memory_limit"] = values["memory"]
    given = {name: value for name, value in own.items() if value is not None}
    return Request(loss=loss, files=tuple(files), options=given, **fields)  # type: ignore[arg-type]


def exit_code(report: "Report") -> int:
    """2 where something could not be evaluated, 1 where a check failed."""
    from lossctl.errors import EXIT_CHECK_FAILED, EXIT_MISUSE, EXIT_OK

    statuses = {check.status for check in report.checks}
    missing = [item for item in report.results if not item.slice and not item.evaluated and item.reduction != "none"]
    if missing or "error" in statuses:
        return EXIT_MISUSE
    return EXIT_CHECK_FAILED if "fail" in statuses else EXIT_OK
