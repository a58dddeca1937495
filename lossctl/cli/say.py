"""What commands say outside their reports, and what they are once parsed."""

import sys
from collections.abc import Callable
from contextlib import suppress

from lossctl.errors import (
    printable,
)

Action = Callable[[], int]


def complain(message: str) -> None:
    """One message on stderr."""
    with suppress(OSError):  # whoever read it has left
        print(printable(f"lossctl: {message}", keep="\n\t"), file=sys.stderr, flush=True)
