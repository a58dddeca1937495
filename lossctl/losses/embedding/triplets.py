"""Losses of triplets, a value per row: an anchor should be nearer to its positive than to its negative."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import norm_k, norm_slope_k, sigmoid, softplus
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Distance, Vector
from lossctl.losses.embedding._pairs import difference

MARGIN = "lead that the nearer distance must have"
NORM = "which norm measures the distances"


anchored = partial(
    loss,
    task="metric learning",
    robust="not primary focus",
    smoothness="C0",
    scale="linear",
    dimension="distance units",
)


@anchored(
    aliases=("triplet_margin",),
    convex=False,
    differentiable="piecewise",
    use_when="embeddings: relative similarity is known, anchor to positive and to negative",
    avoid_when="most triplets are easy: zeros hide the hard ones; pairs are labelled one by one (contrastive)",
    pitfalls="eps is added to every difference (torch), not under the root; margin is in distance units, with squared "
    "in squared ones.",
    reference="Schroff, Kalenichenko, Philbin 2015, arXiv:1503.03832; Balntas et al. 2016, doi:10.5244/C.30.119",
    examples=(
        example(
            ((0.5 - 1.25 + 1.0) + 0.0 + (5.0 - 0.0 + 1.0)) / 3,
            {"eps": 0.0},
            anchor=[[1, 2], [1, 2], [1, 2]],
            positive=[[1.3, 2.4], [1.3, 2.4], [4, 6]],
            negative=[[1.75, 3], [4, 6], [1, 2]],
        ),
        example(
            0.25 - 25.0 + 32.5,
            {"squared": True, "margin": 32.5},
            anchor=[[1, 2]],
            positive=[[1.3, 2.4]],
            negative=[[4, 6]],
        ),
        example(
            5.0 - 1.25 + 0.5,
            {"swap": True, "margin": 0.5, "eps": 0.0},
            anchor=[[1, 2]],
            positive=[[4, 6]],
            negative=[[4.75, 7]],
        ),
        example(
            (0.3 - 0.2) + (0.4 - 0.2) - (0.75 - 0.2) - (1.0 - 0.2) + 2.0,
            {"p": 1.0, "margin": 2.0, "eps": 0.2},
            anchor=[[1, 2]],
            positive=[[1.3, 2.4]],
            negative=[[1.75, 3]],
        ),
    ),
)
def triplet(
    anchor: Vector,
    positive: Vector,
    negative: Vector,
    *,
    margin: Annotated[float, Param(MARGIN, ge=0)] = 1.0,
    p: Annotated[float, Param(NORM, ge=1)] = 2.0,
    squared: Annotated[bool, Param("compare squared distances, without eps")] = False,
    swap: Annotated[bool, Param("take the negative's distance to the positive where that is smaller")] = False,
    eps: Annotated[float, Param("added to every difference", ge=0)] = 1e-6,
) -> Array:
    """Shortfall of the lead that an anchor's positive should have over its negative.

    `max(0, d_ap - d_an + margin)` with `d(x, y) = norm_p(x - y + eps)`; `squared`: `d^2` without eps; `swap`:
    `d_an` is the smaller of `d_an` and `d_pn`. `triplet == triplet_distance` of the same distances.
    """
    eps = 0.0 if squared else eps
    near = norm_k(difference(anchor, positive, eps), p)
    far = norm_k(difference(anchor, negative, eps), p)
    if swap:
        far = np.minimum(far, norm_k(difference(positive, negative, eps), p))
    if squared:
        near, far = near * near, far * far
    return np.maximum(near - far + margin, 0.0)


@triplet.gradient_by("anchor")
def _(
    anchor: Array,
    positive: Array,
    negative: Array,
    *,
    margin: float,
    p: float,
    squared: bool,
    swap: bool,
    eps: float,
) -> Array:
    eps = 0.0 if squared else eps
    towards, away = difference(anchor, positive, eps), difference(anchor, negative, eps)
    near, far = norm_k(towards, p), norm_k(away, p)
    pull, push = norm_slope_k(towards, near, p), norm_slope_k(away, far, p)
    if swap:  # a distance between the others does not move with the anchor
        between = norm_k(difference(positive, negative, eps), p)
        push = push * (far <= between)
        far = np.minimum(far, between)
    if squared:
        pull, push = 2.0 * near * pull, 2.0 * far * push
        near, far = near * near, far * far
    return (near - far + margin > 0.0) * (pull - push)


@anchored(
    convex=False,
    differentiable=True,
    use_when="triplets without a margin to choose: every triplet keeps a share of the gradient",
    avoid_when="a triplet that is right by a margin should cost nothing (triplet)",
    pitfalls="Vectors are taken as they are: nothing is normalised.",
    reference="Hermans, Beyer, Leibe 2017, arXiv:1703.07737",
    examples=(
        example(
            float(np.log1p(np.exp(0.5 - 1.25)) + np.log1p(np.exp(5.0 - 0.0))) / 2,
            anchor=[[1, 2], [1, 2]],
            positive=[[1.3, 2.4], [4, 6]],
            negative=[[1.75, 3], [1, 2]],
        ),
        example(
            float(np.log1p(np.exp(0.7 - 1.75))),
            {"p": 1.0},
            anchor=[[1, 2]],
            positive=[[1.3, 2.4]],
            negative=[[1.75, 3]],
        ),
    ),
)
def triplet_soft_margin(
    anchor: Vector, positive: Vector, negative: Vector, *, p: Annotated[float, Param(NORM, ge=1)] = 2.0
) -> Array:
    """Smooth triplet loss without a margin.

    `log(1 + exp(d_ap - d_an))`, `d(x, y) = norm_p(x - y)`.
    """
    return softplus(norm_k(anchor - positive, p) - norm_k(anchor - negative, p))


@triplet_soft_margin.gradient_by("anchor")
def _(anchor: Array, positive: Array, negative: Array, *, p: float) -> Array:
    towards, away = anchor - positive, anchor - negative
    near, far = norm_k(towards, p), norm_k(away, p)
    return sigmoid(near - far) * (norm_slope_k(towards, near, p) - norm_slope_k(away, far, p))


@anchored(
    convex=True,
    differentiable="piecewise",
    use_when="the two distances of each triplet are already there",
    avoid_when="they are similarities (turn them into distances first)",
    pitfalls="margin is in the units of the distances: plain and squared ones need different margins.",
    reference="Schroff, Kalenichenko, Philbin 2015, arXiv:1503.03832",
    examples=(
        example((0.0 + 2.75 + 0.5) / 3, d_positive=[0.3, 2.5, 1.25], d_negative=[1.5, 0.75, 1.75]),
        example((0.0 + 2.0) / 2, {"margin": 0.25}, d_positive=[0.3, 2.5], d_negative=[1.5, 0.75]),
    ),
)
def triplet_distance(
    d_positive: Distance, d_negative: Distance, *, margin: Annotated[float, Param(MARGIN, ge=0)] = 1.0
) -> Array:
    """The triplet loss of distances that are already there.

    `max(0, d_positive - d_negative + margin)`.
    """
    return np.maximum(d_positive - d_negative + margin, 0.0)


@triplet_distance.gradient_by("d_positive")
def _(d_positive: Array, d_negative: Array, *, margin: float) -> Array:
    return (d_positive - d_negative + margin > 0.0).astype(np.float64)
