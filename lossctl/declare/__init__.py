"""What a loss is, and how one is declared: all that a plugin imports stands here, and is imported when it is used.

>>> from lossctl.declare import Param, Real, example, loss
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.arithmetic.arrays import Array as Array
    from lossctl.arithmetic.arrays import Flags as Flags
    from lossctl.arithmetic.arrays import Ragged as Ragged
    from lossctl.arithmetic.statistics import Histogram as Histogram
    from lossctl.arithmetic.statistics import Largest as Largest
    from lossctl.arithmetic.statistics import Rows as Rows
    from lossctl.arithmetic.statistics import Smallest as Smallest
    from lossctl.arithmetic.statistics import Statistics as Statistics
    from lossctl.arithmetic.statistics import Sums as Sums
    from lossctl.declare.classes import Classes as Classes
    from lossctl.declare.declaration import Example as Example
    from lossctl.declare.declaration import Loss as Loss
    from lossctl.declare.declaration import example as example
    from lossctl.declare.params import FileCells as FileCells
    from lossctl.declare.params import Param as Param
    from lossctl.declare.registry import loss as loss
    from lossctl.declare.roles import *  # noqa: F403  # every role

_HOMES = {
    "Array": "lossctl.arithmetic.arrays",
    "Flags": "lossctl.arithmetic.arrays",
    "Ragged": "lossctl.arithmetic.arrays",
    "Histogram": "lossctl.arithmetic.statistics",
    "Largest": "lossctl.arithmetic.statistics",
    "Rows": "lossctl.arithmetic.statistics",
    "Smallest": "lossctl.arithmetic.statistics",
    "Statistics": "lossctl.arithmetic.statistics",
    "Sums": "lossctl.arithmetic.statistics",
    "Classes": "lossctl.declare.classes",
    "Example": "lossctl.declare.declaration",
    "example": "lossctl.declare.declaration",
    "Loss": "lossctl.declare.declaration",
    "FileCells": "lossctl.declare.params",
    "Param": "lossctl.declare.params",
    "loss": "lossctl.declare.registry",
}


def __getattr__(name: str) -> object:
    """A name's module is imported when it is first used; every role is a name of `lossctl.declare.roles`."""
    from importlib import import_module

    found = getattr(import_module(_HOMES.get(name, "lossctl.declare.roles")), name, None) if name[0] != "_" else None
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
