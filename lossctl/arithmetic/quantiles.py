"""Quantiles of the normal and of Student's distribution, and of sorted values."""

from math import exp, isfinite, lgamma, log, pi

import numpy as np

from lossctl.arithmetic.arrays import Array

# From so many degrees of freedom on, an expansion in their inverse has all digits.
MANY = 1000.0


def normal_cdf(x: float) -> float:
    """The standard normal distribution function."""
    from statistics import NormalDist  # 8 ms: not for every command

    return NormalDist().cdf(x)


def normal_quantile(p: float) -> float:
    """The value below which a standard normal variable lies with probability `p`."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def student_quantile(p: float, degrees: float) -> float:
    """Quantile `p >= 1/2` of Student's t, any real degrees of freedom >= 1.

    Abramowitz and Stegun 1964, 26.7.5 where there are many, else Newton's method: the distribution function is concave
    there and the normal quantile lies to the left, so that it rises to the root.
    """
    z = normal_quantile(p)
    if degrees >= MANY:
        return _expansion(z, degrees)
    t, scale = z, lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - log(degrees * pi) / 2
    for _ in range(200):
        density = exp(scale - (degrees + 1) / 2 * log(1 + t * t / degrees))
        step = (_student_tail(t, degrees) - (1 - p)) / density
        t += step
        if abs(step) <= 1e-14 * t:
            break
    return t


def _expansion(z: float, degrees: float) -> float:
    """Student's quantile from the normal one `z` by powers of 1/degrees (Abramowitz and Stegun, 26.7.5)."""
    z2 = z * z
    terms = (
        (z2 + 1) * z / 4,
        ((5 * z2 + 16) * z2 + 3) * z / 96,
        (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384,
        ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) * z / 92160,
    )
    return z + sum(term / degrees ** (order + 1) for order, term in enumerate(terms))


def _student_tail(t: float, degrees: float) -> float:
    """P(T > t) for t >= 0: half the regularised incomplete beta function (DLMF 8.17)."""
    x = degrees / (degrees + t * t)
    a, b = degrees / 2, 0.5
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(t * t / (degrees + t * t))) if t else 0.0
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a / 2
    return (1 - front * _beta_fraction(b, a, 1 - x) / b) / 2


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (DLMF 8.17.22)."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            d = 1 / (1 + part * d)
            c = 1 + part / c
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


def percentiles(values: Array, shares: Array) -> Array:
    """Quantiles of values in any order, interpolated as NumPy's default does; infinite values do no harm."""
    ranks = shares * (len(values) - 1)
    below = np.floor(ranks).astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    ordered = np.partition(values, np.unique(np.concatenate([below, above])))
    return np.array([between(*pair) for pair in zip(ordered[below], ordered[above], ranks - below, strict=True)])


def between(low: float, high: float, part: float) -> float:
    """The point that lies `part` of the way from `low` to `high`, monotone and exact at both ends."""
    if part == 0 or low == high:
        return float(low)
    if not isfinite(high - low):
        return float(high) if isfinite(low) or not isfinite(high) else float(low)
    return float(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part))
