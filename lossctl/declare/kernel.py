"""Kernels, the functions over arrays that losses are made of, and the one way each kind of them is called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.statistics import Histogram, Largest, Pivot, Product, Rows, Smallest, Statistic, Statistics
from lossctl.arithmetic.tally import Tally
from lossctl.arithmetic.vectors import mean_k, sum_k
from lossctl.declare.roles import Role

Scope = Literal["row", "set", "group"]
Elements = Literal["mean", "sum"] | None

# Keyword-only names of a kernel that the engine supplies, not the user: the centre of the roles' values for
# statistics that would cancel, and the row weights where a unit's value depends on them.
SUPPLIED = frozenset({"pivot", "weights"})


class LossRole(NamedTuple):
    """One array a kernel takes."""

    name: str
    role: Role
    required: bool

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


class Detector(NamedTuple):
    """What finds a pitfall in a loss's data: its code, and the mask of the rows (or units) that show it."""

    code: str
    mask: Callable[..., Flags]


class Rule(NamedTuple):
    """What the values of a row must satisfy together, beyond each role's domain: the mask of rows that break it."""

    says: str
    broken: Callable[..., Flags]


@dataclass(slots=True, eq=False, repr=False)
class Kernel:
    """A function over arrays, and the facts the engine needs of it."""

    function: Callable[..., Any]
    roles: tuple[LossRole, ...]
    scope: Scope
    elements: Elements = None
    unit_valued: bool = False
    pooled: bool = False
    gapless: bool = False
    supplied: frozenset[str] = frozenset()
    finisher: Callable[..., Array] | None = None

    @property
    def takes_weights(self) -> bool:
        """Whether row weights mean something to it."""
        return self.scope != "group" or not self.unit_valued or "weights" in self.supplied

    def _call(self, arrays: Mapping[str, Array], params: Mapping[str, Any], **supplied: object) -> Any:
        supplied = {name: supplied.get(name) for name in self.supplied}
        with np.errstate(all="ignore"):
            return self.function(**arrays, **params, **supplied)

    def rows(self, arrays: Mapping[str, Array], params: Mapping[str, Any]) -> Rows:
        """Row values, components collapsed."""
        found = self.values(arrays, params)
        return Rows(found.value) if isinstance(found, Product) else found

    def values(self, arrays: Mapping[str, Array], params: Mapping[str, Any]) -> Rows | Product:
        """Row values, components collapsed; a product where the kernel gives one for rows of one number."""
        result = self._call(arrays, params)
        if isinstance(result, Product):
            if result.left.ndim == 1:
                return result
            result = result.value
        terms = result if isinstance(result, Rows) else Rows(result)
        if self.elements is None or terms.value.ndim == 1:
            return terms
        collapse = mean_k if self.elements == "mean" else sum_k
        return terms._replace(value=collapse(terms.value))

    def statistics(
        self, arrays: Mapping[str, Array], params: Mapping[str, Any], pivot: Pivot, weights: Array | None
    ) -> Statistics:
        """A set loss's statistics per row, weighted, with the weight itself."""
        raw: Statistics = self._call(arrays, params, pivot=pivot)
        if weights is None:
            return raw
        counted = weights > 0
        weighted = {name: _weigh(statistic, weights, counted) for name, statistic in raw.items()}
        return {**weighted, "weight": weights}

    def finish(self, sums: Mapping[str, Array], params: Mapping[str, Any], pivot: Pivot) -> Array:
        """The value of each unit from its merged statistics; NaN where it is undefined."""
        assert self.finisher is not None, "a set loss has a finisher; its declaration is checked"
        supplied = {"pivot": pivot} if "pivot" in self.supplied else {}
        with np.errstate(all="ignore"):
            value = self.finisher(sums, **params, **supplied)
        return value.mean(axis=0) if value.ndim > 1 else value

    def unit(self, arrays: Mapping[str, Array], params: Mapping[str, Any], weights: Array | None) -> Rows:
        """A group loss over one whole unit: its row values, or its value as a single row."""
        result = self._call(arrays, params, weights=weights)
        if isinstance(result, Rows):
            return result
        return Rows(np.atleast_1d(np.asarray(result, dtype=np.float64)))

    def alone(self, arrays: Mapping[str, Array], params: Mapping[str, Any]) -> Any:
        """All rows as one unit in memory: row values, or the unit's value."""
        if self.scope == "row":
            return self.rows(arrays, params).value
        if self.scope == "group":
            rows_of_unit = self.unit(arrays, params, None)
            return float(rows_of_unit.value[0]) if self.unit_valued else rows_of_unit.shown()
        pivot = pivots(arrays)
        tally = Tally()
        rows = next(iter(arrays.values())).shape[-1]
        tally.add_block(self.statistics(arrays, params, pivot, None), None, rows)
        return float(self.finish(tally.sums(), params, pivot)[0])


def pivots(arrays: Mapping[str, Array]) -> Pivot:
    """The first row's values, shaped to subtract from the arrays."""
    return {name: array[..., :1].copy() for name, array in arrays.items()}


def weighed(values: Array, weights: Array) -> Array:
    """Values times weights; what weighs nothing is nothing, be it infinite."""
    with np.errstate(invalid="ignore"):
        product = values * weights
    return product if weights.all() else np.where(weights > 0, product, 0.0)


def _weigh(statistic: Statistic, weights: Array, counted: Flags) -> Statistic:
    match statistic:
        case Largest(value):
            return Largest(value if counted.all() else np.where(counted, value, -np.inf))
        case Smallest(value):
            return Smallest(value if counted.all() else np.where(counted, value, np.inf))
        case Histogram():
            return weights * statistic
        case Product():
            return weighed(statistic.value, weights)
        case _:
            return weighed(statistic, weights)
