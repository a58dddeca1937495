"""Floors of losses of a number or two per row: regression, likelihoods, binary labels, generative models, penalties."""

import numpy as np
from floors.cases import (
    COUNT,
    COUNTED,
    LABEL,
    LOGITS,
    MIXED,
    NEAR,
    ON_PROB,
    ON_SCORE,
    PAIR,
    POS,
    POSITIVE,
    PROB,
    RATE,
    STD,
    TAGS,
    Array,
    Case,
    F,
    Formula,
    Y,
    erfc,
    lgamma,
    sigmoid,
    softplus,
)

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def huber(target: Array, pred: Array) -> Array:
    residual = np.abs(pred - target)
    near = np.minimum(residual, 1)
    return near * (residual - 0.5 * near)


def geman_mcclure(target: Array, pred: Array) -> Array:
    square = (pred - target) ** 2
    return 2 * square / (square + 4)


def wing(target: Array, pred: Array) -> Array:
    residual = np.abs(pred - target)
    near = np.minimum(residual, 5)
    return 5 * np.log1p(near / 0.5) + residual - near


def pinball(target: Array, pred: Array, tau: float) -> Array:
    short = target - pred
    return np.maximum(tau * short, (tau - 1) * short)


def expectile(target: Array, pred: Array, tau: float) -> Array:
    short = target - pred
    return np.abs(tau - (short < 0)) * short**2


REGRESSION = [
    Case("mse", PAIR, lambda target, pred: (pred - target) ** 2),
    Case("half_squared_error", PAIR, lambda target, pred: 0.5 * (pred - target) ** 2),
    Case("mae", PAIR, lambda target, pred: np.abs(pred - target)),
    Case("huber", PAIR, huber),
    Case("smooth_l1", PAIR, huber),
    Case("pseudo_huber", PAIR, lambda target, pred: np.sqrt(1 + (pred - target) ** 2) - 1),
    Case("log_cosh", PAIR, lambda target, pred: np.log(np.cosh(pred - target))),
    Case("cauchy", PAIR, lambda target, pred: np.log1p((pred - target) ** 2 / 2)),
    Case("welsch", PAIR, lambda target, pred: 1 - np.exp((pred - target) ** 2 / -2)),
    Case("geman_mcclure", PAIR, geman_mcclure),
    Case(
        "tukey_biweight",
        PAIR,
        lambda target, pred: 4.685**2 / 6 * (1 - (1 - np.minimum(((pred - target) / 4.685) ** 2, 1)) ** 3),
    ),
    Case("wing", PAIR, wing),
    Case("quantile", PAIR, lambda target, pred: pinball(target, pred, 0.5)),
    Case("quantile", PAIR, lambda target, pred: pinball(target, pred, 0.9), {"tau": 0.9}),
    Case("expectile", PAIR, lambda target, pred: expectile(target, pred, 0.5)),
    Case("expectile", PAIR, lambda target, pred: expectile(target, pred, 0.8), {"tau": 0.8}),
    Case("epsilon_insensitive", PAIR, lambda target, pred: np.maximum(0, np.abs(pred - target) - 0.1)),
    Case("squared_epsilon_insensitive", PAIR, lambda target, pred: np.maximum(0, np.abs(pred - target) - 0.1) ** 2),
    Case("mape", PAIR, lambda target, pred: np.abs(pred - target) / np.maximum(np.abs(target), 2.220446049250313e-16)),
    Case("smape", PAIR, lambda target, pred: 2 * np.abs(pred - target) / (np.abs(target) + np.abs(pred))),
    Case("msle", POSITIVE, lambda target, pred: (np.log1p(pred) - np.log1p(target)) ** 2),
    Case("mase", {**PAIR, "scale": STD}, lambda target, pred, scale: np.abs(pred - target) / scale),
]


def stirling(target: Array) -> Array:
    """`log y!` by the approximation, for y > 1."""
    safe = np.maximum(target, 1)
    return (target > 1) * (safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe))


def gaussian(target: Array, pred: Array, var: Array) -> Array:
    return 0.5 * (np.log(var) + (pred - target) ** 2 / var)


def student(target: Array, pred: Array, scale: Array, df: Array) -> Array:
    tail = 0.5 * (df + 1) * np.log1p(((pred - target) / scale) ** 2 / df)
    return np.log(scale) + lgamma(df / 2) - lgamma((df + 1) / 2) + 0.5 * np.log(np.pi * df) + tail


