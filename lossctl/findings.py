"""Pitfalls with stable codes: what is seen, why it usually happens, what to do."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Pitfall:
    """One kind of finding, as `lossctl info CODE` explains it."""

    code: str
    severity: Literal["info", "warning", "error"]
    title: str
    cause: str
    remedy: str


PITFALLS = {
    pitfall.code: pitfall
    for pitfall in (
        Pitfall(
            "LC101",
            "info",
            "rows were left out because a value is missing",
            "Null or NaN cells, and --missing skip.",
            "See the counts per column; fill the values in if they matter.",
        ),
        Pitfall(
            "LC102",
            "warning",
            "units do not count because their value is undefined",
            "A unit too small, or constant where a spread is divided by.",
            "Look at the units with --per-row; drop or merge them.",
        ),
        Pitfall(
            "LC103",
            "warning",
            "rows were paired with the truth by position",
            "--truth without --on.",
            "If the files' rows could be in another order, join them on keys with --on.",
        ),
        Pitfall(
            "LC301",
            "warning",
            "targets at or near 0 decide a relative error",
            "The error is divided by the size of the target.",
            "Use wape, smape or mase, or evaluate those rows apart with --by.",
        ),
    )
}
