"""What kernels are measured against: cases, each a loss on some arrays beside the plain formula, and the arrays.

The formulas are written as a reader of the catalogue would in NumPy, without care for extremes: what a kernel takes
beyond them is the price of digits and stability. Arrays lie in memory as blocks of a file do, `(k, n)` for k columns.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from lossctl.arithmetic.arrays import Array, Ragged
from lossctl.arithmetic.cells import CellRuns, Runs
from lossctl.arithmetic.tally import Tally
from lossctl.declare import registry
from lossctl.declare.classes import classes_of
from lossctl.declare.declaration import Loss
from lossctl.declare.kernel import Kernel, pivots

ROWS, CLASSES, WIDE = 1 << 15, 10, 128
MASKS, PIXELS = 32, 64 * 64  # as many masks as the engine's blocks of two columns hold
Formula: TypeAlias = Callable[..., Any]
Arrays: TypeAlias = Mapping[str, Any]


class Case(NamedTuple):
    """A loss with some parameters on some arrays, and its formula as a function of these arrays.

    `says` tells it from the loss's other cases. `units`: into how many the rows of a set loss fall, one after another.
    """

    loss: str
    arrays: Arrays
    formula: Formula
    params: Mapping[str, Any] = {}
    says: str = ""
    units: int = 1
    rtol: float = 1e-6

    @property
    def name(self) -> str:
        said = [name if isinstance(value, tuple) else f"{name}={value}" for name, value in self.params.items()]
        return f"{self.loss} {', '.join(filter(None, [*said, self.says]))}".strip()

    @property
    def rows(self) -> int:
        return int(next(iter(self.arrays.values())).shape[-1])

    def work(self) -> Callable[[], Any]:
        """The kernel's part: row values, or those of the units."""
        loss = registry.get(self.loss)
        kernel, given = loss.kernel_for(self.arrays), loss.resolve_params(self.params)
        vectors = frozenset(name for name, array in self.arrays.items() if len(array.shape) > 1)
        roles = [role for role in loss.roles_for(given, kernel, vectors) if role.name in self.arrays]
        params = loss.prepared(given, classes_of(roles, self.arrays))
        if kernel.scope == "row":
            return lambda: kernel.rows(self.arrays, params).value
        if kernel.scope == "group":
            return lambda: kernel.unit(self.arrays, params, None).value
        return lambda: self._of_set(kernel, params)

    def _of_set(self, kernel: Kernel, params: Mapping[str, Any]) -> Any:
        pivot, tally = pivots(self.arrays), Tally()
        tally.add_block(kernel.statistics(self.arrays, params, pivot, None), _cells(self.rows, self.units), self.rows)
        return kernel.finish(tally.sums(), params, pivot)

    def floor(self) -> Any:
        """The formula's part."""
        with np.errstate(all="ignore"):
            return self.formula(**self.arrays)


def _cells(rows: int, units: int) -> CellRuns | None:
    if units == 1:
        return None
    runs = Runs(None, np.arange(0, rows, rows // units), np.arange(units))
    return CellRuns([(unit,) for unit in range(units)], rows, runs)


def missing(cases: list[Case]) -> list[str]:
    """Losses that no case measures."""
    measured = {case.loss for case in cases}
    return [loss.name for loss in built_in() if loss.name not in measured]


def built_in() -> Iterator[Loss]:
    """The losses of the catalogue; plug-ins may have brought others."""
    return (loss for loss in registry.every() if loss.kernel.function.__module__.startswith("lossctl.losses."))


def softplus(x: Array) -> Array:
    return np.log1p(np.exp(x))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    powers = np.exp(x)
    return powers / powers.sum(axis=0)


def logsumexp(x: Array) -> Array:
    return np.log(np.exp(x).sum(axis=0))


def norm(x: Array) -> Array:
    return np.sqrt((x * x).sum(axis=0))


def own(x: Array, target: Array) -> Array:
    """Each row's own class out of `(k, n)`."""
    return x[target, np.arange(x.shape[1])]


def one_hot(target: Array, classes: int = CLASSES) -> Array:
    return (np.arange(classes)[:, np.newaxis] == target) * 1.0


def running(x: Array) -> Array:
    """Sums over the components so far, row upon row: NumPy's cumsum takes ten times as long across rows."""
    total = x.copy()
    for before, row in pairwise(total):
        row += before
    return total


def lgamma(x: Array) -> Array:
    """Stirling's series, seven steps up, where it is exact to some 1e-10; NumPy has none."""
    shifted = x + 7
    below = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6)
    inverse = 1 / shifted
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square / 1260))
    return (shifted - 0.5) * np.log(shifted) - shifted + 0.5 * np.log(2 * np.pi) + series - np.log(below)


