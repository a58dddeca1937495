"""Commands whose options are made of declarations: common ones, and those of the losses that the line names."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossctl.cli import completion
from lossctl.cli.say import Action

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss


def options_of(shared: inspect.Signature) -> dict[str, bool]:
    """The options of a signature by name, and whether each is a flag, which takes no value."""
    names = {"--help": True, "-h": True}
    for parameter in shared.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            names["--" + parameter.name.replace("_", "-")] = parameter.annotation in (bool, bool | None)
            names |= {name: True for name in parameter.default.param_decls if name[1] != "-"}  # flags have short ones
    return names


def own_options(losses: "Sequence[Loss]") -> dict[str, bool]:
    """The options of losses (their roles and parameters) by name, and whether each is a flag, which takes no value."""
    names = {role.option: False for loss in losses for role in loss.roles}
    return names | {p.option: p.is_flag for loss in losses for p in loss.params.values()}


def command_for(losses: "Sequence[Loss]", act: Callable[..., int], shared: inspect.Signature) -> Callable[..., Action]:
    """A function for Typer with the shared options and those of the losses; it returns `act` with their values."""
    extra = {parameter.name: parameter for loss in losses for parameter in _generated(loss)}

    def command(**values: Any) -> Action:
        own = {name: values.pop(name) for name in extra}
        return partial(act, own, **values)

    signature = shared.replace(parameters=[*shared.parameters.values(), *extra.values()])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
    return command


def _generated(loss: "Loss") -> list[inspect.Parameter]:
    """The options of a loss, as parameters of a function for Typer."""
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
    from lossctl.declare.params import show

    return show(value)


def _parameter(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
