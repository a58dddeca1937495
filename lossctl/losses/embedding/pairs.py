"""Losses of pairs, a value per row: two vectors or their distance, and whether they belong together."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import norm_k, norm_slope_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Binary, Distance, Real, Vector
from lossctl.losses.embedding._pairs import difference

CONTRASTIVE_MARGIN = "distance from which a dissimilar pair costs nothing"


pairwise = partial(
    loss, task="metric learning", convex=False, differentiable="piecewise", smoothness="C0", dimension="distance units"
)


@pairwise(
    robust="not primary focus",
    scale="quadratic",
    use_when="verification: pairs are known to belong together or not",
    avoid_when="the scale of the distances is unknown (margin is in their units); relative order is all that is known",
    pitfalls="The value is in squared distance units. Some tools halve it, add eps to the differences, or read the "
    "label 1 as dissimilar.",
    reference="Hadsell, Chopra, LeCun 2006, doi:10.1109/CVPR.2006.100",
    examples=(
        example(
            ((0.09 + 0.16) + (2.0 - 0.5) ** 2 + 0.0) / 3,
            {"margin": 2.0},
            a=[[1, 2], [0, 0.5], [3, 0]],
            b=[[1.3, 1.6], [0.3, 0.1], [0, 1]],
            target=[1, 0, 0],
        ),
        example(0.5 * (0.3 + 0.4) ** 2, {"p": 1.0, "half": True}, a=[[1, 2]], b=[[1.3, 1.6]], target=[1]),
        example(0.25 + 0.36, {"eps": 0.2}, a=[[1, 2]], b=[[0.7, 1.6]], target=[1]),
    ),
)
def contrastive(
    a: Vector,
    b: Vector,
    target: Binary,
    *,
    margin: Annotated[float, Param(CONTRASTIVE_MARGIN, gt=0)] = 1.0,
    half: Annotated[bool, Param("halve the value")] = False,
    p: Annotated[float, Param("which norm measures the distance", ge=1)] = 2.0,
    eps: Annotated[float, Param("added to every difference", ge=0)] = 0.0,
) -> Array:
    """Squared distance of similar pairs, squared shortfall from a margin of the others.

    `d = norm_p(a - b + eps)`; similar (target 1): `d^2`; dissimilar: `max(0, margin - d)^2`; `half` halves both.
    `contrastive == contrastive_distance` of the same distances.
    """
    return _contrastive(norm_k(difference(a, b, eps), p), target, margin, half)


@contrastive.gradient_by("a")
def _(a: Array, b: Array, target: Array, *, margin: float, half: bool, p: float, eps: float) -> Array:
    gap = difference(a, b, eps)
    distance = norm_k(gap, p)
    return _contrastive_slope(distance, target, margin, half) * norm_slope_k(gap, distance, p)


@pairwise(
    robust="not primary focus",
    scale="quadratic",
    use_when="verification from distances that another tool has measured",
    avoid_when="the scale is unknown: margin is in its units; the numbers are similarities (make distances of them)",
    pitfalls="The value is in squared distance units. Some tools halve it, or read the label 1 as dissimilar.",
    reference="Hadsell, Chopra, LeCun 2006, doi:10.1109/CVPR.2006.100",
    examples=(
        example((0.09 + 0.49 + 0.0) / 3, distance=[0.3, 0.3, 1.6], target=[1, 0, 0]),
        example((0.09 / 2 + 1.7**2 / 2) / 2, {"half": True, "margin": 2.0}, distance=[0.3, 0.3], target=[1, 0]),
    ),
)
def contrastive_distance(
    distance: Distance,
    target: Binary,
    *,
    margin: Annotated[float, Param(CONTRASTIVE_MARGIN, gt=0)] = 1.0,
    half: Annotated[bool, Param("halve the value")] = False,
) -> Array:
    """The contrastive loss of a distance that is already there.

    Similar (target 1): `distance^2`; dissimilar: `max(0, margin - distance)^2`; `half` halves both.
    """
    return _contrastive(distance, target, margin, half)


@contrastive_distance.gradient_by("distance")
def _(distance: Array, target: Array, *, margin: float, half: bool) -> Array:
    return _contrastive_slope(distance, target, margin, half)


@pairwise(
    robust="moderate",
    scale="linear",
    use_when="pairs are labelled, and a far outlier must not weigh by its square",
    avoid_when="small distances of similar pairs should cost next to nothing (contrastive)",
    pitfalls="The name misleads: it is linear in a distance, not in a score, and label 1 means similar.",
    reference="PyTorch HingeEmbeddingLoss; Hadsell, Chopra, LeCun 2006, doi:10.1109/CVPR.2006.100 (squared)",
    examples=(
        example((0.3 + 0.6 + 0.0) / 3, pred=[0.3, 0.4, 2.5], target=[1, -1, -1]),
        example(1.6, {"margin": 2.0}, pred=[0.4], target=[-1]),
    ),
)
def hinge_embedding(pred: Real, target: Binary, *, margin: Annotated[float, Param(CONTRASTIVE_MARGIN)] = 1.0) -> Array:
    """Distance of similar pairs, shortfall from a margin of the others.

    `pred` is a distance: target +1: `pred`; target -1: `max(0, margin - pred)`.
    """
    return target * pred + (1.0 - target) * np.maximum(margin - pred, 0.0)


@hinge_embedding.gradient
def _(pred: Array, target: Array, *, margin: float) -> Array:
    return target - (1.0 - target) * (pred < margin)


@loss(
    task="metric learning, ranking",
    convex=True,
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="score units",
    use_when="each row compares two scores, and which should be the higher is known",
    avoid_when="whole lists are ranked (ranknet, pairwise_hinge per --group)",
    pitfalls="With margin 0 a tie costs nothing: constant scores are perfect.",
    reference="Herbrich, Graepel, Obermayer 1999, doi:10.1049/cp:19991091; PyTorch MarginRankingLoss",
    examples=(
        example((0.6 + 0.0 + 3.0) / 3, pred=[0.3, 2, 2], other=[0.9, -1, -1], target=[1, 1, -1]),
        example((1.1 + 0.0) / 2, {"margin": 0.5}, pred=[0.3, 2], other=[0.9, -1], target=[1, 1]),
    ),
)
def margin_ranking(
    pred: Real,
    other: Real,
    target: Binary,
    *,
    margin: Annotated[float, Param("lead that the higher score must have")] = 0.0,
) -> Array:
    """Shortfall of the lead one score should have over another.

    `max(0, -y (pred - other) + margin)`; y = +1: `pred` should be the higher, y = -1: `other`.
    """
    return np.maximum(margin - (2.0 * target - 1.0) * (pred - other), 0.0)


@margin_ranking.gradient
def _(pred: Array, other: Array, target: Array, *, margin: float) -> Array:
    sign = 2.0 * target - 1.0
    return -sign * (margin - sign * (pred - other) > 0.0)


def _contrastive(distance: Array, target: Array, margin: Array | float, half: bool) -> Array:
    gap = target * distance + (1.0 - target) * np.maximum(margin - distance, 0.0)
    return gap * gap * (0.5 if half else 1.0)


def _contrastive_slope(distance: Array, target: Array, margin: Array | float, half: bool) -> Array:
    gap = target * distance - (1.0 - target) * np.maximum(margin - distance, 0.0)
    return gap * (1.0 if half else 2.0)
