"""Losses of the margin `z = y * pred` of a score, y in {-1, +1}."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import sigmoid, softplus
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Binary, Score

TARGETS, SCORES = [1, -1, 1], [0.25, 0.5, 1.75]  # margins 0.25, -0.5, 1.75


def _margin(target: Array, pred: Array) -> Array:
    """`z`, of targets 0 and 1."""
    sign = target + target
    sign -= 1.0
    sign *= pred
    return sign


binary_margin = partial(loss, task="binary", convex=True)


@binary_margin(
    task="binary, SVM",
    differentiable="no (kink)",
    robust="not applicable",
    smoothness="C0",
    scale="linear",
    dimension="margin units",
    use_when="a maximum-margin classifier (SVM): rows beyond the margin should not matter",
    avoid_when="probabilities are wanted",
    pitfalls="Scores, not probabilities: with these the margin of 1 is met by certainty alone.",
    reference="Cortes and Vapnik 1995, doi:10.1007/BF00994018",
    examples=(
        example((0.75 + 1.5 + 0.0) / 3, target=TARGETS, pred=SCORES),
        example((1.75 + 2.5 + 0.25) / 3, {"margin": 2.0}, target=TARGETS, pred=SCORES),
        example((0.8 + 1.4 + 0.0) / 3, target=[1, -1, 1], pred=[0.2, 0.4, 1.2]),
    ),
)
def hinge(target: Binary, pred: Score, *, margin: Annotated[float, Param("margin to keep")] = 1.0) -> Array:
    """Distance to a margin on the right side.

    `max(0, margin - z)`. `hinge(margin=0) == perceptron`.
    """
    return np.maximum(margin - _margin(target, pred), 0.0)


@hinge.gradient
def _(target: Array, pred: Array, *, margin: float) -> Array:
    return (1.0 - 2.0 * target) * (_margin(target, pred) < margin)


@binary_margin(
    aliases=("l2_hinge",),
    differentiable=True,
    robust=False,
    smoothness="C1",
    scale="quadratic",
    dimension="squared margin units",
    use_when="a maximum-margin classifier with a smooth loss",
    avoid_when="labels are noisy: a row far on the wrong side decides",
    pitfalls="Violations weigh squared: a few mislabelled rows can decide the value.",
    reference="Chang, Hsieh and Lin 2008, JMLR 9:1369-1398",
    examples=(
        example((0.75**2 + 1.5**2 + 0.0) / 3, target=TARGETS, pred=SCORES),
        example((1.75**2 + 2.5**2 + 0.25**2) / 3, {"margin": 2.0}, target=TARGETS, pred=SCORES),
    ),
)
def squared_hinge(target: Binary, pred: Score, *, margin: Annotated[float, Param("margin to keep")] = 1.0) -> Array:
    """Square of the hinge loss.

    `max(0, margin - z)^2`. `squared_hinge == hinge^2` row by row.
    """
    short = np.maximum(margin - _margin(target, pred), 0.0)
    return short * short


@squared_hinge.gradient
def _(target: Array, pred: Array, *, margin: float) -> Array:
    return (2.0 - 4.0 * target) * np.maximum(margin - _margin(target, pred), 0.0)


@binary_margin(
    aliases=("rennie_hinge",),
    differentiable=True,
    robust="moderate",
    smoothness="C1",
    scale="linear",
    dimension="margin units",
    use_when="the hinge loss with a continuous gradient",
    avoid_when="the margin's place must not move: it is smooth all over 0 < z < 1",
    pitfalls="The margin is fixed at 1, so the scale of the scores matters.",
    reference="Rennie and Srebro 2005, Loss functions for preference levels",
    examples=(example((0.75**2 / 2 + (0.5 + 0.5) + 0.0) / 3, target=TARGETS, pred=SCORES),),
)
def smoothed_hinge(target: Binary, pred: Score) -> Array:
    """Hinge loss whose corner is a parabola.

    `1/2 - z` if `z <= 0`, `(1-z)^2 / 2` if `0 < z < 1`, else 0: the one-sided huber of `1 - z` with delta 1.
    """
    short: Array = np.maximum(1.0 - _margin(target, pred), 0.0)
    quadratic: Array = np.minimum(short, 1.0)
    return 0.5 * quadratic * quadratic + (short - quadratic)


@smoothed_hinge.gradient
def _(target: Array, pred: Array) -> Array:
    return (1.0 - 2.0 * target) * np.clip(1.0 - _margin(target, pred), 0.0, 1.0)


@binary_margin(
    differentiable=True,
    robust="moderate",
    smoothness="C1",
    scale="linear",
    dimension="squared margin units",
    use_when="a squared hinge that outliers do not decide; scores that should become probabilities, (clip(s)+1)/2",
    avoid_when="the plain squared hinge is compared with",
    pitfalls="The margin is fixed at 1, and the slope beyond -1 is four times the hinge's.",
    reference="Zhang 2004, doi:10.1145/1015330.1015332",
    examples=(example((0.75**2 + 1.5**2 + 4 * 3.0) / 3, target=[1, -1, -1], pred=[0.25, 0.5, 3.0]),),
)
def modified_huber(target: Binary, pred: Score) -> Array:
    """Squared hinge that turns linear for rows far on the wrong side.

    `max(0, 1-z)^2` if `z >= -1`, else `-4z`.
    """
    short = np.maximum(1.0 - _margin(target, pred), 0.0)
    quadratic = np.minimum(short, 2.0)
    return quadratic * (2.0 * short - quadratic)


@modified_huber.gradient
def _(target: Array, pred: Array) -> Array:
    return (2.0 - 4.0 * target) * np.clip(1.0 - _margin(target, pred), 0.0, 2.0)


@binary_margin(
    aliases=("truncated_hinge",),
    convex=False,
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="margin units",
    use_when="labels are noisy: rows far on the wrong side are taken for mislabelled",
    avoid_when="a convex loss is needed",
    pitfalls="Bounded and not convex: rows far on the wrong side pull no longer.",
    reference="Collobert, Sinz, Weston and Bottou 2006, doi:10.1145/1143844.1143870",
    examples=(
        example((0.75 + 1.5 + 2.0 + 0.0) / 4, target=[1, -1, -1, 1], pred=[0.25, 0.5, 3.0, 1.75]),
        example((0.75 + 1.0) / 2, {"s": 0.0}, target=[1, -1], pred=[0.25, 0.5]),
    ),
)
def ramp(
    target: Binary, pred: Score, *, s: Annotated[float, Param("margin below which the loss stays level", lt=1)] = -1.0
) -> Array:
    """Hinge loss that stops growing below a margin.

    `min(1 - s, max(0, 1 - z))`.
    """
    return np.clip(1.0 - _margin(target, pred), 0.0, 1.0 - s)


@ramp.gradient
def _(target: Array, pred: Array, *, s: float) -> Array:
    z = _margin(target, pred)
    return (1.0 - 2.0 * target) * ((z < 1.0) & (z > s))


@binary_margin(
    aliases=("soft_margin",),
    differentiable=True,
    robust="moderate",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="a score is to be judged as a logit, labels -1/+1",
    avoid_when="soft labels or weights of the positives are needed (bce_with_logits)",
    pitfalls="pred is a score, not a probability. Equal to bce_with_logits on hard labels.",
    reference="Cox 1958, doi:10.1111/j.2517-6161.1958.tb00292.x",
    examples=(
        example((float(np.log(1 + 1 / 3)) + float(np.log(4.0))) / 2, target=[1, -1], pred=[float(np.log(3.0))] * 2),
    ),
)
def logistic(target: Binary, pred: Score) -> Array:
    """Negative log-likelihood of a label under a score taken as a logit, stable at any score.

    `log(1 + exp(-z))`. `logistic == bce_with_logits`.
    """
    return softplus(-_margin(target, pred))


@logistic.gradient
def _(target: Array, pred: Array) -> Array:
    return (1.0 - 2.0 * target) * sigmoid(-_margin(target, pred))


@binary_margin(
    aliases=("adaboost",),
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="exponential",
    dimension="unitless",
    use_when="boosted classifiers are looked at with the loss they minimise",
    avoid_when="labels are noisy: a row on the wrong side costs exponentially",
    pitfalls="One confident mistake can outweigh all other rows; infinite beyond a z of about -709.",
    reference="Friedman, Hastie and Tibshirani 2000, doi:10.1214/aos/1016218223",
    examples=(example((1 / 3 + 2.0) / 2, target=[1, -1], pred=[float(np.log(3.0)), float(np.log(2.0))]),),
)
def exponential(target: Binary, pred: Score) -> Array:
    """Exponential of the negative margin, which AdaBoost minimises.

    `exp(-z)`.
    """
    return np.exp(-_margin(target, pred))


@exponential.gradient
def _(target: Array, pred: Array) -> Array:
    return (1.0 - 2.0 * target) * np.exp(-_margin(target, pred))


@binary_margin(
    differentiable="no (kink)",
    robust="moderate",
    smoothness="C0",
    scale="linear",
    dimension="margin units",
    use_when="only the side of a score counts, and how far it is on the wrong one",
    avoid_when="a margin is wanted (hinge): scores of 0 cost nothing here",
    pitfalls="Without a margin: 0 for every score of the right sign, however small, and for scores that are all 0.",
    reference="Rosenblatt 1958, doi:10.1037/h0042519",
    examples=(example((0.0 + 0.5 + 3.0) / 3, target=[1, -1, 1], pred=[0.25, 0.5, -3.0]),),
)
def perceptron(target: Binary, pred: Score) -> Array:
    """Distance to the right side.

    `max(0, -z)`. `perceptron == hinge(margin=0)`.
    """
    return np.maximum(-_margin(target, pred), 0.0)


@perceptron.gradient
def _(target: Array, pred: Array) -> Array:
    return (1.0 - 2.0 * target) * (_margin(target, pred) < 0.0)
