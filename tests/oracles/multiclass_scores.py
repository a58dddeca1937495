"""Family D's margins between scores, and sets of labels: hinges, rankings, shares of wrong labels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as nn
from cases import SINGLE, Column, Columns, Family, array, draw, row_case, uneven
from mpmath import mp
from peers import NOTHING, Peer, add_rows, keras_rows, labels, tag, tensor, weights
from sklearn import metrics

Exact = mp.mpf
Vector = Sequence[Exact]
Params = dict[str, object]
ZERO, ONE = Exact(0), Exact(1)
CLASSES, ROWS = 4, 11


# ------------------------------------------------------------------------------------------------------- the formulas
def others(pred: Vector, y: int) -> list[Exact]:
    return [s for k, s in enumerate(pred) if k != y]


def multiclass_hinge(target: Exact, pred: Vector, margin: Exact = ONE) -> Exact:
    """Crammer and Singer 2001."""
    y = int(target)
    return max(ZERO, margin + max(others(pred, y)) - pred[y])


def multi_margin(
    target: Exact, pred: Vector, p: Exact = ONE, margin: Exact = ONE, class_weight: Vector | None = None
) -> Exact:
    """Weston and Watkins 1999, over K."""
    y = int(target)
    w = ONE if class_weight is None else class_weight[y]
    return mp.fsum(w * max(ZERO, margin - pred[y] + s) ** p for s in others(pred, y)) / len(pred)


def categorical_hinge(target: object, pred: Vector) -> Exact:
    """The true class stays in the maximum, as a zero."""
    t = target if isinstance(target, list) else [Exact(int(k == target)) for k in range(len(pred))]
    wrong = max((1 - a) * s for a, s in zip(t, pred, strict=True))
    return max(ZERO, 1 + wrong - mp.fsum(a * s for a, s in zip(t, pred, strict=True)))


def split(target: Vector, pred: Vector) -> tuple[list[Exact], list[Exact]]:
    """The scores of the true labels, and of the false ones."""
    pairs = list(zip(target, pred, strict=True))
    return [s for t, s in pairs if t == 1], [s for t, s in pairs if t == 0]


def multilabel_margin(target: Vector, pred: Vector) -> Exact:
    true, false = split(target, pred)
    return mp.fsum(max(ZERO, 1 - (a - b)) for a in true for b in false) / len(pred)


def hamming(target: Vector, pred: Vector, threshold: Exact | None = None) -> Exact:
    said = pred if threshold is None else [Exact(int(s > threshold)) for s in pred]
    return Exact(sum(a != b for a, b in zip(target, said, strict=True))) / len(pred)


def label_ranking(target: Vector, pred: Vector) -> Exact:
    """A row whose labels are all true, or all false, has no pair to order wrongly: 0."""
    true, false = split(target, pred)
    pairs = len(true) * len(false)
    return Exact(sum(a <= b for a in true for b in false)) / pairs if pairs else ZERO


def coverage(target: Vector, pred: Vector) -> Exact:
    """Labels scored at least as high as the worst true one; none to cover: 0."""
    true, _ = split(target, pred)
    return Exact(sum(s >= min(true) for s in pred)) if true else ZERO


# ---------------------------------------------------------------------------------------------------------- the peers
def sklearn_hinge(target: Column, pred: Column) -> list[float]:
    return [metrics.hinge_loss([t], [p], labels=range(CLASSES)) for t, p in zip(target, pred, strict=True)]


def torch_multi_margin(
    target: Column, pred: Column, p: int = 1, margin: float = 1.0, class_weight: object = None
) -> torch.Tensor:
    weight = None if class_weight is None else tensor(class_weight)
    classes = torch.tensor(np.asarray(target, np.int64))
    return nn.multi_margin_loss(tensor(pred), classes, p=p, margin=margin, weight=weight, reduction="none")


def torch_multilabel_margin(target: Column, pred: Column) -> torch.Tensor:
    """Torch wants the true labels' numbers first, then -1."""
    true = [[k for k, t in enumerate(row) if t] for row in target]
    padded = torch.tensor([row + [-1] * (CLASSES - len(row)) for row in true])
    return nn.multilabel_margin_loss(tensor(pred), padded, reduction="none")


