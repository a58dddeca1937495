"""Oracles of family H, row losses: pairs, triplets, angles; and the cosines and distances the batch losses share."""

from functools import partial

import keras
import numpy as np
import optax
import torch
import torch.nn.functional as nn
from cases import SINGLE, Columns, Family, array, draw, log_softmax, softplus, uneven
from mpmath import mp
from pytorch_metric_learning import distances, losses, reducers
from units import by_row

Numbers = list[mp.mpf]
TORCH = "torch.nn.functional"


# ------------------------------------------------------------------------------------------------- formulas, one row
def dot(x: Numbers, y: Numbers) -> mp.mpf:
    return mp.fsum(a * b for a, b in zip(x, y, strict=True))


def cosine(x: Numbers, y: Numbers, eps: object = 0) -> mp.mpf:
    """x.y over the norms, each squared norm at least eps (optax)."""
    return dot(x, y) / mp.sqrt(max(dot(x, x), mp.mpf(eps)) * max(dot(y, y), mp.mpf(eps)))


def distance(x: Numbers, y: Numbers, p: object = 2, eps: object = 0) -> mp.mpf:
    """The p-norm of x - y + eps."""
    return mp.fsum(abs(a - b + mp.mpf(eps)) ** mp.mpf(p) for a, b in zip(x, y, strict=True)) ** (1 / mp.mpf(p))


def relu(x: mp.mpf) -> mp.mpf:
    return max(x, mp.mpf(0))


def contrastive_distance(distance: mp.mpf, target: mp.mpf, margin: object = 1, half: object = False) -> mp.mpf:
    """d^2 for similar pairs, max(0, margin - d)^2 for the others."""
    value = distance**2 if target == 1 else relu(mp.mpf(margin) - distance) ** 2
    return value / 2 if half else value


def contrastive(
    a: Numbers, b: Numbers, target: mp.mpf, margin: object = 1, half: object = False, p: object = 2, eps: object = 0
) -> mp.mpf:
    """The same on the distance of a and b."""
    return contrastive_distance(distance(a, b, p, eps), target, margin, half)


def hinge_embedding(pred: mp.mpf, target: mp.mpf, margin: object = 1) -> mp.mpf:
    """d, or max(0, margin - d)."""
    return pred if target == 1 else relu(mp.mpf(margin) - pred)


def cosine_embedding(a: Numbers, b: Numbers, target: mp.mpf, margin: object = 0) -> mp.mpf:
    """1 - cos, or max(0, cos - margin)."""
    return 1 - cosine(a, b) if target == 1 else relu(cosine(a, b) - mp.mpf(margin))


def cosine_distance(target: Numbers, pred: Numbers, eps: object = 0) -> mp.mpf:
    return 1 - cosine(target, pred, eps)


def cosine_proximity(target: Numbers, pred: Numbers, eps: object = 0) -> mp.mpf:
    return -cosine(target, pred, eps)


def triplet(
    anchor: Numbers, positive: Numbers, negative: Numbers, margin: object = 1, p: object = 2, squared: object = False,
    swap: object = False, eps: object = 1e-6,
) -> mp.mpf:  # fmt: skip
    """max(0, d_ap - d_an + margin); swap takes the smaller of d_an and d_pn; squared distances leave eps out."""

    def apart(x: Numbers, y: Numbers) -> mp.mpf:
        return distance(x, y, p) ** 2 if squared else distance(x, y, p, eps)

    far = min(apart(anchor, negative), apart(positive, negative)) if swap else apart(anchor, negative)
    return relu(apart(anchor, positive) - far + mp.mpf(margin))


def triplet_soft_margin(anchor: Numbers, positive: Numbers, negative: Numbers, p: object = 2) -> mp.mpf:
    return softplus(distance(anchor, positive, p) - distance(anchor, negative, p))


def triplet_distance(d_positive: mp.mpf, d_negative: mp.mpf, margin: object = 1) -> mp.mpf:
    return relu(d_positive - d_negative + mp.mpf(margin))


def margin_ranking(pred: mp.mpf, other: mp.mpf, target: mp.mpf, margin: object = 0) -> mp.mpf:
    return relu(-target * (pred - other) + mp.mpf(margin))


