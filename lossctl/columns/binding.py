"""Which columns a role is read from, and the columns of a dataset as messages and searches need them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from lossctl.declare.roles import Role
from lossctl.errors import DataError
from lossctl.sources.source import ColumnInfo

CLASSES = ("class", "class or vector")
Layout = Literal["number", "wide", "list", "nested", "nested vectors"]


class Binding(NamedTuple):
    """The columns a role is read from: one of numbers, several of numbers, one of lists; "nested": a row is a unit.

    Labels: `positive` is the label that counts as 1, `classes` are the classes in the order of the scores, `written`
    other ways to write them, `ignored` is the index that is no class, `letters` spell text targets out.
    """

    name: str
    role: Role
    columns: tuple[str, ...]
    layout: Layout
    width: int = 1
    positive: str | None = None
    classes: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    ignored: int | None = None
    letters: tuple[tuple[str, int], ...] = ()

    @property
    def nested(self) -> bool:
        """Whether a row is a whole unit."""
        return self.layout in ("nested", "nested vectors")


class Labels(NamedTuple):
    """What the user says of labels: which is positive, and the classes in the order of the columns."""

    positive: str | None = None
    classes: tuple[str, ...] = ()


class Table(NamedTuple):
    """The columns of a dataset, as messages and searches need them.

    `truth` are those that come from the truth file; a name that both files have is told apart by a prefix, and
    `renamed` gives the prediction file's names for those columns their prefixed ones.
    """

    path: str
    columns: Mapping[str, ColumnInfo]
    truth: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = {}

    def original(self, name: str) -> str:
        """The name that a column has in its file."""
        return next((file for file, shown in self.renamed.items() if shown == name), name)

    def require(self, name: str, option: str) -> ColumnInfo:
        """What the file says of a column; raises where it has none of the name, which `option` gave."""
        if name not in self.columns:
            raise DataError.no_column(name, self.path, self.columns, option)
        return self.columns[name]

    def require_plain(self, name: str, option: str) -> None:
        """Raise where a column holds lists or structures, by which rows cannot be told apart."""
        info = self.columns[name]
        if info.kind == "list" or info.type.startswith(("struct", "map")):
            raise DataError(
                f"{option}: column {name!r} of {self.path} holds {info.type}; text, numbers or dates are needed."
            )


def brief(columns: tuple[str, ...]) -> str:
    """Columns as a message names them."""
    if len(columns) <= 3:
        return ",".join(columns)
    return f"{columns[0]},{columns[1]},...,{columns[-1]}"
