"""Losses of the residual alone, a value per row. `e = pred - target`, `u = target - pred`."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Product
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import RealD

TINY = float(np.finfo(np.float64).smallest_normal)


regression = partial(loss, task="regression", elements="mean", convex=True)


@regression(
    aliases=("l2", "mean_squared_error"),
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="quadratic",
    dimension="squared target units",
    use_when="errors are Gaussian and a large error is worth much more than a small one",
    avoid_when="a few outliers would decide the mean; a target of 0/1 or class codes",
    pitfalls="A few large residuals can decide it. In squared units of the target; rmse is in the target's own.",
    reference="Gauss 1809, Theoria motus corporum coelestium; Hastie, Tibshirani, Friedman 2009, section 2.4",
    examples=(example((0.25 + 0.0 + 9.0) / 3, target=[3, -0.5, 2], pred=[2.5, -0.5, 5]),),
)
def mse(target: RealD, pred: RealD) -> Product:
    """Squared error.

    `e^2`. No factor 1/2 (that is `half_squared_error`); its root over a dataset is `rmse`.
    `mse == 2 * half_squared_error == 2 * expectile(tau=0.5)`.
    """
    residual = pred - target
    return Product(residual, residual)


@mse.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * (pred - target)


@regression(
    aliases=("l2_loss",),
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="quadratic",
    dimension="squared target units",
    use_when="the Gaussian log-likelihood without its constants is wanted, so that the gradient is the residual",
    avoid_when="results are compared with tools that report the plain squared error",
    pitfalls="Half of mse: values do not compare with those of tools that leave the 1/2 out.",
    reference="Bishop 2006, Pattern Recognition and Machine Learning, equation 1.2",
    examples=(example((0.125 + 4.5) / 2, target=[3, 2], pred=[2.5, 5]),),
)
def half_squared_error(target: RealD, pred: RealD) -> Product:
    """Half the squared error.

    `e^2 / 2`. The 1/2 is Bishop's; optax calls this `l2_loss`. `2 * half_squared_error == mse`.
    """
    residual = pred - target
    return Product(residual, 0.5 * residual)


@half_squared_error.gradient
def _(target: Array, pred: Array) -> Array:
    return pred - target


@regression(
    aliases=("l1", "mean_absolute_error"),
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="target units",
    use_when="the median is wanted, or outliers must not decide the result",
    avoid_when="large errors are much worse than small ones; the kink at 0 troubles a second-order optimiser",
    pitfalls="Fits the median: sums and means of skewed targets come out wrong.",
    reference="Boscovich 1757; Koenker and Bassett 1978, doi:10.2307/1913643",
    examples=(example((0.5 + 0.0 + 3.0) / 3, target=[3, -0.5, 2], pred=[2.5, -0.5, 5]),),
)
def mae(target: RealD, pred: RealD) -> Array:
    """Absolute error.

    `abs(e)`. `mae == 2 * quantile(tau=0.5) == smooth_l1(beta=0) == epsilon_insensitive(epsilon=0)`.
    """
    return np.abs(pred - target)


@mae.gradient
def _(target: Array, pred: Array) -> Array:
    return np.sign(pred - target)


@regression(
    differentiable=True,
    robust="controlled by delta",
    smoothness="C1",
    scale="quadratic",
    dimension="squared target units",
    use_when="mostly clean data with occasional outliers",
    avoid_when="the scale of the residuals is unknown: delta is in target units and must fit them",
    pitfalls="Often said to be in target units; with delta in target units the value is in squared target units.",
    reference="Huber 1964, doi:10.1214/aoms/1177703732",
    examples=(
        example((0.125 + 0.125 + 0.0 + 1.0) / 4, target=[3, -0.5, 2, 7], pred=[2.5, 0, 2, 8.5]),
        example((0.125 + 2.0 * (3.0 - 1.0)) / 2, {"delta": 2.0}, target=[3, 2], pred=[2.5, 5]),
    ),
)
def huber(
    target: RealD, pred: RealD, *, delta: Annotated[float, Param("residual where the loss turns linear", gt=0)] = 1.0
) -> Product:
    """Quadratic for small residuals, linear beyond `delta`.

    `e^2 / 2` if `abs(e) <= delta`, else `delta * (abs(e) - delta/2)`.
    `huber(delta) == delta * smooth_l1(beta=delta)`: smooth_l1 divides by its threshold, huber does not.
    """
    residual = pred - target
    inside = np.clip(residual, -delta, delta)
    return Product(inside, residual, -0.5, inside)


@huber.gradient
def _(target: Array, pred: Array, *, delta: float) -> Array:
    return np.clip(pred - target, -delta, delta)


@regression(
    task="regression, detection",
    differentiable=True,
    robust=True,
    smoothness="C1",
    scale="linear",
    dimension="target units",
    use_when="box offsets and other regression targets with outliers, on the scale of the residual",
    avoid_when="huber's scale is wanted: this one divides by beta",
    pitfalls="Not huber: smooth_l1 = huber / beta, so the two agree at beta = 1 only.",
    reference="Girshick 2015, arXiv:1504.08083",
    examples=(
        example((0.125 + 2.5) / 2, target=[3, 2], pred=[2.5, 5]),
        example((0.25 / 4 + (3.0 - 1.0)) / 2, {"beta": 2.0}, target=[3, 2], pred=[2.5, 5]),
        example((0.5 + 3.0) / 2, {"beta": 0.0}, target=[3, 2], pred=[2.5, 5]),
    ),
)
def smooth_l1(
    target: RealD, pred: RealD, *, beta: Annotated[float, Param("residual where the loss turns linear", ge=0)] = 1.0
) -> Array:
    """Quadratic near zero, then the absolute error less a constant.

    `e^2 / (2 beta)` if `abs(e) < beta`, else `abs(e) - beta/2`. `beta=0` is mae.
    `beta * smooth_l1(beta) == huber(beta)`.
    """
    value = np.abs(pred - target)
    quadratic = np.clip(value, 0.0, beta)
    value -= quadratic
    half = 0.5 * quadratic
    quadratic /= np.maximum(beta, TINY)
    half *= quadratic
    value += half
    return value


@smooth_l1.gradient
def _(target: Array, pred: Array, *, beta: float) -> Array:
    value: Array = np.clip((pred - target) / np.maximum(beta, TINY), -1.0, 1.0)
    return value


@regression(
    differentiable="yes (smooth)",
    robust="controlled by delta",
    smoothness="C-infinity",
    scale="quadratic",
    dimension="squared target units",
    use_when="huber's behaviour with all derivatives continuous",
    avoid_when="residuals below delta must cost exactly what the squared error says",
    pitfalls="delta is in the units of the target. Far beyond it the value stays delta^2/2 below huber's.",
    reference="Charbonnier et al. 1997, doi:10.1109/83.551699; Hartley and Zisserman 2003, appendix 6.8",
    examples=(example(4.0 * (1.25 - 1.0), {"delta": 2.0}, target=[1.5], pred=[3.0]),),
)
def pseudo_huber(
    target: RealD, pred: RealD, *, delta: Annotated[float, Param("residual where the loss turns linear", gt=0)] = 1.0
) -> Product:
    """A smooth approximation of huber.

    `delta^2 * (sqrt(1 + (e/delta)^2) - 1)`, computed without the cancellation near 0.
    """
    size = np.abs(pred - target)
    slope = size / delta
    np.clip(slope, 0.0, 1e150, out=slope)  # its square stays finite, and the quotient is 1 long before
    root = slope * slope
    root += 1.0
    np.sqrt(root, out=root)
    root += 1.0
    slope /= root
    size *= delta
    return Product(size, slope)


@pseudo_huber.gradient
def _(target: Array, pred: Array, *, delta: float) -> Array:
    ratio = np.clip((pred - target) / delta, -1e150, 1e150)
    return delta * ratio / np.sqrt(1.0 + ratio * ratio)


@regression(
    aliases=("logcosh",),
    differentiable="yes (twice)",
    robust="moderate",
    smoothness="C-infinity",
    scale="linear",
    dimension="target units",
    use_when="an optimiser needs second derivatives and outliers are moderate",
    avoid_when="the residuals' scale is far from 1: where it turns linear is fixed",
    pitfalls="Turns from quadratic to linear at a residual of about 1, so the units of the target matter.",
    reference="Saleh and Saleh 2022, arXiv:2208.04564",
    examples=(example(float(np.log(np.cosh(0.5)) + np.log(np.cosh(3.0))) / 2, target=[3, 2], pred=[2.5, 5]),),
)
def log_cosh(target: RealD, pred: RealD) -> Array:
    """Logarithm of the hyperbolic cosine of the residual.

    `log(cosh(e))`: `e^2/2` near 0, `abs(e) - log 2` far away, to full relative precision at both ends.
    """
    residual = np.abs(pred - target)
    # cosh(a) = 1 + u^2 / 2(1+u) with u = exp(a) - 1 keeps the digits near 0; beyond 700 the loss is a straight line.
    near = np.clip(residual, 0.0, 700.0)
    residual -= near
    growth = np.expm1(near, out=near)
    argument = growth + 1.0
    argument *= 2.0
    np.divide(growth, argument, out=argument)
    argument *= growth
    residual += np.log1p(argument, out=argument)
    return residual


@log_cosh.gradient
def _(target: Array, pred: Array) -> Array:
    return np.tanh(pred - target)
