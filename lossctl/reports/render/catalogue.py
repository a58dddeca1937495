"""Losses and pitfalls as `lossctl list` and `lossctl info` show them to people."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossctl.declare.params import show as shown
from lossctl.declare.pitfalls import Pitfall
from lossctl.reports.render.table import WIDE


@contextmanager
def _console() -> Iterator[Console]:
    """A console for a terminal; what goes into a pipe is printed whole: rich ends the process where one breaks."""
    if sys.stdout.isatty():
        yield Console(highlight=False)
        return
    buffer = StringIO()
    yield Console(file=buffer, width=WIDE, color_system=None)
    print(buffer.getvalue(), end="")


def _word(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def show_list(entries: Sequence[dict[str, Any]]) -> None:
    """Print a table with a line per loss."""
    with _console() as console:
        table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, header_style="dim")
        for heading in ("name", "aliases", "task", "scope", "convex", "differentiable", "robust", "dimension"):
            table.add_column(heading, style="bold" if heading == "name" else "", no_wrap=heading == "name")
        for entry in entries:
            facts = [_word(entry["properties"][name]) for name in ("convex", "differentiable", "robust")]
            cells = [
                entry["name"],
                ", ".join(entry["aliases"]),
                entry["task"],
                entry["scope"],
                *facts,
                entry["dimension"],
            ]
            table.add_row(*map(escape, cells))
        console.print(table)


def show_loss(entry: dict[str, Any]) -> None:
    """Print everything that a loss declares."""
    with _console() as console:
        aliases = f" ({', '.join(entry['aliases'])})" if entry["aliases"] else ""
        console.print(f"[bold]{entry['name']}[/]{escape(aliases)}: {escape(entry['summary'])}")
        console.print()
        console.print(entry["formula"], markup=False)
        console.print()
        facts = {name: _word(value) for name, value in entry["properties"].items()}
        facts = {"task": entry["task"], "scope": entry["scope"], "dimension": entry["dimension"], **facts}
        facts |= {name.replace("_", " "): entry[name] for name in ("use_when", "avoid_when", "pitfalls", "reference")}
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for name, value in facts.items():
            if value:
                table.add_row(name, escape(value))
        console.print(table)
        console.print()
        console.print(_options(entry))


def _options(entry: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for role in entry["roles"]:
        needed = "" if role["required"] else " (optional)"
        table.add_row(
            _option(role["name"]), escape(f"column: {role['holds']}{needed}; found by {', '.join(role['usual_names'])}")
        )
    for param in entry["params"]:
        default = "required" if param["required"] else f"default {shown(param['default'])}"
        table.add_row(_option(param["name"]), escape(f"{param['help']}: {param['domain']}; {default}"))
    return table


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def show_pitfall(pitfall: Pitfall) -> None:
    """Print what a pitfall is, its cause and its remedy."""
    with _console() as console:
        console.print(f"[bold]{pitfall.code}[/] ({pitfall.severity}): {escape(pitfall.title)}")
        console.print(f"Cause: {pitfall.cause}", markup=False)
        console.print(f"Remedy: {pitfall.remedy}", markup=False)
