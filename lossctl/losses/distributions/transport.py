"""Distances between distributions over an order or on a line: how far mass has to move."""

from functools import partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import cumsum_k, sum_k
from lossctl.declare.classes import Classes
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Distribution, Real, Simplex
from lossctl.errors import UsageError

transport = partial(loss, convex=True, differentiable="no (kink)", robust=True, smoothness="C0")


@transport(
    task="distributions, ordinal classification",
    aliases=("emd",),
    scale="linear",
    dimension="units of the positions",
    use_when="histograms over ordered bins: mass in the next bin is better than mass far away",
    avoid_when="bins have no order (total_variation_distance)",
    pitfalls="Columns must stand in the order of the bins, 1 apart, unless `positions` say where they lie.",
    reference="Rubner, Tomasi and Guibas 2000, doi:10.1023/A:1026543900054; Vallender 1974, doi:10.1137/1118101",
    examples=(
        example(0.25 + 0.125, target=[[0.5, 0.25, 0.25]], pred=[[0.25, 0.375, 0.375]]),
        example(
            0.25 * 3.0 + 0.125 * 0.5,
            {"positions": (-1, 2, 2.5)},
            target=[[0.5, 0.25, 0.25]],
            pred=[[0.25, 0.375, 0.375]],
        ),
        example(
            # positions out of order: the third bin lies between the others
            0.25 * 1.5 + 0.125 * 2.0,
            {"positions": (-1, 2.5, 0.5)},
            target=[[0.5, 0.25, 0.25]],
            pred=[[0.25, 0.375, 0.375]],
        ),
    ),
)
def wasserstein_hist(
    target: Distribution,
    pred: Simplex,
    *,
    positions: Annotated[tuple[float, ...] | None, Param("where the bins lie, 1 apart if none")] = None,
) -> Array:
    """Earth mover's distance between two histograms over the same bins (Wasserstein-1).

    `sum_k abs(CDF_P(k) - CDF_Q(k)) * (position_{k+1} - position_k)`, over the K - 1 gaps between bins.
    """
    if positions is None:
        return sum_k(np.abs(cumsum_k(target - pred)[:-1]))
    order, widths = _layout(positions)
    return sum_k(np.abs(cumsum_k((target - pred)[order])[:-1]) * widths)


@wasserstein_hist.gradient
def _(target: Array, pred: Array, *, positions: tuple[float, ...] | None) -> Array:
    order, widths = _layout(range(len(pred)) if positions is None else positions)
    sign = np.sign(cumsum_k((pred - target)[order]))
    sign[:-1] *= widths
    sign[-1] = 0.0
    slope = np.empty_like(sign)
    slope[order] = cumsum_k(sign[::-1])[::-1]
    return slope


@wasserstein_hist.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    positions = params["positions"]
    if positions is not None and len(positions) != classes.size:
        raise UsageError(f"wasserstein_hist: --positions holds {len(positions)} numbers, for {classes.size} bins.")
    return params


def _layout(positions: tuple[float, ...] | range) -> tuple[npt.NDArray[np.intp], Array]:
    """The order of the bins on the line, and the gaps between them as a column."""
    places = np.asarray(positions, dtype=np.float64)
    order = np.argsort(places, kind="stable")
    return order, np.diff(places[order])[:, np.newaxis]


@loss(
    task="distributions, ordinal classification",
    aliases=("cdf_l2",),
    elements="sum",
    convex=True,
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="quadratic",
    dimension="unitless",
    use_when="ordered classes, such as ratings, with a smooth loss",
    avoid_when="classes have no order (brier_multiclass)",
    pitfalls="A sum over classes: some tools take the mean, or its root. Columns must be in the order of the classes.",
    reference="Hou, Yu and Samaras 2016, arXiv:1611.05916",
    examples=(example(0.25**2 + 0.125**2, target=[[0.5, 0.25, 0.25]], pred=[[0.25, 0.375, 0.375]]),),
)
def squared_emd(target: Distribution, pred: Simplex) -> Array:
    """Squared difference of two distribution functions over ordered classes.

    `sum_k (CDF_P(k) - CDF_Q(k))^2`. With a one-hot target it is the ranked probability score (`rps`).
    """
    gap = cumsum_k(target - pred)
    gap *= gap
    return gap


@squared_emd.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * cumsum_k(cumsum_k(pred - target)[::-1])[::-1]


@transport(
    task="distributions",
    aliases=("wasserstein",),
    scope="group",
    scale="linear",
    dimension="target units",
    use_when="two samples are compared as distributions: rows need not correspond",
    avoid_when="rows correspond and their errors matter (mae, which it never exceeds)",
    pitfalls="The order of rows does not matter within a unit. Both columns are samples of the same size.",
    reference="Vallender 1974, doi:10.1137/1118101",
    examples=(example((0.5 + 1.0 + 1.0) / 3, target=[3, -0.5, 2], pred=[1, 4, -1]),),
)
def wasserstein_samples(target: Real, pred: Real) -> float:
    """Wasserstein-1 distance between the empirical distributions of a unit's targets and predictions.

    `mean abs(target_(i) - pred_(i))` over the sorted values: the area between the two distribution functions.
    """
    return float(np.abs(np.sort(target) - np.sort(pred)).mean())


@transport(
    task="distributions",
    scope="group",
    convex=False,
    scale="root",
    dimension="root of target units",
    use_when="two samples are tested for coming from one distribution",
    avoid_when="the value must be in target units (wasserstein_samples)",
    pitfalls="scipy's: the root of 2 E abs(X-Y) - E abs(X-X') - E abs(Y-Y'). Some tools give the square.",
    reference="Szekely and Rizzo 2013, doi:10.1016/j.jspi.2013.03.018",
    examples=(
        # 2 * (2 + 1.5 + 0.5 + 4) / 4 - 2 * 2.5 / 4 - 2 * 3.5 / 4
        example(1.0, target=[3, 0.5], pred=[1, 4.5]),
    ),
)
def energy_distance(target: Real, pred: Real) -> float:
    """Energy distance between the empirical distributions of a unit's targets and predictions.

    `sqrt(2 E abs(X - Y) - E abs(X - X') - E abs(Y - Y'))`, which is `sqrt(2 * integral of (CDF_X - CDF_Y)^2)`.
    """
    values = np.concatenate([target, pred])
    order = np.argsort(values)  # equal values in any order: nothing lies between them
    ahead = np.cumsum(np.where(order < len(target), 1.0, -1.0))[:-1] / len(target)
    return float(np.sqrt(2.0 * np.sum(ahead * ahead * np.diff(values[order]))))
