"""`lossctl compare`: the options of `compute`, with the losses as options and a model per file."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lossctl.cli.options import parameters

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss

HELP = """Compare losses on one dataset, or models by their losses.

Every FILE is a model's dataset; all losses are evaluated in one pass over it. Columns and parameters of a loss stand in
its parentheses, `--loss 'huber(delta=2, pred=y_new)'`, or are options for all losses that have them.
"""


def _own(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="The datasets of models: Parquet, CSV, JSON Lines, ...")
    ],
) -> None:
    """Declare the arguments of the command, for `signature`."""


def signature() -> inspect.Signature:
    """The arguments of the command, and the options that it has whatever the losses."""
    own = inspect.signature(_own)
    return own.replace(parameters=[*own.parameters.values(), *parameters("compare", variables=True)])


def help_for(losses: "Sequence[Loss]") -> str:
    """The help text of the command, whatever the losses."""
    return HELP


def act(
    own: dict[str, object], *, files: list[str], loss: list[str] | None, baseline: str | None, **values: object
) -> int:
    """Compare, show the report, and return the exit code; `own` are the options of the losses."""
    from lossctl.api.compare import compare_all
    from lossctl.cli.ending import output_of, show
    from lossctl.cli.progress import Progress
    from lossctl.cli.request import request_of
    from lossctl.errors import UsageError, did_you_mean

    if not loss:
        raise UsageError("compare needs losses: --loss mse --loss 'huber(delta=2)'. `lossctl list` shows them all.")
    if baseline is not None and baseline not in files:
        raise UsageError(f"--baseline {baseline} is none of the files.{did_you_mean(baseline, files)}")
    output = output_of(values, files)
    models = [[request_of(own, text, [file], values) for text in loss] for file in files]
    with Progress(files) as progress:
        report = compare_all(models, 0 if baseline is None else files.index(baseline), progress.advance)
    return show(report, output)
