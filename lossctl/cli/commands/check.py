"""`lossctl check`: the gate of a pipeline."""

from functools import partial
from typing import Annotated

import typer

from lossctl.cli.options import taking
from lossctl.cli.say import Action


@taking("check")
def check(
    config: Annotated[
        str | None, typer.Argument(metavar="[CONFIG]", help="The settings (else lossctl.toml or pyproject.toml here).")
    ] = None,
    *,
    threads: int,
    **shown: object,
) -> Action:
    """Evaluate the checks of lossctl.toml or pyproject.toml; exit 1 where one fails, 2 where one cannot be told."""
    return partial(_act, config, threads, {**shown, "quiet": False})


def _act(config: str | None, threads: int, shown: dict[str, object]) -> int:
    from lossctl.api import check
    from lossctl.cli.ending import exit_code, output_of
    from lossctl.cli.say import complain
    from lossctl.errors import counted
    from lossctl.reports.render.show import show_report

    output = output_of(shown, [] if config is None else [config])
    report = check.check(config, threads=threads)
    show_report(report, *output)
    failed = dict.fromkeys(each.id.rpartition(": ")[0] for each in report.checks if each.status == "error")
    if failed:
        said = counted(len(failed), "check", "checks")
        complain(f"{said} could not be evaluated: {', '.join(failed)}.")
    return exit_code(report)
