"""Family C's scores: margins y * pred, and labels that are right or wrong."""

from collections.abc import Callable

import numpy as np
import optax
import torch.nn.functional as nn
from cases import SINGLE, Column, Columns, Family, array, row_case, softplus
from mpmath import mp
from peers import (
    NOTHING,
    Peer,
    Rows,
    add_rows,
    each,
    keras_rows,
    labels,
    logits,
    optax_rows,
    probabilities,
    tag,
    tensor,
    weights,
)
from sklearn import metrics
from sklearn.linear_model import _sgd_fast as sgd

Exact = mp.mpf
ZERO, HALF, ONE = Exact(0), Exact(0.5), Exact(1)
ROWS = (11,)


def sign(target: Exact) -> int:
    return 1 if target > 0 else -1


def hinge(target: Exact, pred: Exact, margin: Exact = ONE) -> Exact:
    return max(ZERO, margin - sign(target) * pred)


def squared_hinge(target: Exact, pred: Exact, margin: Exact = ONE) -> Exact:
    return hinge(target, pred, margin) ** 2


def smoothed_hinge(target: Exact, pred: Exact) -> Exact:
    z = sign(target) * pred
    return HALF - z if z <= 0 else (1 - z) ** 2 / 2 if z < 1 else ZERO


def modified_huber(target: Exact, pred: Exact) -> Exact:
    z = sign(target) * pred
    return max(ZERO, 1 - z) ** 2 if z >= -1 else -4 * z


def ramp(target: Exact, pred: Exact, s: Exact = -ONE) -> Exact:
    return min(1 - s, max(ZERO, 1 - sign(target) * pred))


def logistic(target: Exact, pred: Exact) -> Exact:
    return softplus(-sign(target) * pred)


def exponential(target: Exact, pred: Exact) -> Exact:
    return mp.exp(-sign(target) * pred)


def perceptron(target: Exact, pred: Exact) -> Exact:
    return max(ZERO, -sign(target) * pred)


def zero_one(target: object, pred: object, threshold: Exact | None = None) -> Exact:
    """A label, a number against a threshold, or the first of the largest scores."""
    if isinstance(pred, list):
        return Exact(int(max(range(len(pred)), key=lambda k: pred[k]) != int(target)))
    said = pred if threshold is None else Exact(int(pred > threshold))
    return Exact(int(said != target if threshold is None else said != (1 if target > 0 else 0)))


def signed(rows: Rows) -> Rows:
    """For peers that take -1 and +1 alone."""
    return lambda target, pred, **params: rows([sign(t) for t in target], pred, **params)


def sgd_rows(kind: type, **fixed: float) -> Rows:
    return signed(each(lambda y, p, margin=None: (kind() if margin is None else kind(margin)).py_loss(p, y)))


def keras_squared_hinge(target: Column, pred: Column) -> np.ndarray:
    """Keras takes the mean over the last axis: a column of width one is left alone."""
    return keras_rows("squared_hinge", array(target)[:, None], array(pred)[:, None])


MARGIN: dict[str, tuple[Callable[..., Exact], tuple[dict[str, object], ...], tuple[Peer, ...]]] = {
    "hinge": (
        hinge,
        ({}, {"margin": 0.35}, {"margin": 2.5}),
        (
            Peer("sklearn.linear_model Hinge", "scikit-learn", sgd_rows(sgd.Hinge)),
            Peer("optax.losses.hinge_loss", "optax", signed(optax_rows(optax.losses.hinge_loss)), NOTHING),
        ),
    ),
    "squared_hinge": (
        squared_hinge,
        ({}, {"margin": 0.35}, {"margin": 2.5}),
        (
            Peer("sklearn.linear_model SquaredHinge", "scikit-learn", sgd_rows(sgd.SquaredHinge)),
            Peer("keras.losses.squared_hinge", "keras", keras_squared_hinge, NOTHING, SINGLE),
        ),
    ),
    "smoothed_hinge": (smoothed_hinge, ({},), ()),
    "modified_huber": (
        modified_huber,
        ({},),
        (Peer("sklearn.linear_model ModifiedHuber", "scikit-learn", sgd_rows(sgd.ModifiedHuber)),),
    ),
    "ramp": (ramp, ({}, {"s": 0.25}, {"s": -2.75}), ()),
    "logistic": (
        logistic,
        ({},),
        (
            Peer(
                "torch.nn.functional.soft_margin_loss",
                "torch",
                signed(lambda target, pred: nn.soft_margin_loss(tensor(pred), tensor(target), reduction="none")),
            ),
        ),
    ),
    "exponential": (exponential, ({},), ()),
    "perceptron": (
        perceptron,
        ({},),
        (Peer("optax.losses.perceptron_loss", "optax", signed(optax_rows(optax.losses.perceptron_loss))),),
    ),
}


