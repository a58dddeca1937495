"""Files that appear whole or not at all: opened before the long work, written under a temporary name, then renamed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import IO

from lossctl.errors import OutputError, UsageError


class OutputFile:
    """A binary file that takes its name only when the work has succeeded."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._temporary = f"{path}.{os.getpid()}.partial"
        folder = os.path.dirname(path) or "."
        if os.path.isdir(path):
            raise OutputError(f"{path} is a folder; name a file to write.")
        if not os.path.isdir(folder):
            raise OutputError(f"{path} cannot be written: there is no folder {folder}.")
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise OutputError(f"{path} cannot be written: permission denied.")
        with self.trouble():
            self.file: IO[bytes] = open(self._temporary, "wb")  # noqa: SIM115  closed by __exit__

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Name the file in whatever the system says."""
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
                if kind is None:
                    os.replace(self._temporary, self.path)
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave no trace of a file that was not finished."""
        self.file.close()
        if os.path.exists(self._temporary):
            os.unlink(self._temporary)


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
        output.file.write(text.encode())


def check_writable(path: str) -> None:
    """Raise before the long work where a file could not be written after it."""
    output = OutputFile(path)
    output.discard()
