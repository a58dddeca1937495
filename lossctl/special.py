"""Special functions in double precision, over arrays of any shape: within a few units in the last place of the truth.

Each is a few polynomials evaluated on all elements, ranges joined by masks of 0 and 1, so that they run at the speed
of NumPy's arithmetic. Coefficients: rational and Chebyshev fits made in 60 digits; all terms of a rational function
are positive, hence no cancellation. Methods: Cody 1969, doi:10.1090/S0025-5718-1969-0247736-4 (erfc); Cody and
Hillstrom 1967, doi:10.1090/S0025-5718-1967-0219199-0 (lgamma); Loader 2000, "Fast and accurate computation of binomial
probabilities" (`excess`, `binet`).
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from lossctl.roles import Array

TINY = float(np.finfo(np.float64).smallest_normal)
HALF_LOG_2PI = 0.9189385332046728
_LOG_2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476
_INVERSE_SQRT_2PI = 0.3989422804014327

# (erf(x) / x - 1) in x^2 for |x| <= 1/2
_ERF = (
    0.12837916709551256, -0.37612638903183476, 0.11283791670925457, -0.026866170632921085, 0.005223977373542183,
    -0.0008548297798086192, 0.00012053337222877719, -1.4845900896375835e-05, 1.4726381680017032e-06,
)  # fmt: skip
# (1 + 2x) exp(x^2) erfc(x) in (x - 3) / (x + 3) for 0 <= x <= 28
_ERFCX = (
    1.2530080582697296, -0.13562110612458061, -0.047562294353448005, 0.1296451587026973, -0.11927366341545076,
    0.06830802734606554, -0.023770514915658878, 0.0025293917843955, 0.0018886903250794015, -0.0007798320058645631,
    -0.00010515955770106385, 0.00012509799027570954, 4.948350557478338e-06, -2.0096118201729324e-05,
    -7.279318568552996e-07, 3.4629653365509413e-06, 3.4925563800434925e-07, -6.037276423723499e-07,
    -1.31055324876231e-07, 9.097691427095026e-08, 3.267420330362823e-08, -8.236923603890498e-09,
    -4.09329542993828e-09,
)  # fmt: skip
# lgamma(x) / ((x - 1) (x - 2)) in (x - 2) / (x + 2) for 1 <= x <= 4
_LGAMMA_P = (
    0.42278433509846713, -0.429472203682099, -0.6639499561902238, 0.6735616576102663, 0.2968303452301437,
    -0.2989051814901126, -0.03422567657566148, 0.03333375533717485,
)  # fmt: skip
_LGAMMA_Q = (
    1.0, -0.06670776242954851, -1.932163664842797, 0.10794613703678496, 1.1630504477586114, -0.051247759308377334,
    -0.22332444473623325, 0.006470863002975, 0.006639734002498135,
)  # fmt: skip
# x binet(x) in 1 / x^2 for x >= 4
_BINET = (
    0.08333333333333331, -0.002777777777721283, 0.0007936507688413778, -0.0005952338614446336, 0.000841383637018579,
    -0.0018991999279965492, 0.005848847339849949, -0.01858867406894633, 0.03710130395124417,
)  # fmt: skip
# atanh(s) = s + s^3/3 + s^5/5 + ...: enough of them for |s| <= 1/10
_ATANH = tuple(1.0 / (2 * k + 3) for k in range(7))
_NEAR = 0.1
_PIECE = 16384


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """`c[0] + c[1] x + c[2] x^2 + ...` by Horner's rule."""
    result = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        result += coefficient
        result *= x
    result += coefficients[0]
    return result


def _joined(first: npt.NDArray[np.bool_], low: Array, high: Array) -> Array:
    """`low` where `first`, else `high`, in the memory of `low`; each is finite where it is not taken."""
    taken = first.astype(np.float64)
    low *= taken
    np.subtract(1.0, taken, out=taken)
    high *= taken
    low += high
    return low


def _in_pieces(function: Callable[..., Array]) -> Callable[..., Array]:
    """The function piece by piece, so that its many temporaries stay in the cache; without NumPy's warnings."""

    @wraps(function)
    def whole(*arrays: Array) -> Array:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        order: Literal["C", "F"] = "F" if all(array.flags.f_contiguous for array in arrays) else "C"
        sources = [np.broadcast_to(array, shape).ravel(order=order) for array in arrays]
        result = np.empty(prod(shape))
        with np.errstate(all="ignore"):
            for start in range(0, result.size, _PIECE):
                part = slice(start, start + _PIECE)
                result[part] = function(*(source[part] for source in sources))
        return result.reshape(shape, order=order)

    return whole


