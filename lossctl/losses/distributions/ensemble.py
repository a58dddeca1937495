"""Losses of forecasts given as ensembles of M members, a value per row; `e = member - target`."""

from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import mean_k, norm_k, sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Matrix, Real, Vector

TINY = float(np.finfo(np.float64).smallest_normal)
TWO = "two members or more are needed"
Mask: TypeAlias = npt.NDArray[np.bool_]
Estimator: TypeAlias = Annotated[
    Literal["nrg", "fair"], Param("divide the sum over pairs of members by M^2, or by M(M-1): as of infinitely many")
]


ensemble = partial(loss, task="forecast", convex=False, differentiable="no (kink)", smoothness="C0")


@ensemble(
    robust=True,
    scale="linear",
    dimension="target units",
    use_when="an ensemble forecast of one number is judged as a distribution",
    avoid_when="ensembles of different sizes are compared with `nrg`: small ones look worse (use fair)",
    pitfalls="`nrg` scores the ensemble as it is, `fair` the distribution behind it; tools differ in the default.",
    reference="Gneiting and Raftery 2007, doi:10.1198/016214506000001437; Ferro 2014, doi:10.1002/qj.2270",
    examples=(
        example((1.5 + 0.5 + 2.0) / 3 - (1.0 + 3.5 + 2.5) / 9, target=[3], pred=[[1.5, 2.5, 5]]),
        example((1.5 + 0.5 + 2.0) / 3 - (1.0 + 3.5 + 2.5) / 6, {"estimator": "fair"}, target=[3], pred=[[5, 1.5, 2.5]]),
        example(2.5, target=[3], pred=[[5.5]]),
    ),
)
def crps_ensemble(target: Real, pred: Vector, *, estimator: Estimator = "nrg") -> Array:
    """Continuous ranked probability score of an ensemble.

    `mean abs(x_i - y) - sum_ij abs(x_i - x_j) / (2 M^2)`; `fair` divides by `2 M (M-1)`, which needs two members.
    In order of size both are sums of pinball losses, member k at the level `(k - 1/2)/M` (`fair`: `(k - 1)/(M - 1)`):
    no difference of large numbers, and `M log M` steps. With one member it is `mae`.
    """
    deviation = pred - target
    deviation.sort(axis=0)
    below, above = _prices(len(pred), estimator)
    score = deviation * above
    deviation *= -below
    return sum_k(np.maximum(score, deviation, out=score))


@crps_ensemble.gradient
def _(target: Array, pred: Array, *, estimator: str) -> Array:
    below, above = _prices(len(pred), estimator)
    order = np.argsort(pred, axis=0)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(len(pred))[:, np.newaxis], axis=0)
    error = pred - target
    slope: Array = above[place, 0] * (error > 0) - below[place, 0] * (error < 0)
    return slope


def _prices(members: int, estimator: str) -> tuple[Array, Array]:
    """What a unit of distance costs the k-th smallest member, `(M, 1)`: below the target, and above it."""
    before = np.arange(members, dtype=np.float64)[:, np.newaxis]
    after = before[::-1]
    if estimator == "fair":
        pairs = np.float64(members * (members - 1))
        return 2.0 * before / pairs, 2.0 * after / pairs
    return (2.0 * before + 1.0) / members**2, (2.0 * after + 1.0) / members**2


@ensemble(
    aliases=("dss",),
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="logarithmic",
    dimension="unitless",
    use_when="only the mean and the spread of an ensemble are to be judged",
    avoid_when="ensembles are small or their members may coincide: the variance is then poor or 0",
    pitfalls="The variance has ddof 1. Changing the target's units shifts the value by a constant.",
    reference="Dawid and Sebastiani 1999, doi:10.1214/aos/1018031101",
    examples=(example(0.75**2 / 4.5 + float(np.log(4.5)), target=[1.25], pred=[[0.5, 3.5]]),),
)
def dawid_sebastiani(target: Real, pred: Vector) -> Array:
    """Squared standardised error of the ensemble mean, and the logarithm of the ensemble variance.

    `((y - m)/s)^2 + 2 log s`, s with ddof 1. Without spread it is infinite, negative where the mean meets the target.
    """
    _, error, std = _moments(target, pred)
    ratio = error / std
    score = ratio * ratio + 2.0 * np.log(std)
    flat = std == 0.0
    if flat.any():  # both terms are infinite; the first outgrows the second
        score[flat] = np.where(error[flat] == 0.0, -np.inf, np.inf)
    return score


@dawid_sebastiani.gradient
def _(target: Array, pred: Array) -> Array:
    centred, error, std = _moments(target, pred)
    ratio = error / std
    spread = (1.0 - ratio * ratio) / (len(pred) - 1)
    return 2.0 * (ratio / len(pred) + spread * (centred / std)) / std


def _moments(target: Array, pred: Array) -> tuple[Array, Array, Array]:
    """Members less their mean, the mean's error, and the deviation with ddof 1, about a member lest they cancel."""
    deviation = pred - pred[0]
    mean = mean_k(deviation)
    deviation -= mean
    return deviation, (pred[0] - target) + mean, norm_k(deviation) / np.sqrt(len(pred) - 1.0)


