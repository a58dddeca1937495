"""Special functions in double precision, over arrays of any shape: within a few units in the last place of the truth.

Each is a few polynomials evaluated on all elements, ranges joined by masks of 0 and 1, so that they run at the speed
of NumPy's arithmetic. Coefficients: rational and Chebyshev fits made in 60 digits; all terms of a rational function
are positive, hence no cancellation. Methods: Cody 1969, doi:10.1090/S0025-5718-1969-0247736-4 (erfc); Cody and
Hillstrom 1967, doi:10.1090/S0025-5718-1967-0219199-0 (lgamma); Loader 2000, "Fast and accurate computation of binomial
probabilities" (`excess`, `binet`).
"""

from collections.abc import Sequence

import numpy as np

from lossctl.roles import Array

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
# lgamma(x) / ((x - 1) (x - 2)) for 1/2 <= x <= 4
_LGAMMA_P = (
    2.775368096383389, 122.99258595811314, 1184.678455010646, 3935.6328458331486, 5311.970854617775, 3050.778611612454,
    729.8772671427712, 65.17514105152047, 1.6006613955427276, 0.0022962008031316584,
)  # fmt: skip
_LGAMMA_Q = (
    1.0, 72.02147060212694, 1003.4490011226908, 4660.029678606804, 8782.66486058313, 7282.218731850108,
    2701.2910722314195, 428.48420450035564, 25.30628366623509, 0.38351932462566257,
)  # fmt: skip
# x binet(x) in 1 / x^2 for x >= 4
_BINET = (
    0.08333333333333331, -0.002777777777721283, 0.0007936507688413778, -0.0005952338614446336, 0.000841383637018579,
    -0.0018991999279965492, 0.005848847339849949, -0.01858867406894633, 0.03710130395124417,
)  # fmt: skip
# atanh(s) = s + s^3/3 + s^5/5 + ...: enough of them for |s| <= 1/10
_ATANH = tuple(1.0 / (2 * k + 3) for k in range(7))
_NEAR = 0.1


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """`c[0] + c[1] x + c[2] x^2 + ...` by Horner's rule."""
    result = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        result += coefficient
        result *= x
    result += coefficients[0]
    return result


def _joined(first: Array, low: Array, high: Array) -> Array:
    """`low` where the 0/1 mask `first` is 1, `high` where it is 0; both exact, and finite where they are not taken."""
    return first * low + (1.0 - first) * high


def _decay(x: Array, rate: float) -> Array:
    """`exp(-rate x^2)` for 0 <= x <= 39: the square in two parts, the first exact, as its error would be multiplied."""
    high = np.rint(x * 1024.0) / 1024.0
    return np.exp(-rate * high * high) * np.exp(-rate * (x - high) * (x + high))


def _erfcx(x: Array) -> Array:
    """`exp(x^2) erfc(x)` for 0 <= x <= 28."""
    return _polynomial(_ERFCX, (x - 3.0) / (x + 3.0)) / (1.0 + 2.0 * x)


def erfc(x: Array) -> Array:
    """Complementary error function `2/sqrt(pi) * integral of exp(-t^2) from x`, to full relative precision."""
    size = np.minimum(np.abs(x), 27.5)
    tail = _erfcx(size) * _decay(size, 1.0)
    below = (x < 0.0) * 1.0
    return 2.0 * below + (1.0 - 2.0 * below) * tail


def erf(x: Array) -> Array:
    """Error function `2/sqrt(pi) * integral of exp(-t^2) from 0 to x`, to full relative precision."""
    size = np.abs(x)
    small = np.minimum(size, 0.5)
    near = small + small * _polynomial(_ERF, small * small)
    large = np.minimum(size, 6.0)
    far = 1.0 - _erfcx(large) * np.exp(-large * large)
    return np.copysign(_joined((size <= 0.5) * 1.0, near, far), x)


def normal_cdf(x: Array) -> Array:
    """Distribution function of the standard normal, to full relative precision in the lower tail."""
    size = np.minimum(np.abs(x), 39.0)
    tail = 0.5 * _erfcx(size * _SQRT_HALF) * _decay(size, 0.5)
    above = (x > 0.0) * 1.0
    return above + (1.0 - 2.0 * above) * tail


def normal_pdf(x: Array) -> Array:
    """Density of the standard normal, to full relative precision in the tails."""
    size = np.minimum(np.abs(x), 39.0)
    return _INVERSE_SQRT_2PI * _decay(size, 0.5)


def lgamma(x: Array) -> Array:
    """Logarithm of the gamma function for x > 0, to full relative precision also around its zeros 1 and 2."""
    log = np.log(x)
    far = np.maximum(x, 4.0)
    stirling = (far - 0.5) * (np.maximum(log, 1.0) - 1.0) + (HALF_LOG_2PI - 0.5) + _binet(far)
    return _joined((x < 4.0) * 1.0, _small_lgamma(x, log), stirling)


def log_factorial(n: Array) -> Array:
    """`log(n!)`, for whole n and between."""
    return lgamma(n + 1.0)


def binet(x: Array) -> Array:
    """What Stirling's formula leaves: `lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi)/2)`, positive and falling to 0."""
    log = np.log(x)
    rest = _small_lgamma(x, log) - (np.minimum(x, 4.0) - 0.5) * log + np.minimum(x, 4.0) - HALF_LOG_2PI
    return _joined((x < 4.0) * 1.0, rest, _binet(np.maximum(x, 4.0)))


def stirling_gap(n: Array) -> Array:
    """`log(n!) - (n log(n) - n)` for n >= 0, without the cancellation where n is large; 0 at 0."""
    log = np.log(np.maximum(n, TINY))
    small = np.minimum(n, 3.0)
    near = _small_lgamma(small + 1.0, log) - small * log + small
    far = np.maximum(n, 3.0)
    return _joined((n < 3.0) * 1.0, near, HALF_LOG_2PI + 0.5 * np.maximum(log, 1.0) + _binet(np.maximum(far, 4.0)))


def _small_lgamma(x: Array, log: Array) -> Array:
    """`lgamma(x)` for 0 < x <= 4 from the recurrence `lgamma(x + 1) - log(x)` and a rational function; finite beyond."""
    below = (x < 0.5) * 1.0
    shifted = np.minimum(x + below, 4.0)
    factor = _polynomial(_LGAMMA_P, shifted) / _polynomial(_LGAMMA_Q, shifted)
    return (shifted - 1.0) * (shifted - 2.0) * factor - below * log


def _binet(x: Array) -> Array:
    """`binet` for x >= 4: Stirling's series, made to fit."""
    inverse = 1.0 / x
    return inverse * _polynomial(_BINET, inverse * inverse)
