"""Input that can be read only once, standard input or a pipe: copied to a file that goes when the program ends."""

import atexit
import os
import sys
import tempfile
from functools import lru_cache
from shutil import copyfileobj

from lossctl.errors import DataError

COPY_BYTES = 1 << 20


# Remembered not for speed: a pipe can be read once, and whoever opens it again must find the same file.
@lru_cache(maxsize=64)
def spooled(path: str) -> str:
    """The temporary file that holds what a path gave; '-' is standard input."""
    if path == "-" and (sys.stdin is None or sys.stdin.isatty()):
        raise DataError("- is standard input, and nothing is piped into it: command | lossctl ... -")
    with tempfile.NamedTemporaryFile(prefix="lossctl-", delete=False) as file:
        atexit.register(_remove, file.name)
        try:
            if path == "-":
                copyfileobj(sys.stdin.buffer, file, COPY_BYTES)
            else:
                with open(path, "rb") as pipe:
                    copyfileobj(pipe, file, COPY_BYTES)
        except OSError as error:
            raise DataError(f"{path} cannot be copied to {tempfile.gettempdir()}: {error.strerror}.") from None
    return file.name


def _remove(file: str) -> None:
    if os.path.exists(file):
        os.unlink(file)
