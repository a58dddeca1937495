"""Negative log-likelihoods of counts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.entropies import excess, expm1_gap
from lossctl.arithmetic.special import HALF_LOG_2PI, TINY, binet, stirling_gap
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import NotNegativeD, PositiveD, RealD

LARGEST = float(np.finfo(np.float64).max)


@loss(
    task="count regression",
    aliases=("poisson",),
    elements="mean",
    convex="yes (rate > 0)",
    differentiable=True,
    robust="not primary focus",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="counts whose variance is about their mean",
    avoid_when="counts vary more than their mean (negative_binomial_nll)",
    pitfalls=(
        "Without `full` the term log y! is left out: values compare models on the same data only. `stirling`, as in"
        " torch, is an approximation for y > 1; `exact` is the log-probability. `eps` is added to the rate as in torch."
    ),
    reference="Nelder and Wedderburn 1972, doi:10.2307/2344614",
    examples=(
        example(
            (1.5 - 2 * float(np.log(1.5)) + 0.5 + 3 - 4 * float(np.log(3.0))) / 3,
            {"eps": 0.0},
            target=[2, 0, 4],
            pred=[1.5, 0.5, 3],
        ),
        example(float(np.exp(-0.5)) + 0.5 * 3, {"log_input": True}, target=[3], pred=[-0.5]),
        example(2.0 - 3 * float(np.log(2.5)) + float(np.log(6.0)), {"full": "exact", "eps": 0.5}, target=[3], pred=[2]),
        example(
            (
                2.5
                - 3 * float(np.log(2.5))
                + 3 * float(np.log(3.0))
                - 3
                + float(np.log(6 * np.pi)) / 2
                + 2.5
                - float(np.log(2.5))
            )
            / 2,
            {"full": "stirling", "eps": 0.0},
            target=[3, 1],
            pred=[2.5, 2.5],
        ),
    ),
)
def poisson_nll(
    target: NotNegativeD,
    pred: NotNegativeD,
    *,
    log_input: Annotated[bool, Param("predictions are logarithms of rates")] = False,
    full: Annotated[
        Literal["none", "stirling", "exact"], Param("the term log y!, which predictions do not change")
    ] = "none",
    eps: Annotated[float, Param("added to the rate inside the logarithm", ge=0)] = 1e-8,
) -> Array:
    """Negative log-likelihood of counts under predicted rates.

    `pred - y log(pred + eps)`; with `log_input`: `exp(pred) - y pred`. `full`: `exact` adds `log y!`, `stirling` adds
    `y log y - y + log(2 pi y)/2` for y > 1. Twice it differs from `poisson_deviance` by what depends on y alone.
    """
    value: Array
    if full == "none" and log_input:
        value = np.exp(pred) - target * pred
        return value
    if full == "none":
        value = pred - target * np.log(np.maximum(pred + eps, TINY * (target == 0.0)))
        return value
    main = _from_log_rate(target, pred) if log_input else _from_rate(target, pred, eps)
    return main + (stirling_gap(target) if full == "exact" else _stirling_constant(target))


@poisson_nll.gradient
def _(target: Array, pred: Array, *, log_input: bool, full: str, eps: float) -> Array:
    slope: Array = np.exp(pred) - target if log_input else 1.0 - target / np.maximum(pred + eps, TINY * (target == 0.0))
    return slope


@poisson_nll.domains
def _(*, log_input: bool, **_: object) -> Mapping[str, Any]:
    return {"pred": RealD} if log_input else {}


@poisson_nll.finding("LC311")
def _(target: Array, pred: Array, **_: object) -> npt.NDArray[np.bool_]:
    return _broken(target)


def _from_rate(target: Array, pred: Array, eps: float) -> Array:
    """The loss of a rate less `y - y log y`, which joins the constant: so no two large numbers cancel."""
    counted = (target > 0.0) * 1.0
    return counted * (excess(target, pred + eps) - eps) + (1.0 - counted) * pred


def _from_log_rate(target: Array, pred: Array) -> Array:
    """The loss of a logarithmic rate less `y - y log y`, which joins the constant.

    `y (exp(d) - 1 - d)`, `d = pred - log y`; `exp(pred)` where y = 0.
    """
    none = (target == 0.0) * 1.0
    distance = np.minimum(pred - np.log(target + none), 709.0)
    value: Array = target * expm1_gap(distance) + none * np.minimum(np.exp(pred), LARGEST)
    return value


def _stirling_constant(target: Array) -> Array:
    """`log(2 pi y)/2` for y > 1; below, where Stirling's formula is not used, `y - y log y` taken back."""
    large = (target > 1.0) * 1.0
    log = np.log(np.maximum(target, TINY))
    constant: Array = large * (HALF_LOG_2PI + 0.5 * log) + (1.0 - large) * (target - target * log)
    return constant


def _broken(target: Array) -> npt.NDArray[np.bool_]:
    """Rows with a count that is not whole."""
    rows: npt.NDArray[np.bool_] = np.logical_or.reduce(np.atleast_2d(target != np.rint(target)), axis=0)
    return rows


@loss(
    task="count regression",
    elements="mean",
    convex=False,
    differentiable=True,
    robust="moderate",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="counts that vary more than their mean",
    avoid_when="variance and mean agree (poisson_nll): the size then runs to infinity",
    pitfalls="`size` is the inverse dispersion: variance = mean + mean^2 / size. Some tools take its inverse.",
    reference="Hilbe 2011, Negative Binomial Regression, doi:10.1017/CBO9780511973420",
    examples=(
        # size = 1 is geometric, p = 1 / (1 + mean); size = 2, y = 3: 4 p^2 (1 - p)^3
        example(-float(np.log(0.2 * 0.8**3)), target=[3], mean=[4], size=[1]),
        example(-float(np.log(4 * 0.4**2 * 0.6**3)), target=[3], mean=[3], size=[2]),
        example(-1.5 * float(np.log(1.5 / 4.0)), target=[0], mean=[2.5], size=[1.5]),
    ),
)
def negative_binomial_nll(target: NotNegativeD, mean: NotNegativeD, size: PositiveD) -> Array:
    """Negative log-likelihood of counts that vary more than Poisson's.

    `-log(G(y+r) / (G(r) y!) p^r (1-p)^y)`, `r = size`, `p = r/(r + mean)`, G the gamma function: variance
    `mean + mean^2/r`. It tends to `poisson_nll(full=exact)` as the size grows. The gradient is by `mean`.
    """
    # Loader's form: two deviances and what Stirling's formula leaves, so that nothing cancels where the size is large.
    trials, total = size + target, size + mean
    gap = (target - mean) * (size / total)
    fair = np.maximum(size * (trials / total), TINY)  # what size would be, were the mean right
    deviance = excess(size, fair, gap) + excess(target, mean * (trials / total), -gap)
    value: Array = deviance + 0.5 * np.log1p(target / size) + (binet(size) - binet(trials)) + stirling_gap(target)
    return value


@negative_binomial_nll.gradient_by("mean")
def _(target: Array, mean: Array, size: Array) -> Array:
    slope: Array = size / (size + mean) * (1.0 - target / np.maximum(mean, TINY * (target == 0.0)))
    return slope


@negative_binomial_nll.finding("LC311")
def _(target: Array, mean: Array, size: Array) -> npt.NDArray[np.bool_]:
    return _broken(target)
