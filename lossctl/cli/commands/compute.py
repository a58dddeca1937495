"""`lossctl compute`: common options declared once, those of the named loss generated from its declaration."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lossctl.cli import completion
from lossctl.cli.options import parameters

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss


def _own(
    loss: Annotated[
        str,
        typer.Argument(
            autocompletion=completion.losses,
            help="A loss (see `lossctl list`), or an expression such as '0.7*mse + 0.3*mae'.",
        ),
    ],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Parquet, CSV, JSON Lines, Arrow, NumPy; several are one dataset."),
    ],
) -> None:
    """Declare the arguments of the command, for `signature`."""


def signature() -> inspect.Signature:
    """The arguments of the command, and the options that it has whatever the loss."""
    own = inspect.signature(_own)
    return own.replace(parameters=[*own.parameters.values(), *parameters("compute", variables=True)])


def help_for(losses: "Sequence[Loss]") -> str:
    """The help text of the command: that of its loss, where the line names a single one."""
    if len(losses) == 1:
        return f"{losses[0].doc}\n\nValues are in {losses[0].dimension}; `lossctl info {losses[0].name}` says more."
    return (
        "Compute one loss or expression on one dataset.\n\n"
        "`lossctl compute LOSS --help` shows the columns and parameters of LOSS."
    )


def act(own: dict[str, object], *, loss: str, files: list[str], **values: object) -> int:
    """Evaluate, show the report, and return the exit code; `own` are the options of the losses."""
    from lossctl.api.run import run
    from lossctl.cli.ending import output_of, show
    from lossctl.cli.progress import Progress
    from lossctl.cli.request import request_of
    from lossctl.errors import EXIT_OK
    from lossctl.reports.render.show import show_report

    output = output_of(values, files)
    request = request_of(own, loss, files, values)
    with Progress(request.files) as progress:
        report = run(request, progress.advance)
    if request.dry_run:
        show_report(report, *output)
        return EXIT_OK
    return show(report, output)
