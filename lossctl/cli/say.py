"""Messages on stderr, and the type of a command that is parsed and not yet run."""

import sys
from collections.abc import Callable
from contextlib import suppress

from lossctl.errors import printable

Action = Callable[[], int]


def complain(message: str) -> None:
    """Print a message on stderr, behind the name of the tool."""
    with suppress(OSError):  # whoever read it has left
        print(printable(f"lossctl: {message}", keep="\n\t"), file=sys.stderr, flush=True)