def erfc(x: Array) -> Array:
    """For x >= 0 to 1.2e-7, "Numerical Recipes" 6.2; NumPy has none."""
    t = 1 / (1 + 0.5 * x)
    power = 0.17087277
    for coefficient in (
        -0.82215223,
        1.48851587,
        -1.13520398,
        0.27886807,
        -0.18628806,
        0.09678418,
        0.37409196,
        1.00002368,
    ):
        power = power * t + coefficient
    return t * np.exp(-x * x - 1.26551223 + t * power)


rng = np.random.default_rng(0)
Y, E = rng.normal(size=ROWS), rng.normal(size=ROWS)
F = Y + E
POS, RATE, STD = np.exp(Y), np.exp(F), np.exp(E)
LABEL, PROB = (rng.random(ROWS) < 0.3) * 1.0, rng.uniform(0.01, 0.99, ROWS)
COUNT = rng.poisson(RATE) * 1.0
CLASS = rng.integers(0, CLASSES, ROWS)
LOGITS = rng.normal(size=(CLASSES, ROWS))
LABELS = (rng.random((CLASSES, ROWS)) < 0.3) * 1.0
P, Q = rng.dirichlet(np.ones(CLASSES), size=(2, ROWS)).transpose(0, 2, 1).copy()
A, B, C = (rng.normal(size=(ROWS // 16, WIDE)).T for _ in range(3))  # as list columns lie in memory
FEW = LABEL[: ROWS // 16]
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
QUANTILES = np.sort(rng.normal(size=(len(LEVELS), ROWS)), axis=0)
LONG = rng.normal(size=(ROWS // 16, CLASSES * 10)).T  # 100 scores in a list
LONG_CLASS = rng.integers(0, len(LONG), ROWS // 16)

PAIR = {"target": Y, "pred": F}
POSITIVE = {"target": POS, "pred": RATE}
NEAR = {"target": POS, "pred": POS * np.exp(0.08 * E)}  # nine in ten predictions within 15 % of their targets
# Three predictions in five near their targets: what takes each by its own formula has most to do.
MIXED = {"target": POS, "pred": POS * np.exp(0.21 * E)}
COUNTED = {"target": COUNT, "pred": RATE}
ON_MASKS = {"target": (rng.random(MASKS * PIXELS) < 0.3) * 1.0, "pred": rng.uniform(0.01, 0.99, MASKS * PIXELS)}
ON_SCORE = {"target": LABEL, "pred": F}
ON_PROB = {"target": LABEL, "pred": PROB}
ON_LOGITS = {"target": CLASS, "pred": LOGITS}
ON_PROBS = {"target": CLASS, "pred": Q}
SOFT = {"target": P, "pred": LOGITS}
SIMPLEX = {"target": P, "pred": Q}
TAGS = {"target": LABELS, "pred": LOGITS}


def ragged(rows: list[Array]) -> Ragged:
    """Lists as they lie in a file, one after the other."""
    offsets = np.cumsum([0, *(len(row) for row in rows)]).astype(np.intp)
    return Ragged(np.concatenate(rows).T, offsets)
