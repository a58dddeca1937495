"""Calibration: whether probabilities are what they say, over a set of predictions."""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Histogram, Statistics, Sums
from lossctl.arithmetic.vectors import argmax_k, max_k, sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Binary, ClassIndex, ProbabilityD, Simplex


@loss(
    task="binary, multiclass, calibration",
    aliases=("ece",),
    scope="set",
    convex=False,
    differentiable=False,
    robust="not applicable",
    smoothness="none",
    scale="invariant",
    dimension="unitless",
    use_when="predicted probabilities are taken at their word: of the rows given 0.8, are 80 % positive?",
    avoid_when="accuracy matters too: predicting the base rate everywhere is perfectly calibrated (brier, bce)",
    pitfalls="It depends on the bins, and is biased upwards with few rows per bin. torchmetrics' bins are [lo, hi) and "
    "give 1 a bin of its own; here they are (lo, hi], 0 in the first.",
    reference="Naeini, Cooper and Hauskrecht 2015, doi:10.1609/aaai.v29i1.9602; Guo et al. 2017, arXiv:1706.04599",
    examples=(
        # bins (0, 1/2] and (1/2, 1]: mean 0.3 against 1/2, and 0.8 against 2/3
        example(
            2 / 5 * 0.2 + 3 / 5 * (0.8 - 2 / 3),
            {"bins": 2},
            target=[0, 1, 1, 0, 1],
            pred=[0.1, 0.5, 0.7, 0.8, 0.9],
        ),
        example(
            float(np.sqrt(2 / 5 * 0.2**2 + 3 / 5 * (0.8 - 2 / 3) ** 2)),
            {"bins": 2, "norm": 2},
            target=[0, 1, 1, 0, 1],
            pred=[0.1, 0.5, 0.7, 0.8, 0.9],
        ),
        example(0.2, {"bins": 2, "norm": "inf"}, target=[0, 1, 1, 0, 1], pred=[0.1, 0.5, 0.7, 0.8, 0.9]),
        # the top probabilities 0.6, 0.8 and 0.5: right, wrong, right (the first on ties)
        example(
            1 / 3 * 0.5 + 2 / 3 * (0.7 - 1 / 2),
            {"bins": 2},
            target=[0, 0, 1],
            pred=[[0.6, 0.1, 0.3], [0.2, 0.8, 0.0], [0.0, 0.5, 0.5]],
        ),
    ),
)
def expected_calibration_error(
    target: Binary,
    pred: ProbabilityD,
    *,
    bins: Annotated[int, Param("bins of equal width on [0, 1]", ge=1)] = 15,
    norm: Annotated[Literal[1, 2, "inf"], Param("mean gap, root of the mean squared gap, or largest gap")] = 1,
) -> Statistics:
    """Gap between predicted probabilities and observed frequencies, over bins of the probability.

    Bins `(lo, hi]`, 0 in the first; `gap_b = abs(mean p - frequency of positives)`, for K probabilities the top one
    against the accuracy. `sum n_b/n gap_b`; norm 2: `sqrt(sum n_b/n gap_b^2)`; inf: `max gap_b` of the bins in use.
    """
    if pred.ndim == 2:
        hit, pred = (argmax_k(pred) == target).astype(np.float64), max_k(pred)
    else:
        hit = target
    place = _bins_of(pred, bins)
    gap = {"gap": Histogram(place, bins, pred - hit)}
    return gap if norm == 1 else {**gap, "size": Histogram(place, bins)}


@expected_calibration_error.finish
def _(sums: Sums, *, bins: int, norm: int | str) -> Array:
    gap = np.abs(sums["gap"])
    if norm == 1:
        return sum_k(gap) / sums["weight"]
    share = gap / (sums["size"] + (sums["size"] == 0.0))
    if norm == "inf":
        return np.where(sums["weight"] > 0.0, max_k(share), np.nan)
    return np.sqrt(sum_k(gap * share) / sums["weight"])


def _bins_of(pred: Array, bins: int) -> npt.NDArray[np.intp]:
    """Bin `k` is `(k/bins, (k+1)/bins]`: the product alone misleads, `0.55 * 20 > 11` though `0.55 == 11 / 20`."""
    place = np.ceil(pred * bins)
    place -= pred <= (place - 1.0) / bins
    place += pred > place / bins
    return np.maximum(place.astype(np.intp) - 1, 0)


@expected_calibration_error.domains
def _(*, vectors: frozenset[str] = frozenset(), **_: object) -> dict[str, Any]:
    return {"target": ClassIndex, "pred": Simplex} if "pred" in vectors else {}
