"""The classes of a dataset: their names, how many there are, and the one that is ignored."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lossctl.arithmetic.arrays import Array, Ragged
from lossctl.declare.kernel import LossRole
from lossctl.declare.roles import Role


class Classes(NamedTuple):
    """What parameters may depend on: how many classes there are, their names, and how often each one is the target.

    For binary targets there are as many as labels per row, and `counts` gives the positives and the rows instead.
    `written` are other ways to write the names, in their order, once or more.
    """

    size: int
    names: tuple[str, ...]
    counts: Callable[[], Array]
    written: tuple[str, ...] = ()

    def name(self, label: str) -> str:
        """The name of a class, however it is written."""
        if label in self.names or label not in self.written:
            return label
        return self.names[self.written.index(label) % len(self.names)]


def classes_of(roles: Sequence[LossRole], arrays: Mapping[str, Any]) -> Classes:
    """The classes of arrays in memory."""
    target = next((role for role in roles if role.role.kind in ("class", "class or vector", "binary")), None)
    sizes = [array.shape[0] for array in arrays.values() if not isinstance(array, Ragged) and array.ndim == 2]
    size = max(sizes, default=1)

    def counts() -> Array:
        return np.zeros(size) if target is None else count(target.role, arrays[target.name], size)

    return Classes(size, tuple(map(str, range(size))), counts)


def count(role: Role, target: Any, size: int) -> Array:
    """Rows of each class; for binary labels `(2, d)`: positives and rows."""
    if role.kind == "binary":
        labels = np.atleast_2d(target)
        return np.stack([labels.sum(axis=1), np.full(len(labels), float(labels.shape[1]))])
    if target.ndim == 2:
        return np.asarray(target.sum(axis=1), dtype=np.float64)
    inside = (target >= 0) & (target < size)
    return np.bincount(target[inside], minlength=size).astype(np.float64)


@lru_cache(maxsize=64)
def numbered(names: tuple[str, ...]) -> list[int] | None:
    """Class names as whole numbers, where all of them are."""
    return [int(name) for name in names] if names and all(re.fullmatch(r"-?\d+", name) for name in names) else None


def ignored_index(value: int, named: Sequence[int] | None) -> int:
    """The index of ignored rows: that of the class called so; a number that is no class's stays beside them all."""
    if named is None or named == list(range(len(named))):
        return value
    return named.index(value) if value in named else -1
