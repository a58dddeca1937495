"""`lossctl check`: the gate of a pipeline."""

from functools import partial
from typing import Annotated

import typer

from lossctl.cli import Action
from lossctl.cli.options import OUTPUT, Format


def check(
    config: Annotated[
        str | None, typer.Argument(metavar="[CONFIG]", help="The settings (else lossctl.toml or pyproject.toml here).")
    ] = None,
    format: Annotated[Format, typer.Option(help="What is printed.", rich_help_panel=OUTPUT)] = Format.table,
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report to a file.", rich_help_panel=OUTPUT)
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=FILE", help="Also write the report so; repeatable.", rich_help_panel=OUTPUT),
    ] = None,
    precision: Annotated[
        int | None,
        typer.Option(metavar="DIGITS", min=1, max=17, help="Significant digits shown.", rich_help_panel=OUTPUT),
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", min=0, help="Worker threads (0: all cores).")] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback where something fails.")] = False,
) -> Action:
    """Evaluate the checks of lossctl.toml or pyproject.toml; exit 1 where one fails, 2 where one cannot be told."""
    shown: dict[str, object] = {
        "format": format,
        "output": output,
        "export": export,
        "precision": precision,
        "quiet": False,
    }
    return partial(_act, config, threads, shown)


def _act(config: str | None, threads: int, shown: dict[str, object]) -> int:
    from lossctl import api
    from lossctl.cli import complain
    from lossctl.cli.asked import exit_code, output_of
    from lossctl.errors import counted
    from lossctl.render import show_report

    output = output_of(shown, [] if config is None else [config])
    report = api.check(config, threads=threads)
    show_report(report, *output)
    failed = dict.fromkeys(each.id.rpartition(": ")[0] for each in report.checks if each.status == "error")
    if failed:
        said = counted(len(failed), "check", "checks")
        complain(f"{said} could not be evaluated: {', '.join(failed)}.")
    return exit_code(report)
