"""Losses that bound or slow the influence of outliers. `e = pred - target`, `u = target - pred`."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import RealD

robust_regression = partial(loss, task="regression", elements="mean", convex=False, differentiable=True, robust=True)


@robust_regression(
    aliases=("lorentzian",),
    smoothness="C-infinity",
    scale="logarithmic",
    dimension="unitless",
    use_when="heavy-tailed errors: the influence of an outlier falls off as 1/e",
    avoid_when="a convex objective is needed",
    pitfalls="scale is in the units of the residuals. Not convex: a fit depends on where it starts.",
    reference="Black and Anandan 1996, doi:10.1006/cviu.1996.0006",
    examples=(example(float(np.log(1.125) + np.log(5.5)) / 2, target=[3, 2], pred=[2.5, 5]),),
)
def cauchy(
    target: RealD, pred: RealD, *, scale: Annotated[float, Param("residual that counts as large", gt=0)] = 1.0
) -> Array:
    """Logarithmic in large residuals (the Cauchy or Lorentzian M-estimator).

    `log(1 + (e/scale)^2 / 2)`.
    """
    ratio = (pred - target) / scale
    value: Array = np.log1p(0.5 * ratio * ratio)
    beyond = np.isinf(value)
    if beyond.any():  # the square overflows long before its logarithm
        value[beyond] = 2.0 * np.log(np.abs(ratio[beyond])) - np.log(2.0)
    return value


@cauchy.gradient
def _(target: Array, pred: Array, *, scale: float) -> Array:
    ratio = (pred - target) / scale
    return ratio / (scale * (1.0 + 0.5 * ratio * ratio))


@robust_regression(
    aliases=("leclerc",),
    smoothness="C-infinity",
    scale="bounded",
    dimension="unitless",
    use_when="gross outliers must not count more than a bounded amount",
    avoid_when="starting far from the solution: the gradient vanishes there",
    pitfalls="scale is in the units of the residuals. Bounded by 1: rows far away have no pull.",
    reference="Dennis and Welsch 1978, doi:10.1080/03610917808812083; Leclerc 1989, doi:10.1007/BF00054839",
    examples=(example(float(2.0 - np.exp(-0.125) - np.exp(-4.5)) / 2, target=[3, 2], pred=[2.5, 5]),),
)
def welsch(
    target: RealD, pred: RealD, *, scale: Annotated[float, Param("residual that counts as large", gt=0)] = 1.0
) -> Array:
    """Bounded by 1, Gaussian in shape (the Welsch or Leclerc M-estimator).

    `1 - exp(-(e/scale)^2 / 2)`.
    """
    ratio = (pred - target) / scale
    return -np.expm1(-0.5 * ratio * ratio)


@welsch.gradient
def _(target: Array, pred: Array, *, scale: float) -> Array:
    ratio = (pred - target) / scale
    return ratio / scale * np.exp(-0.5 * ratio * ratio)


@robust_regression(
    smoothness="C-infinity",
    scale="bounded",
    dimension="unitless",
    use_when="gross outliers must not count more than a bounded amount",
    avoid_when="starting far from the solution: the gradient vanishes there",
    pitfalls="scale is in the units of the residuals. Bounded by 2: rows far away have hardly any pull.",
    reference="Geman and McClure 1985; Barron 2019, arXiv:1701.03077 (alpha = -2)",
    examples=(example((0.5 / 4.25 + 18.0 / 13.0) / 2, target=[3, 2], pred=[2.5, 5]),),
)
def geman_mcclure(
    target: RealD, pred: RealD, *, scale: Annotated[float, Param("residual that counts as large", gt=0)] = 1.0
) -> Array:
    """Bounded by 2, rational in the residual.

    `2u / (u + 4)`, `u = (e/scale)^2`.
    """
    ratio = (pred - target) / scale
    return 2.0 / (1.0 + 4.0 / (ratio * ratio))


@geman_mcclure.gradient
def _(target: Array, pred: Array, *, scale: float) -> Array:
    ratio = (pred - target) / scale
    spread = ratio * ratio + 4.0
    return 16.0 * ratio / (scale * spread * spread)


@robust_regression(
    aliases=("bisquare",),
    smoothness="C2",
    scale="bounded",
    dimension="squared target units",
    use_when="outliers must have no influence at all beyond c (4.685 gives 95 % efficiency at unit Gaussian errors)",
    avoid_when="residuals are not scaled to unit spread: c is in target units",
    pitfalls="c = 4.685 supposes residuals of unit scale: divide them by a robust one. Beyond c there is no pull.",
    reference="Beaton and Tukey 1974, doi:10.1080/00401706.1974.10489171",
    examples=(example((16 / 6 * (1 - (1 - 0.0625) ** 3) + 16 / 6) / 2, {"c": 4.0}, target=[3, 2], pred=[2, 7]),),
)
def tukey_biweight(
    target: RealD,
    pred: RealD,
    *,
    c: Annotated[float, Param("residual beyond which the loss is constant", gt=0)] = 4.685,
) -> Array:
    """Tukey's biweight: constant beyond `c`.

    `c^2/6 * (1 - (1 - (e/c)^2)^3)` if `abs(e) <= c`, else `c^2/6`.
    """
    size = np.abs(pred - target)
    np.clip(size, 0.0, c, out=size)
    square = size / c
    square *= square
    value = square - 3.0  # 1 - (1 - s)^3 = s (3 - 3 s + s^2)
    value *= square
    value += 3.0
    size *= size
    value *= size
    value /= 6.0
    return value


@tukey_biweight.gradient
def _(target: Array, pred: Array, *, c: float) -> Array:
    residual = np.clip(pred - target, -c, c)
    inside = 1.0 - (residual / c) ** 2
    return residual * inside * inside


@robust_regression(
    task="regression, landmarks",
    differentiable="piecewise",
    smoothness="C0",
    scale="linear",
    dimension="target units",
    use_when="small and medium residuals deserve attention, as with facial landmarks",
    avoid_when="residuals of many magnitudes beyond width",
    pitfalls="width and curvature are in the units of the residuals. The slope jumps at 0 and at width.",
    reference="Feng et al. 2018, arXiv:1711.06753",
    examples=(
        example(
            float(2 * np.log(2.0) + 3.0 - (2 - 2 * np.log(5.0))) / 2,
            {"width": 2.0, "curvature": 0.5},
            target=[3, 2],
            pred=[2.5, 5],
        ),
    ),
)
def wing(
    target: RealD,
    pred: RealD,
    *,
    width: Annotated[float, Param("residual where the loss turns linear", gt=0)] = 5.0,
    curvature: Annotated[float, Param("curvature of the logarithmic part", gt=0)] = 0.5,
) -> Array:
    """Logarithmic for small residuals, linear beyond `width`.

    `width * log(1 + abs(e)/curvature)` if `abs(e) < width`, else `abs(e) - (width - width * log(1 + width/curvature))`.
    """
    residual = np.abs(pred - target)
    inner = np.minimum(residual, width)
    value: Array = width * np.log1p(inner / curvature) + (residual - inner)
    return value


@wing.gradient
def _(target: Array, pred: Array, *, width: float, curvature: float) -> Array:
    residual = pred - target
    size = np.abs(residual)
    inside = (size < width).astype(np.float64)
    return np.sign(residual) * (inside * width / (curvature + size) + (1.0 - inside))
