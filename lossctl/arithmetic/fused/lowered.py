"""The helpers of kernels as plain formulas over recorders, where what they do to arrays looks at the numbers.

They give what the helpers give, to a few units in the last place. Rescues stand in `np.where`: a program looks
whether a chunk has a row for them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossctl.arithmetic import entropies, vectors
from lossctl.arithmetic.fused.recorder import Recorder, Tape
from lossctl.arithmetic.special import TINY, polynomial

_LOWEST = float(np.finfo(np.float64).min)
_LOG_SCALE, _SCALE = 600.0 * float(np.log(2.0)), 2.0**600


def sum_k(x: Recorder) -> Recorder:
    return x.sum(axis=0) if x.wide else x


def mean_k(x: Recorder) -> Recorder:
    return x.sum(axis=0) / len(x) if x.wide else x


def max_k(x: Recorder) -> Recorder:
    return x.max(axis=0) if x.wide else x


def cumsum_k(x: Recorder) -> Any:
    return np.cumsum(x, axis=0)


def components(x: Recorder) -> int:
    return len(x.nodes)


def softplus(x: Recorder) -> Any:
    return np.log1p(np.exp(-abs(x))) + np.maximum(x, 0.0)


def sigmoid(x: Recorder) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _top(x: Recorder) -> Any:
    return np.maximum(max_k(x), _LOWEST)


def below_max_k(x: Recorder) -> Any:
    return x - _top(x)


def log_sum_k(exponentials: Recorder) -> Any:
    # the largest is exactly 1; where another is too, the sum is not near 1
    total = sum_k(exponentials)
    rest = sum_k(exponentials * (exponentials < 1.0))
    return np.where(total < 1.0 + vectors._NEAR, np.log1p(rest), np.log(total))


def logsumexp_k(x: Recorder) -> Any:
    top = _top(x)
    return np.log(sum_k(np.exp(x - top))) + top


def softmax_k(x: Recorder) -> Any:
    exponentials = np.exp(x - _top(x))
    return exponentials / sum_k(exponentials)


def log_softmax_k(x: Recorder) -> Any:
    below = x - _top(x)
    return below - log_sum_k(np.exp(below))


def _index(x: Recorder, index: Recorder) -> Any:
    return np.minimum(np.maximum(index, 0), len(x) - 1)


def _places(x: Recorder) -> Any:
    return x.tape.lift(np.arange(len(x))[:, np.newaxis])


def pick_k(x: Recorder, index: Recorder) -> Recorder:
    if not x.wide or index.wide:
        x.tape.refuse("a pick of rows")
    return Recorder(x.tape, (x.tape.graph.pick(index.nodes[0], x.nodes),), False, x.kind)


def argmax_k(x: Recorder) -> Any:
    best, place = x[0], x.tape.lift(0)
    for at in range(1, len(x)):
        place = np.where(x[at] > best, at, place)  # type: ignore[assignment]
        best = np.maximum(best, x[at])  # type: ignore[assignment]
    return place


def log_softmax_at(x: Recorder, index: Recorder) -> Any:
    return softmax_at(x, index)[0]


def softmax_at(x: Recorder, index: Recorder) -> tuple[Any, Any]:
    top = _top(x)
    gap = pick_k(x, index) - top
    own = np.exp(gap)
    rest = sum_k(np.where(_index(x, index) == _places(x), 0.0, np.exp(x - top)))  # type: ignore[arg-type]
    return gap - np.log1p(rest + (own - 1.0)), rest / (rest + own)


def add_at_k(x: Recorder, index: Recorder, value: Any) -> Any:
    return np.where(_index(x, index) == _places(x), x + value, x)


def put_at_k(x: Recorder, index: Recorder, value: float) -> Any:
    return np.where(_index(x, index) == _places(x), value, x)


def set_at_k(work: Recorder, index: Recorder, value: float) -> Recorder:
    return work.become(put_at_k(work, index, value))


def dot_k(x: Recorder, y: Recorder) -> Recorder:
    return sum_k(x * y)


def norm_k(x: Recorder, p: Any = 2.0) -> Any:
    total = _power_sum(x, p)
    top = max_k(abs(x))
    scaled = x / (top + (top == 0.0))
    extreme = ~((total > 1e-280) & (total < 1e280))
    return np.where(extreme, top * _root(_power_sum(scaled, p), p), _root(total, p))


def _power_sum(x: Recorder, p: Any) -> Any:
    if isinstance(p, Recorder):
        return sum_k(abs(x) ** p)
    return sum_k(x * x) if p == 2.0 else sum_k(abs(x) if p == 1.0 else abs(x) ** p)


def _root(total: Any, p: Any) -> Any:
    return np.sqrt(total) if not isinstance(p, Recorder) and p == 2.0 else total ** (1.0 / p)


def relative_entropy(p: Recorder, q: Recorder) -> Any:
    low = np.maximum(np.minimum(p, q), (TINY + 1e-300 * q) * (p == 0.0))
    quotient = (p - q) / low
    beyond = np.isinf(quotient)  # the quotient can overflow where its logarithm does not
    growth = np.log1p(abs(np.where(beyond, (p - q) / (low * _SCALE), quotient))) + beyond * _LOG_SCALE
    return np.copysign(growth, quotient) * p


def excess(p: Recorder, q: Recorder, gap: Any = None) -> Any:
    if gap is not None:
        total = p + q
        near = abs(gap / total) <= entropies._NEAR_SLOPE
        return np.where(near, _near_excess(p, gap, total), relative_entropy(p, q) + gap)
    p = np.where(q / p < np.inf, p, 1e-290 * q)  # type: ignore[assignment]
    ratio = q / p
    value = np.where(_near_one(ratio), _near_excess(p, q - p, p + q), (ratio - 1.0 - np.log(ratio)) * p)
    return np.where(_odd(ratio), relative_entropy(p, q) + (q - p), value)


def _near_excess(p: Any, gap: Any, total: Any) -> Any:
    slope = gap / total
    return (gap - entropies._log_rest(slope) * p) * slope


def log_gap(p: Recorder, q: Recorder) -> Any:
    ratio = p / q
    beyond = (p - q) / q
    slope = beyond / (beyond + 2.0)
    near = (beyond - entropies._log_rest(slope)) * slope
    value = np.where(_near_one(ratio), near, ratio - 1.0 - np.log(ratio))
    return np.where(_odd(ratio), ratio - 1.0 - (np.log(p) - np.log(q)), value)


def _near_one(ratio: Any) -> Any:
    return (ratio >= entropies._LOW) & (ratio <= entropies._HIGH)


def _odd(ratio: Any) -> Any:
    return ~((ratio >= TINY) & (ratio < np.inf))


def log_ratio(p: Recorder, q: Recorder) -> Any:
    difference = p - q
    growth = np.log1p(abs(difference) / np.minimum(p, q))
    growth = np.where(np.isfinite(growth), growth, abs(np.log(p) - np.log(q)))
    return np.copysign(growth, difference)


def jensen_shannon(p: Recorder, q: Recorder) -> Any:
    total = np.maximum(p + q, TINY)
    u = abs(p - q) / total
    square = u * u
    near = polynomial(entropies._ENTROPY, square) * square
    rest = np.minimum(p, q) * 2.0 / total
    far = np.log1p(1.0 - rest) * (2.0 - rest) + rest * np.log(np.maximum(rest, TINY))
    return np.where(u <= 0.3, near, far) * (0.25 * total)


def expm1_gap(x: Recorder) -> Any:
    near = polynomial(entropies._EXP, x) * x * x  # type: ignore[arg-type]
    return np.where(abs(x) <= 0.2, near, np.expm1(x) - x)


_PRIMITIVES: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        sum_k, mean_k, max_k, cumsum_k, components, softplus, sigmoid, below_max_k, log_sum_k, logsumexp_k, softmax_k,
        log_softmax_k, pick_k, argmax_k, log_softmax_at, softmax_at, add_at_k, put_at_k, set_at_k, dot_k, norm_k,
        relative_entropy, excess, log_gap, log_ratio, jensen_shannon, expm1_gap,
    )
}  # fmt: skip


def primitive(tape: Tape, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """A helper on recorders; arrays among its arguments are lifted, numbers stay."""
    lifted = [tape.lift(each) if isinstance(each, np.ndarray) else each for each in args]
    return _PRIMITIVES[name](*lifted, **keywords)
