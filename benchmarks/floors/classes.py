"""Floors of losses of several columns per row: classes, labels, distributions, quantiles and ensembles."""

import numpy as np
from floors.cases import (
    CLASS,
    CLASSES,
    LABELS,
    LEVELS,
    LOGITS,
    LONG,
    LONG_CLASS,
    ON_LOGITS,
    ON_PROBS,
    QUANTILES,
    ROWS,
    SIMPLEX,
    SOFT,
    TAGS,
    Array,
    Case,
    Formula,
    P,
    Q,
    Y,
    logsumexp,
    one_hot,
    own,
    rng,
    running,
    softmax,
)

LOG_Q = np.log(Q)
COSINES = {"pred": np.tanh(LOGITS), "target": CLASS}
WEIGHTS = tuple(range(1, CLASSES + 1))
COUNTS = np.bincount(CLASS, minlength=CLASSES)
MASSES = {"target": np.exp(LOGITS), "pred": np.exp(LOGITS[::-1])}
NEAR = {"target": P, "pred": softmax(np.log(P) + 0.05 * LOGITS)}


def cross_entropy(target: Array, pred: Array) -> Array:
    return logsumexp(pred) - own(pred, target)


def of_soft_target(target: Array, pred: Array) -> Array:
    return -(target * (pred - logsumexp(pred))).sum(axis=0)


def smoothed(target: Array, pred: Array) -> Array:
    return logsumexp(pred) - 0.9 * own(pred, target) - 0.1 * pred.mean(axis=0)


def balanced(target: Array, pred: Array) -> Array:
    weights = 0.001 / (1 - 0.999**COUNTS)
    return (weights * CLASSES / weights.sum())[target] * cross_entropy(target, pred)


def symmetric(target: Array, pred: Array) -> Array:
    value = cross_entropy(target, pred)
    return 0.1 * value + 4 * (1 - np.exp(-value))


def poly1(target: Array, pred: Array) -> Array:
    value = cross_entropy(target, pred)
    return value + 1 - np.exp(-value)


def focal(gamma: float) -> Formula:
    def of_logits(target: Array, pred: Array) -> Array:
        value = cross_entropy(target, pred)
        return (1 - np.exp(-value)) ** gamma * value

    return of_logits


def focal_of_soft(target: Array, pred: Array) -> Array:
    log_p = pred - logsumexp(pred)
    return -(target * (1 - np.exp(log_p)) ** 2 * log_p).sum(axis=0)


def focal_of_probs(target: Array, pred: Array) -> Array:
    p = own(pred, target)
    return -((1 - p) ** 2) * np.log(p)


def without_own(target: Array, pred: Array, value: Array | float) -> Array:
    others = pred.copy()
    others[target, np.arange(len(target))] = value
    return others


def multiclass_hinge(target: Array, pred: Array) -> Array:
    return np.maximum(0, 1 + without_own(target, pred, -np.inf).max(axis=0) - own(pred, target))


def multi_margin(p: int) -> Formula:
    def formula(target: Array, pred: Array) -> Array:
        short = np.maximum(0, 1 - own(pred, target) + pred)
        return without_own(target, short**p, 0.0).sum(axis=0) / len(pred)

    return formula


def categorical_hinge(target: Array, pred: Array) -> Array:
    return np.maximum(0, 1 + without_own(target, pred, 0.0).max(axis=0) - own(pred, target))


def of_labels(target: Array, pred: Array) -> Array:
    return np.maximum(0, 1 + ((1 - target) * pred).max(axis=0) - (target * pred).sum(axis=0))


def multilabel_margin(target: Array, pred: Array) -> Array:
    false = 1 - target
    pairs = (t * (false * np.maximum(0, 1 - (s - pred))).sum(axis=0) for t, s in zip(target, pred, strict=True))
    return sum(pairs) / len(pred)


def label_ranking(target: Array, pred: Array) -> Array:
    false = target == 0
    wrong = sum(t * (false & (s <= pred)).sum(axis=0) for t, s in zip(target, pred, strict=True))
    true = target.sum(axis=0)
    return wrong / np.maximum(true * (len(target) - true), 1)


def coverage(target: Array, pred: Array) -> Array:
    return (pred >= np.where(target == 1, pred, np.inf).min(axis=0)).sum(axis=0)


def with_margin(target: Array, pred: Array, own_cosine: Array) -> Array:
    scores = 64 * pred
    scores[target, np.arange(len(target))] = 64 * own_cosine
    return cross_entropy(target, scores)


def cosface(pred: Array, target: Array) -> Array:
    return with_margin(target, pred, own(pred, target) - 0.35)


def arcface(pred: Array, target: Array) -> Array:
    cosine = own(pred, target)
    turned = np.where(cosine > np.cos(np.pi - 0.5), np.cos(np.arccos(cosine) + 0.5), cosine - 0.5 * np.sin(0.5))
    return with_margin(target, pred, turned)


