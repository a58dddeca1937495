"""Oracles of family C, binary and multi-label: probabilities, logits, scores and labels against a two-valued target."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import calibration
import margins
import optax
import torch
import torch.nn.functional as nn
from cases import Column, Columns, Family, array, row_case, softplus
from mpmath import mp
from peers import NOTHING, Peer, add_rows, each, labels, logits, optax_rows, probabilities, tag, tensor, weights
from sklearn import metrics

Exact = mp.mpf
ZERO, ONE, TWO, FOUR, CLIP = Exact(0), Exact(1), Exact(2), Exact(4), Exact(0.05)
MACHINE = Exact(2.220446049250313e-16)


# ------------------------------------------------------------------------------------------------------- the formulas
def smoothed(y: Exact, s: Exact) -> Exact:
    return y * (1 - s) + s / 2


def cross_entropy(y: Exact, log_p: Exact, log_q: Exact, pos_weight: Exact) -> Exact:
    """A weight of zero silences an infinite logarithm."""
    return -sum((w * log for w, log in ((pos_weight * y, log_p), (1 - y, log_q)) if w != 0), start=ZERO)


def logarithm(x: Exact) -> Exact:
    return mp.log(x) if x > 0 else -mp.inf


def bce(
    target: Exact, pred: Exact, eps: Exact = MACHINE, label_smoothing: Exact = ZERO, pos_weight: Exact = ONE
) -> Exact:
    p = min(max(pred, eps), 1 - eps)
    return cross_entropy(smoothed(target, label_smoothing), logarithm(p), logarithm(1 - p), pos_weight)


def bce_with_logits(target: Exact, pred: Exact, pos_weight: Exact = ONE, label_smoothing: Exact = ZERO) -> Exact:
    y = smoothed(target, label_smoothing)
    return (1 - y) * pred + (1 + (pos_weight - 1) * y) * softplus(-pred)


def per_label(formula: Callable[..., Exact]) -> Callable[..., Exact]:
    """The mean over D labels; a list of D positive weights goes along."""

    def over_labels(target: object, pred: object, pos_weight: object = ONE, **more: Exact) -> Exact:
        if not isinstance(target, list):
            return formula(target, pred, pos_weight=pos_weight, **more)
        weights = pos_weight if isinstance(pos_weight, list) else [pos_weight] * len(target)
        triples = zip(target, pred, weights, strict=True)
        return mp.fsum(formula(t, p, pos_weight=w, **more) for t, p, w in triples) / len(target)

    return over_labels


def multilabel_bce(target: object, pred: object, input: str = "logits", **more: object) -> Exact:
    return per_label(bce_with_logits if input == "logits" else bce)(target, pred, **more)


def binary_focal(
    target: Exact,
    pred: Exact,
    gamma: Exact = TWO,
    alpha: Exact | None = None,
    alpha_mode: str = "balanced",
    input: str = "logits",
) -> Exact:
    """Lin et al. 2017: p_t is the probability of the true class."""
    if input == "logits":
        x = pred if target == 1 else -pred
        minus_log, miss = softplus(-x), mp.exp(-softplus(x))
    else:
        p_t = pred if target == 1 else 1 - pred
        minus_log, miss = -logarithm(p_t), 1 - p_t
    weight = ONE if alpha is None else alpha if alpha_mode == "constant" or target == 1 else 1 - alpha
    return ZERO if minus_log == 0 or weight == 0 else weight * miss**gamma * minus_log


def brier(target: Exact, pred: Exact) -> Exact:
    return (pred - target) ** 2


def asymmetric_multilabel(
    target: Sequence[Exact],
    pred: Sequence[Exact],
    gamma_pos: Exact = ZERO,
    gamma_neg: Exact = FOUR,
    clip: Exact = CLIP,
) -> Exact:
    """Ridnik et al. 2021 (ASL): negatives count with their probability shifted down by `clip`."""
    total = ZERO
    for y, x in zip(target, pred, strict=True):
        log_p, p, not_p = -softplus(-x), mp.exp(-softplus(-x)), mp.exp(-softplus(x))
        q = max(p - clip, ZERO)
        log_not_q = mp.log1p(-q) if clip > 0 else -softplus(x)
        total -= y * not_p**gamma_pos * log_p + (1 - y) * q**gamma_neg * log_not_q
    return total


# ----------------------------------------------------------------------------------------------------------- the peers
def torch_bce_with_logits(
    target: Column, pred: Column, pos_weight: object = 1.0, label_smoothing: float = 0.0
) -> torch.Tensor:
    y = tensor(target) * (1 - label_smoothing) + label_smoothing / 2
    return nn.binary_cross_entropy_with_logits(tensor(pred), y, pos_weight=tensor(pos_weight), reduction="none")


def torch_bce(target: Column, pred: Column) -> torch.Tensor:
    return nn.binary_cross_entropy(tensor(pred), tensor(target), reduction="none")


def torch_multilabel(target: Column, pred: Column) -> torch.Tensor:
    return nn.multilabel_soft_margin_loss(tensor(pred), tensor(target), reduction="none")


def optax_focal(target: Column, pred: Column, gamma: float = 2.0, alpha: float | None = None) -> object:
    return optax.losses.sigmoid_focal_loss(array(pred), array(target), alpha=alpha, gamma=gamma)


def sklearn_log_loss(target: float, pred: float) -> float:
    return metrics.log_loss([target], [pred], labels=[0, 1])


def sklearn_brier(target: float, pred: float) -> float:
    return metrics.brier_score_loss([target], [pred], labels=[0, 1])


BCE = (
    Peer("sklearn.metrics.log_loss", "scikit-learn", each(sklearn_log_loss), NOTHING),
    Peer("torch.nn.functional.binary_cross_entropy", "torch", torch_bce, NOTHING),
)
LOGITS = (
    Peer("torch.nn.functional.binary_cross_entropy_with_logits", "torch", torch_bce_with_logits),
    Peer(
        "optax.losses.sigmoid_binary_cross_entropy",
        "optax",
        optax_rows(optax.losses.sigmoid_binary_cross_entropy),
        NOTHING,
    ),
)
FOCAL = (Peer("optax.losses.sigmoid_focal_loss", "optax", optax_focal, frozenset({"gamma", "alpha"})),)
# ---------------------------------------------------------------------------------------------------------------- data
ROWS, MATRIX, COUNT = (11,), (8, 3), (8,)
SOFT: Column = [0.0, 0.17, 0.5, 0.93, 1.0, 0.31, 0.08, 0.66]
EDGE_LOGITS: Columns = {
    "target": [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0],
    "pred": [1e3, 1e3, -1e3, -1e3, 0.0, 0.0, 1e-9, -1e-9, 36.7, 36.7, -41.3, -41.3],
}
EDGE_PROBABILITIES: Columns = {
    "target": [1, 0, 1, 0, 1, 0, 1, 0, 1, 0],
    "pred": [1.0, 1.0, 0.0, 0.0, 1e-9, 1e-9, 0.999999999, 0.999999999, 1e-300, 1e-17],
}


# --------------------------------------------------------------------------------------------------------------- cases
def add_bce(family: Family) -> None:
    formula = per_label(bce)
    settings: list[dict[str, object]] = [
        {}, {"eps": 0.04}, {"label_smoothing": 0.12}, {"pos_weight": 2.6}, {"pos_weight": 0.3, "label_smoothing": 0.07},
    ]  # fmt: skip
    for params in settings:
        name = f"bce{tag(params)}"
        columns = {"target": labels(name, ROWS), "pred": probabilities(name, ROWS)}
        # A clipped probability stands on a kink's flat side: no gradient there.
        gradient = None if "eps" in params else "pred"
        add_rows(family, name, "bce", columns, formula, params=params, peers=BCE, gradient=gradient)
        edges = row_case(f"{name}-edges", "bce", EDGE_PROBABILITIES, formula, params=params)
        family.add(edges)
    for params in ({}, {"pos_weight": [0.4, 1.7, 3.1]}):
        name = f"bce{tag(params)}-outputs"
        columns = {"target": labels(name, MATRIX), "pred": probabilities(name, MATRIX)}
        add_rows(family, name, "bce", columns, formula, params=params, weight=weights(name, 8), gradient="pred")
    family.add(row_case("bce-soft", "bce", {"target": SOFT, "pred": probabilities("bce-soft", COUNT)}, formula))
    family.add(row_case("bce-eps0-edges", "bce", EDGE_PROBABILITIES, formula, params={"eps": 0.0}))
    sure: Columns = {"target": [1, 0, 1, 0], "pred": [1.0, 0.0, 0.73, 0.11]}
    family.add(row_case("bce-eps0-sure", "bce", sure, formula, params={"eps": 0.0}))
    add_peer_means(family)


def add_peer_means(family: Family) -> None:
    """Scikit-learn's own means, with and without sample weights."""
    functions = {
        "bce": (bce, metrics.log_loss, "log_loss"),
        "brier": (brier, metrics.brier_score_loss, "brier_score_loss"),
    }
    for loss, (formula, function, peer) in functions.items():
        columns = {"target": labels(f"{loss} mean", ROWS), "pred": probabilities(f"{loss} mean", ROWS)}
        for end, weight in (("", None), ("-weights", weights(f"{loss} mean", 11))):
            value = function(columns["target"], columns["pred"], sample_weight=weight)
            said = {"weight": weight, "value": float(value), "oracle": f"sklearn.metrics.{peer}"}
            family.add(row_case(f"{loss}-sklearn-mean{end}", loss, columns, formula, package="scikit-learn", **said))
    booleans: Columns = {"target": [True, False, True, True, False], "pred": [0.71, 0.33, 0.08, 0.94, 0.52]}
    signs: Columns = {"target": [1, -1, 1, 1, -1], "pred": booleans["pred"]}
    as_numbers = {"target": [1, 0, 1, 1, 0], "pred": booleans["pred"]}
    family.add(row_case("brier-booleans", "brier", booleans, brier))
    for loss, formula in (("bce", bce), ("brier", brier)):
        family.add(replace(row_case(f"{loss}-signs", loss, as_numbers, formula), columns=signs))


