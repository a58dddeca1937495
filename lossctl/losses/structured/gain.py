"""Ranking losses by discounted cumulative gain: what stands at the top of a unit (a query) counts most."""

from functools import partial
from typing import Annotated, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import softplus, strips
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import GradedRelevance, Score
from lossctl.losses.structured._lists import GROUPS, IN_CACHE, NO_PAIR, lower

NO_RELEVANT = "no item is relevant"
CUT = "only the first k places count"
LARGEST_POWER = 1000.0
D2, D3 = float(1 / np.log2(3)), 0.5


discounted = partial(loss, task="learning to rank", scope="group", convex=False, robust=True)


@discounted(
    differentiable=True,
    smoothness="C-infinity",
    scale="invariant",
    dimension="unitless",
    use_when="NDCG is what counts and a smooth stand-in is wanted",
    avoid_when="the scores' scale is unknown: temperature is in their units",
    pitfalls="Here 1 - ApproxNDCG; some tools report its negative. " + GROUPS,
    undefined=NO_RELEVANT,
    reference="Qin, Liu, Li 2010, doi:10.1007/s10791-009-9124-x",
    examples=(
        example(
            1 - float(3 / np.log2(2 + 1 / (1 + np.exp(1.2))) + 1 / np.log2(2 + 1 / (1 + np.exp(-1.2)))) / (3 + D2),
            target=[2, 1],
            pred=[1.5, 0.3],
        ),
        example(
            1 - float(1 / np.log2(2 + 1 / (1 + np.exp(0.6)))), {"temperature": 2.0}, target=[1, 0], pred=[1.5, 0.3]
        ),
    ),
)
def approx_ndcg(
    target: GradedRelevance,
    pred: Score,
    *,
    temperature: Annotated[float, Param("score difference over which ranks blur", gt=0)] = 1.0,
) -> float:
    """One minus a smooth NDCG.

    `1 - sum (2^y_i - 1) / log2(1 + r_i) / DCG of the best order`, with the smooth rank
    `r_i = 1 + sum_{j != i} sigmoid((s_j - s_i) / temperature)`. A unit without a relevant item does not count.
    """
    gain = _gain(target)
    ahead = np.zeros(len(pred))  # sum of tanh((s_j - s_i) / 2 temperature); sigmoid(x) = (1 + tanh(x/2)) / 2
    for run in strips(len(pred), IN_CACHE):
        each = pred[run.start :] - pred[run, np.newaxis]
        each *= 0.5 / temperature
        np.tanh(each, out=each)
        ahead[run] += each.sum(axis=1)
        ahead[run.stop :] -= each[:, run.stop - run.start :].sum(axis=0)
    rank = 0.5 + 0.5 * (len(pred) + ahead)  # without an item's own 1/2
    best = np.argsort(-gain, kind="stable")
    discount = _discount(len(pred))
    lost = gain[best] @ (discount - 1.0 / np.log2(1.0 + rank[best]))
    return float(lost / (gain[best] @ discount))


@discounted(
    differentiable="piecewise",
    smoothness="none",
    scale="bits",
    dimension="bits",
    use_when="the top of the list matters: pairs weigh by what swapping them would do to NDCG",
    avoid_when="values of different lists are compared: a sum over pairs, not a mean",
    pitfalls="A sum over pairs in base 2. The weights follow the ranks and jump where scores cross; tied scores rank "
    "in file order. With k, pairs count whose items both stand in the first k places. " + GROUPS,
    undefined=NO_PAIR,
    reference="Burges, Ragno, Le 2006, NIPS 19; Wang, Li, Golbandi, Bendersky, Najork 2018, "
    "doi:10.1145/3269206.3271784",
    examples=(
        example(
            float(
                (7 - 1) / (7 + D2) * (D2 - D3) * np.log2(1 + np.exp(0.3 - 1.5))
                + (7 - 0) / (7 + D2) * (1 - D2) * np.log2(1 + np.exp(2.0 - 1.5))
                + (1 - 0) / (7 + D2) * (1 - D3) * np.log2(1 + np.exp(2.0 - 0.3))
            ),
            target=[0, 3, 1],
            pred=[2.0, 1.5, 0.3],
        ),
        example(
            float((7 - 0) / (7 + D2) * (1 - D2) * np.log2(1 + np.exp(2.0 - 1.5))),
            {"k": 2},
            target=[0, 3, 1],
            pred=[2.0, 1.5, 0.3],
        ),
    ),
)
def lambda_rank(target: GradedRelevance, pred: Score, *, k: Annotated[int | None, Param(CUT, ge=1)] = None) -> float:
    """Logistic loss of pairs, each weighted by the NDCG that swapping the two would change.

    The sum over pairs `y_i > y_j` of `abs(G_i - G_j) abs(D_i - D_j) log2(1 + exp(-(s_i - s_j)))`, `G` the gain
    `2^y - 1` over the best order's DCG at k, `D = 1/log2(1 + rank)`. A unit without such a pair does not count.
    """
    if target.max() == target.min():
        return float("nan")
    gain, discount = _gain(target), _discount(len(pred))
    gain /= np.sort(gain)[::-1][:k] @ discount[:k]
    order = np.argsort(-pred, kind="stable")[:k]
    place = np.argsort(-target[order], kind="stable")
    target, pred, gain, discount = target[order][place], pred[order][place], gain[order][place], discount[place]
    total = 0.0
    for run, rest in lower(target):
        each = softplus(pred[rest] - pred[run, np.newaxis])
        each *= np.maximum(gain[run, np.newaxis] - gain[rest], 0.0)
        each *= np.abs(discount[run, np.newaxis] - discount[rest])
        total += float(each.sum())
    return total / float(np.log(2.0))


