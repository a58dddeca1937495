"""Losses of a whole batch of labelled embeddings, a value per row: equal labels attract, others repel."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags, Indexes
from lossctl.arithmetic.statistics import Rows
from lossctl.arithmetic.vectors import softplus
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Direction, Label
from lossctl.losses.embedding._pairs import TEMPERATURE, logsumexp_spent, similarities, unit

ONE_BATCH = "Without --group the whole dataset is one batch."
FOUR: dict[str, Any] = {"embedding": [[3, 4], [5, 0], [0, -2], [-8, -6]], "label": ["a", "b", "a", "b"]}


labelled = partial(
    loss,
    scope="group",
    unit_valued=False,
    convex=False,
    differentiable=True,
    robust="not primary focus",
    smoothness="C-infinity",
)


@labelled(
    task="contrastive learning",
    scale="nats",
    dimension="nats",
    use_when="SimCLR: augmented views of a sample share a label, all others are negatives",
    avoid_when="classes have many rows (supcon weighs rows, not pairs)",
    pitfalls="The mean is over positive pairs: a row counts as often as it has positives, and one without does not "
    "count. A row's other positives are left out of its denominators. " + ONE_BATCH,
    reference="Chen, Kornblith, Norouzi, Hinton 2020, arXiv:2002.05709",
    examples=(
        example(
            float(
                np.log1p(np.exp((0.6 + 0.8) / 0.5) + np.exp((-0.96 + 0.8) / 0.5))
                + np.log1p(np.exp((0.6 + 0.8) / 0.5) + np.exp((0.0 + 0.8) / 0.5))
                + np.log1p(np.exp((0.0 + 0.8) / 0.5) + np.exp((0.6 + 0.8) / 0.5))
                + np.log1p(np.exp((-0.96 + 0.8) / 0.5) + np.exp((0.6 + 0.8) / 0.5))
            )
            / 4,
            **FOUR,
        ),
        example(0.0, {"temperature": 0.25}, embedding=[[1, 0], [3, 4]], label=[5, 5]),
    ),
)
def nt_xent(
    embedding: Direction, label: Label, *, temperature: Annotated[float, Param(TEMPERATURE, gt=0)] = 0.5
) -> Rows:
    """Normalised temperature-scaled cross-entropy of each positive pair against the rows of other labels.

    The mean over the row's positives p of `-log(exp(s_p) / (exp(s_p) + sum exp(s_n)))`, n the rows of other labels,
    `s` the cosine over `temperature`. A row's share in the mean is its number of positives.
    """
    value, share = _empty(label)
    for batch in _batches(embedding, label, temperature):
        batch.hide_alike()
        each = softplus(logsumexp_spent(batch.scores)[batch.row] - batch.alike)
        share[batch.run] = batch.positives
        value[batch.run] = batch.mean_alike(each)
    return Rows(value, share=share)


@labelled(
    task="contrastive learning",
    scale="nats",
    dimension="nats",
    use_when="labels are classes with several rows in each batch",
    avoid_when="labels are views of one sample and pairs are to be counted (nt_xent)",
    pitfalls="This is L_out: the mean over positives stands outside the logarithm. A row without a positive does not "
    "count. " + ONE_BATCH,
    reference="Khosla et al. 2020, arXiv:2004.11362, equation 2",
    examples=(
        example(
            float(
                np.log1p(np.exp(0.6 + 0.8) + np.exp(-0.96 + 0.8))
                + np.log1p(np.exp(0.6 + 0.8) + np.exp(0.0 + 0.8))
                + np.log1p(np.exp(0.0 + 0.8) + np.exp(0.6 + 0.8))
                + np.log1p(np.exp(-0.96 + 0.8) + np.exp(0.6 + 0.8))
            )
            / 4,
            {"temperature": 1.0},
            **FOUR,
        ),
        example(
            float(
                np.log(np.exp(0.6) + np.exp(0.28))
                + np.log(np.exp(0.6) + np.exp(0.936))
                + np.log(np.exp(0.28) + np.exp(0.936))
                - (0.6 + 0.28 + 0.936)
            )
            / 3,
            {"temperature": 1.0},
            embedding=[[1, 0], [3, 4], [7, 24]],
            label=[5, 5, 5],
        ),
    ),
)
def supcon(
    embedding: Direction, label: Label, *, temperature: Annotated[float, Param(TEMPERATURE, gt=0)] = 0.1
) -> Rows:
    """Supervised contrastive loss: each row's positives among all other rows.

    The mean over the row's positives p of `-log(exp(s_p) / sum exp(s_a))`, a all other rows of the unit, `s` the
    cosine over `temperature`.
    """
    value, share = _empty(label)
    for batch in _batches(embedding, label, temperature):
        scores = batch.scores
        scores[batch.itself] = -np.inf
        nearest = batch.itself[0], scores.argmax(axis=1)
        top = scores[nearest]
        scores -= top[:, np.newaxis]
        np.exp(scores, out=scores)
        scores[nearest] = 0.0  # its own 1 is log1p's
        counts = batch.positives > 0
        each = top - batch.mean_alike(batch.alike) + np.log1p(scores.sum(axis=1))
        share[batch.run] = counts
        value[batch.run] = np.where(counts, each, 0.0)
    return Rows(value, share=share)


@labelled(
    task="metric learning",
    scale="invariant",
    dimension="unitless",
    use_when="labelled batches: hard pairs of both kinds should weigh most",
    avoid_when="the paper's pair mining is expected: all pairs count here",
    pitfalls="All pairs, no mining. Every row counts, also one without positives. " + ONE_BATCH,
    reference="Wang, Han, Huang, Dong, Scott 2019, arXiv:1904.06627",
    examples=(
        example(
            float(
                4 * np.log1p(np.exp(-2 * (-0.8 - 0.5))) / 2
                + 2 * np.log1p(np.exp(3 * (0.6 - 0.5)) + np.exp(3 * (-0.96 - 0.5))) / 3
                + 2 * np.log1p(np.exp(3 * (0.6 - 0.5)) + np.exp(3 * (0.0 - 0.5))) / 3
            )
            / 4,
            {"beta": 3.0},
            **FOUR,
        ),
        example(
            float(np.log1p(np.exp(4 * (0.6 - 0.25))) / 4),
            {"beta": 4.0, "base": 0.25, "alpha": 3.0},
            embedding=[[1, 0], [3, 4]],
            label=[5, 6],
        ),
    ),
)
def multi_similarity(
    embedding: Direction,
    label: Label,
    *,
    alpha: Annotated[float, Param("sharpness towards positives", gt=0)] = 2.0,
    beta: Annotated[float, Param("sharpness towards negatives", gt=0)] = 50.0,
    base: Annotated[float, Param("cosine that parts the two")] = 0.5,
) -> Array:
    """Soft counts of dissimilar positives and of similar negatives.

    `log(1 + sum_pos exp(-alpha (s - base))) / alpha + log(1 + sum_neg exp(beta (s - base))) / beta`, `s` the cosine.
    """
    value = np.empty(len(label))
    for batch in _batches(embedding, label):
        pull = softplus(batch.logsumexp_alike(-alpha * (batch.alike - base))) / alpha
        batch.scores -= base
        batch.scores *= beta
        batch.hide_alike()
        value[batch.run] = pull + softplus(logsumexp_spent(batch.scores)) / beta
    return value


@labelled(
    task="metric learning",
    differentiable="piecewise",
    smoothness="C0",
    scale="invariant",
    dimension="unitless",
    use_when="labelled batches: a pair should weigh by how far it is from where it belongs",
    avoid_when="similarities are no cosines",
    pitfalls="A row without positives or without negatives is worth 0 and counts. The weights a_p, a_n are constants "
    "in the paper's gradient. " + ONE_BATCH,
    reference="Sun et al. 2020, arXiv:2002.10857",
    examples=(
        example(
            float(
                2 * np.log1p(np.exp(2 * 2.2 * 1.4) * (np.exp(2 * (0.36 - 0.16)) + 1.0))
                + 2 * np.log1p(np.exp(2 * 2.2 * 1.4) * (np.exp(2 * (0.36 - 0.16)) + np.exp(2 * (0.0 - 0.16))))
            )
            / 4,
            {"gamma": 2.0},
            **FOUR,
        ),
        example(
            float(
                np.log1p(np.exp(-3 * (1.25 - 0.8) * (0.8 - 0.75)) * np.exp(3 * (0.36 - 0.0625)))
                + np.log1p(np.exp(-3 * (1.25 - 0.8) * (0.8 - 0.75)) * np.exp(3 * (0.0 - 0.0625)))
            )
            / 3,
            {"margin": 0.25, "gamma": 3.0},
            embedding=[[1, 0], [4, 3], [3, -4]],
            label=[5, 5, 6],
        ),
    ),
)
def circle(
    embedding: Direction,
    label: Label,
    *,
    margin: Annotated[float, Param("positives should pass 1 - margin, negatives stay below margin")] = 0.4,
    gamma: Annotated[float, Param("sharpness", gt=0)] = 80.0,
) -> Array:
    """Pairs weighted by their distance from where they belong.

    `log(1 + sum_pos exp(-gamma a_p (s - (1 - margin))) * sum_neg exp(gamma a_n (s - margin)))` with
    `a_p = max(0, 1 + margin - s)`, `a_n = max(0, s + margin)`, `s` the cosine.
    """
    value = np.empty(len(label))
    for batch in _batches(embedding, label):
        alike = batch.alike
        pull = batch.logsumexp_alike(-gamma * np.maximum(1.0 + margin - alike, 0.0) * (alike - (1.0 - margin)))
        scores = batch.scores
        np.maximum(scores, -margin, out=scores)  # max(0, s + m) (s - m) = max(s, -m)^2 - m^2
        scores *= scores
        scores -= margin * margin
        scores *= gamma
        batch.hide_alike()
        value[batch.run] = softplus(pull + logsumexp_spent(scores))
    return value


@nt_xent.finding("LC511")
@supcon.finding("LC511")
def _(embedding: Array, label: Array, *, temperature: float) -> Flags:
    _, codes, rows = np.unique(label, return_inverse=True, return_counts=True)
    alone: Flags = rows[codes] < 2
    return alone


@dataclass(slots=True)
class _Batch:
    """Some rows of a unit against all of it: their similarities, and those with the other rows of their label.

    `alike` are the latter one after another, of the rows in `row`; each row has as many as `positives` says.
    """

    run: slice
    scores: Array
    same: Flags
    itself: tuple[Indexes, Indexes]
    row: Indexes
    alike: Array
    positives: npt.NDArray[np.int64]

    def hide_alike(self) -> None:
        """Keep only the similarities with rows of other labels: the others become -infinity, in place."""
        np.copyto(self.scores, -np.inf, where=self.same)
        self.scores[self.itself] = -np.inf

    def mean_alike(self, each: Array) -> Array:
        """The mean over a row's positives of a value per pair; 0 without one."""
        return np.bincount(self.row, each, len(self.scores)) / np.maximum(self.positives, 1)

    def logsumexp_alike(self, each: Array) -> Array:
        """`log sum exp` over a row's positives of a value per pair."""
        result = np.full(len(self.scores), -np.inf)
        some = self.positives > 0
        starts = (np.cumsum(self.positives) - self.positives)[some]
        if len(starts):
            top = np.maximum.reduceat(each, starts)
            total = np.add.reduceat(np.exp(each - np.repeat(top, self.positives[some])), starts)
            result[some] = np.log(total) + top
        return result


def _batches(embedding: Array, label: Array, temperature: float = 1.0) -> Iterator[_Batch]:
    """A unit's rows run by run; a run's `scores` and `same` are overwritten by those of the next."""
    directions = unit(embedding)
    room = np.zeros((0, 0), dtype=bool)
    for run, scores in similarities(directions / temperature, directions):
        if not room.size:
            room = np.empty(scores.shape, dtype=bool)
        same = np.equal(label[run, np.newaxis], label, out=room[: len(scores)])
        itself = np.arange(len(scores)), np.arange(run.start, run.stop)
        same[itself] = False
        row, column = np.nonzero(same)
        yield _Batch(run, scores, same, itself, row, scores[row, column], np.bincount(row, minlength=len(scores)))


def _empty(label: Array) -> tuple[Array, Array]:
    """Arrays for a value and a share per row, to be filled."""
    return np.empty(len(label)), np.empty(len(label))
