"""Confidence intervals from merged second moments: ratios of sums, smooth functions of sums, means over units.

A value is a function of totals over rows (or units) taken as independent. Its standard error is that of its
linearisation at the totals (Cramer 1946, 28.4; for ratios Cochran 1977, ch. 6), with the factor n / (n - 1); the
quantile is Student's with one degree of freedom less than the effective number of rows, `(sum v)^2 / sum v^2` (Kish
1965), which is the number of rows where none weighs more than another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.moments import Index, Moments
from lossctl.arithmetic.quantiles import student_quantile

# The step of numerical derivatives, in standard errors of the totals: a loss that is smooth at all is so on that scale.
STEP = 1e-4
# Below this share of the largest, the variance along a direction is rounding noise.
NOISE = 1e-14


@dataclass(frozen=True, slots=True)
class Curve:
    """A part of a value that is no ratio: a smooth function of the totals of some components, given `(k, points)`."""

    of: slice
    totals: Array
    value: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Linear:
    """A value's linearisation: its change by one standard deviation along each principal direction of the totals
    (which no difference of large numbers enters), and its gradient.
    """

    changes: Array
    gradient: Array

    @property
    def spread(self) -> float:
        """Standard deviation of the value, without the factor for small samples."""
        return sqrt(float((self.changes**2).sum()))

    @property
    def finite(self) -> bool:
        """Whether the value could be linearised."""
        return bool(np.isfinite(self.changes).all())


def linearise(moments: Moments, slopes: Array, curves: Sequence[Curve]) -> Linear | None:
    """The linearisation of `sum slopes_k residual_k` plus curves; None where sums are not finite."""
    if not np.isfinite(moments.ee).all():
        return None
    # Components differ by orders of magnitude: scaled to 1, none of them is lost as rounding noise of another. The
    # variance of the value is the sum of the squares of its changes along independent directions.
    scale = np.sqrt(np.diag(moments.ee))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(moments.ee / np.outer(scale, scale))
    lengths = np.sqrt(np.maximum(values, 0.0))
    directions = scale[:, np.newaxis] * vectors * lengths
    changes: Array = (slopes[:, np.newaxis] * directions).sum(axis=0)
    for curve in curves:
        steps = STEP * directions[curve.of]
        points = np.concatenate([curve.totals[:, np.newaxis] + steps, curve.totals[:, np.newaxis] - steps], axis=1)
        ahead, behind = np.split(curve.value(points), 2)
        changes = changes + (ahead - behind) / (2 * STEP)
    known = values > NOISE * values.max(initial=0.0)
    inverse = np.divide(changes, lengths, out=np.zeros_like(changes), where=known)
    return Linear(changes, (vectors * inverse).sum(axis=1) / scale)


def degrees(moments: Moments) -> float:
    """Degrees of freedom of Student's quantile: the effective number of rows less one, and at least 1."""
    effective = moments.v**2 / np.diag(moments.vv)
    return max(float(effective.min()) - 1, 1.0)


def reach(moments: Moments, level: float) -> float:
    """How many standard deviations an interval reaches to either side, small samples allowed for."""
    n = float(moments.used.min())
    return sqrt(n / (n - 1)) * student_quantile((1 + level) / 2, degrees(moments))


def central(value: float, moments: Moments, linear: Linear, level: float) -> tuple[float, float]:
    """Student's interval around a value."""
    half = reach(moments, level) * linear.spread
    return value - half, value + half


def influences(x: Array, v: Array, base: Index, moments: Moments, gradient: Array) -> Array:
    """What each row adds to the linearised value; `base` tells whose weights a component has."""
    result = np.zeros(x.shape[-1])
    for part, own, centre, slope in zip(x, v[base], moments.centre, gradient, strict=True):
        result += slope * (part - centre * own)
    return result
