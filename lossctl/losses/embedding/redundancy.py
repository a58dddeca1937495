"""Losses of the correlations between the components of two views of a batch."""

from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Vector


@loss(
    task="contrastive learning",
    scope="group",
    convex=False,
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="self-supervised embeddings without negatives: components should agree and not repeat each other",
    avoid_when="batches are much smaller than the number of components: their correlations are noise",
    pitfalls="ddof 0 and no epsilon: a component that is constant in a unit leaves the unit undefined. Not divided by "
    "the number of components. Without --group the whole dataset is one batch.",
    undefined="a component is constant",
    reference="Zbontar, Jing, Misra, LeCun, Deny 2021, arXiv:2103.03230",
    examples=(
        example(
            (1 - 0.6) ** 2 + (1 - 5 / 13) ** 2 + 0.25 * (0.0 + 0.8**2),
            {"lam": 0.25},
            a=[[1, 0], [3, 2], [1, 2], [3, 0]],
            b=[[-5, 7], [9, 17], [3, -7], [1, -17]],
        ),
    ),
)
def barlow_twins(
    a: Vector, b: Vector, *, lam: Annotated[float, Param("weight of the correlations between components", ge=0)] = 5e-3
) -> float:
    """Departure of two views' cross-correlation matrix from the identity.

    `sum_i (1 - C_ii)^2 + lam sum_{i != j} C_ij^2`, `C_ij` the correlation of component i of `a` with component j of
    `b` over the unit, ddof 0.
    """
    correlation = _standard(a) @ _standard(b).T / a.shape[1]
    own = np.diagonal(correlation)
    squares = correlation * correlation
    np.fill_diagonal(squares, 0.0)
    return float(((1.0 - own) ** 2).sum() + lam * squares.sum())


def _standard(x: Array) -> Array:
    """Each component with mean 0 and standard deviation 1; taken about its first value, so that a constant is exact."""
    centred = x - x[:, :1]
    centred = centred - centred.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(axis=1, keepdims=True))
    result: Array = centred / deviation
    return result
