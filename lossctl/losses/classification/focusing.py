"""Likelihoods that turn the weight from easy examples to hard ones. `p_t`: the probability given to the truth."""

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import add_at_k, log_softmax_k, pick_k, softmax_at, softmax_k, softplus, sum_k
from lossctl.declare.classes import Classes
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import BinaryD, BinaryVector, ClassTarget, LogitD, Logits, ProbabilityD, Simplex
from lossctl.losses.classification._class_weights import per_class

TINY = float(np.finfo(np.float64).smallest_normal)
LOG_2, LOG_3 = float(np.log(2.0)), float(np.log(3.0))


focusing = partial(loss, differentiable=True, smoothness="C-infinity", scale="nats", dimension="nats")


@focusing(
    task="imbalanced classification",
    aliases=("focal", "sigmoid_focal"),
    elements="mean",
    convex="generally no",
    robust="not applicable",
    use_when="positives are rare and most rows are easy negatives, as in dense detection",
    avoid_when="probabilities must stay calibrated: it makes them less confident",
    pitfalls="Without alpha nothing is balanced. alpha_mode=constant multiplies every row by alpha, as some articles "
    "do (`alpha * (1-p_t)^gamma * bce`); balanced gives the negatives 1-alpha, as Lin and torchvision do.",
    reference="Lin et al. 2017, arXiv:1708.02002",
    examples=(
        example((0.25**2 * float(np.log(4 / 3)) + 0.75**2 * 2 * LOG_2) / 2, target=[1, 1], pred=[LOG_3, -LOG_3]),
        example(
            (0.3 * 0.75 * 2 * LOG_2 + 0.7 * 0.25 * float(np.log(4 / 3))) / 2,
            {"gamma": 1.0, "alpha": 0.3},
            target=[1, 0],
            pred=[-LOG_3, -LOG_3],
        ),
        example(
            0.3 * (0.75**2 * 2 * LOG_2 + 0.2**2 * float(np.log(1.25))) / 2,
            {"alpha": 0.3, "alpha_mode": "constant", "input": "probs"},
            target=[1, 0],
            pred=[0.25, 0.2],
        ),
    ),
)
def binary_focal(
    target: BinaryD,
    pred: LogitD,
    *,
    gamma: Annotated[float, Param("how strongly easy rows are discounted", ge=0)] = 2.0,
    alpha: Annotated[float | None, Param("weight of positives (negatives: 1 - alpha)", ge=0, le=1)] = None,
    alpha_mode: Annotated[
        Literal["balanced", "constant"], Param("constant: alpha multiplies every row, not positives alone")
    ] = "balanced",
    input: Annotated[Literal["logits", "probs"], Param("what the predictions are")] = "logits",
) -> Array:
    """Binary cross-entropy that discounts rows already classified well.

    `-alpha_t * (1-p_t)^gamma * log p_t`, hard labels only; `alpha_t` is alpha for positives and 1-alpha for negatives,
    alpha for both with `alpha_mode=constant`, 1 without alpha. Several labels per row count as their mean.
    `binary_focal(gamma=0) == bce_with_logits`.
    """
    weight = _alpha_of(target, alpha, alpha_mode)
    if input == "logits":
        z = (2.0 * target - 1.0) * pred
        tail = _tail(z)
        below = np.minimum(z, 0.0)
        z -= below  # max(z, 0)
        z += tail  # -log(1-p_t)
        tail -= below  # -log p_t
        z *= -gamma
        tail *= np.exp(z, out=z)
        return tail if alpha is None else tail * weight
    silent = np.equal(weight, 0.0)  # a weight of 0 silences an infinite logarithm
    return -weight * np.abs(target - pred) ** gamma * _log_p_t(target, pred * ~silent + 0.5 * silent)


@binary_focal.gradient
def _(target: Array, pred: Array, *, gamma: float, alpha: float | None, alpha_mode: str, input: str) -> Array:
    weight, sign = _alpha_of(target, alpha, alpha_mode), 2.0 * target - 1.0
    if input == "logits":
        z = sign * pred
        miss, p = np.exp(-softplus(z)), np.exp(-softplus(-z))
        return -sign * weight * miss**gamma * (gamma * p * softplus(-z) + miss)
    miss = np.abs(target - pred)
    p = target * pred + (1.0 - target) * (1.0 - pred)
    return sign * weight * _focal_slope(p, miss, _log_p_t(target, pred), gamma)


@binary_focal.domains
def _(*, input: str, **_: object) -> dict[str, Any]:
    return {"pred": LogitD if input == "logits" else ProbabilityD}


