"""Oracles of family E, divergences between distributions: P is the target, Q the prediction."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import scipy.special
import scipy.stats as st
import scoringrules
import torch
import torch.distributions as td
import torch.nn.functional as nn
from cases import Case, Column, Columns, Family, array, draw, log_softmax, named, parts, row_case, uneven, unit_case
from mpmath import mp
from peers import Peer, add_rows, summing_to_one, tag, tensor, weights
from scipy.spatial.distance import jensenshannon

Exact = mp.mpf
Vector = Sequence[Exact]
Params = dict[str, object]
ZERO = Exact(0)
ROWS, CLASSES = 10, 4


# ------------------------------------------------------------------------------------------------------- the formulas
def relative_entropy(p: Vector, log_p: Vector, log_q: Vector) -> Exact:
    return mp.fsum(a * (b - c) for a, b, c in zip(p, log_p, log_q, strict=True) if a != 0)


def logs(x: Vector) -> list[Exact]:
    return [mp.log(v) if v > 0 else -mp.inf for v in x]


def kl_divergence(target: Vector, pred: Vector, input: str = "probs", target_input: str = "probs") -> Exact:
    log_q = {"probs": logs, "log_probs": list, "logits": log_softmax}[input](pred)
    p = target if target_input == "probs" else [mp.exp(v) for v in target]
    return relative_entropy(p, logs(target) if target_input == "probs" else target, log_q)


def generalized_kl(target: Vector, pred: Vector) -> Exact:
    return relative_entropy(target, logs(target), logs(pred)) - mp.fsum(target) + mp.fsum(pred)


def js_divergence(target: Vector, pred: Vector) -> Exact:
    middle = logs([(p + q) / 2 for p, q in zip(target, pred, strict=True)])
    return (relative_entropy(target, logs(target), middle) + relative_entropy(pred, logs(pred), middle)) / 2


def hellinger(target: Vector, pred: Vector) -> Exact:
    return mp.sqrt(mp.fsum((mp.sqrt(p) - mp.sqrt(q)) ** 2 for p, q in zip(target, pred, strict=True)) / 2)


def total_variation_distance(target: Vector, pred: Vector) -> Exact:
    return mp.fsum(abs(p - q) for p, q in zip(target, pred, strict=True)) / 2


def gaussian_kl(mu: Vector, logvar: Vector) -> Exact:
    """Kingma and Welling 2014, appendix B, with the sign of a loss."""
    return mp.fsum(m**2 + mp.expm1(v) - v for m, v in zip(mu, logvar, strict=True)) / 2


def cumulated(target: Vector, pred: Vector) -> list[Exact]:
    """CDF_P - CDF_Q."""
    return [mp.fsum(p - q for p, q in zip(target[: k + 1], pred[: k + 1], strict=True)) for k in range(len(target))]


def wasserstein_hist(target: Vector, pred: Vector, positions: Vector | None = None) -> Exact:
    """Positions a step of one apart unless given; nothing is left to move after the last."""
    at = list(range(len(target))) if positions is None else positions
    gaps = cumulated(target, pred)
    return mp.fsum(abs(gaps[k]) * (at[k + 1] - at[k]) for k in range(len(at) - 1))


def squared_emd(target: Vector, pred: Vector) -> Exact:
    return mp.fsum(gap**2 for gap in cumulated(target, pred))


def between(target: Vector, pred: Vector, of: Callable[[Exact], Exact]) -> Exact:
    """The integral of a function of the difference of two empirical distribution functions."""
    at = sorted({*target, *pred})
    total = ZERO
    for left, right in pairwise(at):
        f, g = (Exact(sum(x <= left for x in sample)) / len(sample) for sample in (target, pred))
        total += of(f - g) * (right - left)
    return total


def wasserstein_samples(target: Vector, pred: Vector) -> Exact:
    return between(target, pred, abs)


def energy_distance(target: Vector, pred: Vector) -> Exact:
    """Szekely: the root of 2 E|X-Y| - E|X-X'| - E|Y-Y'|."""

    def distance(a: Vector, b: Vector) -> Exact:
        return mp.fsum(abs(x - y) for x in a for y in b) / (len(a) * len(b))

    return mp.sqrt(2 * distance(target, pred) - distance(target, target) - distance(pred, pred))


# ---------------------------------------------------------------------------------------------------------- the peers
def torch_kl(target: Column, pred: Column, input: str = "probs", target_input: str = "probs") -> torch.Tensor:
    prepare = {"probs": torch.log, "log_probs": lambda x: x, "logits": lambda x: torch.log_softmax(x, dim=1)}[input]
    log_target = target_input == "log_probs"
    return nn.kl_div(prepare(tensor(pred)), tensor(target), log_target=log_target, reduction="none").sum(dim=1)


def scipy_kl(target: Column, pred: Column) -> np.ndarray:
    return scipy.special.rel_entr(array(target), array(pred)).sum(axis=1)


def torch_gaussian_kl(mu: Column, logvar: Column) -> torch.Tensor:
    posterior = td.Normal(tensor(mu), (tensor(logvar) / 2).exp())
    return td.kl_divergence(posterior, td.Normal(torch.zeros(()).double(), torch.ones(()).double())).sum(dim=1)


def scipy_wasserstein(target: Column, pred: Column, positions: Column | None = None) -> list[float]:
    at = range(len(target[0])) if positions is None else positions
    return [st.wasserstein_distance(at, at, p, q) for p, q in zip(target, pred, strict=True)]


def rps(target: Column, pred: Column) -> np.ndarray:
    """The ranked probability score: P is a category, counted from one."""
    return np.asarray(scoringrules.rps_score(array(target).argmax(axis=1) + 1, array(pred)))


TORCH = Peer("torch.nn.functional.kl_div", "torch", torch_kl)
SCIPY = Peer("scipy.special.rel_entr", "scipy", scipy_kl, frozenset())
GENERAL = Peer(
    "scipy.special.kl_div", "scipy", lambda target, pred: scipy.special.kl_div(array(target), array(pred)).sum(axis=1)
)
SHANNON = Peer(
    "scipy.spatial.distance.jensenshannon, squared",
    "scipy",
    lambda target, pred: jensenshannon(array(target), array(pred), axis=1) ** 2,
)
GAUSSIAN = Peer("torch.distributions.kl_divergence", "torch", torch_gaussian_kl)
WASSERSTEIN = Peer("scipy.stats.wasserstein_distance", "scipy", scipy_wasserstein)
RPS = Peer("scoringrules.rps_score", "scoringrules", rps)


# --------------------------------------------------------------------------------------------------------------- data
def simplex(name: str) -> Column:
    return summing_to_one(draw(f"{name} simplex").gamma(1.1, 1.0, (ROWS, CLASSES)) + 0.03)


def log_simplex(name: str) -> Column:
    return np.log(array(simplex(name))).tolist()


def scores(name: str) -> Column:
    return uneven(draw(f"{name} scores").normal(0, 1.8, (ROWS, CLASSES)))


FINITE: Columns = {
    "target": [
        [0.0, 0.5, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [1e-9, 0.0, 0.999999999, 0.0],
        [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.0, 1.0], [0.5, 0.0, 0.0, 0.5],
    ],
    "pred": [
        [0.25, 0.25, 0.25, 0.25], [1e-9, 0.0, 0.999999999, 0.0], [0.0625, 0.4375, 0.25, 0.25],
        [0.999999999, 0.0, 1e-9, 0.0], [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.0, 1.0], [0.125, 0.0, 0.375, 0.5],
    ],
}  # fmt: skip
DISJOINT: Columns = {
    "target": [[0.5, 0.5, 0.0, 0.0], [0.3, 0.2, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0]],
    "pred": [[0.0, 0.0, 0.25, 0.75], [0.4, 0.0, 0.0, 0.6], [0.1, 0.2, 0.3, 0.4]],
}


# -------------------------------------------------------------------------------------------------------------- cases
def add_kl(family: Family) -> None:
    loss = "kl_divergence"
    pred_of = {"probs": simplex, "log_probs": log_simplex, "logits": scores}
    target_of = {"probs": simplex, "log_probs": log_simplex}
    for how, make in pred_of.items():
        for target_how, make_target in target_of.items():
            params = {} if how == "probs" else {"input": how}
            params |= {} if target_how == "probs" else {"target_input": target_how}
            name = loss + tag(params)
            columns = {"target": make_target(f"{name} p"), "pred": make(f"{name} q")}
            add_rows(family, name, loss, columns, kl_divergence, params=params, peers=(TORCH, SCIPY), gradient="pred")
    columns = {"target": simplex("kl w p"), "pred": simplex("kl w q")}
    family.add(row_case(f"{loss}-weights", loss, columns, kl_divergence, weight=weights(loss, ROWS)))
    for end, edges in (("edges", FINITE), ("disjoint", DISJOINT)):
        add_rows(family, f"{loss}-{end}", loss, edges, kl_divergence, peers=(SCIPY,))
    far: Columns = {"target": [[0.7, 0.3], [0.0, 1.0], [1.0, 0.0]], "pred": [[1e3, -1e3], [1e3, -1e3], [1e3, -1e3]]}
    family.add(row_case(f"{loss}-input-logits-edges", loss, far, kl_divergence, params={"input": "logits"}))
    add_reductions(family, "kl_divergence", columns)


def add_reductions(family: Family, name: str, columns: Columns) -> None:
    """Torch's batchmean is our mean; its mean is over elements."""
    log_q, p = tensor(columns["pred"]).log(), tensor(columns["target"])
    for reduction, theirs in (("mean-rows", "batchmean"), ("mean-elements", "mean"), ("sum", "sum")):
        value = float(nn.kl_div(log_q, p, reduction=theirs))
        oracle = f"torch.nn.functional.kl_div(reduction={theirs})"
        case = Case(
            f"{name}-{reduction}", "kl_divergence", columns, oracle, named("torch"), reduction=reduction, value=value
        )
        family.add(case)


