"""Likelihoods of a two-valued target: probabilities and logits, one label per row or several."""

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.statistics import Product
from lossctl.arithmetic.vectors import sigmoid
from lossctl.declare.classes import Classes
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import LogitD, Probability, ProbabilityD, SoftBinary, SoftBinaryD
from lossctl.losses.classification._class_weights import PosWeight, positive

MACHINE = 2.220446049250313e-16
LOG_2, LOG_3 = float(np.log(2.0)), float(np.log(3.0))


binary = partial(loss, convex=True, differentiable=True, smoothness="C-infinity", scale="nats", dimension="nats")


@binary(
    task="binary, multi-label",
    aliases=("log_loss", "binary_cross_entropy"),
    elements="mean",
    robust=False,
    use_when="the model gives probabilities, and they are to be judged as such",
    avoid_when="logits are at hand (bce_with_logits): a probability of exactly 0 or 1 has lost them",
    pitfalls="A wrong probability of 0 or 1 costs what the clip says: 36.04 here and in scikit-learn, 100 in PyTorch, "
    "16.1 in Keras. Clipped rows are counted in a finding; eps=0 gives infinity.",
    reference="Good 1952, doi:10.1111/j.2517-6161.1952.tb00104.x",
    examples=(
        example((float(np.log(1.25)) + 2 * LOG_2 - float(np.log(3.0))) / 2, target=[1, 0], pred=[0.8, 0.25]),
        example((3 * LOG_2 + float(np.log(4 / 3))) / 2, {"pos_weight": 3.0}, target=[1, 0], pred=[0.5, 0.25]),
        example(0.9 * 2 * LOG_2 + 0.1 * float(np.log(4 / 3)), {"label_smoothing": 0.2}, target=[1], pred=[0.25]),
        example(float(-np.log(0.125)), {"eps": 0.125}, target=[1], pred=[0.0]),
    ),
)
def bce(
    target: SoftBinaryD,
    pred: ProbabilityD,
    *,
    eps: Annotated[float, Param("probabilities are clipped to [eps, 1 - eps]", ge=0, lt=0.5)] = MACHINE,
    label_smoothing: Annotated[float, Param("share of the label that becomes 1/2", ge=0, lt=1)] = 0.0,
    pos_weight: PosWeight = 1.0,
) -> Array:
    """Negative log-likelihood of labels under predicted probabilities.

    `-(pos_weight*y*log p + (1-y)*log(1-p))`, p clipped to `[eps, 1-eps]`, y smoothed to `y(1-s) + s/2` first.
    Soft labels are allowed; several labels per row count as their mean. `bce(sigmoid(x)) == bce_with_logits(x)`.
    """
    weight: Any = pos_weight
    y = _smoothed(target, label_smoothing)
    p = np.clip(pred, eps, 1.0 - eps)
    if np.any(np.equal(eps, 0.0)):  # 0 * log 0 = 0: a certain label keeps the other label's logarithm finite
        value: Array = -(weight * y * np.log(p + (y == 0)) + (1.0 - y) * np.log1p(-p * (y < 1)))
        return value
    positives = np.log(p)
    positives *= weight * y
    negatives = np.log1p(-p)
    negatives *= 1.0 - y
    positives += negatives
    return np.negative(positives, out=positives)


@bce.gradient
def _(target: Array, pred: Array, *, eps: float, label_smoothing: float, pos_weight: float) -> Array:
    y = _smoothed(target, label_smoothing)
    inside = (pred >= eps) & (pred <= 1.0 - eps)
    slope: Array = inside * ((1.0 - y) / (1.0 - pred + (y == 1)) - pos_weight * y / (pred + (y == 0)))
    return slope


@bce.finding("LC201")
def _(target: Array, pred: Array, *, eps: float, label_smoothing: float, pos_weight: float) -> Flags:
    return _clipped(pred, eps)


@bce.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return _with_weight(params, classes)


@binary(
    task="binary, multi-label",
    aliases=("sigmoid_cross_entropy",),
    elements="mean",
    robust="not applicable",
    use_when="the model gives one logit per label: the standard loss of binary and multi-label classifiers",
    avoid_when="the columns are probabilities (bce): they would be taken for logits near 0",
    pitfalls="pos_weight multiplies the positive labels' term alone and the mean still divides by rows; a row weight "
    "multiplies the row and enters the mean's denominator.",
    reference="Berkson 1944, doi:10.1080/01621459.1944.10500699; torch.nn.BCEWithLogitsLoss",
    examples=(
        example(float(np.log1p(np.exp(-2)) + np.log1p(np.exp(-1)) + np.log(2)) / 3, target=[1, 0, 1], pred=[2, -1, 0]),
        example(
            float(3 * np.log1p(np.exp(-2)) + np.log1p(np.exp(-1)) + 3 * np.log1p(np.exp(-0.5))) / 3,
            {"pos_weight": 3.0},
            target=[1, 0, 1],
            pred=[2, -1, 0.5],
        ),
        example(0.9 * 2 * LOG_2 + 0.1 * float(np.log(4 / 3)), {"label_smoothing": 0.2}, target=[1], pred=[-LOG_3]),
        example((5 * LOG_2 + LOG_2) / 2, {"pos_weight": [5.0, 2.0]}, target=[[1, 0]], pred=[[0, 0]]),
    ),
)
def bce_with_logits(
    target: SoftBinaryD,
    pred: LogitD,
    *,
    pos_weight: PosWeight = 1.0,
    label_smoothing: Annotated[float, Param("share of the label that becomes 1/2", ge=0, lt=1)] = 0.0,
) -> Array:
    """Negative log-likelihood of labels under logits, stable at any logit.

    `(1-y)*x + (1 + (pos_weight-1)*y) * softplus(-x)`, y smoothed to `y(1-s) + s/2` first. Soft labels are allowed;
    several labels per row count as their mean. `bce_with_logits == logistic` for labels -1/+1.
    """
    return _of_logits(_smoothed(target, label_smoothing), pred, pos_weight)


