"""A first look at the command line of `compute`: which loss it names decides which options there are."""

from typing import TYPE_CHECKING

from lossctl.cli import compute
from lossctl.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from lossctl.spec import Loss

TRUTH = {"true": "--", "false": "--no-"}


def resolve(args: list[str]) -> "tuple[list[str], list[Loss]]":
    """The arguments with switches in Typer's form, and the losses they name (none where no loss is named)."""
    known = compute.common_options()
    text = _loss_text(args[1:], known)
    if text is None:
        return args, []
    from lossctl import expressions, spec

    losses = [spec.get(part.name) for part in expressions.parse(text)]
    own = compute.own_options(losses)
    _check_names(args[1:], {**known, **own}, text)
    return _switches(args, own), losses


def losses_of(args: list[str]) -> "list[Loss]":
    """The losses that an unfinished line names, if it does yet."""
    from lossctl import expressions, spec

    try:
        text = _loss_text(args, compute.common_options())
        return [spec.get(part.name) for part in expressions.parse(text)] if text else []
    except UsageError:
        return []


def _loss_text(args: list[str], known: dict[str, bool]) -> str | None:
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
    from lossctl import spec

    flags = {parameter.option for loss in spec.every() for parameter in loss.params.values() if parameter.is_flag}
    return name in flags or name.replace("--no-", "--", 1) in flags


def _check_names(args: list[str], known: dict[str, bool], loss: str) -> None:
    """Every option exists; all mistakes are told together."""
    wrong, at = [], 0
    while at < len(args):
        token = args[at]
        if token == "--":
            break
        name, _, value = token.partition("=")
        if _is_option(token):
            if name not in known and not (name.startswith("--no-") and known.get("--" + name[5:])):
                wrong.append(f"{loss} has no option {name}.{did_you_mean(name, known)}")
            elif not value and not known.get(name, True):
                at += 1
        at += 1
    if wrong:
        raise UsageError(f"{' '.join(wrong)} `lossctl compute {loss} --help` shows them all.")


def _switches(args: list[str], own: dict[str, bool]) -> list[str]:
    """`--full true` and `--full=false` as `--full` and `--no-full`."""
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