def add_plain(family: Family) -> None:
    """Divergences without parameters: drawn, weighted, at zeros, and disjoint."""
    plain: tuple[tuple[str, Callable[..., Exact], tuple[Peer, ...]], ...] = (
        ("generalized_kl", generalized_kl, (GENERAL,)),
        ("js_divergence", js_divergence, (SHANNON,)),
        ("hellinger", hellinger, ()),
        ("total_variation_distance", total_variation_distance, ()),
        ("squared_emd", squared_emd, ()),
    )
    for loss, formula, peers in plain:
        columns = {"target": simplex(f"{loss} p"), "pred": simplex(f"{loss} q")}
        add_rows(family, loss, loss, columns, formula, peers=peers, gradient="pred")
        family.add(row_case(f"{loss}-weights", loss, columns, formula, weight=weights(loss, ROWS)))
        family.add(row_case(f"{loss}-edges", loss, FINITE, formula))
        family.add(row_case(f"{loss}-disjoint", loss, DISJOINT, formula))
    rng = draw("unnormalised")
    masses = {"target": uneven(rng.gamma(1.4, 2.0, (ROWS, 3))), "pred": uneven(rng.gamma(1.4, 2.0, (ROWS, 3)))}
    masses["target"][2][1] = masses["target"][5][0] = 0.0
    add_rows(family, "generalized_kl-masses", "generalized_kl", masses, generalized_kl, peers=(GENERAL,))
    sure = np.eye(CLASSES)[draw("rps").integers(0, CLASSES, ROWS)].tolist()
    add_rows(
        family,
        "squared_emd-category",
        "squared_emd",
        {"target": sure, "pred": simplex("rps q")},
        squared_emd,
        peers=(RPS,),
    )


