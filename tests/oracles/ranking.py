"""Oracles of family I, ranking: a unit is a query."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise, permutations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import rax
import torch
from cases import Columns, Family, Formula, draw, log_softmax, softplus, uneven
from mpmath import mp
from sklearn.metrics import ndcg_score
from units import Peer, arranged, by_unit

Numbers = list[mp.mpf]


# ------------------------------------------------------------------------------------------------------------ formulas
def pairs(target: Numbers) -> list[tuple[int, int]]:
    """(i, j) with y_i > y_j."""
    return [(i, j) for i in range(len(target)) for j in range(len(target)) if target[i] > target[j]]


def mean_over_pairs(target: Numbers, pred: Numbers, of: Callable[[mp.mpf], mp.mpf]) -> mp.mpf | None:
    """The mean of a loss of s_i - s_j; None for a unit without a comparable pair."""
    found = pairs(target)
    return mp.fsum(of(pred[i] - pred[j]) for i, j in found) / len(found) if found else None


def ranknet(target: Numbers, pred: Numbers) -> mp.mpf | None:
    """softplus(-(s_i - s_j))."""
    return mean_over_pairs(target, pred, lambda gap: softplus(-gap))


def pairwise_hinge(target: Numbers, pred: Numbers, margin: object = 1) -> mp.mpf | None:
    """max(0, margin - (s_i - s_j))."""
    return mean_over_pairs(target, pred, lambda gap: max(mp.mpf(0), mp.mpf(margin) - gap))


def listnet(target: Numbers, pred: Numbers) -> mp.mpf:
    """-sum softmax(y) log softmax(s)."""
    shares = [mp.exp(y) for y in log_softmax(target)]
    return -mp.fsum(p * q for p, q in zip(shares, log_softmax(pred), strict=True))


def softmax_rank(target: Numbers, pred: Numbers) -> mp.mpf:
    """-sum y log softmax(s)."""
    return -mp.fsum(y * q for y, q in zip(target, log_softmax(pred), strict=True))


def listmle(target: Numbers, pred: Numbers) -> mp.mpf:
    """Each item is drawn first among those left, best label first; equal labels in file order."""
    left = [pred[i] for i in sorted(range(len(target)), key=lambda i: -target[i])]
    return -mp.fsum(log_softmax(left[i:])[0] for i in range(len(left)))


def gains(target: Numbers, gain: str = "exp2") -> Numbers:
    """2^y - 1, or y."""
    return [2**y - 1 if gain == "exp2" else y for y in target]


def discounts(count: int, k: object = None) -> Numbers:
    """1/log2(1 + rank), nothing beyond k."""
    return [1 / mp.log(rank + 1, 2) if k is None or rank <= k else mp.mpf(0) for rank in range(1, count + 1)]


def ideal(gain: Numbers, k: object = None) -> mp.mpf:
    """The DCG of the best order."""
    return mp.fsum(g * d for g, d in zip(sorted(gain, reverse=True), discounts(len(gain), k), strict=True))


def approx_ndcg(target: Numbers, pred: Numbers, temperature: object = 1) -> mp.mpf | None:
    """1 - NDCG with the smooth rank 1 + sum_{j != i} sigmoid((s_j - s_i)/temperature)."""
    gain = gains(target)
    if not any(gain):
        return None
    total = mp.mpf(0)
    for i, g in enumerate(gain):
        others = [s for j, s in enumerate(pred) if j != i]
        rank = 1 + mp.fsum(1 / (1 + mp.exp((pred[i] - s) / mp.mpf(temperature))) for s in others)
        total += g / mp.log(1 + rank, 2)
    return 1 - total / ideal(gain)


def lambda_rank(target: Numbers, pred: Numbers, k: object = None) -> mp.mpf | None:
    """sum |dG||dD| log2(1 + exp(-(s_i - s_j))); with k, pairs inside the first k predicted ranks, NDCG at k."""
    found = pairs(target)
    if not found:
        return None
    order = sorted(range(len(pred)), key=lambda i: -pred[i])
    rank = {i: place for place, i in enumerate(order)}
    gain, discount = gains(target), discounts(len(pred))
    best = ideal(gain, k)
    return mp.fsum(
        (gain[i] - gain[j]) / best * abs(discount[rank[i]] - discount[rank[j]])
        * softplus(pred[j] - pred[i]) / mp.log(2)
        for i, j in found
        if k is None or max(rank[i], rank[j]) < k
    )  # fmt: skip


def ndcg_loss(target: Numbers, pred: Numbers, k: object = None, gain: str = "exp2") -> mp.mpf | None:
    """1 - the mean NDCG over every order of the tied scores, by trying them all."""
    value = gains(target, gain)
    if not any(value):
        return None
    ranked = [order for order in permutations(range(len(pred))) if all(pred[a] >= pred[b] for a, b in pairwise(order))]
    share = discounts(len(pred), k)
    mean = mp.fsum(value[i] * d for order in ranked for i, d in zip(order, share, strict=True)) / len(ranked)
    return 1 - mean / ideal(value, k)


# --------------------------------------------------------------------------------------------------------------- peers
def by_rax(loss: Callable[..., object], needs: Callable[[np.ndarray], object] = np.any) -> Peer:
    """A rax loss or metric of one list, asked only where the unit counts."""
    return lambda part: float(loss(part["pred"], part["target"])) if needs(part["target"]) else None


def smooth_ndcg(temperature: float = 1) -> Callable[..., object]:
    """rax's NDCG with its smooth ranks (its approx_t12n, which does the same, does not run with this jax)."""
    ranks = partial(rax.utils.approx_ranks, step_fn=lambda gap: jax.nn.sigmoid(gap / temperature))
    return lambda s, y: 1 - rax.ndcg_metric(s, y, rank_fn=ranks)