def keras_categorical_hinge(target: Column, pred: Column) -> np.ndarray:
    return keras_rows("categorical_hinge", np.eye(CLASSES)[np.asarray(target, np.int64)], array(pred))


def by_row(function: Callable[..., float]) -> Callable[..., list[float]]:
    def rows(target: Column, pred: Column) -> list[float]:
        return [float(function(np.array([t]), np.array([p]))) for t, p in zip(target, pred, strict=True)]

    return rows


HINGE = (Peer("sklearn.metrics.hinge_loss", "scikit-learn", sklearn_hinge, NOTHING),)
MULTI = (Peer("torch.nn.functional.multi_margin_loss", "torch", torch_multi_margin),)
CATEGORICAL = (Peer("keras.losses.categorical_hinge", "keras", keras_categorical_hinge, rtol=SINGLE),)
MULTILABEL = (Peer("torch.nn.functional.multilabel_margin_loss", "torch", torch_multilabel_margin),)
SETS: dict[str, tuple[Callable[..., Exact], Peer]] = {
    "label_ranking": (
        label_ranking,
        Peer("sklearn.metrics.label_ranking_loss", "scikit-learn", by_row(metrics.label_ranking_loss)),
    ),
    "coverage": (coverage, Peer("sklearn.metrics.coverage_error", "scikit-learn", by_row(metrics.coverage_error))),
}


# --------------------------------------------------------------------------------------------------------------- data
def classes(name: str) -> Column:
    return draw(f"{name} classes").integers(0, CLASSES, ROWS).tolist()


def scores(name: str) -> Column:
    return uneven(draw(f"{name} scores").normal(0.2, 1.4, (ROWS, CLASSES)))


EDGES: Columns = {
    "target": [0, 1, 2, 3, 0, 1, 2, 3],
    "pred": [
        [2.0, 1.0, 0.5, -3.0], [1.0, 1.0, 1.0, 1.0], [-2.5, -1.5, -2.5, -4.0], [1e8, -1e8, 0.0, 1e3],
        [1e-9, 0.0, -1e-9, 0.0], [-5.0, -4.0, -6.0, -7.0], [0.0, 0.25, 1.25, 0.25], [0.0, 0.0, 0.0, 0.0],
    ],
}  # fmt: skip
TIED: Columns = {
    "target": [[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 1, 0], [0, 1, 1, 0]],
    "pred": [
        [0.5, 0.5, 0.1, 0.5], [1.0, 1.0, 1.0, 1.0], [0.2, -0.2, -0.2, 0.2], [-1.5, 2.5, 0.0, -1.5],
        [1e8, -1e8, 1e-9, 0.0], [0.0, 1.0, 3.0, 0.0],
    ],
}  # fmt: skip
ALL_OR_NONE: Columns = {
    "target": [[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1]],
    "pred": [[0.3, 2.1, -0.7, 0.3], [0.3, 2.1, -0.7, 0.3], [0.3, 2.1, -0.7, 0.4]],
}


