"""Oracles of family A, regression: row losses by formula and peer, drawn, weighted, and at their kinks and extremes.

Statistics of a whole unit are in `regression_sets.py`.
"""

import math
from collections.abc import Callable

import kornia.losses
import numpy as np
import optax
import regression_sets
import scipy.special
import torch
import torch.nn.functional as nn
import torchmetrics.functional as tm
from cases import Case, Column, Columns, Family, array, draw, elementwise, load_file, named, row_case, uneven
from mpmath import mp
from peers import NOTHING, Peer, Rows, add_rows, each, one_by_one, optax_rows, tag, tensor, torch_rows, torch_scalar
from sklearn import metrics
from sklearn.linear_model import _sgd_fast as sgd

Exact = mp.mpf
ONE, FIVE, HALF, TENTH = Exact(1), Exact(5), Exact(0.5), Exact(0.1)
BIWEIGHT, EPSILON = Exact(4.685), Exact(2.220446049250313e-16)
wing_loss = load_file("segmentation_models_pytorch", "losses/_functional.py").wing_loss


# ------------------------------------------------------------------------------------------- the formulas, one element
def mse(target: Exact, pred: Exact) -> Exact:
    return (pred - target) ** 2


def half_squared_error(target: Exact, pred: Exact) -> Exact:
    return (pred - target) ** 2 / 2


def mae(target: Exact, pred: Exact) -> Exact:
    return abs(pred - target)


def huber(target: Exact, pred: Exact, delta: Exact = ONE) -> Exact:
    e = abs(pred - target)
    return e**2 / 2 if e <= delta else delta * (e - delta / 2)


def smooth_l1(target: Exact, pred: Exact, beta: Exact = ONE) -> Exact:
    e = abs(pred - target)
    return e**2 / (2 * beta) if e < beta else e - beta / 2


def pseudo_huber(target: Exact, pred: Exact, delta: Exact = ONE) -> Exact:
    return delta**2 * (mp.sqrt(1 + ((pred - target) / delta) ** 2) - 1)


def log_cosh(target: Exact, pred: Exact) -> Exact:
    return mp.log(mp.cosh(pred - target))


def cauchy(target: Exact, pred: Exact, scale: Exact = ONE) -> Exact:
    return mp.log(1 + ((pred - target) / scale) ** 2 / 2)


def welsch(target: Exact, pred: Exact, scale: Exact = ONE) -> Exact:
    return 1 - mp.exp(-(((pred - target) / scale) ** 2) / 2)


def geman_mcclure(target: Exact, pred: Exact, scale: Exact = ONE) -> Exact:
    u = ((pred - target) / scale) ** 2
    return 2 * u / (u + 4)


def tukey_biweight(target: Exact, pred: Exact, c: Exact = BIWEIGHT) -> Exact:
    e = abs(pred - target)
    return c**2 / 6 * (1 - (1 - (e / c) ** 2) ** 3) if e <= c else c**2 / 6


def quantile(target: Exact, pred: Exact, tau: Exact = HALF) -> Exact:
    u = target - pred
    return tau * u if u >= 0 else (tau - 1) * u


def expectile(target: Exact, pred: Exact, tau: Exact = HALF) -> Exact:
    u = target - pred
    return (1 - tau if u < 0 else tau) * u**2


def epsilon_insensitive(target: Exact, pred: Exact, epsilon: Exact = TENTH) -> Exact:
    return max(Exact(0), abs(pred - target) - epsilon)


def squared_epsilon_insensitive(target: Exact, pred: Exact, epsilon: Exact = TENTH) -> Exact:
    return epsilon_insensitive(target, pred, epsilon) ** 2


def wing(target: Exact, pred: Exact, width: Exact = FIVE, curvature: Exact = HALF) -> Exact:
    e = abs(pred - target)
    if e < width:
        return width * mp.log(1 + e / curvature)
    return e - (width - width * mp.log(1 + width / curvature))


def mape(target: Exact, pred: Exact, epsilon: Exact = EPSILON) -> Exact:
    return abs(pred - target) / max(abs(target), epsilon)


def smape(target: Exact, pred: Exact) -> Exact:
    size = abs(target) + abs(pred)
    return Exact(0) if size == 0 else 2 * abs(pred - target) / size


def msle(target: Exact, pred: Exact) -> Exact:
    return (mp.log1p(pred) - mp.log1p(target)) ** 2


