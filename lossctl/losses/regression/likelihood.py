"""Negative log-likelihoods of continuous distributions."""

from functools import partial
from typing import Annotated

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.entropies import excess
from lossctl.arithmetic.special import HALF_LOG_2PI, binet
from lossctl.arithmetic.vectors import logsumexp_k, softmax_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Distribution, NotNegativeD, PositiveD, PositiveVector, Real, RealD, Vector

LOG_2 = float(np.log(2.0))
LOG_LEAST = float(np.log(1e-300))


likelihood = partial(
    loss,
    task="uncertainty regression",
    elements="mean",
    differentiable=True,
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
)


@likelihood(
    aliases=("normal_nll",),
    one_of=("var", "std", "logvar"),
    convex="yes (mean)",
    robust="not primary focus",
    use_when="a mean and its uncertainty are predicted together",
    avoid_when="outliers: their squared error over a small variance decides the mean (student_t_nll, laplace_nll)",
    pitfalls="The constant log(2 pi)/2 is left out unless `full`. Variances below `eps` are raised to it, as in torch.",
    reference="Nix and Weigend 1994, doi:10.1109/ICNN.1994.374138",
    examples=(
        example((0.0 + float(np.log(0.25)) + 0.25 / 0.25) / 4, target=[0, 1], pred=[0, 1.5], var=[1, 0.25]),
        example((float(np.log(4.0)) + 9.0 / 4.0) / 2, target=[2], pred=[5], std=[2]),
        example((1.0 + 9.0 * float(np.exp(-1.0))) / 2, target=[2], pred=[5], logvar=[1]),
        example((float(np.log(0.5)) + 9.0 / 0.5) / 2, {"eps": 0.5}, target=[2], pred=[5], var=[0]),
        example(
            (float(np.log(4.0)) + 9.0 / 4.0 + float(np.log(2 * np.pi))) / 2,
            {"full": True},
            target=[2],
            pred=[5],
            var=[4],
        ),
    ),
)
def gaussian_nll(
    target: RealD,
    pred: RealD,
    var: NotNegativeD | None = None,
    std: NotNegativeD | None = None,
    logvar: RealD | None = None,
    *,
    full: Annotated[bool, Param("add the constant log(2 pi)/2")] = False,
    eps: Annotated[float, Param("least variance", gt=0)] = 1e-6,
) -> Array:
    """Negative log-likelihood of a normal distribution.

    `(log v + e^2 / v) / 2`, `v = max(var, eps)`, from `var`, `std` (its square) or `logvar` (its exponential);
    `full` adds `log(2 pi) / 2`. With `v = 1` it is `half_squared_error`.
    """
    log_variance, precision = _spread(var, std, logvar, eps)
    residual = pred - target
    value = residual * precision
    value *= residual
    value += log_variance
    value *= 0.5
    if full:
        value += HALF_LOG_2PI
    return value


@gaussian_nll.gradient
def _(
    target: Array,
    pred: Array,
    var: Array | None = None,
    std: Array | None = None,
    logvar: Array | None = None,
    *,
    full: bool,
    eps: float,
) -> Array:
    return (pred - target) * _spread(var, std, logvar, eps)[1]


@gaussian_nll.finding("LC312")
def _(
    target: Array,
    pred: Array,
    var: Array | None = None,
    std: Array | None = None,
    logvar: Array | None = None,
    *,
    full: bool,
    eps: float,
) -> npt.NDArray[np.bool_]:
    if var is not None:
        raised = var < eps
    elif std is not None:
        raised = std < np.sqrt(eps)
    else:
        raised = np.asarray(logvar) < np.log(eps)
    rows: npt.NDArray[np.bool_] = np.logical_or.reduce(np.atleast_2d(raised), axis=0)
    return rows


def _spread(var: Array | None, std: Array | None, logvar: Array | None, eps: float) -> tuple[Array, Array]:
    """The logarithm of the variance and its inverse, the variance at least `eps`."""
    if var is not None:
        raised = np.maximum(var, eps)
        return np.log(raised), 1.0 / raised
    if std is not None:
        raised = np.maximum(std, np.sqrt(eps))
        inverse = 1.0 / raised
        return 2.0 * np.log(raised), inverse * inverse
    log_variance = np.maximum(np.asarray(logvar), np.log(eps))
    return log_variance, np.exp(-log_variance)


