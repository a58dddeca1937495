"""Parameters given as columns: each row is worth, and slopes, as its own number gives it as a scalar."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.declare.declaration import Loss
from support import arrow_table
from support.draw import LOSSES, Setting, draw, settings, stored

ROWS = 39
# Numbers for columns, as far as they are in the parameter's range: its ends among them, and what formulas branch on.
NUMBERS = (0.0, 0.5, 1.0, 2.0, 0.25, 1.5, 3.0, -1.0, 0.75, 1e-3, 1e-9, 7.0, -0.5)
CASES = [
    (loss, name)
    for loss in LOSSES
    if loss.scope == "row"
    for name, parameter in loss.params.items()
    if parameter.is_numeric
]
REFUSED = {
    ("cross_entropy", "beta"): "--beta is one number; it cannot be a column",
    ("class_balanced_cross_entropy", "beta"): "--beta is one number; it cannot be a column",
}


def rows(setting: Setting, table: pa.Table, path: Path, **params: object) -> np.ndarray:
    """The row values, and below them the slopes where the loss has any."""
    slopes = setting.loss.hooks.gradient is not None
    options = {**setting.columns, **setting.params, **params}
    report = lossctl.compute(setting.loss.name, table, per_row=path, gradient=slopes, **options)  # type: ignore[arg-type]
    assert report.value == lossctl.compute(setting.loss.name, table, **options).value  # type: ignore[arg-type]
    found = pq.read_table(path).drop_columns(["row"]).to_pylist()
    assert not slopes or len(found[0]) > 1
    return np.array([np.concatenate([np.ravel(value).astype(float) for value in row.values()]) for row in found]).T


@pytest.mark.parametrize(("loss", "name"), CASES, ids=lambda case: getattr(case, "name", case))
def test_a_column_of_numbers_gives_row_by_row_what_each_gives(loss: Loss, name: str, tmp_path: Path) -> None:
    compared = 0
    for setting in settings(loss):
        if setting.kernel.scope != "row":
            continue
        table = arrow_table(stored(draw(setting, ROWS)))
        known = {}
        for number in NUMBERS:
            try:
                known[number] = rows(setting, table, tmp_path / "rows.parquet", **{name: number})
            except lossctl.LossctlError:
                continue  # outside the range, or for other data
        if len(known) < 2:
            continue
        cycle = np.resize(list(known), ROWS)
        expected = np.stack([known[number][:, row] for row, number in enumerate(cycle.tolist())], axis=1)
        given = table.append_column("numbers", pa.array(cycle))
        if (loss.name, name) in REFUSED:
            with pytest.raises(lossctl.LossctlError, match=REFUSED[loss.name, name]):
                rows(setting, given, tmp_path / "rows.parquet", **{name: "@numbers"})
        else:
            found = rows(setting, given, tmp_path / "rows.parquet", **{name: "@numbers"})
            assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
        compared += 1
    assert compared


def test_a_loss_whose_rows_are_of_a_batch_takes_no_column() -> None:
    vectors = np.random.default_rng(2).normal(size=(6, 3))
    data = {"a": vectors, "b": vectors[::-1].copy(), "t": [0.1, 0.2] * 3}
    with pytest.raises(lossctl.LossctlError, match=r"--temperature cannot be a column here.*or --negatives"):
        lossctl.compute("info_nce", data, anchor="a", positive="b", temperature="@t")
    with pytest.raises(lossctl.LossctlError, match="only numbers of row losses can"):
        lossctl.compute("dice", {"y_true": [0, 1], "y_pred": [0.5, 0.5], "t": [1.0, 2.0]}, smooth="@t")


def test_boxes_take_a_column_of_eps() -> None:
    boxes = {"target": [[1.0, 1, 3, 3], [0, 0, 1, 1]], "pred": [[2.0, 2, 4, 4], [0, 0, 1, 1]], "m": [0.0, 0.5]}
    found = lossctl.compute("giou", boxes, eps="@m", reduction="none").results[0].values
    assert found == pytest.approx([1 - 1 / 7 + 2 / 9, 1 - 1 / 1.5])
