"""Sums of programs are exact and rounded once: however rows are cut, whatever runs them, whatever they hold."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from lossctl.arithmetic import fused
from lossctl.arithmetic.fused import Total
from lossctl.arithmetic.fused.exact import rounded_sum

ENGINES = ["numpy", *fused.levels()]
PROGRAM = fused.record(lambda x: x + 0.0 * 0.0, {"x": ()})  # the column itself: nothing to work out


def summed(x: np.ndarray, engine: str | None = None) -> Total:
    assert PROGRAM is not None
    total = PROGRAM.run({"x": fused.of_numpy(x)}, len(x), engine=engine).totals["loss"]
    assert isinstance(total, Total)
    return total


def value(total: Total) -> float:
    return float(total.values()[0, 0])


def _wide(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=n) * 10.0 ** rng.uniform(-300, 290, n)


def _cancelling(rng: np.random.Generator, n: int) -> np.ndarray:
    half = rng.normal(size=n // 2) * 10.0 ** rng.uniform(-5, 15, n // 2)
    return rng.permutation(np.concatenate([half, -half, [1e-20, 3.0]]))


DATA: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "squares": lambda rng, n: rng.normal(size=n) ** 2,
    "wide": _wide,
    "cancelling": _cancelling,
    "subnormal": lambda rng, n: rng.integers(-(2**40), 2**40, n) * 5e-324,
    "least normal": lambda rng, n: rng.normal(size=n) * 2.0**-1015,
    "zeros": lambda rng, n: np.zeros(n) * rng.choice([-1.0, 1.0], n),
    "one large": lambda rng, n: np.concatenate([rng.normal(size=n), [2.0**60, -(2.0**60), 2.0**-60]]),
    "huge": lambda rng, n: rng.choice([1e308, -1e308], n) * rng.random(n),
    "outliers": lambda rng, n: np.where(rng.random(n) < 0.01, 1e12, rng.normal(size=n)),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("engine", ENGINES)
def test_sums_are_exact(name: str, engine: str) -> None:
    rng = np.random.default_rng(30)
    for size in (1, 2, 1023, 3001):
        x = DATA[name](rng, size)
        expected = rounded_sum(0, [sum(int(v) for v in _units(x))])
        assert value(summed(x, engine)) == expected
        if name != "huge":
            assert expected == math.fsum(x)


def _units(x: np.ndarray) -> list[int]:
    ratios = [float(v).as_integer_ratio() for v in x]
    return [top << (1075 - bottom.bit_length()) for top, bottom in ratios]


@pytest.mark.parametrize("name", DATA)
def test_sums_do_not_depend_on_the_cut(name: str) -> None:
    x = DATA[name](np.random.default_rng(31), 9001)
    whole = value(summed(x))
    for engine in ENGINES:
        for step in (700, 1024, 5000):
            parts = [summed(x[start : start + step], engine) for start in range(0, len(x), step)]
            total = parts[-1]
            for part in parts[:-1]:
                total.add(part)
            assert value(total) == whole
            total.carry()
            assert value(total) == whole


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sum_beyond_the_largest_double_and_back_is_right(engine: str) -> None:
    assert value(summed(np.array([1e308, 1e308, -1e308, 5.0]), engine)) == 1e308
    assert value(summed(np.array([1.7e308, 1.7e308]), engine)) == math.inf
    assert value(summed(np.array([-1.7e308, -1.7e308]), engine)) == -math.inf


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_finite(engine: str) -> None:
    assert value(summed(np.array([1.0, np.inf, -1e308]), engine)) == math.inf
    assert value(summed(np.array([1.0, -np.inf] * 40), engine)) == -math.inf
    assert math.isnan(value(summed(np.array([np.inf, 1.0, -np.inf]), engine)))
    assert math.isnan(value(summed(np.array([np.nan] + [0.0] * 100), engine)))
    first, second = summed(np.array([np.inf]), engine), summed(np.array([-np.inf]), engine)
    first.add(second)
    assert math.isnan(value(first))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DATA)
def test_sums_by_cell_are_exact(engine: str, name: str) -> None:
    rng = np.random.default_rng(32)
    x = DATA[name](rng, 3000)
    codes = rng.integers(0, 7, len(x)).astype(np.int32)
    assert PROGRAM is not None
    result = PROGRAM.run({"x": fused.of_numpy(x)}, len(x), codes=codes, cells=9, engine=engine)
    expected = [rounded_sum(0, [sum(_units(x[codes == cell]))]) for cell in range(9)]
    assert result.totals["loss"].values()[0].tolist() == expected


def test_cells_grow_and_are_taken() -> None:
    total = summed(np.array([1.5, 2.0]))
    wide = total.widened(3)
    assert wide.values().tolist() == [[3.5, 0.0, 0.0]]
    assert wide.take(np.array([2, 0])).values().tolist() == [[0.0, 3.5]]


def test_no_rows_sum_to_nothing() -> None:
    for engine in ENGINES:
        assert value(summed(np.array([]), engine)) == 0.0
