"""`lossctl compute`: common options declared once, those of the named loss generated from its declaration."""

import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from lossctl.cli import Action, completion

if TYPE_CHECKING:
    from lossctl.request import Request
    from lossctl.results import Report
    from lossctl.spec import Loss

COLUMNS, TEXT, JOIN, REDUCING, STATISTICS = "Columns", "Text files", "Join", "Reduction", "Statistics"
OUTPUT, GATE, ENGINE = "Output", "Gate", "Engine"


class Missing(StrEnum):
    """What to do with missing values."""

    error = "error"
    skip = "skip"


class Join(StrEnum):
    """What to do with keys on one side only."""

    strict = "strict"
    inner = "inner"


class Combine(StrEnum):
    """How the terms of an expression are added."""

    uncertainty = "uncertainty"
    normalized = "normalized"


class CiMethod(StrEnum):
    """How intervals are found."""

    normal = "normal"
    bootstrap = "bootstrap"


class Format(StrEnum):
    """How a report is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


def common(
    loss: Annotated[str, typer.Argument(autocompletion=completion.losses, help="A loss (see `lossctl list`), or an expression such as '0.7*mse + 0.3*mae'.")],
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Parquet or CSV; several are one dataset.")],
    *,
    weight: Annotated[str | None, typer.Option(autocompletion=completion.columns, metavar="COLUMN", help="Row weights >= 0.", rich_help_panel=COLUMNS)] = None,
    group: Annotated[
        str | None, typer.Option(autocompletion=completion.columns, metavar="COLUMN", help="Rows with one value are a unit.", rich_help_panel=COLUMNS)
    ] = None,
    unit_weight: Annotated[
        str | None, typer.Option(autocompletion=completion.columns, metavar="COLUMN", help="Weights of units.", rich_help_panel=COLUMNS)
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(autocompletion=completion.columns, metavar="COLUMN[,COLUMN]", help="Evaluate each slice beside the whole.", rich_help_panel=COLUMNS),
    ] = None,
    id: Annotated[
        str | None, typer.Option(autocompletion=completion.columns, metavar="COLUMN", help="Names the rows in --per-row.", rich_help_panel=COLUMNS)
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHAR", help="Between cells; tab, comma ... (else recognised).", rich_help_panel=TEXT)
    ] = None,
    quote: Annotated[str | None, typer.Option(metavar="CHAR", help="Around cells; '' for none.", rich_help_panel=TEXT)] = None,
    decimal: Annotated[str | None, typer.Option(metavar="CHAR", help="Decimal point: . or ,", rich_help_panel=TEXT)] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first line names columns.", rich_help_panel=TEXT)
    ] = None,
    na_values: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Cells that are missing values.", rich_help_panel=TEXT)
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Only rows that pass, e.g. \"model == 'a' and h < 3\".", rich_help_panel=COLUMNS)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the first N rows that pass.", rich_help_panel=COLUMNS)
    ] = None,
    truth: Annotated[
        str | None, typer.Option(metavar="FILE", help="The targets are in this file.", rich_help_panel=JOIN)
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option(autocompletion=completion.columns, metavar="COLUMN[,COLUMN]", help="Keys that join it (else: row by row).", rich_help_panel=JOIN)
    ] = None,
    join: Annotated[Join, typer.Option(help="Every key on both sides, or those on both.", rich_help_panel=JOIN)] = Join.strict,
    many_to_one: Annotated[
        bool, typer.Option("--many-to-one", help="Several predictions per key.", rich_help_panel=JOIN)
    ] = False,
    missing: Annotated[
        Missing, typer.Option(help="Null and NaN: an error, or rows left out and counted.", rich_help_panel=COLUMNS)
    ] = Missing.error,
    positive_label: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The label that counts as positive.", rich_help_panel=COLUMNS)
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Class names in the order of the scores.", rich_help_panel=COLUMNS)
    ] = None,
    reduction: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="mean, mean-rows (batchmean), mean-elements, sum, sum-elements or none.",
            rich_help_panel=REDUCING,
        ),
    ] = None,
    coef_file: Annotated[
        str | None,
        typer.Option(metavar="FILE:COLUMN", help="Coefficients for penalty terms.", rich_help_panel=REDUCING),
    ] = None,
    combine: Annotated[
        Combine | None, typer.Option(help="How terms are added, if not plainly.", rich_help_panel=REDUCING)
    ] = None,
    log_var: Annotated[
        list[str] | None, typer.Option(metavar="S[,S]", help="Log-variance of each term, in order.", rich_help_panel=REDUCING)
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="R[,R]", help="Reference value of each term.", rich_help_panel=REDUCING)
    ] = None,
    ci: Annotated[
        float | None, typer.Option(metavar="LEVEL", help="Confidence interval, e.g. 95 (%).", rich_help_panel=STATISTICS)
    ] = None,
    ci_method: Annotated[
        CiMethod, typer.Option(help="Central limit theorem (delta method), or resampling.", rich_help_panel=STATISTICS)
    ] = CiMethod.normal,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the bootstrap.", rich_help_panel=STATISTICS)] = 0,
    stats: Annotated[
        bool, typer.Option("--stats", help="Mean, std, extremes and percentiles of row losses.", rich_help_panel=STATISTICS)
    ] = False,
    format: Annotated[Format, typer.Option(help="What is printed.", rich_help_panel=OUTPUT)] = Format.table,
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report to a file.", rich_help_panel=OUTPUT)
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=FILE", help="Also write the report so; repeatable.", rich_help_panel=OUTPUT),
    ] = None,
    precision: Annotated[
        int | None, typer.Option(metavar="DIGITS", min=1, max=17, help="Significant digits shown.", rich_help_panel=OUTPUT)
    ] = None,
    per_row: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write each row's (or unit's) loss: .parquet, .csv or .jsonl.", rich_help_panel=OUTPUT),
    ] = None,
    gradient: Annotated[
        bool, typer.Option("--gradient", help="Add d loss / d pred to --per-row.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the bare number.", rich_help_panel=OUTPUT)
    ] = False,
    max: Annotated[
        float | None, typer.Option(metavar="VALUE", help="Exit 1 if the whole or a slice is above.", rich_help_panel=GATE)
    ] = None,
    min: Annotated[
        float | None, typer.Option(metavar="VALUE", help="Exit 1 if the whole or a slice is below.", rich_help_panel=GATE)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the columns and rows, and stop.", rich_help_panel=ENGINE)
    ] = False,
    threads: Annotated[
        int, typer.Option(metavar="N", min=0, help="Worker threads (0: all cores).", rich_help_panel=ENGINE)
    ] = 0,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Beyond it scattered units go to disk, e.g. 2GB.", rich_help_panel=ENGINE),
    ] = None,
    plugin: Annotated[
        list[str] | None, typer.Option(metavar="FILE.py", help="Losses of your own; repeatable.", rich_help_panel=ENGINE)
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback where something fails.", rich_help_panel=ENGINE)
    ] = False,
) -> None:
    """The options that every loss has."""


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

    fields = {name: values[name] for name in values.keys() & Request.__dataclass_fields__.keys()}
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
