"""Soft confusion counts: what losses of masks are sums of, whether a pixel holds one probability or one per class."""

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags, Ragged
from lossctl.arithmetic.statistics import Sums
from lossctl.arithmetic.vectors import sigmoid, softmax_k, sum_k

DOMINATES = 0.1  # the share of a denominator from which smoothing is remarked on
BINARY = "beside one probability per pixel the target must be 0 or 1"
TINY = float(np.finfo(np.float64).smallest_normal)


def confusion(
    target: Array | npt.NDArray[np.intp], pred: Array, input: str, threshold: float | None, *, negatives: bool = False
) -> dict[str, Array]:
    """Each pixel's part of TP = p g, FP = p (1-g), FN = (1-p) g, and with `negatives` of TN = (1-p) (1-g).

    `(n,)` for one probability, `(k, n)` for one per class, whose target is an index or one number per class. Logits go
    through the sigmoid or the softmax; above `threshold` a probability becomes 1, else 0. Both p and 1 - p keep their
    digits where they are tiny.
    """
    if pred.ndim > 1 and target.ndim == 1:
        return _of_classes(target, pred, input, threshold, negatives)
    p, rest = _probabilities(pred, input, threshold)
    inside = np.clip(target, 0.0, 1.0)  # -1/+1 as 0/1
    hit, miss = p * inside, rest * inside
    counts = {"tp": hit, "fp": np.subtract(p, hit, out=inside), "fn": miss}
    return {**counts, "tn": np.subtract(rest, miss, out=rest)} if negatives else counts


def stray(target: "Array | Ragged", pred: "Array | Ragged") -> npt.NDArray[np.bool_]:
    """Rows with one probability per pixel whose target holds something else than 0 and 1."""
    labels, scores = (x.values if isinstance(x, Ragged) else x for x in (target, pred))
    wrong: npt.NDArray[np.bool_] = np.zeros(labels.shape[-1], dtype=bool)
    if labels.ndim == scores.ndim == 1:
        wrong = labels > 1
    if not isinstance(target, Ragged):
        return wrong
    rows = np.zeros(len(target), dtype=bool)
    rows[target.row_of(np.flatnonzero(wrong))] = True
    return rows


def counted_classes(sums: Sums, average: str) -> Flags:
    """Which classes `(k, u)` a unit is the mean over: those in its target (all, where none is), or all."""
    present = sums["tp"] + sums["fn"] > 0
    if average == "all" or present.ndim == 1:
        return np.ones_like(present)
    counted: Flags = present | ~present.any(axis=0)
    return counted


def averaged(value: Array, sums: Sums, average: str) -> Array:
    """The mean over the classes of each unit that count; one probability per pixel is one class."""
    if value.ndim == 1:
        return weighed(value, sums)
    counted = counted_classes(sums, average)
    return weighed(np.where(counted, value, 0.0).sum(axis=0) / counted.sum(axis=0), sums)


def weighed(value: Array, sums: Sums) -> Array:
    """The values of units, undefined where no row has a weight: that is no perfect match."""
    return np.where(sums["weight"] > 0.0, value, np.nan)


def class_weighted(sums: Sums, class_weighting: str) -> tuple[Array, Array]:
    """TP, and FP + FN, summed over all classes with the weight of each; `class_weighting` makes it of the class's size.

    A class without size would weigh infinitely much: it weighs as much as the heaviest of the others.
    """
    tp, fp, fn = (np.atleast_2d(sums[name]) for name in ("tp", "fp", "fn"))
    size = tp + fn
    power = {"square": 2.0, "simple": 1.0, "uniform": 0.0}[class_weighting]
    weight = np.where(size > 0, np.maximum(size, TINY) ** -power, 0.0)
    largest = weight.max(axis=0)
    weight = np.where(size > 0, weight, np.where(largest > 0, largest, 1.0))
    right: Array = (weight * tp).sum(axis=0)
    wrong: Array = (weight * (fp + fn)).sum(axis=0)
    return right, wrong


def dominates(smooth: float, wrong: Array, whole: Array) -> Flags:
    """Where smoothing decides the value: a unit without a mistake is worth 0 whatever is added."""
    decides: Flags = (wrong > 0) & (smooth > DOMINATES * (whole + smooth))
    return decides


def without_positive(sums: Sums, **_: object) -> Flags:
    """Units that weigh something, and whose target is empty."""
    positive = np.atleast_2d(sums["tp"] + sums["fn"]) > 0
    return ~positive.any(axis=0) & (sums["weight"] > 0)


def _probabilities(pred: Array, input: str, threshold: float | None) -> tuple[Array, Array]:
    """The probabilities `p` and `1 - p`."""
    if input == "logits" and pred.ndim == 1 and threshold is None:
        decay = np.exp(-np.abs(pred))
        below = 1.0 + decay
        return np.maximum(decay, pred >= 0.0) / below, np.maximum(decay, pred <= 0.0) / below
    p = pred
    if input == "logits":
        p = sigmoid(pred) if pred.ndim == 1 else softmax_k(pred)
    if threshold is not None:
        p = (p > threshold).astype(np.float64)
    return p, 1.0 - p


def _of_classes(
    target: Array | npt.NDArray[np.intp], pred: Array, input: str, threshold: float | None, negatives: bool
) -> dict[str, Array]:
    """Class by class without a one-hot target: only one class of a pixel can be hit or missed."""
    wrong = np.ascontiguousarray(softmax_k(pred)) if input == "logits" else np.array(pred, order="C")
    if threshold is not None:
        wrong = (wrong > threshold).astype(np.float64)
    places = target.astype(np.intp, copy=False) * wrong.shape[1] + np.arange(wrong.shape[1])
    p = wrong.reshape(-1).take(places)
    wrong.reshape(-1)[places] = 0.0
    rest = sum_k(wrong) if input == "logits" and threshold is None else 1.0 - p
    counts = {"tp": _at(places, p, wrong.shape), "fp": wrong, "fn": _at(places, rest, wrong.shape)}
    if negatives:
        counts["tn"] = 1.0 - wrong
        counts["tn"].reshape(-1)[places] = 0.0
    return counts


def _at(places: npt.NDArray[np.intp], values: Array, shape: tuple[int, ...]) -> Array:
    result = np.zeros(shape)
    result.reshape(-1)[places] = values
    return result


def uncorrelated(tp: Array, tn: Array, fp: Array, fn: Array) -> Array:
    """One minus Matthews' correlation of counts above 0, to the last digit also where the correlation is nearly 1."""
    cross = tp * tn - fp * fn
    root = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    mixed = (tp * tn + fp * fn) * (tp + tn) * (fp + fn) + (tp * fn + tn * fp) * (tp * fp + tn * fn)
    lack = 4.0 * tp * tn * fp * fn + mixed  # root^2 - cross^2, without the difference
    value: Array = np.where(cross > 0.0, lack / (root * (root + np.maximum(cross, 0.0))), 1.0 - cross / root)
    return value
