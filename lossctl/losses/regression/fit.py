"""Losses of a whole set of predictions: roots, ratios of variances, correlations, medians and maxima."""

from functools import partial
from typing import Annotated, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Largest, Pivot, Product, Smallest, Statistics, Sums
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import RealD

fit = partial(loss, task="regression", scope="set", differentiable=True, robust=False)


@fit(
    aliases=("root_mean_squared_error",),
    convex=True,
    smoothness="C0",
    scale="linear",
    dimension="target units",
    use_when="the squared error is wanted on the scale of the target",
    avoid_when="values of several sets are to be averaged: the mean of roots is not the root of the mean",
    pitfalls="The root is taken once per unit and output: the values of parts do not average to that of the whole.",
    reference="Hyndman and Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001",
    examples=(example(float(np.sqrt((0.25 + 0.0 + 9.0) / 3)), target=[3, -0.5, 2], pred=[2.5, -0.5, 5]),),
)
def rmse(target: RealD, pred: RealD) -> Statistics:
    """Root of the mean squared error.

    `sqrt(mean e^2)` over a unit; with several outputs the root per output, then the mean.
    """
    residual = pred - target
    return {"square": Product(residual, residual)}


@rmse.finish
def _(sums: Sums) -> Array:
    return np.sqrt(sums["square"] / sums["weight"])


@fit(
    convex=True,
    differentiable="no (kink)",
    smoothness="C0",
    scale="linear",
    dimension="target units",
    use_when="the worst case decides",
    avoid_when="single outliers must not decide the result",
    pitfalls="One row decides it, and it grows with the number of rows.",
    reference="scikit-learn max_error",
    examples=(example(3.0, target=[3, -0.5, 2], pred=[2.5, -0.5, 5]),),
)
def max_error(target: RealD, pred: RealD) -> Statistics:
    """Largest absolute error.

    `max abs(e)` over a unit; a row of weight 0 does not count. Per output, then the mean.
    """
    return {"largest": Largest(np.abs(pred - target))}


@max_error.finish
def _(sums: Sums) -> Array:
    largest = sums["largest"]
    return np.where(largest < 0.0, np.nan, largest)  # no row of the unit has a weight


@loss(
    task="regression",
    aliases=("medae",),
    scope="group",
    convex=False,
    differentiable=False,
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="target units",
    use_when="a typical error is wanted and up to half of the rows may be outliers",
    avoid_when="the tail of the errors matters",
    pitfalls="Nearly half of the residuals may be of any size without showing.",
    reference="scikit-learn median_absolute_error",
    examples=(
        example(0.5, target=[3, -0.5, 2], pred=[2.5, -0.5, 5]),
        example((0.5 + 3.0) / 2, target=[3, -0.5, 2, 1], pred=[2.5, -0.5, 5, 8]),
    ),
)
def median_absolute_error(target: RealD, pred: RealD, *, weights: Array | None) -> float:
    """Median absolute error, exact.

    `median abs(e)` over a unit, the mean of the two middle values where they differ; weighted by the rows' weights.
    With several outputs the median per output, then the mean.
    """
    error = np.atleast_2d(np.abs(pred - target))
    if weights is None:
        return float(np.median(error, axis=1).mean())
    return float(np.mean([_weighted_median(values, weights) for values in error]))


def _weighted_median(values: Array, weights: Array) -> float:
    """The value, or the mean of the two values, that half of the weight lies on either side of."""
    order = np.argsort(values, kind="stable")
    order = order[weights[order] > 0]
    if not len(order):
        return float("nan")
    share = np.cumsum(weights[order])
    half = share[-1] / 2.0
    low = np.searchsorted(share, half, side="left")
    high = min(np.searchsorted(share, half, side="right"), len(order) - 1)
    return float((values[order[low]] + values[order[high]]) / 2.0)