def likeness(x: Numbers, y: Numbers, similarity: str, temperature: object) -> mp.mpf:
    return (cosine if similarity == "cosine" else dot)(x, y) / mp.mpf(temperature)


def info_nce(
    anchor: Numbers, positive: Numbers, negatives: list[Numbers], temperature: object = 0.1, similarity: str = "cosine"
) -> mp.mpf:
    """The cross-entropy of the positive among the positive and the negatives."""
    return -log_softmax([likeness(anchor, x, similarity, temperature) for x in (positive, *negatives)])[0]


def arcface(pred: Numbers, target: mp.mpf, margin: object = 0.5, scale: object = 64) -> mp.mpf:
    """theta + margin, or beyond pi - margin a straight line in the cosine."""
    y, m = int(target), mp.mpf(margin)
    theta = mp.acos(pred[y])
    turned = mp.cos(theta + m) if theta <= mp.pi - m else pred[y] - m * mp.sin(m)
    return -log_softmax([mp.mpf(scale) * (turned if k == y else c) for k, c in enumerate(pred)])[y]


def cosface(pred: Numbers, target: mp.mpf, margin: object = 0.35, scale: object = 64) -> mp.mpf:
    y = int(target)
    return -log_softmax([mp.mpf(scale) * (c - mp.mpf(margin) if k == y else c) for k, c in enumerate(pred)])[y]


# ---------------------------------------------------------------------------------------------------------------- data
def vectors(name: str, rows: int = 8, *roles: str) -> Columns:
    """Vectors that lean towards each other, long enough for torch's 1e-12 under the root not to show."""
    rng = draw(name)
    common = rng.normal(0, 2, (rows, 5))
    return {role: uneven(common + rng.normal(0, 1.5, (rows, 5)), 4) for role in roles}


def signs(name: str, rows: int) -> list[int]:
    return draw(name + "-signs").permutation([1, -1] * rows)[:rows].tolist()


# --------------------------------------------------------------------------------------------------------------- peers
def tensors(columns: Columns, *roles: str) -> list[torch.Tensor]:
    return [torch.tensor(array(columns[role])) for role in roles]


def pml_rows(loss: torch.nn.Module, embedding: np.ndarray, label: np.ndarray) -> list[float | None]:
    """pytorch-metric-learning's values per row; those of pairs are averaged over a row's positives."""
    loss.reducer = reducers.DoNothingReducer()
    told = loss(torch.tensor(embedding), torch.tensor(label).long())["loss"]
    if not torch.is_tensor(told["losses"]):  # it saw no pair it could use
        return [None] * len(label)
    row = told["indices"][0] if told["reduction_type"] == "pos_pair" else told["indices"]
    values = [told["losses"][row == i].mean().item() if (row == i).any() else None for i in range(len(label))]
    # It takes log(1 + x) as a log-sum-exp with 0, which leaves few digits of a small x: not asked there.
    return [None if value is None or value < 1e-3 else value for value in values]


def margin_rows(loss: losses.ArcFaceLoss | losses.CosFaceLoss, columns: Columns) -> list[float | None]:
    """The layer's own cosines replaced by the given ones."""
    cosines = array(columns["pred"])
    loss.get_cosine = lambda _: torch.tensor(cosines)
    return pml_rows(loss, cosines, np.array(columns["target"]))


