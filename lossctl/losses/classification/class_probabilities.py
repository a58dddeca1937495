"""Likelihoods and scores of a class under K probabilities, or their logarithms."""

from functools import partial
from typing import Annotated, Any

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.statistics import Rows
from lossctl.arithmetic.vectors import add_at_k, pick_k, sum_k
from lossctl.declare.classes import Classes
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import ClassIndex, ClassTarget, LogProbs, Proportions, Simplex
from lossctl.losses.classification._class_weights import ClassWeight, counted, of_rows, resolved

MACHINE, EFFECTIVE_BETA = 2.220446049250313e-16, 0.999
TINY = float(np.finfo(np.float64).smallest_normal)
LOG_2 = float(np.log(2.0))
LOG_4_3 = float(np.log(4 / 3))


multiclass = partial(loss, task="multiclass", convex=True, differentiable=True, smoothness="C-infinity")


@multiclass(
    task="multiclass, segmentation",
    aliases=("cce", "pixel_cross_entropy"),
    robust=False,
    scale="nats",
    dimension="nats",
    use_when="the model gives K probabilities, and the target is a class or a distribution over the classes",
    avoid_when="logits are at hand (cross_entropy): a probability of 0 has lost them",
    pitfalls="A true class of probability 0 costs what the clip says, 36.04 by default. Rows must sum to 1; Keras "
    "renormalises them silently, here --normalize says so.",
    reference="Good 1952, doi:10.1111/j.2517-6161.1952.tb00104.x",
    examples=(
        example((2 * LOG_2 + LOG_4_3) / 2, target=[0, 1], pred=[[0.25, 0.75]] * 2),
        example(0.2 * 2 * LOG_2 + 0.8 * LOG_4_3, target=[[0.2, 0.8]], pred=[[0.25, 0.75]]),
        example(0.9 * 2 * LOG_2 + 0.1 * LOG_4_3, {"label_smoothing": 0.2}, target=[0], pred=[[0.25, 0.75]]),
        example(2 * LOG_2, {"normalize": True}, target=[0], pred=[[1.0, 3.0]]),
        example(3 * LOG_2, {"eps": 0.125}, target=[0], pred=[[0.0, 1.0]]),
    ),
)
def categorical_cross_entropy(
    target: ClassTarget,
    pred: Simplex,
    *,
    eps: Annotated[float, Param("least probability", ge=0, lt=1)] = MACHINE,
    normalize: Annotated[bool, Param("divide each row by its sum first")] = False,
    label_smoothing: Annotated[float, Param("share of the label spread over all classes", ge=0, le=1)] = 0.0,
) -> Array:
    """Negative log-likelihood of a class, or of a distribution, under K probabilities.

    `-sum t log max(p, eps)`, t the class's one-hot vector, smoothed to `t(1-s) + s/K`. eps=0 gives infinity where
    `p = 0 < t`. `categorical_cross_entropy(softmax(x)) == cross_entropy(x)`.
    """
    smooth = np.ndim(label_smoothing) > 0 or label_smoothing != 0.0
    if target.ndim == 1 and not smooth:
        return -np.log(np.maximum(_true_probability(target, pred, normalize), eps))
    p = np.maximum(pred / _total(pred) if normalize else pred, eps)
    if target.ndim == 2:
        t = target * (1.0 - label_smoothing) + label_smoothing / len(pred) if smooth else target
        log_p = np.log(p if np.all(eps) else p + (t == 0))  # a weight of 0 silences log 0
        return -sum_k(np.multiply(t, log_p, out=log_p))
    log_p = np.log(p)
    own = np.log(pick_k(p, target))
    return -((1.0 - label_smoothing) * own + label_smoothing / len(pred) * sum_k(log_p))


@categorical_cross_entropy.gradient
def _(target: Array, pred: Array, *, eps: float, normalize: bool, label_smoothing: float) -> Array:
    total: Any = _total(pred) if normalize else 1.0
    p = pred / total
    hot = target if target.ndim == 2 else add_at_k(np.zeros(pred.shape), target, 1.0)
    t = (hot * (1.0 - label_smoothing) + label_smoothing / len(pred)) * (p >= eps)
    by_p: Array = -t / (p + (t == 0))
    return (by_p - sum_k(by_p * p)) / total if normalize else by_p


@categorical_cross_entropy.finding("LC201")
def _(target: Array, pred: Array, *, eps: float, normalize: bool, label_smoothing: float) -> Flags:
    if target.ndim == 2:
        p = pred / _total(pred) if normalize else pred
        clipped: Flags = np.logical_or.reduce((p < eps) & (target > 0), axis=0)
        return clipped
    return _is_clipped(target, pred, eps, normalize)