def lognormal(target: Array, mu: Array, sigma: Array) -> Array:
    log = np.log(target)
    return log + np.log(sigma) + HALF_LOG_2PI + 0.5 * ((log - mu) / sigma) ** 2


def gamma(target: Array, shape: Array, rate: Array) -> Array:
    return lgamma(shape) - shape * np.log(rate) - (shape - 1) * np.log(target) + rate * target


def negative_binomial(target: Array, mean: Array, size: Array) -> Array:
    choose = lgamma(target + 1) + lgamma(size) - lgamma(target + size)
    return choose - size * np.log(size / (size + mean)) - target * np.log(mean / (size + mean))


def mixture(target: Array, mixture_weights: Array, means: Array, stds: Array) -> Array:
    density = mixture_weights / stds * np.exp(-0.5 * ((target - means) / stds) ** 2)
    return HALF_LOG_2PI - np.log(density.sum(axis=0))


def poisson_deviance(target: Array, pred: Array) -> Array:
    return 2 * (target * np.log(np.maximum(target, 1e-300) / pred) - target + pred)


def gamma_deviance(target: Array, pred: Array) -> Array:
    return 2 * (np.log(pred / target) + target / pred - 1)


def tweedie(power: float) -> Formula:
    a, b = 1 - power, 2 - power
    return lambda target, pred: 2 * (target**b / (a * b) - target * pred**a / a + pred**b / b)


LIKELIHOOD = [
    Case("poisson_nll", COUNTED, lambda target, pred: pred - target * np.log(pred + 1e-8)),
    Case(
        "poisson_nll",
        {"target": COUNT, "pred": F},
        lambda target, pred: np.exp(pred) - target * pred,
        {"log_input": True},
    ),
    Case(
        "poisson_nll",
        COUNTED,
        lambda target, pred: pred - target * np.log(pred + 1e-8) + lgamma(target + 1),
        {"full": "exact"},
    ),
    Case(
        "poisson_nll",
        COUNTED,
        lambda target, pred: pred - target * np.log(pred + 1e-8) + stirling(target),
        {"full": "stirling"},
    ),
    Case(
        "poisson_nll",
        {"target": COUNT, "pred": F},
        lambda target, pred: np.exp(pred) - target * pred + lgamma(target + 1),
        {"log_input": True, "full": "exact"},
    ),
    Case(
        "gaussian_nll",
        {**PAIR, "var": STD},
        lambda target, pred, var: gaussian(target, pred, np.maximum(var, 1e-6)),
        says="var",
    ),
    Case(
        "gaussian_nll",
        {**PAIR, "std": STD},
        lambda target, pred, std: gaussian(target, pred, np.maximum(std**2, 1e-6)),
        says="std",
    ),
    Case(
        "gaussian_nll",
        {**PAIR, "logvar": Y},
        lambda target, pred, logvar: 0.5 * (logvar + (pred - target) ** 2 * np.exp(-logvar)),
        says="logvar",
    ),
    Case(
        "laplace_nll",
        {**PAIR, "scale": STD},
        lambda target, pred, scale: np.log(2 * scale) + np.abs(pred - target) / scale,
    ),
    Case("student_t_nll", {**PAIR, "scale": STD, "df": RATE}, student),
    Case("lognormal_nll", {"target": POS, "mu": F, "sigma": STD}, lognormal),
    Case("gamma_nll", {"target": POS, "shape": RATE, "rate": STD}, gamma),
    Case("negative_binomial_nll", {"target": COUNT, "mean": RATE, "size": STD}, negative_binomial),
    Case(
        "mixture_normal_nll",
        {
            "target": Y,
            "mixture_weights": np.full(LOGITS.shape, 0.1),
            "means": LOGITS,
            "stds": np.exp(0.5 * LOGITS[::-1]),
        },
        mixture,
    ),
    Case("poisson_deviance", COUNTED, poisson_deviance),
    Case("poisson_deviance", NEAR, poisson_deviance, says="near"),
    Case("poisson_deviance", MIXED, poisson_deviance, says="mixed"),
    Case("gamma_deviance", POSITIVE, gamma_deviance),
    Case("gamma_deviance", NEAR, gamma_deviance, says="near"),
    Case("gamma_deviance", MIXED, gamma_deviance, says="mixed"),
    Case("tweedie_deviance", POSITIVE, tweedie(1.5)),
    Case("tweedie_deviance", NEAR, tweedie(1.5), says="near"),
    Case("tweedie_deviance", COUNTED, tweedie(1.5), says="counts"),
    Case("tweedie_deviance", POSITIVE, tweedie(1.3), {"power": 1.3}),
    Case("tweedie_deviance", POSITIVE, tweedie(3), {"power": 3.0}),
    Case("tweedie_deviance", POSITIVE, tweedie(-1), {"power": -1.0}),
    Case("tweedie_deviance", PAIR, lambda target, pred: (pred - target) ** 2, {"power": 0.0}),
    Case("tweedie_deviance", COUNTED, poisson_deviance, {"power": 1.0}),
    Case("tweedie_deviance", POSITIVE, gamma_deviance, {"power": 2.0}),
    Case("tweedie_deviance", NEAR, gamma_deviance, {"power": 2.0}, "near"),
]