def _decay(x: Array, rate: float) -> Array:
    """`exp(-rate x^2)` for 0 <= x <= 39: the square in two parts, the first exact, as its error would be multiplied."""
    high = np.rint(x * 1024.0) / 1024.0
    return np.exp(-rate * high * high) * np.exp(-rate * (x - high) * (x + high))


def _erfcx(x: Array) -> Array:
    """`exp(x^2) erfc(x)` for 0 <= x <= 28."""
    return _polynomial(_ERFCX, (x - 3.0) / (x + 3.0)) / (1.0 + 2.0 * x)


@_in_pieces
def erfc(x: Array) -> Array:
    """Complementary error function `2/sqrt(pi) * integral of exp(-t^2) from x`, to full relative precision."""
    size = np.minimum(np.abs(x), 27.5)
    tail = _erfcx(size) * _decay(size, 1.0)
    below = (x < 0.0) * 1.0
    return 2.0 * below + (1.0 - 2.0 * below) * tail


@_in_pieces
def erf(x: Array) -> Array:
    """Error function `2/sqrt(pi) * integral of exp(-t^2) from 0 to x`, to full relative precision."""
    size = np.abs(x)
    small = np.minimum(size, 0.5)
    near = small + small * _polynomial(_ERF, small * small)
    large = np.minimum(size, 6.0)
    far = 1.0 - _erfcx(large) * np.exp(-large * large)
    return np.copysign(_joined(size <= 0.5, near, far), x)


@_in_pieces
def normal_cdf(x: Array) -> Array:
    """Distribution function of the standard normal, to full relative precision in the lower tail."""
    size = np.minimum(np.abs(x), 39.0)
    tail = 0.5 * _erfcx(size * _SQRT_HALF) * _decay(size, 0.5)
    above = (x > 0.0) * 1.0
    return above + (1.0 - 2.0 * above) * tail


@_in_pieces
def normal_pdf(x: Array) -> Array:
    """Density of the standard normal, to full relative precision in the tails."""
    size = np.minimum(np.abs(x), 39.0)
    return _INVERSE_SQRT_2PI * _decay(size, 0.5)


@_in_pieces
def lgamma(x: Array) -> Array:
    """Logarithm of the gamma function for x > 0, to full relative precision also around its zeros 1 and 2."""
    log = np.log(x)
    far = np.maximum(x, 4.0)
    stirling = (far - 0.5) * (np.maximum(log, 1.0) - 1.0) + (HALF_LOG_2PI - 0.5) + _binet(far)
    return _joined(x < 4.0, _small_lgamma(x, log), stirling)


def log_factorial(n: Array) -> Array:
    """`log(n!)`, for whole n and between."""
    return lgamma(n + 1.0)


@_in_pieces
def binet(x: Array) -> Array:
    """What Stirling's formula leaves: `lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi)/2)`, positive and falling to 0."""
    log = np.log(x)
    small = np.minimum(x, 4.0)
    rest = _small_lgamma(x, log) - (small - 0.5) * log + small - HALF_LOG_2PI
    return _joined(x < 4.0, rest, _binet(np.maximum(x, 4.0)))


@_in_pieces
def stirling_gap(n: Array) -> Array:
    """`log(n!) - (n log(n) - n)` for n >= 0, without the cancellation where n is large; 0 at 0."""
    log = np.log(np.maximum(n, TINY))
    small = np.minimum(n, 4.0)
    near = _small_lgamma(n, log) + (1.0 - small) * log + small
    far = 0.5 * np.maximum(log, 1.0) + HALF_LOG_2PI + _binet(np.maximum(n, 4.0))
    return _joined(n < 4.0, near, far)


def _small_lgamma(x: Array, log: Array) -> Array:
    """`lgamma(x)` for 0 < x <= 4, finite beyond: `lgamma(x + 1) - log(x)` below 1, then a rational function."""
    below = (x < 1.0) * 1.0
    small = np.minimum(x, 4.0)
    shifted = small + below
    place = (shifted - 2.0) / (shifted + 2.0)
    factor = _polynomial(_LGAMMA_P, place) / _polynomial(_LGAMMA_Q, place)
    factor *= small - (1.0 - below)  # shifted - 1 and shifted - 2, exactly
    factor *= small - (2.0 - below)
    factor -= below * log
    return factor


def _binet(x: Array) -> Array:
    """`binet` for x >= 4: Stirling's series, made to fit."""
    inverse = 1.0 / x
    return inverse * _polynomial(_BINET, inverse * inverse)