def scaled_error(target: Exact, pred: Exact, scale: Exact) -> Exact:
    """Mase with a scale column."""
    return abs(pred - target) / scale


# ------------------------------------------------------------------------------------------ the peers, by element
def scipy_rows(function: Callable[..., np.ndarray]) -> Rows:
    return lambda target, pred, delta=1.0: function(delta, array(pred) - array(target))


def kornia_rows(function: Callable[..., torch.Tensor]) -> Rows:
    """Kornia has no scale: the residual is divided before."""

    def rows(target: Column, pred: Column, scale: float = 1.0) -> np.ndarray:
        e = torch.tensor((array(pred) - array(target)) / scale)
        return function(e, torch.zeros_like(e), reduction="none").numpy()

    return rows


def sgd_rows(kind: type) -> Rows:
    return each(lambda t, p, epsilon=0.1: kind(epsilon).py_loss(p, t))


PEERS: dict[str, tuple[Peer, ...]] = {
    "mse": (
        Peer("torch.nn.functional.mse_loss", "torch", torch_rows(nn.mse_loss)),
        Peer("sklearn.metrics.mean_squared_error", "scikit-learn", one_by_one(metrics.mean_squared_error)),
        Peer("optax.squared_error", "optax", optax_rows(optax.squared_error)),
    ),
    "half_squared_error": (Peer("optax.l2_loss", "optax", optax_rows(optax.l2_loss)),),
    "mae": (
        Peer("torch.nn.functional.l1_loss", "torch", torch_rows(nn.l1_loss)),
        Peer("sklearn.metrics.mean_absolute_error", "scikit-learn", one_by_one(metrics.mean_absolute_error)),
    ),
    "huber": (
        Peer("torch.nn.functional.huber_loss", "torch", torch_rows(nn.huber_loss)),
        Peer("scipy.special.huber", "scipy", scipy_rows(scipy.special.huber)),
    ),
    "smooth_l1": (Peer("torch.nn.functional.smooth_l1_loss", "torch", torch_rows(nn.smooth_l1_loss)),),
    "pseudo_huber": (Peer("scipy.special.pseudo_huber", "scipy", scipy_rows(scipy.special.pseudo_huber)),),
    "log_cosh": (Peer("optax.log_cosh", "optax", optax_rows(optax.log_cosh)),),
    "cauchy": (Peer("kornia.losses.cauchy_loss", "kornia", kornia_rows(kornia.losses.cauchy_loss)),),
    "welsch": (Peer("kornia.losses.welsch_loss", "kornia", kornia_rows(kornia.losses.welsch_loss)),),
    "geman_mcclure": (
        Peer("kornia.losses.geman_mcclure_loss", "kornia", kornia_rows(kornia.losses.geman_mcclure_loss)),
    ),
    "quantile": (
        Peer(
            "sklearn.metrics.mean_pinball_loss",
            "scikit-learn",
            one_by_one(metrics.mean_pinball_loss, tau="alpha"),
        ),
    ),
    "epsilon_insensitive": (
        Peer("sklearn.linear_model EpsilonInsensitive", "scikit-learn", sgd_rows(sgd.EpsilonInsensitive)),
    ),
    "squared_epsilon_insensitive": (
        Peer("sklearn.linear_model SquaredEpsilonInsensitive", "scikit-learn", sgd_rows(sgd.SquaredEpsilonInsensitive)),
    ),
    "wing": (Peer("segmentation_models_pytorch wing_loss", "segmentation_models_pytorch", torch_rows(wing_loss)),),
    "mape": (
        Peer(
            "sklearn.metrics.mean_absolute_percentage_error",
            "scikit-learn",
            one_by_one(metrics.mean_absolute_percentage_error),
            NOTHING,
        ),
    ),
    "smape": (
        Peer(
            "torchmetrics symmetric_mean_absolute_percentage_error",
            "torchmetrics",
            torch_scalar(tm.symmetric_mean_absolute_percentage_error),
        ),
    ),
    "msle": (
        Peer("sklearn.metrics.mean_squared_log_error", "scikit-learn", one_by_one(metrics.mean_squared_log_error)),
    ),
}

