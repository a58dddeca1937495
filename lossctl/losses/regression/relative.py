"""Losses relative to the size of the target. `e = pred - target`, `u = target - pred`."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.statistics import Statistics, Sums
from lossctl.arithmetic.vectors import sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import AboveMinusOneD, Positive, RealD

TINY = float(np.finfo(np.float64).smallest_normal)
LEAST = float(np.finfo(np.float64).smallest_subnormal)


relative = partial(loss, differentiable="no (kink)", smoothness="C0", scale="invariant", dimension="unitless")


@relative(
    task="regression",
    convex=True,
    elements="mean",
    robust=False,
    use_when="relative errors matter and the target stays away from 0",
    avoid_when="targets come near 0 (use wape, smape or mase): one of them decides the mean",
    pitfalls="A fraction, not percent. Over-prediction costs more than under-prediction of the same ratio.",
    reference="Hyndman and Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001",
    examples=(example((10 / 100 + 10 / 200 + 10 / 300) / 3, target=[100, 200, 300], pred=[90, 210, 290]),),
)
def mape(
    target: RealD,
    pred: RealD,
    *,
    epsilon: Annotated[float, Param("least denominator", gt=0)] = 2.220446049250313e-16,
) -> Array:
    """Absolute error relative to the target.

    `abs(e) / max(abs(target), epsilon)`, a fraction.
    """
    return np.abs(pred - target) / np.maximum(np.abs(target), epsilon)


@mape.gradient
def _(target: Array, pred: Array, *, epsilon: float) -> Array:
    return np.sign(pred - target) / np.maximum(np.abs(target), epsilon)


@mape.finding("LC301")
def _(target: Array, pred: Array, *, epsilon: float) -> Flags:
    value: Flags = np.abs(target) <= np.maximum(epsilon, 1e-8)
    return value


@relative(
    task="regression, forecast",
    convex=False,
    elements="mean",
    robust=True,
    use_when="relative errors matter and the target may be 0 now and then",
    avoid_when="target and prediction differ in sign often: the value saturates at 2",
    pitfalls="Range [0, 2] with this denominator; some tools halve it or give percent.",
    reference="Makridakis 1993, doi:10.1016/0169-2070(93)90079-3",
    examples=(example((2 * 0.5 / 5.5 + 0.0 + 2.0) / 3, target=[3, 0, 2], pred=[2.5, 0, -5]),),
)
def smape(target: RealD, pred: RealD) -> Array:
    """Symmetric relative error.

    `2 abs(e) / (abs(target) + abs(pred))`, `0/0 = 0`.
    """
    value, size = _halved(target, pred)
    value *= 2.0
    if size.max(initial=0.0) == np.inf:  # the ratio is that of the quarters, whose sum does not overflow
        large = np.isinf(size)
        value[large] = 2.0 * _halved(target[large] / 4, pred[large] / 4)[0]
    return value


def _halved(target: Array, pred: Array) -> tuple[Array, Array]:
    """`abs(pred - target) / size`, half of the value, and `size`, the sum of both absolute values."""
    size = np.abs(target)
    size += np.abs(pred)
    value = np.abs(pred - target)
    value /= np.maximum(size, LEAST)
    return value, size


@smape.gradient
def _(target: Array, pred: Array) -> Array:
    value, size = _slope(target, pred)
    if size.max(initial=0.0) == np.inf:
        large = np.isinf(size)
        value[large] = _slope(target[large] / 4, pred[large] / 4)[0] / 4
    return value


def _slope(target: Array, pred: Array) -> tuple[Array, Array]:
    size = np.maximum(np.abs(target) + np.abs(pred), TINY)
    residual = pred - target
    return 2.0 * (np.sign(residual) - np.abs(residual) / size * np.sign(pred)) / size, size


@loss(
    task="regression",
    convex=False,
    elements="mean",
    differentiable=True,
    robust="moderate",
    smoothness="C-infinity",
    scale="logarithmic",
    dimension="unitless",
    use_when="targets range over orders of magnitude and ratios matter",
    avoid_when="values at or below -1; under-prediction must not cost more than over-prediction",
    pitfalls="The logarithm is of 1 + value: the units of the target matter. Predictions below cost more than above.",
    reference="scikit-learn mean_squared_log_error",
    examples=(
        example(
            float(np.log(91 / 101) ** 2 + np.log(211 / 201) ** 2 + np.log(291 / 301) ** 2) / 3,
            target=[100, 200, 300],
            pred=[90, 210, 290],
        ),
    ),
)
def msle(target: AboveMinusOneD, pred: AboveMinusOneD) -> Array:
    """Squared difference of logarithms.

    `(log(1 + pred) - log(1 + target))^2`; both above -1.
    """
    difference = np.log1p(pred) - np.log1p(target)
    value: Array = difference * difference
    return value


@msle.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * (np.log1p(pred) - np.log1p(target)) / (1.0 + pred)


@relative(
    task="forecast",
    convex=True,
    elements="mean",
    robust=True,
    use_when="forecasts of many series of different scales are compared",
    avoid_when="the series are constant: the naive forecast is then perfect",
    pitfalls="Without a scale column the scale comes from the evaluated rows themselves, in file order.",
    undefined="a unit has at most `season` rows, or its naive forecast is perfect",
    reference="Hyndman and Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001",
    examples=(
        example((0.5 / 2 + 3.0 / 4) / 2, target=[3, 2], pred=[2.5, 5], scale=[2, 4]),
        example(((0.5 + 3.0 + 1.0) / 3) / ((1.0 + 4.0) / 2), target=[3, 2, 6], pred=[2.5, 5, 7]),
        example(((0.5 + 3.0 + 1.0) / 3) / 3.0, {"season": 2}, target=[3, 2, 6], pred=[2.5, 5, 7]),
    ),
)
def mase(
    target: RealD,
    pred: RealD,
    scale: Positive | None = None,
    *,
    season: Annotated[int, Param("steps back of the naive forecast", ge=1)] = 1,
) -> Array:
    """Absolute error in units of a naive forecast's.

    With a `scale` column: `abs(e) / scale` per row. Without: `mean abs(e) / mean abs(target_t - target_{t-season})`
    over the unit in file order, one value per unit; a unit of at most `season` rows has no scale and does not count.
    """
    return np.abs(pred - target) / scale


@mase.gradient
def _(target: Array, pred: Array, scale: Array, *, season: int) -> Array:
    return np.sign(pred - target) / scale


@mase.when_absent("scale", scope="group", unit_valued=True, gapless=True)
def _(
    target: RealD, pred: RealD, *, season: Annotated[int, Param("steps back of the naive forecast", ge=1)] = 1
) -> float:
    if target.shape[-1] <= season:
        return float("nan")
    naive = np.abs(target[..., season:] - target[..., :-season]).mean(axis=-1)
    return float(np.mean(np.abs(pred - target).mean(axis=-1) / naive))


@relative(
    task="regression, forecast",
    aliases=("wmape",),
    scope="set",
    pooled=True,
    convex=True,
    robust=True,
    use_when="relative errors matter and single targets may be 0",
    avoid_when="small targets deserve as much attention as large ones",
    pitfalls="Rows of large targets decide it. There is nothing to divide by where all targets are 0.",
    undefined="all targets and errors are 0",
    reference="Kolassa and Schuetz 2007, Foresight 6, 40-43",
    examples=(example((0.5 + 3.0 + 0.0) / (3 + 2 + 0.5), target=[3, 2, -0.5], pred=[2.5, 5, -0.5]),),
)
def wape(target: RealD, pred: RealD) -> Statistics:
    """Total absolute error relative to the total size of the target.

    `sum abs(e) / sum abs(target)` over a unit, all outputs together.
    """
    return {"error": sum_k(np.abs(pred - target)), "size": sum_k(np.abs(target))}


@wape.finish
def _(sums: Sums) -> Array:
    return sums["error"] / sums["size"]


@loss(
    task="regression",
    scope="set",
    convex=False,
    differentiable=True,
    robust="moderate",
    smoothness="C-infinity",
    scale="logarithmic",
    dimension="unitless",
    use_when="targets range over orders of magnitude and ratios matter, read as a typical log ratio",
    avoid_when="values at or below -1; means over rows are to be compared (use msle)",
    pitfalls="The logarithm is of 1 + value: the units of the target matter. One root over all rows, no mean of roots.",
    reference="scikit-learn root_mean_squared_log_error",
    examples=(
        example(
            float(np.sqrt((np.log(91 / 101) ** 2 + np.log(211 / 201) ** 2) / 2)), target=[100, 200], pred=[90, 210]
        ),
    ),
)
def rmsle(target: AboveMinusOneD, pred: AboveMinusOneD) -> Statistics:
    """Root of the mean squared difference of logarithms.

    `sqrt(mean (log(1 + pred) - log(1 + target))^2)`; with several outputs the root per output, then the mean.
    """
    return {"square": msle.kernel.function(target, pred)}


@rmsle.finish
def _(sums: Sums) -> Array:
    return np.sqrt(sums["square"] / sums["weight"])
