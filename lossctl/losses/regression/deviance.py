"""Deviances: twice the log-likelihood that a prediction gives away against a perfect one."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.entropies import excess, expm1_gap, log_gap, log_ratio
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import NotNegativeD, PositiveD, RealD

deviance = partial(loss, elements="mean", differentiable=True, robust=False, smoothness="C-infinity")


@deviance(
    task="count regression",
    convex=True,
    scale="linear",
    dimension="target units",
    use_when="counts or frequencies, with 0 for a perfect prediction; variance about the mean",
    avoid_when="counts vary more than their mean (negative_binomial_nll)",
    pitfalls="Some tools halve it. Predictions of 0 are outside its domain.",
    reference="McCullagh and Nelder 1989, Generalized Linear Models, section 2.3",
    examples=(example((2 * (3 * float(np.log(3 / 2.5)) - 0.5) + 2 * 1.5) / 2, target=[3, 0], pred=[2.5, 1.5]),),
)
def poisson_deviance(target: NotNegativeD, pred: PositiveD) -> Array:
    """Deviance of the Poisson distribution.

    `2 (y log(y / pred) - y + pred)`, `0 log 0 = 0`. `poisson_deviance == tweedie_deviance(power=1)`, and twice the
    terms of `generalized_kl`.
    """
    return _doubled(excess(target, pred))


@poisson_deviance.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * ((pred - target) / pred)


@deviance(
    task="regression",
    convex=False,
    scale="invariant",
    dimension="unitless",
    use_when="positive targets whose spread grows with their mean, and relative errors matter",
    avoid_when="targets of 0 (tweedie_deviance with a power between 1 and 2)",
    pitfalls="Some tools halve it. Under-prediction costs more than over-prediction of the same ratio.",
    reference="McCullagh and Nelder 1989, Generalized Linear Models, section 8.3",
    examples=(
        example(
            (2 * (float(np.log(2.5 / 3)) + 3 / 2.5 - 1) + 2 * (float(np.log(4.0)) + 0.25 - 1)) / 2,
            target=[3, 0.5],
            pred=[2.5, 2],
        ),
    ),
)
def gamma_deviance(target: PositiveD, pred: PositiveD) -> Array:
    """Deviance of the gamma distribution.

    `2 (log(pred / y) + y / pred - 1)`. `gamma_deviance == tweedie_deviance(power=2)`; unchanged when both are scaled.
    """
    return _doubled(log_gap(target, pred))


@gamma_deviance.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * ((pred - target) / pred / pred)


@deviance(
    task="regression, count regression",
    convex="yes for powers 0 and in [1, 2)",
    scale="of degree 2 - power",
    dimension="target units to the power 2 - power",
    use_when="amounts that are often 0 and positive otherwise: claims, rainfall, sales",
    avoid_when="the power is not known from the data: values of different powers do not compare",
    pitfalls="No distribution has a power in (0, 1). Targets of 0 need a power below 2, negative ones 0 or less.",
    reference="Jorgensen 1987, doi:10.1111/j.2517-6161.1987.tb01685.x",
    examples=(
        # power 1.5: 4 (sqrt y - sqrt pred)^2 / sqrt pred
        example((4 * (3.0 - 1.5) ** 2 / 1.5 + 4 * 1.5) / 2, target=[9, 0], pred=[2.25, 2.25]),
        example(2.25, {"power": 0}, target=[-1], pred=[-2.5]),
        example(2 * (3 * float(np.log(3 / 2.5)) - 0.5), {"power": 1}, target=[3], pred=[2.5]),
        example(2 * (float(np.log(2.5 / 3)) + 3 / 2.5 - 1), {"power": 2}, target=[3], pred=[2.5]),
        # power 3: (y - pred)^2 / (y pred^2); power -1: (y^3 - 3 y pred^2 + 2 pred^3) / 3, without y^3 where y < 0
        example(0.25 / (3 * 6.25), {"power": 3}, target=[3], pred=[2.5]),
        example((27 - 56.25 + 31.25 + 18.75 + 31.25) / 3 / 2, {"power": -1}, target=[3, -1], pred=[2.5, 2.5]),
    ),
)
def tweedie_deviance(
    target: RealD,
    pred: RealD,
    *,
    power: Annotated[float, Param("the variance grows as mean^power: 0 or less, or 1 or more")] = 1.5,
) -> Array:
    """Deviance of the Tweedie distribution whose variance is `mean^power`.

    `2 (max(y,0)^(2-p) / ((1-p)(2-p)) - y pred^(1-p) / (1-p) + pred^(2-p) / (2-p))`; p = 0 is `mse`, p = 1
    `poisson_deviance`, p = 2 `gamma_deviance`. The target may be negative for p <= 0, 0 for p < 2.
    """
    if np.ndim(power) == 0:
        return _deviance(target, pred, float(power))
    powers = np.asarray(power)  # a power per row: few different ones, each by its own formula
    result = np.empty(np.broadcast_shapes(target.shape, pred.shape))
    for one in np.unique(powers):
        rows = powers == one
        result[..., rows] = _deviance(target[..., rows], pred[..., rows], float(one))
    return result


@tweedie_deviance.gradient
def _(target: Array, pred: Array, *, power: float) -> Array:
    return 2.0 * (pred - target) * np.where(np.equal(power, 0.0), 1.0, np.abs(pred) ** -power)


@tweedie_deviance.check_params
def _(*, power: float) -> str | None:
    return "--power must not lie between 0 and 1: there is no such distribution." if 0.0 < power < 1.0 else None


@tweedie_deviance.domains
def _(*, power: object = None, **_: object) -> Mapping[str, Any]:
    if not isinstance(power, float):
        return {}
    if power >= 2.0:
        return {"target": PositiveD, "pred": PositiveD}
    if power >= 1.0:
        return {"target": NotNegativeD, "pred": PositiveD}
    return {} if power == 0.0 else {"pred": PositiveD}


@tweedie_deviance.rule(
    "no power lies between 0 and 1; pred is positive but for power 0, target 0 or more from power 1, positive from 2"
)
def _(target: Array, pred: Array, *, power: "float | Array") -> Flags:
    if np.ndim(power) == 0:  # its domains say so
        return np.zeros(pred.shape[-1], dtype=bool)
    outside = (pred <= 0.0) & (power != 0.0) | (target < 0.0) & (power >= 1.0) | (target <= 0.0) & (power >= 2.0)
    outside = outside | (power > 0.0) & (power < 1.0)
    return np.asarray(outside.reshape(-1, outside.shape[-1]).any(axis=0))


def _deviance(target: Array, pred: Array, power: float) -> Array:
    if power == 0.0:
        residual = pred - target
        return residual * residual
    if power == 1.0:
        return _doubled(excess(target, pred))
    if power == 2.0:
        return _doubled(log_gap(target, pred))
    # With w = y / pred and l = log w: 2 pred^b (w^b/(a b) - w/a + 1/b), a = 1 - p and b = 2 - p. Written with
    # exp(x) - 1 - x, it neither cancels near w = 1 nor near the powers 1 and 2.
    a, b = 1.0 - power, 2.0 - power
    lowest = target.min(initial=1.0)
    none = target <= 0.0
    safe = np.where(none, pred, target) if lowest <= 0.0 else target
    log = log_ratio(safe, pred)
    if abs(a) >= abs(b):
        value = expm1_gap(b * log)
        value *= 1.0 / b
        value -= expm1_gap(log)
        value *= 1.0 / a
    else:
        value = expm1_gap(a * log)
        value *= 1.0 / a
        value += expm1_gap(-log)
        value *= safe / pred
        value *= 1.0 / b
    if lowest <= 0.0:
        value = np.where(none, 1.0 / b - target / pred / a if lowest < 0.0 else 1.0 / b, value)
    value *= 2.0 * pred**b
    if not np.isfinite(value.sum()):  # the factors overflow where the terms do not
        plain = np.maximum(target, 0.0) ** b / (a * b) - target * pred**a / a + pred**b / b
        value = np.where(np.isfinite(value), value, 2.0 * plain)
    return value


def _doubled(value: Array) -> Array:
    value *= 2.0
    return value