# Loss -> its formula, the settings tried (the first is the default), and the residuals where a setting has a kink.
Setting = dict[str, float]
LOSSES: dict[str, tuple[Callable[..., Exact], tuple[tuple[Setting, tuple[float, ...]], ...]]] = {
    "mse": (mse, (({}, ()),)),
    "half_squared_error": (half_squared_error, (({}, ()),)),
    "mae": (mae, (({}, ()),)),
    "huber": (huber, (({}, (1.0,)), ({"delta": 0.7}, (0.7,)), ({"delta": 13.5}, (13.5,)))),
    "smooth_l1": (smooth_l1, (({}, (1.0,)), ({"beta": 0.3}, (0.3,)), ({"beta": 4.5}, (4.5,)), ({"beta": 0.0}, ()))),
    "pseudo_huber": (pseudo_huber, (({}, ()), ({"delta": 0.7}, ()), ({"delta": 5.5}, ()))),
    "log_cosh": (log_cosh, (({}, ()),)),
    "cauchy": (cauchy, (({}, ()), ({"scale": 0.35}, ()), ({"scale": 7.5}, ()))),
    "welsch": (welsch, (({}, ()), ({"scale": 0.85}, ()), ({"scale": 7.5}, ()))),
    "geman_mcclure": (geman_mcclure, (({}, ()), ({"scale": 0.35}, ()), ({"scale": 7.5}, ()))),
    "tukey_biweight": (tukey_biweight, (({}, (4.685,)), ({"c": 1.75}, (1.75,)))),
    "quantile": (
        quantile,
        (({}, ()), ({"tau": 0.9}, ()), ({"tau": 0.05}, ()), ({"tau": 0.0}, ()), ({"tau": 1.0}, ())),
    ),
    "expectile": (expectile, (({}, ()), ({"tau": 0.9}, ()), ({"tau": 0.15}, ()))),
    "epsilon_insensitive": (epsilon_insensitive, (({}, (0.1,)), ({"epsilon": 1.25}, (1.25,)), ({"epsilon": 0.0}, ()))),
    "squared_epsilon_insensitive": (
        squared_epsilon_insensitive,
        (({}, (0.1,)), ({"epsilon": 1.25}, (1.25,)), ({"epsilon": 0.0}, ())),
    ),
    "wing": (wing, (({}, (5.0,)), ({"width": 2.5}, (2.5,)), ({"width": 1.5, "curvature": 3.5}, (1.5,)))),
    "mape": (mape, (({}, ()), ({"epsilon": 0.75}, ()))),
    "smape": (smape, (({}, ()),)),
    "msle": (msle, (({}, ()),)),
}


# --------------------------------------------------------------------------------------------------------------- data
def drawn(loss: str, shape: tuple[int, ...]) -> Columns:
    """Residuals of every size around one, none on a kink; msle needs more than -1, optax's log_cosh big ones."""
    rng = draw(f"{loss}{shape}")
    target = rng.normal(1.3, 4.1, shape)
    residual = rng.normal(0.2, 1.0, shape) * rng.choice([0.3, 1.7, 6.1], shape)
    pred = target + residual + (np.sign(residual) if loss == "log_cosh" else 0.0)
    if loss == "msle":
        target, pred = rng.gamma(0.9, 21.0, shape), rng.gamma(1.1, 19.0, shape)
    return {"target": uneven(target), "pred": uneven(pred)}


def edges(kinks: tuple[float, ...]) -> Columns:
    """Both sides of zero and of each kink, exactly on it, and the extremes."""
    residuals = [0.0, 1e-9, -1e-9, 1e-4, -1e-4, 1e8, -1e8]
    residuals += [s * r for k in kinks for r in (k, math.nextafter(k, 0), math.nextafter(k, 9e9)) for s in (1, -1)]
    pairs = [(0.0, r) for r in residuals] + [(1.25, 1.25), (-2.5, 3.75), (3.75, -2.5), (5e7, -5e7), (-1e-9, 0.0)]
    return {"target": [t for t, _ in pairs], "pred": [p for _, p in pairs]}


EDGES: dict[str, Columns] = {
    "mape": {"target": [0.0, 0.0, 1e-9, -1e-9, -3.7, 1e8, 2.5], "pred": [0.0, 0.3, 1e-8, 1e-9, 3.7, -1e8, 2.5]},
    "smape": {"target": [0.0, 0.0, 0.0, 1e-9, -3.7, 1e8, 2.5], "pred": [0.0, 0.3, -7e7, 3e-9, 3.7, 1e-9, 2.5]},
    "msle": {"target": [0.0, 0.0, 1e-9, -0.75, 1e8, 2.5, -0.999], "pred": [0.0, 1e-9, 0.0, 3.5, 0.0, 2.5, 1e8]},
}


