"""Scores of predicted distributions: of a normal one, and of probabilities of ordered classes."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.special import erf, erfc
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import ClassIndex, Positive, Real, Simplex

SQRT_HALF = float(np.sqrt(0.5))
INVERSE_SQRT_PI = float(1.0 / np.sqrt(np.pi))
SQRT_2_BY_PI = float(np.sqrt(2.0 / np.pi))


@loss(
    task="forecast, probabilistic",
    aliases=("crps_gaussian",),
    convex="yes (mean)",
    differentiable=True,
    robust=True,
    smoothness="C-infinity",
    scale="linear",
    dimension="target units",
    use_when="a mean and a standard deviation are predicted, and outliers must not count by their square",
    avoid_when="the predicted distribution is not normal (crps_ensemble, crps_quantile)",
    pitfalls="std is a standard deviation, not a variance.",
    reference="Gneiting et al. 2005, doi:10.1175/MWR2904.1",
    examples=(
        example(2.0 * float(np.sqrt(2 / np.pi) - np.sqrt(1 / np.pi)), target=[1.5], pred=[1.5], std=[2.0]),
        example(60.0 - 0.5 / float(np.sqrt(np.pi)), target=[-57], pred=[3], std=[0.5]),
    ),
)
def crps_normal(target: Real, pred: Real, std: Positive) -> Array:
    """Continuous ranked probability score of a normal distribution.

    `std * (z*(2*Phi(z) - 1) + 2*phi(z) - 1/sqrt(pi))`, `z = (target - pred)/std`; the integral of the squared
    difference between the predicted distribution function and the target's step. It tends to `mae` as `std` goes to 0.
    """
    error = np.abs(target - pred)
    z = error / std
    # z*(2*Phi(z) - 1) = z - z*erfc(z/sqrt 2) for z >= 0.
    return error - error * erfc(z * SQRT_HALF) + std * (SQRT_2_BY_PI * np.exp(-0.5 * z * z) - INVERSE_SQRT_PI)


@crps_normal.gradient
def _(target: Array, pred: Array, std: Array) -> Array:
    return erf((pred - target) / std * SQRT_HALF)


@loss(
    task="forecast, multiclass",
    convex=True,
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="quadratic",
    dimension="unitless",
    use_when="classes are ordered, and a prediction next to the true class is better than one far from it",
    avoid_when="classes have no order (brier_multiclass, cross_entropy)",
    pitfalls="Classes must stand in their order. Some tools divide by K - 1: normalize.",
    reference="Epstein 1969, doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2",
    examples=(
        example(((0.2**2 + 0.3**2) + (0.5**2 + 0.25**2)) / 2, target=[1, 0], pred=[[0.2, 0.5, 0.3], [0.5, 0.25, 0.25]]),
        example((0.2**2 + 0.7**2) / 2, {"normalize": True}, target=[2], pred=[[0.2, 0.5, 0.3]]),
    ),
)
def rps(
    target: ClassIndex,
    pred: Simplex,
    *,
    normalize: Annotated[bool, Param("divide by the number of classes less 1")] = False,
) -> Array:
    """Ranked probability score of ordered classes.

    `sum_k (CDF_p(k) - CDF_y(k))^2`, `CDF_y(k) = 1[y <= k]`; `normalize` divides by `K - 1`, for the range [0, 1].
    `rps == squared_emd` of a one-hot target; with two classes it is `brier`.
    """
    total = np.zeros(pred.shape[-1])
    for gap in _gaps(target, pred):
        total += gap * gap
    return total / max(len(pred) - 1, 1) if normalize else total


@rps.gradient
def _(target: Array, pred: Array, *, normalize: bool) -> Array:
    gaps = np.stack(list(_gaps(target, pred)))
    slope = 2.0 * np.cumsum(gaps[::-1], axis=0)[::-1]
    return slope / max(len(pred) - 1, 1) if normalize else slope


def _gaps(target: Array | npt.NDArray[np.intp], pred: Array) -> Iterator[Array]:
    """The difference of the distribution functions at each class."""
    reached = np.zeros(pred.shape[-1])
    for label, probability in enumerate(pred):
        reached = reached + probability
        yield reached - (target <= label) * 1.0
