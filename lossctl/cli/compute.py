"""`lossctl compute`: common options declared once, those of the named loss generated from its declaration."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from lossctl.cli import Action, completion
from lossctl.cli.options import common

if TYPE_CHECKING:
    from lossctl.request import Request
    from lossctl.results import Report
    from lossctl.spec import Loss


def common_options() -> dict[str, bool]:
    """Option names, and whether each is a switch without a value."""
    names = {"--help": True, "-h": True, "-q": True}
    for parameter in inspect.signature(common).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            names["--" + parameter.name.replace("_", "-")] = parameter.annotation.__origin__ in (bool, bool | None)
    return names


def own_options(losses: "Sequence[Loss]") -> dict[str, bool]:
    """The same for the roles and parameters of the losses named."""
    names = {role.option: False for loss in losses for role in loss.roles}
    return names | {p.option: p.is_flag for loss in losses for p in loss.params.values()}


def help_for(losses: "Sequence[Loss]") -> str:
    """The help text of the command, of the loss named where there is one."""
    if len(losses) == 1:
        return f"{losses[0].doc}\n\nValues are in {losses[0].dimension}; `lossctl info {losses[0].name}` says more."
    return (
        "Compute one loss or expression on one dataset.\n\n"
        "`lossctl compute LOSS --help` shows the columns and parameters of LOSS."
    )


def command_for(losses: "Sequence[Loss]") -> Callable[..., Action]:
    """The command with an option for every role and parameter of the losses."""
    shared = inspect.signature(common)
    _name_variables(shared)
    extra = {parameter.name: parameter for loss in losses for parameter in _generated(loss)}

    def command(**values: Any) -> Action:
        own = {name: values.pop(name) for name in extra}
        return partial(_act, own, **values)

    signature = shared.replace(parameters=[*shared.parameters.values(), *extra.values()])
    command.__signature__ = signature  # type: ignore[attr-defined]
    hints = get_type_hints(common, include_extras=True)
    command.__annotations__ = {**hints, **{name: item.annotation for name, item in extra.items()}}
    return command


def _name_variables(signature: inspect.Signature) -> None:
    """Every common option is also read from a variable: --per-row from LOSSCTL_PER_ROW."""
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            for about in parameter.annotation.__metadata__:
                about.envvar, about.show_envvar = f"LOSSCTL_{parameter.name.upper()}", False


def _generated(loss: "Loss") -> list[inspect.Parameter]:
    options = []
    for role in loss.roles:
        needed = "" if role.required else " (optional)"
        about = typer.Option(
            role.option,
            autocompletion=completion.columns,
            metavar="COLUMN",
            help=f"{role.role.says[0].upper()}{role.role.says[1:]}{needed}.",
            rich_help_panel=f"Columns of {loss.name}",
        )
        options.append(_parameter(role.name, Annotated[str | None, about]))
    for item in loss.params.values():
        names = [f"{item.option}/--no-{item.option[2:]}"] if item.is_flag else [item.option]
        default = "required" if item.required else _shown(item.default)
        words = item.help[0].upper() + item.help[1:]
        about = typer.Option(
            *names,
            metavar=None if item.is_flag else "VALUE",
            help=f"{words}: {item.domain}. Default: {default}.",
            show_default=False,
            rich_help_panel=f"Parameters of {loss.name}",
        )
        options.append(_parameter(item.name, Annotated[(bool if item.is_flag else str) | None, about]))
    return options


def _shown(value: object) -> str:
    from lossctl.params import show

    return show(value)


def _parameter(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _act(own: dict[str, object], *, loss: str, files: list[str], **values: object) -> int:
    """Evaluate, print, and say how it ended."""
    from lossctl.api import run
    from lossctl.cli import complain
    from lossctl.cli.progress import Progress
    from lossctl.errors import EXIT_MISUSE
    from lossctl.outputs import check_apart, check_writable
    from lossctl.render import Style, export, show_report

    exports = [export(text) for text in _texts(values["export"])]
    output = None if values["output"] is None else str(values["output"])
    written = [path for _, path in exports] + ([output] if output else [])
    per_row, truth = (None if values[name] is None else str(values[name]) for name in ("per_row", "truth"))
    check_apart([*written, *([per_row] if per_row else [])], [*files, *([truth] if truth else [])])
    for path in written:
        check_writable(path)
    request = _request(own, loss, files, values)
    with Progress(request.files) as progress:
        report = run(request, progress.advance)
    precision = values["precision"]
    style = Style(str(values["format"]), precision if isinstance(precision, int) else None, bool(values["quiet"]))
    show_report(report, style, output, exports)
    code = _exit_code(report, request)
    if code == EXIT_MISUSE:
        complain(f"{report.results[0].loss} could not be evaluated everywhere: {_reasons(report)}.")
    return code


def _reasons(report: "Report") -> str:
    """Why values are missing, each reason once."""
    found = {item.reason: None for item in report.results if item.value is None and item.reason != "infinite"}
    return "; ".join(reason or "undefined" for reason in found)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _numbers(option: str, value: object) -> tuple[float, ...]:
    """Numbers given in a comma list, or one by one."""
    from lossctl.errors import UsageError
    from lossctl.params import number

    found = [(text, number(text)) for item in _texts(value) for text in item.split(",")]
    for text, read in found:
        if read is None:
            raise UsageError(f"{option} must be numbers, one per term, not {text!r}.")
    return tuple(float(read) for _, read in found if read is not None)


def _request(own: dict[str, object], loss: str, files: list[str], values: dict[str, object]) -> "Request":
    from lossctl.request import Request
    from lossctl.sources import TextOptions

    fields = {name: values[name] for name in values.keys() & set(Request._fields)}
    classes = [name.strip() for name in str(values["classes"] or "").split(",") if name.strip()]
    fields |= {"by": tuple(_texts(values["by"])), "on": tuple(_texts(values["on"])), "classes": tuple(classes)}
    fields |= {name: str(values[name]) for name in ("missing", "join", "ci_method")}
    fields |= {"combine": values["combine"] and str(values["combine"])}
    fields |= {name: _numbers(f"--{name.replace('_', '-')}", values[name]) for name in ("log_var", "reference")}
    na_values = values["na_values"]
    header = values["header"]
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


def _exit_code(report: "Report", request: "Request") -> int:
    from lossctl.errors import EXIT_CHECK_FAILED, EXIT_MISUSE, EXIT_OK

    if request.dry_run:
        return EXIT_OK
    whole = report.results[0]
    statuses = {check.status for check in report.checks}
    if (not whole.evaluated and whole.reduction != "none") or "error" in statuses:
        return EXIT_MISUSE
    return EXIT_CHECK_FAILED if "fail" in statuses else EXIT_OK