@categorical_cross_entropy.domains
def _(*, normalize: bool, **_: object) -> dict[str, Any]:
    return {"pred": Proportions if normalize else Simplex}


@multiclass(
    aliases=("scce",),
    robust=False,
    scale="nats",
    dimension="nats",
    use_when="the model gives K probabilities, and some rows are to be ignored or classes weighted",
    avoid_when="logits are at hand (cross_entropy): a probability of 0 has lost them",
    pitfalls="With class weights the mean divides by their sum over the rows, as in PyTorch and unlike Keras.",
    reference="Good 1952, doi:10.1111/j.2517-6161.1952.tb00104.x; keras.losses.SparseCategoricalCrossentropy",
    examples=(
        example((2 * LOG_2 + LOG_4_3) / 2, target=[0, 1], pred=[[0.25, 0.75]] * 2),
        example(
            (2.0 * 2 * LOG_2 + 0.0) / 2,
            {"class_weight": [2.0, 1.0], "ignore_index": 1},
            target=[0, 1],
            pred=[[0.25, 0.75]] * 2,
        ),
        example(LOG_4_3, {"normalize": True}, target=[1], pred=[[1.0, 3.0]]),
        example(3 * LOG_2, {"eps": 0.125}, target=[0], pred=[[0.0, 1.0]]),
    ),
)
def sparse_categorical_cross_entropy(
    target: ClassIndex,
    pred: Simplex,
    *,
    eps: Annotated[float, Param("least probability", ge=0, lt=1)] = MACHINE,
    normalize: Annotated[bool, Param("divide each row by its sum first")] = False,
    ignore_index: Annotated[int | None, Param("class index of rows that do not count")] = None,
    class_weight: ClassWeight = None,
) -> Rows:
    """Negative log-likelihood of a class under K probabilities.

    `-w_y log max(p_y, eps)`; the mean divides by the sum of `w_y` over the rows that are not ignored. For
    `class_weight=effective` beta is 0.999.
    """
    value = -np.log(np.maximum(_true_probability(target, pred, normalize), eps))
    weights = of_rows(class_weight, target)
    return counted(value if weights is None else value * weights, target, weights, ignore_index)


@sparse_categorical_cross_entropy.gradient
def _(
    target: Array, pred: Array, *, eps: float, normalize: bool, ignore_index: int | None, class_weight: object
) -> Array:
    total: Any = _total(pred) if normalize else 1.0
    p = pick_k(pred, target) / total
    own = -_row_factor(target, class_weight, ignore_index) * (p >= eps) / np.maximum(p, TINY)
    spread = -own * p / total if normalize else np.zeros(len(own))
    return add_at_k(np.broadcast_to(spread, pred.shape), target, own / total)


@sparse_categorical_cross_entropy.finding("LC201")
def _(
    target: Array, pred: Array, *, eps: float, normalize: bool, ignore_index: int | None, class_weight: object
) -> Flags:
    clipped = _is_clipped(target, pred, eps, normalize)
    return clipped if ignore_index is None else clipped & (target != ignore_index)


@sparse_categorical_cross_entropy.domains
def _(*, normalize: bool, **_: object) -> dict[str, Any]:
    return {"pred": Proportions if normalize else Simplex}


@sparse_categorical_cross_entropy.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return resolved(params, classes, EFFECTIVE_BETA)


@multiclass(
    robust=False,
    scale="nats",
    dimension="nats",
    use_when="the columns are log-probabilities, as a log-softmax layer gives them",
    avoid_when="the columns are logits (cross_entropy) or probabilities (sparse_categorical_cross_entropy)",
    pitfalls="Nothing is normalised: logits in its columns give a number that means nothing.",
    reference="torch.nn.NLLLoss",
    examples=(
        example((1.5 + 0.25) / 2, target=[0, 1], pred=[[-1.5, -0.25]] * 2),
        example((1.5 * 1.5 + 0.5 * 0.25) / 2, {"class_weight": [1.5, 0.5]}, target=[0, 1], pred=[[-1.5, -0.25]] * 2),
        example(
            (2.0 * 1.5 + 0.0) / 2,
            {"class_weight": [2.0, 1.0], "ignore_index": -1},
            target=[0, -1],
            pred=[[-1.5, -0.25]] * 2,
        ),
    ),
)
def nll(
    target: ClassIndex,
    pred: LogProbs,
    *,
    class_weight: ClassWeight = None,
    ignore_index: Annotated[int | None, Param("class index of rows that do not count")] = None,
) -> Rows:
    """Negative log-likelihood of a class under K log-probabilities.

    `-w_y logp_y`; the mean divides by the sum of `w_y` over the rows that are not ignored. For
    `class_weight=effective` beta is 0.999. `nll(log_softmax(x)) == cross_entropy(x)`.
    """
    value = -pick_k(pred, target)
    weights = of_rows(class_weight, target)
    return counted(value if weights is None else value * weights, target, weights, ignore_index)


