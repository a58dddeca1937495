"""Penalties on a model's coefficients: a row is a coefficient, and the value is their sum."""

from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import RealD

penalty = partial(loss, task="regularisation", elements="sum", reduction="sum", convex=True, robust="not applicable")


@penalty(
    aliases=("ridge",),
    differentiable=True,
    smoothness="C-infinity",
    scale="quadratic",
    dimension="squared coefficient units",
    use_when="coefficients are to be kept small together",
    avoid_when="many of them should be exactly 0 (l1_penalty)",
    pitfalls="No 1/2 unless `half`; tools differ. A sum over coefficients, not a mean. Leave the intercept out.",
    reference="Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634",
    examples=(
        example((2.25 + 0.25) / 2, coef=[1.5, -0.5]),
        example((0.3 * 2.25 / 2 + 0.3 * 0.25 / 2) / 2, {"lam": 0.3, "half": True}, coef=[1.5, -0.5]),
    ),
)
def l2_penalty(
    coef: RealD,
    *,
    lam: Annotated[float, Param("the weight of the penalty", ge=0)] = 1.0,
    half: Annotated[bool, Param("with a factor 1/2, so that the gradient is lam * coef")] = False,
) -> Array:
    """Sum of the squared coefficients.

    `lam * sum w^2`; `half`: `lam/2 * sum w^2`. `l2_penalty(half=true) == elastic_net(l1_ratio=0)`.
    """
    return (0.5 * lam if half else lam) * (coef * coef)


@l2_penalty.gradient_by("coef")
def _(coef: Array, *, lam: float, half: bool) -> Array:
    return (lam if half else 2.0 * lam) * coef


@penalty(
    aliases=("lasso",),
    differentiable="no (kink)",
    smoothness="C0",
    scale="linear",
    dimension="coefficient units",
    use_when="many coefficients should be exactly 0",
    avoid_when="correlated features should share their weight (elastic_net)",
    pitfalls="A sum over coefficients, not a mean. It depends on the units of the features: standardise them.",
    reference="Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x",
    examples=(
        example((1.5 + 0.5) / 2, coef=[1.5, -0.5]),
        example((0.3 * 1.5 + 0.3 * 0.5) / 2, {"lam": 0.3}, coef=[1.5, -0.5]),
    ),
)
def l1_penalty(coef: RealD, *, lam: Annotated[float, Param("the weight of the penalty", ge=0)] = 1.0) -> Array:
    """Sum of the absolute coefficients.

    `lam * sum abs(w)`. `l1_penalty == elastic_net(l1_ratio=1)`.
    """
    return lam * np.abs(coef)


@l1_penalty.gradient_by("coef")
def _(coef: Array, *, lam: float) -> Array:
    return lam * np.sign(coef)


@penalty(
    differentiable="no (kink)",
    smoothness="C0",
    scale="between linear and quadratic",
    dimension="mixed: coefficient units and their square",
    use_when="many coefficients should be 0, and correlated features should share their weight",
    avoid_when="one of the two penalties is enough",
    pitfalls="The 1/2 on the squares is scikit-learn's and glmnet's; without it the ratio means something else.",
    reference="Zou and Hastie 2005, doi:10.1111/j.1467-9868.2005.00503.x",
    examples=(
        example((0.5 * 2.0 + 0.25 * 2.5) / 2, coef=[1.5, -0.5]),
        example(0.3 * (0.8 * 2.0 + 0.1 * 2.5) / 2, {"lam": 0.3, "l1_ratio": 0.8}, coef=[1.5, -0.5]),
    ),
)
def elastic_net(
    coef: RealD,
    *,
    lam: Annotated[float, Param("the weight of the penalty", ge=0)] = 1.0,
    l1_ratio: Annotated[float, Param("the share of the absolute values", ge=0, le=1)] = 0.5,
) -> Array:
    """Weighted sum of the absolute and the squared coefficients.

    `lam * (r sum abs(w) + (1 - r)/2 sum w^2)`, `r = l1_ratio`.
    """
    return lam * (l1_ratio * np.abs(coef) + (0.5 * (1.0 - l1_ratio)) * (coef * coef))


@elastic_net.gradient_by("coef")
def _(coef: Array, *, lam: float, l1_ratio: float) -> Array:
    return lam * (l1_ratio * np.sign(coef) + (1.0 - l1_ratio) * coef)
