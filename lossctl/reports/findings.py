"""Pitfalls that were met, in words."""

from collections.abc import Mapping

from lossctl.declare.pitfalls import PITFALLS
from lossctl.errors import counted, listing
from lossctl.reports.results import Finding


def findings(counts: Mapping[str, int], missing: Mapping[str, int] | None = None) -> list[Finding]:
    """A finding per code and count; that of rows left out tells how many each column lacks (`missing`)."""
    found = []
    for code in sorted(counts):
        kind, count = PITFALLS[code], counts[code]
        title = counted(count, kind.single, kind.title)
        if code == "LC101" and missing:
            title += f" ({listing(f'{name}: {lacking:,}' for name, lacking in missing.items())})"
        found.append(Finding(code, kind.severity, f"{title}. {kind.remedy}", count, [0]))
    return found
