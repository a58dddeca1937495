"""Contrastive losses that pick a positive out of candidates; without given negatives the unit provides them."""

from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import dot_k, logsumexp_k, norm_k, sigmoid, softmax_k, softplus
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Direction, Directions, Matrix, Vector
from lossctl.losses.embedding._pairs import TEMPERATURE, logsumexp_spent, similarities, unit

Similarity = Annotated[Literal["cosine", "dot"], Param("how alike two vectors are")]
Temperature = Annotated[float, Param(TEMPERATURE, gt=0)]
Symmetric = Annotated[bool, Param("the mean of both directions: the positive also looks for its anchor")]


@loss(
    task="contrastive learning",
    convex=False,
    differentiable=True,
    robust="not primary focus",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="embeddings: each anchor has one positive, with negatives of its own or the batch's",
    avoid_when="rows of the same label meet in a batch: they would be negatives of each other (supcon)",
    pitfalls="Depends on the number of candidates N: log(N) - value bounds the mutual information from below. "
    "Without --group the whole dataset is one batch.",
    reference="van den Oord, Li, Vinyals 2018, arXiv:1807.03748",
    examples=(
        example(
            float(np.log1p(np.exp(2 * (0.6 - 0.96)) + np.exp(2 * (-0.8 - 0.96)))),
            {"temperature": 0.5},
            anchor=[[3, 4]],
            positive=[[4, 3]],
            negatives=[[[2, 0], [0, -7]]],
        ),
        example(
            float(np.log1p(np.exp((4.0 - 6.5) / 2))),
            {"temperature": 2.0, "similarity": "dot"},
            anchor=[[1, 3]],
            positive=[[2, 1.5]],
            negatives=[[[-2, 2]]],
        ),
        example(
            float(np.log1p(np.exp(0.6 - 0.96)) + np.log1p(np.exp(0.8 - 0.96))) / 2,
            {"temperature": 1.0, "symmetric": True},
            anchor=[[3, 4]],
            positive=[[4, 3]],
            negatives=[[[2, 0]]],
        ),
        example(
            float(np.log1p(np.exp(2 * (0.28 - 0.96))) + np.log1p(np.exp(2 * (-0.8 - 0.6)))) / 2,
            {"temperature": 0.5},
            anchor=[[3, 4], [-5, 0]],
            positive=[[4, 3], [-3, 4]],
        ),
    ),
)
def info_nce(
    anchor: Direction,
    positive: Direction,
    negatives: Directions | None = None,
    *,
    temperature: Temperature = 0.1,
    similarity: Similarity = "cosine",
    symmetric: Symmetric = False,
) -> Array:
    """Cross-entropy of finding an anchor's positive among candidates.

    `-log(exp(s_p) / (exp(s_p) + sum exp(s_n)))`, `s` the cosine (or dot product) with the anchor over `temperature`.
    With a `negatives` column each row has its own (row loss); without, the positives of the unit's other rows are the
    negatives (a value per row of a unit). `symmetric` averages this with the positive looking for its anchor.
    `info_nce(temperature=1, similarity=dot) == n_pairs`.
    """
    assert negatives is not None, "without negatives the other kernel serves"
    x, y = _comparable(anchor, similarity), _comparable(positive, similarity)
    found, lengths = dot_k(x, y), _lengths(negatives, similarity)
    value = softplus(logsumexp_k((_dots(negatives, x) / lengths - found) / temperature))
    if symmetric:
        value += softplus(logsumexp_k((_dots(negatives, y) / lengths - found) / temperature))
        value *= 0.5
    return value


