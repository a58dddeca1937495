"""`--where`: a filter on columns, read once, evaluated block by block with the three-valued logic of SQL.

model == 'a' and (horizon <= 2 or target in ('Cases', 'Deaths')) and not note is null
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lossctl.columns.filter.literals import Literal, numeral, settled
from lossctl.columns.filter.text import COMPARE
from lossctl.errors import UsageError
from lossctl.sources.source import ColumnInfo

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])|'(?P<string>(?:[^']|'')*)'"
    r"|[\"`](?P<quoted>[^\"`]+)[\"`]|(?P<sign><=|>=|==|!=|<>|=|<|>|\(|\)|,)|(?P<word>[^\s()<>=!,'\"`]+))"
)
_WORDS = ("and", "or", "not", "in", "is", "null")


@dataclass(frozen=True, slots=True)
class Compare:
    """A column against literals: an operator with one of them, or `in` with several; `loose` in text files."""

    column: str
    sign: str
    values: tuple[Literal, ...]
    loose: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a column is missing."""

    column: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite, unknown staying unknown."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Both:
    """`and` or `or`."""

    word: str
    left: "Filter"
    right: "Filter"


Filter: TypeAlias = Compare | IsNull | Not | Both


def parse(text: str) -> Filter:
    """The filter that a text says."""
    return _Parser(text).whole()


def columns(part: Filter) -> dict[str, tuple[Literal, ...]]:
    """The columns a filter reads, with the literals they are compared with."""
    match part:
        case Compare(column, _, values):
            return {column: values}
        case IsNull(column):
            return {column: ()}
        case Not(inner):
            return columns(inner)
        case Both(_, left, right):
            first, second = columns(left), columns(right)
            return {name: first.get(name, ()) + second.get(name, ()) for name in {**first, **second}}


def settle(part: Filter, table: Mapping[str, ColumnInfo]) -> Filter:
    """The filter with literals as what the columns hold; raises where one spells nothing such: no row could pass."""
    match part:
        case Compare(column, sign, values):
            info = table[column]
            return Compare(column, sign, settled(column, info, values), info.kind == "unknown")
        case Not(inner):
            return Not(settle(inner, table))
        case Both(word, left, right):
            return Both(word, settle(left, table), settle(right, table))
    return part


class _Parser:
    """Recursive descent: or, and, not, comparison."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self._error(at)
            self._tokens.append((match.lastgroup, match[match.lastgroup], match.start()))
            at = match.end()
        self._at = 0

    def _error(self, at: int | None = None) -> UsageError:
        if at is None:
            at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        date = re.search(r"(?<!['\d])\d{4}-\d\d?-\d\d?(?:[T ][\d:.]+)?", self._text)
        if date is not None and date.start() <= at <= date.end():
            return UsageError(f"--where {self._text!r}: put dates in single quotes: '{date[0]}'.")
        return UsageError(
            f"--where {self._text!r} cannot be read at character {at + 1}. "
            "Write for example \"model == 'a' and (horizon <= 2 or note is null)\"; names with spaces in double quotes."
        )

    def _word(self, *words: str) -> str | None:
        if self._at < len(self._tokens):
            kind, text, _ = self._tokens[self._at]
            if kind in ("word", "sign") and text.lower() in words:
                self._at += 1
                return text.lower()
        return None

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._error()
        kind, text, _ = self._tokens[self._at]
        self._at += 1
        return kind, text

    def whole(self) -> Filter:
        found = self._either()
        if self._at < len(self._tokens):
            raise self._error()
        return found

    def _either(self) -> Filter:
        left = self._all()
        while self._word("or"):
            left = Both("or", left, self._all())
        return left

    def _all(self) -> Filter:
        left = self._one()
        while self._word("and"):
            left = Both("and", left, self._one())
        return left

    def _one(self) -> Filter:
        if self._word("not"):
            return Not(self._one())
        if self._word("("):
            inner = self._either()
            if not self._word(")"):
                raise self._error()
            return inner
        return self._comparison()

    def _comparison(self) -> Filter:
        kind, column = self._next()
        if kind not in ("word", "quoted") or (kind == "word" and column.lower() in _WORDS):
            self._at -= 1
            raise self._error()
        if self._word("is"):
            negated = self._word("not")
            if not self._word("null"):
                raise self._error()
            return Not(IsNull(column)) if negated else IsNull(column)
        negated = self._word("not")
        if self._word("in"):
            inside = Compare(column, "in", self._list())
            return Not(inside) if negated else inside
        sign = self._word(*COMPARE)
        if negated or sign is None:
            raise self._error()
        return Compare(column, sign, (self._literal(),))

    def _list(self) -> tuple[Literal, ...]:
        if not self._word("("):
            raise self._error()
        if self._word(")"):
            raise UsageError(f"--where {self._text!r}: 'in ()' needs a value: in ('a', 'b').")
        values = [self._literal()]
        while self._word(","):
            values.append(self._literal())
        if not self._word(")"):
            raise self._error()
        return tuple(values)

    def _literal(self) -> Literal:
        kind, text = self._next()
        if kind == "number":
            value = numeral(text)
            assert value is not None, text
            return value
        if kind == "string":
            return text.replace("''", "'")
        if kind == "quoted":
            return text
        if kind == "word" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        self._at -= 1
        if kind != "word":
            raise self._error()
        if text.lower() == "null":
            raise UsageError(f"--where {self._text!r}: nothing equals null; write 'is null' or 'is not null'.")
        raise UsageError(
            f"--where {self._text!r}: {text!r} is no value to compare with; put text in single quotes: '{text}'."
        )
