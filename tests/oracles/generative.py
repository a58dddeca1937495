"""Oracles of family J, generative models: adversarial losses, variational bounds, diffusion, features."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as nn
from cases import Column, Columns, Family, array, draw, row_case, softplus, uneven
from mpmath import mp
from units import by_row

Numbers = list[mp.mpf]
ZERO = mp.mpf(0)
BCE, MSE = "torch.nn.functional.binary_cross_entropy", "torch.nn.functional.mse_loss"
VAE = "torch.distributions.kl_divergence and a reconstruction in torch"


# ------------------------------------------------------------------------------------------------------------ formulas
def minus_log(p: mp.mpf) -> mp.mpf:
    """-log p, infinite at 0."""
    return -mp.log(p) if p else mp.inf


def gan_discriminator(real: mp.mpf, fake: mp.mpf, input: str = "logits") -> mp.mpf:
    """-log D(x) - log(1 - D(G(z)))."""
    if input == "probs":
        return minus_log(real) + minus_log(1 - fake)
    return softplus(-real) + softplus(fake)


def gan_generator(fake: mp.mpf, mode: str = "nonsaturating", input: str = "logits") -> mp.mpf:
    """-log D(G(z)), or log(1 - D(G(z)))."""
    if input == "probs":
        return minus_log(fake) if mode == "nonsaturating" else -minus_log(1 - fake)
    return softplus(-fake) if mode == "nonsaturating" else -softplus(fake)


def lsgan_discriminator(real: mp.mpf, fake: mp.mpf, a: object = 0, b: object = 1) -> mp.mpf:
    return ((real - mp.mpf(b)) ** 2 + (fake - mp.mpf(a)) ** 2) / 2


def lsgan_generator(fake: mp.mpf, c: object = 1) -> mp.mpf:
    return (fake - mp.mpf(c)) ** 2 / 2


def hinge_gan_discriminator(real: mp.mpf, fake: mp.mpf) -> mp.mpf:
    return max(ZERO, 1 - real) + max(ZERO, 1 + fake)


def wgan_critic(real: mp.mpf, fake: mp.mpf, sign: str = "minimise") -> mp.mpf:
    return fake - real if sign == "minimise" else real - fake


def wgan_generator(fake: mp.mpf) -> mp.mpf:
    return -fake


def gradient_penalty(norm: mp.mpf, lam: object = 10) -> mp.mpf:
    return mp.mpf(lam) * (norm - 1) ** 2


def elbo(recon: mp.mpf, kl: mp.mpf, beta: object = 1) -> mp.mpf:
    return recon + mp.mpf(beta) * kl


def xlog(x: mp.mpf, p: mp.mpf) -> mp.mpf:
    """-x log p with 0 log 0 = 0."""
    return x * minus_log(p) if x else ZERO


RECONSTRUCTION: dict[str, Callable[[mp.mpf, mp.mpf], mp.mpf]] = {
    "gaussian": lambda x, y: (x - y) ** 2 / 2,
    "bernoulli": lambda x, p: xlog(x, p) + xlog(1 - x, 1 - p),
    "bernoulli_logits": lambda x, s: (1 - x) * s + softplus(-s),
}


def vae_elbo(
    target: Numbers, pred: Numbers, mu: Numbers, logvar: Numbers, beta: object = 1, reconstruction: str = "gaussian"
) -> mp.mpf:
    """The reconstruction's negative log-likelihood and beta times the divergence from the unit normal."""
    nll = mp.fsum(RECONSTRUCTION[reconstruction](x, y) for x, y in zip(target, pred, strict=True))
    kl = mp.fsum(m**2 + mp.exp(v) - 1 - v for m, v in zip(mu, logvar, strict=True)) / 2
    return nll + mp.mpf(beta) * kl


def squares(target: Numbers, pred: Numbers) -> mp.mpf:
    return mp.fsum((y - x) ** 2 for x, y in zip(target, pred, strict=True))


def diffusion_mse(
    target: Numbers, pred: Numbers, snr: mp.mpf | None = None, snr_gamma: object = None, prediction: str = "epsilon"
) -> mp.mpf:
    """The mean square, weighted by min(snr, gamma) over what the prediction target's own weight is."""
    mean = squares(target, pred) / len(target)
    if snr_gamma is None or snr is None:
        return mean
    return mean * min(snr, mp.mpf(snr_gamma)) / {"epsilon": snr, "v": snr + 1, "x0": 1}[prediction]


def perceptual(target: Numbers, pred: Numbers, average: object = False) -> mp.mpf:
    return squares(target, pred) / (len(target) if average else 1)