@fit(
    convex=True,
    smoothness="C0",
    scale="invariant",
    dimension="unitless",
    use_when="sets of different scales are compared",
    avoid_when="the normaliser may be near 0 (the mean of centred targets, the range of a constant)",
    pitfalls="Tools differ in the normaliser: say which one.",
    undefined="the normaliser of the target is 0",
    reference="torchmetrics NormalizedRootMeanSquaredError",
    examples=(
        example(float(np.sqrt((0.25 + 9.0) / 2)) / 2.5, target=[3, 2], pred=[2.5, 5]),
        example(float(np.sqrt((0.25 + 9.0) / 2)) / 1.0, {"normalizer": "range"}, target=[3, 2], pred=[2.5, 5]),
        example(float(np.sqrt((0.25 + 9.0) / 2)) / 0.5, {"normalizer": "std"}, target=[3, 2], pred=[2.5, 5]),
        example(float(np.sqrt(9.25 / 2) / np.sqrt(13)), {"normalizer": "l2"}, target=[3, 2], pred=[2.5, 5]),
    ),
)
def nrmse(
    target: RealD,
    pred: RealD,
    *,
    normalizer: Annotated[
        Literal["mean", "range", "std", "l2"], Param("statistic of the target to divide by (std with ddof 0)")
    ] = "mean",
    pivot: Pivot,
) -> Statistics:
    """Root mean squared error relative to a statistic of the target.

    `rmse / mean`, `/ (max - min)`, `/ std` or `/ ||target||` (l2) of the target. Per output, then the mean.
    """
    residual = pred - target
    square = {"square": Product(residual, residual)}
    if normalizer == "range":
        return {**square, "low": Smallest(target), "high": Largest(target)}
    if normalizer == "l2":
        return {**square, "size": Product(target, target)}
    if normalizer == "mean":
        return {**square, "level": target}
    centred = target - pivot["target"]
    return {**square, **_constant(target), "centred": centred, "spread": Product(centred, centred)}


@nrmse.finish
def _(sums: Sums, *, normalizer: str, pivot: Pivot) -> Array:
    root = np.sqrt(sums["square"] / sums["weight"])
    match normalizer:
        case "mean":
            return root / (sums["level"] / sums["weight"])
        case "range":
            return root / (sums["high"] - sums["low"])
        case "std":
            spread = np.sqrt(_variance(sums, "centred", "spread") / sums["weight"])
            return root / np.where(sums["high"] > sums["low"], spread, 0.0)
        case _:
            return root / np.sqrt(sums["size"])


@fit(
    aliases=("rse",),
    convex=True,
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="the error is to be read as the share of variance left unexplained: 1 - R^2",
    avoid_when="the target hardly varies",
    pitfalls="Depends on the spread of the targets: values on different datasets do not compare.",
    undefined="the target is constant",
    reference="scikit-learn r2_score (one minus it)",
    examples=(example((0.25 + 9.0 + 1.0) / (38 - 100 / 3), target=[3, 2, 5], pred=[2.5, 5, 6]),),
)
def relative_squared_error(target: RealD, pred: RealD, *, pivot: Pivot) -> Statistics:
    """Squared error relative to that of the mean: one minus the coefficient of determination.

    `sum e^2 / sum (target - mean target)^2`; undefined for a constant target. Per output, then the mean.
    """
    residual = pred - target
    centred = target - pivot["target"]
    return {
        **_constant(target),
        "square": Product(residual, residual),
        "centred": centred,
        "spread": Product(centred, centred),
    }


@relative_squared_error.finish
def _(sums: Sums, *, pivot: Pivot) -> Array:
    return sums["square"] / (_variance(sums, "centred", "spread") * _varies(sums))


@fit(
    convex=True,
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="a constant bias of the predictions is to be forgiven",
    avoid_when="bias matters (relative_squared_error)",
    pitfalls="A constant offset of the predictions does not show (relative_squared_error shows it).",
    undefined="the target is constant",
    reference="scikit-learn explained_variance_score (one minus it)",
    examples=(example((10.25 - 3.5**2 / 3) / (38 - 100 / 3), target=[3, 2, 5], pred=[2.5, 5, 6]),),
)
def explained_variance_loss(target: RealD, pred: RealD, *, pivot: Pivot) -> Statistics:
    """Share of the target's variance that the predictions leave, their mean error forgiven.

    `var(e) / var(target)`; undefined for a constant target. Per output, then the mean.
    """
    residual = (pred - target) - (pivot["pred"] - pivot["target"])
    centred = target - pivot["target"]
    return {
        **_constant(target),
        "error": residual,
        "square": Product(residual, residual),
        "centred": centred,
        "spread": Product(centred, centred),
    }


