"""Losses of generative models: variational autoencoders, diffusion, and comparisons in a feature space."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.entropies import expm1_gap
from lossctl.arithmetic.special import TINY
from lossctl.arithmetic.vectors import components, mean_k, sigmoid, softplus, sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import FeatureMap, LatentD, NotNegative, Real, RealD, UnitD
from lossctl.errors import UsageError

smooth = partial(loss, differentiable=True, smoothness="C-infinity")


@smooth(
    task="variational, generative",
    convex="in its two parts",
    robust="not applicable",
    scale="nats",
    dimension="nats",
    use_when="both parts of the bound were written down by the training run",
    avoid_when="the parts are to be computed here (vae_elbo)",
    pitfalls="The negative bound, a loss. Both parts must be sums over dimensions: a mean in one of them changes beta.",
    reference="Kingma and Welling 2014, arXiv:1312.6114; Higgins et al. 2017, beta-VAE, ICLR",
    examples=(
        example(12.5 + 3.2, recon=[12.5], kl=[3.2]),
        example(12.5 + 4 * 3.2, {"beta": 4.0}, recon=[12.5], kl=[3.2]),
    ),
)
def elbo(recon: Real, kl: Real, *, beta: Annotated[float, Param("the weight of the divergence", ge=0)] = 1.0) -> Array:
    """Negative evidence lower bound from its two parts.

    `recon + beta * kl`. The gradient is by `recon`.
    """
    return recon + beta * kl


@elbo.gradient_by("recon")
def _(recon: Array, kl: Array, *, beta: float) -> Array:
    return np.ones_like(recon)


@smooth(
    task="variational, generative",
    convex="in the reconstruction",
    robust="not applicable",
    scale="nats",
    dimension="nats",
    use_when="a variational autoencoder with a standard normal prior, per example",
    avoid_when="the decoder predicts a variance as well (gaussian_nll + gaussian_kl)",
    pitfalls=(
        "Sums over both spaces: a mean over pixels would make the divergence count more. `gaussian` has unit variance"
        " and leaves out D log(2 pi)/2."
    ),
    reference="Kingma and Welling 2014, arXiv:1312.6114; Higgins et al. 2017, beta-VAE, ICLR",
    examples=(
        example(
            (0.25 + 9.0) / 2 + (2.25 + 0.25 - 1 + float(np.log(4.0))) / 2,
            target=[[3, 2]],
            pred=[[2.5, 5]],
            mu=[[1.5]],
            logvar=[[-float(np.log(4.0))]],
        ),
        example(
            -float(np.log(0.8)) - float(np.log(0.75)) + 4 * 2.25 / 2,
            {"beta": 4.0, "reconstruction": "bernoulli"},
            target=[[1, 0]],
            pred=[[0.8, 0.25]],
            mu=[[1.5, 0]],
            logvar=[[0, 0]],
        ),
        example(
            float(np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-0.5))),
            {"reconstruction": "bernoulli_logits"},
            target=[[1, 0]],
            pred=[[2, -0.5]],
            mu=[[0]],
            logvar=[[0]],
        ),
    ),
)
def vae_elbo(
    target: RealD,
    pred: RealD,
    mu: LatentD,
    logvar: LatentD,
    *,
    beta: Annotated[float, Param("the weight of the divergence", ge=0)] = 1.0,
    reconstruction: Annotated[
        Literal["gaussian", "bernoulli", "bernoulli_logits"],
        Param("squared error, or probabilities or logits of pixels"),
    ] = "gaussian",
) -> Array:
    """Negative evidence lower bound of a variational autoencoder.

    `sum_D reconstruction + beta * sum_L (mu^2 + exp(logvar) - 1 - logvar)/2`: reconstruction is `half_squared_error`,
    `bce(eps=0)` or `bce_with_logits`, the divergence `gaussian_kl`.
    """
    divergence = expm1_gap(logvar)
    divergence += mu * mu
    return sum_k(_reconstruction(target, pred, reconstruction)) + 0.5 * beta * sum_k(divergence)


@vae_elbo.gradient
def _(target: Array, pred: Array, mu: Array, logvar: Array, *, beta: float, reconstruction: str) -> Array:
    match reconstruction:
        case "gaussian":
            return pred - target
        case "bernoulli":
            on, off = np.maximum(pred, TINY * (target == 0.0)), np.maximum(1.0 - pred, TINY * (target == 1.0))
            slope: Array = (1.0 - target) / off - target / on
            return slope
        case _:
            return sigmoid(pred) - target


@vae_elbo.domains
def _(*, reconstruction: str, **_: object) -> Mapping[str, Any]:
    if reconstruction == "gaussian":
        return {}
    return {"target": UnitD} if reconstruction == "bernoulli_logits" else {"target": UnitD, "pred": UnitD}


def _reconstruction(target: Array, pred: Array, reconstruction: str) -> Array:
    match reconstruction:
        case "gaussian":
            residual = pred - target
            residual *= residual
            residual *= 0.5
            return residual
        case "bernoulli":
            # 0 log 0 = 0: a probability of 0 or 1 is infinitely wrong only where the target is not the same.
            on = np.maximum(pred, TINY * (target == 0.0))
            off = np.minimum(pred, 1.0 - 0.5 * (target == 1.0))
            value: Array = (target - 1.0) * np.log1p(-off) - target * np.log(on)
            return value
        case _:
            return softplus(pred) - target * pred


@smooth(
    task="generative, diffusion",
    elements="mean",
    convex=True,
    robust=False,
    scale="quadratic",
    dimension="squared target units",
    use_when="a diffusion model's predictions of noise, velocity or clean data",
    avoid_when="likelihoods are wanted: the weighting is not that of the bound",
    pitfalls="The weight depends on what is predicted: min(snr, gamma) for x0, over snr for epsilon, snr + 1 for v.",
    reference="Ho, Jain and Abbeel 2020, arXiv:2006.11239; Hang et al. 2023, arXiv:2303.09556",
    examples=(
        example((0.25 + 9.0) / 2, target=[[3, 2]], pred=[[2.5, 5]]),
        example(
            ((0.25 + 9.0) / 2 * 5 / 8 + (0.25 + 9.0) / 2) / 2,
            {"snr_gamma": 5.0},
            target=[[3, 2], [3, 2]],
            pred=[[2.5, 5], [2.5, 5]],
            snr=[8, 0.5],
        ),
        example(
            (0.25 + 9.0) / 2 * 5 / 9, {"snr_gamma": 5.0, "prediction": "v"}, target=[[3, 2]], pred=[[2.5, 5]], snr=[8]
        ),
        example(9.0 * 2.5, {"snr_gamma": 5.0, "prediction": "x0"}, target=[2], pred=[5], snr=[2.5]),
    ),
)
def diffusion_mse(
    target: RealD,
    pred: RealD,
    snr: NotNegative | None = None,
    *,
    snr_gamma: Annotated[float | None, Param("the signal-to-noise ratio at which weights are cut", gt=0)] = None,
    prediction: Annotated[Literal["epsilon", "v", "x0"], Param("what the model predicts")] = "epsilon",
) -> Array:
    """Squared error of a diffusion model, weighted by its signal-to-noise ratio where asked.

    `mean_D e^2`, times `min(snr, gamma)/snr` (epsilon), `min(snr, gamma)/(snr + 1)` (v) or `min(snr, gamma)` (x0) when
    `snr_gamma` is given; without it `mse`.
    """
    residual = pred - target
    residual *= residual
    return residual if snr_gamma is None else residual * _min_snr(snr, snr_gamma, prediction)


@diffusion_mse.gradient
def _(target: Array, pred: Array, snr: Array | None = None, *, snr_gamma: float | None, prediction: str) -> Array:
    slope = 2.0 * (pred - target)
    return slope if snr_gamma is None else slope * _min_snr(snr, snr_gamma, prediction)


def _min_snr(snr: Array | None, snr_gamma: float, prediction: str) -> Array:
    if snr is None:
        raise UsageError("diffusion_mse: --snr-gamma needs --snr, the column of signal-to-noise ratios.")
    match prediction:
        case "epsilon":
            return np.minimum(snr_gamma / snr, 1.0)
        case "v":
            return np.minimum(snr, snr_gamma) / (snr + 1.0)
        case _:
            return np.minimum(snr, snr_gamma)


@smooth(
    task="image restoration, generative",
    convex="in the features",
    robust=False,
    scale="quadratic",
    dimension="squared feature units",
    use_when="images are compared by the features a network sees in them; the columns hold those features",
    avoid_when="the columns hold pixels (mse)",
    pitfalls="A sum over features; the paper divides by their number: `average`.",
    reference="Johnson, Alahi and Fei-Fei 2016, arXiv:1603.08155",
    examples=(
        example(0.25 + 9.0, target=[[3, 2]], pred=[[2.5, 5]]),
        example((0.25 + 9.0) / 2, {"average": True}, target=[[3, 2]], pred=[[2.5, 5]]),
    ),
)
def perceptual(
    target: RealD,
    pred: RealD,
    *,
    average: Annotated[bool, Param("the mean over features instead of their sum")] = False,
) -> Array:
    """Squared distance between the features of two images.

    `sum_D e^2`; `average`: `mean_D e^2`, which is `mse`.
    """
    residual = pred - target
    residual *= residual
    return mean_k(residual) if average else sum_k(residual)


@perceptual.gradient
def _(target: Array, pred: Array, *, average: bool) -> Array:
    return (2.0 / components(pred) if average else 2.0) * (pred - target)


@smooth(
    task="style transfer, generative",
    convex=False,
    robust=False,
    scale="of degree 4",
    dimension="feature units to the fourth power",
    use_when="textures are compared by the correlations of their features, wherever they occur",
    avoid_when="the place of things matters (perceptual)",
    pitfalls="Gram matrices are divided by C N here (Johnson); Gatys divides the squared difference by 4 C^2 N^2.",
    reference="Gatys, Ecker and Bethge 2016, doi:10.1109/CVPR.2016.265; Johnson et al. 2016, arXiv:1603.08155",
    examples=(
        # F F^T of the target: [[5, 1.5], [1.5, 2.25]], of the prediction: [[1, 3], [3, 9.25]]; C N = 4
        example((1.0**2 + 2 * 0.375**2 + 1.75**2) / 4, target=[[[1, 2], [1.5, 0]]], pred=[[[1, 0], [3, 0.5]]]),
    ),
)
def gram_style(target: FeatureMap, pred: FeatureMap) -> Array:
    """Mean squared difference of the Gram matrices of two feature maps.

    `mean_ij (G(pred) - G(target))_ij^2`, `G(F) = F F^T / (C N)`: C channels of N places each, F is `(C, N)`.
    """
    gap = _gram_gap(target, pred)
    value: Array = np.einsum("nij,nij->n", gap, gap) / max(len(pred) ** 2, 1)
    return value


@gram_style.gradient
def _(target: Array, pred: Array) -> Array:
    channels, places = pred.shape[:2]
    slope = _gram_gap(target, pred) @ np.moveaxis(pred, -1, 0)
    slope *= 4.0 / (channels**3 * places)
    return np.moveaxis(slope, 0, -1)


def _gram_gap(target: Array, pred: Array) -> Array:
    """`(n, C, C)`, the difference of the Gram matrices."""
    return _gram(pred) - _gram(target)


def _gram(features: Array) -> Array:
    rows = np.moveaxis(features, -1, 0)
    products: Array = rows @ rows.swapaxes(1, 2)
    products /= features.shape[0] * features.shape[1]
    return products
