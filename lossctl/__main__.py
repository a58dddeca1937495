"""`python -m lossctl`, and the installed command: Ctrl-C ends it cleanly while its modules are still being imported."""

import os
import signal
from contextlib import suppress
from typing import NoReturn


def _interrupt(*_: object) -> NoReturn:
    """End without a traceback: nothing is open yet that would have to be put away."""
    with suppress(OSError):
        os.write(2, b"lossctl: interrupted\n")
    os._exit(130)


def entry() -> NoReturn:
    """The command, once it is imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    from lossctl.cli.main import entry as begin

    begin()


if __name__ == "__main__":
    entry()
