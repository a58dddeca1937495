"""Oracles of family D, multiclass: cross-entropies of logits, probabilities and log-probabilities.

Margins, rankings and label sets are in `multiclass_scores.py`.
"""

from collections.abc import Callable, Sequence

import multiclass_scores
import numpy as np
import optax
import torch
import torch.nn.functional as nn
from cases import SINGLE, Column, Columns, Family, array, draw, evaluate, row_case, uneven
from mpmath import mp
from multiclass_formulas import (
    balanced_weights,
    brier_multiclass,
    categorical_cross_entropy,
    counts,
    cross_entropy,
    effective_weights,
    focal_cross_entropy,
    generalized_cross_entropy,
    nll,
    poly1_cross_entropy,
    resolved,
    sparse_categorical_cross_entropy,
    symmetric_cross_entropy,
)
from peers import NOTHING, Peer, add_rows, keras_rows, summing_to_one, tag, tensor, weights
from sklearn import metrics

Exact = mp.mpf
Params = dict[str, object]
CLASSES, ROWS = 4, 11


# ---------------------------------------------------------------------------------------------------------- the peers
def torch_cross_entropy(target: Column, pred: Column, reduction: str = "none", **params: object) -> torch.Tensor:
    kind = np.float64 if isinstance(target[0], list) else np.int64
    said = {"weight" if name == "class_weight" else name: value for name, value in params.items()}
    if "weight" in said:
        said["weight"] = tensor(said["weight"])
    return nn.cross_entropy(tensor(pred), torch.tensor(np.asarray(target, kind)), reduction=reduction, **said)


def torch_nll(target: Column, pred: Column, class_weight: object = None, ignore_index: int = -100) -> torch.Tensor:
    weight = None if class_weight is None else tensor(class_weight)
    said = {"weight": weight, "ignore_index": ignore_index, "reduction": "none"}
    return nn.nll_loss(tensor(pred), torch.tensor(np.asarray(target, np.int64)), **said)


def sklearn_log_loss(target: Column, pred: Column) -> list[float]:
    """One row at a time; scikit-learn spreads classes over the columns by `labels`."""
    return [metrics.log_loss([t], [p], labels=range(CLASSES)) for t, p in zip(target, pred, strict=True)]


def sklearn_brier(target: Column, pred: Column) -> list[float]:
    said = {"labels": range(CLASSES), "scale_by_half": False}
    return [metrics.brier_score_loss([t], [p], **said) for t, p in zip(target, pred, strict=True)]


def hot(target: Column) -> np.ndarray:
    return np.eye(CLASSES)[np.asarray(target, np.int64)]


def keras_focal(
    target: Column, pred: Column, gamma: float = 2.0, alpha: float = 1.0, input: str = "logits"
) -> np.ndarray:
    by_class = tensor(alpha) if isinstance(alpha, list) else alpha
    said = {"alpha": by_class, "gamma": gamma, "from_logits": input == "logits"}
    return keras_rows("categorical_focal_crossentropy", hot(target), array(pred), **said)


def keras_generalized(target: Column, pred: Column, q: float = 0.7) -> np.ndarray:
    return keras_rows("categorical_generalized_cross_entropy", np.asarray(target, np.int64), array(pred), q=q)


def optax_poly(target: Column, pred: Column, epsilon: float = 1.0) -> np.ndarray:
    return np.asarray(optax.losses.poly_loss_cross_entropy(array(pred), hot(target), epsilon=epsilon))


CROSS = (Peer("torch.nn.functional.cross_entropy", "torch", torch_cross_entropy),)
OPTAX = Peer(
    "optax.losses.softmax_cross_entropy",
    "optax",
    lambda target, pred: np.asarray(optax.losses.softmax_cross_entropy(array(pred), hot(target))),
    NOTHING,
)
LOG_LOSS = (Peer("sklearn.metrics.log_loss", "scikit-learn", sklearn_log_loss, NOTHING),)
NLL = (Peer("torch.nn.functional.nll_loss", "torch", torch_nll),)
FOCAL = (Peer("keras.losses.categorical_focal_crossentropy", "keras", keras_focal, rtol=SINGLE),)
POLY = (Peer("optax.losses.poly_loss_cross_entropy", "optax", optax_poly),)
GENERALIZED = (Peer("keras.losses.categorical_generalized_cross_entropy", "keras", keras_generalized, rtol=SINGLE),)
BRIER = (Peer("sklearn.metrics.brier_score_loss(scale_by_half=False)", "scikit-learn", sklearn_brier),)


