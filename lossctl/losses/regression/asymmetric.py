"""Losses that tell under- from over-prediction, or forgive small errors. `e = pred - target`, `u = target - pred`."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Product
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import RealD

linear = partial(
    loss,
    elements="mean",
    convex=True,
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="target units",
)
squared = partial(
    loss,
    elements="mean",
    convex=True,
    differentiable=True,
    robust=False,
    smoothness="C1",
    scale="quadratic",
    dimension="squared target units",
)


@linear(
    task="regression, forecast",
    aliases=("pinball",),
    use_when="a quantile of the target is predicted, or over- and under-prediction cost differently",
    avoid_when="predictions are means",
    pitfalls="Predictions of different tau that are fitted apart may cross. tau=0.5 is half of mae.",
    reference="Koenker and Bassett 1978, doi:10.2307/1913643",
    examples=(
        example((0.8 * 0.5 + 0.2 * 3.0) / 2, {"tau": 0.8}, target=[3, 2], pred=[2.5, 5]),
        example((0.25 + 1.5) / 2, target=[3, 2], pred=[2.5, 5]),
    ),
)
def quantile(
    target: RealD, pred: RealD, *, tau: Annotated[float, Param("level of the quantile", ge=0, le=1)] = 0.5
) -> Array:
    """Pinball loss of a predicted quantile.

    `max(tau*u, (tau-1)*u)`, `u = target - pred`. `2 * quantile(tau=0.5) == mae`.
    """
    shortfall = target - pred
    return np.maximum(tau * shortfall, (tau - 1.0) * shortfall)


@quantile.gradient
def _(target: Array, pred: Array, *, tau: float) -> Array:
    shortfall = target - pred
    return (1.0 - tau) * (shortfall < 0) - tau * (shortfall > 0)


@squared(
    task="regression, forecast",
    use_when="an expectile of the target is predicted, or over- and under-prediction cost differently",
    avoid_when="outliers would decide the result; a quantile is wanted",
    pitfalls="An expectile is no quantile: tau is no share of targets below it. tau=0.5 is half of mse.",
    reference="Newey and Powell 1987, doi:10.2307/1911031",
    examples=(example((0.8 * 0.25 + 0.2 * 9.0) / 2, {"tau": 0.8}, target=[3, 2], pred=[2.5, 5]),),
)
def expectile(
    target: RealD, pred: RealD, *, tau: Annotated[float, Param("level of the expectile", gt=0, lt=1)] = 0.5
) -> Product:
    """Asymmetric squared error.

    `abs(tau - 1[u<0]) * u^2`, `u = target - pred`. `2 * expectile(tau=0.5) == mse`.
    """
    shortfall = target - pred
    under = np.clip(shortfall, 0.0, np.inf)
    over = shortfall - under  # one of the two is 0
    under *= tau
    over *= 1.0 - tau
    under += over
    return Product(shortfall, under)


@expectile.gradient
def _(target: Array, pred: Array, *, tau: float) -> Array:
    under = np.maximum(target - pred, 0.0)
    over = np.maximum(pred - target, 0.0)
    return 2.0 * ((1.0 - tau) * over - tau * under)


@linear(
    task="regression",
    aliases=("svr",),
    use_when="errors below a tolerance do not matter",
    avoid_when="every deviation costs",
    pitfalls="epsilon is in the units of the target: where residuals stay below it, every model is worth 0.",
    reference="Vapnik 1995, The Nature of Statistical Learning Theory",
    examples=(example((0.0 + 2.5) / 2, {"epsilon": 0.5}, target=[3, 2], pred=[2.75, 5]),),
)
def epsilon_insensitive(
    target: RealD, pred: RealD, *, epsilon: Annotated[float, Param("residual that costs nothing", ge=0)] = 0.1
) -> Array:
    """Absolute error beyond a tolerance.

    `max(0, abs(e) - epsilon)`. `epsilon=0` is mae.
    """
    return np.maximum(np.abs(pred - target) - epsilon, 0.0)


@epsilon_insensitive.gradient
def _(target: Array, pred: Array, *, epsilon: float) -> Array:
    residual = pred - target
    return np.sign(residual) * (np.abs(residual) > epsilon)


@squared(
    task="regression",
    use_when="errors below a tolerance do not matter and large ones matter much",
    avoid_when="outliers would decide the result",
    pitfalls="epsilon is in the units of the target. Large residuals weigh as in mse.",
    reference="Vapnik 1995, The Nature of Statistical Learning Theory; scikit-learn SGDRegressor",
    examples=(example((0.0 + 6.25) / 2, {"epsilon": 0.5}, target=[3, 2], pred=[2.75, 5]),),
)
def squared_epsilon_insensitive(
    target: RealD, pred: RealD, *, epsilon: Annotated[float, Param("residual that costs nothing", ge=0)] = 0.1
) -> Array:
    """Squared error beyond a tolerance.

    `max(0, abs(e) - epsilon)^2`. `epsilon=0` is mse.
    """
    excess = np.maximum(np.abs(pred - target) - epsilon, 0.0)
    return excess * excess


@squared_epsilon_insensitive.gradient
def _(target: Array, pred: Array, *, epsilon: float) -> Array:
    residual = pred - target
    return 2.0 * np.sign(residual) * np.maximum(np.abs(residual) - epsilon, 0.0)
