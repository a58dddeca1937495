"""What a shell may complete: names of losses, and the columns of the file that the line names."""

import os
import shlex
from collections.abc import Iterator

import typer


def pending() -> list[str] | None:
    """The words typed so far, where a shell is asking for completions."""
    if "_LOSSCTL_COMPLETE" not in os.environ:
        return None
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    try:
        return shlex.split(line)[1:]
    except ValueError:  # a quote that is still open
        return line.split()[1:]


def losses(incomplete: str) -> Iterator[str]:
    """Names and aliases of losses that begin as the word on the line does."""
    from lossctl.declare import registry

    yield from (name for name in registry.names() if name.startswith(incomplete))


def columns(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Columns of the first file on the line that begin as the word does; a file that cannot be read offers none."""
    from lossctl.errors import LossctlError
    from lossctl.sources.opening import open_sources

    files = [word for word in pending() or [] if os.path.isfile(word)]
    given = context.params.get("files") or files
    try:
        names = list(open_sources(list(given)[:1])[0].columns()) if given else []
    except LossctlError:
        return
    yield from (name for name in names if name.startswith(incomplete))
