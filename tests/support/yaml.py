"""The part of YAML that this repository's files are written in, read without a package; anything else is refused."""

import re
from dataclasses import dataclass, field

KEY = re.compile(r'("[^"]*"|[\w.-]+):(?: +(.*))?')
COMMENT = re.compile(r"(^|\s)#.*$")
WORDS = {"true": True, "false": False, "null": None}
SPECIAL = tuple("&*!%@`>|'\"{}?,")  # what begins something else than plain text


def read(text: str) -> object:
    """Mappings and lists in blocks, lists of words in brackets, texts plain, in double quotes or behind `|`."""
    reader = _Reader(text.splitlines())
    found = reader.block(0)
    assert reader.peek() is None, reader.said("stands outside of what is above it")
    return found


@dataclass(slots=True)
class _Reader:
    lines: list[str]
    at: int = field(default=0)

    def said(self, what: str) -> str:
        return f"line {self.at + 1} {what}: {self.lines[self.at]}"

    def peek(self) -> tuple[int, str] | None:
        """The indent and the text of the next line that says something."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            assert "\t" not in line, self.said("has a tab")
            if line.strip() and not line.lstrip().startswith("#"):
                return len(line) - len(line.lstrip()), line.strip()
            self.at += 1
        return None

    def block(self, indent: int) -> object:
        """The mapping or the list whose lines begin at an indent."""
        found = self.peek()
        assert found is not None, "there is nothing"
        return self.items(indent) if found[1].startswith("- ") else self.mapping(indent)

    def items(self, indent: int) -> list[object]:
        found = []
        while (line := self.peek()) is not None and line[0] == indent and line[1].startswith("- "):
            rest = line[1][2:]
            if KEY.fullmatch(rest):
                self.lines[self.at] = " " * (indent + 2) + rest
                found.append(self.block(indent + 2))
            else:
                found.append(self.scalar(rest))
                self.at += 1
        return found

    def mapping(self, indent: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while (line := self.peek()) is not None and line[0] == indent:
            matched = KEY.fullmatch(line[1])
            assert matched, self.said("is no `key: value`")
            name, rest = matched[1].strip('"'), COMMENT.sub("", matched[2] or "").strip()
            assert name not in found, self.said("comes twice")
            if rest == "|":
                self.at += 1
                found[name] = self.lines_of(indent)
            elif rest:
                found[name] = self.scalar(matched[2])
                self.at += 1
            else:
                self.at += 1
                below = self.peek()
                found[name] = self.block(below[0]) if below is not None and below[0] > indent else None
        return found

    def lines_of(self, indent: int) -> str:
        """A text of several lines, as they stand."""
        start = self.at
        while self.at < len(self.lines) and (
            not (line := self.lines[self.at]).strip() or line.startswith(" " * (indent + 1))
        ):
            self.at += 1
        held = self.lines[start : self.at]
        assert held, self.said("comes where a text of several lines should")
        own = min(len(line) - len(line.lstrip()) for line in held if line.strip())
        return "\n".join(line[own:] for line in held).rstrip("\n") + "\n"

    def scalar(self, text: str) -> object:
        if quoted := re.fullmatch(r'"([^"\\]*)"(?:\s+#.*)?', text):
            return quoted[1]
        text = COMMENT.sub("", text).strip()
        if listed := re.fullmatch(r"\[(.*)\]", text):
            return [self.scalar(part.strip()) for part in listed[1].split(",")]
        assert text, self.said("holds nothing where something should be")
        assert not text.startswith(SPECIAL), self.said("begins with what is not read here")
        assert ": " not in text, self.said("holds a colon, and needs quotes")
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        assert not re.fullmatch(r"-?\d+\.\d+", text), self.said("is a number with a point, and needs quotes")
        return WORDS.get(text, text)
