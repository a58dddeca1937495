"""Margins between the scores of true and false classes or labels."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.statistics import Rows
from lossctl.arithmetic.vectors import add_at_k, argmax_k, max_k, pick_k, put_at_k, set_at_k, sum_k
from lossctl.declare.classes import Classes
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import BinaryVector, ClassIndex, ClassTarget, ScoreVector
from lossctl.losses.classification._class_weights import ClassWeight, counted, of_rows, resolve

EFFECTIVE_BETA = 0.999


class_margin = partial(
    loss,
    task="multiclass",
    convex=True,
    differentiable="no (kink)",
    robust="moderate",
    smoothness="C0",
    scale="linear",
    dimension="margin units",
)


@class_margin(
    aliases=("crammer_singer",),
    use_when="a multiclass SVM: the true class should lead its strongest rival by a margin",
    avoid_when="probabilities are wanted (cross_entropy)",
    pitfalls="Only the highest wrong score counts; multi_margin sums over all of them and divides by K.",
    reference="Crammer and Singer 2001, JMLR 2:265-292",
    examples=(
        example((0.25 + 4.0) / 2, target=[0, 2], pred=[[2.0, 1.25, -1.0], [0.5, 2.0, -1.0]]),
        example((1.25 + 5.0) / 2, {"margin": 2.0}, target=[0, 2], pred=[[2.0, 1.25, -1.0], [0.5, 2.0, -1.0]]),
    ),
)
def multiclass_hinge(
    target: ClassIndex, pred: ScoreVector, *, margin: Annotated[float, Param("lead to keep over the others")] = 1.0
) -> Array:
    """What the true class's score lacks of a margin over the best other one.

    `max(0, margin + max_{j != y} s_j - s_y)`.
    """
    return np.maximum(margin + max_k(put_at_k(pred, target, -np.inf)) - pick_k(pred, target), 0.0)


@multiclass_hinge.gradient
def _(target: Array, pred: Array, *, margin: float) -> Array:
    others = put_at_k(pred, target, -np.inf)
    active = (margin + max_k(others) - pick_k(pred, target) > 0.0).astype(np.float64)
    return add_at_k(add_at_k(np.zeros(pred.shape), target, -active), argmax_k(others), active)


@class_margin(
    aliases=("weston_watkins",),
    dimension="margin units (squared for p=2)",
    use_when="a multiclass SVM in which every rival inside the margin counts, not only the strongest",
    avoid_when="probabilities are wanted (cross_entropy)",
    pitfalls="Divided by K, as in PyTorch. With class weights the mean divides by their sum over the rows; PyTorch's "
    "divides by rows.",
    reference="Weston and Watkins 1999, Support vector machines for multi-class pattern recognition; "
    "torch.nn.MultiMarginLoss",
    examples=(
        example((0.25 + (2.5 + 4.0)) / 3 / 2, target=[0, 2], pred=[[2.0, 1.25, -1.0], [0.5, 2.0, -1.0]]),
        example((1.25**2 + 0.5**2) / 3, {"margin": 2.0, "p": 2}, target=[0], pred=[[2.0, 1.25, 0.5]]),
        example(
            (0.5 * 0.75 + 1.5 * 1.25) / 2 / 2,
            {"class_weight": [0.5, 1.5]},
            target=[0, 1],
            pred=[[0.5, 0.25], [0.5, 0.25]],
        ),
    ),
)
def multi_margin(
    target: ClassIndex,
    pred: ScoreVector,
    *,
    p: Annotated[Literal[1, 2], Param("power of each rival's part")] = 1,
    margin: Annotated[float, Param("lead to keep over the others")] = 1.0,
    class_weight: ClassWeight = None,
) -> Rows:
    """What the true class's score lacks of a margin over each other one.

    `sum_{j != y} w_y max(0, margin - s_y + s_j)^p / K`; the mean divides by the sum of `w_y`. For
    `class_weight=effective` beta is 0.999.
    """
    short = _shortfall(target, pred, margin)
    if p == 2:
        short *= short
    value = sum_k(short)
    value /= len(pred)
    weights = of_rows(class_weight, target)
    return counted(value if weights is None else value * weights, target, weights, None)


@multi_margin.gradient
def _(target: Array, pred: Array, *, p: int, margin: float, class_weight: object) -> Array:
    short = _shortfall(target, pred, margin)
    slope = (2.0 * short if p == 2 else (short > 0.0).astype(np.float64)) / len(pred)
    weights = of_rows(class_weight, target)
    slope = slope if weights is None else slope * weights
    return add_at_k(slope, target, -sum_k(slope))


@multi_margin.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return params | {"class_weight": resolve(params["class_weight"], classes, EFFECTIVE_BETA)}


def _shortfall(target: Array, pred: Array, margin: float) -> Array:
    """`max(0, margin - s_y + s_j)` of the false classes, 0 for the true one."""
    short = set_at_k(pred - (pick_k(pred, target) - margin), target, 0.0)
    return np.maximum(short, 0.0, out=short)


@class_margin(
    use_when="Keras' categorical hinge is to be reproduced",
    avoid_when="scores may all be negative (multiclass_hinge): the true class's place in the maximum counts as 0",
    pitfalls="The maximum includes the true class as 0, so rivals below 0 are treated as if at 0.",
    reference="keras.losses.CategoricalHinge",
    examples=(
        example((0.25 + 4.0) / 2, target=[0, 2], pred=[[2.0, 1.25, -1.0], [0.5, 2.0, -1.0]]),
        example(1 + 0.0 + 0.5, target=[0], pred=[[-0.5, -2.0]]),
        example(1 + 0.75 * 2.0 - (0.75 * 0.5 + 0.25 * 2.0), target=[[0.75, 0.25]], pred=[[0.5, 2.0]]),
    ),
)
def categorical_hinge(target: ClassTarget, pred: ScoreVector) -> Array:
    """What the true class's score lacks of 1 over the best false one, at least 0.

    `max(0, 1 + max_j((1 - t_j) s_j) - sum_j t_j s_j)`, t the class's one-hot vector.
    """
    return np.maximum(1.0 + max_k(_false_scores(target, pred)) - _true_score(target, pred), 0.0)


@categorical_hinge.gradient
def _(target: Array, pred: Array) -> Array:
    false = _false_scores(target, pred)
    active = (1.0 + max_k(false) - _true_score(target, pred) > 0.0).astype(np.float64)
    hot = target if target.ndim == 2 else add_at_k(np.zeros(pred.shape), target, 1.0)
    rival = argmax_k(false)
    return add_at_k(-hot * active, rival, active * (1.0 - pick_k(hot, rival)))


def _false_scores(target: Array, pred: Array) -> Array:
    return (1.0 - target) * pred if target.ndim == 2 else put_at_k(pred, target, 0.0)


def _true_score(target: Array, pred: Array) -> Array:
    return sum_k(target * pred) if target.ndim == 2 else pick_k(pred, target)


@class_margin(
    task="multi-label",
    use_when="every true label should lead every false one by 1",
    avoid_when="labels are to be judged one by one (multilabel_bce)",
    pitfalls="Divided by K, as in PyTorch, not by the number of pairs. A row without a true or without a false label "
    "is worth 0.",
    reference="torch.nn.MultiLabelMarginLoss",
    examples=(
        example((0.5 + 1.75 + 0.0 + 0.25) / 4, target=[[1, 0, 0, 1]], pred=[[0.5, 0.0, 1.25, 2.0]]),
        example(0.0, target=[[1, 1]], pred=[[0.5, 0.0]]),
    ),
)
def multilabel_margin(target: BinaryVector, pred: ScoreVector) -> Array:
    """What the true labels' scores lack of 1 over the false ones', pair by pair.

    `sum over (true i, false j) of max(0, 1 - (s_i - s_j)) / K`.
    """
    rival = false_scores(target, pred)
    rival += 1.0
    value, short = np.zeros(pred.shape[-1]), np.empty_like(rival)
    for score, true in by_label(pred, target):
        np.subtract(rival, score, out=short)
        np.maximum(short, 0.0, out=short)
        value += true * sum_k(short)
    value /= len(pred)
    return value


@multilabel_margin.gradient
def _(target: Array, pred: Array) -> Array:
    rival, false, slope = pred + 1.0, 1.0 - target, np.zeros(pred.shape)
    for at, (score, true) in enumerate(by_label(pred, target)):
        active = (rival > score) * (false * true)
        slope += active
        slope[at] -= sum_k(active)
    return slope / len(pred)


@multilabel_margin.finding("LC303")
def _(target: Array, pred: Array) -> Flags:
    return without_pairs(target)


def by_label(pred: Array, target: Array) -> Iterator[tuple[Array, Array]]:
    """The scores and targets of one label after another, so that each can be paired with all others at once."""
    return zip(np.ascontiguousarray(pred), np.ascontiguousarray(target), strict=True)


def false_scores(target: Array, pred: Array) -> Array:
    """A fresh array: the scores of false labels, -infinity for true ones."""
    scores = np.log(np.ascontiguousarray(1.0 - target))
    scores += pred
    return scores


def without_pairs(target: Array) -> Flags:
    """Rows whose labels are all true or all false."""
    true = sum_k(target)
    alone: Flags = (true == 0) | (true == len(target))
    return alone