def _tail(x: Array) -> Array:
    """`log(1 + exp(-abs(x)))`: what softplus(x) and softplus(-x) have in common."""
    tail = np.abs(x)
    np.negative(tail, out=tail)
    np.exp(tail, out=tail)
    return np.log1p(tail, out=tail)


def _log_p_t(target: Array, pred: Array) -> Array:
    """`log p` of positives and `log(1-p)` of negatives; adding the other label keeps the unused logarithm finite."""
    negative = 1.0 - target
    return target * np.log(pred + negative) + negative * np.log1p(-pred * negative)


def _alpha_of(target: Array, alpha: float | None, mode: str) -> Array | float:
    if alpha is None:
        return 1.0
    return alpha if mode == "constant" else (1.0 - alpha) + (2.0 * alpha - 1.0) * target


@focusing(
    task="multiclass, imbalanced classification",
    aliases=("multiclass_focal", "categorical_focal"),
    convex="generally no",
    robust="not applicable",
    use_when="some classes are rare and most rows are easy",
    avoid_when="probabilities must stay calibrated: it makes them less confident",
    pitfalls="alpha enters the value and not the mean's denominator: the mean divides by rows.",
    reference="Lin et al. 2017, arXiv:1708.02002; keras.losses.CategoricalFocalCrossentropy",
    examples=(
        example(0.75**2 * 2 * LOG_2, target=[0], pred=[[0.0, LOG_3]]),
        example(
            (0.5 * 0.75 * 2 * LOG_2 + 2.0 * 0.5 * LOG_2) / 2,
            {"gamma": 1.0, "alpha": [0.5, 2.0], "input": "probs"},
            target=[0, 1],
            pred=[[0.25, 0.75], [0.5, 0.5]],
        ),
        example(
            0.4 * (0.3 * 0.75**2 * 2 * LOG_2 + 0.7 * 0.25**2 * float(np.log(4 / 3))),
            {"alpha": 0.4, "input": "probs"},
            target=[[0.3, 0.7]],
            pred=[[0.25, 0.75]],
        ),
    ),
)
def focal_cross_entropy(
    target: ClassTarget,
    pred: Logits,
    *,
    gamma: Annotated[float, Param("how strongly easy rows are discounted", ge=0)] = 2.0,
    alpha: Annotated[float | tuple[float, ...] | None, Param("a factor, or one per class", ge=0)] = None,
    input: Annotated[Literal["logits", "probs"], Param("what the predictions are")] = "logits",
) -> Array:
    """Cross-entropy that discounts rows already classified well.

    `-alpha_y * (1-p_y)^gamma * log p_y`, no factor without alpha; for a vector as target the terms of all classes,
    weighted by it. `focal_cross_entropy(gamma=0) == cross_entropy`.
    """
    if target.ndim == 2:
        p = softmax_k(pred) if input == "logits" else pred
        silent = target == 0
        log_p = log_softmax_k(pred) if input == "logits" else np.log(pred + silent)
        return -sum_k(target * _factor(alpha) * (1.0 - p) ** gamma * log_p)
    if input == "logits":
        log_p, miss = softmax_at(pred, target)
    else:
        p = pick_k(pred, target)
        log_p, miss = np.log(p), 1.0 - p
    factor = _factor(alpha, target)
    value = -factor * miss**gamma * log_p
    return value if np.all(factor) else np.where(factor == 0.0, 0.0, value)  # log 0 of a class that does not count


@focal_cross_entropy.gradient
def _(target: Array, pred: Array, *, gamma: float, alpha: Any, input: str) -> Array:
    if target.ndim == 2:
        p = softmax_k(pred) if input == "logits" else pred
        by_p = target * _factor(alpha) * _focal_slope(p, 1.0 - p, np.log(np.maximum(p, TINY)), gamma)
        return p * (by_p - sum_k(by_p * p)) if input == "logits" else by_p
    if input == "logits":
        log_p, miss = softmax_at(pred, target)
        p = np.exp(log_p)
        by_log = _factor(alpha, target) * p * _focal_slope(p, miss, log_p, gamma)
        return add_at_k(-by_log * softmax_k(pred), target, by_log)
    p = pick_k(pred, target)
    by_p = _factor(alpha, target) * _focal_slope(p, 1.0 - p, np.log(np.maximum(p, TINY)), gamma)
    return add_at_k(np.zeros(pred.shape), target, by_p)


@focal_cross_entropy.domains
def _(*, input: str, **_: object) -> dict[str, Any]:
    return {"pred": Logits if input == "logits" else Simplex}


