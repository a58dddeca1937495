"""Lovasz extensions of the Jaccard loss, a value per unit: surrogates for the intersection over union of hard masks."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Binary, BinaryD, LogitD, Mask, ProbabilityD, Score
from lossctl.losses.vision._confusion import BINARY, confusion, stray


@loss(
    task="segmentation",
    scope="group",
    convex=True,
    differentiable="no (kink)",
    robust=False,
    smoothness="C0",
    scale="linear",
    dimension="margin units",
    use_when="the intersection over union of binary masks is to be optimised, late in training",
    avoid_when="scores are probabilities: they are compared with a margin of 1",
    pitfalls="pred holds scores (logits). Tools that pool a batch into one unit differ from the mean over images.",
    reference="Berman et al. 2018, arXiv:1705.08790; Yu and Blaschko 2015, arXiv:1512.07797",
    examples=(
        example(1.5 * 1 / 2 + 0.8 * (2 / 3 - 1 / 2) + 0.25 / 3, target=[1, 0, 1], pred=[0.75, -0.2, -0.5]),
        example(2.5, target=[0, 0], pred=[-0.5, 1.5]),
    ),
)
def lovasz_hinge(target: Binary, pred: Score) -> float:
    """Lovasz extension of the Jaccard loss at the hinge errors of a unit's pixels.

    `sum_i e_i (J(first i) - J(first i-1))`, errors `e = max(0, 1 - z)` in falling order, `z = (2y-1)*pred`, `J` the
    Jaccard loss of predicting just those pixels wrong. A unit without target is worth its largest error.
    """
    inside = target > 0.0
    return _extension(np.maximum(1.0 - (2.0 * inside - 1.0) * pred, 0.0), inside)


@loss(
    task="segmentation",
    scope="group",
    convex=True,
    differentiable="no (kink)",
    robust="not primary focus",
    smoothness="C0",
    scale="linear",
    dimension="unitless",
    use_when="the mean intersection over union of several classes is to be optimised",
    avoid_when="units are tiny, or most classes absent from them: the value is noisy then",
    pitfalls="Tools differ in `average`: the paper's code takes the classes present, kornia all of them.",
    reference="Berman et al. 2018, arXiv:1705.08790",
    examples=(
        example(
            (0.3 / 1 + 0.2 * (1 - 1 / 1) + 0.5 / 1 + 0.2 * (1 - 1 / 1)) / 2,
            target=[0, 2],
            pred=[[0.7, 0.1, 0.2], [0.2, 0.3, 0.5]],
        ),
        example((0.3 + 0.3 + 0.5) / 3, {"average": "all"}, target=[0, 2], pred=[[0.7, 0.1, 0.2], [0.2, 0.3, 0.5]]),
        example(0.6 * (1 / 2) + 0.1 * (1 - 1 / 2), target=[1, 0], pred=[0.9, 0.6]),
        example(
            (0.3 + 0.5) / 2,
            {"input": "logits"},
            target=[0, 2],
            pred=[[float(np.log(p)) for p in row] for row in ((1.4, 0.2, 0.4), (0.1, 0.15, 0.25))],
        ),
    ),
)
def lovasz_softmax(
    target: Mask,
    pred: ProbabilityD,
    *,
    input: Annotated[Literal["probs", "logits"], Param("what pred holds")] = "probs",
    average: Annotated[
        Literal["present", "all"], Param("the mean over the classes in the unit's target, or over all")
    ] = "present",
) -> float:
    """Lovasz extension of the Jaccard loss at the class errors of a unit's pixels, averaged over classes.

    For class c: `sum_i e_i (J(first i) - J(first i-1))`, errors `e = abs(1[y = c] - p_c)` in falling order. One
    probability per pixel is that of the foreground, and counts alone. `J` as in `lovasz_hinge`.
    """
    counts = {name: np.atleast_2d(count) for name, count in confusion(target, pred, input, None).items()}
    errors, inside = counts["fp"] + counts["fn"], counts["tp"] + counts["fn"] > 0.5
    counted = [c for c in range(len(errors)) if average == "all" or len(errors) == 1 or inside[c].any()]
    return float(np.mean([_extension(errors[c], inside[c]) for c in counted])) if counted else float("nan")


@lovasz_softmax.domains
def _(*, input: str, vectors: frozenset[str] = frozenset(), **_: object) -> Mapping[str, Any]:
    pred = {"pred": ProbabilityD if input == "probs" else LogitD}
    return pred if "pred" in vectors else {**pred, "target": BinaryD}


@lovasz_softmax.rule(BINARY)
def _(target: Array, pred: Array, **_: object) -> npt.NDArray[np.bool_]:
    return stray(target, pred)


def _extension(errors: Array, inside: npt.NDArray[np.bool_]) -> float:
    """The extension at errors >= 0; those of 0 come last and add nothing."""
    size = int(inside.sum())
    if not size:
        return float(errors.max(initial=0.0))
    wrong = np.flatnonzero(errors > 0.0)
    order = wrong[np.argsort(-errors[wrong])]
    hit = inside[order] * 1.0
    # With i pixels wrong, J = 1 - kept/union; its steps are written so that no two near numbers are subtracted.
    kept = size - np.cumsum(hit)
    union = size + np.cumsum(1.0 - hit)
    step = (hit + (1.0 - hit) * kept / np.maximum(union - 1.0, 1.0)) / union
    return float((errors[order] * step).sum())
