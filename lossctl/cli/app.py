"""The Typer application: commands parse and return an action, which runs outside the parser."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import typer

from lossctl.cli import arguments, completion, generated
from lossctl.cli.options import taking
from lossctl.cli.say import Action
from lossctl.declare.options import ITSELF
from lossctl.errors import EXIT_MISUSE, UsageError

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss

HELP = """Evaluate loss functions on the files that models leave behind.

Start with: lossctl compute huber preds.parquet --delta 1.0
"""
# The commands in the order that help lists them: those with options of the losses they are given, and the option that
# names a loss (None: it stands alone); and the others, with the module and the function of each.
OF_LOSSES = {"compute": None, "compare": "--loss"}
OTHERS = {
    "check": ("check", "check"),
    "list": ("listing", "list_losses"),
    "info": ("listing", "info"),
    "schema": ("listing", "schema"),
}
# The parser's base class of errors, whose home is not the same in all versions of Typer.
PARSER_ERROR: type[typer.BadParameter] = typer.BadParameter.__mro__[2]
CONTEXT = {"help_option_names": ["-h", "--help"]}


def action(args: list[str]) -> Action:
    """The action that a command line asks for. Typer prints help, and in a terminal usage errors, and exits."""
    found: list[Action] = []
    app = typer.Typer(help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, context_settings=CONTEXT)
    app.callback()(_options)
    line = args if (typed := completion.pending()) is None else typed
    names = [name for name in (*OF_LOSSES, *OTHERS) if name in line[:1]] or [*OF_LOSSES, *OTHERS]
    for name in names:  # those that are not asked for take time to build
        if name in OTHERS:
            module, function = OTHERS[name]
            command = getattr(import_module(f"lossctl.cli.commands.{module}"), function)
            app.command(name, help=command.__doc__)(_collecting(command, found))
        else:
            args = _add_of_losses(app, name, args, found, asked=name in line[:1])
    terminal = sys.stderr.isatty()
    try:
        code = app(args, prog_name="lossctl", standalone_mode=terminal)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Rich and Typer end with 1, which is a failed check
            raise end.__context__ from None
        if end.code or not found:
            raise
    except PARSER_ERROR as error:
        raise _told(error, args) from None
    else:
        if not found:  # help was shown
            raise SystemExit(code)
    return found[0]


def _told(error: typer.BadParameter, args: list[str]) -> BaseException:
    """A usage error of Typer as one of ours, where there is no terminal for Typer to draw it on."""
    message, context = error.format_message(), error.ctx
    if not message:  # help was shown, since nothing was asked for
        return SystemExit(EXIT_MISUSE)
    path = context.command_path if context is not None else " ".join(["lossctl", *args[:1]])
    usage = f"\n{context.get_usage()}" if context is not None else ""
    stop = "" if message.endswith((".", "?")) else "."
    return UsageError(f"{message[0].lower()}{message[1:]}{stop}{usage}\n`{path} --help` says more.")


def _add_of_losses(app: typer.Typer, name: str, args: list[str], found: list[Action], asked: bool) -> list[str]:
    """Register a command with the options of the losses that the line names; return the line as Typer takes it."""
    losses: list[Loss] = []
    module = import_module(f"lossctl.cli.commands.{name}")
    if not asked:  # only its line in the list of commands is wanted, and its fifty options take time to build
        app.command(name, help=module.help_for(losses))(_nothing)
        return args
    shared = module.signature()
    words = arguments.Words(generated.options_of(shared), OF_LOSSES[name])
    if (typed := completion.pending()) is not None:
        losses = arguments.losses_of(typed[1:], words)
    else:
        args, losses = arguments.resolve(args, words)
    command = generated.command_for(losses, module.act, shared)
    app.command(name, help=module.help_for(losses))(_collecting(command, found))
    return args


def _nothing() -> None:
    """Stand for a command that the line does not ask for: only its help is listed."""


def _collecting(command: Callable[..., Action], found: list[Action]) -> Callable[..., None]:
    """A function for Typer that appends the command's action to `found`; the caller runs it outside the parser."""

    def collect(**values: object) -> None:
        found.append(command(**values))

    import inspect

    collect.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    collect.__annotations__ = {**command.__annotations__, "return": None}
    return collect


@taking(ITSELF)
def _options(*, version: bool, **_: object) -> None:
    if version:
        from lossctl import __version__

        print(f"lossctl {__version__}")
        raise typer.Exit
