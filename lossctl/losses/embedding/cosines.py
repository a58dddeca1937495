"""Losses of the angle between two vectors, a value per row."""

from functools import partial
from typing import Annotated, Any

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import dot_k, norm_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Binary, Direction, Vector
from lossctl.losses.embedding._pairs import unit

EPS = "least squared length of a vector; 0: a zero vector is an error"


angular = partial(loss, convex=False, robust="bounded", scale="invariant", dimension="unitless")


@angular(
    task="metric learning",
    differentiable="piecewise",
    smoothness="C0",
    use_when="pairs are labelled and only the vectors' directions matter",
    avoid_when="lengths carry meaning (contrastive)",
    pitfalls="Zero vectors have no direction: an error here, where torch takes their cosine as 0.",
    reference="PyTorch CosineEmbeddingLoss",
    examples=(
        example(
            ((1 - 0.96) + 0.96 + 0.0) / 3, a=[[3, 4], [3, 4], [3, 4]], b=[[4, 3], [8, 6], [-4, 0]], target=[1, -1, -1]
        ),
        example(0.96 - 0.5, {"margin": 0.5}, a=[[3, 4]], b=[[8, 6]], target=[-1]),
    ),
)
def cosine_embedding(
    a: Direction,
    b: Direction,
    target: Binary,
    *,
    margin: Annotated[float, Param("cosine up to which a dissimilar pair costs nothing", ge=-1, le=1)] = 0.0,
) -> Array:
    """Cosine distance of similar pairs, cosine above a margin of the others.

    Target +1: `1 - cos(a, b)`; target -1: `max(0, cos(a, b) - margin)`.
    """
    return target * _distance(a, b) + (1.0 - target) * np.maximum(_cosine(a, b) - margin, 0.0)


@cosine_embedding.gradient_by("a")
def _(a: Array, b: Array, target: Array, *, margin: float) -> Array:
    length = norm_k(a)
    x, y = a / length, unit(b)
    cosine = dot_k(x, y)
    return ((1.0 - target) * (cosine > margin) - target) / length * (y - cosine * x)


@angular(
    task="metric learning, regression",
    differentiable=True,
    smoothness="C-infinity",
    use_when="only the direction of a predicted vector matters",
    avoid_when="its length matters (mse); zero vectors occur and eps is 0",
    pitfalls="In [0, 2]. Tools differ in what a zero vector is worth; here eps bounds the squared lengths from below.",
    reference="Wojke and Bewley 2018, arXiv:1812.00442; optax.cosine_distance",
    examples=(
        example(((1 - 0.96) + 1.0 + 2.0) / 3, target=[[3, 4], [3, 4], [3, 4]], pred=[[4, 3], [8, -6], [-6, -8]]),
        example((1.0 + (1 - 0.5)) / 2, {"eps": 4.0}, target=[[0, 0], [0, 1]], pred=[[4, 3], [0, 3]]),
    ),
)
def cosine_distance(target: Direction, pred: Direction, *, eps: Annotated[float, Param(EPS, ge=0)] = 0.0) -> Array:
    """One minus the cosine of the angle.

    `1 - cos(target, pred)`, with each squared length at least `eps`. Exact for nearly parallel vectors, where it is
    half the squared distance of the unit vectors. `cosine_distance == 1 + cosine_proximity`.
    """
    return _distance(target, pred, eps)


@cosine_distance.gradient
def _(target: Array, pred: Array, *, eps: float) -> Array:
    return _proximity_slope(target, pred, eps)


@angular(
    task="metric learning, regression",
    differentiable=True,
    smoothness="C-infinity",
    use_when="results are compared with Keras, whose loss is the negative cosine",
    avoid_when="a loss of 0 should mean perfect (cosine_distance)",
    pitfalls="In [-1, 1]: the best value is -1.",
    reference="Keras CosineSimilarity",
    examples=(
        example((-0.96 + 0.0 + 1.0) / 3, target=[[3, 4], [3, 4], [3, 4]], pred=[[4, 3], [8, -6], [-6, -8]]),
        example((0.0 - 0.5) / 2, {"eps": 4.0}, target=[[0, 0], [0, 1]], pred=[[4, 3], [0, 3]]),
    ),
)
def cosine_proximity(target: Direction, pred: Direction, *, eps: Annotated[float, Param(EPS, ge=0)] = 0.0) -> Array:
    """The negative cosine of the angle.

    `-cos(target, pred)`, with each squared length at least `eps`. `cosine_proximity == cosine_distance - 1`.
    """
    return 0.0 - _cosine(target, pred, eps)


@cosine_proximity.gradient
def _(target: Array, pred: Array, *, eps: float) -> Array:
    return _proximity_slope(target, pred, eps)


def _domains(*, eps: float = 1.0, **_: object) -> dict[str, Any]:
    """Zero vectors are allowed where eps gives them a length (also one of its own per row)."""
    return {} if eps == 0 else {"target": Vector, "pred": Vector}


cosine_distance.domains(_domains)
cosine_proximity.domains(_domains)


def _cosine(x: Array, y: Array, eps: Array | float = 0.0) -> Array:
    return dot_k(unit(x, eps), y) / np.maximum(norm_k(y), np.sqrt(eps))


def _distance(x: Array, y: Array, eps: Array | float = 0.0) -> Array:
    """`1 - cos`, never negative: half the squared chord between the unit vectors, and what eps keeps them short of 1.

    The one large array made here is worked in: another would cost more than all the arithmetic.
    """
    long, tall = norm_k(x), norm_k(y)
    floor, ground = np.maximum(long, np.sqrt(eps)), np.maximum(tall, np.sqrt(eps))
    chord = x / floor
    chord *= ground
    chord -= y
    return 0.5 * ((norm_k(chord) / ground) ** 2 + (1.0 - (long / floor) ** 2) + (1.0 - (tall / ground) ** 2))


def _proximity_slope(target: Array, pred: Array, eps: Array | float) -> Array:
    """The derivative of the negative cosine by `pred`; a length that eps replaces does not move."""
    length = norm_k(pred)
    floor = np.maximum(length, np.sqrt(eps))
    x, y = unit(target, eps), pred / floor
    return (dot_k(x, y) * (length >= np.sqrt(eps)) * y - x) / floor