def bce(target: Array, pred: Array) -> Array:
    return -(target * np.log(pred) + (1 - target) * np.log1p(-pred))


def weighted_bce(target: Array, pred: Array) -> Array:
    return (1 - target) * pred + (1 + 2 * target) * softplus(-pred)


def focal(gamma: float) -> Formula:
    def of_logits(target: Array, pred: Array) -> Array:
        p = sigmoid((2 * target - 1) * pred)
        return -((1 - p) ** gamma) * np.log(p)

    return of_logits


def focal_of_probs(target: Array, pred: Array) -> Array:
    p = target * pred + (1 - target) * (1 - pred)
    return -((1 - p) ** 2) * np.log(p)


def balanced_focal(target: Array, pred: Array) -> Array:
    return (0.25 * target + 0.75 * (1 - target)) * focal(2)(target, pred)


def margin(target: Array, pred: Array) -> Array:
    return (2 * target - 1) * pred


def smoothed_hinge(target: Array, pred: Array) -> Array:
    short = np.maximum(0, 1 - margin(target, pred))
    near = np.minimum(short, 1)
    return near * (short - 0.5 * near)


def modified_huber(target: Array, pred: Array) -> Array:
    short = np.maximum(0, 1 - margin(target, pred))
    near = np.minimum(short, 2)
    return near * (2 * short - near)


def asymmetric(target: Array, pred: Array) -> Array:
    p = sigmoid(pred)
    q = np.maximum(p - 0.05, 0)
    return -(target * np.log(p) + (1 - target) * q**4 * np.log(1 - q)).sum(axis=0)


def fully_asymmetric(target: Array, pred: Array) -> Array:
    p = sigmoid(pred)
    q = np.maximum(p - 0.05, 0)
    return -(target * (1 - p) * np.log(p) + (1 - target) * q**2.5 * np.log(1 - q)).sum(axis=0)


BINARY = [
    Case("bce", ON_PROB, bce),
    Case("bce", ON_PROB, lambda target, pred: bce(0.9 * target + 0.05, pred), {"label_smoothing": 0.1}),
    Case("bce_with_logits", ON_SCORE, lambda target, pred: softplus(pred) - target * pred),
    Case("bce_with_logits", ON_SCORE, weighted_bce, {"pos_weight": 3.0}),
    Case("multilabel_bce", TAGS, lambda target, pred: (softplus(pred) - target * pred).mean(axis=0)),
    Case(
        "multilabel_bce",
        {**TAGS, "pred": sigmoid(LOGITS)},
        lambda target, pred: bce(target, pred).mean(axis=0),
        {"input": "probs"},
    ),
    Case("binary_focal", ON_SCORE, focal(2)),
    Case("binary_focal", ON_SCORE, focal(1.5), {"gamma": 1.5}),
    Case("binary_focal", ON_SCORE, balanced_focal, {"alpha": 0.25}),
    Case("binary_focal", ON_PROB, focal_of_probs, {"input": "probs"}),
    Case("hinge", ON_SCORE, lambda target, pred: np.maximum(0, 1 - margin(target, pred))),
    Case("squared_hinge", ON_SCORE, lambda target, pred: np.maximum(0, 1 - margin(target, pred)) ** 2),
    Case("smoothed_hinge", ON_SCORE, smoothed_hinge),
    Case("modified_huber", ON_SCORE, modified_huber),
    Case("ramp", ON_SCORE, lambda target, pred: np.clip(1 - margin(target, pred), 0, 2)),
    Case("logistic", ON_SCORE, lambda target, pred: softplus(-margin(target, pred))),
    Case("exponential", ON_SCORE, lambda target, pred: np.exp(-margin(target, pred))),
    Case("perceptron", ON_SCORE, lambda target, pred: np.maximum(0, -margin(target, pred))),
    Case("brier", ON_PROB, lambda target, pred: (pred - target) ** 2),
    Case("zero_one", {"target": LABEL, "pred": F}, lambda target, pred: (pred > 0.5) != target, {"threshold": 0.5}),
    Case("asymmetric_multilabel", TAGS, asymmetric),
    Case("asymmetric_multilabel", TAGS, fully_asymmetric, {"gamma_pos": 1.0, "gamma_neg": 2.5}),
]