# --------------------------------------------------------------------------------------------------------------- cases
def pair_cases(family: Family) -> None:
    """Losses of two vectors or of a distance."""
    put = partial(by_row, family)
    both = {**vectors("contrastive", 8, "a", "b"), "target": [1, 0, 0, 1, 1, 0, 0, 1]}
    both["b"][2] = both["a"][2]  # no distance
    both["b"][5] = [x + 0.125 for x in both["a"][5]]  # inside the margin
    given = {"distance": [0.25, 0, 0.75, 1, 3.5, 0.125, 0], "target": [1, 1, 0, 0, 0, 0, 0]}
    for label, params in (("", {}), ("margin", {"margin": 2.5}), ("half", {"half": True})):
        put("contrastive", contrastive, both, params, label)
        put("contrastive_distance", contrastive_distance, given, params, label)
    for label, params in (("p1", {"p": 1, "margin": 4}), ("p3", {"p": 3}), ("eps", {"eps": 1e-3, "margin": 0.5})):
        put("contrastive", contrastive, both, params, label)
    signed = {**both, "target": [2 * t - 1 for t in both["target"]]}
    put("contrastive", contrastive, signed, {}, "signed", weight=[1, 0.5, 2, 0, 1, 3, 1.25, 1])

    apart = {"pred": [0.3, 2.5, 0.4, 1.75, 0, 1, 0.9], "target": [1, -1, -1, 1, -1, -1, 1]}
    for params in ({}, {"margin": 2}):
        rows = nn.hinge_embedding_loss(*tensors(apart, "pred", "target"), reduction="none", **params)
        put(
            "hinge_embedding",
            hinge_embedding,
            apart,
            params,
            "margin" if params else "",
            rows,
            f"{TORCH}.hinge_embedding_loss",
        )
    smooth = {name: column[:4] for name, column in apart.items()}
    put("hinge_embedding", hinge_embedding, smooth, {}, "gradient", gradient="pred")

    columns = {**vectors("cosine_embedding", 9, "a", "b"), "target": signs("cosine_embedding", 9)}
    for params in ({}, {"margin": 0.3}, {"margin": -0.25}):
        rows = nn.cosine_embedding_loss(*tensors(columns, "a", "b", "target"), reduction="none", **params)
        put(
            "cosine_embedding",
            cosine_embedding,
            columns,
            params,
            f"margin{params.get('margin', 0)}",
            rows,
            f"{TORCH}.cosine_embedding_loss",
        )

    columns = vectors("cosine_distance", 8, "target", "pred")
    columns["pred"][3] = [-x for x in columns["target"][3]]
    rows = optax.cosine_distance(array(columns["pred"]), array(columns["target"]))
    put("cosine_distance", cosine_distance, columns, {}, "", rows, "optax.cosine_distance", gradient="pred")
    rows = keras.losses.cosine_similarity(array(columns["target"]), array(columns["pred"]))
    rows = keras.ops.convert_to_numpy(rows)
    put(
        "cosine_proximity",
        cosine_proximity,
        columns,
        {},
        "",
        rows,
        "keras.losses.cosine_similarity",
        SINGLE,
        gradient="pred",
    )
    short = {
        "target": [*columns["target"][:3], [0, 0, 0, 0, 0], [0.01, 0.02, 0, 0, 0.01]],
        "pred": [*columns["pred"][:3], [1, 0.5, 2, 0, -1], [0.03, 0.01, 0, 0.02, 0]],
    }
    rows = optax.cosine_distance(array(short["pred"]), array(short["target"]), epsilon=0.01)
    put("cosine_distance", cosine_distance, short, {"eps": 0.01}, "eps", rows, "optax.cosine_distance")
    put("cosine_proximity", cosine_proximity, short, {"eps": 0.01}, "eps", rows - 1, "optax.cosine_distance")

    columns = {"pred": [0.3, -1.2, 2, 0.5, 0.5, 7], "other": [0.9, 0.4, -1, 0.5, 0.25, 3]}
    columns["target"] = [1, -1, 1, -1, -1, 1]
    for params in ({}, {"margin": 0.75}):
        rows = nn.margin_ranking_loss(*tensors(columns, "pred", "other", "target"), reduction="none", **params)
        put(
            "margin_ranking",
            margin_ranking,
            columns,
            params,
            "margin" if params else "",
            rows,
            f"{TORCH}.margin_ranking_loss",
        )