def add_logits(family: Family) -> None:
    formula = per_label(bce_with_logits)
    settings: list[dict[str, object]] = [
        {}, {"pos_weight": 2.6}, {"label_smoothing": 0.12}, {"pos_weight": 0.3, "label_smoothing": 0.07},
    ]  # fmt: skip
    for params in settings:
        name, loss = f"bce_with_logits{tag(params)}", "bce_with_logits"
        columns = {"target": labels(name, ROWS), "pred": logits(name, ROWS)}
        add_rows(family, name, loss, columns, formula, params=params, peers=LOGITS, gradient="pred")
        family.add(row_case(f"{name}-edges", loss, EDGE_LOGITS, formula, params=params))
    for params in ({}, {"pos_weight": 2.6}, {"pos_weight": [0.4, 1.7, 3.1]}):
        name = f"bce_with_logits{tag(params)}-outputs"
        columns = {"target": labels(name, MATRIX), "pred": logits(name, MATRIX)}
        said = {"params": params, "peers": LOGITS, "weight": weights(name, 8), "gradient": "pred"}
        add_rows(family, name, "bce_with_logits", columns, formula, **said)
    columns = {"target": SOFT, "pred": logits("bce_with_logits soft", COUNT)}
    add_rows(family, "bce_with_logits-soft", "bce_with_logits", columns, formula, peers=LOGITS, gradient="pred")
    add_balanced(family)


