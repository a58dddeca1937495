"""What a user may say of text files; whatever is left out is recognised from the file."""

from dataclasses import dataclass

from lossctl.errors import UsageError, encodable

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "-nan", "null", "NULL", "n/a")
# Characters that a shell makes hard to type, by names that are easy.
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|"}


@dataclass(frozen=True, slots=True, repr=False)
class TextOptions:
    """How CSV files are laid out: None is recognised.

    `delimiter` and `quote` are one character each (an empty quote: quotes mean nothing), `decimal` is the decimal
    point, `header` whether the first line names the columns, `na_values` the cells that are missing values, beside
    empty ones, in place of the usual ones.
    """

    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    decimal: str | None = None
    na_values: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", NAMED.get(self.delimiter.lower(), self.delimiter))
            _check_character("--delimiter", self.delimiter)
        if self.quote:
            _check_character("--quote", self.quote)
        for text in self.na_values or ():
            if not encodable(text):
                raise UsageError(f"--na-values {text!r} is no text in UTF-8.")
        if self.decimal not in (None, ".", ","):
            raise UsageError(f"--decimal is '.' or ',', not {self.decimal!r}.")
        given = [character for character in (self.delimiter, self.quote, self.decimal) if character]
        if len(set(given)) < len(given):
            raise UsageError("--delimiter, --quote and --decimal must be three different characters.")

    @property
    def missing(self) -> tuple[str, ...]:
        """The cells that are missing values."""
        return MISSING if self.na_values is None else tuple(dict.fromkeys(("", *self.na_values)))


def _check_character(option: str, character: str | None) -> None:
    if character is None or len(character) != 1 or not character.isascii() or character in "\r\n\0":
        names = ", ".join(name for name in NAMED if name.isalpha())
        raise UsageError(f"{option} is one ASCII character (or {names}), not {character!r}.")
