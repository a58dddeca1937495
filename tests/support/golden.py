"""Texts as they once were: UPDATE_GOLDEN=1 writes them anew instead of comparing."""

import os
import re

from support.files import ROOT

GOLDEN = ROOT / "tests" / "golden"
NUMBER = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?")


def check_golden(name: str, text: str) -> None:
    """Check that a text is that of a file in tests/golden, but for the last digits of numbers."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert rounded(text) == rounded(path.read_text(encoding="utf-8"))


def rounded(text: str) -> str:
    """The same text with numbers of at most 12 digits: the last ones are the processor's."""
    return NUMBER.sub(lambda found: f"{float(found[0]):.12g}", text)
