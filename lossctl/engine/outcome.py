"""Merged pieces, in the order of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.cells import Key
from lossctl.arithmetic.tally import Tally
from lossctl.columns.faults import Fault, Kind, SharedFault, Trouble, described, said_width, uneven
from lossctl.columns.labels import Seen
from lossctl.engine.block import Held, PieceResult, Tallies, Widths
from lossctl.engine.plan.plan import Scan, View
from lossctl.errors import DataError
from lossctl.sources.source import Piece

if TYPE_CHECKING:
    from lossctl.engine.observed import Observed
    from lossctl.engine.units import Units

Found = TypeVar("Found")
TRUTH = -1  # stands for the number of a file where a fault is one of the truth


@dataclass(slots=True, eq=False, repr=False)
class Outcome:
    """The totals of a dataset."""

    file_rows: list[int]
    used: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    widths: Widths = field(default_factory=dict)
    faults: dict[tuple[int, Trouble], Fault] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=dict)
    findings: Tallies = field(default_factory=dict)
    details: Tallies = field(default_factory=dict)
    unit_weights: Tallies = field(default_factory=dict)
    dropped: dict[View, Tally] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    units: "dict[tuple[int, View], dict[Key, Units]]" = field(default_factory=dict)
    observed: "dict[int, Observed]" = field(default_factory=dict)
    seen: Seen = field(default_factory=dict)
    counts: Array | None = None
    levels: dict[View, Tally] = field(default_factory=dict)
    matched: dict[Key, npt.NDArray[np.uint8]] = field(default_factory=dict)
    unmatched: int = 0
    penalties: "tuple[Outcome, ...]" = ()

    @property
    def rows(self) -> int:
        return sum(self.file_rows)

    def before(self, piece: Piece) -> int:
        """Rows of its file before a piece: as the file says, or as they were counted."""
        return self.file_rows[piece.file] if piece.row is None else piece.row

    def part(self, job: int, places: Sequence[int]) -> "Outcome":
        """What concerns one of several jobs: its terms, numbered as in its own plan, and what it wants observed."""
        observed = {0: self.observed[job]} if job in self.observed else {}
        return replace(
            self,
            tallies=_chosen(self.tallies, places),
            findings=_chosen(self.findings, places),
            details=_chosen(self.details, places),
            unit_weights=_chosen(self.unit_weights, places),
            units=_chosen(self.units, places),
            observed=observed,
        )

    def add(self, where: Piece, piece: PieceResult) -> None:
        """Merge the piece that comes next in the data."""
        file, before = where.file, self.before(where)
        for trouble, fault in piece.faults.items():
            at = TRUTH if isinstance(fault, SharedFault) else file
            self.faults.setdefault((at, trouble), type(fault)()).add(fault, before)
        for binding, (width, row) in piece.widths.items():
            known, _ = self.widths.setdefault(binding, (width, row))
            if known != width:
                odd = Fault(piece.used, [(row, said_width(width))])
                self.faults.setdefault((file, uneven(binding, known)), Fault()).add(odd, before)
        # A piece numbers its rows from its own beginning; only here is known how many stand before it. Its blocks are
        # changed in place: nobody else holds them any more.
        for held in piece.held:
            held.places = held.places + sum(self.file_rows[:file]) + before
        self.file_rows[file] += piece.rows
        self.used += piece.used
        if self.faults:
            return  # nothing will be concluded from the rest, which may not even fit together
        for name, count in piece.missing.items():
            self.missing[name] = self.missing.get(name, 0) + count
        for own, more in (
            (self.tallies, piece.tallies),
            (self.findings, piece.findings),
            (self.details, piece.details),
            (self.unit_weights, piece.unit_weights),
        ):
            for key, tally in more.items():
                own.setdefault(key, Tally()).add(tally)
        for view, tally in piece.levels.items():
            self.levels.setdefault(view, Tally()).add(tally)
        for view, tally in piece.dropped.items():
            self.dropped.setdefault(view, Tally()).add(tally)
        for at, seen in piece.observed.items():
            self.observed[at] = self.observed[at].plus(seen) if at in self.observed else seen
        for name, labels in piece.seen.items():
            self.seen.setdefault(name, set()).update(labels)
        for slice_key, found in piece.matched.items():
            so_far = self.matched.get(slice_key)
            self.matched[slice_key] = found if so_far is None else np.minimum(so_far + found, 2).astype(np.uint8)
        self.unmatched += piece.unmatched
        if piece.counts is not None:
            self.counts = piece.counts if self.counts is None else self.counts + piece.counts

    def check(self, scan: Scan, remedies: Mapping[Kind, str] | None = None) -> None:
        """Raise all faults of the most telling kind as one error; `remedies` by kind, where they are special."""
        if not self.faults:
            self._check_labels(scan)
            return
        kind = min((trouble.kind for _, trouble in self.faults), key=lambda kind: kind.rank)
        lines = [
            described(scan.truth.source if scan.truth and file == TRUTH else scan.sources[file], trouble, fault)
            for (file, trouble), fault in sorted(self.faults.items(), key=lambda item: (item[0][0], item[0][1].column))
            if trouble.kind is kind
        ]
        raise DataError("\n".join([*lines, (remedies or {}).get(kind, kind.remedy)]))

    def _check_labels(self, scan: Scan) -> None:
        """Raise where labels are of more than two values, which only the whole dataset can tell."""
        for name, labels in self.seen.items():
            where = ", ".join(source.path for source in scan.sources)
            if scan.truth is not None and scan.truth.holds(name):
                where, name = scan.truth.path, scan.truth.own_name(name)
            if {"-1", "0"} <= labels:
                raise DataError(
                    f"{where}, column {name!r}: both 0 and -1 stand for the negative label. Use one of them."
                )
            if len(labels) > 2:
                shown = ", ".join(sorted(map(repr, labels)))
                raise DataError(
                    f"{where}, column {name!r}: two labels are needed, and there are more ({shown}). "
                    "Name a column of two values, or leave the other rows out."
                )


def _chosen(found: Mapping[tuple[int, View], Found], places: Sequence[int]) -> dict[tuple[int, View], Found]:
    """What is known of some terms, which are numbered anew."""
    views = dict.fromkeys(view for _, view in found)
    return {
        (own, view): found[place, view] for own, place in enumerate(places) for view in views if (place, view) in found
    }
