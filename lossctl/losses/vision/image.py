"""Losses of images alone: how rough they are."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Image, Vector


@loss(
    task="generative",
    aliases=("tv",),
    convex=True,
    differentiable="l1: no (kink), l2: yes",
    robust="l1 only",
    smoothness="C0",
    scale="linear (l1), quadratic (l2)",
    dimension="pixel units (l1), squared pixel units (l2)",
    use_when="noise in a restored or generated image is to be kept down while edges stay (l1)",
    avoid_when="texture must survive; images of different sizes are compared without `average`",
    pitfalls="The anisotropic form. l2 sums squares without a root. Tools differ in sum and mean.",
    reference="Rudin, Osher and Fatemi 1992, doi:10.1016/0167-2789(92)90242-F",
    examples=(
        example((1.5 + 3.0 + 0.5) + (2.0 + 0.5 + 2.5 + 3.0), pred=[[[1, 3, 2.5], [2.5, 0, 3]]]),
        example((2.25 + 9.0 + 0.25) + (4.0 + 0.25 + 6.25 + 9.0), {"mode": "l2"}, pred=[[[1, 3, 2.5], [2.5, 0, 3]]]),
        example(5.0 / 3 + 8.0 / 4, {"average": True}, pred=[[[1, 3, 2.5], [2.5, 0, 3]]]),
        example(5.0 + 8.0, {"height": 2, "width": 3}, pred=[[1, 3, 2.5, 2.5, 0, 3]]),
    ),
)
def total_variation(
    pred: Image,
    *,
    mode: Annotated[Literal["l1", "l2"], Param("absolute or squared differences")] = "l1",
    average: Annotated[bool, Param("the mean of the vertical differences plus that of the horizontal ones")] = False,
    height: Annotated[int | None, Param("rows of an image that is given as one flat list", ge=1)] = None,
    width: Annotated[int | None, Param("columns of an image that is given as one flat list", ge=1)] = None,
) -> Array:
    """Sum of the differences between neighbouring pixels of an image.

    `sum abs(x[i+1,j] - x[i,j]) + sum abs(x[i,j+1] - x[i,j])`, squares for `l2`, over all channels; `average` divides
    each sum by its number of differences. A row is an image `(H, W)` or `(H, W, C)`, or flat with `height` and `width`
    in that order of axes.
    """
    image = _shaped(pred, height, width)
    down, right = _differences(image)
    total = _size(down, mode) / _count(down, average)
    return total + _size(right, mode) / _count(right, average)


@total_variation.gradient
def _(pred: Array, *, mode: str, average: bool, height: int | None, width: int | None) -> Array:
    image = _shaped(pred, height, width)
    slope = np.zeros_like(image)
    for axis, gap in enumerate(_differences(image)):
        pull = (np.sign(gap) if mode == "l1" else 2.0 * gap) / _count(gap, average)
        along = np.moveaxis(slope, axis, 0)
        along[1:] += np.moveaxis(pull, axis, 0)
        along[:-1] -= np.moveaxis(pull, axis, 0)
    return slope.reshape(pred.shape)


@total_variation.domains
def _(*, height: int | None, **_: object) -> Mapping[str, Any]:
    return {} if height is None else {"pred": Vector}


@total_variation.check_params
def _(*, height: int | None, width: int | None, **_: object) -> str | None:
    if (height is None) == (width is None):
        return None
    return "--height and --width come together, for images that are flat lists."


@total_variation.rule("a flat image must hold height * width numbers, or a multiple of it: its channels")
def _(pred: Array, *, height: int | None, width: int | None, **_: object) -> npt.NDArray[np.bool_]:
    return np.full(pred.shape[-1], bool(height and width and len(pred) % (height * width)))


def _shaped(pred: Array, height: int | None, width: int | None) -> Array:
    """The images as `(H, W, n)` or `(H, W, C, n)`, also where each came as a flat list."""
    return pred if height is None or width is None else pred.reshape(height, width, -1, pred.shape[-1])


def _differences(image: Array) -> tuple[Array, Array]:
    return image[1:] - image[:-1], image[:, 1:] - image[:, :-1]


def _size(gap: Array, mode: str) -> Array:
    if mode == "l1":
        np.abs(gap, out=gap)
    else:
        gap *= gap
    return sum_k(gap.reshape(-1, gap.shape[-1]))


def _count(gap: Array, average: bool) -> int:
    """What a row's sum is divided by: for a mean its differences between neighbours, at least 1; else 1."""
    return max(gap.size // max(gap.shape[-1], 1), 1) if average else 1
