"""Losses of the overlap of masks, a value per unit (an image): TP, FP, FN, TN are soft counts over its pixels."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.statistics import Statistics, Sums
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import LogitD, Mask, ProbabilityD, SoftBinaryD
from lossctl.losses.vision._confusion import (
    BINARY,
    TINY,
    averaged,
    class_weighted,
    confusion,
    counted_classes,
    dominates,
    stray,
    uncorrelated,
    weighed,
    without_positive,
)

EMPTY = "A unit with no target and no prediction is a perfect match. A row's weight multiplies its pixel's counts."

Input: TypeAlias = Annotated[Literal["probs", "logits"], Param("what pred holds")]
Threshold: TypeAlias = Annotated[
    float | None, Param("predict 1 where the probability is above this, else 0, before counting", ge=0, le=1)
]
Average: TypeAlias = Annotated[
    Literal["present", "all"],
    Param("over which classes to average: those in the unit's target, or all"),
]
Smooth: TypeAlias = Annotated[float, Param("added above and below the fraction bar", ge=0)]
ALPHA = Param("weight of false positives", ge=0)
BETA = Param("weight of false negatives", ge=0)

# The articles' example, and one with a unit of uneven counts; TP, FP, FN are 1.7, 0.3, 0.3 and 0.9, 0.8, 0.1.
ARTICLE: Mapping[str, Any] = {"target": [1, 1, 0, 0], "pred": [0.9, 0.8, 0.2, 0.1]}
CLASSES: Mapping[str, Any] = {"target": [0, 2], "pred": [[0.7, 0.1, 0.2], [0.2, 0.3, 0.5]]}
THREE: Mapping[str, Any] = {"target": [0, 2, 0], "pred": [[0.7, 0.1, 0.2], [0.5, 0.1, 0.4], [0.6, 0.3, 0.1]]}
TVERSKY: Mapping[str, Any] = {"alpha": 0.3, "beta": 0.7, "smooth": 0.5}
SHARP: Mapping[str, Any] = {"gamma": 2.0, "smooth": 0.0}
UNEVEN: Mapping[str, Any] = {"target": [1, 0, 0], "pred": [0.9, 0.6, 0.2]}
LOGITS: Mapping[str, Any] = {"target": [1, 0, 0], "pred": [float(np.log(odds)) for odds in (9, 1.5, 0.25)]}


segmentation = partial(
    loss,
    task="segmentation",
    scope="set",
    convex=False,
    differentiable="almost (soft)",
    robust="not primary focus",
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
)


@segmentation(
    use_when="the foreground is small, and its overlap is what counts",
    avoid_when="calibrated probabilities are wanted, or targets may be a few pixels (add cross_entropy)",
    pitfalls="Tools differ in where `smooth` is added and in the denominator (`squared`). " + EMPTY,
    reference="Milletari et al. 2016, arXiv:1606.04797; Sudre et al. 2017, doi:10.1007/978-3-319-67558-9_28",
    examples=(
        example(1 - (3.4 + 1e-6) / (4.0 + 1e-6), **ARTICLE),
        example(1 - (1.8 + 0.5) / (2.7 + 0.5), {"smooth": 0.5}, **UNEVEN),
        example(1 - 1.8 / (1 + 0.81 + 0.36 + 0.04), {"smooth": 0.0, "squared": True}, **UNEVEN),
        example(1 - 2.0 / 3.0, {"smooth": 0.0, "threshold": 0.5}, **UNEVEN),
        example(((1 - 1.4 / 1.9) + (1 - 1.0 / 1.7)) / 2, {"smooth": 0.0}, **CLASSES),
        example(((1 - 1.4 / 1.9) + 1 + (1 - 1.0 / 1.7)) / 3, {"smooth": 0.0, "average": "all"}, **CLASSES),
        example(1 - (1.8 + 0.5) / (2.7 + 0.5), {"smooth": 0.5, "input": "logits"}, **LOGITS),
    ),
)
def dice(
    target: Mask,
    pred: ProbabilityD,
    *,
    smooth: Smooth = 1e-6,
    squared: Annotated[bool, Param("sum squares in the denominator (V-Net)")] = False,
    input: Input = "probs",
    threshold: Threshold = None,
    average: Average = "present",
) -> Statistics:
    """One minus the Dice coefficient (F1) of soft masks.

    `1 - (2TP + smooth)/(sum p + sum g + smooth)`; `squared`: `sum p^2 + sum g^2` below. Computed as
    `(FP + FN)/(2TP + FP + FN + smooth)`, which keeps its digits near 0. `dice == tversky(alpha=0.5, beta=0.5)` with
    half the `smooth`; `jaccard = 2 dice/(1 + dice)` without it.
    """
    counts = confusion(target, pred, input, threshold)
    if not squared:
        return counts
    gap = counts.pop("fp") - counts["fn"]  # p - g
    return {**counts, "gap": np.square(gap, out=gap)}


@dice.finish
def _(sums: Sums, *, smooth: float, squared: bool, average: str, **_: object) -> Array:
    wrong = _wrong(sums, squared)
    return averaged(wrong / np.maximum(2.0 * sums["tp"] + wrong + smooth, TINY), sums, average)


@segmentation(
    use_when="classes differ in size by orders of magnitude and each should count alike",
    avoid_when="single pixels of a tiny class must not decide the value (class_weighting simple or uniform)",
    pitfalls="A class absent from the target takes the largest weight of those present. " + EMPTY,
    reference="Sudre et al. 2017, doi:10.1007/978-3-319-67558-9_28",
    examples=(
        example(1 - (1.8 + 1e-5) / (2.7 + 1e-5), **UNEVEN),
        example(
            1 - (2 * (1.3 / 4 + 0.4) + 0.5) / ((1.8 + 2) / 4 + (0.7 + 1) + 0.5 + 0.5),
            {"smooth": 0.5},
            **THREE,
        ),
        example(
            1 - (2 * (1.3 / 2 + 0.4) + 0.5) / ((1.8 + 2) / 2 + (0.7 + 1) + 0.5 + 0.5),
            {"class_weighting": "simple", "smooth": 0.5},
            **THREE,
        ),
        example(
            1 - (2 * (1.3 + 0.4) + 0.5) / (3.0 + 3.0 + 0.5), {"class_weighting": "uniform", "smooth": 0.5}, **THREE
        ),
        example(1 - (1.8 + 0.5) / (2.7 + 0.5), {"smooth": 0.5, "input": "logits"}, **LOGITS),
    ),
)
def generalized_dice(
    target: Mask,
    pred: ProbabilityD,
    *,
    class_weighting: Annotated[
        Literal["square", "simple", "uniform"], Param("each class by 1/G^2, 1/G or 1, with G its target's size")
    ] = "square",
    smooth: Smooth = 1e-5,
    input: Input = "probs",
    threshold: Threshold = None,
) -> Statistics:
    """One minus the Dice coefficient of all classes together, each weighted by its size.

    `1 - (2 sum_c w_c TP_c + smooth)/(sum_c w_c (P_c + G_c) + smooth)`, `w_c = 1/G_c^2`, `1/G_c` or 1, with P and G the
    sums of p and g; a class absent from the target takes the largest finite weight, or 1 where all are absent.
    """
    return confusion(target, pred, input, threshold)


@generalized_dice.finish
def _(sums: Sums, *, class_weighting: str, smooth: float, **_: object) -> Array:
    right, wrong = class_weighted(sums, class_weighting)
    return weighed(wrong / np.maximum(2.0 * right + wrong + smooth, TINY), sums)


@segmentation(
    task="segmentation, detection",
    aliases=("iou", "soft_iou"),
    use_when="the intersection over union is what the model is judged by",
    avoid_when="targets may be a few pixels (add cross_entropy); hard masks are to be optimised (lovasz_softmax)",
    pitfalls="Some tools add `smooth` to twice the counts, half of this one's. " + EMPTY,
    reference="Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22",
    examples=(
        example(1 - (1.7 + 1e-6) / (2.3 + 1e-6), **ARTICLE),
        example(1 - (0.9 + 0.5) / (1.8 + 0.5), {"smooth": 0.5}, **UNEVEN),
        example(1 - (0.9 + 0.5) / (1.8 + 0.5), {"smooth": 0.5, "input": "logits"}, **LOGITS),
        example(((1 - 0.7 / 1.2) + 1 + (1 - 0.5 / 1.2)) / 3, {"smooth": 0.0, "average": "all"}, **CLASSES),
    ),
)
def jaccard(
    target: Mask,
    pred: ProbabilityD,
    *,
    smooth: Smooth = 1e-6,
    input: Input = "probs",
    threshold: Threshold = None,
    average: Average = "present",
) -> Statistics:
    """One minus the intersection over union of soft masks.

    `1 - (TP + smooth)/(TP + FP + FN + smooth)`. `jaccard == tversky(alpha=1, beta=1)`.
    """
    return confusion(target, pred, input, threshold)


@jaccard.finish
def _(sums: Sums, *, smooth: float, average: str, **_: object) -> Array:
    return averaged(_tversky(sums, 1.0, 1.0, smooth), sums, average)


@segmentation(
    task="imbalanced segmentation",
    use_when="false negatives cost more than false positives (beta > alpha), or the reverse",
    avoid_when="alpha and beta cannot be justified: dice has neither",
    pitfalls="alpha weighs false positives here; some papers swap the two. " + EMPTY,
    reference="Salehi et al. 2017, arXiv:1706.05721",
    examples=(
        example(1 - (1.7 + 1e-6) / (2.0 + 1e-6), {"alpha": 0.3, "beta": 0.7}, **ARTICLE),
        example(1 - (0.9 + 0.5) / (0.9 + 0.3 * 0.8 + 0.7 * 0.1 + 0.5), TVERSKY, **UNEVEN),
        example(1 - (0.9 + 0.5) / (0.9 + 0.3 * 0.8 + 0.7 * 0.1 + 0.5), {**TVERSKY, "input": "logits"}, **LOGITS),
        example(
            ((1 - 1.2 / (1.2 + 0.06 + 0.21)) + (1 - 0.5 / (0.5 + 0.12)) + (1 - 1.0 / (1.0 + 0.06 + 0.35))) / 3,
            {**TVERSKY, "average": "all"},
            **CLASSES,
        ),
    ),
)
def tversky(
    target: Mask,
    pred: ProbabilityD,
    *,
    alpha: Annotated[float, ALPHA] = 0.5,
    beta: Annotated[float, BETA] = 0.5,
    smooth: Smooth = 1e-6,
    input: Input = "probs",
    threshold: Threshold = None,
    average: Average = "present",
) -> Statistics:
    """One minus the Tversky index of soft masks.

    `1 - (TP + smooth)/(TP + alpha*FP + beta*FN + smooth)`. `alpha=beta=0.5` is dice (with twice its `smooth`),
    `alpha=beta=1` is jaccard.
    """
    return confusion(target, pred, input, threshold)


@tversky.finish
def _(sums: Sums, *, alpha: float, beta: float, smooth: float, average: str, **_: object) -> Array:
    return averaged(_tversky(sums, alpha, beta, smooth), sums, average)


@segmentation(
    smoothness="C0",
    use_when="units that are nearly right should count less (gamma > 1) or more (gamma < 1) than in tversky",
    avoid_when="gamma < 1 and perfect units occur: the slope is infinite there",
    pitfalls="The exponent is gamma, where the paper writes 1/gamma with gamma = 4/3. It is taken class by class. "
    + EMPTY,
    reference="Abraham and Khan 2018, arXiv:1810.07842",
    examples=(
        example((1 - (1.7 + 1e-6) / (2.0 + 1e-6)) ** 0.75, **ARTICLE),
        example((1 - (0.9 + 0.5) / (0.9 + 0.3 * 0.8 + 0.7 * 0.1 + 0.5)) ** 2.0, {**TVERSKY, "gamma": 2.0}, **UNEVEN),
        example(
            (1 - (0.9 + 0.5) / (0.9 + 0.3 * 0.8 + 0.7 * 0.1 + 0.5)) ** 0.75, {**TVERSKY, "input": "logits"}, **LOGITS
        ),
        example(((1 - 0.7 / 0.95) ** 2 + 1 + (1 - 0.5 / 0.85) ** 2) / 3, {**SHARP, "average": "all"}, **CLASSES),
    ),
)
def focal_tversky(
    target: Mask,
    pred: ProbabilityD,
    *,
    alpha: Annotated[float, ALPHA] = 0.5,
    beta: Annotated[float, BETA] = 0.5,
    smooth: Smooth = 1e-6,
    gamma: Annotated[float, Param("exponent of each class's loss", gt=0)] = 0.75,
    input: Input = "probs",
    threshold: Threshold = None,
    average: Average = "present",
) -> Statistics:
    """The Tversky loss to a power.

    `(1 - TI)^gamma`, `TI = (TP + smooth)/(TP + alpha*FP + beta*FN + smooth)`. `gamma=1` is tversky.
    """
    return confusion(target, pred, input, threshold)


@focal_tversky.finish
def _(sums: Sums, *, alpha: float, beta: float, smooth: float, gamma: float, average: str, **_: object) -> Array:
    return averaged(_tversky(sums, alpha, beta, smooth) ** gamma, sums, average)


@segmentation(
    use_when="the background counts too, and foreground and background may be of any size",
    avoid_when="units may be all foreground: the correlation then hangs on eps alone",
    pitfalls="Range [0, 2]: 1 is no better than chance. " + EMPTY,
    reference="Abhishek and Hamarneh 2021, arXiv:2010.13454",
    examples=(
        example(1 - (1.70001**2 - 0.30001**2) / 2.00002**2, **ARTICLE),
        example(
            1 - (1.4 * 1.7 - 1.3 * 0.6) / float(np.sqrt((1.4 + 1.3) * (1.4 + 0.6) * (1.7 + 1.3) * (1.7 + 0.6))),
            {"eps": 0.5},
            **UNEVEN,
        ),
        example(
            1 - (1.4 * 1.7 - 1.3 * 0.6) / float(np.sqrt((1.4 + 1.3) * (1.4 + 0.6) * (1.7 + 1.3) * (1.7 + 0.6))),
            {"eps": 0.5, "input": "logits"},
            **LOGITS,
        ),
        example(
            1
            - (1.2 * 1.3 - 0.7 * 0.8) / float(np.sqrt(1.9 * 2.0 * 2.0 * 2.1)) / 3
            - (0.5 * 2.1 - 0.9 * 0.5) / float(np.sqrt(1.4 * 1.0 * 3.0 * 2.6)) / 3
            - (1.0 * 1.3 - 0.7 * 1.0) / float(np.sqrt(1.7 * 2.0 * 2.0 * 2.3)) / 3,
            {"eps": 0.5, "average": "all"},
            **CLASSES,
        ),
    ),
)
def mcc_loss(
    target: Mask,
    pred: ProbabilityD,
    *,
    eps: Annotated[float, Param("added to each of TP, TN, FP, FN", gt=0)] = 1e-5,
    input: Input = "probs",
    threshold: Threshold = None,
    average: Average = "present",
) -> Statistics:
    """One minus Matthews' correlation coefficient of the soft counts.

    `1 - (TP*TN - FP*FN)/sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN))`, `eps` added to each count first.
    """
    return confusion(target, pred, input, threshold, negatives=True)


@mcc_loss.finish
def _(sums: Sums, *, eps: float, average: str, **_: object) -> Array:
    value = uncorrelated(*(sums[name] + eps for name in ("tp", "tn", "fp", "fn")))
    touched = sums["tp"] + sums["fp"] + sums["fn"] > 0
    return averaged(np.where(touched, value, 0.0), sums, average)


def _tversky(sums: Sums, alpha: float, beta: float, smooth: float) -> Array:
    wrong = alpha * sums["fp"] + beta * sums["fn"]
    return wrong / np.maximum(sums["tp"] + wrong + smooth, TINY)


@dice.unit_finding("LC341")
def _(sums: Sums, *, smooth: float, squared: bool, average: str, **_: object) -> Flags:
    wrong = _wrong(sums, squared)
    return dominates(smooth, wrong, 2.0 * sums["tp"] + wrong) & counted_classes(sums, average)


def _wrong(sums: Sums, squared: bool) -> Array:
    """What `2TP` lacks of the denominator: FP + FN, or of the squares `sum p^2 + sum g^2 - 2TP = sum (p - g)^2`."""
    return sums["gap"] if squared else sums["fp"] + sums["fn"]


@generalized_dice.unit_finding("LC341")
def _(sums: Sums, *, class_weighting: str, smooth: float, **_: object) -> Flags:
    right, wrong = class_weighted(sums, class_weighting)
    return dominates(smooth, wrong, 2.0 * right + wrong)


@jaccard.unit_finding("LC341")
@tversky.unit_finding("LC341")
@focal_tversky.unit_finding("LC341")
def _(sums: Sums, *, smooth: float, average: str, alpha: float = 1.0, beta: float = 1.0, **_: object) -> Flags:
    wrong = alpha * sums["fp"] + beta * sums["fn"]
    return dominates(smooth, wrong, sums["tp"] + wrong) & counted_classes(sums, average)


def _domains(*, input: str, vectors: frozenset[str] = frozenset(), **_: object) -> Mapping[str, Any]:
    pred = {"pred": ProbabilityD if input == "probs" else LogitD}
    return pred if "pred" in vectors else {**pred, "target": SoftBinaryD}


def _stray(target: Array, pred: Array, **_: object) -> npt.NDArray[np.bool_]:
    return stray(target, pred)


for declared in (dice, generalized_dice, jaccard, tversky, focal_tversky, mcc_loss):
    declared.domains(_domains)
    declared.rule(BINARY)(_stray)
    declared.unit_finding("LC342")(without_positive)
