"""Losses of predicted quantiles and intervals, a value per row. `u = target - pred`."""

from functools import partial
from itertools import pairwise
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Real, Vector

Levels: TypeAlias = tuple[float, ...]
Mask: TypeAlias = npt.NDArray[np.bool_]
AS_MANY = "--levels must be as many as the predicted quantiles"
# 1 - 0.1 and 0.9 differ in binary: levels are a pair when they come this near.
SAME_LEVEL = 1e-9


interval = partial(
    loss,
    task="forecast",
    convex=True,
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="target units",
)


@interval(
    use_when="several quantiles are predicted at once and each level counts the same",
    avoid_when="the value is to be read as a CRPS (crps_quantile is twice this)",
    pitfalls="The mean over levels, not the sum. Crossing quantiles are not punished as such.",
    reference="Koenker and Bassett 1978, doi:10.2307/1913643",
    examples=(
        example((0.1 * 1.5 + 0.5 * 0.5 + 0.1 * 2.0) / 3, {"levels": (0.1, 0.5, 0.9)}, target=[3], pred=[[1.5, 2.5, 5]]),
        example((0.75 * 4.0 + 0.8 * 1.0) / 2, {"levels": (0.25, 0.8)}, target=[2], pred=[[6, 1]]),
    ),
)
def multi_quantile(
    target: Real, pred: Vector, *, levels: Annotated[tuple[float, ...], Param("level of each predicted quantile")]
) -> Array:
    """Mean pinball loss over several quantiles.

    `mean over q of max(tau_q*u_q, (tau_q-1)*u_q)`, `u_q = target - pred_q`; `levels` in the order of `pred`, which need
    not be sorted. `2 * multi_quantile == crps_quantile`; with one level it is `quantile`.
    """
    return _pinball(target, pred, levels) / len(pred)


@multi_quantile.gradient
def _(target: Array, pred: Array, *, levels: Levels) -> Array:
    return _pinball_slope(target, pred, levels) / len(pred)


@multi_quantile.check_params
def _(*, levels: Levels) -> str | None:
    return _outside(levels)


@interval(
    use_when="a distribution is forecast by quantiles and its CRPS is wanted",
    avoid_when="the levels are few or uneven: the sum is then a crude stand-in for the integral",
    pitfalls="Every level has the same weight, also where levels are unevenly spaced.",
    reference="Gneiting and Ranjan 2011, doi:10.1198/jbes.2010.08110",
    examples=(
        example(
            2 * (0.1 * 1.5 + 0.5 * 0.5 + 0.1 * 2.0) / 3, {"levels": (0.1, 0.5, 0.9)}, target=[3], pred=[[1.5, 2.5, 5]]
        ),
        example(2 * (0.75 * 4.0 + 0.8 * 1.0) / 2, {"levels": (0.25, 0.8)}, target=[2], pred=[[6, 1]]),
    ),
)
def crps_quantile(
    target: Real, pred: Vector, *, levels: Annotated[tuple[float, ...], Param("level of each predicted quantile")]
) -> Array:
    """Continuous ranked probability score of a distribution known by its quantiles.

    `2 * mean over q of max(tau_q*u_q, (tau_q-1)*u_q)`, `u_q = target - pred_q`.
    `crps_quantile == 2 * multi_quantile`, and `== weighted_interval_score` where the levels are symmetric.
    """
    return _pinball(target, pred, levels) * (2.0 / len(pred))


@crps_quantile.gradient
def _(target: Array, pred: Array, *, levels: Levels) -> Array:
    return _pinball_slope(target, pred, levels) * (2.0 / len(pred))


@crps_quantile.check_params
def _(*, levels: Levels) -> str | None:
    return _outside(levels)


@interval(
    aliases=("wis",),
    use_when="a median and central intervals are forecast, as epidemic forecasting hubs collect them",
    avoid_when="the levels are not symmetric about 0.5 (crps_quantile takes any)",
    pitfalls="Some tools divide by K instead of K + 1/2, and scoringrules 0.10 adds the median itself, not its error.",
    reference="Bracher et al. 2021, doi:10.1371/journal.pcbi.1008618",
    examples=(
        example((0.5 / 2 + 0.2 / 2 * (5.0 - 1.5)) / 1.5, {"levels": (0.1, 0.5, 0.9)}, target=[3], pred=[[1.5, 2.5, 5]]),
        example(
            (4.0 / 2 + 0.5 / 2 * (6.5 - 4 + 2 / 0.5 * 2)) / 1.5,
            {"levels": (0.5, 0.75, 0.25)},
            target=[2],
            pred=[[6, 6.5, 4]],
        ),
    ),
)
def weighted_interval_score(
    target: Real,
    pred: Vector,
    *,
    levels: Annotated[tuple[float, ...], Param("level of each predicted quantile, symmetric about 0.5 and with it")],
) -> Array:
    """Error of the median and scores of K central intervals, weighted so that the sum approaches the CRPS.

    `(abs(target - median)/2 + sum_k alpha_k/2 * interval_score_k) / (K + 1/2)`, interval k between the levels
    `alpha_k/2` and `1 - alpha_k/2`. The terms are pinball losses in pairs, so this equals `crps_quantile`.
    """
    return _pinball(target, pred, levels) * (2.0 / len(pred))


