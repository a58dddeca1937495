"""Likelihoods of a class under K logits, or of weights over the classes."""

from functools import partial
from typing import Annotated, Any

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Rows
from lossctl.arithmetic.vectors import (
    add_at_k,
    below_max_k,
    dot_k,
    log_softmax_k,
    log_sum_k,
    pick_k,
    softmax_at,
    softmax_k,
    sum_k,
)
from lossctl.declare.classes import Classes
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import ClassTarget, Logits
from lossctl.errors import UsageError
from lossctl.losses.classification._class_weights import (
    BETA,
    ClassWeight,
    counted,
    effective,
    given_counts,
    of_rows,
    resolved,
)

LOG_2, LOG_3 = float(np.log(2.0)), float(np.log(3.0))
# -log softmax of the logits 0 and log 3, whose probabilities are 1/4 and 3/4
QUARTER, MOST = 2 * LOG_2, 2 * LOG_2 - LOG_3


def _by_hand(*logits: float) -> float:
    return float(np.log(np.exp(logits).sum()))


multiclass = partial(
    loss,
    task="multiclass",
    differentiable=True,
    robust="not applicable",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
)


@multiclass(
    aliases=("softmax_cross_entropy",),
    convex=True,
    use_when="the model gives K logits and exactly one class is true: the standard loss of classifiers",
    avoid_when="the columns are probabilities (categorical_cross_entropy), or several labels are true (multilabel_bce)",
    pitfalls="With class weights the mean divides by their sum over the rows, as in PyTorch; --reduction mean-rows "
    "divides by rows, as Keras and scikit-learn do. Smoothing spreads s/K over ALL classes, the true one included.",
    reference="Bridle 1990, doi:10.1007/978-3-642-76153-9_28; Szegedy et al. 2016, arXiv:1512.00567 (smoothing)",
    examples=(
        example(
            ((_by_hand(2, 0.5, -1) - 2) + (_by_hand(0, 1, 0) - 0)) / 2,
            target=[0, 2],
            pred=[[2, 0.5, -1], [0, 1, 0]],
        ),
        example(
            0.9 * (_by_hand(2, 0.5, -1) - 2) + 0.1 / 3 * (3 * _by_hand(2, 0.5, -1) - (2 + 0.5 - 1)),
            {"label_smoothing": 0.1},
            target=[0],
            pred=[[2, 0.5, -1]],
        ),
        example((0.5 * QUARTER + 1.5 * MOST) / 2, {"class_weight": [0.5, 1.5]}, target=[0, 1], pred=[[0, LOG_3]] * 2),
        example(
            (0.75 * QUARTER + 0.75 * QUARTER + 1.5 * MOST) / 3,
            {"class_weight": "balanced"},
            target=[0, 0, 1],
            pred=[[0, LOG_3]] * 3,
        ),
        example(0.2 * QUARTER + 0.8 * MOST, target=[[0.2, 0.8]], pred=[[0, LOG_3]]),
    ),
)
def cross_entropy(
    target: ClassTarget,
    pred: Logits,
    *,
    class_weight: ClassWeight = None,
    beta: BETA = 0.999,
    label_smoothing: Annotated[float, Param("share of the label spread over all classes", ge=0, le=1)] = 0.0,
    ignore_index: Annotated[int | None, Param("class index of rows that do not count")] = None,
) -> Rows:
    """Negative log-likelihood of the class under the softmax of K logits.

    `(1-s) w_y (-log_softmax_y) + s/K sum_c w_c (-log_softmax_c)`; the mean divides by the sum of `w_y` over the rows
    that are not ignored. For a vector t as target `-sum t w log_softmax` of the smoothed t; that mean divides by rows.
    `cross_entropy == nll` of the logits' log-softmax.
    """
    weights = None if target.ndim == 2 else of_rows(class_weight, target)
    value = _cross_entropy(target, pred, class_weight, label_smoothing)
    if target.ndim == 2:
        return Rows(value)
    return counted(value, target, weights, ignore_index, smoothed=not _is_zero(label_smoothing))


@cross_entropy.gradient
def _(
    target: Array, pred: Array, *, class_weight: Any, beta: float, label_smoothing: float, ignore_index: int | None
) -> Array:
    slope = _slope(target, pred, class_weight, label_smoothing)
    return slope if ignore_index is None or target.ndim == 2 else slope * (target != ignore_index)


@cross_entropy.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return resolved(params, classes, _number(params, "beta", "cross_entropy"))


