"""Oracles of family B, negative log-likelihoods and deviances."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.special
import scipy.stats as st
import torch
import torch.nn.functional as nn
from cases import Column, Columns, Family, array, draw, row_case, uneven, xlogy
from mpmath import mp
from peers import Peer, add_rows, each, summing_to_one, tag, tensor, weights
from sklearn import metrics

Exact = mp.mpf
Params = dict[str, object]
ZERO, TWO = Exact(0), Exact(2)
TINY, MILLIONTH, POWER = Exact(1e-8), Exact(1e-6), Exact(1.5)
ROWS = 11


# ------------------------------------------------------------------------------------------------------- the formulas
def log_two_pi() -> Exact:
    return mp.log(2 * mp.pi)


def poisson_nll(target: Exact, pred: Exact, log_input: bool = False, full: str = "none", eps: Exact = TINY) -> Exact:
    if log_input:
        loss = mp.exp(pred) - target * pred
    else:
        loss = mp.inf if pred + eps == 0 and target > 0 else pred - (0 if target == 0 else target * mp.log(pred + eps))
    if full == "exact":
        loss += mp.loggamma(target + 1)
    if full == "stirling" and target > 1:
        loss += target * mp.log(target) - target + mp.log(2 * mp.pi * target) / 2
    return loss


def gaussian_nll(
    target: Exact,
    pred: Exact,
    var: Exact | None = None,
    std: Exact | None = None,
    logvar: Exact | None = None,
    full: bool = False,
    eps: Exact = MILLIONTH,
) -> Exact:
    given = var if var is not None else std**2 if std is not None else mp.exp(logvar)
    v = max(given, eps)
    return (mp.log(v) + (pred - target) ** 2 / v + (log_two_pi() if full else 0)) / 2


def laplace_nll(target: Exact, pred: Exact, scale: Exact) -> Exact:
    return mp.log(2 * scale) + abs(pred - target) / scale


def student_t_nll(target: Exact, pred: Exact, scale: Exact, df: Exact) -> Exact:
    t = (target - pred) / scale
    density = mp.gamma((df + 1) / 2) / (mp.sqrt(df * mp.pi) * mp.gamma(df / 2) * scale)
    return -mp.log(density) + (df + 1) / 2 * mp.log(1 + t**2 / df)


def lognormal_nll(target: Exact, mu: Exact, sigma: Exact) -> Exact:
    x = mp.log(target)
    return x + mp.log(sigma) + log_two_pi() / 2 + ((x - mu) / sigma) ** 2 / 2


def gamma_nll(target: Exact, shape: Exact, rate: Exact) -> Exact:
    return mp.loggamma(shape) - shape * mp.log(rate) - (shape - 1) * mp.log(target) + rate * target


def negative_binomial_nll(target: Exact, mean: Exact, size: Exact) -> Exact:
    """Variance mean + mean^2 / size: `size` failures at success probability mean / (size + mean)."""
    p = size / (size + mean)
    return mp.log(mp.beta(target + 1, size) * (target + size)) - size * mp.log(p) - xlogy(target, 1 - p)


def mixture_normal_nll(
    target: Exact, mixture_weights: Sequence[Exact], means: Sequence[Exact], stds: Sequence[Exact]
) -> Exact:
    """At 50 digits with an unbounded exponent, the density needs no care."""
    triples = zip(mixture_weights, means, stds, strict=True)
    return -mp.log(
        mp.fsum(w * mp.exp(-(((target - m) / s) ** 2) / 2) / (s * mp.sqrt(2 * mp.pi)) for w, m, s in triples)
    )


def poisson_deviance(target: Exact, pred: Exact) -> Exact:
    return 2 * (xlogy(target, target / pred) - target + pred)


def gamma_deviance(target: Exact, pred: Exact) -> Exact:
    return 2 * (mp.log(pred / target) + target / pred - 1)


def tweedie_deviance(target: Exact, pred: Exact, power: Exact = POWER) -> Exact:
    """Jorgensen 1987; powers 0, 1 and 2 are its limits."""
    if power == 0:
        return (target - pred) ** 2
    if power == 1:
        return poisson_deviance(target, pred)
    if power == 2:
        return gamma_deviance(target, pred)
    a, b = 1 - power, 2 - power
    return 2 * (max(target, ZERO) ** b / (a * b) - target * pred**a / a + pred**b / b)


# ---------------------------------------------------------------------------------------------------------- the peers
def torch_poisson(
    target: Column, pred: Column, log_input: bool = False, full: str = "none", eps: float = 1e-8
) -> torch.Tensor:
    said = {"log_input": log_input, "full": full == "stirling", "eps": eps, "reduction": "none"}
    return nn.poisson_nll_loss(tensor(pred), tensor(target), **said)


def scipy_poisson(target: Column, pred: Column, log_input: bool = False, **_: object) -> np.ndarray:
    return -st.poisson.logpmf(array(target), np.exp(array(pred)) if log_input else array(pred))


def torch_gaussian(
    target: Column,
    pred: Column,
    var: Column | None = None,
    std: Column | None = None,
    logvar: Column | None = None,
    full: bool = False,
    eps: float = 1e-6,
) -> torch.Tensor:
    v = tensor(var) if var is not None else tensor(std) ** 2 if std is not None else tensor(logvar).exp()
    return nn.gaussian_nll_loss(tensor(pred), tensor(target), v, full=full, eps=eps, reduction="none")


def scipy_rows(density: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda **columns: -density(**{name: array(column) for name, column in columns.items()})


def scipy_mixture(target: np.ndarray, mixture_weights: np.ndarray, means: np.ndarray, stds: np.ndarray) -> np.ndarray:
    return scipy.special.logsumexp(st.norm.logpdf(target[:, None], means, stds), axis=1, b=mixture_weights)


DENSITIES: dict[str, tuple[Callable[..., Exact], Peer, str | None]] = {
    loss: (formula, Peer(oracle, "scipy", scipy_rows(density)), gradient)
    for loss, formula, oracle, density, gradient in (
        (
            "laplace_nll",
            laplace_nll,
            "scipy.stats.laplace.logpdf",
            lambda target, pred, scale: st.laplace.logpdf(target, pred, scale),
            "pred",
        ),
        (
            "student_t_nll",
            student_t_nll,
            "scipy.stats.t.logpdf",
            lambda target, pred, scale, df: st.t.logpdf(target, df, pred, scale),
            "pred",
        ),
        (
            "lognormal_nll",
            lognormal_nll,
            "scipy.stats.lognorm.logpdf",
            lambda target, mu, sigma: st.lognorm.logpdf(target, sigma, scale=np.exp(mu)),
            None,
        ),
        (
            "gamma_nll",
            gamma_nll,
            "scipy.stats.gamma.logpdf",
            lambda target, shape, rate: st.gamma.logpdf(target, shape, scale=1 / rate),
            None,
        ),
        (
            "negative_binomial_nll",
            negative_binomial_nll,
            "scipy.stats.nbinom.logpmf",
            lambda target, mean, size: st.nbinom.logpmf(target, size, size / (size + mean)),
            None,
        ),
        (
            "mixture_normal_nll",
            mixture_normal_nll,
            "scipy.stats.norm.logpdf and logsumexp",
            scipy_mixture,
            None,
        ),
    )
}


# --------------------------------------------------------------------------------------------------------------- data
def counts(name: str) -> Column:
    """Zero and one are always among them: stirling starts above one."""
    return [*draw(f"{name} counts").negative_binomial(2, 0.2, ROWS - 3).tolist(), 0, 1, 2]


def positive(name: str, scale: float = 2.0, rows: int = ROWS) -> Column:
    return uneven(0.05 + draw(f"{name} positive").gamma(1.6, scale, rows))


def real(name: str, rows: int = ROWS) -> Column:
    return uneven(draw(f"{name} real").normal(0.4, 3.1, rows))


def apart(name: str, target: Column) -> Column:
    """Predictions well off the target, on both sides: a deviance close to zero is a difference of equal numbers."""
    rng = draw(f"{name} apart")
    factor = np.exp(rng.choice([-1, 1], len(target)) * rng.uniform(0.35, 1.6, len(target)))
    return uneven(np.where(array(target) == 0, 0.7, array(target)) * factor)


def mixture(name: str, rows: int = ROWS) -> Columns:
    rng = draw(f"{name} mixture")
    return {
        "target": real(name, rows),
        "mixture_weights": summing_to_one(rng.gamma(1.2, 1.0, (rows, 3)) + 0.05),
        "means": uneven(rng.normal(0.4, 3.0, (rows, 3))),
        "stds": uneven(0.2 + rng.gamma(1.5, 0.9, (rows, 3))),
    }


def drawn(loss: str) -> Columns:
    """Columns from the domain of each density."""
    pair = {"target": real(f"{loss} t"), "pred": real(f"{loss} p"), "scale": positive(f"{loss} s")}
    return {
        "laplace_nll": lambda: pair,
        "student_t_nll": lambda: {**pair, "df": positive(f"{loss} df", 6.0)},
        "lognormal_nll": lambda: {
            "target": positive(f"{loss} t"), "mu": real(f"{loss} mu"), "sigma": positive(f"{loss} s", 0.8),
        },
        "gamma_nll": lambda: {
            "target": positive(f"{loss} t"), "shape": positive(f"{loss} a"), "rate": positive(f"{loss} r"),
        },
        "negative_binomial_nll": lambda: {
            "target": counts(loss), "mean": positive(f"{loss} m", 5.0), "size": positive(f"{loss} s", 3.0),
        },
        "mixture_normal_nll": lambda: mixture(loss),
    }[loss]()  # fmt: skip


EDGES: dict[str, Columns] = {
    "laplace_nll": {
        "target": [0.0, 1e8, -1e8, 1e-9, 2.5], "pred": [0.0, -1e8, 1e8, -1e-9, 2.5],
        "scale": [1.0, 0.3, 1e8, 1e-9, 4.5],
    },
    "student_t_nll": {
        "target": [0.0, 1e8, -1e8, 1e-3, 2.5, -7.5], "pred": [0.0, -1e8, 1e8, -1e-3, 2.5, 4.0],
        "scale": [1.0, 0.3, 1e8, 1e-3, 4.5, 0.01], "df": [1.0, 0.4, 3.0, 30.0, 2.0, 150.0],
    },
    "lognormal_nll": {
        "target": [1.0, 1e-9, 1e8, 1.0, 7.25], "mu": [0.0, 0.3, -4.5, 100.0, -100.0],
        "sigma": [1.0, 0.2, 5.5, 0.3, 40.0],
    },
    "gamma_nll": {
        "target": [1.0, 1e-9, 1e8, 3.25, 0.5], "shape": [1.0, 0.4, 2.5, 1.0, 60.0],
        "rate": [1.0, 2.5, 1e-8, 1e-3, 40.0],
    },
    "negative_binomial_nll": {
        "target": [0, 0, 1, 400, 3, 0], "mean": [1e-9, 1e8, 1.0, 0.3, 1e8, 2.5],
        "size": [2.5, 0.7, 1.0, 4.5, 0.3, 100.0],
    },
    "mixture_normal_nll": {
        "target": [0.0, 1e3, -1e3, 2.5, 1e8],
        "mixture_weights": [[1.0, 0.0], [0.5, 0.5], [0.25, 0.75], [0.0, 1.0], [0.125, 0.875]],
        "means": [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.5, -1.5], [-1e8, 0.0]],
        "stds": [[1.0, 2.0], [0.3, 0.7], [0.5, 0.5], [0.01, 3.5], [1e3, 1.0]],
    },
}  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- cases
def add_poisson(family: Family) -> None:
    loss = "poisson_nll"
    from_torch = Peer("torch.nn.functional.poisson_nll_loss", "torch", torch_poisson)
    from_scipy = Peer("scipy.stats.poisson.logpmf", "scipy", scipy_poisson)
    settings: tuple[Params, ...] = (
        {}, {"eps": 0.0}, {"eps": 0.3}, {"full": "stirling"}, {"full": "exact"}, {"full": "exact", "eps": 0.0},
        {"log_input": True}, {"log_input": True, "full": "stirling"}, {"log_input": True, "full": "exact"},
    )  # fmt: skip
    for params in settings:
        name, log = loss + tag(params), params.get("log_input", False)
        exact = params.get("full") == "exact"
        agrees = log or params.get("eps") == 0.0
        peers = ((from_scipy,) if agrees else ()) if exact else (from_torch,)
        pred = uneven(np.log(array(positive(name, 4.0)))) if log else positive(name, 4.0)
        columns = {"target": counts(name), "pred": pred}
        add_rows(family, name, loss, columns, poisson_nll, params=params, peers=peers, gradient="pred")
        family.add(row_case(f"{name}-weights", loss, columns, poisson_nll, params=params, weight=weights(name, ROWS)))
        rates = [300.0, -300.0, 0.0, 1e-9, -40.0] if log else [0.0, 0.0, 1e-9, 1e8, 1e8]
        edges: Columns = {"target": [0, 3, 1, 0, 170], "pred": rates}
        family.add(row_case(f"{name}-edges", loss, edges, poisson_nll, params=params))


def add_gaussian(family: Family) -> None:
    loss = "gaussian_nll"
    peers = (Peer("torch.nn.functional.gaussian_nll_loss", "torch", torch_gaussian),)
    spreads: dict[str, Column] = {
        "var": [0.0, 1e-9, 1e-6, 1e8, 1.0, 4.5], "std": [0.0, 1e-9, 1e-3, 1e8, 1.0, 4.5],
        "logvar": [-1e3, -14.0, -13.5, 600.0, 0.0, 1.5],
    }  # fmt: skip
    for role, extremes in spreads.items():
        for params in ({}, {"full": True}, {"eps": 0.75}):
            name = f"{loss}-{role}{tag(params)}"
            spread = real(name) if role == "logvar" else positive(name)
            columns = {"target": real(f"{name} t"), "pred": real(f"{name} p"), role: spread}
            said = {"params": params, "peers": peers, "gradient": "pred"}
            add_rows(family, name, loss, columns, gaussian_nll, **said)
            edges = {
                "target": [0.0, 1e-3, -1e3, 1e8, 2.5, -2.5],
                "pred": [0.0, -1e-3, 1e3, -1e8, 2.5, 3.5],
                role: extremes,
            }
            family.add(row_case(f"{name}-edges", loss, edges, gaussian_nll, params=params))
        said = {"peers": peers, "weight": weights(name, ROWS)}
        add_rows(family, f"{loss}-{role}-weights", loss, columns, gaussian_nll, **said)


def add_densities(family: Family) -> None:
    for loss, (formula, peer, gradient) in DENSITIES.items():
        columns = drawn(loss)
        add_rows(family, loss, loss, columns, formula, peers=(peer,), gradient=gradient)
        family.add(row_case(f"{loss}-weights", loss, columns, formula, weight=weights(loss, ROWS)))
        family.add(row_case(f"{loss}-edges", loss, EDGES[loss], formula))


def add_deviances(family: Family) -> None:
    tweedie = metrics.mean_tweedie_deviance
    choices: tuple[tuple[str, Callable[..., Exact], Params, Callable[..., float], str], ...] = (
        ("poisson_deviance", poisson_deviance, {}, metrics.mean_poisson_deviance, "zero"),
        ("gamma_deviance", gamma_deviance, {}, metrics.mean_gamma_deviance, "positive"),
        ("tweedie_deviance", tweedie_deviance, {}, tweedie, "zero"),
        *(
            ("tweedie_deviance", tweedie_deviance, {"power": power}, tweedie, domain)
            for power, domain in (
                (-1.5, "real"), (0.0, "real"), (1.0, "zero"), (1.15, "zero"), (1.9, "zero"), (2.0, "positive"),
                (2.4, "positive"), (3.0, "positive"),
            )
        ),
    )  # fmt: skip
    for loss, formula, params, function, domain in choices:
        name = loss + tag(params)
        size = positive(name)
        target = {"zero": [*size[:-2], 0.0, 0.0], "positive": size, "real": [*size[:-4], 0.0, *(-x for x in size[-3:])]}
        columns = {"target": target[domain], "pred": [abs(p) for p in apart(name, target[domain])]}
        more = {"power": params.get("power", 1.5)} if loss == "tweedie_deviance" else {}
        one = each(lambda t, p, f=function, more=more: f([t], [p], **more))
        peer = Peer(
            f"sklearn.metrics.{function.__name__}", "scikit-learn", lambda target, pred, one=one, **_: one(target, pred)
        )
        add_rows(family, name, loss, columns, formula, params=params, peers=(peer,), gradient="pred")
        weight = weights(name, ROWS)
        value = float(function(columns["target"], columns["pred"], sample_weight=weight, **more))
        said = {"params": params, "weight": weight, "value": value, "oracle": peer.oracle, "package": "scikit-learn"}
        family.add(row_case(f"{name}-sklearn-mean-weights", loss, columns, formula, **said))
        edges: Columns = {"target": [1e-9, 1e8, 3.5, 1e8], "pred": [2.5, 1e-3, 1e8, 7.5]}
        family.add(row_case(f"{name}-edges", loss, edges, formula, params=params))
    ties: Columns = {"target": [1.0, 3.7, 1e8, 1e-9], "pred": [1.0, 3.7, 1e8, 1e-9]}
    for loss, formula in (("poisson_deviance", poisson_deviance), ("gamma_deviance", gamma_deviance)):
        family.add(row_case(f"{loss}-ties", loss, ties, formula))


def add_articles(family: Family) -> None:
    count: Columns = {"target": [2, 0, 4], "pred": [1.5, 0.5, 3.0]}
    family.add(row_case("article-poisson_nll", "poisson_nll", count, poisson_nll, params={"eps": 0.0}))
    normal: Columns = {"target": [0.0, 1.0], "pred": [0.0, 1.5], "var": [1.0, 0.25]}
    family.add(row_case("article-gaussian_nll", "gaussian_nll", normal, gaussian_nll))


def build() -> Family:
    family = Family("likelihood", ["torch", "numpy", "scipy", "mpmath", "scikit-learn"])
    for add in (add_poisson, add_gaussian, add_densities, add_deviances, add_articles):
        add(family)
    return family
