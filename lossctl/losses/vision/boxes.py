"""Losses of pairs of boxes, a value per row. IoU, U and C: intersection over union, union, and the area of the hull."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Box
from lossctl.losses.vision._geometry import Pair, compare, from_corners

Format: TypeAlias = Annotated[Literal["xyxy", "xywh", "cxcywh"], Param("corners; corner and size; or centre and size")]
Eps: TypeAlias = Annotated[float, Param("added to the union, the hull's area, the squared diagonal", ge=0)]
EPS = 1e-7
TINY = float(np.finfo(np.float64).smallest_normal)  # stands for eps=0, so that boxes without a size have a value
V = 4.0 / np.pi**2
BOX = (
    "boxes have four numbers, as --box-format says, and neither inverted corners (x1 > x2, y1 > y2) nor negative sizes"
)
SHAPE = float(V * (np.pi / 4 - np.arctan(2.0)) ** 2)  # of a square beside a box twice as wide as high
TURN = float(V * (np.arctan(2 / 3) - np.arctan(2.5 / 1.5)) ** 2)

# Boxes 2 x 3 and 2.5 x 1.5 that share 1 x 1.5 inside a hull of 3.5 x 3, written in two formats; U + eps = 8.5.
XYWH: tuple[Mapping[str, Any], Mapping[str, Any]] = (
    {"box_format": "xywh", "eps": 0.25},
    {"target": [[1, 1, 2, 3]], "pred": [[2, 2.5, 2.5, 1.5]]},
)
CXCYWH: tuple[Mapping[str, Any], Mapping[str, Any]] = (
    {"box_format": "cxcywh", "eps": 0.25},
    {"target": [[2, 2.5, 2, 3]], "pred": [[3.25, 3.25, 2.5, 1.5]]},
)


box_regression = partial(
    loss,
    task="box regression",
    convex=False,
    differentiable="piecewise",
    robust="not primary focus",
    smoothness="C0",
    scale="invariant",
    dimension="unitless",
)


@box_regression(
    use_when="boxes overlap, and the intersection over union is what they are judged by",
    avoid_when="boxes may be apart: the value is then 1 at any distance (giou, diou)",
    pitfalls="eps is added to the union. box_format says how boxes are written: corners unless told otherwise.",
    reference="Yu et al. 2016, arXiv:1608.01471",
    examples=(
        example(1 - 1 / (7 + 1e-7), target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(
            (1 - 1 / 7 + 1) / 2, {"eps": 0.0}, target=[[1, 1, 3, 3], [5, 5, 5, 5]], pred=[[2, 2, 4, 4], [5, 5, 5, 5]]
        ),
        example(1 - 1.5 / 8.5, XYWH[0], **XYWH[1]),
        example(1 - 1.5 / 8.5, CXCYWH[0], **CXCYWH[1]),
    ),
)
def box_iou(target: Box, pred: Box, *, box_format: Format = "xyxy", eps: Eps = EPS) -> Array:
    """One minus the intersection over union of two boxes.

    `1 - I/(U + eps)`. Boxes without area count: one that meets nothing is worth 1.
    It is `jaccard` of the boxes as masks.
    """
    return _iou(compare(target, pred, box_format), eps)


@box_iou.gradient
def _(target: Array, pred: Array, *, box_format: str, eps: float) -> Array:
    return from_corners(_iou_slope(compare(target, pred, box_format), eps), box_format)


@box_regression(
    use_when="boxes may be apart and the value must still fall as they come nearer",
    avoid_when="one box often holds the other: the value is then that of box_iou (diou)",
    pitfalls="Range [0, 2]. eps is added to the union and to the hull's area.",
    reference="Rezatofighi et al. 2019, arXiv:1902.09630",
    examples=(
        example(1 - 1 / (7 + 1e-7) + 2 / (9 + 1e-7), target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(1 + (12 - 3) / (12 + 0.5), {"eps": 0.5}, target=[[0, 0, 1, 1]], pred=[[2, 2, 4, 3]]),
        example(1 - 1 / 7 + 2 / 9, {"eps": 0.0}, target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(1 - 1.5 / 8.5 + (10.5 - 8.25) / 10.75, XYWH[0], **XYWH[1]),
        example(1 - 1.5 / 8.5 + (10.5 - 8.25) / 10.75, CXCYWH[0], **CXCYWH[1]),
    ),
)
def giou(target: Box, pred: Box, *, box_format: Format = "xyxy", eps: Eps = EPS) -> Array:
    """One minus the generalised intersection over union: the part of the hull that neither box fills counts too.

    `1 - (I/(U + eps) - (C - U)/(C + eps))`.
    """
    pair = compare(target, pred, box_format)
    hull = pair.hull_width * pair.hull_height
    return _iou(pair, eps) + (hull - pair.union) / _padded(hull, eps)


@giou.gradient
def _(target: Array, pred: Array, *, box_format: str, eps: float) -> Array:
    pair = compare(target, pred, box_format)
    hull = pair.hull_width * pair.hull_height
    wider, higher = pair.hull_slopes()
    grows = wider * pair.hull_height + higher * pair.hull_width
    below = _padded(hull, eps)
    slope = ((grows - pair.union_slope()) * below - (hull - pair.union) * grows) / below / below
    return from_corners(_iou_slope(pair, eps) + slope, box_format)


@box_regression(
    use_when="boxes may be apart or inside each other, and their centres should meet quickly",
    avoid_when="the aspect ratio matters as well (ciou)",
    pitfalls="Range [0, 2]. eps is added to the union and to the squared diagonal.",
    reference="Zheng et al. 2020, arXiv:1911.08287",
    examples=(
        example(1 - 1 / (7 + 1e-7) + 2 / (18 + 1e-7), target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(1 + (2.5**2 + 2**2) / (16 + 9 + 0.5), {"eps": 0.5}, target=[[0, 0, 1, 1]], pred=[[2, 2, 4, 3]]),
        example(1 - 1 / 7 + 2 / 18, {"eps": 0.0}, target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(1 - 1.5 / 8.5 + (1.25**2 + 0.75**2) / (3.5**2 + 3**2 + 0.25), XYWH[0], **XYWH[1]),
        example(1 - 1.5 / 8.5 + (1.25**2 + 0.75**2) / (3.5**2 + 3**2 + 0.25), CXCYWH[0], **CXCYWH[1]),
    ),
)
def diou(target: Box, pred: Box, *, box_format: Format = "xyxy", eps: Eps = EPS) -> Array:
    """One minus the intersection over union, and the distance of the centres relative to the hull.

    `1 - I/(U + eps) + rho^2/(c^2 + eps)`, rho the distance of the centres, c the diagonal of the hull.
    """
    pair = compare(target, pred, box_format)
    return _iou(pair, eps) + _distance(pair, eps)


@diou.gradient
def _(target: Array, pred: Array, *, box_format: str, eps: float) -> Array:
    pair = compare(target, pred, box_format)
    return from_corners(_iou_slope(pair, eps) + _distance_slope(pair, eps), box_format)


@box_regression(
    use_when="overlap, distance and aspect ratio should all count",
    avoid_when="values are compared between tools: they differ in alpha's denominator and in boxes without height",
    pitfalls="The gradient is the whole one; training frameworks hold alpha constant. A flat box has the angle pi/2, "
    "a point 0.",
    reference="Zheng et al. 2020, arXiv:1911.08287; Zheng et al. 2021, doi:10.1109/TCYB.2021.3095305",
    examples=(
        example(1 - 1 / (7 + 1e-7) + 2 / (18 + 1e-7), target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(1 - 1 / 7 + 2 / 18, {"eps": 0.0}, target=[[1, 1, 3, 3]], pred=[[2, 2, 4, 4]]),
        example(
            1 + (2.5**2 + 2**2) / (16 + 9 + 0.5) + SHAPE**2 / (1 + SHAPE + 0.5),
            {"eps": 0.5},
            target=[[0, 0, 1, 1]],
            pred=[[2, 2, 4, 3]],
        ),
        example(
            1 - 1.5 / 8.5 + (1.25**2 + 0.75**2) / (3.5**2 + 3**2 + 0.25) + TURN**2 / (1 - 1.5 / 8.5 + TURN + 0.25),
            XYWH[0],
            **XYWH[1],
        ),
        example(
            1 - 1.5 / 8.5 + (1.25**2 + 0.75**2) / (3.5**2 + 3**2 + 0.25) + TURN**2 / (1 - 1.5 / 8.5 + TURN + 0.25),
            CXCYWH[0],
            **CXCYWH[1],
        ),
    ),
)
def ciou(target: Box, pred: Box, *, box_format: Format = "xyxy", eps: Eps = EPS) -> Array:
    """The diou loss, and a term for the difference of the aspect ratios.

    `diou + alpha*v`, `v = 4/pi^2 * (atan(w_t/h_t) - atan(w_p/h_p))^2`, `alpha = v/(1 - IoU + v + eps)`.
    """
    pair = compare(target, pred, box_format)
    overlap = _iou(pair, eps)
    turn = pair.target_angle() - pair.pred_angle()
    shape = V * turn * turn
    return overlap + _distance(pair, eps) + shape * (shape / _padded(overlap + shape, eps))


@ciou.gradient
def _(target: Array, pred: Array, *, box_format: str, eps: float) -> Array:
    pair = compare(target, pred, box_format)
    overlap, slope = _iou(pair, eps), _iou_slope(pair, eps)
    turn = pair.target_angle() - pair.pred_angle()
    shape, turns = V * turn * turn, -2.0 * V * turn * pair.angle_slope()
    alpha = shape / _padded(overlap + shape, eps)
    term = 2.0 * alpha * turns - alpha * alpha * (slope + turns)
    return from_corners(slope + _distance_slope(pair, eps) + term, box_format)


@box_iou.rule(BOX)
@giou.rule(BOX)
@diou.rule(BOX)
@ciou.rule(BOX)
def _(target: Array, pred: Array, *, box_format: str, eps: float) -> npt.NDArray[np.bool_]:
    if len(target) != 4 or len(pred) != 4:
        return np.ones(pred.shape[-1], dtype=bool)
    return _inverted(target, box_format) | _inverted(pred, box_format)


def _inverted(box: Array, box_format: str) -> npt.NDArray[np.bool_]:
    """Rows with a box of negative width or height."""
    size = box[2:] - box[:2] if box_format == "xyxy" else box[2:]
    negative: npt.NDArray[np.bool_] = size.min(axis=0) < 0.0
    return negative


def _padded(below: Array, eps: float | Array) -> Array:
    """A denominator with eps added, never 0."""
    padded: Array = below + np.maximum(eps, TINY)
    return padded


def _iou(pair: Pair, eps: float) -> Array:
    """`1 - I/(U + eps)`, equal boxes to full precision: `eps/(U + eps)`; 1, the limit, where U and eps are 0."""
    return np.where(pair.union + eps > 0.0, (pair.union - pair.shared + eps) / _padded(pair.union, eps), 1.0)


def _iou_slope(pair: Pair, eps: float) -> Array:
    below = _padded(pair.union, eps)
    return (pair.shared * pair.union_slope() - pair.shared_slope() * below) / below / below


def _distance(pair: Pair, eps: float) -> Array:
    apart = pair.right * pair.right + pair.down * pair.down
    return apart / _padded(pair.hull_width * pair.hull_width + pair.hull_height * pair.hull_height, eps)


def _distance_slope(pair: Pair, eps: float) -> Array:
    apart = pair.right * pair.right + pair.down * pair.down
    below = _padded(pair.hull_width * pair.hull_width + pair.hull_height * pair.hull_height, eps)
    wider, higher = pair.hull_slopes()
    moves = np.stack([pair.right, pair.down, pair.right, pair.down])  # half a step of the centre for one of a corner
    grows = 2.0 * (wider * pair.hull_width + higher * pair.hull_height)
    return (moves - apart / below * grows) / below
