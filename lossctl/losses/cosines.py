"""Losses of the angle between two vectors, a value per row."""

from typing import Annotated, Any

import numpy as np

from lossctl.params import Param
from lossctl.roles import Array, Binary, Direction, Vector
from lossctl.spec import example, loss
from lossctl.vectors import dot_k, norm_k

EPS = "least squared length of a vector; 0: a zero vector is an error"


@loss(
    task="metric learning",
    convex=False,
    differentiable="piecewise",
    robust="bounded",
    smoothness="C0",
    scale="invariant",
    dimension="unitless",
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
    x, y = a / norm_k(a), b / norm_k(b)
    return target * _half_chord(x, y) + (1.0 - target) * np.maximum(dot_k(x, y) - margin, 0.0)


@cosine_embedding.gradient
def _(a: Array, b: Array, target: Array, *, margin: float) -> Array:
    length = norm_k(a)
    x, y = a / length, b / norm_k(b)
    cosine = dot_k(x, y)
    return ((1.0 - target) * (cosine > margin) - target) / length * (y - cosine * x)


cosine_embedding.slope_role = "a"


@loss(
    task="metric learning, regression",
    convex=False,
    differentiable=True,
    robust="bounded",
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="only the direction of a predicted vector matters",
    avoid_when="its length matters (mse); zero vectors occur and eps is 0",
    pitfalls="In [0, 2]. Tools differ in what a zero vector is worth; here eps bounds the squared lengths from below.",
    reference="Wojke and Bewley 2018, arXiv:1812.00442; optax.cosine_distance",
    examples=(
        example(((1 - 0.96) + 1.0 + 2.0) / 3, target=[[3, 4], [3, 4], [3, 4]], pred=[[4, 3], [8, -6], [-6, -8]]),
        example((1.0 + (1 - 0.5)) / 2, {"eps": 4.0}, target=[[0, 0], [0, 1]], pred=[[4, 3], [0, 3]]),
    ),
)
def cosine_distance(
    target: Direction, pred: Direction, *, eps: Annotated[float, Param(EPS, ge=0)] = 0.0
) -> Array:
    """One minus the cosine of the angle.

    `1 - cos(target, pred)`, with each squared length at least `eps`. Exact for nearly parallel vectors, where it is
    half the squared distance of the unit vectors. `cosine_distance == 1 + cosine_proximity`.
    """
    x, y = _unit(target, eps), _unit(pred, eps)
    value = _half_chord(x, y)
    if np.any(eps):  # vectors that eps keeps shorter than 1
        value = value + _shortfall(x, target, eps) + _shortfall(y, pred, eps)
    return value


@cosine_distance.gradient
def _(target: Array, pred: Array, *, eps: float) -> Array:
    return _proximity_slope(target, pred, eps)


@loss(
    task="metric learning, regression",
    convex=False,
    differentiable=True,
    robust="bounded",
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="results are compared with Keras, whose loss is the negative cosine",
    avoid_when="a loss of 0 should mean perfect (cosine_distance)",
    pitfalls="In [-1, 1]: the best value is -1.",
    reference="Keras CosineSimilarity",
    examples=(
        example((-0.96 + 0.0 + 1.0) / 3, target=[[3, 4], [3, 4], [3, 4]], pred=[[4, 3], [8, -6], [-6, -8]]),
        example((0.0 - 0.5) / 2, {"eps": 4.0}, target=[[0, 0], [0, 1]], pred=[[4, 3], [0, 3]]),
    ),
)
def cosine_proximity(
    target: Direction, pred: Direction, *, eps: Annotated[float, Param(EPS, ge=0)] = 0.0
) -> Array:
    """The negative cosine of the angle.

    `-cos(target, pred)`, with each squared length at least `eps`. `cosine_proximity == cosine_distance - 1`.
    """
    return -dot_k(_unit(target, eps), _unit(pred, eps))


@cosine_proximity.gradient
def _(target: Array, pred: Array, *, eps: float) -> Array:
    return _proximity_slope(target, pred, eps)


def _domains(*, eps: float = 1.0, **_: object) -> dict[str, Any]:
    """Zero vectors are allowed where eps gives them a length (also one of its own per row)."""
    return {} if eps == 0 else {"target": Vector, "pred": Vector}


cosine_distance.domains(_domains)
cosine_proximity.domains(_domains)


def _unit(x: Array, eps: Array | float) -> Array:
    return x / np.maximum(norm_k(x), np.sqrt(eps))


def _half_chord(x: Array, y: Array) -> Array:
    """`1 - cos` of unit vectors, never negative and with its digits where they are close."""
    chord = x - y
    return 0.5 * dot_k(chord, chord)


def _shortfall(unit: Array, x: Array, eps: Array | float) -> Array:
    """`(1 - |unit|^2) / 2` where eps replaces the length, exactly 0 elsewhere."""
    return 0.5 * (1.0 - dot_k(unit, unit)) * (norm_k(x) < np.sqrt(eps))


def _proximity_slope(target: Array, pred: Array, eps: Array | float) -> Array:
    """The derivative of the negative cosine by `pred`; a length that eps replaces does not move."""
    length = norm_k(pred)
    floor = np.maximum(length, np.sqrt(eps))
    x, y = _unit(target, eps), pred / floor
    return (dot_k(x, y) * (length >= np.sqrt(eps)) * y - x) / floor