@nll.gradient
def _(target: Array, pred: Array, *, class_weight: object, ignore_index: int | None) -> Array:
    return add_at_k(np.zeros(pred.shape), target, -_row_factor(target, class_weight, ignore_index))


@nll.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return resolved(params, classes, EFFECTIVE_BETA)


@multiclass(
    aliases=("gce",),
    robust="controlled by q",
    scale="invariant",
    dimension="unitless",
    use_when="some labels are wrong: between cross-entropy (q near 0) and the robust mean absolute error (q = 1)",
    avoid_when="labels are clean",
    pitfalls="Values of different q do not compare: towards 0 it is cross-entropy, at 1 it is 1 - p.",
    reference="Zhang and Sabuncu 2018, arXiv:1805.07836",
    examples=(
        example((0.5 + 0.25) / 2 / 0.5, {"q": 0.5}, target=[0, 1], pred=[[0.25, 0.75], [7 / 16, 9 / 16]]),
        example(0.75, {"q": 1.0}, target=[0], pred=[[0.25, 0.75]]),
        example(0.4 * 0.75 + 0.6 * 0.25, {"q": 1.0}, target=[[0.4, 0.6]], pred=[[0.25, 0.75]]),
    ),
)
def generalized_cross_entropy(
    target: ClassTarget,
    pred: Simplex,
    *,
    q: Annotated[float, Param("1 is robust, near 0 is the cross-entropy", gt=0, le=1)] = 0.7,
) -> Array:
    """Box-Cox transform of the true class's probability, between cross-entropy and absolute error.

    `(1 - p_y^q) / q`, range [0, 1/q]; for a vector t as target `sum t (1 - p^q) / q`. q=1 is half the L1 distance.
    """
    if target.ndim == 2:
        return -sum_k(target * np.expm1(q * np.log(pred))) / q
    return -np.expm1(q * np.log(pick_k(pred, target))) / q


@generalized_cross_entropy.gradient
def _(target: Array, pred: Array, *, q: float) -> Array:
    if target.ndim == 2:
        slope: Array = -target * (pred + (target == 0)) ** (q - 1.0)
        return slope
    return add_at_k(np.zeros(pred.shape), target, -(pick_k(pred, target) ** (q - 1.0)))


@multiclass(
    robust="moderate",
    scale="quadratic",
    dimension="unitless",
    use_when="probabilities are to be judged by a bounded proper score: no single row can decide it",
    avoid_when="confident mistakes must cost much (categorical_cross_entropy)",
    pitfalls="The sum over classes, range [0, 2]; scikit-learn halves it by default for two classes (scale_by_half), "
    "and some tools divide by K.",
    reference="Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    examples=(
        example((0.75**2 + 0.6**2 + 0.15**2 + 2 * 0.1**2) / 2, target=[0, 2], pred=[[0.25, 0.6, 0.15], [0.1, 0, 0.9]]),
        example(0.05**2 * 2, target=[[0.2, 0.8]], pred=[[0.25, 0.75]]),
    ),
)
def brier_multiclass(target: ClassTarget, pred: Simplex) -> Array:
    """Squared distance of K probabilities from the truth.

    `sum_c (p_c - t_c)^2`, t the class's one-hot vector or a distribution; range [0, 2].
    `brier_multiclass == 2 * brier` for two classes.
    """
    residual = _residual(target, pred)
    residual *= residual
    return sum_k(residual)


@brier_multiclass.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * _residual(target, pred)


def _residual(target: Array, pred: Array) -> Array:
    return pred - target if target.ndim == 2 else add_at_k(pred, target, -1.0)


def _true_probability(target: Array, pred: Array, normalize: bool) -> Array:
    p = pick_k(pred, target)
    return p / _total(pred) if normalize else p


def _total(pred: Array) -> Array:
    """A row's sum; of a row of zeros every probability is then 0, which is clipped and counted."""
    return np.maximum(sum_k(pred), TINY)


def _is_clipped(target: Array, pred: Array, eps: float, normalize: bool) -> Flags:
    return _true_probability(target, pred, normalize) < eps


def _row_factor(target: Array, class_weight: object, ignore_index: int | None) -> Array:
    weights = of_rows(class_weight, target)
    factor = np.ones(len(target)) if weights is None else weights
    return factor if ignore_index is None else factor * (target != ignore_index)