@discounted(
    aliases=("ndcg",),
    differentiable="no (step)",
    smoothness="none",
    scale="invariant",
    dimension="unitless",
    use_when="rankings are judged as search engines are: graded relevance, the top counts most",
    avoid_when="a gradient is needed (approx_ndcg, lambda_rank)",
    pitfalls="Gain 2^y - 1 by default; scikit-learn's is y (gain=linear). Tied scores are averaged over their orders, "
    "where some tools take the order of the file. A unit without a relevant item does not count; some score it 0. "
    + GROUPS,
    undefined=NO_RELEVANT,
    reference="Jarvelin and Kekalainen 2002, doi:10.1145/582415.582418; ties: McSherry and Najork 2008, "
    "doi:10.1007/978-3-540-78646-7_38",
    examples=(
        example(1 - (7 * D2 + 1 * D3) / (7 + 1 * D2), target=[0, 3, 1], pred=[2.0, 1.5, 0.3]),
        example(1 - (3 * D2 + 1 * D3) / (3 + 1 * D2), {"gain": "linear"}, target=[0, 3, 1], pred=[2.0, 1.5, 0.3]),
        example(1 - 0.0 / 7, {"k": 1}, target=[0, 3, 1], pred=[2.0, 1.5, 0.3]),
        example(1 - (3.5 * (1 + D2) + 1 * D3) / (7 + 1 * D2), target=[0, 3, 1], pred=[1.5, 1.5, 0.3]),
    ),
)
def ndcg_loss(
    target: GradedRelevance,
    pred: Score,
    *,
    k: Annotated[int | None, Param(CUT, ge=1)] = None,
    gain: Annotated[Literal["exp2", "linear"], Param("what a relevance y is worth: 2^y - 1, or y")] = "exp2",
) -> float:
    """One minus the normalised discounted cumulative gain.

    `1 - DCG / DCG of the best order`, `DCG = sum gain_r / log2(1 + r)` over the places r by falling score (the first
    k); items of equal score share the mean of their gains. A unit without a relevant item does not count.
    """
    value = _gain(target) if gain == "exp2" else target
    discount = _discount(len(pred))
    discount[k if k is not None else len(pred) :] = 0.0
    order = np.argsort(-pred, kind="stable")
    scores, value = pred[order], value[order]
    starts = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
    sizes = np.diff(starts, append=len(pred))
    shared = np.repeat(np.add.reduceat(value, starts) / sizes, sizes)
    best = np.sort(value)[::-1]
    lost = (best - shared) @ discount  # exactly 0 in the best order
    return float(np.maximum(lost, 0.0) / (best @ discount))


def _gain(target: Array) -> Array:
    """`2^y - 1`, divided by a power of two where it would overflow: only ratios matter."""
    shift = max(float(target.max()) - LARGEST_POWER, 0.0)
    gain: Array = np.exp2(target - shift) - np.exp2(-shift)
    return gain


def _discount(items: int) -> Array:
    """`1/log2(1 + rank)` by place."""
    discount: Array = 1.0 / np.log2(np.arange(2.0, items + 2.0))
    return discount
