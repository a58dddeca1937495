"""`lossctl list`, `lossctl info` and `lossctl schema`: the registry and the contracts, read from their declarations."""

import sys
from functools import partial
from typing import Annotated

import typer

from lossctl.cli import completion
from lossctl.cli.options import taking
from lossctl.cli.say import Action
from lossctl.errors import EXIT_OK, UsageError, did_you_mean


@taking("list")
def list_losses(*, task: str | None, format: str, **_: object) -> Action:
    """Show every loss: name, aliases, task, scope, properties."""
    return partial(_list, task, format)


def _list(task: str | None, format: str) -> int:
    from lossctl.declare import catalogue

    if task is not None and task not in catalogue.tasks():
        known = catalogue.tasks()
        raise UsageError(f"there is no task {task!r} (there are: {', '.join(known)}).{did_you_mean(task, known)}")
    found = catalogue.entries(task)
    if format == "json":
        return _json(found)
    from lossctl.reports.render.catalogue import show_list

    show_list(found)
    return EXIT_OK


@taking("info")
def info(
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=completion.losses, metavar="LOSS|CODE", help="A loss or alias, or the code of a finding."
        ),
    ],
    *,
    format: str,
    **_: object,
) -> Action:
    """Explain a loss or a finding: formula, parameters, properties, when to use it, reference."""
    return partial(_info, name, format)


def _info(name: str, format: str) -> int:
    from lossctl.declare import catalogue, registry
    from lossctl.declare.pitfalls import PITFALLS
    from lossctl.reports.render.catalogue import show_loss, show_pitfall

    if name in PITFALLS:
        if format == "json":
            return _json(PITFALLS[name]._asdict())
        show_pitfall(PITFALLS[name])
        return EXIT_OK
    found = registry.find(name)
    if found is None:
        known = [*registry.names(), *PITFALLS]
        codes = f" Findings are {', '.join(PITFALLS)}." if name.upper().startswith("LC") else ""
        raise UsageError(
            f"there is no loss or finding {name!r}.{codes or did_you_mean(name, known)} See `lossctl list`."
        )
    if format == "json":
        return _json(catalogue.entry(found))
    show_loss(catalogue.entry(found))
    return EXIT_OK


SCHEMAS = ("report", "config")


def schema(
    name: Annotated[str, typer.Argument(metavar="[report|config]", help="Which schema.")] = "report",
) -> Action:
    """Print a JSON Schema: of the report that `--format json` gives, or of the settings."""
    return partial(_schema, name)


def _schema(name: str) -> int:
    from importlib.resources import files

    if name not in SCHEMAS:
        raise UsageError(f"there is no schema {name!r} (there are: {', '.join(SCHEMAS)}).{did_you_mean(name, SCHEMAS)}")
    sys.stdout.write((files("lossctl") / "api" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return EXIT_OK


def _json(data: object) -> int:
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
    return EXIT_OK
