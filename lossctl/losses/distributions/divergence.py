"""Divergences of a predicted distribution Q (`pred`) from the true one P (`target`)."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.entropies import excess, expm1_gap, jensen_shannon, relative_entropy
from lossctl.arithmetic.special import TINY
from lossctl.arithmetic.vectors import log_softmax_k, softmax_k, sum_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import Distribution, LogDistribution, Logits, LogProbs, NotNegativeVector, RealD, Simplex

NEVER = -800.0  # a log-probability whose exponential is 0


divergence = partial(loss, elements="sum", convex=True, differentiable=True, smoothness="C-infinity")


@divergence(
    task="distillation, variational",
    aliases=("kld", "relative_entropy"),
    convex="context-dependent",
    robust="not applicable",
    scale="nats",
    dimension="nats",
    use_when="a model is to reproduce a whole distribution: a teacher's, a posterior, soft labels",
    avoid_when="Q may be 0 where P is not, which costs infinitely much (js_divergence)",
    pitfalls=(
        "Not symmetric: P is the target. torch's kl_div takes log Q first, and its `mean` is over elements: that is"
        " --reduction mean-elements here, while `mean` is its `batchmean`."
    ),
    reference="Kullback and Leibler 1951, doi:10.1214/aoms/1177729694",
    examples=(
        example(
            0.7 * float(np.log(0.7 / 0.6)) + 0.2 * float(np.log(0.2 / 0.3)),
            target=[[0.7, 0.2, 0.1]],
            pred=[[0.6, 0.3, 0.1]],
        ),
        example(0.25 * float(np.log(0.5)) + 0.75 * float(np.log(1.5)), target=[[0.25, 0, 0.75]], pred=[[0.5, 0, 0.5]]),
        example(
            -0.25 * float(np.log(4.0)) - 0.75 * float(np.log(4 / 3)) + 0.25 * 3 + 0.75 * 0.5,
            {"input": "log_probs"},
            target=[[0.25, 0.75]],
            pred=[[-3, -0.5]],
        ),
        example(
            -0.25 * float(np.log(4.0)) - 0.75 * float(np.log(4 / 3)) - 0.25 * 1.5 + float(np.log(np.exp(1.5) + 1)),
            {"input": "logits"},
            target=[[0.25, 0.75]],
            pred=[[1.5, 0]],
        ),
        example(
            0.25 * float(np.log(0.25 / 0.5)) + 0.75 * float(np.log(0.75 / 0.5)),
            {"target_input": "log_probs"},
            target=[[float(np.log(0.25)), float(np.log(0.75))]],
            pred=[[0.5, 0.5]],
        ),
    ),
)
def kl_divergence(
    target: Distribution,
    pred: Simplex,
    *,
    input: Annotated[Literal["probs", "log_probs", "logits"], Param("what predictions are")] = "probs",
    target_input: Annotated[Literal["probs", "log_probs"], Param("what targets are")] = "probs",
) -> Array:
    """Kullback-Leibler divergence of the prediction Q from the truth P.

    `sum P log(P / Q)`, `0 log 0 = 0`, infinite where Q = 0 < P. With logits Q is their softmax. It is the cross-entropy
    of Q less the entropy of P; for distributions that sum to 1 it equals `generalized_kl`.
    """
    if input == target_input == "probs":
        return relative_entropy(target, pred)
    log_q = log_softmax_k(pred) if input == "logits" else np.log(pred) if input == "probs" else pred
    p, log_p = _truth(np.asarray(target, order="C" if log_q.flags.c_contiguous else "K"), target_input)
    # Where P = 0 any finite logarithm will do; where it is not, minus infinity must stay.
    gap: Array = log_p - np.maximum(log_q, NEVER / (p == 0.0))
    gap *= p
    return gap


@kl_divergence.gradient
def _(target: Array, pred: Array, *, input: str, target_input: str) -> Array:
    p, _ = _truth(target, target_input)
    match input:
        case "probs":
            slope: Array = -p / np.maximum(pred, TINY * (p == 0.0))
            return slope
        case "log_probs":
            return -p
        case _:
            return softmax_k(pred) * sum_k(p) - p


@kl_divergence.domains
def _(*, input: str, target_input: str, **_: object) -> Mapping[str, Any]:
    return {
        "pred": {"probs": Simplex, "log_probs": LogProbs, "logits": Logits}[input],
        "target": {"probs": Distribution, "log_probs": LogDistribution}[target_input],
    }


@kl_divergence.finding("LC211")
def _(target: Array, pred: Array, *, input: str, target_input: str) -> npt.NDArray[np.bool_]:
    nothing = {"probs": 0.0, "log_probs": -np.inf}
    return _impossible(target, nothing[target_input], pred, nothing.get(input, np.nan))


def _truth(target: Array, target_input: str) -> tuple[Array, Array]:
    """P and its logarithm, finite where P = 0."""
    if target_input == "probs":
        return target, np.log(np.maximum(target, TINY))
    return np.exp(target), np.maximum(target, NEVER)


def _impossible(target: Array, no_target: float, pred: Array, no_pred: float) -> npt.NDArray[np.bool_]:
    """Rows where what can be is predicted to be impossible: the values that say so are given."""
    rows = np.zeros(pred.shape[-1], dtype=bool)
    if pred.size and pred.min() == no_pred:
        rows |= ((pred == no_pred) & (target > no_target)).any(axis=0)
    return rows


@divergence(
    task="distributions, matrix factorisation",
    robust=False,
    scale="linear",
    dimension="target units",
    use_when="non-negative masses that need not sum to 1: spectra, histograms of counts",
    avoid_when="both are distributions (kl_divergence)",
    pitfalls="scipy's kl_div; scipy's rel_entr, without -P+Q, is the term of kl_divergence.",
    reference="Csiszar 1991, doi:10.1214/aos/1176348385; Lee and Seung 1999, doi:10.1038/44565",
    examples=(
        example(
            3 * float(np.log(3 / 2.5)) - 0.5 + 1.5 + 0.25 * float(np.log(0.125)) + 1.75,
            target=[[3, 0, 0.25]],
            pred=[[2.5, 1.5, 2]],
        ),
    ),
)
def generalized_kl(target: NotNegativeVector, pred: NotNegativeVector) -> Array:
    """Kullback-Leibler divergence of masses that need not sum to 1 (I-divergence).

    `sum P log(P / Q) - P + Q`, `0 log 0 = 0`, infinite where Q = 0 < P. Half the sum of `poisson_deviance`.
    """
    return excess(target, pred)


@generalized_kl.gradient
def _(target: Array, pred: Array) -> Array:
    slope: Array = 1.0 - target / np.maximum(pred, TINY * (target == 0.0))
    return slope


@generalized_kl.finding("LC211")
def _(target: Array, pred: Array) -> npt.NDArray[np.bool_]:
    return _impossible(target, 0.0, pred, 0.0)


@divergence(
    task="distributions, distillation",
    aliases=("jsd",),
    robust=True,
    scale="nats",
    dimension="nats",
    use_when="a symmetric, bounded comparison is wanted, also of distributions with zeros",
    avoid_when="the gradient matters far from the truth: it vanishes where the distributions do not overlap",
    pitfalls="The divergence, in [0, log 2]; scipy's jensenshannon is its root. In bits divide by log 2.",
    reference="Lin 1991, doi:10.1109/18.61115",
    examples=(
        example(
            (0.75 * float(np.log(0.75 / 0.625)) + 0.25 * float(np.log(0.25 / 0.375))) / 2
            + (0.5 * float(np.log(0.5 / 0.625)) + 0.5 * float(np.log(0.5 / 0.375))) / 2,
            target=[[0.75, 0.25]],
            pred=[[0.5, 0.5]],
        ),
        example(float(np.log(2.0)), target=[[1, 0, 0]], pred=[[0, 0.25, 0.75]]),
    ),
)
def js_divergence(target: Distribution, pred: Simplex) -> Array:
    """Jensen-Shannon divergence.

    `(KL(P || M) + KL(Q || M)) / 2`, `M = (P + Q)/2`. Symmetric, in [0, log 2], and its root is a metric.
    """
    return jensen_shannon(target, pred)


@js_divergence.gradient
def _(target: Array, pred: Array) -> Array:
    return 0.5 * np.log1p((pred - target) / np.maximum(target + pred, TINY))


@loss(
    task="distributions",
    convex=True,
    differentiable="yes, except where they agree",
    robust=True,
    smoothness="C0",
    scale="invariant",
    dimension="unitless",
    use_when="a bounded metric between distributions is wanted, also with zeros",
    avoid_when="classes are ordered and near misses are better (wasserstein_hist, squared_emd)",
    pitfalls="The distance, in [0, 1]; without the 1/2 it would reach sqrt(2). Some tools give its square.",
    reference="Hellinger 1909, doi:10.1515/crll.1909.136.210",
    examples=(
        example(
            float(np.sqrt(((0.8 - 0.6) ** 2 + (0.6 - 0.8) ** 2) / 2) + 1) / 2,
            target=[[0.64, 0.36], [0, 1]],
            pred=[[0.36, 0.64], [1, 0]],
        ),
    ),
)
def hellinger(target: Distribution, pred: Simplex) -> Array:
    """Hellinger distance.

    `sqrt(sum (sqrt P - sqrt Q)^2 / 2)`, in [0, 1]: `sqrt(1 - sum sqrt(P Q))`.
    """
    gap = target - pred
    gap /= np.maximum(np.sqrt(target) + np.sqrt(pred), TINY)  # the difference of the roots, without cancellation
    gap *= gap
    return np.sqrt(0.5 * sum_k(gap))


@hellinger.gradient
def _(target: Array, pred: Array) -> Array:
    distance = np.maximum(hellinger.kernel.function(target, pred), TINY)
    root = np.sqrt(pred)
    gap = (pred - target) / np.maximum(np.sqrt(target) + root, TINY)
    slope: Array = gap / np.maximum(root, TINY * (gap == 0.0)) / (4.0 * distance)
    return slope


@divergence(
    task="distributions",
    aliases=("tvd",),
    differentiable="no (kink)",
    robust=True,
    smoothness="C0",
    scale="invariant",
    dimension="unitless",
    use_when="the largest difference in the probability of any event is what matters",
    avoid_when="small probabilities must be right relative to their size (kl_divergence)",
    pitfalls="In [0, 1] with the 1/2; the plain L1 distance is twice it. Not total_variation, which is about images.",
    reference="Levin, Peres and Wilmer 2009, Markov Chains and Mixing Times, section 4.1",
    examples=(example((0.25 + 0.125 + 0.125) / 2, target=[[0.5, 0.25, 0.25]], pred=[[0.25, 0.375, 0.375]]),),
)
def total_variation_distance(target: Distribution, pred: Simplex) -> Array:
    """Total variation distance.

    `sum abs(P - Q) / 2`, in [0, 1]: the largest difference in probability that any event can have.
    """
    return 0.5 * np.abs(target - pred)


@total_variation_distance.gradient
def _(target: Array, pred: Array) -> Array:
    return 0.5 * np.sign(pred - target)


@divergence(
    task="variational, generative",
    aliases=("vae_kl",),
    robust="not applicable",
    scale="nats",
    dimension="nats",
    use_when="the KL part of a variational autoencoder with a standard normal prior",
    avoid_when="the prior is not the standard normal",
    pitfalls="`logvar` is the logarithm of the variance, not of the standard deviation. A sum over dimensions.",
    reference="Kingma and Welling 2014, arXiv:1312.6114, appendix B",
    examples=(
        example(
            (2.25 + 4.0 - 1 - float(np.log(4.0)) + 0.25 + 0.5 - 1 + float(np.log(2.0))) / 2,
            mu=[[1.5, -0.5]],
            logvar=[[float(np.log(4.0)), -float(np.log(2.0))]],
        ),
    ),
)
def gaussian_kl(mu: RealD, logvar: RealD) -> Array:
    """Kullback-Leibler divergence of a diagonal normal distribution from the standard normal.

    `sum (mu^2 + exp(logvar) - 1 - logvar) / 2`. The gradient is by `mu`.
    """
    value = expm1_gap(logvar)
    value += mu * mu
    value *= 0.5
    return value


@gaussian_kl.gradient_by("mu")
def _(mu: Array, logvar: Array) -> Array:
    return mu.copy()