def add_gaussian(family: Family) -> None:
    rng, loss = draw("gaussian kl"), "gaussian_kl"
    columns = {"mu": uneven(rng.normal(0.3, 1.4, (ROWS, 3))), "logvar": uneven(rng.normal(-0.6, 1.2, (ROWS, 3)))}
    add_rows(family, loss, loss, columns, gaussian_kl, peers=(GAUSSIAN,), gradient="mu")
    family.add(row_case(f"{loss}-weights", loss, columns, gaussian_kl, weight=weights(loss, ROWS)))
    edges: Columns = {
        "mu": [[0.0, 0.0], [1e-4, 0.0], [1e8, -1e8], [0.0, 1.0], [-3.5, 0.25]],
        "logvar": [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [-1e3, 40.0], [600.0, -40.0]],
    }
    family.add(row_case(f"{loss}-edges", loss, edges, gaussian_kl))


def add_wasserstein(family: Family) -> None:
    loss = "wasserstein_hist"
    for params in ({}, {"positions": [-1.5, 0.25, 0.75, 6.0]}):
        name = loss + tag(params)
        columns = {"target": simplex(f"{name} p"), "pred": simplex(f"{name} q")}
        add_rows(family, name, loss, columns, wasserstein_hist, params=params, peers=(WASSERSTEIN,))
        family.add(row_case(f"{name}-edges", loss, FINITE, wasserstein_hist, params=params))
        family.add(row_case(f"{name}-disjoint", loss, DISJOINT, wasserstein_hist, params=params))
    family.add(row_case(f"{loss}-weights", loss, columns, wasserstein_hist, params=params, weight=weights(loss, ROWS)))