def add_margins(family: Family) -> None:
    for loss, (formula, settings, peers) in MARGIN.items():
        for params in settings:
            name, kink = loss + tag(params), float(params.get("margin", params.get("s", 1.0)))
            columns = {"target": labels(name, ROWS, low=-1), "pred": logits(name, ROWS, 1.6)}
            add_rows(family, name, loss, columns, formula, params=params, peers=peers, gradient="pred")
            scores = [0.0, 1e-9, -1e-9, 1.0, -1.0, kink, -kink, 0.5, -0.5, *big(loss)]
            edges = {"target": [y for _ in scores for y in (1, -1)], "pred": [s for s in scores for _ in "+-"]}
            family.add(row_case(f"{name}-edges", loss, edges, formula, params=params))
        columns = {"target": labels(loss, ROWS), "pred": logits(loss, ROWS, 1.6)}
        family.add(row_case(f"{loss}-zero-and-one", loss, columns, formula, weight=weights(loss, 11)))
    columns = {"target": labels("hinge mean", ROWS, low=-1), "pred": logits("hinge mean", ROWS)}
    weight = weights("hinge mean", 11)
    value = metrics.hinge_loss(columns["target"], columns["pred"], sample_weight=weight)
    said = {"weight": weight, "value": float(value), "oracle": "sklearn.metrics.hinge_loss", "package": "scikit-learn"}
    family.add(row_case("hinge-sklearn-mean-weights", "hinge", columns, hinge, **said))


def big(loss: str) -> list[float]:
    """exp(-z) leaves double precision at 710."""
    return [300.0, -300.0] if loss == "exponential" else [1e3, -1e3, 1e8, -1e8]


def add_zero_one(family: Family) -> None:
    """Thresholds are never met exactly here: the catalogue does not say on which side they fall."""
    names: Column = ["cat", "dog", "cat", "emu", "dog", "emu", "cat", "dog", "dog"]
    said: Column = ["cat", "cat", "cat", "emu", "dog", "dog", "Cat", "dog", "emu"]
    tied = [[0.2, 0.5, 0.5], [1.0, 1.0, 1.0], [-3.1, -3.1, -7.0], [0.1, 0.7, 0.2], [2.5, 0.0, 2.5], [0.3, 0.2, 0.31]]
    cases: list[tuple[str, Columns, dict[str, object]]] = [
        ("words", {"target": names, "pred": said}, {}),
        ("numbers", {"target": [3, 1, 4, 1, 5, 9, 2, 6], "pred": [3, 1, 4, 2, 5, 8, 2, 7]}, {}),
        ("threshold0.5", {"target": labels("01 p", ROWS), "pred": probabilities("01 p", ROWS)}, {"threshold": 0.5}),
        ("threshold0.2", {"target": labels("01 q", ROWS), "pred": probabilities("01 q", ROWS)}, {"threshold": 0.2}),
        ("threshold0", {"target": labels("01 s", ROWS, -1), "pred": logits("01 s", ROWS)}, {"threshold": 0.0}),
        ("scores", {"target": [1, 0, 2, 2, 0, 1, 1, 0], "pred": logits("01 k", (8, 3))}, {}),
        ("scores-tied", {"target": [1, 0, 1, 1, 2, 2], "pred": tied}, {}),
    ]
    for end, columns, params in cases:
        family.add(row_case(f"zero_one-{end}", "zero_one", columns, zero_one, params=params))
    weight = weights("zero_one", 9)
    value = metrics.zero_one_loss(names, said, sample_weight=weight)
    peer = {"oracle": "sklearn.metrics.zero_one_loss", "package": "scikit-learn", "value": float(value)}
    columns = {"target": names, "pred": said}
    family.add(row_case("zero_one-sklearn-mean-weights", "zero_one", columns, zero_one, weight=weight, **peer))


def add_all(family: Family) -> None:
    add_margins(family)
    add_zero_one(family)
    scores: Columns = {"target": [1, -1, 1], "pred": [0.2, 0.4, 1.2]}
    family.add(row_case("article-hinge", "hinge", scores, hinge))