@likelihood(
    convex="yes (location)",
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    use_when="a median and its uncertainty are predicted together, with heavy tails",
    avoid_when="errors are Gaussian (gaussian_nll)",
    pitfalls="`scale` is the mean absolute deviation b, not the standard deviation, which is sqrt(2) b.",
    reference="Kotz, Kozubowski and Podgorski 2001, The Laplace Distribution, doi:10.1007/978-1-4612-0173-1",
    examples=(
        example(
            (float(np.log(3.0)) + 3.0 / 1.5 + float(np.log(0.5)) + 0.5 / 0.25) / 2,
            target=[2, 3],
            pred=[5, 2.5],
            scale=[1.5, 0.25],
        ),
    ),
)
def laplace_nll(target: RealD, pred: RealD, scale: PositiveD) -> Array:
    """Negative log-likelihood of a Laplace distribution.

    `log(2 b) + abs(e) / b`, `b = scale`. With `b = 1` it is `mae + log 2`.
    """
    return np.abs(pred - target) / scale + (np.log(scale) + LOG_2)


@laplace_nll.gradient
def _(target: Array, pred: Array, scale: Array) -> Array:
    return np.sign(pred - target) / scale


@likelihood(
    convex=False,
    robust=True,
    use_when="a location and its uncertainty are predicted, and outliers belong to the data",
    avoid_when="the degrees of freedom are unknown and there are few rows to learn them from",
    pitfalls="`scale` is not the standard deviation, which is scale * sqrt(df / (df - 2)) and infinite for df <= 2.",
    reference="Lange, Little and Taylor 1989, doi:10.1080/01621459.1989.10478852",
    examples=(
        # density for df = 1 (Cauchy): 1 / (pi s (1 + t^2)); 2: 1 / (s (2 + t^2)^1.5); 3: 6 sqrt 3 / (pi s (3 + t^2)^2)
        example(float(np.log(np.pi * 2.0 * (1 + 1.5**2))), target=[2], pred=[5], scale=[2], df=[1]),
        example(float(np.log(0.5 * (2 + 4.0) ** 1.5)), target=[3], pred=[2], scale=[0.5], df=[2]),
        example(
            float(np.log(np.pi * 4.0 * (3 + 0.75**2) ** 2 / (6 * np.sqrt(3)))), target=[-1], pred=[2], scale=[4], df=[3]
        ),
    ),
)
def student_t_nll(target: RealD, pred: RealD, scale: PositiveD, df: PositiveD) -> Array:
    """Negative log-likelihood of Student's t distribution.

    `log s + lgamma(df/2) - lgamma((df+1)/2) + log(pi df)/2 + (df+1)/2 log(1 + t^2/df)`, `t = e/s`, `s = scale`.
    It tends to `gaussian_nll(full=true)` with `std = s` as df grows; df = 1 is the Cauchy distribution.
    """
    half = 0.5 * df
    distance = np.abs(pred - target)
    ratio = distance / scale / np.sqrt(df)
    bounded = np.minimum(ratio, 1.0 / ratio)  # log(1 + r^2) = 2 log r + log(1 + r^-2): no square that overflows
    growth = np.log(np.maximum(ratio, 1.0))
    if not np.isfinite(growth.sum()):  # the ratio itself overflows where its logarithm does not
        growth = np.where(np.isinf(growth), np.log(distance) - np.log(scale) - 0.5 * np.log(df), growth)
    tail = np.log1p(bounded * bounded) + 2.0 * growth
    # The difference of the lgammas by Stirling's formula, which loses nothing where df is large.
    constant = HALF_LOG_2PI + excess(half, half + 0.5, np.full_like(half, 0.5)) + (binet(half) - binet(half + 0.5))
    value: Array = constant + np.log(scale) + (half + 0.5) * tail
    return value


@student_t_nll.gradient
def _(target: Array, pred: Array, scale: Array, df: Array) -> Array:
    t = (pred - target) / scale
    return (df + 1.0) / scale * (t / (df + t * t))


@likelihood(
    convex="yes (mu)",
    robust=False,
    use_when="positive targets whose relative error is normal: prices, durations, sizes",
    avoid_when="targets of 0, or targets near 0 that are only measurement noise",
    pitfalls="`mu` and `sigma` are those of log target; the mean of the target is exp(mu + sigma^2/2).",
    reference="Johnson, Kotz and Balakrishnan 1994, Continuous Univariate Distributions 1, chapter 14",
    examples=(
        example(
            float(np.log(3.0) + np.log(0.5) + np.log(2 * np.pi) / 2 + ((np.log(3.0) - 1.5) / 0.5) ** 2 / 2),
            target=[3],
            mu=[1.5],
            sigma=[0.5],
        ),
    ),
)
def lognormal_nll(target: PositiveD, mu: RealD, sigma: PositiveD) -> Array:
    """Negative log-likelihood of a log-normal distribution.

    `log x + log sigma + log(2 pi)/2 + ((log x - mu) / sigma)^2 / 2`, `x = target`: `gaussian_nll(full=true)` of
    `log x` with `std = sigma`, plus `log x`. The gradient is by `mu`.
    """
    log = np.log(target)
    z = (log - mu) / sigma
    return log + np.log(sigma) + HALF_LOG_2PI + 0.5 * z * z