CLASS_LOSSES = [
    Case("cross_entropy", ON_LOGITS, cross_entropy),
    Case("cross_entropy", {"target": LONG_CLASS, "pred": LONG}, cross_entropy, says="lists of 100"),
    Case("cross_entropy", SOFT, of_soft_target, says="soft target"),
    Case("cross_entropy", ON_LOGITS, smoothed, {"label_smoothing": 0.1}),
    Case(
        "cross_entropy",
        ON_LOGITS,
        lambda target, pred: (target + 1) * cross_entropy(target, pred),
        {"class_weight": WEIGHTS},
    ),
    Case("class_balanced_cross_entropy", ON_LOGITS, balanced),
    Case("poly1_cross_entropy", ON_LOGITS, poly1),
    Case("symmetric_cross_entropy", ON_LOGITS, symmetric),
    Case("focal_cross_entropy", ON_LOGITS, focal(2)),
    Case("focal_cross_entropy", ON_LOGITS, focal(1.5), {"gamma": 1.5}),
    Case("focal_cross_entropy", SOFT, focal_of_soft, says="soft target"),
    Case("focal_cross_entropy", ON_PROBS, focal_of_probs, {"input": "probs"}),
    Case("categorical_cross_entropy", ON_PROBS, lambda target, pred: -np.log(own(pred, target))),
    Case(
        "categorical_cross_entropy",
        SIMPLEX,
        lambda target, pred: -(target * np.log(pred)).sum(axis=0),
        says="soft target",
    ),
    Case("sparse_categorical_cross_entropy", ON_PROBS, lambda target, pred: -np.log(own(pred, target))),
    Case("nll", {"target": CLASS, "pred": LOG_Q}, lambda target, pred: -own(pred, target)),
    Case("generalized_cross_entropy", ON_PROBS, lambda target, pred: (1 - own(pred, target) ** 0.7) / 0.7),
    Case(
        "generalized_cross_entropy",
        SIMPLEX,
        lambda target, pred: (target * (1 - pred**0.7)).sum(axis=0) / 0.7,
        says="soft target",
    ),
    Case("brier_multiclass", ON_PROBS, lambda target, pred: (pred**2).sum(axis=0) - 2 * own(pred, target) + 1),
    Case("brier_multiclass", SIMPLEX, lambda target, pred: ((pred - target) ** 2).sum(axis=0), says="soft target"),
    Case("multiclass_hinge", ON_LOGITS, multiclass_hinge),
    Case("multi_margin", ON_LOGITS, multi_margin(1)),
    Case("multi_margin", ON_LOGITS, multi_margin(2), {"p": 2}),
    Case("categorical_hinge", ON_LOGITS, categorical_hinge),
    Case("categorical_hinge", {"target": one_hot(CLASS), "pred": LOGITS}, of_labels, says="one-hot"),
    Case("multilabel_margin", TAGS, multilabel_margin),
    Case("hamming", {"target": LABELS, "pred": LABELS[::-1]}, lambda target, pred: (target != pred).mean(axis=0)),
    Case("hamming", TAGS, lambda target, pred: (target != (pred > 0.5)).mean(axis=0), {"threshold": 0.5}),
    Case("label_ranking", TAGS, label_ranking),
    Case("coverage", TAGS, coverage),
    Case("zero_one", {"target": CLASS, "pred": CLASS[::-1].copy()}, lambda target, pred: pred != target, says="labels"),
    Case("zero_one", ON_LOGITS, lambda target, pred: pred.argmax(axis=0) != target, says="scores"),
    Case("arcface", COSINES, arcface),
    Case("cosface", COSINES, cosface),
]


def kl(target: Array, pred: Array) -> Array:
    return (target * np.log(target / pred)).sum(axis=0)


def kl_of_logits(target: Array, pred: Array) -> Array:
    return (target * (np.log(target) - pred + logsumexp(pred))).sum(axis=0)


def js(target: Array, pred: Array) -> Array:
    middle = 0.5 * (target + pred)
    return 0.5 * (kl(target, middle) + kl(pred, middle))


def gaussian_kl(mu: Array, logvar: Array) -> Array:
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=0)


PLACES = tuple(float(place * place) for place in range(CLASSES))


def placed(target: Array, pred: Array) -> Array:
    return (np.abs(running(target - pred)[:-1]) * np.diff(PLACES)[:, np.newaxis]).sum(axis=0)


