"""Vector functions of the compiled module: at most 2 units in the last place off, on every instruction set."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from lossctl.arithmetic import fused

pytestmark = pytest.mark.skipif(not fused.available(), reason="the compiled module is absent")
FUNCTIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., mpmath.mpf]]] = {
    "exp": (np.exp, mpmath.exp),
    "expm1": (np.expm1, mpmath.expm1),
    "log": (np.log, mpmath.log),
    "log1p": (np.log1p, mpmath.log1p),
    "tanh": (np.tanh, mpmath.tanh),
    "sqrt": (np.sqrt, mpmath.sqrt),
}
TINY, LEAST, INF = 2.2250738585072014e-308, 5e-324, float("inf")


def evaluate(function: Callable[..., np.ndarray], x: np.ndarray, level: str | None = None) -> np.ndarray:
    program = fused.record(lambda x: function(x), {"x": ()}, rows=True)
    assert program is not None
    return program.run({"x": fused.of_numpy(x)}, len(x), engine=level).values["rows"]


def drawn(name: str, rng: np.random.Generator) -> np.ndarray:
    """Numbers of every magnitude, and where the function turns."""
    bits = rng.integers(0, 0x7FEFFFFFFFFFFFFF, 60, dtype=np.int64).view(np.float64)
    near = np.concatenate([rng.normal(size=100), rng.normal(size=60) * 1e-3, rng.uniform(-1, 1, 100) * 30])
    edges = np.array([TINY, LEAST, 3 * LEAST, 1e-310, 1.7e308, 0.5, 1.0, 2.0, 0.625, 0.34657359, 1e-17])
    x = np.concatenate([bits, -bits, near, edges, -edges])
    match name:
        case "exp" | "expm1":
            return np.concatenate([x, rng.uniform(-746, 710, 200), [709.78, -745.13, -708.4, -36.7, -37.5]])
        case "log" | "sqrt":
            return np.abs(np.concatenate([x, 1 + near * 1e-3, 1 + rng.normal(size=50) * 1e-9]))
        case "log1p":
            x = np.concatenate([x, rng.uniform(-1, 3, 200), np.exp(rng.uniform(-40, 40, 100)), [-1 + 2**-53]])
            return x[x > -1]
    return np.concatenate([x, rng.uniform(-1, 1, 200)])


def ulps(found: float, truth: mpmath.mpf) -> float:
    nearest = float(truth)
    if np.isinf(nearest) or np.isinf(found):
        return 0.0 if found == nearest else INF
    unit = max(np.spacing(abs(nearest)), LEAST)
    return float(abs(mpmath.mpf(found) - truth) / mpmath.mpf(unit))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_two_units_of_the_last_place(name: str) -> None:
    function, truth = FUNCTIONS[name]
    x = drawn(name, np.random.default_rng(20))
    found = evaluate(function, x)
    with mpmath.workprec(120):
        # a difference of huge arguments is beyond any precision: tanh and expm1 are ±1 there
        worst = max(
            (
                (ulps(float(value), truth(mpmath.mpf(float(at)))), float(at))
                for at, value in zip(x, found, strict=True)
                if not (name == "exp" and abs(at) > 1e4) and not (name in ("tanh", "expm1") and abs(at) > 800)
            ),
        )
    assert worst[0] <= 2.0, f"{name}({worst[1]!r}) is {worst[0]} units off"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_ends_are_numpy_s(name: str) -> None:
    x = np.array([0.0, -0.0, INF, -INF, np.nan, -1.0, -2.0, 1e5, -1e5, 1e300, -1e300] * 3)
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name][0](x)
    found = evaluate(FUNCTIONS[name][0], x)
    np.testing.assert_allclose(found, expected, rtol=4e-16)
    zeros = expected == 0.0
    np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_instruction_set_gives_the_same_digits(name: str) -> None:
    x = drawn(name, np.random.default_rng(21))
    best = evaluate(FUNCTIONS[name][0], x)
    for level in fused.levels():
        for size in (len(x), len(x) - 3):
            np.testing.assert_array_equal(evaluate(FUNCTIONS[name][0], x[:size], level), best[:size])


@pytest.mark.parametrize("function", [np.rint, np.floor, np.ceil, np.sign, np.abs, np.negative, np.isnan, np.isinf])
def test_exact_functions_are_numpy_s(function: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(22)
    large = [2.0**52 - 0.5, 2.0**52 + 1, -(2.0**53), 1e300]
    ends = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, *large, LEAST, INF, -INF, np.nan]
    x = np.concatenate([rng.normal(size=100) * 10, ends])
    np.testing.assert_array_equal(evaluate(function, x), function(x).astype(np.float64))


@pytest.mark.parametrize("function", [np.minimum, np.maximum, np.copysign, np.power, np.hypot, np.less, np.equal])
def test_functions_of_two_are_numpy_s(function: Callable[..., np.ndarray]) -> None:
    ends = np.array([0.0, 1.0, -1.5, 2.5, INF, -INF, np.nan, 1e-300])
    x, y = (part.reshape(-1) for part in np.meshgrid(ends, ends))
    with np.errstate(all="ignore"):
        expected = function(x, y).astype(np.float64)
    program = fused.record(lambda x, y: function(x, y), {"x": (), "y": ()}, rows=True)
    assert program is not None
    found = program.run({"x": fused.of_numpy(x), "y": fused.of_numpy(y)}, len(x)).values["rows"]
    np.testing.assert_allclose(found, expected, rtol=4e-16)