def triplet_cases(family: Family) -> None:
    """triplet, triplet_soft_margin, triplet_distance, and info_nce with negatives of its own."""
    put = partial(by_row, family)
    roles = ("anchor", "positive", "negative")
    columns = vectors("triplet", 8, *roles)
    columns["positive"][2] = columns["anchor"][2]
    columns["negative"][4] = columns["anchor"][4]
    for label, params in (
        ("", {}), ("p1", {"p": 1, "margin": 2.5}), ("p3", {"p": 3}),
        ("swap", {"swap": True}), ("eps", {"eps": 0.01}),
    ):  # fmt: skip
        rows = nn.triplet_margin_loss(*tensors(columns, *roles), reduction="none", **params)
        put("triplet", triplet, columns, params, label, rows, f"{TORCH}.triplet_margin_loss")
    put("triplet", triplet, columns, {"margin": 0}, "margin0")
    put("triplet", triplet, columns, {"squared": True, "margin": 3.5}, "squared")
    put("triplet", triplet, columns, {"squared": True, "swap": True, "p": 1}, "squared-swap")
    for p in (2, 1):
        apart = distances.LpDistance(normalize_embeddings=False, p=p)
        soft = losses.TripletMarginLoss(margin=0, smooth_loss=True, distance=apart, reducer=reducers.DoNothingReducer())
        index = torch.arange(8)
        told = soft(torch.cat(tensors(columns, *roles)), indices_tuple=(index, index + 8, index + 16))
        put("triplet_soft_margin", triplet_soft_margin, columns, {} if p == 2 else {"p": p}, f"p{p}",
            told["loss"]["losses"], "pytorch_metric_learning.losses.TripletMarginLoss")  # fmt: skip
    given = {"d_positive": [0.3, 2.5, 0, 1.25, 1, 4], "d_negative": [1.5, 0.75, 0, 2.25, 0.5, 0.125]}
    put("triplet_distance", triplet_distance, given, {}, "")
    put("triplet_distance", triplet_distance, given, {"margin": 0.25}, "margin", weight=[1, 2, 0.5, 1, 0, 3])

    columns = vectors("info_nce", 6, "anchor", "positive")
    columns["negatives"] = uneven(draw("info_nce-negatives").normal(0, 2, (6, 3, 5)), 4)
    a, b, c = tensors(columns, "anchor", "positive", "negatives")
    candidates = torch.cat([b[:, None], c], dim=1)
    first = torch.zeros(6, dtype=torch.long)
    for label, params in (
        ("", {}), ("temperature", {"temperature": 0.75}), ("dot", {"similarity": "dot", "temperature": 9}),
    ):  # fmt: skip
        likeness = torch.linalg.vecdot if label == "dot" else partial(nn.cosine_similarity, dim=-1)
        scores = likeness(candidates, a[:, None]) / params.get("temperature", 0.1)
        rows = nn.cross_entropy(scores, first, reduction="none")
        put("info_nce", info_nce, columns, params, f"negatives-{label}".strip("-"), rows, f"{TORCH}.cross_entropy")


def angle_cases(family: Family) -> None:
    """arcface, cosface: uneven cosines, both ends, and angles past pi - margin."""
    rng = draw("angles")
    pred = rng.uniform(-0.2, 0.7, (9, 4))
    target = rng.integers(0, 4, 9)
    pred[np.arange(9), target] = [0.9, 0.55, 0.8, 1, -1, -0.95, -0.86, 0.2, 0.999]
    for row, rival in ((0, 0.75), (2, 0.8), (3, 0.93), (8, 0.9)):  # no row so well classified that log loses its digits
        pred[row, (target[row] + 1) % 4] = rival
    columns = {"target": target.tolist(), "pred": uneven(pred)}
    inner = {name: [column[i] for i in (0, 1, 2, 5, 6, 7)] for name, column in columns.items()}
    for loss, formula, make, params in (
        ("arcface", arcface, losses.ArcFaceLoss, {}),
        ("arcface", arcface, losses.ArcFaceLoss, {"margin": 0.3, "scale": 16}),
        ("cosface", cosface, losses.CosFaceLoss, {}),
        ("cosface", cosface, losses.CosFaceLoss, {"margin": 0.1, "scale": 8}),
    ):
        said = dict(params)
        if loss == "arcface":
            said["margin"] = np.degrees(params.get("margin", 0.5))  # pytorch-metric-learning counts in degrees
        rows = margin_rows(make(num_classes=4, embedding_size=4, **said), columns)
        by_row(
            family,
            loss,
            formula,
            columns,
            params,
            "settings" if params else "",
            rows,
            f"pytorch_metric_learning.losses.{make.__name__}",
        )
        if params:
            by_row(family, loss, formula, inner, params, "gradient", gradient="pred")
