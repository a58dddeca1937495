"""Special functions in double precision, over arrays of any shape: within a few units in the last place of the truth.

Each is a few polynomials evaluated on all elements, ranges joined by masks of 0 and 1, so that they run at the speed
of NumPy's arithmetic. Coefficients: rational and Chebyshev fits made in 60 digits; all terms of a rational function
are positive, hence no cancellation. Methods: Cody 1969, doi:10.1090/S0025-5718-1969-0247736-4 (erfc); Cody and
Hillstrom 1967, doi:10.1090/S0025-5718-1967-0219199-0 (lgamma); Loader 2000, "Fast and accurate computation of binomial
probabilities" (`binet`).
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.primitive import recording

TINY = float(np.finfo(np.float64).smallest_normal)
HALF_LOG_2PI = 0.9189385332046728
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
_PIECE = 32768


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
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


def in_pieces(function: Callable[..., Array]) -> Callable[..., Array]:
    """The function piece by piece, so that its many temporaries stay in the cache; without NumPy's warnings."""

    @wraps(function)
    def whole(*arrays: Array) -> Array:
        if recording(*arrays) is not None:
            return function(*arrays)
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        order: Literal["C", "F"] = "F" if all(array.flags.f_contiguous for array in arrays) else "C"
        sources = [np.broadcast_to(array, shape).ravel(order=order) for array in arrays]
        size = prod(shape)
        with np.errstate(all="ignore"):
            if size <= _PIECE:
                return function(*sources).reshape(shape, order=order)
            result = np.empty(size)
            for start in range(0, size, _PIECE):
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
    return polynomial(_ERFCX, (x - 3.0) / (x + 3.0)) / (1.0 + 2.0 * x)


@in_pieces
def erfc(x: Array) -> Array:
    """Complementary error function `2/sqrt(pi) * integral of exp(-t^2) from x`, to full relative precision."""
    size = np.minimum(np.abs(x), 27.5)
    tail = _erfcx(size) * _decay(size, 1.0)
    below = (x < 0.0) * 1.0
    return 2.0 * below + (1.0 - 2.0 * below) * tail


@in_pieces
def erf(x: Array) -> Array:
    """Error function `2/sqrt(pi) * integral of exp(-t^2) from 0 to x`, to full relative precision."""
    size = np.abs(x)
    small = np.minimum(size, 0.5)
    near = small + small * polynomial(_ERF, small * small)
    large = np.minimum(size, 6.0)
    far = 1.0 - _erfcx(large) * np.exp(-large * large)
    return np.copysign(_joined(size <= 0.5, near, far), x)


@in_pieces
def normal_cdf(x: Array) -> Array:
    """Distribution function of the standard normal, to full relative precision in the lower tail."""
    size = np.minimum(np.abs(x), 39.0)
    tail = 0.5 * _erfcx(size * _SQRT_HALF) * _decay(size, 0.5)
    above = (x > 0.0) * 1.0
    return above + (1.0 - 2.0 * above) * tail


@in_pieces
def normal_pdf(x: Array) -> Array:
    """Density of the standard normal, to full relative precision in the tails."""
    size = np.minimum(np.abs(x), 39.0)
    return _INVERSE_SQRT_2PI * _decay(size, 0.5)


@in_pieces
def lgamma(x: Array) -> Array:
    """Logarithm of the gamma function for x > 0, to full relative precision also around its zeros 1 and 2."""
    log = np.log(x)
    far = np.maximum(x, 4.0)
    stirling = (far - 0.5) * (np.maximum(log, 1.0) - 1.0) + (HALF_LOG_2PI - 0.5) + _binet(far)
    return _joined(x < 4.0, _small_lgamma(x, log), stirling)


def log_factorial(n: Array) -> Array:
    """`log(n!)`, for whole n and between."""
    return lgamma(n + 1.0)


@in_pieces
def binet(x: Array) -> Array:
    """What Stirling's formula leaves: `lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi)/2)`, positive and falling to 0."""
    log = np.log(x)
    small = np.minimum(x, 4.0)
    rest = _small_lgamma(x, log) - (small - 0.5) * log + small - HALF_LOG_2PI
    return _joined(x < 4.0, rest, _binet(np.maximum(x, 4.0)))


@in_pieces
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
    factor = polynomial(_LGAMMA_P, place) / polynomial(_LGAMMA_Q, place)
    factor *= small - (1.0 - below)  # shifted - 1 and shifted - 2, exactly
    factor *= small - (2.0 - below)
    factor -= below * log
    return factor


def _binet(x: Array) -> Array:
    """`binet` for x >= 4: Stirling's series, made to fit."""
    inverse = 1.0 / x
    return inverse * polynomial(_BINET, inverse * inverse)
