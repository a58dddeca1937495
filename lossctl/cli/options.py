"""Options as Typer takes them, made of their declarations."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import typer

from lossctl.cli import completion
from lossctl.declare.options import REPORTS, Option, of

F = TypeVar("F", bound=Callable[..., Any])
LISTS = ("columns", "numbers", "losses", "texts")
TYPES: dict[str, type] = {"flag": bool, "whole": int, "number": float, "level": float}
COMPLETED: dict[str, Callable[..., Any]] = {
    "column": completion.columns,
    "columns": completion.columns,
    "losses": completion.losses,
}


def taking(command: str) -> Callable[[F], F]:
    """Give a function the options that are declared for a command, beside its own arguments."""

    def given(function: F) -> F:
        options = parameters(command)
        names = {parameter.name for parameter in options}
        signature = inspect.signature(function)
        own = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD and parameter.name not in names
        ]
        function.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        function.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *options]}
        return function

    return given


def parameters(command: str, variables: bool = False) -> list[inspect.Parameter]:
    """The options of a command; with `variables` each is also read from one, --per-row from LOSSCTL_PER_ROW."""
    return [_parameter(option, command in REPORTS, variables and option.variable) for option in of(command)]


def _parameter(option: Option, grouped: bool, variable: bool) -> inspect.Parameter:
    kind, default = _type(option)
    about = typer.Option(  # as a default, which Typer reads faster than in an Annotated
        default,
        *_written(option),
        autocompletion=COMPLETED.get(option.kind),
        metavar=option.metavar,
        min=option.least,
        max=option.most,
        help=option.help,
        rich_help_panel=option.panel if grouped and option.panel else None,
        envvar=f"LOSSCTL_{option.name.upper()}" if variable else None,
        show_envvar=False,
    )
    taken = kind if default is not None else kind | None
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=about, annotation=taken)


@cache
def _words(choices: tuple[str, ...]) -> Any:
    return StrEnum("Words", [(word, word) for word in choices])


def _written(option: Option) -> list[str]:
    """The forms of an option as Typer takes them.

    Without any, Typer would give every flag a second form that says no. Only flags that are recognised in the data
    where they are not given (their default is None) have use for one.
    """
    no = f"/--no-{option.flag[2:]}" if option.kind == "flag" and option.default is None else ""
    return [option.flag + no, *([option.short] if option.short else [])]


def _type(option: Option) -> tuple[Any, Any]:
    """The type of an option's values, and its default; that of a list is None, since the parser knows no empty one."""
    if option.kind in LISTS:
        return list[str], None
    if option.kind == "word":
        words = _words(option.choices)
        return words, None if option.default is None else words(str(option.default))
    return TYPES.get(option.kind, str), None if option.default == () else option.default