def add_loss(family: Family, loss: str) -> None:
    """Per setting: drawn numbers, drawn rows of three with weights (both by every peer), then the edges by formula."""
    formula, settings = LOSSES[loss]
    formula = elementwise(formula)
    peers = PEERS.get(loss, ())
    weight = uneven([*draw(f"{loss} weight").gamma(1.5, 1.0, 7), 0.0], 3)
    for params, kinks in settings:
        column, matrix, name = drawn(loss, (12,)), drawn(loss, (8, 3)), loss + tag(params)
        add_rows(family, name, loss, column, formula, params=params, peers=peers, gradient="pred")
        said = {"params": params, "weight": weight, "gradient": "pred"}
        add_rows(family, f"{name}-outputs", loss, matrix, formula, peers=peers, **said)
        family.add(row_case(f"{name}-edges", loss, EDGES.get(loss, edges(kinks)), formula, params=params))


def add_scaled_error(family: Family) -> None:
    rng = draw("mase scale")
    columns = {**drawn("mase", (10,)), "scale": uneven(rng.gamma(2.0, 1.5, 10))}
    family.add(row_case("mase-scale-column", "mase", columns, scaled_error, gradient="pred"))
    weight = uneven(rng.gamma(1.5, 1.0, 10), 3)
    family.add(row_case("mase-scale-column-weights", "mase", columns, scaled_error, weight=weight))


def add_reductions(family: Family) -> None:
    """Torch's mean and sum on (N, D) are over elements; ours over rows, unless asked."""
    columns = drawn("reductions", (9, 3))
    elements = (array(columns["pred"]) - array(columns["target"])) ** 2
    target, pred = tensor(columns["target"]), tensor(columns["pred"])
    values = {
        "mean-elements": nn.mse_loss(pred, target),
        "sum-elements": nn.mse_loss(pred, target, reduction="sum"),
        "sum": elements.mean(axis=1).sum(),
        "mean-rows": elements.mean(axis=1).mean(),
    }
    for reduction, value in values.items():
        oracle, package = "torch.nn.functional.mse_loss", named("torch")
        case = Case(f"mse-{reduction}", "mse", columns, oracle, package, reduction=reduction, value=float(value))
        family.add(case)


def add_articles(family: Family) -> None:
    """What the articles print, from the formulas."""
    columns: Columns = {"target": [3.0, -0.5, 2.0, 7.0], "pred": [2.5, 0.0, 2.0, 8.0]}
    plain: tuple[tuple[str, Setting], ...] = (
        ("mse", {}), ("mae", {}), ("huber", {}), ("smooth_l1", {}), ("log_cosh", {}), ("quantile", {"tau": 0.8}),
    )  # fmt: skip
    for loss, params in plain:
        family.add(row_case(f"article-{loss}", loss, columns, LOSSES[loss][0], params=params))
    relative: Columns = {"target": [100.0, 200.0, 300.0], "pred": [90.0, 210.0, 290.0]}
    for loss in ("mape", "msle"):
        family.add(row_case(f"article-{loss}", loss, relative, LOSSES[loss][0]))


# Loss, peer, where the peer differs from the catalogue; the formula is what the cases hold.
DISAGREEMENTS = (
    (
        "log_cosh",
        "optax.losses.log_cosh",
        "loses digits for small residuals: 0 at 1e-9, 9 digits right at 1e-4",
    ),
    (
        "concordance_loss",
        "torchmetrics concordance_corrcoef",
        "variances and covariance have ddof 1; the catalogue's ddof is 0",
    ),
    (
        "smape",
        "torchmetrics symmetric_mean_absolute_percentage_error",
        "the denominator is at least 1.17e-6, and 0/0 is 0 by that",
    ),
    (
        "wape",
        "torchmetrics weighted_mean_absolute_percentage_error",
        "the denominator is at least 1.17e-6",
    ),
)


def build() -> Family:
    packages = [
        "torch", "numpy", "scipy", "mpmath", "scikit-learn", "optax", "kornia", "torchmetrics",
        "segmentation_models_pytorch",
    ]  # fmt: skip
    family = Family("regression", packages)
    for loss in LOSSES:
        add_loss(family, loss)
    add_scaled_error(family)
    add_reductions(family)
    regression_sets.add_all(family)
    add_articles(family)
    for loss, peer, what in DISAGREEMENTS:
        family.disagree(loss, peer, what)
    return family
