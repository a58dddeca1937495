"""Losses of generative adversarial networks. `real` and `fake` are the discriminator's outputs for data and samples."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import sigmoid, softplus
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import NotNegative, RealD, UnitD

adversarial = partial(
    loss, task="generative", elements="mean", convex=True, differentiable=True, smoothness="C-infinity"
)


@adversarial(
    robust="not applicable",
    scale="nats",
    dimension="nats",
    use_when="how well the discriminator of a standard GAN tells data from samples",
    avoid_when="the critic has no probabilities (hinge_gan_discriminator, wgan_critic)",
    pitfalls="The sum of both parts; some tools take their mean, half of it. 2 log 2 is what guessing costs.",
    reference="Goodfellow et al. 2014, arXiv:1406.2661",
    examples=(
        example(float(np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-0.5))), real=[2], fake=[-0.5]),
        example(-float(np.log(0.8)) - float(np.log(0.75)), {"input": "probs"}, real=[0.8], fake=[0.25]),
    ),
)
def gan_discriminator(
    real: RealD,
    fake: RealD,
    *,
    input: Annotated[Literal["logits", "probs"], Param("what the discriminator gives")] = "logits",
) -> Array:
    """Loss of a discriminator that gives the probability of being real.

    `softplus(-real) + softplus(fake)`, of probabilities `-log D(x) - log(1 - D(G(z)))`: the sum of two `bce`. The
    gradient is by `fake`.
    """
    if input == "logits":
        return softplus(-real) + softplus(fake)
    return -np.log(real) - np.log1p(-fake)


@gan_discriminator.gradient_by("fake")
def _(real: Array, fake: Array, *, input: str) -> Array:
    return sigmoid(fake) if input == "logits" else 1.0 / (1.0 - fake)


@gan_discriminator.domains
def _(*, input: str, **_: object) -> Mapping[str, Any]:
    return {} if input == "logits" else {"real": UnitD, "fake": UnitD}


@adversarial(
    convex="nonsaturating: yes, minimax: no",
    robust="not applicable",
    scale="nats",
    dimension="nats",
    use_when="how well the generator of a standard GAN fools its discriminator",
    avoid_when="the critic has no probabilities (wgan_generator)",
    pitfalls="minimax is negative and saturates where the discriminator wins, so nonsaturating is the default.",
    reference="Goodfellow et al. 2014, arXiv:1406.2661",
    examples=(
        example(float(np.log1p(np.exp(0.5))), fake=[-0.5]),
        example(-float(np.log1p(np.exp(-0.5))), {"mode": "minimax"}, fake=[-0.5]),
        example(-float(np.log(0.25)), {"input": "probs"}, fake=[0.25]),
        example(float(np.log(0.75)), {"mode": "minimax", "input": "probs"}, fake=[0.25]),
    ),
)
def gan_generator(
    fake: RealD,
    *,
    mode: Annotated[Literal["nonsaturating", "minimax"], Param("-log D(G(z)), or log(1 - D(G(z)))")] = "nonsaturating",
    input: Annotated[Literal["logits", "probs"], Param("what the discriminator gives")] = "logits",
) -> Array:
    """Loss of a generator against a discriminator that gives the probability of being real.

    `softplus(-fake)`, of probabilities `-log D(G(z))`; minimax: `-softplus(fake)`, `log(1 - D(G(z)))`.
    """
    if input == "logits":
        return softplus(-fake) if mode == "nonsaturating" else -softplus(fake)
    return -np.log(fake) if mode == "nonsaturating" else np.log1p(-fake)


@gan_generator.gradient_by("fake")
def _(fake: Array, *, mode: str, input: str) -> Array:
    if input == "logits":
        return -sigmoid(-fake) if mode == "nonsaturating" else -sigmoid(fake)
    return -1.0 / fake if mode == "nonsaturating" else -1.0 / (1.0 - fake)


@gan_generator.domains
def _(*, input: str, **_: object) -> Mapping[str, Any]:
    return {} if input == "logits" else {"fake": UnitD}


@adversarial(
    robust=False,
    scale="quadratic",
    dimension="squared score units",
    use_when="a discriminator trained by least squares, whose scores aim at fixed values",
    avoid_when="the discriminator gives probabilities or logits (gan_discriminator)",
    pitfalls="The 1/2 is the paper's; many implementations leave it out.",
    reference="Mao et al. 2017, arXiv:1611.04076",
    examples=(
        example((0.25 + 0.09) / 2, real=[1.5], fake=[0.3]),
        example((0.25 + 1.69) / 2, {"a": -1.0, "b": 1.0}, real=[1.5], fake=[0.3]),
    ),
)
def lsgan_discriminator(
    real: RealD,
    fake: RealD,
    *,
    a: Annotated[float, Param("the score that samples should get")] = 0.0,
    b: Annotated[float, Param("the score that data should get")] = 1.0,
) -> Array:
    """Loss of a discriminator trained by least squares.

    `((real - b)^2 + (fake - a)^2) / 2`. The gradient is by `fake`.
    """
    above, below = real - b, fake - a
    return 0.5 * (above * above + below * below)


@lsgan_discriminator.gradient_by("fake")
def _(real: Array, fake: Array, *, a: float, b: float) -> Array:
    return fake - a


@adversarial(
    robust=False,
    scale="quadratic",
    dimension="squared score units",
    use_when="the generator against a discriminator trained by least squares",
    avoid_when="the discriminator gives probabilities or logits (gan_generator)",
    pitfalls="The 1/2 is the paper's; many implementations leave it out.",
    reference="Mao et al. 2017, arXiv:1611.04076",
    examples=(
        example(0.49 / 2, fake=[0.3]),
        example(0.09 / 2, {"c": 0.0}, fake=[0.3]),
    ),
)
def lsgan_generator(
    fake: RealD, *, c: Annotated[float, Param("the score that the generator wants for its samples")] = 1.0
) -> Array:
    """Loss of a generator against a discriminator trained by least squares.

    `(fake - c)^2 / 2`.
    """
    gap = fake - c
    return 0.5 * gap * gap


@lsgan_generator.gradient_by("fake")
def _(fake: Array, *, c: float) -> Array:
    return fake - c


@adversarial(
    differentiable="no (kink)",
    robust="not applicable",
    smoothness="C0",
    scale="linear",
    dimension="margin units",
    use_when="a discriminator that need only separate data from samples by a margin",
    avoid_when="scores are wanted as probabilities (gan_discriminator)",
    pitfalls="Its generator is wgan_generator: -fake. The sum of both parts, not their mean.",
    reference="Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957",
    examples=(example((0.7 + 0.0 + 0.0 + 1.5) / 2, real=[0.3, 2], fake=[-1.5, 0.5]),),
)
def hinge_gan_discriminator(real: RealD, fake: RealD) -> Array:
    """Hinge loss of a discriminator.

    `max(0, 1 - real) + max(0, 1 + fake)`: the sum of two `hinge`. The gradient is by `fake`.
    """
    return np.maximum(1.0 - real, 0.0) + np.maximum(1.0 + fake, 0.0)


@hinge_gan_discriminator.gradient_by("fake")
def _(real: Array, fake: Array) -> Array:
    return (fake > -1.0).astype(np.float64)


@adversarial(
    robust="not applicable",
    scale="linear",
    dimension="score units",
    use_when="the critic of a Wasserstein GAN: its negative estimates the distance between data and samples",
    avoid_when="the critic is not 1-Lipschitz (add gradient_penalty): the value then means nothing",
    pitfalls="Not bounded below, and negative for a good critic. `distance` has the opposite sign.",
    reference="Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875",
    examples=(
        example(0.5 - 2.0, real=[2], fake=[0.5]),
        example(2.0 - 0.5, {"sign": "distance"}, real=[2], fake=[0.5]),
    ),
)
def wgan_critic(
    real: RealD,
    fake: RealD,
    *,
    sign: Annotated[
        Literal["minimise", "distance"], Param("the critic's loss, or its negative, the distance it estimates")
    ] = "minimise",
) -> Array:
    """Loss of a Wasserstein critic.

    `fake - real`, to be minimised; `distance`: `real - fake`. The gradient is by `fake`.
    """
    return fake - real if sign == "minimise" else real - fake


@wgan_critic.gradient_by("fake")
def _(real: Array, fake: Array, *, sign: str) -> Array:
    return np.full_like(fake, 1.0 if sign == "minimise" else -1.0)


@adversarial(
    robust="not applicable",
    scale="linear",
    dimension="score units",
    use_when="the generator against a Wasserstein critic or a hinge discriminator",
    avoid_when="values of different critics are to be compared: their scores have no common scale",
    pitfalls="Its level means nothing by itself: the scores of a critic have no zero.",
    reference="Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875",
    examples=(example((-0.5 + 1.5) / 2, fake=[0.5, -1.5]),),
)
def wgan_generator(fake: RealD) -> Array:
    """Loss of a generator against a Wasserstein critic.

    `-fake`.
    """
    return -fake


@wgan_generator.gradient_by("fake")
def _(fake: Array) -> Array:
    return np.full_like(fake, -1.0)


@loss(
    task="generative",
    convex="yes for norms",
    differentiable=True,
    robust=False,
    smoothness="C-infinity",
    scale="quadratic",
    dimension="squared gradient units",
    use_when="how far a critic is from having gradients of norm 1",
    avoid_when="the gradients themselves are given: take their norm first",
    pitfalls="Two-sided: a norm below 1 costs as well. The norm is that at points between data and samples.",
    reference="Gulrajani et al. 2017, arXiv:1704.00028",
    examples=(
        example((10 * 0.25 + 10 * 0.09) / 2, norm=[1.5, 0.7]),
        example(2 * 0.25, {"lam": 2.0}, norm=[0.5]),
    ),
)
def gradient_penalty(
    norm: NotNegative, *, lam: Annotated[float, Param("the weight of the penalty", ge=0)] = 10.0
) -> Array:
    """Penalty on a critic's gradient norms.

    `lam (norm - 1)^2`.
    """
    excess = norm - 1.0
    return lam * (excess * excess)


@gradient_penalty.gradient_by("norm")
def _(norm: Array, *, lam: float) -> Array:
    return 2.0 * lam * (norm - 1.0)