# --------------------------------------------------------------------------------------------------------------- data
def classes(name: str, rows: int = ROWS) -> Column:
    """Every class occurs, unevenly."""
    rest_of = draw(f"{name} classes").choice(CLASSES, rows - CLASSES, p=[0.5, 0.1, 0.25, 0.15]).tolist()
    return [*rest_of, 2, 0, 3, 1]


def scores(name: str, rows: int = ROWS) -> Column:
    return uneven(draw(f"{name} scores").normal(0.2, 1.9, (rows, CLASSES)))


def simplex(name: str, rows: int = ROWS) -> Column:
    return summing_to_one(draw(f"{name} simplex").gamma(1.3, 1.0, (rows, CLASSES)) + 0.02)


def soft(name: str, rows: int = ROWS) -> Column:
    return [*simplex(f"{name} soft", rows - 2), [0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]]


# A dominant true class is left out: log-sum-exp loses a loss of e^-50, in every peer too.
EDGE_SCORES: Columns = {
    "target": [0, 1, 2, 3, 0, 3, 1, 2],
    "pred": [
        [1e3, -1e3, 0.0, 0.0], [1e3, -1e3, 0.0, 0.0], [1e3, -1e3, 0.0, 0.0], [7.5, 7.5, 7.5, 7.5],
        [0.0, 0.0, 0.0, 0.0], [1e-9, -1e-9, 0.0, 1e-9], [1e8, 1e8, 1e8, -1e8], [-1e3, -1e3, -1e3, -1001.5],
    ],
}  # fmt: skip
EDGE_PROBABILITIES: Columns = {
    "target": [0, 1, 2, 3, 0, 1],
    "pred": [
        [0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0], [0.999999999, 0.0, 1e-9, 0.0], [0.25, 0.25, 0.25, 0.25],
        [1e-30, 0.0, 0.0, 1.0], [0.0, 0.75, 0.25, 0.0],
    ],
}  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- cases
def add_cross_entropy(family: Family) -> None:
    loss, given = "cross_entropy", [0.7, 2.9, 1.0, 0.15]
    settings: tuple[Params, ...] = (
        {}, {"label_smoothing": 0.13}, {"class_weight": given}, {"class_weight": given, "label_smoothing": 0.3},
        {"ignore_index": 2}, {"ignore_index": 0, "class_weight": given, "label_smoothing": 0.05},
    )  # fmt: skip
    for params in settings:
        name = loss + tag(params)
        target = classes(name)
        columns, c = {"target": target, "pred": scores(name)}, normaliser(target, params)
        said = {"params": params, "normaliser": c}
        gradient = None if "class_weight" in params else "pred"
        peers = CROSS if params else (*CROSS, OPTAX)
        add_rows(family, name, loss, columns, cross_entropy, peers=peers, gradient=gradient, **said)
        whole = float(torch_cross_entropy(**columns, reduction="mean", **params))
        mean = {"value": whole, "oracle": f"{CROSS[0].oracle} with its own mean", "package": "torch"}
        family.add(row_case(f"{name}-torch-mean", loss, columns, cross_entropy, **mean, **said))
        family.add(row_case(f"{name}-weights", loss, columns, cross_entropy, weight=weights(name, ROWS), **said))
        edges = {**said, "normaliser": normaliser(EDGE_SCORES["target"], params)}
        family.add(row_case(f"{name}-edges", loss, EDGE_SCORES, cross_entropy, **edges))
    add_soft_targets(family, given)
    add_reductions(family, given)


def normaliser(target: Column, params: Params) -> list[object]:
    """The class weight of each row's class, zero where the row is ignored: what the mean divides by."""
    w = params.get("class_weight")
    ignored = params.get("ignore_index")
    return [0.0 if t == ignored else w[t] if isinstance(w, list) else 1.0 for t in target]


