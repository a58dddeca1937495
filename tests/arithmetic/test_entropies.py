"""What logarithms and exponentials leave beside their tangents keeps its digits: against arithmetic in 50 digits."""

from collections.abc import Callable
from decimal import Decimal, localcontext
from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lossctl.arithmetic import entropies

# How far apart two numbers are, in logarithms; some are next to where one formula gives way to the other.
SCALES = (1e-12, 1e-8, 1e-4, 0.01, 0.1, 0.19, 0.3, 1.0, 20.0)
ULPS = 16 * 2.0**-53
EXTREMES = (1e-300, 1e-12, 1.0, 1e8, 1e300)


def relative_entropy(p: Decimal, q: Decimal) -> Decimal:
    return p * (p / q).ln() if p else p


def excess(p: Decimal, q: Decimal) -> Decimal:
    return relative_entropy(p, q) - p + q


def log_gap(p: Decimal, q: Decimal) -> Decimal:
    return p / q - 1 - (p / q).ln()


def log_ratio(p: Decimal, q: Decimal) -> Decimal:
    return (p / q).ln()


def jensen_shannon(p: Decimal, q: Decimal) -> Decimal:
    middle = (p + q) / 2
    return (relative_entropy(p, middle) + relative_entropy(q, middle)) / 2


def exact(formula: Callable[..., Decimal], *arrays: np.ndarray) -> list[float]:
    with localcontext(prec=50):
        return [float(formula(*map(Decimal, row))) for row in zip(*(array.tolist() for array in arrays), strict=True)]


def apart(scale: float, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    q = np.exp(rng.normal(size=rows))
    return q * np.exp(scale * rng.choice([-1.0, 1.0], rows) * rng.uniform(0.9, 1.1, rows)), q


@pytest.mark.parametrize("formula", [relative_entropy, excess, log_gap, log_ratio, jensen_shannon])
@pytest.mark.parametrize("scale", SCALES)
def test_two_numbers_keep_their_digits_however_far_apart(formula: Callable[..., Decimal], scale: float) -> None:
    p, q = apart(scale)
    assert_allclose(getattr(entropies, formula.__name__)(p, q), exact(formula, p, q), rtol=ULPS)


@pytest.mark.parametrize("scale", SCALES)
def test_a_known_gap_keeps_its_digits(scale: float) -> None:
    p, q = apart(scale)
    assert_allclose(entropies.excess(p, q, q - p), exact(excess, p, q), rtol=ULPS)


@pytest.mark.parametrize("scale", SCALES)
def test_an_exponential_keeps_its_digits(scale: float) -> None:
    x = np.log(np.divide(*apart(scale)))
    assert_allclose(entropies.expm1_gap(x), exact(lambda x: x.exp() - 1 - x, x), rtol=ULPS)


@pytest.mark.parametrize("formula", [excess, log_gap, log_ratio])
def test_quotients_may_overflow_or_lose_their_digits(formula: Callable[..., Decimal]) -> None:
    p, q = np.array(list(permutations(EXTREMES, 2))).T
    assert_allclose(getattr(entropies, formula.__name__)(p, q), exact(formula, p, q), rtol=ULPS)


def test_nothing_of_something_is_the_something() -> None:
    p, q = np.zeros(4), np.array([0.0, 1e-300, 2.5, 1e300])
    assert_allclose(entropies.excess(p, q), q, rtol=0, atol=0)
    assert_allclose(entropies.excess(q[1:], p[1:]), [np.inf] * 3)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_number_has_the_same_digits_in_any_company(share: float) -> None:
    """Whether most numbers are near their partners or far from them decides what is worked out for all of them."""
    rng = np.random.default_rng(3)
    q = np.exp(rng.normal(size=1000))
    p = q * np.exp(np.where(rng.random(1000) < share, 0.05, 1.0) * rng.normal(size=1000))
    p[:3] = 1e-300, 1e-305, 5e-324
    for name in ("relative_entropy", "excess", "log_gap", "log_ratio", "jensen_shannon"):
        p[3] = 0.0 if name in ("relative_entropy", "excess") else q[3]
        function = getattr(entropies, name)
        alone = np.concatenate([function(p[at : at + 1], q[at : at + 1]) for at in range(1000)])
        assert function(p, q).tobytes() == alone.tobytes()
