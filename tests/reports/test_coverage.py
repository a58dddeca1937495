"""Nominal 95 % intervals hold the truth in 95 % of samples, within Monte-Carlo error."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import lossctl
from lossctl.arithmetic.moments import Moments, Scatter
from lossctl.reports.inference import bootstrap, intervals

ONE = np.zeros(1, np.intp)
Draw = Callable[[np.random.Generator, int], np.ndarray]


def scattered(x: np.ndarray, v: np.ndarray) -> Moments:
    """The moments of a component over a base."""
    scatter = Scatter()
    scatter.add_block(x[np.newaxis], v[np.newaxis], ONE, None)
    moments = scatter.cell(())
    assert moments is not None
    return moments


SIMULATIONS, ROWS = 600, 2000
DRAWS: dict[str, tuple[Draw, float]] = {
    "absolute normal": (lambda rng, n: np.abs(rng.normal(size=n)), math.sqrt(2 / math.pi)),
    "squared normal": (lambda rng, n: rng.normal(size=n) ** 2, 1.0),
    "log-normal": (lambda rng, n: rng.lognormal(sigma=0.8, size=n), math.exp(0.32)),
}


def check_coverage(hits: list[bool]) -> None:
    error = math.sqrt(0.95 * 0.05 / len(hits))
    assert abs(np.mean(hits) - 0.95) <= 3 * error, np.mean(hits)


def ratio(loss: np.ndarray, weight: np.ndarray) -> tuple[float, Moments, intervals.Linear]:
    value, moments = float((loss * weight).sum() / weight.sum()), scattered(loss * weight, weight)
    linear = intervals.linearise(moments, np.array([1 / weight.sum()]), [])
    assert linear is not None
    return value, moments, linear


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", DRAWS)
def test_the_central_limit_covers_means_of_row_losses(name: str, weighted: bool) -> None:
    rng, (draw, truth), hits = np.random.default_rng(1), DRAWS[name], []
    for _ in range(SIMULATIONS):
        weight = rng.uniform(0.1, 2.0, ROWS) if weighted else np.ones(ROWS)
        low, high = intervals.central(*ratio(draw(rng, ROWS), weight), 0.95)
        hits.append(low <= truth <= high)
    check_coverage(hits)


@pytest.mark.parametrize("name", DRAWS)
def test_the_bootstrap_covers_means_of_row_losses(name: str) -> None:
    rng, (draw, truth), hits = np.random.default_rng(2), DRAWS[name], []
    for seed in range(400):
        loss = draw(rng, 500)
        value, moments, linear = ratio(loss, np.ones(500))
        influence = intervals.influences(loss[np.newaxis], np.ones((1, 500)), ONE, moments, linear.gradient)
        reach = intervals.reach(moments, 0.95)
        found = bootstrap.interval(loss[np.newaxis], lambda sums: sums[0] / 500, value, influence, reach, seed)
        assert found is not None
        hits.append(found[0] <= truth <= found[1])
    check_coverage(hits)


def rmse_curve(square: np.ndarray) -> intervals.Curve:
    return intervals.Curve(slice(0, 1), square.sum(keepdims=True), lambda totals: np.sqrt(totals[0] / len(square)))


@pytest.mark.parametrize(("scale", "truth"), [(0.0, 1.0), (0.5, math.exp(0.25))])
def test_the_delta_method_covers_the_rmse_of_normal_and_mixed_errors(scale: float, truth: float) -> None:
    rng, hits = np.random.default_rng(3), []
    for _ in range(SIMULATIONS):
        square = (rng.normal(size=ROWS) * rng.lognormal(sigma=scale, size=ROWS)) ** 2
        moments = scattered(square, np.ones(ROWS))
        linear = intervals.linearise(moments, np.zeros(1), [rmse_curve(square)])
        assert linear is not None
        low, high = intervals.central(float(np.sqrt(square.mean())), moments, linear, 0.95)
        hits.append(low <= truth <= high)
    check_coverage(hits)


@pytest.mark.parametrize("units", [5, 40])
def test_few_units_are_covered_too(units: int) -> None:
    rng, hits = np.random.default_rng(4), []
    for _ in range(2000):
        low, high = intervals.central(*ratio(rng.normal(2.0, 1.0, units), np.ones(units)), 0.95)
        hits.append(low <= 2.0 <= high)
    check_coverage(hits)


def test_rows_of_one_unit_are_not_taken_as_independent() -> None:
    rng, hits, naive = np.random.default_rng(5), [], []
    for _ in range(150):
        unit = np.repeat(np.arange(60), 10)
        error = rng.normal(size=60)[unit] + 0.5 * rng.normal(size=600)
        data = {"y_true": np.zeros(600), "y_pred": 1.0 + error, "unit": unit}
        for group, seen in (("unit", hits), (None, naive)):
            found = lossctl.compute("mse", data, group=group, ci=95).results[0].interval
            assert found is not None
            seen.append(found.low <= 2.25 <= found.high)
    assert np.mean(hits) > 0.88
    assert np.mean(naive) < 0.75