REAL, FAKE = {"real": Y, "fake": F}, {"fake": F}
BELIEVED = {"real": PROB, "fake": PROB[::-1].copy()}


def gaussian_kl(mu: Array, logvar: Array) -> Array:
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)


GENERATIVE = [
    Case("gan_discriminator", REAL, lambda real, fake: softplus(-real) + softplus(fake)),
    Case("gan_discriminator", BELIEVED, lambda real, fake: -np.log(real) - np.log(1 - fake), {"input": "probs"}),
    Case("gan_generator", FAKE, lambda fake: softplus(-fake)),
    Case("gan_generator", FAKE, lambda fake: -softplus(fake), {"mode": "minimax"}),
    Case("gan_generator", {"fake": PROB}, lambda fake: -np.log(fake), {"input": "probs"}),
    Case("lsgan_discriminator", REAL, lambda real, fake: 0.5 * ((real - 1) ** 2 + fake**2)),
    Case("lsgan_generator", FAKE, lambda fake: 0.5 * (fake - 1) ** 2),
    Case("hinge_gan_discriminator", REAL, lambda real, fake: np.maximum(0, 1 - real) + np.maximum(0, 1 + fake)),
    Case("wgan_critic", REAL, lambda real, fake: fake - real),
    Case("wgan_generator", FAKE, lambda fake: -fake),
    Case("gradient_penalty", {"norm": POS}, lambda norm: 10 * (norm - 1) ** 2),
    Case("elbo", {"recon": Y, "kl": POS}, lambda recon, kl: recon + 1.0 * kl),
    Case("gaussian_kl", {"mu": Y, "logvar": F}, gaussian_kl),
    Case("gaussian_kl", {"mu": Y, "logvar": 0.1 * F}, gaussian_kl, says="near"),
    Case("gaussian_kl", {"mu": Y, "logvar": 0.25 * F}, gaussian_kl, says="mixed"),
    Case("diffusion_mse", PAIR, lambda target, pred: (pred - target) ** 2, says="numbers"),
]


def crps_normal(target: Array, pred: Array, std: Array) -> Array:
    z = np.abs(target - pred) / std
    return std * (z * (1 - erfc(z / np.sqrt(2))) + np.sqrt(2 / np.pi) * np.exp(-0.5 * z * z) - 1 / np.sqrt(np.pi))


def interval_score(target: Array, lower: Array, upper: Array) -> Array:
    return (upper - lower) + 20 * np.maximum(lower - target, 0) + 20 * np.maximum(target - upper, 0)


DISTANCES = {"distance": POS, "target": LABEL}

OTHERS = [
    Case("crps_normal", {**PAIR, "std": STD}, crps_normal),
    Case("interval_score", {"target": Y, "lower": F, "upper": F + STD}, interval_score),
    Case("l2_penalty", {"coef": Y}, lambda coef: 1.0 * coef**2),
    Case("l1_penalty", {"coef": Y}, lambda coef: 1.0 * np.abs(coef)),
    Case("elastic_net", {"coef": Y}, lambda coef: 1.0 * (0.5 * np.abs(coef) + 0.25 * coef**2)),
    Case(
        "contrastive_distance",
        DISTANCES,
        lambda distance, target: target * distance**2 + (1 - target) * np.maximum(0, 1 - distance) ** 2,
    ),
    Case(
        "hinge_embedding",
        {"pred": POS, "target": LABEL},
        lambda pred, target: target * pred + (1 - target) * np.maximum(0, 1 - pred),
    ),
    Case(
        "margin_ranking",
        {"pred": Y, "other": F, "target": LABEL},
        lambda pred, other, target: np.maximum(0, (1 - 2 * target) * (pred - other)),
    ),
    Case(
        "triplet_distance",
        {"d_positive": POS, "d_negative": RATE},
        lambda d_positive, d_negative: np.maximum(0, d_positive - d_negative + 1),
    ),
]

CASES = [*REGRESSION, *LIKELIHOOD, *BINARY, *GENERATIVE, *OTHERS]