@bce_with_logits.gradient
def _(target: Array, pred: Array, *, pos_weight: float, label_smoothing: float) -> Array:
    return _logit_slope(_smoothed(target, label_smoothing), pred, pos_weight)


@bce_with_logits.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return _with_weight(params, classes)


@binary(
    task="multi-label",
    aliases=("multilabel_soft_margin",),
    elements="mean",
    robust=False,
    use_when="every row has several labels that may be true together",
    avoid_when="exactly one label per row is true (cross_entropy)",
    pitfalls="The mean over labels, not their sum: with many labels, mostly false, the easy negatives decide it.",
    reference="torch.nn.MultiLabelSoftMarginLoss",
    examples=(
        example((LOG_2 + float(np.log(4 / 3))) / 2, target=[[1, 0]], pred=[[0.0, -LOG_3]]),
        example(
            (2 * LOG_2 + float(np.log(4 / 3))) / 2,
            {"input": "probs", "pos_weight": 2.0},
            target=[[1, 0]],
            pred=[[0.5, 0.25]],
        ),
    ),
)
def multilabel_bce(
    target: SoftBinaryD,
    pred: LogitD,
    *,
    input: Annotated[Literal["logits", "probs"], Param("what the predictions are")] = "logits",
    pos_weight: PosWeight = 1.0,
    eps: Annotated[float, Param("probabilities are clipped to [eps, 1 - eps]", ge=0, lt=0.5)] = MACHINE,
) -> Array:
    """Binary cross-entropy of several labels, their mean.

    `mean_d bce_with_logits(target_d, pred_d)`, or of `bce` for probabilities.
    """
    if input == "logits":
        return _of_logits(target, pred, pos_weight)
    values: Array = bce.kernel.function(target, pred, eps=eps, label_smoothing=0.0, pos_weight=pos_weight)
    return values


@multilabel_bce.gradient
def _(target: Array, pred: Array, *, input: str, pos_weight: float, eps: float) -> Array:
    if input == "logits":
        return _logit_slope(target, pred, pos_weight)
    assert bce.hooks.gradient is not None
    return bce.hooks.gradient(target, pred, eps=eps, label_smoothing=0.0, pos_weight=pos_weight)


@multilabel_bce.finding("LC201")
def _(target: Array, pred: Array, *, input: str, pos_weight: float, eps: float) -> Flags:
    return _clipped(pred, eps) if input == "probs" else np.zeros(pred.shape[-1], dtype=bool)


@multilabel_bce.domains
def _(*, input: str, **_: object) -> dict[str, Any]:
    return {"pred": LogitD if input == "logits" else ProbabilityD}


@multilabel_bce.prepare
def _(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    return _with_weight(params, classes)


@binary(
    task="binary",
    robust="moderate",
    scale="quadratic",
    dimension="unitless",
    use_when="probabilities are to be judged by a bounded proper score: no single row can decide it",
    avoid_when="confident mistakes must cost much (bce)",
    pitfalls="One column of two: `brier_multiclass` over both classes is twice as much.",
    reference="Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    examples=(example((0.2**2 + 0.25**2 + 0.9**2) / 3, target=[1, 0, 1], pred=[0.8, 0.25, 0.1]),),
)
def brier(target: SoftBinary, pred: Probability) -> Product:
    """Squared error of a probability.

    `(p - y)^2`, range [0, 1]; soft labels are allowed. `2 * brier == brier_multiclass` of the columns `1-p` and `p`.
    """
    residual = pred - target
    return Product(residual, residual)


@brier.gradient
def _(target: Array, pred: Array) -> Array:
    return 2.0 * (pred - target)


def _smoothed(target: Array, label_smoothing: float) -> Array:
    if np.ndim(label_smoothing) == 0 and label_smoothing == 0.0:
        return target
    return target + label_smoothing * (0.5 - target)


def _of_logits(y: Array, x: Array, pos_weight: Any) -> Array:
    tail = np.abs(x)
    np.negative(tail, out=tail)
    np.exp(tail, out=tail)
    np.log1p(tail, out=tail)
    if np.ndim(pos_weight) == 0 and pos_weight == 1.0:
        # softplus(-x) = max(-x, 0) + tail; the rest collects to x * ([x > 0] - y), where nothing cancels
        linear = np.subtract(x > 0, y)
        linear *= x
        tail += linear
        return tail
    weighted = pos_weight * y
    other = 1.0 - y
    tail *= other + weighted
    other *= np.maximum(x, 0.0)
    weighted *= np.minimum(x, 0.0)
    tail += other
    tail -= weighted
    return tail


def _logit_slope(y: Array, x: Array, pos_weight: Any) -> Array:
    slope: Array = (1.0 - y) * sigmoid(x) - pos_weight * y * sigmoid(-x)
    return slope


def _clipped(pred: Array, eps: float) -> Flags:
    clipped: Flags = (pred < eps) | (pred > 1.0 - eps)
    rows: Flags = clipped if clipped.ndim == 1 else np.logical_or.reduce(clipped, axis=0)
    return rows


def _with_weight(params: dict[str, Any], classes: Classes) -> dict[str, Any]:
    """`pos_weight` as the kernel takes it; one that is a column of the file is not among the parameters yet."""
    return params | {"pos_weight": positive(params["pos_weight"], classes)} if "pos_weight" in params else params