def ndcg_by_sklearn(gain: str = "exp2", k: int | None = None) -> Peer:
    """scikit-learn's gain is the label itself; it refuses a list of one, and its perfect score can be 1 - 2e-16."""

    def peer(part: dict[str, np.ndarray]) -> object:
        target, pred = part["target"], part["pred"]
        if not comparable(target):
            return None
        return 1 - ndcg_score([2.0**target - 1 if gain == "exp2" else target], [pred], k=k)

    return peer


def lambda_by_rax(part: dict[str, np.ndarray]) -> object:
    """rax scales the weights by the list size and takes natural logarithms."""
    if not comparable(part["target"]):
        return None
    weights = partial(rax.dcg_lambdaweight, normalize=True)
    total = rax.pairwise_logistic_loss(part["pred"], part["target"], lambdaweight_fn=weights, reduce_fn=jnp.sum)
    return float(total) / len(part["pred"]) / np.log(2)


def comparable(target: np.ndarray) -> bool:
    return len(set(target.tolist())) > 1


def listnet_by_torch(part: dict[str, np.ndarray]) -> object:
    """allRank's formula without the 1e-10 it adds inside the logarithm."""
    target, pred = torch.tensor(part["target"]), torch.tensor(part["pred"])
    return -(target.softmax(0) * pred.log_softmax(0)).sum().item()


# ---------------------------------------------------------------------------------------------------------------- data
def queries(name: str) -> dict[str, Columns]:
    """Two real queries, one without a relevant item, one of equal labels, one of a single item; no tied scores."""
    rng = draw(name)
    targets = {"q7": [0, 2, 1, 2, 0, 3], "q2": [1, 0, 0, 4], "zero": [0, 0, 0], "same": [2, 2], "one": [1]}
    return {
        label: {"target": list(target), "pred": uneven(rng.normal(0, 1.5, len(target)))}
        for label, target in targets.items()
    }


def tied_queries() -> dict[str, Columns]:
    """Scores tied within and across labels."""
    return {
        "a": {"target": [1, 0, 3, 2, 0], "pred": [0.5, 1.25, 0.5, -0.75, 1.25]},
        "flat": {"target": [0, 1, 2], "pred": [0.3, 0.3, 0.3]},
        "none": {"target": [2, 0.5, 1], "pred": [-1, 0.25, 3]},
        "far": {"target": [1, 0, 0], "pred": [-40, 35, 2.5]},
    }


def rows_of_units(units: Mapping[str, Columns]) -> Columns:
    """The same units, one row each."""
    return {role: [unit[role] for unit in units.values()] for role in ("target", "pred")}