@multiclass(
    task="multiclass, imbalanced classification",
    aliases=("class_balanced",),
    convex=True,
    use_when="classes are imbalanced, and their weights should grow more slowly than 1/n",
    avoid_when="results are compared with a mean over class weights (cross_entropy, class_weight=effective)",
    pitfalls="The mean divides by rows, so the value depends on the classes' shares. Give the counts of the training "
    "set to compare datasets; without counts those of the evaluated rows are taken.",
    reference="Cui et al. 2019, arXiv:1901.05555",
    examples=(
        # two rows and one: (1-1/2) / (1-1/4) = 2/3 and 1, scaled to sum 2
        example((2 * 0.8 * QUARTER + 1.2 * MOST) / 3, {"beta": 0.5}, target=[0, 0, 1], pred=[[0, LOG_3]] * 3),
        example(
            (1.2 * QUARTER + 0.8 * MOST) / 2, {"beta": 0.5, "counts": [1, 2]}, target=[0, 1], pred=[[0, LOG_3]] * 2
        ),
    ),
)
def class_balanced_cross_entropy(
    target: ClassTarget,
    pred: Logits,
    *,
    beta: BETA = 0.999,
    counts: Annotated[
        tuple[float, ...] | None, Param("rows per class; those of the data without it", becomes="class_weight")
    ] = None,
) -> Array:
    """Cross-entropy with each class weighted by its inverse effective number of rows.

    `w_y (-log_softmax_y)`, `w_c = (1-beta) / (1-beta^n_c)` scaled to sum to K; the mean divides by rows. For a vector t
    as target `-sum t w log_softmax`. `class_balanced_cross_entropy(beta=0) == cross_entropy`.
    """
    return _cross_entropy(target, pred, counts, 0.0)


@class_balanced_cross_entropy.gradient
def _(target: Array, pred: Array, *, beta: float, counts: Any) -> Array:
    return _slope(target, pred, counts, 0.0)


@class_balanced_cross_entropy.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    """Weights in place of the counts: the kernel multiplies by what `counts` holds."""
    beta = _number(params, "beta", "class_balanced_cross_entropy")
    return params | {"counts": effective(given_counts(params["counts"], classes, "--counts"), beta)}


@multiclass(
    aliases=("poly_loss",),
    convex=False,
    use_when="cross-entropy is to be tuned by one number: epsilon > 0 weighs uncertain rows more",
    avoid_when="values are to be read as likelihoods",
    pitfalls="The default epsilon is 1 here and 2 in optax.",
    reference="Leng et al. 2022, arXiv:2204.12511",
    examples=(
        example((QUARTER + 0.75 + MOST + 0.25) / 2, target=[0, 1], pred=[[0, LOG_3]] * 2),
        example(QUARTER + 3 * 0.75, {"epsilon": 3.0}, target=[0], pred=[[0, LOG_3]]),
        example(0.2 * QUARTER + 0.8 * MOST + (1 - 0.2 / 4 - 0.8 * 0.75), target=[[0.2, 0.8]], pred=[[0, LOG_3]]),
    ),
)
def poly1_cross_entropy(
    target: ClassTarget,
    pred: Logits,
    *,
    epsilon: Annotated[float, Param("coefficient of the first polynomial term")] = 1.0,
) -> Array:
    """Cross-entropy with its first polynomial term reweighted.

    `-log p_y + epsilon (1 - p_y)`, p the softmax; for a vector t as target `-sum t log p + epsilon (1 - sum t p)`.
    `poly1_cross_entropy(epsilon=0) == cross_entropy`.
    """
    if target.ndim == 2:
        log_p = log_softmax_k(pred)
        return epsilon * (1.0 - sum_k(target * np.exp(log_p))) - sum_k(target * log_p)
    log_p, miss = softmax_at(pred, target)
    return epsilon * miss - log_p


@poly1_cross_entropy.gradient
def _(target: Array, pred: Array, *, epsilon: float) -> Array:
    p = softmax_k(pred)
    if target.ndim == 2:
        hit = target * p
        return p * (sum_k(target) + epsilon * sum_k(hit)) - target - epsilon * hit
    return add_at_k(p, target, -1.0) * (1.0 + epsilon * pick_k(p, target))


