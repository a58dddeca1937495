"""Products: row values whose total is a dot product."""

from collections.abc import Mapping
from math import fsum, inf, isfinite, nan
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.arithmetic.statistics import Product
from lossctl.arithmetic.tally import Tally
from lossctl.columns.keys import Encoded, cells_of
from lossctl.declare import registry
from lossctl.declare.kernel import pivots
from lossctl.engine import vouched
from lossctl.errors import DataError
from support import write_parquet
from support.draw import SETTINGS, Setting, draw


@pytest.mark.parametrize("rows", [1, 7, 1023, 1024, 1025, 5000, 131_072])
def test_the_total_of_a_product_is_that_of_its_values(rows: int) -> None:
    rng = np.random.default_rng(rows)
    product = Product(rng.normal(size=rows), rng.lognormal(sigma=3.0, size=rows))
    tally = Tally()
    tally.add_block({"loss": product}, None, rows)
    size = fsum(np.abs(product.value).tolist())
    assert_allclose(tally.sums()["loss"], [fsum(product.value.tolist())], rtol=0, atol=4e-16 * size)


def test_a_product_is_added_up_cell_by_cell() -> None:
    cells = cells_of([Encoded(np.array([0, 1, 0]), ["a", "b"])], 3)
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


def drawn_arrays(setting: Setting) -> dict[str, np.ndarray]:
    """Forty rows that a loss may be given."""
    return setting.arrays(draw(setting, 40))


def products(setting: Setting, arrays: Mapping[str, np.ndarray]) -> list[Product]:
    """What a loss of numbers gives as products, if it gives nothing else."""
    kernel, params = setting.kernel, setting.prepared(arrays)
    if kernel.scope == "row":
        found = [kernel.values(arrays, params)]
    elif kernel.scope == "set":
        found = list(kernel.statistics(arrays, params, pivots(arrays), None).values())
    else:
        found = []
    return [part for part in found if isinstance(part, Product)] if all(map(is_product, found)) else []


def is_product(part: object) -> bool:
    return isinstance(part, Product) and part.left.ndim == 1


VOUCHING = [setting for setting in SETTINGS if products(setting, drawn_arrays(setting))]


def test_some_losses_vouch_for_their_numbers() -> None:
    assert {"mse", "huber", "rmse"} <= {setting.loss.name for setting in VOUCHING}


@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("setting", VOUCHING, ids=str)
def test_a_total_of_products_is_finite_only_where_every_number_is(setting: Setting, bad: float) -> None:
    arrays = drawn_arrays(setting)
    assert all(isfinite(product.total()) for product in products(setting, arrays))
    for name, array in arrays.items():
        for row in (0, 1, len(array) - 1):
            broken = array.copy()
            broken[row] = bad
            totals = [product.total() for product in products(setting, {**arrays, name: broken})]
            assert not all(map(isfinite, totals)), f"{name} in row {row}"


@pytest.mark.parametrize("gap", [None, nan, inf])
@pytest.mark.parametrize("loss", ["mse", "huber", "rmse", "0.5*mse + huber"])
def test_a_number_that_is_missing_or_infinite_is_found_as_ever(loss: str, gap: float | None, tmp_path: Path) -> None:
    target, pred = np.zeros(300_000), np.ones(300_000)
    values = pred.tolist()
    values[200_000] = gap
    path = write_parquet(tmp_path / "a.parquet", {"target": target, "pred": values})
    with pytest.raises(DataError, match=r"'pred'.*row 200001"):
        lossctl.compute(loss, path)
    if gap != inf:
        report = lossctl.compute(loss, path, missing="skip")
        whole = lossctl.compute(loss, {"target": target[1:], "pred": pred[1:]})
        assert report.value == whole.value
        assert (report.results[0].rows, report.results[0].skipped) == (299_999, 1)


@pytest.mark.parametrize("loss", ["mse", "rmse", "0.5*mse + huber"])
def test_slices_are_the_same_whether_or_not_totals_vouch_for_them(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    data = {"target": rng.normal(size=400_000), "pred": rng.normal(size=400_000), "fold": rng.integers(0, 3, 400_000)}
    data["part"] = np.sort(rng.integers(0, 9, 400_000))
    by = ["fold", "part"]
    found = lossctl.compute(loss, data, by=by).to_dict()
    monkeypatch.setattr(vouched, "applies", lambda scan, wanted: False)
    assert lossctl.compute(loss, data, by=by).to_dict() == found
    assert len(found["results"]) == 1 + 3 + 9 + 27


@pytest.mark.parametrize("gap", [nan, inf])
def test_a_number_in_a_slice_that_is_missing_or_infinite_is_found_as_ever(gap: float) -> None:
    pred = np.ones(300_000)
    pred[200_000] = gap
    data = {"target": np.zeros(300_000), "pred": pred, "fold": np.arange(300_000) % 7}
    with pytest.raises(DataError, match=r"'pred'.*row 200001"):
        lossctl.compute("mse", data, by="fold")


def test_other_types_of_numbers_are_read_as_ever() -> None:
    target = np.arange(2000)
    kinds = (np.float64, np.float32, np.int16, np.uint8)
    found = {
        lossctl.compute("mse", {"target": target % 100, "pred": (target % 90).astype(kind)}).value for kind in kinds
    }
    assert len(found) == 1


@pytest.mark.parametrize("loss", ["mse", "log_cosh", "rmse", "pearson_loss"])
def test_a_kernel_sees_every_row_once(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, seen = registry.get(loss).kernel, []
    function = kernel.function

    def counted(target: np.ndarray, pred: np.ndarray, **options: object) -> object:
        seen.append(len(target))
        return function(target, pred, **options)

    monkeypatch.setattr(kernel, "function", counted)
    rng = np.random.default_rng(5)
    lossctl.compute(loss, {"target": rng.normal(size=300_000), "pred": rng.normal(size=300_000)})
    assert sum(rows for rows in seen if rows > 1) == 300_000


def test_numbers_that_nothing_vouches_for_are_not_tried_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, seen = registry.get("mse").kernel, []
    function = kernel.function

    def counted(target: np.ndarray, pred: np.ndarray) -> object:
        seen.append(len(target))
        return function(target, pred)

    monkeypatch.setattr(kernel, "function", counted)
    target = np.ones(2_000_000)
    target[::1000] = nan
    lossctl.compute("mse", {"target": target, "pred": np.ones(len(target))}, missing="skip", threads=1)
    rows, blocks = sum(rows for rows in seen if rows > 1), 1 << 18
    assert rows <= len(target) + 4 * blocks  # of each piece the first block is evaluated twice, and no more
