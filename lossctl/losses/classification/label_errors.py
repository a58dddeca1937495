"""Counts of wrong labels and of wrong orders: step functions, which have no gradient."""

from functools import partial
from typing import Annotated, Any

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.vectors import argmax_k, max_k, sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Binary, BinaryVector, ClassIndex, Label, LabelOrScores, Real, ScoreVector, Vector
from lossctl.losses.classification.class_margins import by_label, false_scores, without_pairs

error_rate = partial(
    loss, convex=False, differentiable=False, robust=True, smoothness="none", scale="invariant", dimension="unitless"
)


@error_rate(
    task="binary, multiclass",
    aliases=("misclassification",),
    use_when="the share of wrong decisions is wanted: one minus the accuracy",
    avoid_when="a model is trained or calibrated with it: it has no slope and sees no confidence",
    pitfalls="A prediction exactly at the threshold counts as negative; the first of tied scores is the decision.",
    reference="scikit-learn zero_one_loss",
    examples=(
        example(1 / 3, target=["cat", "dog", "cat"], pred=["cat", "dog", "Cat"]),
        example(3 / 4, {"threshold": 0.25}, target=[1, 0, 1, 1], pred=[0.25, 0.5, 0.75, 0.125]),
        example(1 / 3, target=[1, 0, 2], pred=[[0.25, 0.5, 0.25], [0.6, 0.2, 0.2], [0.4, 0.2, 0.4]]),
    ),
)
def zero_one(
    target: Label,
    pred: LabelOrScores,
    *,
    threshold: Annotated[float | None, Param("the prediction is positive above it")] = None,
) -> Array:
    """Share of wrong decisions.

    `1[wrong]`: the prediction is a label, compared as it is; or a number, positive if `> threshold`; or K scores, whose
    largest is the class, the first on ties.
    """
    decision = argmax_k(pred) if pred.ndim == 2 else pred if threshold is None else pred > threshold
    return np.not_equal(decision, target).astype(np.float64)


@zero_one.domains
def _(*, threshold: float | None = 0.0, vectors: frozenset[str] = frozenset(), **_: object) -> dict[str, Any]:
    if "pred" in vectors:
        return {"target": ClassIndex, "pred": ScoreVector}
    return {} if threshold is None else {"target": Binary, "pred": Real}


@error_rate(
    task="multi-label",
    elements="mean",
    use_when="the share of wrong labels is wanted, over rows with several labels",
    avoid_when="a row counts as right only if all of its labels are (zero_one)",
    pitfalls="A score exactly at the threshold counts as false.",
    reference="scikit-learn hamming_loss",
    examples=(
        example((1 / 3 + 2 / 3) / 2, target=[[1, 0, 1], [0, 0, 1]], pred=[[1, 1, 1], [1, 0, 0]]),
        example(2 / 3, {"threshold": 0.25}, target=[[1, 0, 1]], pred=[[0.25, 0.5, 0.75]]),
    ),
)
def hamming(
    target: BinaryVector,
    pred: BinaryVector,
    *,
    threshold: Annotated[float | None, Param("labels with a score above it are predicted")] = None,
) -> Array:
    """Share of wrong labels in a row.

    `mean_c 1[pred_c != target_c]`; with a threshold the predictions are scores, true if `> threshold`.
    """
    decision = pred if threshold is None else pred > threshold
    return np.not_equal(decision, target).astype(np.float64)


@hamming.domains
def _(*, threshold: float | None = 0.0, **_: object) -> dict[str, Any]:
    return {"pred": BinaryVector if threshold is None else Vector}


@error_rate(
    task="multi-label, ranking",
    use_when="true labels should be scored above false ones, whatever the threshold",
    avoid_when="how many labels must be looked at matters (coverage)",
    pitfalls="A tie counts as wrong. A row without a true or without a false label is worth 0.",
    reference="Tsoumakas, Katakis and Vlahavas 2010, doi:10.1007/978-0-387-09823-4_34; scikit-learn label_ranking_loss",
    examples=(
        example((2 / 4 + 2 / 3) / 2, target=[[1, 0, 0, 1], [0, 1, 0, 0]], pred=[[0.5, 0.5, 1.25, 2], [0.5, 0.5, 0, 9]]),
        example(0.0, target=[[0, 0]], pred=[[0.5, 0.5]]),
    ),
)
def label_ranking(target: BinaryVector, pred: ScoreVector) -> Array:
    """Share of (true, false) pairs of labels that the scores order wrongly.

    `#{(true i, false j): s_i <= s_j} / #{(true i, false j)}`.
    """
    wrong, rival = np.zeros(pred.shape[-1]), false_scores(target, pred)
    for score, true in by_label(pred, target):
        wrong += true * (rival >= score).sum(axis=0)
    true = sum_k(target)
    return wrong / np.maximum(true * (len(target) - true), 1.0)


@label_ranking.finding("LC303")
def _(target: Array, pred: Array) -> Flags:
    return without_pairs(target)


@error_rate(
    task="multi-label, ranking",
    aliases=("coverage_error",),
    scale="linear",
    dimension="labels",
    use_when="how many labels, best first, must be looked at to see every true one",
    avoid_when="rows have different numbers of true labels: that number is the least value",
    pitfalls="At best the number of true labels, not 0. A row without a true label is worth 0.",
    reference="Tsoumakas, Katakis and Vlahavas 2010, doi:10.1007/978-0-387-09823-4_34; scikit-learn coverage_error",
    examples=(
        example((4 + 1) / 2, target=[[1, 0, 0, 1], [0, 1, 0, 0]], pred=[[0.5, 0.5, 1.25, 2], [0.5, 9, 0, 0]]),
        example(0.0, target=[[0, 0]], pred=[[0.5, 0.5]]),
    ),
)
def coverage(target: BinaryVector, pred: ScoreVector) -> Array:
    """Depth of the ranking by score that covers every true label.

    `#{j: s_j >= min over true i of s_i}`.
    """
    least = -max_k(np.log(target) - pred)  # log 1 for true labels, log 0 for false ones
    return sum_k((pred >= least).astype(np.float64))