@focal_cross_entropy.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return params | {"alpha": per_class(params["alpha"], classes, "--alpha")} if "alpha" in params else params


def _factor(alpha: object, target: Array | None = None) -> Array:
    """`alpha_y`: a number, each row's, or the class's out of a column `(k, 1)`; without a target, of every class."""
    factor = np.asarray(1.0 if alpha is None else alpha, dtype=np.float64)
    if factor.ndim < 2 or target is None:
        return factor
    return factor[:, 0].take(target.astype(np.intp, copy=False), mode="clip")


def _focal_slope(p: Array, miss: Array, log_p: Array, gamma: float) -> Array:
    """d/dp of `-(1-p)^gamma log p`."""
    return miss**gamma * (gamma * log_p / np.maximum(miss, TINY) - 1.0 / np.maximum(p, TINY))


@focusing(
    task="multi-label",
    aliases=("asl",),
    elements="sum",
    convex=False,
    differentiable="no (kink)",
    robust="moderate",
    smoothness="C0",
    use_when="many labels, of which few are true, and some missing: easy and mislabelled negatives are to be ignored",
    avoid_when="probabilities must stay calibrated",
    pitfalls="The sum over labels, as in the authors' code, not their mean. A negative below `clip` costs nothing.",
    reference="Ridnik et al. 2021, arXiv:2009.14119",
    examples=(
        example(LOG_2 + 0.2**4 * float(np.log(1.25)), target=[[1, 0]], pred=[[0.0, -LOG_3]]),
        example(
            0.75 * 2 * LOG_2 + 0.25 * float(np.log(4 / 3)),
            {"gamma_pos": 1.0, "gamma_neg": 1.0, "clip": 0.0},
            target=[[1, 0]],
            pred=[[-LOG_3, -LOG_3]],
        ),
    ),
)
def asymmetric_multilabel(
    target: BinaryVector,
    pred: Logits,
    *,
    gamma_pos: Annotated[float, Param("how strongly easy positives are discounted", ge=0)] = 0.0,
    gamma_neg: Annotated[float, Param("how strongly easy negatives are discounted", ge=0)] = 4.0,
    clip: Annotated[float, Param("probability up to which negatives cost nothing", ge=0, lt=1)] = 0.05,
) -> Array:
    """Multi-label cross-entropy that discounts negatives more than positives.

    `sum over labels of -y (1-p)^gamma_pos log p - (1-y) q^gamma_neg log(1-q)`, `q = max(p - clip, 0)`.
    `asymmetric_multilabel(gamma_pos=0, gamma_neg=0, clip=0)` is the sum over labels of bce_with_logits.
    """
    tail = _tail(pred)
    minus_log_p, minus_log_miss = tail - np.minimum(pred, 0.0), tail + np.maximum(pred, 0.0)
    negative, log_rest = _shifted(minus_log_p, minus_log_miss, clip)
    np.power(negative, gamma_neg, out=negative)
    negative *= log_rest
    positive = minus_log_p
    positive *= np.exp(-gamma_pos * minus_log_miss)
    positive -= negative
    positive *= target
    positive += negative
    return positive


@asymmetric_multilabel.gradient
def _(target: Array, pred: Array, *, gamma_pos: float, gamma_neg: float, clip: float) -> Array:
    minus_log_p, minus_log_miss = softplus(-pred), softplus(pred)
    p, miss = np.exp(-minus_log_p), np.exp(-minus_log_miss)
    positive = -(miss**gamma_pos) * (gamma_pos * p * minus_log_p + miss)
    q, log_rest = _shifted(minus_log_p, minus_log_miss, clip)
    rest = np.maximum(miss, TINY)
    by_q = gamma_neg * miss * log_rest / np.maximum(q, TINY) + rest / (rest + clip)
    negative = (q > 0) * q**gamma_neg * p * by_q
    return target * positive + (1.0 - target) * negative


def _shifted(minus_log_p: Array, minus_log_miss: Array, clip: float) -> tuple[Array, Array]:
    """`q = max(p - clip, 0)` and `-log(1-q)`."""
    q = np.maximum(np.exp(-minus_log_p) - clip, 0.0)
    # log1p is exact up to 1/2, and beyond it 1 - q = (1-p) + clip; each half is constant where the other one counts.
    below = -np.log1p(-np.minimum(q, 0.5))
    above = -np.log(np.minimum(np.exp(-minus_log_miss) + clip, 0.5)) - LOG_2
    rest = np.minimum(below + above, minus_log_miss)
    return q, rest if np.all(clip) else np.where(np.equal(clip, 0.0), minus_log_miss, rest)