def gram_style(target: list[Numbers], pred: list[Numbers]) -> mp.mpf:
    """The mean square of the difference of F F^T / (C N)."""

    def gram(features: list[Numbers]) -> list[Numbers]:
        size = len(features) * len(features[0])
        return [[mp.fsum(a * b for a, b in zip(x, y, strict=True)) / size for y in features] for x in features]

    return squares([g for row in gram(target) for g in row], [g for row in gram(pred) for g in row]) / len(target) ** 2


# --------------------------------------------------------------------------------------------------------------- cases
def tensors(columns: Columns, *roles: str) -> list[torch.Tensor]:
    return [torch.tensor(array(columns[role])) for role in roles]


def adversarial_cases(family: Family) -> None:
    """GAN, LSGAN, hinge GAN, WGAN, its gradient penalty: one real and one fake score per row."""
    put = partial(by_row, family)
    rng = draw("gan")
    scores: Columns = {"real": uneven(rng.normal(1, 2, 8), 4), "fake": uneven(rng.normal(-1, 2, 8), 4)}
    real, fake = tensors(scores, "real", "fake")
    one, zero = torch.ones(8, dtype=torch.float64), torch.zeros(8, dtype=torch.float64)
    bce = partial(nn.binary_cross_entropy_with_logits, reduction="none")
    put("gan_discriminator", gan_discriminator, scores, {}, "", bce(real, one) + bce(fake, zero), BCE,
        weight=[1, 0.5, 2, 0, 1.25, 3, 1, 1])  # fmt: skip
    far: Columns = {"real": [800, -800, 40, 0], "fake": [-750, 900, 0, 36.5]}
    put("gan_discriminator", gan_discriminator, far, {}, "far")
    only: Columns = {"fake": scores["fake"]}
    put("gan_generator", gan_generator, only, {}, "", bce(fake, one), BCE)
    put("gan_generator", gan_generator, only, {"mode": "minimax"}, "minimax", -bce(fake, zero), BCE)
    put("gan_generator", gan_generator, {"fake": far["fake"]}, {"mode": "minimax"}, "minimax-far")
    put("gan_generator", gan_generator, {"fake": far["fake"]}, {}, "far")

    probs: Columns = {role: uneven(rng.uniform(0.02, 0.98, 7), 4) for role in ("real", "fake")}
    real, fake = tensors(probs, "real", "fake")
    one, zero = torch.ones(7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    bce, read = partial(nn.binary_cross_entropy, reduction="none"), {"input": "probs"}
    put("gan_discriminator", gan_discriminator, probs, read, "probs", bce(real, one) + bce(fake, zero), BCE)
    only = {"fake": probs["fake"]}
    put("gan_generator", gan_generator, only, read, "probs", bce(fake, one), BCE)
    put("gan_generator", gan_generator, only, {**read, "mode": "minimax"}, "probs-minimax", -bce(fake, zero), BCE)
    ends: Columns = {"real": [1, 0, 0.25], "fake": [0, 0.5, 1]}
    put("gan_discriminator", gan_discriminator, ends, read, "probs-ends")
    put("gan_generator", gan_generator, {"fake": [1, 0, 0.25]}, read, "probs-ends")

    for loss, formula, roles, settings in (
        ("lsgan_discriminator", lsgan_discriminator, ("real", "fake"), ({}, {"a": -1, "b": 0.75})),
        ("lsgan_generator", lsgan_generator, ("fake",), ({}, {"c": 0.25})),
        ("hinge_gan_discriminator", hinge_gan_discriminator, ("real", "fake"), ({},)),
        ("wgan_critic", wgan_critic, ("real", "fake"), ({}, {"sign": "distance"})),
        ("wgan_generator", wgan_generator, ("fake",), ({},)),
    ):
        columns: Columns = {role: [*scores[role], 1, -1, 0] for role in roles}
        for params in settings:
            put(loss, formula, columns, params, "-".join(params))
    norms: Columns = {"norm": [*uneven(draw("norm").uniform(0, 3, 6), 4), 1, 0]}
    for params in ({}, {"lam": 0.5}):
        put("gradient_penalty", gradient_penalty, norms, params, "-".join(params))


def bound_cases(family: Family) -> None:
    """elbo, vae_elbo: torch's binary cross-entropy and its divergence of normals."""
    put = partial(by_row, family)
    rng = draw("elbo")
    columns: Columns = {"recon": uneven(rng.uniform(0, 20, 6), 4), "kl": uneven(rng.uniform(0, 5, 6), 4)}
    for params in ({}, {"beta": 4}, {"beta": 0}):
        put("elbo", elbo, columns, params, f"beta{params['beta']}" if params else "")

    latent: Columns = {"mu": uneven(rng.normal(0, 1.5, (7, 2)), 4), "logvar": uneven(rng.normal(-0.5, 1, (7, 2)), 4)}
    mu, logvar = tensors(latent, "mu", "logvar")
    normal = torch.distributions.Normal
    kl = torch.distributions.kl_divergence(normal(mu, (logvar / 2).exp()), normal(0 * mu, 1 + 0 * mu)).sum(-1)
    soft = uneven(rng.uniform(0, 1, (7, 4)), 4)
    soft[0] = [0, 1, 1, 0]
    images: dict[str, tuple[Column, Column]] = {
        "gaussian": (uneven(rng.normal(0, 1, (7, 4)), 4), uneven(rng.normal(0, 1, (7, 4)), 4)),
        "bernoulli": (soft, uneven(rng.uniform(0.02, 0.98, (7, 4)), 4)),
        "bernoulli_logits": (soft, uneven(rng.normal(0, 3, (7, 4)), 4)),
    }
    bce = {"bernoulli": nn.binary_cross_entropy, "bernoulli_logits": nn.binary_cross_entropy_with_logits}
    for kind, (target, pred) in images.items():
        columns = {"target": target, "pred": pred, **latent}
        x, y = tensors(columns, "target", "pred")
        nll = (x - y) ** 2 / 2 if kind == "gaussian" else bce[kind](y, x, reduction="none")
        for params in ({}, {"beta": 0.25}):
            said = params if kind == "gaussian" else {**params, "reconstruction": kind}
            rows = nll.sum(-1) + params.get("beta", 1) * kl
            put("vae_elbo", vae_elbo, columns, said, "-".join((kind, *params)), rows, VAE,
                gradient=None if params else "pred")  # fmt: skip
    certain: Columns = {
        "target": [[0, 1], [1, 0.5], [0, 1]], "pred": [[0, 1], [0.5, 0.25], [0, 0]],
        "mu": [[0], [0.5], [1]], "logvar": [[0], [-1], [0.5]],
    }  # fmt: skip
    put("vae_elbo", vae_elbo, certain, {"reconstruction": "bernoulli"}, "bernoulli-ends")


def feature_cases(family: Family) -> None:
    """diffusion_mse, perceptual, gram_style."""
    put = partial(by_row, family)
    rng = draw("features")
    columns: Columns = {role: uneven(rng.normal(0, 1, (7, 4)), 4) for role in ("target", "pred")}
    x, y = tensors(columns, "target", "pred")
    each = nn.mse_loss(y, x, reduction="none")
    put("diffusion_mse", diffusion_mse, columns, {}, "", each.mean(-1), MSE, gradient="pred")
    put("perceptual", perceptual, columns, {}, "", each.sum(-1), MSE, gradient="pred")
    put("perceptual", perceptual, columns, {"average": True}, "average", each.mean(-1), MSE)
    noisy: Columns = {**columns, "snr": [0.05, 0.75, 4.99, 5, 5.01, 40, 2500]}
    for prediction in ("epsilon", "v", "x0"):
        params = {"snr_gamma": 5} if prediction == "epsilon" else {"snr_gamma": 5, "prediction": prediction}
        put("diffusion_mse", diffusion_mse, noisy, params, f"snr-{prediction}",
            gradient="pred" if prediction == "v" else None)  # fmt: skip
    put("diffusion_mse", diffusion_mse, noisy, {"snr_gamma": 1.5}, "snr-gamma", weight=[1, 2, 0.5, 0, 1, 3, 1])

    features: Columns = {role: uneven(rng.normal(0, 1, (4, 3, 5)), 4) for role in ("target", "pred")}
    features["pred"][2] = features["target"][2]
    f, g = (torch.einsum("rcn,rdn->rcd", side, side) / 15 for side in tensors(features, "target", "pred"))
    put("gram_style", gram_style, features, {}, "", nn.mse_loss(g, f, reduction="none").mean((1, 2)), MSE)


def build() -> Family:
    """Every loss of family J but ctc."""
    family = Family("generative", ["torch", "mpmath", "numpy"])
    for cases in (adversarial_cases, bound_cases, feature_cases):
        cases(family)
    family.add(row_case("article-elbo", "elbo", {"recon": [12.5], "kl": [3.2]}, elbo))
    family.disagree("gan_discriminator, gan_generator, vae_elbo", "torch.binary_cross_entropy",
                    "a probability of 0 where 1 is due is worth 100, not infinity")  # fmt: skip
    return family
