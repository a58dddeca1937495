"""Softmax losses with a margin on the angle to the true class; predictions are cosines."""

from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import add_at_k, pick_k, softmax_at, softmax_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import ClassIndex, Cosines

SCALE = "factor of the cosines before the softmax"
TINY = float(np.finfo(np.float64).smallest_normal)


@loss(
    task="metric learning, multiclass",
    convex=False,
    differentiable="piecewise",
    robust="not primary focus",
    smoothness="none",
    scale="nats",
    dimension="nats",
    use_when="faces and other open sets: classes are to be separated by an angle",
    avoid_when="predictions are logits, not cosines (cross_entropy)",
    pitfalls="pred is the cosines, before scale and margin. margin is in radians (pytorch-metric-learning: degrees). "
    "The value jumps where the angle passes pi - margin.",
    reference="Deng, Guo, Xue, Zafeiriou 2019, arXiv:1801.07698",
    examples=(
        example(
            float(np.log1p(np.exp(2.0 * (0.28 - (0.6 * np.cos(0.5) - 0.8 * np.sin(0.5)))))),
            {"scale": 2.0},
            pred=[[0.6, 0.28]],
            target=[0],
        ),
        example(
            float(np.log1p(np.exp(2.0 * (0.28 + 0.96 + 0.3 * np.sin(0.3))))),
            {"scale": 2.0, "margin": 0.3},
            pred=[[0.28, -0.96]],
            target=[1],
        ),
    ),
)
def arcface(
    pred: Cosines,
    target: ClassIndex,
    *,
    margin: Annotated[float, Param("angle added to that of the true class, radians", ge=0, le=float(np.pi))] = 0.5,
    scale: Annotated[float, Param(SCALE, gt=0)] = 64.0,
) -> Array:
    """Cross-entropy of scaled cosines with an angle added to the true class's.

    `-log softmax(scale c)_y` with `c_y = cos(theta_y + margin)`, and `cos(theta_y) - margin sin(margin)` where
    `theta_y > pi - margin`; `c_j = cos(theta_j)` elsewhere. `arcface(margin=0) == cosface(margin=0)`.
    """
    own = np.clip(pick_k(pred, target), -1.0, 1.0)
    turned, _ = _turned(own, margin)
    return _cross_entropy(pred, target, own - turned, scale)


@arcface.gradient
def _(pred: Array, target: Array, *, margin: float, scale: float) -> Array:
    own = np.clip(pick_k(pred, target), -1.0, 1.0)
    turned, slope = _turned(own, margin)
    return _cross_entropy_slope(pred, target, own - turned, scale, slope)


@loss(
    task="metric learning, multiclass",
    convex=True,
    differentiable=True,
    robust="not primary focus",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="as arcface, with a margin on the cosine itself: simpler and smooth",
    avoid_when="predictions are logits, not cosines (cross_entropy)",
    pitfalls="pred is the cosines, before scale and margin.",
    reference="Wang et al. 2018, arXiv:1801.09414",
    examples=(
        example(float(np.log1p(np.exp(2.0 * (0.28 - 0.6 + 0.35)))), {"scale": 2.0}, pred=[[0.6, 0.28]], target=[0]),
        example(
            float(np.log1p(np.exp(3.0 * (0.6 - 0.28 + 0.1)))),
            {"scale": 3.0, "margin": 0.1},
            pred=[[0.6, 0.28]],
            target=[1],
        ),
    ),
)
def cosface(
    pred: Cosines,
    target: ClassIndex,
    *,
    margin: Annotated[float, Param("taken from the cosine of the true class", ge=0)] = 0.35,
    scale: Annotated[float, Param(SCALE, gt=0)] = 64.0,
) -> Array:
    """Cross-entropy of scaled cosines with a margin taken from the true class's.

    `-log softmax(scale c)_y` with `c_y = cos(theta_y) - margin`, `c_j = cos(theta_j)` elsewhere.
    """
    return _cross_entropy(pred, target, margin, scale)


@cosface.gradient
def _(pred: Array, target: Array, *, margin: float, scale: float) -> Array:
    return _cross_entropy_slope(pred, target, margin, scale, 1.0)


def _turned(cosine: Array, margin: Array | float) -> tuple[Array, Array]:
    """The true class's cosine after the margin, and its derivative."""
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    cos, sin = np.cos(margin), np.sin(margin)
    inside = (cosine >= -cos).astype(np.float64)
    turned = inside * (cosine * cos - sine * sin) + (1.0 - inside) * (cosine - margin * sin)
    slope = inside * (cos + sin * (cosine / np.maximum(sine, TINY))) + (1.0 - inside)
    return turned, slope


def _cross_entropy(pred: Array, target: Array, taken: Array | float, scale: Array | float) -> Array:
    found, _ = softmax_at(add_at_k(scale * pred, target, -scale * taken), target)
    return 0.0 - found


def _cross_entropy_slope(
    pred: Array, target: Array, taken: Array | float, scale: Array | float, slope: Array | float
) -> Array:
    """`scale (softmax - onehot)`, the true class's by the slope of its cosine."""
    scores = add_at_k(scale * pred, target, -scale * taken)
    _, missed = softmax_at(scores, target)
    share = softmax_k(scores)
    return scale * add_at_k(share, target, -pick_k(share, target) - missed * slope)