def _relative_entropy(p: Array, q: Array) -> Array:
    """`p log(p / q)` for p, q >= 0, also where they almost agree; 0 where p = 0, infinite where q = 0 < p."""
    low = np.minimum(p, q)
    if low.min(initial=1.0) <= 0.0:
        # Where p = 0 the floor keeps the quotient finite; where p > q there is none: q = 0 < p is infinite.
        np.maximum(low, (TINY + 1e-300 * q) * (p <= q), out=low)
    result = p - q
    signed = np.copysign(p, result)
    np.abs(result, out=result)
    result /= low
    np.log1p(result, out=result)
    result *= signed
    if not np.isfinite(result.sum()):  # the quotient can overflow where its logarithm does not
        huge = np.isinf(result) & (q > 0.0)
        result[huge] = p[huge] * (np.log(p[huge]) - np.log(q[huge]))
    return result


relative_entropy = _in_pieces(_relative_entropy)


def excess(p: Array, q: Array, gap: Array | None = None) -> Array:
    """`p log(p / q) - p + q >= 0` for p, q >= 0, to full relative precision also where they almost agree.

    Loader's deviance part. `gap` is q - p where it is known better than the difference tells.
    """
    return _excess(p, q, q - p if gap is None else gap)


@_in_pieces
def _excess(p: Array, q: Array, gap: Array) -> Array:
    total = p + q
    at = np.flatnonzero(np.abs(gap) <= _NEAR * total)
    result = _relative_entropy(p, q)
    result += gap
    if len(at):
        # log(q / p) = 2 atanh(slope), and gap - 2 p slope = gap slope: what is left has no cancellation.
        near = gap[at]
        slope = near / np.maximum(total[at], 5e-324)  # the least number: only 0 / 0 is 0
        near *= slope
        near -= 2.0 * p[at] * _atanh_rest(slope)
        result[at] = near
    return result


@_in_pieces
def log_gap(p: Array, q: Array) -> Array:
    """`p/q - 1 - log(p/q) >= 0` for p, q > 0, to full relative precision also where they almost agree."""
    ratio = p / q
    result = ratio - 1.0
    at = np.flatnonzero(np.abs(result) <= 0.18)  # where the slope below is at most _NEAR
    result -= np.log(ratio)
    if not np.isfinite(result.sum()):  # the quotient can vanish where its logarithm is finite
        odd = ~np.isfinite(result)
        result[odd] = ratio[odd] - 1.0 - (np.log(p[odd]) - np.log(q[odd]))
    if len(at):
        p, q = p[at], q[at]
        near = p - q
        slope = near / (p + q)
        near *= slope / q
        near -= 2.0 * _atanh_rest(slope)
        result[at] = near
    return result


@_in_pieces
def jensen_shannon(p: Array, q: Array) -> Array:
    """`(p log(p / m) + q log(q / m)) / 2`, `m = (p + q)/2`, to full relative precision also where they almost agree."""
    # With s = p + q and u = abs(p - q)/s it is s/4 ((1+u) log(1+u) + (1-u) log(1-u)), which is
    # s/4 (log(1-u^2) + u log((1+u)/(1-u))): nothing cancels where u is small.
    total = p + q
    safe = np.maximum(total, TINY)
    u = np.abs(p - q) / safe
    rest = np.maximum(2.0 * np.minimum(p, q) / safe, 1e-18)  # 1 - u; less than this adds nothing
    # The first logarithm serves below u^2 = 1/2 and the second above; where they do not serve they give -log 2.
    value: Array = np.log1p(-np.minimum(u * u, 0.5))
    value += np.log(np.minimum(rest * (1.0 + u), 0.5)) + _LOG_2
    value += u * np.log1p(2.0 * u / rest)
    value *= 0.25 * total
    return value


@_in_pieces
def expm1_gap(x: Array) -> Array:
    """`exp(x) - 1 - x >= 0`, to full relative precision also around 0."""
    growth = np.expm1(x)
    small = np.minimum(growth, 1.0)
    slope = small / (small + 2.0)  # tanh(x / 2)
    near = small * slope
    near -= 2.0 * _atanh_rest(slope)
    growth -= x
    return _joined(np.abs(slope) <= _NEAR, near, growth)


def _atanh_rest(s: Array) -> Array:
    """`atanh(s) - s` for |s| <= 1/10."""
    square = s * s
    rest = _polynomial(_ATANH, square)
    rest *= square
    rest *= s
    return rest
