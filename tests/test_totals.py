"""Products: row values whose total is a dot product."""

from math import fsum, inf

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.keys import Encoded, segments
from lossctl.totals import Product, Tally


@pytest.mark.parametrize("rows", [1, 7, 1023, 1024, 1025, 5000, 131_072])
def test_the_total_of_a_product_is_that_of_its_values(rows: int) -> None:
    rng = np.random.default_rng(rows)
    product = Product(rng.normal(size=rows), rng.lognormal(sigma=3.0, size=rows))
    tally = Tally()
    tally.add_block({"loss": product}, None, rows)
    size = fsum(np.abs(product.value).tolist())
    assert_allclose(tally.sums()["loss"], [fsum(product.value.tolist())], rtol=0, atol=4e-16 * size)


def test_a_product_is_added_up_cell_by_cell() -> None:
    cells = segments([Encoded(np.array([0, 1, 0]), ["a", "b"])], 3)
    tally = Tally()
    tally.add_block({"loss": Product(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]))}, cells, 3)
    assert dict(zip(tally.cells, tally.sums()["loss"].tolist(), strict=True)) == {("a",): 100.0, ("b",): 40.0}


def test_a_product_beyond_the_range_is_infinite() -> None:
    tally = Tally()
    tally.add_block({"loss": Product(np.full(3, 1e200), np.full(3, 1e200))}, None, 3)
    assert tally.sums()["loss"].tolist() == [inf]
    residual = np.array([1e155, -1e155])
    assert Product(residual, residual, -1.0, residual).total() == 0.0  # and not inf - inf


@pytest.mark.parametrize("loss", ["mse", "half_squared_error", "huber", "brier", "rmse", "pearson_loss"])
def test_what_else_is_asked_does_not_change_a_digit(loss: str) -> None:
    rng = np.random.default_rng(11)
    target = rng.integers(0, 2, 3000) if loss == "brier" else rng.normal(size=3000)
    data = {"target": target, "pred": rng.uniform(size=3000), "fold": rng.integers(0, 3, 3000)}
    alone = lossctl.compute(loss, data).value
    assert lossctl.compute(loss, data, by="fold").results[0].value == alone
    assert lossctl.compute(loss, data, ci=95).value == alone
    assert lossctl.compute(loss, data, weight=None, stats=loss not in ("rmse", "pearson_loss")).value == alone