def add_samples(family: Family) -> None:
    choices: tuple[tuple[str, Callable[..., Exact], Callable[..., float]], ...] = (
        ("wasserstein_samples", wasserstein_samples, st.wasserstein_distance),
        ("energy_distance", energy_distance, st.energy_distance),
    )
    group: Column = ["v", "u", "v", "v", "u", "w", "u", "v", "w", "v", "u", "w", "w", "u"]
    for loss, formula, function in choices:
        rng = draw(loss)
        ties = np.round(rng.normal(0, 1.5, (2, 14)) * 2) / 2
        samples: dict[str, Columns] = {
            "drawn": {"target": uneven(rng.normal(0.4, 2.1, 14)), "pred": uneven(rng.normal(-0.7, 3.3, 14))},
            "ties": {"target": ties[0].tolist(), "pred": ties[1].tolist()},
        }
        for end, columns in samples.items():
            for units in (None, group):
                found = [float(function(part["target"], part["pred"])) for part in parts(columns, units)]
                said = {"peer": found, "oracle": f"scipy.stats.{function.__name__}", "package": "scipy", "group": units}
                family.add(unit_case(f"{loss}-{end}{'-groups' if units else ''}", loss, columns, formula, **said))
        wide: Columns = {"target": [1e8, -1e8, 0.0, 1e-9], "pred": [0.0, 1e8, 2.5, -1e-9]}
        family.add(unit_case(f"{loss}-edges", loss, wide, formula))
        single: Columns = {"target": [2.5, -1.25, 4.0], "pred": [-1.0, -1.25, 4.5]}
        family.add(unit_case(f"{loss}-single-rows", loss, single, formula, group=["a", "b", "c"]))


def add_articles(family: Family) -> None:
    columns: Columns = {"target": [[0.7, 0.2, 0.1]], "pred": [[0.6, 0.3, 0.1]]}
    family.add(row_case("article-kl_divergence", "kl_divergence", columns, kl_divergence))
    add_reductions(family, "article-kl_divergence", columns)


# Loss, peer, where the peer differs from the catalogue; the formula is what the cases hold.
DISAGREEMENTS = (
    (
        "kl_divergence",
        "torch.nn.functional.kl_div",
        "P=Q=0 is NaN (0 times minus infinity); the catalogue's 0 log 0 is 0",
    ),
    (
        "kl_divergence",
        "torch.nn.functional.kl_div",
        "its `mean` is over elements; the catalogue's mean is its batchmean",
    ),
)


def build() -> Family:
    family = Family("divergence", ["torch", "numpy", "scipy", "mpmath", "scoringrules"])
    for add in (add_kl, add_plain, add_gaussian, add_wasserstein, add_samples, add_articles):
        add(family)
    for loss, peer, what in DISAGREEMENTS:
        family.disagree(loss, peer, what)
    return family