def add_soft_targets(family: Family, given: list[float]) -> None:
    """A vector as target: class weights go into the sum, and the mean divides by rows."""
    for params in ({}, {"class_weight": given}, {"label_smoothing": 0.13}):
        name = f"cross_entropy-soft{tag(params)}"
        columns = {"target": soft(name), "pred": scores(name)}
        said = {"params": params, "peers": CROSS, "gradient": None if "class_weight" in params else "pred"}
        add_rows(family, name, "cross_entropy", columns, cross_entropy, **said)


def add_reductions(family: Family, given: list[float]) -> None:
    """With class weights, torch's mean is ours, and the rows' plain mean is `mean-rows`."""
    params: Params = {"class_weight": given, "ignore_index": 3}
    columns = {"target": classes("reductions"), "pred": scores("reductions")}
    total = float(torch_cross_entropy(**columns, reduction="sum", **params))
    counted = sum(t != 3 for t in columns["target"])
    for reduction, value in (("sum", total), ("mean-rows", total / counted)):
        said = {"params": params, "reduction": reduction, "value": value, "oracle": f"{CROSS[0].oracle}, its sum"}
        c = normaliser(columns["target"], params)
        case = row_case(
            f"cross_entropy-{reduction}", "cross_entropy", columns, cross_entropy, normaliser=c, package="torch", **said
        )
        family.add(case)


def add_worded_weights(family: Family) -> None:
    """Weights that come from the data, and the class-balanced loss, whose mean divides by rows."""
    columns = {"target": classes("worded", 14), "pred": scores("worded", 14)}
    n = counts(columns["target"], CLASSES)
    words: tuple[tuple[Params, list[Exact]], ...] = (
        ({"class_weight": "balanced"}, balanced_weights(n)),
        ({"class_weight": "effective"}, effective_weights(n, 0.999)),
        ({"class_weight": "effective", "beta": 0.8}, effective_weights(n, 0.8)),
    )
    for params, w in words:
        c = [w[t] for t in columns["target"]]
        rows = evaluate(resolved(cross_entropy, w), columns, params)
        value = float(mp.fsum(rows) / mp.fsum(c))
        peer = torch_cross_entropy(**columns, class_weight=w, reduction="mean")
        if abs(float(peer) / value - 1) > 1e-12:
            raise ValueError("torch's mean differs")
        name, said = f"cross_entropy{tag(params)}", {"params": params, "normaliser": c}
        family.add(row_case(name, "cross_entropy", columns, resolved(cross_entropy, w), **said))
    settings: tuple[Params, ...] = (
        {}, {"beta": 0.0}, {"beta": 0.8}, {"counts": [1000, 35, 7, 210]}, {"beta": 0.9, "counts": [12, 1, 40, 3]},
    )  # fmt: skip
    for params in settings:
        w = effective_weights(params.get("counts", n), params.get("beta", 0.999))
        loss = "class_balanced_cross_entropy"
        peers = (Peer("paper x torch", "torch", torch_with(w)),)
        add_rows(family, loss + tag(params), loss, columns, resolved(cross_entropy, w), params=params, peers=peers)
    weight = weights("class balanced", 14)
    w = effective_weights(n, 0.999)
    family.add(row_case(f"{loss}-weights", loss, columns, resolved(cross_entropy, w), weight=weight))


def torch_with(w: Sequence[Exact]) -> Callable[..., torch.Tensor]:
    given = [float(x) for x in w]
    return lambda target, pred, **_: torch_cross_entropy(target, pred, class_weight=given)


