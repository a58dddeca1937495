"""Files that appear whole or not at all: opened before the long work, written under a temporary name, then renamed.

What is there and is no regular file, a pipe or a device, is written straight through.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import IO

from lossctl.errors import ESCAPED, OutputError, UsageError

STREAMS = {"/dev/stdout": "/dev/fd/1", "/dev/stderr": "/dev/fd/2"}
DESCRIPTORS = ("/dev/fd/", "/proc/self/fd/")


class OutputFile:
    """A binary file that takes its name only when the work has succeeded; `straight` where it cannot be renamed to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._target = _target(path)  # a link stays one
        self._temporary = f"{self._target}.{os.getpid()}.partial"
        self.straight = is_straight(path)
        with self.trouble():
            self.file: IO[bytes] = self._open()

    def _open(self) -> IO[bytes]:
        if (number := _descriptor(self.path)) is not None:
            return os.fdopen(os.dup(number), "wb")  # opened anew, a regular file behind it would be overwritten
        return open(self.path if self.straight else self._temporary, "wb")

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Turn an error of the system into one that names the file."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}.") from None

    def __enter__(self) -> "OutputFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self.trouble():
                self.file.close()
                if kind is None and not self.straight:
                    os.replace(self._temporary, self._target)
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave no trace of a file that was not finished."""
        self.file.close()
        if not self.straight and os.path.exists(self._temporary):
            os.unlink(self._temporary)


def _target(path: str) -> str:
    """The file that a path stands for, once it is known that it could be written."""
    if not path:
        raise OutputError("the name of a file to write is empty; give one.")
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder; name a file to write.")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise OutputError(f"{path} cannot be written: permission denied.")
    target = os.path.realpath(path) if os.path.islink(path) else path
    if os.path.islink(target):
        raise OutputError(f"{path} cannot be written: its links lead in a circle.")
    folder = os.path.dirname(target) or "."
    if not is_straight(path) and not os.path.isdir(folder):
        raise OutputError(f"{path} cannot be written: there is no folder {folder}.")
    return target


def is_straight(path: str) -> bool:
    """Whether a path leads to a pipe, a device or an open descriptor, which no file may replace."""
    return _descriptor(path) is not None or (os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode))


def _descriptor(path: str) -> int | None:
    """The number of the open descriptor that a path stands for, as /dev/stdout does; None for other paths."""
    path = STREAMS.get(path, path)
    number = next((path.removeprefix(folder) for folder in DESCRIPTORS if path.startswith(folder)), "")
    return int(number) if number.isdecimal() else None


def check_apart(outputs: Sequence[str], inputs: Sequence[str]) -> None:
    """Raise where an output would replace an input, or another output."""
    taken = {
        os.path.realpath(path): f"is read, and cannot be written too; name another file than {path}" for path in inputs
    }
    for path in outputs:
        where = os.path.realpath(path)
        if where in taken:
            raise UsageError(f"{path} {taken[where]}.")
        taken[where] = "is named for two outputs; give each a file of its own"


def write_text(path: str, text: str) -> None:
    """Write a whole text file, or leave what was there."""
    with OutputFile(path) as output, output.trouble():
        output.file.write(text.encode(errors=ESCAPED))


def check_writable(path: str) -> None:
    """Raise before the long work where a file could not be written after it."""
    if is_straight(path):  # a pipe that is opened and closed has nobody at its other end any more
        _target(path)
    else:
        OutputFile(path).discard()