def add_balanced(family: Family) -> None:
    """pos_weight=balanced is negatives over positives, counted over the whole dataset."""
    for loss, formula, draw_pred in (("bce", bce, probabilities), ("bce_with_logits", bce_with_logits, logits)):
        target, pred = labels(f"{loss} balanced", ROWS), draw_pred(f"{loss} balanced", ROWS)
        ratio = Exact(target.count(0)) / target.count(1)

        def balanced(
            target: Exact, pred: Exact, pos_weight: str, by: Callable[..., Exact] = formula, to: Exact = ratio
        ) -> Exact:
            return by(target, pred, pos_weight=to)

        columns = {"target": target, "pred": pred}
        family.add(row_case(f"{loss}-pos_weight-balanced", loss, columns, balanced, params={"pos_weight": "balanced"}))


def add_multilabel(family: Family) -> None:
    loss = "multilabel_bce"
    torch_peer = (Peer("torch.nn.functional.multilabel_soft_margin_loss", "torch", torch_multilabel, NOTHING),)
    settings: list[dict[str, object]] = [
        {}, {"pos_weight": 2.6}, {"pos_weight": [0.4, 1.7, 3.1]}, {"input": "probs"},
        {"input": "probs", "pos_weight": [0.4, 1.7, 3.1]}, {"input": "probs", "eps": 1e-3},
    ]  # fmt: skip
    for params in settings:
        name = loss + tag(params)
        pred = logits(name, MATRIX) if "input" not in params else probabilities(name, MATRIX)
        columns = {"target": labels(name, MATRIX), "pred": pred}
        said = {"params": params, "peers": torch_peer, "weight": weights(name, 8), "gradient": "pred"}
        add_rows(family, name, loss, columns, multilabel_bce, **said)
    edges = {name: [[a, b] for a, b in zip(c[::2], c[1::2], strict=True)] for name, c in EDGE_LOGITS.items()}
    family.add(row_case(f"{loss}-edges", loss, edges, multilabel_bce))
    edges = {name: [[a, b] for a, b in zip(c[::2], c[1::2], strict=True)] for name, c in EDGE_PROBABILITIES.items()}
    family.add(row_case(f"{loss}-input-probs-edges", loss, edges, multilabel_bce, params={"input": "probs"}))


