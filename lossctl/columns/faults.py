"""What is wrong with data: the kinds of faults, where they are, how many, and what to do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lossctl.columns.binding import Binding
from lossctl.errors import counted
from lossctl.sources.kinds import INEXACT
from lossctl.sources.source import Source

EXAMPLES = 3
NOT_EMPTY = "lists must hold numbers"


@dataclass(slots=True, eq=False, repr=False)
class Fault:
    """Rows of one column that cannot be used, of one kind: how many, and the first few with what they hold.

    `at` numbers all of them within the block that shows them; a fault merged from blocks has no such.
    """

    count: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)
    at: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    def add(self, other: "Fault", offset: int) -> None:
        """Merge the fault of later rows, whose numbers begin at `offset`."""
        self.count += other.count
        room = EXAMPLES - len(self.examples)
        self.examples.extend((row + offset, shown) for row, shown in other.examples[: max(room, 0)])


@dataclass(slots=True, eq=False, repr=False)
class SharedFault(Fault):
    """A fault in cells that several rows share, as the cells of a truth file do once it is joined to predictions.

    A cell counts once, however many rows it is joined to; it is numbered by its row in the truth file.
    """

    cells: set[int] = field(default_factory=set)

    def add(self, other: Fault, offset: int) -> None:
        """Merge the fault of later rows; cells are numbered by the truth file already, so `offset` adds nothing."""
        self.cells.update(other.at.tolist() if not isinstance(other, SharedFault) else other.cells)
        self.count = len(self.cells)
        self.examples = sorted({**dict(other.examples), **dict(self.examples)}.items())[:EXAMPLES]


def _needs(what: str) -> str:
    """What is said of a kind whose rows hold something else than what is needed."""
    return f"{{path}}, column {{column!r}}: {what}, and {{rows}} {{holds}} something else: {{examples}}."


_MISSING = "{path}, column {column!r}: missing in {rows} (first: row {places})."


@unique
class Kind(Enum):
    """The kinds of faults, the most telling first: where data show several, those of one kind alone are told.

    `says` is what is said of the rows that show it, with places for what is filled in (see `described`), `remedy` is
    what to do about them. A kind without both cannot be defined.
    """

    UNMATCHED = (
        "{path}: {rows} {has} no truth in {expected} for {column} (first: {examples}).",
        "Use --join inner to evaluate the rows that have a truth, or complete the truth.",
    )
    TEXT = (
        _needs("needs {expected}"),
        "Correct the file (numbers stand without thousands separators and units; where 1,5 is 1.5: --decimal ,), "
        "say with --na-values which cells are missing, or name another column for the role.",
    )
    LENGTH = (
        _needs("{expected} numbers are needed"),
        "All rows of a list column must hold as many numbers as the first.",
    )
    SIZE = (
        "{path}: these roles must hold as many numbers per row, and {expected}.",
        "Compare the columns, and name columns of as many numbers per row for these roles.",
    )
    MISSING_KEY = (
        _MISSING,
        "A group or an id must be given in every row; fill it in, or drop those rows.",
    )
    MISSING = (
        _MISSING,
        "Use --missing skip to leave such rows out (weights must always be given), or fill them in.",
    )
    ZERO = (
        _needs("a vector that is not all 0 is needed"),
        "A vector of zeros has no direction; leave such rows out with --where, "
        "or give an --eps > 0 where the loss has it.",
    )
    BINARY = (
        _needs("a label 0 or 1 is needed"),
        "Labels are 0/1, -1/+1 or true/false; for two other values say which is positive with --positive-label.",
    )
    CLASS = (
        _needs("one of the classes ({expected}) is needed"),
        "Targets are class indexes or names of the score columns; name the classes in their order with --classes, "
        "or the index that is no class with --ignore-index where the loss has it.",
    )
    INFINITE = (
        _needs("a finite number is needed"),
        "Only finite numbers can be evaluated; correct or drop those rows.",
    )
    INEXACT = (
        _needs("an integer that float64 holds exactly is needed"),
        INEXACT,
    )
    OUTSIDE = (
        _needs("needs a number {expected}"),
        "Correct the values, leave the rows out with --where, or name another column for the role.",
    )
    SIMPLEX = (
        _needs("probabilities that sum to 1 are needed"),
        "Probabilities of a row must sum to 1; use --normalize where the loss has it, or a loss on logits.",
    )
    RULE = (
        "{path}, column {column!r}: {expected}, and {rows} {breaks} the rule: {examples}.",
        "Correct these rows, leave them out with --where, or change the option that the rule names.",
    )

    def __init__(self, says: str, remedy: str) -> None:
        self.says, self.remedy = says, remedy
        self.rank = len(type(self).__members__)  # those defined so far


class Trouble(NamedTuple):
    """The kind of a fault, where it is, and what was expected there, where the kind alone does not say it."""

    kind: Kind
    column: str
    expected: str = ""


Faults = dict[Trouble, Fault]


def note(faults: Faults, trouble: Trouble, rows: npt.NDArray[np.intp], shown: Iterable[str]) -> None:
    """Record rows (numbered within the block, in order) that show a trouble; a row counts once."""
    first = np.append(True, rows[1:] != rows[:-1])[: len(rows)]
    examples = [(int(row), text) for row, text in zip(rows[first][:EXAMPLES], compress(shown, first), strict=False)]
    fault = faults.setdefault(trouble, Fault())
    fault.add(Fault(int(first.sum()), examples), 0)
    fault.at = np.concatenate([fault.at, rows])


def of_rows(items: Faults, owners: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.intp]], faults: Faults) -> None:
    """Faults of the items of lists as faults of the rows (`owners`) that hold them."""
    for trouble, fault in items.items():
        shown: dict[int, str] = {}
        for item, text in fault.examples:
            shown.setdefault(int(owners(np.array([item]))[0]), text)
        rows = np.unique(owners(fault.at))
        found = faults.setdefault(trouble, Fault())
        found.add(Fault(len(rows), list(shown.items())), 0)
        found.at = np.concatenate([found.at, rows])


def described(source: Source, trouble: Trouble, fault: Fault) -> str:
    """The sentence that names the file, the column, the rows and what they hold."""
    places = [f"{row + 1}{source.line(row)}" for row, _ in fault.examples]
    several = fault.count > 1
    return trouble.kind.says.format(
        path=source.path,
        column=trouble.column,
        expected=trouble.expected,
        rows=counted(fault.count, "row", "rows"),
        has="have" if several else "has",
        holds="hold" if several else "holds",
        breaks="break" if several else "breaks",
        places=", ".join(places),
        examples=", ".join(f"{shown} in row {at}" for at, (_, shown) in zip(places, fault.examples, strict=True)),
    )


def uneven(binding: Binding, known: tuple[int, ...]) -> Trouble:
    """The trouble of a column whose lists are not as long as those before them, which are `known`."""
    return Trouble(Kind.LENGTH, binding.columns[0], " x ".join(map(str, known)))


def said_width(width: tuple[int, ...]) -> str:
    """The length or the shape of lists, as a message shows what rows hold."""
    return f"{' x '.join(map(str, width))} numbers"