@explained_variance_loss.finish
def _(sums: Sums, *, pivot: Pivot) -> Array:
    return _variance(sums, "error", "square") / (_variance(sums, "centred", "spread") * _varies(sums))


@fit(
    aliases=("ccc",),
    convex=False,
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="agreement is wanted: correlation, and the same mean and spread",
    avoid_when="only the ranking or the linear relation matters",
    pitfalls="ddof 0; tools that use ddof 1 differ by a factor of about 1/n in the bias term.",
    reference="Lin 1989, doi:10.2307/2532051",
    examples=(example(1 - 2 * (2.5 / 3) / (14 / 9 + 13 / 6 + (3.5 / 3) ** 2), target=[3, 2, 5], pred=[2.5, 5, 6]),),
)
def concordance_loss(target: RealD, pred: RealD, *, pivot: Pivot) -> Statistics:
    """One minus Lin's concordance correlation coefficient.

    `1 - 2 cov / (var(target) + var(pred) + (mean target - mean pred)^2)`, ddof 0. Per output, then the mean.
    """
    return _joint_moments(target, pred, pivot)


@concordance_loss.finish
def _(sums: Sums, *, pivot: Pivot) -> Array:
    n = sums["weight"]
    shift = (pivot["target"] - pivot["pred"]) + (sums["x"] - sums["y"]) / n
    spread = _variance(sums, "x", "xx") + _variance(sums, "y", "yy")
    return 1.0 - 2.0 * (sums["xy"] - sums["x"] * sums["y"] / n) / (spread + n * shift * shift)


@fit(
    convex=False,
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="only the linear relation matters, not scale or bias",
    avoid_when="predictions are used as they are (concordance_loss)",
    pitfalls="Neither an offset nor a wrong scale of the predictions shows (concordance_loss shows both).",
    undefined="the target or the prediction is constant",
    reference="Pearson 1895, doi:10.1098/rspl.1895.0041",
    examples=(example(1 - 2.5 / float(np.sqrt(14 / 3 * 6.5)), target=[3, 2, 5], pred=[2.5, 5, 6]),),
)
def pearson_loss(target: RealD, pred: RealD, *, pivot: Pivot) -> Statistics:
    """One minus the Pearson correlation.

    `1 - cov / (std(target) std(pred))`; undefined where either is constant. Per output, then the mean.
    """
    return {
        **_joint_moments(target, pred, pivot),
        **_constant(target),
        "pred_low": Smallest(pred),
        "pred_high": Largest(pred),
    }


@pearson_loss.finish
def _(sums: Sums, *, pivot: Pivot) -> Array:
    covariance = sums["xy"] - sums["x"] * sums["y"] / sums["weight"]
    spread = np.sqrt(_variance(sums, "x", "xx")) * np.sqrt(_variance(sums, "y", "yy"))
    varies = _varies(sums) * np.where(sums["pred_high"] > sums["pred_low"], 1.0, np.nan)
    return 1.0 - np.clip(covariance / (spread * varies), -1.0, 1.0)


def _joint_moments(target: Array, pred: Array, pivot: Pivot) -> Statistics:
    x = target - pivot["target"]
    y = pred - pivot["pred"]
    return {"x": x, "y": y, "xx": Product(x, x), "yy": Product(y, y), "xy": Product(x, y)}


def _variance(sums: Sums, first: str, second: str) -> Array:
    """Sum of squares about the mean from the sums of a centred variable and its square."""
    return np.maximum(sums[second] - sums[first] * sums[first] / sums["weight"], 0.0)


def _constant(target: Array) -> Statistics:
    """The range tells a constant target exactly, where a difference of sums would leave rounding noise."""
    return {"low": Smallest(target), "high": Largest(target)}


def _varies(sums: Sums) -> Array:
    return np.where(sums["high"] > sums["low"], 1.0, np.nan)