@ensemble(
    robust=True,
    scale="linear",
    dimension="target units",
    use_when="an ensemble forecast of several numbers is judged as a joint distribution",
    avoid_when="the dependence between outputs is what matters (variogram_score), or their units differ",
    pitfalls="The number of outputs with the largest scale decides the norm: standardise first.",
    reference="Gneiting and Raftery 2007, doi:10.1198/016214506000001437",
    examples=(
        example((5.0 + 2.5) / 2 - float(np.hypot(5.0, 2.5)) / 4, target=[[1, 2]], pred=[[[4, 6], [-1, 3.5]]]),
        example(
            (5.0 + 2.5) / 2 - float(np.hypot(5.0, 2.5)) / 2,
            {"estimator": "fair"},
            target=[[1, 2]],
            pred=[[[4, 6], [-1, 3.5]]],
        ),
    ),
)
def energy_score(target: Vector, pred: Matrix, *, estimator: Estimator = "nrg") -> Array:
    """Continuous ranked probability score of an ensemble of vectors.

    `mean norm(x_i - y) - sum_ij norm(x_i - x_j) / (2 M^2)`, Euclidean norms; `fair` divides by `2 M (M-1)`.
    With one output it is `crps_ensemble`.
    """
    error, size = _scaled(target, pred)
    scratch = np.empty_like(error)
    apart = np.zeros(len(size))
    for first in range(len(error) - 1):
        between = np.subtract(error[first + 1 :], error[first], out=scratch[first + 1 :])
        between *= between
        apart += np.sqrt(between.sum(axis=1)).sum(axis=0)
    np.multiply(error, error, out=scratch)
    missed = np.sqrt(scratch.sum(axis=1)).mean(axis=0)
    score: Array = size * (missed - apart / _pairs(len(error), estimator))
    return score


@energy_score.gradient
def _(target: Array, pred: Array, *, estimator: str) -> Array:
    error, _ = _scaled(target, pred)
    slope = _directions(error) / len(error)
    pairs = _pairs(len(error), estimator)
    for first in range(len(error) - 1):
        pull = _directions(error[first + 1 :] - error[first]) / pairs
        slope[first + 1 :] -= pull
        slope[first] += pull.sum(axis=0)
    return slope


def _scaled(target: Array, pred: Array) -> tuple[Array, Array]:
    """`(M, D, n)` deviations, rows last in memory, divided by each row's largest: their squares stay in range."""
    error = np.subtract(pred, target, out=np.empty(pred.shape))
    size: Array = np.abs(error).max(axis=(0, 1))
    error /= np.maximum(size, TINY)
    return error, size


def _pairs(members: int, estimator: str) -> np.float64:
    return np.float64(members * (members - (estimator == "fair")))


def _directions(x: Array) -> Array:
    """Vectors along axis 1 of `(m, D, n)` at length 1, zero vectors as they are."""
    length: Array = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / np.maximum(length, TINY)


@ensemble(
    robust="controlled by p",
    scale="power 2p",
    dimension="target units to the power 2p",
    use_when="the dependence between outputs, along time or space, is to be judged",
    avoid_when="a bias common to all outputs matters: differences do not see it (energy_score)",
    pitfalls="Every ordered pair counts, so each pair counts twice; some tools take i < j or weigh the pairs.",
    reference="Scheuerer and Hamill 2015, doi:10.1175/MWR-D-14-00269.1",
    examples=(
        example(2 * (1.5 - (1.0 + 4.5) / 2) ** 2, {"p": 1.0}, target=[[1, 2.5]], pred=[[[4, 5], [-1, 3.5]]]),
        example(2 * (2.0 - (1.0 + 2.5) / 2) ** 2, target=[[1, 5]], pred=[[[4, 5], [2.25, 8.5]]]),
    ),
)
def variogram_score(
    target: Vector,
    pred: Matrix,
    *,
    p: Annotated[float, Param("power of the differences between outputs", gt=0)] = 0.5,
) -> Array:
    """Squared difference between the variograms of the target and of the ensemble.

    `sum_ij (abs(y_i - y_j)^p - mean_m abs(x_mi - x_mj)^p)^2` over all ordered pairs of outputs, unweighted.
    """
    members = np.ascontiguousarray(pred)
    total = np.zeros(pred.shape[-1])
    for output in range(len(target) - 1):
        missed = _variogram(members, output, p).mean(axis=0) - np.abs(target[output + 1 :] - target[output]) ** p
        missed *= missed
        total += missed.sum(axis=0)
    return 2.0 * total


@variogram_score.gradient
def _(target: Array, pred: Array, *, p: float) -> Array:
    members = np.ascontiguousarray(pred)
    slope = np.zeros(pred.shape)
    for output in range(len(target) - 1):
        gap = members[:, output + 1 :] - members[:, output : output + 1]
        missed = _variogram(members, output, p).mean(axis=0) - np.abs(target[output + 1 :] - target[output]) ** p
        # TINY leaves a power below 0 finite where members tie; the sign makes it 0 there.
        pull = 4.0 * missed / len(pred) * p * np.maximum(np.abs(gap), TINY) ** (p - 1.0) * np.sign(gap)
        slope[:, output + 1 :] += pull
        slope[:, output] -= pull.sum(axis=1)
    return slope


def _variogram(members: Array, output: int, p: float) -> Array:
    """Differences of an output from those after it, to the power p: `(M, D - output - 1, n)`."""
    gap = members[:, output + 1 :] - members[:, output : output + 1]
    np.abs(gap, out=gap)
    gap **= p
    return gap


@energy_score.rule("every member must be as long as the target")
def _(target: Array, pred: Array, *, estimator: str) -> Mask:
    return np.full(pred.shape[-1], len(target) != pred.shape[1])


@variogram_score.rule("every member must be as long as the target")
def _(target: Array, pred: Array, *, p: float) -> Mask:
    return np.full(pred.shape[-1], len(target) != pred.shape[1])


@crps_ensemble.rule(TWO)
@energy_score.rule(TWO)
def _(target: Array, pred: Array, *, estimator: str) -> Mask:
    return np.full(pred.shape[-1], estimator == "fair" and len(pred) < 2)


@dawid_sebastiani.rule(TWO)
def _(target: Array, pred: Array) -> Mask:
    return np.full(pred.shape[-1], len(pred) < 2)
