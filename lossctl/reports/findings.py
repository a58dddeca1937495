"""Findings by code, with their counts."""

from collections.abc import Mapping

from lossctl.errors import counted, listing
from lossctl.reports.results import Finding


def findings(counts: Mapping[str, int], missing: Mapping[str, int] | None = None) -> list[Finding]:
    """Findings by code; that of rows left out names the columns which lack their values."""
    if not counts:
        return []
    from lossctl.declare.pitfalls import PITFALLS

    found = []
    for code in sorted(counts):
        kind, count = PITFALLS[code], counts[code]
        title = counted(count, kind.single, kind.title)
        if code == "LC101" and missing:
            title += f" ({listing(f'{name}: {lacking:,}' for name, lacking in missing.items())})"
        found.append(Finding(code, kind.severity, f"{title}. {kind.remedy}", count, [0]))
    return found