def add_focal(family: Family) -> None:
    loss = "binary_focal"
    settings: list[dict[str, object]] = [
        {}, {"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 3.5}, {"alpha": 0.25}, {"alpha": 0.0}, {"alpha": 1.0},
        {"gamma": 1.5, "alpha": 0.8}, {"alpha": 0.25, "alpha_mode": "constant"},
        {"gamma": 1.0, "alpha": 0.6, "alpha_mode": "constant"},
    ]  # fmt: skip
    for params in settings:
        name = loss + tag(params)
        columns = {"target": labels(name, ROWS), "pred": logits(name, ROWS)}
        add_rows(family, name, loss, columns, binary_focal, params=params, peers=FOCAL, gradient="pred")
        family.add(row_case(f"{name}-edges", loss, EDGE_LOGITS, binary_focal, params=params))
    for params in ({}, {"gamma": 0.5, "alpha": 0.25}, {"alpha": 0.25, "alpha_mode": "constant"}):
        said = {**params, "input": "probs"}
        name = loss + tag(said)
        columns = {"target": labels(name, ROWS), "pred": probabilities(name, ROWS)}
        family.add(row_case(name, loss, columns, binary_focal, params=said, gradient="pred"))
        family.add(row_case(f"{name}-edges", loss, EDGE_PROBABILITIES, binary_focal, params=said))
    columns = {"target": labels("focal weights", ROWS), "pred": logits("focal weights", ROWS)}
    family.add(row_case(f"{loss}-weights", loss, columns, binary_focal, weight=weights("focal weights", 11)))


def add_brier(family: Family) -> None:
    peers = (Peer("sklearn.metrics.brier_score_loss", "scikit-learn", each(sklearn_brier)),)
    columns = {"target": labels("brier", ROWS), "pred": probabilities("brier", ROWS)}
    add_rows(family, "brier", "brier", columns, brier, peers=peers, gradient="pred")
    family.add(row_case("brier-soft", "brier", {"target": SOFT, "pred": probabilities("soft", COUNT)}, brier))
    family.add(row_case("brier-edges", "brier", EDGE_PROBABILITIES, brier))


def add_asymmetric(family: Family) -> None:
    loss = "asymmetric_multilabel"
    settings: list[dict[str, object]] = [
        {}, {"gamma_pos": 1.0}, {"gamma_neg": 2.5}, {"clip": 0.2}, {"clip": 0.0},
        {"gamma_pos": 0.0, "gamma_neg": 0.0, "clip": 0.0}, {"gamma_pos": 0.5, "gamma_neg": 1.0, "clip": 0.01},
    ]  # fmt: skip
    edges: Columns = {
        "target": [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1]],
        "pred": [[50.0, 50.0, -50.0, -50.0], [0.0, 0.0, 1e-9, -1e-9], [1e3, -1e3, 33.3, -1e3]],
    }
    for params in settings:
        name = loss + tag(params)
        columns = {"target": labels(name, (8, 4)), "pred": logits(name, (8, 4))}
        said = {"params": params, "weight": weights(name, 8), "gradient": "pred"}
        family.add(row_case(name, loss, columns, asymmetric_multilabel, **said))
        family.add(row_case(f"{name}-edges", loss, edges, asymmetric_multilabel, params=params))


def add_articles(family: Family) -> None:
    first: Columns = {"target": [1, 0, 1], "pred": [2.0, -1.0, 0.0]}
    second: Columns = {"target": [1, 0, 1], "pred": [2.0, -1.0, 0.5]}
    focal = {"alpha": 0.25, "gamma": 2.0, "alpha_mode": "constant"}
    family.add(row_case("article-bce_with_logits", "bce_with_logits", first, bce_with_logits))
    weighted = {"pos_weight": 3.0}
    family.add(
        row_case("article-bce_with_logits-pos_weight", "bce_with_logits", second, bce_with_logits, params=weighted)
    )
    family.add(row_case("article-binary_focal", "binary_focal", second, binary_focal, params=focal))


# Loss, peer, where the peer differs from the catalogue; the formula is what the cases hold.
DISAGREEMENTS = (
    (
        "bce",
        "sklearn.metrics.log_loss",
        "takes log(1 - p): at y=0, p=1e-9 seven digits are right",
    ),
    (
        "bce",
        "torch.nn.functional.binary_cross_entropy",
        "logarithms end at -100; the catalogue clips p at eps",
    ),
    (
        "bce_with_logits",
        "torch.nn.functional.binary_cross_entropy_with_logits",
        "(1-y)x + softplus(-x) cancels: 0 at y=0, x=-41.3 instead of 1.2e-18",
    ),
    (
        "logistic",
        "torch.nn.functional.soft_margin_loss",
        "overflows: inf at y=1, score=-1e3 instead of 1000",
    ),
    (
        "squared_hinge",
        "keras.losses.squared_hinge",
        "computes in single precision",
    ),
)


def build() -> Family:
    family = Family("binary", ["torch", "numpy", "mpmath", "scikit-learn", "optax", "keras", "torchmetrics"])
    for add in (
        add_bce, add_logits, add_multilabel, add_focal, margins.add_all, add_brier, add_asymmetric,
        calibration.add_all, add_articles,
    ):  # fmt: skip
        add(family)
    for loss, peer, what in DISAGREEMENTS:
        family.disagree(loss, peer, what)
    return family