@multiclass(
    aliases=("sce",),
    convex=False,
    robust="yes (bounded reverse term)",
    use_when="some labels are wrong: the reverse term tolerates them, the forward one still learns",
    avoid_when="labels are clean",
    pitfalls="alpha, beta and log_zero (the paper's A) are not normalised: values compare only at equal settings.",
    reference="Wang et al. 2019, arXiv:1908.06112",
    examples=(
        example(0.1 * QUARTER + 4 * 0.75, target=[0], pred=[[0, LOG_3]]),
        example(
            2 * MOST + 0.5 * 3 * 0.25, {"alpha": 2.0, "beta": 0.5, "log_zero": -3.0}, target=[1], pred=[[0, LOG_3]]
        ),
        example(0.1 * (0.5 * QUARTER + 0.5 * MOST) + LOG_2, target=[[0.5, 0.5]], pred=[[0, LOG_3]]),
    ),
)
def symmetric_cross_entropy(
    target: ClassTarget,
    pred: Logits,
    *,
    alpha: Annotated[float, Param("factor of the cross-entropy", ge=0)] = 0.1,
    beta: Annotated[float, Param("factor of the reverse cross-entropy", ge=0)] = 1.0,
    log_zero: Annotated[float, Param("what stands for log 0 in the reverse term", lt=0)] = -4.0,
) -> Array:
    """Cross-entropy and its reverse, which bounds what a wrong label costs.

    `alpha (-log p_y) + beta (-sum_c p_c log t_c)`, p the softmax, `log t_c` at least log_zero: for a class as target
    the reverse term is `-log_zero (1 - p_y)`.
    """
    if target.ndim == 2:
        log_p = log_softmax_k(pred)
        return -alpha * sum_k(target * log_p) - beta * sum_k(np.exp(log_p) * np.maximum(np.log(target), log_zero))
    log_p, miss = softmax_at(pred, target)
    return -alpha * log_p - beta * log_zero * miss


@symmetric_cross_entropy.gradient
def _(target: Array, pred: Array, *, alpha: float, beta: float, log_zero: float) -> Array:
    p = softmax_k(pred)
    if target.ndim == 2:
        reverse = p * np.maximum(np.log(target), log_zero)
        return alpha * (p * sum_k(target) - target) - beta * (reverse - p * sum_k(reverse))
    return add_at_k(p, target, -1.0) * (alpha - beta * log_zero * pick_k(p, target))


def _cross_entropy(target: Array, pred: Array, class_weight: object, smoothing: Any) -> Array:
    """`sum_c t_c (log S - x_c)`, t with weights and smoothing, x the logits below their maximum, `S = sum exp x`."""
    x = below_max_k(pred)
    total: Array | float
    if target.ndim == 2:
        t = _weighted_target(target, len(pred), class_weight, smoothing)
        total, linear = sum_k(t), dot_k(t, x)
    else:
        weights = of_rows(class_weight, target)
        linear = pick_k(x, target)
        if weights is not None:
            linear *= weights
        total = 1.0 if weights is None else weights
        if not _is_zero(smoothing):
            spread = _column(np.ones(len(pred)) if class_weight is None else class_weight)
            linear += smoothing * (dot_k(np.broadcast_to(spread, x.shape), x) / len(pred) - linear)
            total = total + smoothing * (spread.mean() - total)
    np.exp(x, out=x)
    value = log_sum_k(x)
    value *= total
    value -= linear
    return value


def _slope(target: Array, pred: Array, class_weight: object, smoothing: Any) -> Array:
    p = softmax_k(pred)
    if target.ndim == 2:
        weighted = _weighted_target(target, len(pred), class_weight, smoothing)
        return p * sum_k(weighted) - weighted
    weights = of_rows(class_weight, target)
    own = (1.0 - smoothing) * (np.ones(pred.shape[1]) if weights is None else weights)
    slope = add_at_k(p * own, target, -own)
    if _is_zero(smoothing):
        return slope
    spread = _column(np.ones(len(pred)) if class_weight is None else class_weight)
    slope += (smoothing / len(pred)) * (p * spread.sum() - spread)
    return slope


def _weighted_target(target: Array, size: int, class_weight: object, smoothing: Any) -> Array:
    smoothed = target if _is_zero(smoothing) else target * (1.0 - smoothing) + smoothing / size
    return smoothed if class_weight is None else smoothed * _column(class_weight)


def _column(weights: object) -> Array:
    return np.asarray(weights, dtype=np.float64)[:, np.newaxis]


def _is_zero(smoothing: Any) -> bool:
    return np.ndim(smoothing) == 0 and smoothing == 0.0


def _number(params: dict[str, Any], name: str, loss_name: str) -> float:
    """The number of a parameter that class weights are worked out with: a column of the file is refused."""
    if name not in params:
        raise UsageError(f"{loss_name}: --{name} is one number; it cannot be a column.")
    return float(params[name])