def add_probabilities(family: Family) -> None:
    loss, given = "categorical_cross_entropy", [0.7, 2.9, 1.0, 0.15]
    for params in ({}, {"eps": 0.05}, {"label_smoothing": 0.13}, {"normalize": True}):
        name = loss + tag(params)
        pred = simplex(name) if "normalize" not in params else uneven(array(simplex(name)) * 3.7)
        # The clip is a kink, and normalising is part of the loss or not, as one sees it: no gradients there.
        gradient = None if {"eps", "normalize"} & set(params) else "pred"
        for end, target in (("class", classes(name)), ("hot", hot(classes(name)).tolist()), ("soft", soft(name))):
            peers = LOG_LOSS if end == "class" else ()
            columns = {"target": target, "pred": pred}
            said = {"params": params, "peers": peers, "gradient": gradient}
            add_rows(family, f"{name}-{end}", loss, columns, categorical_cross_entropy, **said)
    columns = {"target": classes("cce w"), "pred": simplex("cce w")}
    weight = weights("cce", ROWS)
    value = float(metrics.log_loss(columns["target"], columns["pred"], sample_weight=weight, labels=range(CLASSES)))
    said = {"weight": weight, "value": value, "oracle": "sklearn.metrics.log_loss", "package": "scikit-learn"}
    family.add(row_case(f"{loss}-sklearn-mean-weights", loss, columns, categorical_cross_entropy, **said))
    sparse = "sparse_categorical_cross_entropy"
    for params in ({}, {"class_weight": given}, {"ignore_index": 1}, {"eps": 0.05}, {"normalize": True}):
        name = sparse + tag(params)
        pred = simplex(name) if "normalize" not in params else uneven(array(simplex(name)) * 0.41)
        columns = {"target": classes(name), "pred": pred}
        said = {"params": params, "peers": LOG_LOSS, "normaliser": normaliser(columns["target"], params)}
        add_rows(family, name, sparse, columns, sparse_categorical_cross_entropy, **said)
        both = {"params": params, "normaliser": said["normaliser"], "weight": weights(name, ROWS)}
        family.add(row_case(f"{name}-weights", sparse, columns, sparse_categorical_cross_entropy, **both))
    for params in ({}, {"eps": 0.0}):
        for name, formula in ((loss, categorical_cross_entropy), (sparse, sparse_categorical_cross_entropy)):
            family.add(row_case(f"{name}{tag(params)}-edges", name, EDGE_PROBABILITIES, formula, params=params))


def add_nll(family: Family) -> None:
    given = [0.7, 2.9, 1.0, 0.15]
    for params in ({}, {"class_weight": given}, {"ignore_index": 1}, {"ignore_index": -1, "class_weight": given}):
        name = f"nll{tag(params)}"
        target = classes(name)
        if params.get("ignore_index") == -1:
            target[1] = target[5] = -1
        pred = uneven(torch.log_softmax(tensor(scores(name)), dim=1).numpy(), 9)
        columns, c = {"target": target, "pred": pred}, normaliser(target, params)
        add_rows(family, name, "nll", columns, nll, params=params, peers=NLL, normaliser=c)
        both = {"params": params, "normaliser": c, "weight": weights(name, ROWS)}
        family.add(row_case(f"{name}-weights", "nll", columns, nll, **both))