@weighted_interval_score.gradient
def _(target: Array, pred: Array, *, levels: Levels) -> Array:
    return _pinball_slope(target, pred, levels) * (2.0 / len(pred))


@weighted_interval_score.check_params
def _(*, levels: Levels) -> str | None:
    ordered = sorted(levels)
    lone = [low for low, high in zip(ordered, ordered[::-1], strict=True) if abs(low + high - 1.0) > SAME_LEVEL]
    if _outside(levels) or (not lone and len(levels) % 2):
        return _outside(levels)
    why = f"{lone[0]:g} has no counterpart" if lone else "0.5 is not among them"
    return f"--levels must be symmetric about 0.5 and hold it, but {why}; crps_quantile takes levels of any kind."


@interval(
    aliases=("winkler",),
    use_when="a central prediction interval is judged for its width and its misses together",
    avoid_when="intervals of different coverage are averaged: alpha sets the price of a miss (weighted_interval_score)",
    pitfalls="alpha is the share left outside: 0.1 for a 90 % interval. The gradient is that of `lower`.",
    reference="Winkler 1972, doi:10.2307/2284720; Gneiting and Raftery 2007, doi:10.1198/016214506000001437",
    examples=(
        example(
            (2.0 + (2.0 + 20 * 0.5) + (4.0 + 20 * 1.5)) / 3, target=[2, 0.5, 7], lower=[1, 1, 1.5], upper=[3, 3, 5.5]
        ),
        example(4.0 + 2 / 0.5 * 1.5, {"alpha": 0.5}, target=[7], lower=[1.5], upper=[5.5]),
    ),
)
def interval_score(
    target: Real,
    lower: Real,
    upper: Real,
    *,
    alpha: Annotated[float, Param("share of targets left outside the interval", gt=0, lt=1)] = 0.1,
) -> Array:
    """Width of a central `1 - alpha` interval, and `2/alpha` times the distance by which it misses.

    `(upper - lower) + 2/alpha * max(lower - target, 0) + 2/alpha * max(target - upper, 0)`; the bounds are the
    quantiles `alpha/2` and `1 - alpha/2`. `alpha/2 * interval_score` is the sum of their two pinball losses.
    """
    miss = np.maximum(lower - target, 0.0) + np.maximum(target - upper, 0.0)
    return (upper - lower) + (2.0 / alpha) * miss


@interval_score.gradient_by("lower")
def _(target: Array, lower: Array, upper: Array, *, alpha: float) -> Array:
    return (2.0 / alpha) * (lower > target).astype(np.float64) - 1.0


@interval_score.rule("lower must not be above upper")
def _(target: Array, lower: Array, upper: Array, *, alpha: float) -> Mask:
    return lower > upper


@multi_quantile.rule(AS_MANY)
@crps_quantile.rule(AS_MANY)
@weighted_interval_score.rule(AS_MANY)
def _(target: Array, pred: Array, *, levels: Levels) -> Mask:
    return np.full(pred.shape[-1], len(pred) != len(levels))


@multi_quantile.finding("LC321")
@crps_quantile.finding("LC321")
@weighted_interval_score.finding("LC321")
def _(target: Array, pred: Array, *, levels: Levels) -> Mask:
    order = np.argsort(levels)
    crossed = np.zeros(pred.shape[-1], dtype=bool)
    for low, high in pairwise(order):
        crossed |= pred[low] > pred[high]
    return crossed


def _pinball(target: Array, pred: Array, levels: Levels) -> Array:
    """Sum of the pinball losses over the quantiles, one after the other: their rows stay in the cache."""
    total = np.zeros(pred.shape[-1])
    for prediction, tau in zip(pred, levels, strict=True):
        over = target - prediction
        under = tau * over
        over *= tau - 1.0
        total += np.maximum(under, over, out=over)
    return total


def _pinball_slope(target: Array, pred: Array, levels: Levels) -> Array:
    """Derivative of each quantile's pinball loss, in the memory order of the predictions."""
    tau = np.array(levels)[:, np.newaxis]
    shortfall = target - pred
    slope: Array = (1.0 - tau) * (shortfall < 0) - tau * (shortfall > 0)
    return slope


def _outside(levels: Levels) -> str | None:
    outside = [level for level in levels if not 0.0 <= level <= 1.0]
    return f"--levels must lie between 0 and 1, and {outside[0]:g} does not." if outside else None