@info_nce.gradient_by("anchor")
def _(
    anchor: Array, positive: Array, negatives: Array, *, temperature: float, similarity: str, symmetric: bool
) -> Array:
    x, y = _comparable(anchor, similarity), _comparable(positive, similarity)
    found, lengths = dot_k(x, y), _lengths(negatives, similarity)
    gaps = (_dots(negatives, x) / lengths - found) / temperature
    mean: Array = np.einsum("mn,mdn->dn", softmax_k(gaps) / lengths, negatives)
    slope = sigmoid(logsumexp_k(gaps)) * (mean - y)
    if symmetric:
        slope -= sigmoid(logsumexp_k((_dots(negatives, y) / lengths - found) / temperature)) * y
        slope *= 0.5
    if similarity == "cosine":  # only the part across the anchor turns it
        slope = (slope - dot_k(slope, x) * x) / norm_k(anchor)
    slope /= temperature
    return slope


@info_nce.domains
def _(*, similarity: str, **_: object) -> dict[str, Any]:
    return {} if similarity == "cosine" else {"anchor": Vector, "positive": Vector, "negatives": Matrix}


@info_nce.detail
def _(value: Array, *, anchor: Array, negatives: Array | None = None, **_: object) -> dict[str, Array]:
    candidates = np.full(len(value), float(len(value) if negatives is None else 1 + len(negatives)))
    return {"candidates": candidates, "mutual_information_bound": np.log(candidates) - value}


@info_nce.when_absent("negatives", scope="group")
def _(
    anchor: Direction,
    positive: Direction,
    *,
    temperature: Temperature = 0.1,
    similarity: Similarity = "cosine",
    symmetric: Symmetric = False,
) -> Array:
    x, y = _comparable(anchor, similarity), _comparable(positive, similarity)
    value = _found_in_unit(x, y, temperature)
    return 0.5 * (value + _found_in_unit(y, x, temperature)) if symmetric else value


@loss(
    task="contrastive learning",
    scope="group",
    unit_valued=False,
    convex=False,
    differentiable=True,
    robust="not primary focus",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="batches of pairs, one per class, with unnormalised embeddings",
    avoid_when="long vectors: dot products grow with them and every other candidate vanishes (info_nce)",
    pitfalls="The regulariser of the paper on the vectors' lengths is left out. "
    "Without --group the whole dataset is one batch.",
    reference="Sohn 2016, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 29",
    examples=(
        example(
            float(np.log1p(np.exp(-2.0 - 0.5)) + np.log1p(np.exp(1.0 - 3.0))) / 2,
            anchor=[[1, 2], [2, -1]],
            positive=[[0.5, 0], [0.8, -1.4]],
        ),
    ),
)
def n_pairs(anchor: Vector, positive: Vector) -> Array:
    """Cross-entropy of finding an anchor's positive among those of the unit, by dot products.

    `log(1 + sum_j exp(a_i.p_j - a_i.p_i))` over the other rows j; a value per row of a unit.
    `n_pairs == info_nce(temperature=1, similarity=dot)` without negatives.
    """
    return _found_in_unit(anchor, positive, 1.0)


def _comparable(x: Array, similarity: str) -> Array:
    """Vectors whose dot products are the similarities."""
    return unit(x) if similarity == "cosine" else x


def _lengths(negatives: Array, similarity: str) -> Array | float:
    """What turns dot products with the `(m, d, n)` negatives into similarities, `(m, n)`."""
    if similarity == "dot":
        return 1.0
    m, d, n = negatives.shape
    return norm_k(negatives.transpose(2, 0, 1).reshape(n * m, d).T).reshape(n, m).T


def _dots(negatives: Array, x: Array) -> Array:
    """Dot products of each row's negatives, `(m, d, n)`, with its own vector, as `(m, n)`."""
    found: Array = np.einsum("mdn,dn->mn", negatives, x)
    return found


def _found_in_unit(x: Array, y: Array, temperature: Array | float) -> Array:
    """The cross-entropy of `y_i` for `x_i` among all `y` of the unit."""
    value = np.empty(x.shape[1])
    for run, scores in similarities(x / temperature, y):
        at = np.arange(len(scores)), np.arange(run.start, run.stop)
        own = scores[at]
        scores[at] = -np.inf
        value[run] = softplus(logsumexp_spent(scores) - own)
    return value
