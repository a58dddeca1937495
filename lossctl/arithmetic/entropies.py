"""What logarithms and exponentials leave beside their tangents: divergences, to full relative precision.

Most have a formula for where their parts almost agree, in which nothing cancels, and a plain one. Coefficients are of
polynomials through Chebyshev's points, worked out in fractions. `excess` is the deviance part of Loader 2000, "Fast and
accurate computation of binomial probabilities".
"""

from typing import Any, TypeAlias

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.primitive import primitive
from lossctl.arithmetic.special import TINY, in_pieces, polynomial

# (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2 for |s| <= 0.099
_LOG = (
    0.6666666666666666, 0.40000000000043484, 0.28571428519694614, 0.22222244716896348, 0.18177402255961008,
    0.15783056193426312,
)  # fmt: skip
# (exp(x) - 1 - x) / x^2 in x for |x| <= 0.2
_EXP = (
    0.5, 0.1666666666666644, 0.04166666666666648, 0.008333333334085315, 0.001388888888951549, 0.00019841263073779085,
    2.4801581662419075e-05, 2.757987479550449e-06, 2.757611450078259e-07,
)  # fmt: skip
# ((1 + u) log(1 + u) + (1 - u) log(1 - u)) / u^2 in u^2 for |u| <= 0.3
_ENTROPY = (
    1.0, 0.16666666666662683, 0.06666666667843339, 0.03571428437947681, 0.022222297863698795, 0.015149117015085761,
    0.01103337320620615, 0.007861286721878863, 0.009157164904306066,
)  # fmt: skip
# Quotients p / q, and (p - q) / (p + q), that the first of these serves.
_LOW, _HIGH, _NEAR_SLOPE = 0.82, 1.18, 0.0989
# A function and the arrays it is given.
Evaluation: TypeAlias = tuple[Any, *tuple[Array, ...]]


def _parted(near: Flags, of_near: Evaluation, of_far: Evaluation) -> Array:
    """Each element by its own formula, a function and its arrays.

    The one that serves most runs over all elements, which costs less than taking them out; the other over the few.
    The digits of an element do not depend on the others.
    """
    count, size = np.count_nonzero(near), near.size
    few, many = (of_near, of_far) if count <= 0.6 * size else (of_far, of_near)  # the near one costs more
    result: Array = many[0](*many[1:])
    if 0 < count < size:
        at = np.flatnonzero(near if few is of_near else ~near)
        result[at] = few[0](*(array.take(at) for array in few[1:]))
    return result


def _relative_entropy(p: Array, q: Array) -> Array:
    """`p log(p / q)` for p, q >= 0, also where they almost agree; 0 where p = 0, infinite where q = 0 < p."""
    low = np.minimum(p, q)
    if low.min(initial=1.0) <= 0.0:
        # Where p = 0 the floor keeps the quotient finite; elsewhere there is none: q = 0 < p is infinite.
        np.maximum(low, (TINY + 1e-300 * q) * (p == 0.0), out=low)
    quotient = p - q
    quotient /= low
    result = np.abs(quotient, out=low)
    np.log1p(result, out=result)
    np.copysign(result, quotient, out=result)
    result *= p
    if not np.isfinite(result.sum()):  # the quotient can overflow where its logarithm does not
        huge = np.isinf(result) & (q > 0.0)
        result[huge] = p[huge] * (np.log(p[huge]) - np.log(q[huge]))
    return result


@primitive
def relative_entropy(p: Array, q: Array) -> Array:
    """`p log(p / q)` for p, q >= 0, also where they almost agree; 0 where p = 0, infinite where q = 0 < p."""
    return _in_pieces(p, q)


_in_pieces = in_pieces(_relative_entropy)


@primitive
def excess(p: Array, q: Array, gap: Array | None = None) -> Array:
    """`p log(p / q) - p + q >= 0` for p, q >= 0, to full relative precision also where they almost agree.

    Loader's deviance part. `gap` is q - p where it is known better than the difference tells.
    """
    return _excess(p, q) if gap is None else _excess_by(p, q, gap)


@in_pieces
def _excess(p: Array, q: Array) -> Array:
    ratio = q / p
    normal = _normal(ratio)
    if not normal:
        p = np.where(ratio < np.inf, p, 1e-290 * q)  # what adds nothing to q, where the quotient is not finite
        ratio = q / p
    result = _parted(_near_one(ratio), (_near_excess, p, q), (_far_excess, p, ratio))
    if not normal and not _normal(ratio):
        odd = np.flatnonzero(~((ratio >= TINY) & (ratio < np.inf)))
        p, q = p[odd], q[odd]
        result[odd] = _relative_entropy(p, q) + (q - p)
    return result


def _near_excess(p: Array, q: Array) -> Array:
    """`p log(p / q) - p + q` where the two almost agree."""
    return _near_excess_by(p, q - p, p + q)


def _far_excess(p: Array, ratio: Array) -> Array:
    """`p log(p / q) - p + q` from `q / p`, where that is not near 1."""
    result = _far_log_gap(ratio)
    result *= p
    return result


