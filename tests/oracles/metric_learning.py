"""Oracles of family H, metric learning: batch losses, whose row values need their unit whole."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch
import torch.nn.functional as nn
from cases import SINGLE, TIGHT, Columns, Family, agreeing, array, draw, log_softmax, row_case, uneven
from metric_rows import (
    Numbers,
    angle_cases,
    contrastive,
    cosine,
    dot,
    info_nce,
    likeness,
    pair_cases,
    pml_rows,
    relu,
    triplet,
    triplet_cases,
    vectors,
)  # fmt: skip
from mpmath import mp
from pytorch_metric_learning import distances, losses
from units import arranged, by_batch, by_unit

Rows = list[mp.mpf | None]


def info_nce_batch(
    anchor: list[Numbers], positive: list[Numbers], temperature: object = 0.1, similarity: str = "cosine",
    symmetric: object = False,
) -> Rows:  # fmt: skip
    """Every positive of the unit is a candidate of every anchor; symmetric: the mean of both directions."""

    def one_way(xs: list[Numbers], ys: list[Numbers]) -> list[mp.mpf]:
        return [-log_softmax([likeness(x, y, similarity, temperature) for y in ys])[i] for i, x in enumerate(xs)]

    rows = one_way(anchor, positive)
    if not symmetric:
        return list(rows)
    return [(there + back) / 2 for there, back in zip(rows, one_way(positive, anchor), strict=True)]


def n_pairs(anchor: list[Numbers], positive: list[Numbers]) -> Rows:
    return info_nce_batch(anchor, positive, 1, "dot")


def split(i: int, embedding: list[Numbers], label: list[object]) -> tuple[Numbers, Numbers]:
    """The cosines of row i with the other rows of its label, and with those of other labels."""
    others = [j for j in range(len(label)) if j != i]
    near = [cosine(embedding[i], embedding[j]) for j in others if label[j] == label[i]]
    return near, [cosine(embedding[i], embedding[j]) for j in others if label[j] != label[i]]


def nt_xent(embedding: list[Numbers], label: list[object], temperature: object = 0.5) -> Rows:
    """Mean over positives of -log(e^sp / (e^sp + sum over other labels)): the other positives are left out."""

    def row(i: int) -> mp.mpf | None:
        near, far = split(i, embedding, label)
        t = mp.mpf(temperature)
        each = [-log_softmax([p / t, *(n / t for n in far)])[0] for p in near]
        return mp.fsum(each) / len(each) if each else None

    return [row(i) for i in range(len(label))]


def supcon(embedding: list[Numbers], label: list[object], temperature: object = 0.1) -> Rows:
    """Mean over positives of -log(e^sp / sum over all others)."""

    def row(i: int) -> mp.mpf | None:
        near, far = split(i, embedding, label)
        logs = log_softmax([s / mp.mpf(temperature) for s in (*near, *far)]) if near else []
        return -mp.fsum(logs[: len(near)]) / len(near) if near else None

    return [row(i) for i in range(len(label))]


def multi_similarity(
    embedding: list[Numbers], label: list[object], alpha: object = 2, beta: object = 50, base: object = 0.5
) -> Rows:
    """log(1 + sum e^{-alpha(s - base)})/alpha over positives, the same over negatives with +beta."""

    def row(i: int) -> mp.mpf:
        near, far = split(i, embedding, label)
        a, b, at = mp.mpf(alpha), mp.mpf(beta), mp.mpf(base)
        pull = mp.log1p(mp.fsum(mp.exp(-a * (s - at)) for s in near)) / a
        return pull + mp.log1p(mp.fsum(mp.exp(b * (s - at)) for s in far)) / b

    return [row(i) for i in range(len(label))]


def circle(embedding: list[Numbers], label: list[object], margin: object = 0.4, gamma: object = 80) -> Rows:
    """softplus of both log-sum-exps: log(1 + their product)."""

    def row(i: int) -> mp.mpf:
        near, far = split(i, embedding, label)
        m, g = mp.mpf(margin), mp.mpf(gamma)
        pull = mp.fsum(mp.exp(-g * relu(1 + m - s) * (s - (1 - m))) for s in near)
        return mp.log1p(pull * mp.fsum(mp.exp(g * relu(s + m) * (s - m)) for s in far))

    return [row(i) for i in range(len(label))]


def barlow_twins(a: list[Numbers], b: list[Numbers], lam: object = 5e-3) -> mp.mpf:
    """(1 - C_ii)^2 and lam C_ij^2 over the correlations of the columns of a with those of b."""

    def standard(column: tuple[mp.mpf, ...]) -> Numbers:
        mean = mp.fsum(column) / len(column)
        deviation = mp.sqrt(mp.fsum((x - mean) ** 2 for x in column) / len(column))
        return [(x - mean) / deviation for x in column]

    left, right = ([standard(column) for column in zip(*side, strict=True)] for side in (a, b))
    total = mp.mpf(0)
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            c = dot(x, y) / len(x)
            total += (1 - c) ** 2 if i == j else mp.mpf(lam) * c**2
    return total


# ---------------------------------------------------------------------------------------------------------------- data
def batches(name: str) -> dict[str, Columns]:
    """Labels met once, twice, three times; a unit of one label, one of labels met once, one of a single row."""
    rng = draw(name)
    units = {"a": [0, 1, 0, 2, 1, 0], "b": [3, 3, 3], "c": [1, 4], "d": [2]}
    return {
        unit: {"embedding": uneven(rng.normal(1, 1, (len(label), 5)), 4), "label": list(label)}
        for unit, label in units.items()
    }


def paired(name: str, scale: float = 1) -> dict[str, Columns]:
    """Units of anchors and positives, of four rows, three, and one."""
    units = {}
    for unit, rows in {"a": 4, "b": 3, "c": 1}.items():
        drawn = vectors(f"{name}-{unit}", rows, "anchor", "positive")
        units[unit] = {role: uneven(scale * array(column), 4) for role, column in drawn.items()}
    return units


# --------------------------------------------------------------------------------------------------------------- peers
def pml(make: Callable[..., torch.nn.Module], **settings: object) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda part: pml_rows(make(**settings), part["embedding"], part["label"])


def n_pairs_by_pml(part: dict[str, np.ndarray]) -> list[float | None]:
    """Each pair is a label of two rows; the first row of a label is its anchor."""
    size = len(part["anchor"])
    both = np.concatenate([part["anchor"], part["positive"]])
    dots = distances.DotProductSimilarity(normalize_embeddings=False)
    return pml_rows(losses.NPairsLoss(distance=dots), both, np.tile(np.arange(size), 2))[:size]


def circle_by_keras(part: dict[str, np.ndarray], **settings: float) -> list[float]:
    """keras takes normalised embeddings."""
    unit = part["embedding"] / np.linalg.norm(part["embedding"], axis=1, keepdims=True)
    return keras.ops.convert_to_numpy(keras.losses.circle(part["label"], unit, **settings)).tolist()


def info_nce_by_torch(part: dict[str, np.ndarray], temperature: float = 0.1, symmetric: bool = False) -> list[float]:
    a, b = (nn.normalize(torch.tensor(part[role])) for role in ("anchor", "positive"))
    scores, own = a @ b.T / temperature, torch.arange(len(a))
    rows = nn.cross_entropy(scores, own, reduction="none")
    return ((rows + nn.cross_entropy(scores.T, own, reduction="none")) / 2 if symmetric else rows).tolist()


# --------------------------------------------------------------------------------------------------------------- cases
def label_cases(family: Family) -> None:
    """nt_xent, supcon, multi_similarity, circle."""
    pml_name = "pytorch-metric-learning"
    near = {"share": lambda i, unit: unit["label"].count(unit["label"][i]) - 1}  # nt_xent's mean is over pairs
    for loss, name, formula, ask, settings, more in (
        ("nt_xent", "NTXentLoss", nt_xent, partial(pml, losses.NTXentLoss), {"temperature": (0.5, 0.15)}, near),
        ("supcon", "SupConLoss", supcon, partial(pml, losses.SupConLoss), {"temperature": (0.1, 0.8)}, {}),
        ("multi_similarity", "MultiSimilarityLoss", multi_similarity, partial(pml, losses.MultiSimilarityLoss),
         {"alpha": (2, 3.5), "beta": (50, 12), "base": (0.5, 0.25)}, {}),
        ("circle", "circle", circle, partial(partial, circle_by_keras), {"margin": (0.4, 0.25), "gamma": (80, 20)}, {}),
    ):  # fmt: skip
        usual, other = ({key: pair[k] for key, pair in settings.items()} for k in (0, 1))
        said = {"oracle": f"pytorch_metric_learning.losses.{name}", "package": pml_name, **more}
        if loss == "circle":
            oracle = "the formula; keras.losses.circle agrees to 1e-6"
            said = {"oracle": oracle, "package": "keras", "peer_rtol": SINGLE}
        who = "keras" if loss == "circle" else "pml"
        for layout, (columns, group) in arranged(batches(loss), loss).items():
            by_batch(family, f"{loss}-{who}-{layout}", loss, columns, formula, group=group, peer=ask(**usual), **said)
        by_batch(family, f"{loss}-{who}-settings", loss, columns, formula, group=group, params=other, peer=ask(**other),
                 **said)  # fmt: skip
        weight = uneven(draw(loss + "-weight").uniform(0, 2, len(group)), 2)
        words = {**columns, "label": [f"class {label}" for label in columns["label"]]}
        by_batch(family, f"{loss}-formula-weighted", loss, words, formula, group=group, weight=weight, **more)
        whole = by_batch(family, f"{loss}-formula-one-unit", loss, columns, formula, **more)
        if loss == "nt_xent":
            theirs = optax.ntxent(jnp.array(array(columns["embedding"])), jnp.array(columns["label"]), 0.5)
            agreeing("nt_xent-optax", [float(theirs)], [whole.value], TIGHT)


def paired_cases(family: Family) -> None:
    """info_nce, n_pairs, barlow_twins."""
    for loss, formula, peer, oracle, settings in (
        (
            "info_nce",
            info_nce_batch,
            info_nce_by_torch,
            "torch.nn.functional.cross_entropy",
            ({}, {"temperature": 0.6}, {"symmetric": True}),
        ),
        ("n_pairs", n_pairs, n_pairs_by_pml, "pytorch_metric_learning.losses.NPairsLoss", ({},)),
    ):
        package = oracle.partition(".")[0].replace("_", "-")
        said = {"oracle": oracle, "package": package}
        # Dot products of long vectors would leave nothing but exact fits.
        for layout, (columns, group) in arranged(paired(loss, 0.3 if loss == "n_pairs" else 1), loss).items():
            for params in settings:
                label = "-".join((loss, "torch" if package == "torch" else "pml", layout, *params))
                by_batch(family, label, loss, columns, formula, params=params, group=group,
                         peer=partial(peer, **params), **said)  # fmt: skip
        weight = [1, 2, 0.5, 0, 1, 3, 1.5, 1]
        by_batch(family, f"{loss}-formula-weighted", loss, columns, formula, group=group, weight=weight)
        by_batch(family, f"{loss}-formula-one-unit", loss, columns, formula)
    columns, group = arranged(paired("info_nce"), "info_nce")["contiguous"]
    by_batch(family, "info_nce-formula-dot", "info_nce", columns, info_nce_batch, group=group,
             params={"similarity": "dot", "temperature": 9})  # fmt: skip
    both = paired("twins")
    twins = {unit: {"a": both[unit]["anchor"], "b": both[unit]["positive"]} for unit in "ab"}
    for layout, (columns, group) in arranged(twins, "twins").items():
        by_unit(family, f"barlow_twins-formula-{layout}", "barlow_twins", columns, barlow_twins, group=group)
    by_unit(family, "barlow_twins-formula-lam", "barlow_twins", columns, barlow_twins, params={"lam": 0.5})


def article_cases(family: Family) -> None:
    """The source articles' examples."""
    pair = {"a": [[1, 2]], "b": [[1.5, 2.5]], "target": [1]}
    three = {"anchor": [[1, 2]], "positive": [[1.1, 2.1]], "negative": [[3, 4]]}
    views = {"anchor": [[1, 0]], "positive": [[0.9, 0.1]], "negatives": [[[0, 1], [-1, 0]]]}
    family.add(row_case("article-contrastive", "contrastive", pair, contrastive))
    family.add(row_case("article-contrastive-eps", "contrastive", pair, contrastive, params={"eps": 1e-6}))
    family.add(row_case("article-triplet", "triplet", three, triplet))
    family.add(row_case("article-info_nce", "info_nce", views, info_nce))


def build() -> Family:
    """Every loss of family H."""
    family = Family("metric_learning", ["torch", "pytorch-metric-learning", "optax", "keras", "jax", "mpmath", "numpy"])
    for cases in (pair_cases, triplet_cases, angle_cases, label_cases, paired_cases, article_cases):
        cases(family)
    pml_name = "pytorch-metric-learning"
    family.disagree("supcon", pml_name, "a unit without a negative is worth 0 instead of the loss among its positives")
    family.disagree("n_pairs", pml_name, "normalises the vectors unless its distance is told not to")
    family.disagree("multi_similarity", pml_name, "loses digits of a small log(1 + x), a log-sum-exp with 0 there")
    family.disagree("supcon, triplet_soft_margin", pml_name, "the mean leaves out values of 0 (AvgNonZeroReducer)")
    family.disagree("circle", "keras.losses.Circle", "the mean leaves out values of 0; float32 under torch")
    family.disagree("triplet", "torch", "refuses margin 0")
    family.disagree("triplet", "optax", "adds eps to the sum under the root, not to the differences")
    family.disagree("cosine_proximity", "keras", "keeps about 8 digits of a float64 vector's norm")
    family.disagree("cosine_embedding", "torch", "adds 1e-12 to each squared norm")
    return family
