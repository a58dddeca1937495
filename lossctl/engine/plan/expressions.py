"""Expressions: `cross_entropy + 0.5*dice(smooth=1)`, read and printed.

expr := ['-'] term (('+'|'-') term)*;  term := [number '*'] name ['(' key=value, ... ')'];
a value is a number, word, string, `[list]` or `@COLUMN`; a key is a parameter or a role.
"""

import re
from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

from lossctl.declare.params import number, show
from lossctl.errors import UsageError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*(?:\.\w+)*)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")|(?P<list>\[[^\]]*\])|(?P<column>@(?:[^\s,()\"']+|\"[^\"]*\"|'[^']*'))"
    r"|(?P<sign>[-+*=(),]))"
)


class Part(NamedTuple):
    """One term as written: a factor, a loss's name, and what stands in its parentheses."""

    factor: float
    name: str
    given: Mapping[str, str] = {}


def parse(text: str) -> tuple[Part, ...]:
    """The terms of an expression; a bare loss name is the simplest one."""
    return _Parser(text).expression()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenise()
        self._at = 0

    def _tokenise(self) -> list[tuple[str, str, int]]:
        tokens, at = [], 0
        while self._text[at:].strip():
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                raise self._error(at + len(self._text[at:]) - len(self._text[at:].lstrip()), "cannot be read")
            tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        return tokens

    def _error(self, at: int, what: str) -> UsageError:
        return UsageError(
            f"expression {self._text!r}: {what} at character {at + 1} ({self._text[at : at + 12]!r}). "
            "Write for example 'cross_entropy + 0.5*dice(smooth=1)'."
        )

    def _peek(self, kind: str, value: str | None = None) -> bool:
        if self._at >= len(self._tokens):
            return False
        found, text, _ = self._tokens[self._at]
        return found == kind and (value is None or text == value)

    def _take(self, kind: str, value: str | None = None) -> str:
        if not self._peek(kind, value):
            at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
            raise self._error(at, f"{value or f'a {kind}'!s} is expected")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def expression(self) -> tuple[Part, ...]:
        if not self._tokens:
            raise UsageError("a loss is needed: its name, or an expression such as '0.7*mse + 0.3*mae'.")
        sign = -1.0 if self._peek("sign", "-") and self._take("sign") else 1.0
        parts = [self._term(sign)]
        while self._at < len(self._tokens):
            sign = -1.0 if self._peek("sign", "-") else 1.0
            self._take("sign", "-" if sign < 0 else "+")
            parts.append(self._term(sign))
        return tuple(parts)

    def _term(self, sign: float) -> Part:
        factor = sign
        if self._peek("number"):
            factor *= float(self._take("number"))
            if abs(factor) == inf:
                raise self._error(self._tokens[self._at - 1][2], "a number that is not infinite is expected")
            self._take("sign", "*")
        name = self._take("name")
        given: dict[str, str] = {}
        if self._peek("sign", "("):
            self._take("sign", "(")
            while not self._peek("sign", ")"):
                key = self._take("name")
                self._take("sign", "=")
                if key in given:
                    raise UsageError(f"expression {self._text!r}: {key} is given twice for {name}.")
                given[key] = self._value()
                if not self._peek("sign", ")"):
                    self._take("sign", ",")
            self._take("sign", ")")
        return Part(factor, name, given)

    def _value(self) -> str:
        if self._peek("sign", "-"):
            self._take("sign")
            return "-" + self._take("number")
        for kind in ("number", "name", "string", "list", "column"):
            if self._peek(kind):
                text = self._take(kind)
                return text[1:-1] if kind == "string" else text
        return self._take("number")


def canonical(name: str, params: Mapping[str, object], roles: Mapping[str, str] | None = None) -> str:
    """One loss with every parameter, as reports and signatures write it."""
    inside = [f"{key}={show(value)}" for key, value in params.items()]
    inside += [f"{key}={show(value)}" for key, value in (roles or {}).items()]
    return f"{name}({', '.join(inside)})" if inside else name


def written(part: Part) -> str:
    """A part without its factor, as it would be typed."""
    inside = ", ".join(f"{key}={value if _bare(value) else repr(value)}" for key, value in part.given.items())
    return f"{part.name}({inside})" if inside else part.name


def _bare(value: str) -> bool:
    return number(value) is not None or value.isidentifier() or value[:1] in "@["


def combined(terms: Iterable[tuple[float, str]]) -> str:
    """A sum of terms, written as it would be typed."""
    text = ""
    for factor, spec in terms:
        size = abs(factor)
        body = spec if size == 1 else f"{_plain(size)}*{spec}"
        text += (" - " if factor < 0 else " + ") + body if text else ("-" if factor < 0 else "") + body
    return text


def _plain(value: float) -> str:
    whole = number(f"{value:g}")
    return f"{value:g}" if whole == value else repr(value)