def add_softmax_variants(family: Family) -> None:
    alphas = [0.25, 1.5, 0.6, 0.9]
    settings: tuple[tuple[str, Callable[..., Exact], tuple[Peer, ...], tuple[Params, ...]], ...] = (
        (
            "focal_cross_entropy",
            focal_cross_entropy,
            FOCAL,
            ({}, {"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 3.5, "alpha": 0.25}, {"alpha": alphas}),
        ),
        ("poly1_cross_entropy", poly1_cross_entropy, POLY, ({}, {"epsilon": 2.0}, {"epsilon": -0.6})),
        (
            "symmetric_cross_entropy",
            symmetric_cross_entropy,
            (),
            ({}, {"alpha": 1.7}, {"beta": 0.35}, {"log_zero": -6.5}),
        ),
    )
    for loss, formula, peers, choices in settings:
        for params in choices:
            name = loss + tag(params)
            columns = {"target": classes(name), "pred": scores(name)}
            add_rows(family, name, loss, columns, formula, params=params, peers=peers, gradient="pred")
            family.add(row_case(f"{name}-edges", loss, EDGE_SCORES, formula, params=params))
        columns = {"target": classes(loss), "pred": scores(loss)}
        family.add(row_case(f"{loss}-weights", loss, columns, formula, weight=weights(loss, ROWS)))


def add_probability_variants(family: Family) -> None:
    for params in ({"input": "probs"}, {"input": "probs", "gamma": 0.5, "alpha": 0.6}):
        name = f"focal_cross_entropy{tag(params)}"
        columns = {"target": classes(name), "pred": simplex(name)}
        said = {"params": params, "peers": FOCAL, "gradient": "pred"}
        add_rows(family, name, "focal_cross_entropy", columns, focal_cross_entropy, **said)
        edges = row_case(f"{name}-edges", "focal_cross_entropy", EDGE_PROBABILITIES, focal_cross_entropy, params=params)
        family.add(edges)
    loss = "generalized_cross_entropy"
    for params in ({}, {"q": 0.25}, {"q": 1.0}):
        name, peers = loss + tag(params), () if params.get("q") == 1.0 else GENERALIZED
        columns = {"target": classes(name), "pred": simplex(name)}
        add_rows(family, name, loss, columns, generalized_cross_entropy, params=params, peers=peers, gradient="pred")
        family.add(row_case(f"{name}-edges", loss, EDGE_PROBABILITIES, generalized_cross_entropy, params=params))
    loss = "brier_multiclass"
    columns = {"target": classes(loss), "pred": simplex(loss)}
    add_rows(family, loss, loss, columns, brier_multiclass, peers=BRIER, gradient="pred")
    family.add(row_case(f"{loss}-soft", loss, {"target": soft(loss), "pred": simplex("b")}, brier_multiclass))
    family.add(row_case(f"{loss}-edges", loss, EDGE_PROBABILITIES, brier_multiclass, weight=weights(loss, 6)))


def add_articles(family: Family) -> None:
    loss = "cross_entropy"
    two: Columns = {"target": [0, 2], "pred": [[2.0, 0.5, -1.0], [0.0, 1.0, 0.0]]}
    three: Columns = {"target": [0, 1, 2], "pred": [*two["pred"], [0.2, -0.1, 1.5]]}
    weighted: Params = {"class_weight": [1.0, 2.0, 3.0]}
    family.add(row_case(f"article-{loss}", loss, two, cross_entropy))
    smoothing: Params = {"label_smoothing": 0.1}
    family.add(row_case(f"article-{loss}-label_smoothing", loss, two, cross_entropy, params=smoothing))
    c = [1.0, 2.0, 3.0]
    family.add(row_case(f"article-{loss}-class_weight", loss, three, cross_entropy, params=weighted, normaliser=c))
    # The article prints weights; at equal scores the loss of class c is w_c log 3.
    w = effective_weights([1000, 100, 10], 0.999)
    level: Columns = {"target": [0, 1, 2], "pred": [[0.5, 0.5, 0.5]] * 3}
    name, params = "class_balanced_cross_entropy", {"counts": [1000, 100, 10]}
    family.add(row_case(f"article-{name}", name, level, resolved(cross_entropy, w), params=params))


# Loss, peer, where the peer differs from the catalogue; the formula is what the cases hold.
DISAGREEMENTS = (
    (
        "categorical_cross_entropy",
        "sklearn.metrics.log_loss",
        "clips above too: p=1 costs 2.2e-16; the catalogue does not say, and no case depends on it",
    ),
    (
        "poly1_cross_entropy",
        "optax.losses.poly_loss_cross_entropy",
        "epsilon is 2 by default; the cases give it",
    ),
    (
        "focal_cross_entropy",
        "keras.losses.categorical_focal_crossentropy",
        "alpha is 0.25 by default, p is clipped at 1e-7, powers are in single precision",
    ),
    (
        "generalized_cross_entropy",
        "keras.losses.categorical_generalized_cross_entropy",
        "powers are in single precision, and q=1 is refused",
    ),
)


def build() -> Family:
    family = Family("multiclass", ["torch", "numpy", "mpmath", "scikit-learn", "optax", "keras"])
    add_cross_entropy(family)
    add_worded_weights(family)
    add_probabilities(family)
    add_nll(family)
    add_softmax_variants(family)
    add_probability_variants(family)
    multiclass_scores.add_all(family)
    add_articles(family)
    for loss, peer, what in DISAGREEMENTS:
        family.disagree(loss, peer, what)
    return family
