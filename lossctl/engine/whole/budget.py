"""`--memory` and units that must be whole: one that does not fit is refused, not held all the same."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from lossctl.engine.block import Held
from lossctl.engine.plan.plan import Ask, Scan
from lossctl.errors import DataError, listing

UNITS = ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def check_dataset(scan: Scan, ask: Ask) -> None:
    """Refuse a dataset that is one unit and does not fit, where the files tell their rows before they are read."""
    told = [source.rows for source in scan.sources]
    fewer = scan.where is not None or scan.join == "inner" or scan.missing == "skip"
    if ask.memory is None or ask.group is not None or fewer or None in told:
        return
    rows = sum(count or 0 for count in told)
    rows = rows if scan.limit is None else min(rows, scan.limit)
    needed = rows * row_bytes(ask)
    if needed > ask.memory:
        raise _too_large(scan, ask, None, rows, needed)


def row_bytes(ask: Ask) -> int:
    """What is held of a row: its numbers, its place, its weights and its keys, eight bytes each."""
    bindings = {b for term in ask.terms if term.scope == "group" for b in term.bindings.values()}
    extras = (ask.weight, ask.unit_weight, ask.group)
    return 8 * (sum(b.width for b in bindings) + 1 + sum(part is not None for part in extras) + len(ask.by))


def check_held(scan: Scan, ask: Ask, held: Sequence[Held], ahead: bool = False) -> None:
    """Refuse rows in hand that must stay together and do not fit: all of them, or with a group its largest unit.

    `ahead`: later steps need all rows, whatever units they belong to.
    """
    if ask.memory is None or sum(block.bytes for block in held) <= ask.memory:
        return
    if ask.group is None or ahead:
        raise _too_large(scan, ask, None, sum(block.rows for block in held), sum(block.bytes for block in held), ahead)
    rows: dict[str | None, int] = {}
    for block in held:
        assert block.group is not None, "units of a group are told apart"
        counts = np.bincount(block.group.codes, minlength=len(block.group.labels))
        for at in np.flatnonzero(counts).tolist():
            label = block.group.labels[at]
            rows[label] = rows.get(label, 0) + int(counts[at])
    size = sum(block.bytes for block in held) / sum(block.rows for block in held)
    largest = max(rows, key=rows.__getitem__)
    if rows[largest] * size > ask.memory:
        raise _too_large(scan, ask, largest, rows[largest], ceil(rows[largest] * size))


def _too_large(scan: Scan, ask: Ask, label: str | None, rows: int, needed: int, ahead: bool = False) -> DataError:
    names = listing(term.loss for term in ask.terms if term.scope == "group")
    where = ", ".join(source.path for source in scan.sources[:3]) + (", ..." if len(scan.sources) > 3 else "")
    unit = "the dataset, which is one unit without --group," if label is None else f"unit {label!r} of {ask.group!r}"
    other = "--group COL to tell units apart, " if ask.group is None else "a --group COL of smaller units, "
    if ahead and ask.group is not None:
        unit, other = "every row for --per-row, --ci, --stats and --reduction none", "leave these options out, "
    assert ask.memory is not None, "without a budget nothing is too large"
    return DataError(
        f"{where}: {names} needs {unit} whole in memory. {rows:,} rows take {size(needed)} or more, and --memory "
        f"allows {size(ask.memory)}. Give --memory {size(needed, '')} or more, {other}or --limit N for the first rows."
    )


def size(count: int, space: str = " ") -> str:
    """Bytes as --memory takes them, rounded up."""
    for unit, name in UNITS:
        if count >= unit:
            tenths = ceil(10 * count / unit)
            return f"{tenths / 10:g}{space}{name}"
    return f"{count}{space}B"
