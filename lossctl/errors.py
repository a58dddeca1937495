"""What can go wrong, and the exit code each kind of trouble ends with."""

import codecs
from collections.abc import Collection, Iterable

EXIT_OK, EXIT_CHECK_FAILED, EXIT_MISUSE, EXIT_DEFECT, EXIT_INTERRUPT, EXIT_PIPE = 0, 1, 2, 3, 130, 141
EXIT_TERMINATED = 143
ESCAPED = "lossctl.escaped"  # what an encoding lacks is written as JSON escapes it


class LossctlError(Exception):
    """Anything the user can put right; the message says what, where, what was found and what to do.

    >>> import lossctl
    >>> try:
    ...     lossctl.compute("hubber", {"y": [3.0], "yhat": [2.5]})
    ... except lossctl.LossctlError as error:
    ...     print(error, error.exit_code, sep="; ")
    there is no loss 'hubber'. Did you mean 'huber'? `lossctl list` shows them all.; 2
    """

    exit_code = EXIT_MISUSE


class UsageError(LossctlError):
    """A command, option, loss or parameter that does not exist or does not fit."""


class DataError(LossctlError):
    """A file, column or row that cannot be used as it is; `column` is one that is named and not known to be there."""

    def __init__(self, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.column = column

    @classmethod
    def no_column(cls, name: str, path: str, columns: Collection[str], option: str) -> "DataError":
        """The error that a column named with an option is not among those of a file."""
        return cls(
            f"column {name!r} is not in {path} {it_has(columns)}.{did_you_mean(name, columns)} "
            f"Name a column of the file with {option}.",
            name,
        )


class OutputError(LossctlError):
    """An output that cannot be written."""


class DeclarationError(LossctlError):
    """A loss whose declaration is wrong; raised when its module is imported."""


def spelled(name: str) -> str:
    """A class's name as a function's: BCEWithLogitsLoss is bce_with_logits."""
    import re

    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return snake.replace("-", "_").removesuffix("_loss")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' for a mistyped name, or nothing."""
    from difflib import get_close_matches

    folded = {candidate.lower(): candidate for candidate in known}
    same = name.lower() in folded
    close = [name.lower()] if same else get_close_matches(name.lower(), folded, n=3, cutoff=0.6)
    if not close:
        return ""
    return f" Did you mean {' or '.join(repr(folded[match]) for match in close)}?"


def counted(count: int, one: str, several: str) -> str:
    """'1 key stands', '1,200 keys stand'."""
    return f"{count:,} {one if count == 1 else several}"


def _escape(error: UnicodeError) -> tuple[str, int]:
    """What cannot be encoded as in JSON, where a character beyond 0xffff is two: the text stays valid there too."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


codecs.register_error(ESCAPED, _escape)


def valid(text: str) -> str:
    """A text with what is none in it escaped: bytes of a file name that are no UTF-8, for one."""
    return text if text.isascii() else text.encode(errors=ESCAPED).decode()


def encodable(text: str) -> bool:
    """Whether a text is one: half a character, a surrogate that stands alone, is none."""
    return text.isascii() or text == text.encode(errors="replace").decode()


def printable(text: str, keep: str = "") -> str:
    """A text without what a terminal would obey: control characters, but for those kept, are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(repr(char)[1:-1] if _is_control(char) and char not in keep else char for char in text)


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char < "\xa0"


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Names for a message, cut where a reader stops reading."""
    names = list(names)
    shown = ", ".join(names[:limit])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > limit else shown


def it_has(names: Iterable[str]) -> str:
    """'(it has: y, yhat)': what there is, where a message says that a name is not there."""
    return f"(it has: {listing(names)})"