@in_pieces
def _excess_by(p: Array, q: Array, gap: Array) -> Array:
    total = p + q
    near = _small(gap / total, _NEAR_SLOPE)
    return _parted(near, (_near_excess_by, p, gap, total), (_far_excess_by, p, q, gap))


def _near_excess_by(p: Array, gap: Array, total: Array) -> Array:
    # With s = gap / total log(p / q) is -2 s - s^3 ...: what is left is s (gap - p s^2 ...), where nothing cancels.
    slope = gap / total
    rest = _log_rest(slope)
    rest *= p
    np.subtract(gap, rest, out=rest)
    rest *= slope
    return rest


def _far_excess_by(p: Array, q: Array, gap: Array) -> Array:
    return _relative_entropy(p, q) + gap


@primitive
@in_pieces
def log_gap(p: Array, q: Array) -> Array:
    """`p/q - 1 - log(p/q) >= 0` for p, q > 0, to full relative precision also where they almost agree."""
    ratio = p / q
    result = _parted(_near_one(ratio), (_near_log_gap, p, q), (_far_log_gap, ratio))
    if not _normal(ratio):  # its logarithm is known better
        odd = np.flatnonzero(~((ratio >= TINY) & (ratio < np.inf)))
        p, q = p[odd], q[odd]
        result[odd] = p / q - 1.0 - (np.log(p) - np.log(q))
    return result


def _near_log_gap(p: Array, q: Array) -> Array:
    # With x = p/q - 1 and s = x / (2 + x), x - log(1 + x) is s (x - s^2 ...), where nothing cancels.
    beyond = p - q
    beyond /= q
    slope = beyond + 2.0
    np.divide(beyond, slope, out=slope)
    beyond -= _log_rest(slope)
    beyond *= slope
    return beyond


def _far_log_gap(ratio: Array) -> Array:
    """`ratio - 1 - log(ratio)`, where that does not cancel."""
    result = ratio - 1.0
    result -= np.log(ratio)
    return result


def _near_one(ratio: Array) -> Flags:
    return (ratio >= _LOW) & (ratio <= _HIGH)


def _normal(ratio: Array) -> bool:
    """Whether no quotient has overflowed or lost digits by being next to 0."""
    return bool(ratio.min(initial=1.0) >= TINY and ratio.max(initial=1.0) < np.inf)


def _small(x: Array, bound: float) -> Flags:
    size = np.abs(x)
    return size <= bound


def _log_rest(s: Array) -> Array:
    """`(log((1 + s) / (1 - s)) - 2 s) / s` for |s| <= 0.099."""
    square = s * s
    rest = polynomial(_LOG, square)
    rest *= square
    return rest


@primitive
@in_pieces
def log_ratio(p: Array, q: Array) -> Array:
    """`log(p / q)` for p, q > 0, to full relative precision also where they almost agree."""
    difference = p - q
    result = np.abs(difference)
    result /= np.minimum(p, q)
    np.log1p(result, out=result)
    if not np.isfinite(result.sum()):  # the quotient can overflow where its logarithm does not
        odd = np.flatnonzero(~np.isfinite(result))
        result[odd] = np.abs(np.log(p[odd]) - np.log(q[odd]))
    return np.copysign(result, difference, out=result)


@primitive
@in_pieces
def jensen_shannon(p: Array, q: Array) -> Array:
    """`(p log(p / m) + q log(q / m)) / 2`, `m = (p + q)/2`, to full relative precision also where they almost agree."""
    # With s = p + q and u = abs(p - q)/s it is s/4 ((1+u) log(1+u) + (1-u) log(1-u)).
    total = np.maximum(p + q, TINY)
    u = np.abs(p - q)
    u /= total
    result = _parted(u <= 0.3, (_near_entropy, u), (_far_entropy, p, q, total))
    total *= 0.25
    result *= total
    return result


def _far_entropy(p: Array, q: Array, total: Array) -> Array:
    """`(1+u) log(1+u) + (1-u) log(1-u)`, `u = abs(p - q) / total`, where u is not small."""
    rest = np.minimum(p, q)  # 1 - u, with all its digits where it is next to 0
    rest *= 2.0
    rest /= total
    u = 1.0 - rest
    result = np.log1p(u)
    u += 1.0
    result *= u
    rest *= np.log(np.maximum(rest, TINY))
    result += rest
    return result


def _near_entropy(u: Array) -> Array:
    """`(1+u) log(1+u) + (1-u) log(1-u)` for u <= 0.3."""
    square = u * u
    result = polynomial(_ENTROPY, square)
    result *= square
    return result


@primitive
@in_pieces
def expm1_gap(x: Array) -> Array:
    """`exp(x) - 1 - x >= 0`, to full relative precision also around 0."""
    return _parted(_small(x, 0.2), (_near_expm1_gap, x), (lambda x: np.expm1(x) - x, x))


def _near_expm1_gap(x: Array) -> Array:
    result = polynomial(_EXP, x)
    result *= x
    result *= x
    return result
