"""Ranking losses over the pairs and lists of a unit (a query): a value per unit."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import softplus
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import GradedRelevance, Relevance, Score
from lossctl.losses.structured._lists import GROUPS, NO_PAIR, lower

ranking = partial(
    loss,
    task="learning to rank",
    scope="group",
    convex=True,
    differentiable=True,
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
)


@ranking(
    aliases=("pairwise_logistic", "bpr"),
    robust=True,
    use_when="the order matters, not the scores; clicks and other pairwise judgements",
    avoid_when="only the top of the list matters (lambda_rank, approx_ndcg)",
    pitfalls="The mean over pairs of a query, then over queries; some tools take one mean over all "
    "queries' pairs. " + GROUPS,
    undefined=NO_PAIR,
    reference="Burges et al. 2005, doi:10.1145/1102351.1102363; Rendle et al. 2009, arXiv:1205.2618",
    examples=(
        example(
            float(np.log1p(np.exp(0.3 - 1.5)) + np.log1p(np.exp(2.0 - 1.5)) + np.log1p(np.exp(2.0 - 0.3))) / 3,
            target=[0, 3, 1],
            pred=[2.0, 1.5, 0.3],
        ),
        example(
            float(np.log1p(np.exp(0.3 - 1.5)) + np.log1p(np.exp(0.3 - 2.0))) / 2, target=[1, 1, 0], pred=[2.0, 1.5, 0.3]
        ),
    ),
)
def ranknet(target: Relevance, pred: Score) -> float:
    """Logistic loss of the pairs of a unit.

    The mean over pairs `y_i > y_j` of `log(1 + exp(-(s_i - s_j)))`. A unit without such a pair does not count.
    """
    return _mean_over_pairs(target, pred, lambda lead: softplus(-lead))


@loss(
    task="learning to rank",
    scope="group",
    convex=True,
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="linear",
    dimension="score units",
    use_when="pairs that are right by a margin should cost nothing",
    avoid_when="the scores' scale is unknown: margin is in their units",
    pitfalls="The mean over pairs of a query, then over queries. " + GROUPS,
    undefined=NO_PAIR,
    reference="Herbrich, Graepel, Obermayer 1999, doi:10.1049/cp:19991091; Joachims 2002, doi:10.1145/775047.775067",
    examples=(
        example((0.0 + 1.5 + 2.7) / 3, target=[0, 3, 1], pred=[2.0, 1.5, 0.3]),
        example((0.0 + 0.7 + 1.9) / 3, {"margin": 0.2}, target=[0, 3, 1], pred=[2.0, 1.5, 0.3]),
    ),
)
def pairwise_hinge(
    target: Relevance, pred: Score, *, margin: Annotated[float, Param("lead the better item must have", ge=0)] = 1.0
) -> float:
    """Hinge loss of the pairs of a unit.

    The mean over pairs `y_i > y_j` of `max(0, margin - (s_i - s_j))`. A unit without such a pair does not count.
    """
    return _mean_over_pairs(target, pred, lambda lead: np.maximum(margin - lead, 0.0))


@ranking(
    robust="not primary focus",
    use_when="relevances are on a scale whose softmax is the wanted share of attention",
    avoid_when="labels are 0/1 (softmax_rank): their softmax is nearly flat",
    pitfalls="The least value is the entropy of softmax(y), not 0. " + GROUPS,
    reference="Cao, Qin, Liu, Tsai, Li 2007, doi:10.1145/1273496.1273513 (top one)",
    examples=(
        example(
            float(
                np.log(np.exp(2.0) + np.exp(1.5) + np.exp(0.3))
                - (2.0 + 1.5 * np.exp(3) + 0.3 * np.exp(1)) / (1 + np.exp(3) + np.exp(1))
            ),
            target=[0, 3, 1],
            pred=[2.0, 1.5, 0.3],
        ),
    ),
)
def listnet(target: Relevance, pred: Score) -> float:
    """Cross-entropy of the scores' softmax to that of the relevances.

    `-sum softmax(y) log softmax(s)` over the unit.
    """
    share = np.exp(target - target.max())
    return float(share @ _surprise(pred) / share.sum())


@ranking(
    aliases=("listwise_softmax",),
    robust="not primary focus",
    use_when="clicks or binary labels: the relevant items should hold the probability",
    avoid_when="queries have very different numbers of relevant items: labels are taken as given, not normalised",
    pitfalls="Grows with the sum of the labels; a unit without a relevant item is worth 0 and counts. " + GROUPS,
    reference="Bruch, Wang, Bendersky, Najork 2019, doi:10.1145/3341981.3344221",
    examples=(
        example(
            float(
                4 * np.log(np.exp(2.0) + np.exp(1.5) + np.exp(0.3)) - (3 * 1.5 + 1 * 0.3),
            ),
            target=[0, 3, 1],
            pred=[2.0, 1.5, 0.3],
        ),
        example(0.0, target=[0, 0], pred=[2.0, 1.5]),
    ),
)
def softmax_rank(target: GradedRelevance, pred: Score) -> float:
    """Cross-entropy of the scores' softmax, labels as given.

    `-sum y_i log softmax(s)_i` over the unit.
    """
    return float(target @ _surprise(pred))


@ranking(
    robust="not primary focus",
    use_when="the whole order of a list is known",
    avoid_when="many items share a label: their order in the file is taken as the truth",
    pitfalls="Ties in the labels keep the order of the file. Grows with the list. " + GROUPS,
    reference="Xia, Liu, Wang, Zhang, Li 2008, doi:10.1145/1390156.1390306",
    examples=(
        example(
            float(np.log(np.exp(2.0) + np.exp(1.5) + np.exp(0.3)) - 1.5 + np.log(np.exp(2.0) + np.exp(0.3)) - 0.3),
            target=[0, 3, 1],
            pred=[2.0, 1.5, 0.3],
        ),
        example(
            float(np.log(np.exp(2.0) + np.exp(1.5) + np.exp(0.3)) - 2.0 + np.log(np.exp(1.5) + np.exp(0.3)) - 1.5),
            target=[1, 1, 0],
            pred=[2.0, 1.5, 0.3],
        ),
    ),
)
def listmle(target: Relevance, pred: Score) -> float:
    """Plackett-Luce likelihood of the order of the labels.

    `-sum_i log(exp(s_i) / sum_{j >= i} exp(s_j))`, items by falling label, equal labels in file order.
    """
    scores = pred[np.argsort(-target, kind="stable")]
    later = np.logaddexp.accumulate(scores[::-1])[::-1]  # stable where a plain running sum would vanish
    return float(softplus(later[1:] - scores[:-1]).sum())


def _mean_over_pairs(target: Array, pred: Array, of_lead: Callable[[Array], Array]) -> float:
    """The mean of a loss of `s_i - s_j` over the pairs with `y_i > y_j`; NaN without one."""
    order = np.argsort(-target, kind="stable")
    target, pred = target[order], pred[order]
    total, pairs = 0.0, 0
    for run, rest in lower(target):
        better = target[run, np.newaxis] > target[rest]
        pairs += int(np.count_nonzero(better))
        each = of_lead(pred[run, np.newaxis] - pred[rest])
        each *= better
        total += float(each.sum())
    return total / pairs if pairs else float("nan")


def _surprise(scores: Array) -> Array:
    """`-log softmax`, the largest with all its digits."""
    gap = scores.max() - scores
    shares = np.exp(-gap)
    shares[gap.argmin()] = 0.0
    result: Array = gap + np.log1p(shares.sum())
    return result
