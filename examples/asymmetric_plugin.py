"""A loss of your own: `lossctl compute asymmetric_mae preds.parquet --plugin examples/asymmetric_plugin.py`."""

from typing import Annotated

import numpy as np

from lossctl.declare import Array, Param, RealD, example, loss


@loss(
    task="regression",
    elements="mean",
    convex=True,
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="target units",
    use_when="predicting too much costs more than predicting too little",
    avoid_when="both directions cost the same",
    reference="an example of the documentation",
    examples=(example((0.5 + 2 * 3.0) / 2, {"over": 2.0}, target=[3, 2], pred=[2.5, 5]),),
)
def asymmetric_mae(
    target: RealD, pred: RealD, *, over: Annotated[float, Param("cost of a unit predicted too much", gt=0)] = 2.0
) -> Array:
    """Absolute error, dearer above the target.

    `max(over * e, -e)`, `e = pred - target`.
    """
    residual = pred - target
    return np.maximum(over * residual, -residual)


@asymmetric_mae.gradient
def _(target: Array, pred: Array, *, over: float) -> Array:
    return over * (pred > target) - 1.0 * (pred < target)
