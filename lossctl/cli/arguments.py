"""A first look at the command line, before it is parsed: the losses that it names decide which options there are."""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from lossctl.cli import generated
from lossctl.errors import UsageError, did_you_mean, listing

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss

TRUTH = {"true": "--", "false": "--no-"}


class Words(NamedTuple):
    """How a command is told its losses: by an `option`, or (None) as its first argument that is no option.

    `known` are the common options, and whether each is a flag, which takes no value.
    """

    known: dict[str, bool]
    option: str | None = None


def resolve(args: list[str], words: Words) -> "tuple[list[str], list[Loss]]":
    """The arguments with switches in Typer's form, and the losses they name (none where no loss is named)."""
    texts = _loss_texts(args[1:], words)
    if not texts:
        return args, []
    from lossctl.declare import registry
    from lossctl.engine.plan import expressions

    losses = [registry.get(part.name) for text in texts for part in expressions.parse(text)]
    own = generated.own_options(losses)
    _check_names(args[1:], words.known, own, args[0], texts)
    return _switches(args, own), losses


def losses_of(args: list[str], words: Words) -> "list[Loss]":
    """The losses that an unfinished line names, if it does yet."""
    from lossctl.declare import registry
    from lossctl.engine.plan import expressions

    try:
        return [registry.get(part.name) for text in _loss_texts(args, words) for part in expressions.parse(text)]
    except UsageError:
        return []


def _loss_texts(args: list[str], words: Words) -> list[str]:
    """The losses or expressions, as they are written on the command line."""
    if words.option is None:
        text = _first_word(args, words.known)
        return [] if text is None else [text]
    spaced = [value for name, value in pairwise(args) if name == words.option]
    return spaced + [arg.partition("=")[2] for arg in args if arg.startswith(words.option + "=")]


def _first_word(args: list[str], known: dict[str, bool]) -> str | None:
    """The first argument that is neither an option nor an option's value."""
    at = 0
    while at < len(args):
        token = args[at]
        if token == "--":
            return args[at + 1] if at + 1 < len(args) else None
        if not _is_option(token):
            return token
        name, _, value = token.partition("=")
        at += 1 if value or _is_flag(name, known) else 2
        if value == "" and _is_flag(name, known) and at < len(args) and args[at] in TRUTH:
            at += 1
    return None


def _is_option(token: str) -> bool:
    return len(token) > 1 and token[0] == "-" and not token[1].isdigit() and token[1] != "."


def _is_flag(name: str, known: dict[str, bool]) -> bool:
    """Whether an option takes no value; one of a loss that is not known yet is looked up in the whole registry."""
    if name in known:
        return known[name]
    from lossctl.declare import registry

    flags = {parameter.option for loss in registry.every() for parameter in loss.params.values() if parameter.is_flag}
    return name in flags or name.replace("--no-", "--", 1) in flags


def _check_names(
    args: list[str], common: dict[str, bool], own: dict[str, bool], command: str, losses: Sequence[str]
) -> None:
    """Raise where options are not there, naming all of them in one message."""
    wrong, at, known = [], 0, {**common, **own}
    while at < len(args):
        token = args[at]
        if token == "--":
            break
        name, _, value = token.partition("=")
        if _is_option(token):
            if name not in known and not (name.startswith("--no-") and known.get("--" + name[5:])):
                wrong.append(f"{', '.join(losses)} has no option {name}.{_file_tip(token) or _tip(name, known)}")
            elif not value and not known.get(name, True):
                at += 1
        at += 1
    if wrong:
        line = f"compute {losses[0]}" if command == "compute" else command
        its = f" Its own are {listing(own)}." if own else ""
        raise UsageError(f"{' '.join(wrong)}{its} `lossctl {line} --help` shows them all.")


def _tip(name: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' for an option; the dashes, which all have, do not count as alike."""
    return did_you_mean(name.lstrip("-"), [option.lstrip("-") for option in known]).replace(" '", " '--")


def _file_tip(token: str) -> str:
    """A hint for a file whose name begins with a dash, where the token is one."""
    return f" The file of that name is ./{token}." if os.path.exists(token) else ""


def _switches(args: list[str], own: dict[str, bool]) -> list[str]:
    """The arguments with flags of losses as Typer knows them: `--full=false` as `--no-full`."""
    result, at = [], 0
    while at < len(args):
        name, _, value = args[at].partition("=")
        if own.get(name):
            if not value and at + 1 < len(args) and args[at + 1] in TRUTH:
                at += 1
                value = args[at]
            if value and value not in TRUTH:
                raise UsageError(f"{name} is true or false, not {value!r}.")
            result.append(TRUTH[value or "true"] + name.removeprefix("--"))
        else:
            result.append(args[at])
        at += 1
    return result
