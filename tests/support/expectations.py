"""The stored expectations of tests/oracles."""

import json
from typing import Any

from support.files import ROOT


def expectations() -> list[dict[str, Any]]:
    """Every case of every family, as it stands in its file."""
    found = sorted((ROOT / "tests" / "oracles" / "fixtures").glob("*.json"))
    return [case for path in found for case in json.loads(path.read_text(encoding="utf-8"))["cases"]]