DIVERGENCES = [
    Case("kl_divergence", SIMPLEX, kl),
    Case("kl_divergence", SOFT, kl_of_logits, {"input": "logits"}),
    Case(
        "kl_divergence",
        {"target": P, "pred": LOG_Q},
        lambda target, pred: (target * (np.log(target) - pred)).sum(axis=0),
        {"input": "log_probs"},
    ),
    Case(
        "kl_divergence",
        {"target": np.log(P), "pred": LOG_Q},
        lambda target, pred: (np.exp(target) * (target - pred)).sum(axis=0),
        {"input": "log_probs", "target_input": "log_probs"},
    ),
    Case("generalized_kl", MASSES, lambda target, pred: (target * np.log(target / pred) - target + pred).sum(axis=0)),
    Case(
        "generalized_kl",
        NEAR,
        lambda target, pred: (target * np.log(target / pred) - target + pred).sum(axis=0),
        says="near",
    ),
    Case("js_divergence", SIMPLEX, js),
    Case("js_divergence", NEAR, js, says="near"),
    Case(
        "hellinger", SIMPLEX, lambda target, pred: np.sqrt(0.5 * ((np.sqrt(target) - np.sqrt(pred)) ** 2).sum(axis=0))
    ),
    Case("total_variation_distance", SIMPLEX, lambda target, pred: 0.5 * np.abs(target - pred).sum(axis=0)),
    Case("gaussian_kl", {"mu": LOGITS, "logvar": LOGITS[::-1].copy()}, gaussian_kl, says="vectors"),
    Case("wasserstein_hist", SIMPLEX, lambda target, pred: np.abs(running(target - pred)).sum(axis=0)),
    Case("wasserstein_hist", SIMPLEX, placed, {"positions": PLACES}),
    Case("squared_emd", SIMPLEX, lambda target, pred: (running(target - pred) ** 2).sum(axis=0)),
]


def pinballs(target: Array, pred: Array) -> Array:
    levels = np.array(LEVELS)[:, np.newaxis]
    short = target - pred
    return np.maximum(levels * short, (levels - 1) * short).mean(axis=0)


def rps(target: Array, pred: Array) -> Array:
    return ((running(pred) - (target <= np.arange(CLASSES)[:, np.newaxis])) ** 2).sum(axis=0)


def crps_ensemble(target: Array, pred: Array, others: int = 20) -> Array:
    """By order: `sum_ij abs(x_i - x_j) = 2 sum_k (2k - M - 1) x_(k)`."""
    members = len(pred)
    ranks = 2 * np.arange(1, members + 1)[:, np.newaxis] - members - 1
    spread = (ranks * np.sort(pred, axis=0)).sum(axis=0) / (members * others)
    return np.abs(pred - target).mean(axis=0) - spread


def dawid_sebastiani(target: Array, pred: Array) -> Array:
    variance = pred.var(axis=0, ddof=1)
    return (target - pred.mean(axis=0)) ** 2 / variance + np.log(variance)


def energy_score(target: Array, pred: Array) -> Array:
    pred = np.ascontiguousarray(pred)
    between = sum(np.sqrt(((pred - member) ** 2).sum(axis=1)).sum(axis=0) for member in pred)
    return np.sqrt(((pred - target) ** 2).sum(axis=1)).mean(axis=0) - between / (2 * len(pred) ** 2)


def variogram_score(target: Array, pred: Array) -> Array:
    total, pred = 0, np.ascontiguousarray(pred)
    for at in range(len(target)):
        forecast = np.sqrt(np.abs(pred - pred[:, at : at + 1])).mean(axis=0)
        total += ((np.sqrt(np.abs(target - target[at])) - forecast) ** 2).sum(axis=0)
    return total


SOME = ROWS // 32
ON_LEVELS = {"target": Y, "pred": QUANTILES}
MEMBERS = {"target": Y[: ROWS // 4], "pred": rng.normal(size=(20, ROWS // 4))}
LISTED = {"target": Y[: ROWS // 4], "pred": rng.normal(size=(ROWS // 4, 20)).T}
OUTPUTS = {
    "target": rng.normal(size=(SOME, 8)).T,
    "pred": rng.normal(size=(SOME, 20, 8)).transpose(1, 2, 0),
}  # as lists of lists lie in memory

FORECASTS = [
    Case("multi_quantile", ON_LEVELS, pinballs, {"levels": LEVELS}),
    Case("crps_quantile", ON_LEVELS, lambda target, pred: 2 * pinballs(target, pred), {"levels": LEVELS}),
    Case("weighted_interval_score", ON_LEVELS, lambda target, pred: 2 * pinballs(target, pred), {"levels": LEVELS}),
    Case("rps", ON_PROBS, rps),
    Case("crps_ensemble", MEMBERS, crps_ensemble),
    Case("crps_ensemble", LISTED, crps_ensemble, says="lists"),
    Case("crps_ensemble", MEMBERS, lambda target, pred: crps_ensemble(target, pred, 19), {"estimator": "fair"}),
    Case("dawid_sebastiani", MEMBERS, dawid_sebastiani),
    Case("dawid_sebastiani", LISTED, dawid_sebastiani, says="lists"),
    Case("energy_score", OUTPUTS, energy_score),
    Case("variogram_score", OUTPUTS, variogram_score),
]

CASES = [*CLASS_LOSSES, *DIVERGENCES, *FORECASTS]
