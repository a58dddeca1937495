"""The geometry of pairs of boxes, and its derivatives by the corners `x1, y1, x2, y2` of the predicted one."""

from dataclasses import dataclass

import numpy as np

from lossctl.arithmetic.arrays import Array

TINY = float(np.finfo(np.float64).smallest_normal)


@dataclass(frozen=True, slots=True)
class Pair:
    """A target and a predicted box per row, as corners `(4, n)`, with what they share.

    `width` and `height` are those of the intersection, 0 where there is none; the hull is the smallest box around
    both; `right` and `down` lead from the target's centre to the other's.
    """

    target: Array
    pred: Array
    width: Array
    height: Array
    shared: Array
    union: Array
    hull_width: Array
    hull_height: Array
    right: Array
    down: Array

    def shared_slope(self) -> Array:
        """Derivative of the intersection's area, `(4, n)`."""
        inside = (self.shared > 0.0) * 1.0
        tall, wide = inside * self.height, inside * self.width
        low, high = _step(self.pred[:2] - self.target[:2]), _step(self.target[2:] - self.pred[2:])
        return np.stack([-tall * low[0], -wide * low[1], tall * high[0], wide * high[1]])

    def union_slope(self) -> Array:
        """Derivative of the union's area."""
        wide, tall = _size(self.pred)
        return np.stack([-tall, -wide, tall, wide]) - self.shared_slope()

    def hull_slopes(self) -> tuple[Array, Array]:
        """Derivatives of the hull's width and height."""
        low, high = -_step(self.target[:2] - self.pred[:2]), _step(self.pred[2:] - self.target[2:])
        none = np.zeros_like(self.width)
        return np.stack([low[0], none, high[0], none]), np.stack([none, low[1], none, high[1]])

    def target_angle(self) -> Array:
        """`atan(w/h)` of the target: pi/2 without height, 0 of a point."""
        return _angle(self.target)

    def pred_angle(self) -> Array:
        """`atan(w/h)` of the prediction."""
        return _angle(self.pred)

    def angle_slope(self) -> Array:
        """Derivative of the prediction's angle."""
        wide, tall = _size(self.pred)
        square = wide * wide + tall * tall
        square = square + (square == 0.0)
        by_width, by_height = tall / square, -wide / square
        return np.stack([-by_width, -by_height, by_width, by_height])


def compare(target: Array, pred: Array, box_format: str) -> Pair:
    """The target and predicted box of each row, given in a format, as a `Pair` of corners."""
    t, p = _corners(target, box_format), _corners(pred, box_format)
    both = np.maximum(np.minimum(t[2:], p[2:]) - np.maximum(t[:2], p[:2]), 0.0)
    hull = np.maximum(t[2:], p[2:]) - np.minimum(t[:2], p[:2])
    shared = both[0] * both[1]
    sizes = _size(t), _size(p)
    union = sizes[0][0] * sizes[0][1] + sizes[1][0] * sizes[1][1] - shared
    shift = 0.5 * (p[:2] + p[2:] - t[:2] - t[2:])
    return Pair(t, p, both[0], both[1], shared, union, hull[0], hull[1], shift[0], shift[1])


def from_corners(slope: Array, box_format: str) -> Array:
    """The derivative by the numbers of a format (`cxcywh`, say), from that by the corners."""
    if box_format == "xyxy":
        return slope
    first, last = slope[:2], slope[2:]
    size = last if box_format == "xywh" else 0.5 * (last - first)
    return np.concatenate([first + last, size])


def _corners(box: Array, box_format: str) -> Array:
    box = np.ascontiguousarray(box)
    if box_format == "xyxy":
        return box
    place, size = box[:2], box[2:]
    if box_format == "xywh":
        return np.concatenate([place, place + size])
    return np.concatenate([place - 0.5 * size, place + 0.5 * size])


def _size(box: Array) -> tuple[Array, Array]:
    return box[2] - box[0], box[3] - box[1]


def _angle(box: Array) -> Array:
    wide, tall = _size(box)
    return np.arctan(wide / np.maximum(tall, TINY))


def _step(x: Array) -> Array:
    """1 where positive, 0 where negative, half of both where two edges lie on each other."""
    return np.heaviside(x, 0.5)