# --------------------------------------------------------------------------------------------------------------- cases
def build() -> Family:
    """Every loss of family I: each layout with the defaults, then ties, then the parameters."""
    family = Family("ranking", ["rax", "scikit-learn", "optax", "torch", "mpmath", "numpy"])
    losses: dict[str, tuple[Formula, Peer, str, str]] = {
        "ranknet": (ranknet, by_rax(rax.pairwise_logistic_loss, comparable), "rax.pairwise_logistic_loss", "rax"),
        "pairwise_hinge": (pairwise_hinge, by_rax(rax.pairwise_hinge_loss, comparable),
                           "rax.pairwise_hinge_loss", "rax"),
        "listnet": (listnet, listnet_by_torch, "torch: softmax(y) against log_softmax(s)", "torch"),
        "softmax_rank": (softmax_rank, by_rax(rax.softmax_loss, len), "rax.softmax_loss", "rax"),
        "listmle": (listmle, by_rax(rax.listmle_loss, len), "rax.listmle_loss", "rax"),
        "approx_ndcg": (approx_ndcg, by_rax(smooth_ndcg()), "1 - rax.ndcg_metric with approx_ranks", "rax"),
        "lambda_rank": (lambda_rank, lambda_by_rax, "rax.pairwise_logistic_loss with dcg_lambdaweight", "rax"),
        "ndcg_loss": (ndcg_loss, by_rax(lambda s, y: 1 - rax.ndcg_metric(s, y)), "1 - rax.ndcg_metric", "rax"),
    }  # fmt: skip
    for loss, (formula, peer, oracle, package) in losses.items():
        said = {"peer": peer, "oracle": oracle, "package": package}
        units = queries(loss)
        for layout, (columns, group) in arranged(units, loss).items():
            by_unit(family, f"{loss}-{package}-{layout}", loss, columns, formula, group=group, **said)
        by_unit(family, f"{loss}-{package}-nested", loss, rows_of_units(units), formula, nested=True, **said)
        by_unit(family, f"{loss}-{package}-nested-weighted", loss, rows_of_units(units), formula, nested=True,
                weight=[2, 0.5, 1, 1.25, 3], **said)  # fmt: skip
        columns, group = arranged(tied_queries(), loss)["contiguous"]
        by_unit(family, f"{loss}-formula-tied-scores", loss, columns, formula, group=group)
    parameter_cases(family)
    family.disagree("listnet", "allRank", "adds 1e-10 to the softmax inside the logarithm")
    family.disagree("approx_ndcg", "allRank", "is -ApproxNDCG, in float32; a unit without a relevant item scores 0")
    family.disagree("lambda_rank", "rax", "natural logarithms and weights times the list size; at topn it keeps pairs "
                    "that reach beyond k, allRank drops them (followed here)")  # fmt: skip
    family.disagree("ndcg_loss", "rax", "breaks tied scores by position; a unit without a relevant item scores 0")
    family.disagree("ndcg_loss", "scikit-learn", "a unit without a relevant item scores 0; a list of one is refused")
    family.disagree("ranknet, pairwise_hinge", "rax", "over a batch, the mean is over all pairs and not over units; "
                    "the margin is 1")  # fmt: skip
    return family


def parameter_cases(family: Family) -> None:
    """margin, temperature, k, gain."""
    columns, group = arranged(queries("parameters"), "parameters")["scattered"]
    put = partial(by_unit, family, columns=columns, group=group)
    put("pairwise_hinge-formula-margin", "pairwise_hinge", formula=pairwise_hinge, params={"margin": 0.25})
    put("pairwise_hinge-formula-margin0", "pairwise_hinge", formula=pairwise_hinge, params={"margin": 0})
    put("softmax_rank-optax", "softmax_rank", formula=softmax_rank, package="optax",
        peer=lambda part: float(optax.softmax_cross_entropy(part["pred"], part["target"])),
        oracle="optax.softmax_cross_entropy")  # fmt: skip
    for temperature in (0.8, 2.5):
        put(f"approx_ndcg-rax-temperature-{temperature}", "approx_ndcg", formula=approx_ndcg, package="rax",
            params={"temperature": temperature}, peer=by_rax(smooth_ndcg(temperature)),
            oracle="1 - rax.ndcg_metric with approx_ranks")  # fmt: skip
    for k in (2, 3):
        put(f"lambda_rank-formula-k{k}", "lambda_rank", formula=lambda_rank, params={"k": k},
            oracle="allRank's lambdaLoss with lambdaRank_scheme and k, written out in mpmath")  # fmt: skip
    tied, tied_group = arranged(tied_queries(), "tied")["scattered"]
    for label, params in (
        ("linear", {"gain": "linear"}), ("k2", {"k": 2}), ("k3-linear", {"k": 3, "gain": "linear"}), ("k9", {"k": 9}),
    ):  # fmt: skip
        said = {"params": params, "formula": ndcg_loss, "package": "scikit-learn", "oracle": "1 - sklearn ndcg_score",
                "peer": ndcg_by_sklearn(**{"gain": "exp2", **params})}  # fmt: skip
        put(f"ndcg_loss-sklearn-{label}", "ndcg_loss", **said)
        by_unit(family, f"ndcg_loss-sklearn-tied-{label}", "ndcg_loss", tied, group=tied_group, **said)