# -------------------------------------------------------------------------------------------------------------- cases
def add_margins(family: Family) -> None:
    given = [0.7, 2.9, 1.0, 0.15]
    settings: tuple[tuple[str, Callable[..., Exact], tuple[Peer, ...], tuple[Params, ...]], ...] = (
        ("multiclass_hinge", multiclass_hinge, HINGE, ({}, {"margin": 0.35}, {"margin": 2.25})),
        (
            "multi_margin",
            multi_margin,
            MULTI,
            ({}, {"p": 2}, {"margin": 0.35}, {"class_weight": given}, {"p": 2, "margin": 2.25, "class_weight": given}),
        ),
        ("categorical_hinge", categorical_hinge, CATEGORICAL, ({},)),
    )
    for loss, formula, peers, choices in settings:
        for params in choices:
            name, w = loss + tag(params), params.get("class_weight")
            columns = {"target": classes(name), "pred": scores(name)}
            said = {"params": params, "normaliser": w and [w[t] for t in columns["target"]]}
            gradient = None if w else "pred"
            add_rows(family, name, loss, columns, formula, peers=peers, gradient=gradient, **said)
            family.add(row_case(f"{name}-weights", loss, columns, formula, weight=weights(name, ROWS), **said))
            edges = {**said, "normaliser": w and [w[t] for t in EDGES["target"]]}
            family.add(row_case(f"{name}-edges", loss, EDGES, formula, **edges))
    what = "its mean divides by rows; the catalogue's by the sum of the rows' class weights (rows agree)"
    family.disagree("multi_margin", "torch.nn.functional.multi_margin_loss", what)


def add_label_sets(family: Family) -> None:
    columns = {"target": labels("multilabel_margin", (ROWS, CLASSES)), "pred": scores("multilabel_margin")}
    said = {"peers": MULTILABEL, "gradient": "pred"}
    add_rows(family, "multilabel_margin", "multilabel_margin", columns, multilabel_margin, **said)
    for end, edges in (("tied", TIED), ("all-or-none", ALL_OR_NONE)):
        add_rows(family, f"multilabel_margin-{end}", "multilabel_margin", edges, multilabel_margin, peers=MULTILABEL)
    for loss, (formula, peer) in SETS.items():
        for end, rows in (("drawn", drawn_sets(loss)), ("tied", TIED), ("all-or-none", ALL_OR_NONE)):
            add_rows(family, f"{loss}-{end}", loss, rows, formula, peers=(peer,))
        weight = weights(loss, ROWS)
        function = {"label_ranking": metrics.label_ranking_loss, "coverage": metrics.coverage_error}[loss]
        rows = drawn_sets(f"{loss} mean")
        value = float(function(np.array(rows["target"]), np.array(rows["pred"]), sample_weight=weight))
        mean = {"weight": weight, "value": value, "oracle": peer.oracle, "package": peer.package}
        family.add(row_case(f"{loss}-sklearn-mean-weights", loss, rows, formula, **mean))


def drawn_sets(name: str) -> Columns:
    """Scores in steps, so that some tie."""
    pred = np.round(draw(f"{name} sets").normal(0, 1.2, (ROWS, CLASSES)) * 2) / 2
    return {"target": labels(name, (ROWS, CLASSES)), "pred": pred.tolist()}


def add_hamming(family: Family) -> None:
    columns = {"target": labels("hamming t", (ROWS, CLASSES)), "pred": labels("hamming p", (ROWS, CLASSES))}
    peers = (Peer("sklearn.metrics.hamming_loss", "scikit-learn", by_row(metrics.hamming_loss)),)
    add_rows(family, "hamming", "hamming", columns, hamming, peers=peers)
    weight = weights("hamming", ROWS)
    value = float(metrics.hamming_loss(np.array(columns["target"]), np.array(columns["pred"]), sample_weight=weight))
    said = {"weight": weight, "value": value, "oracle": peers[0].oracle, "package": "scikit-learn"}
    family.add(row_case("hamming-sklearn-mean-weights", "hamming", columns, hamming, **said))
    for threshold in (0.5, -0.31):
        rows = {"target": labels(f"hamming {threshold}", (ROWS, CLASSES)), "pred": scores(f"hamming {threshold}")}
        family.add(row_case(f"hamming-threshold{threshold}", "hamming", rows, hamming, params={"threshold": threshold}))


def add_all(family: Family) -> None:
    add_margins(family)
    add_label_sets(family)
    add_hamming(family)