@lognormal_nll.gradient_by("mu")
def _(target: Array, mu: Array, sigma: Array) -> Array:
    return (mu - np.log(target)) / sigma / sigma


@likelihood(
    convex="yes (rate)",
    robust=False,
    use_when="positive targets whose spread grows with their mean: waiting times, claims, rainfall",
    avoid_when="targets of 0 (tweedie_deviance with a power between 1 and 2)",
    pitfalls="`rate` is the inverse scale: the mean is shape / rate. With fixed shapes gamma_deviance ranks the same.",
    reference="McCullagh and Nelder 1989, Generalized Linear Models, chapter 8",
    examples=(
        example(
            float(np.log(2.0)) - 3.0 * float(np.log(0.5)) - 2.0 * float(np.log(5.0)) + 2.5,
            target=[5],
            shape=[3],
            rate=[0.5],
        ),
        example(-float(np.log(4.0)) + 4.0 * 0.25, target=[0.25], shape=[1], rate=[4]),
    ),
)
def gamma_nll(target: PositiveD, shape: PositiveD, rate: PositiveD) -> Array:
    """Negative log-likelihood of a gamma distribution.

    `lgamma(a) - a log r - (a - 1) log x + r x`, `x = target`, `a = shape`, `r = rate`; a = 1 is the exponential
    distribution. The gradient is by `rate`.
    """
    log = np.log(target)
    scaled = np.clip(rate * target, 1e-300, 1e300)
    value = excess(shape, scaled) + (log + HALF_LOG_2PI) + (binet(shape) - 0.5 * np.log(shape))
    # What the logarithm of a vanishing rate * target lacks, shape times; exactly 0 elsewhere.
    value += shape * (scaled <= 1e-300) * (LOG_LEAST - np.log(rate) - log)
    return value


@gamma_nll.gradient_by("rate")
def _(target: Array, shape: Array, rate: Array) -> Array:
    return target - shape / rate


@likelihood(
    elements=None,
    convex=False,
    robust="moderate",
    use_when="the target may have several modes (mixture density networks)",
    avoid_when="one mode is enough (gaussian_nll): mixtures are hard to fit",
    pitfalls="A component of weight 0 is left out. Densities: the value may be negative.",
    reference="Bishop 1994, Mixture density networks, Aston University NCRG/94/004",
    examples=(
        example(
            -float(np.log((0.25 * np.exp(-0.5) + 0.75 / 0.5 * np.exp(-4.5)) / np.sqrt(2 * np.pi))),
            target=[2],
            mixture_weights=[[0.25, 0.75]],
            means=[[3, 0.5]],
            stds=[[1, 0.5]],
        ),
        example(
            float(np.log(2.0) + np.log(2 * np.pi) / 2) + 1.125,
            target=[2],
            mixture_weights=[[0, 1]],
            means=[[2, 5]],
            stds=[[1, 2]],
        ),
    ),
)
def mixture_normal_nll(target: Real, mixture_weights: Distribution, means: Vector, stds: PositiveVector) -> Array:
    """Negative log-likelihood of a mixture of normal distributions.

    `-log sum_k w_k N(target; mean_k, std_k)`. One component is `gaussian_nll(full=true)`. The gradient is by `means`.
    """
    return HALF_LOG_2PI - logsumexp_k(_components(target, mixture_weights, means, stds))


@mixture_normal_nll.gradient_by("means")
def _(target: Array, mixture_weights: Array, means: Array, stds: Array) -> Array:
    share = softmax_k(_components(target, mixture_weights, means, stds))
    return share * ((means - target) / stds / stds)


def _components(target: Array, mixture_weights: Array, means: Array, stds: Array) -> Array:
    """`log w - log std - z^2/2` of each component."""
    z = (target - means) / stds
    z *= z
    z *= -0.5
    z += np.log(mixture_weights)
    z -= np.log(stds)
    return z
