"""The Python interface: data in memory, results as data."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

import lossctl
from support import refused, write_parquet

RNG = np.random.default_rng(8)
TARGET = RNG.normal(size=200)
FRAME = pd.DataFrame(
    {
        "y_true": TARGET,
        "y_pred": TARGET + RNG.normal(size=200),
        "region": np.tile(["eu", "us"], 100),
        "w": RNG.uniform(0.5, 2, 200),
    }
)
EXPECTED = float(np.average(np.abs(FRAME.y_pred - FRAME.y_true), weights=FRAME.w))


@pytest.mark.parametrize(
    "form",
    [
        lambda: FRAME,
        lambda: pa.table(FRAME),
        lambda: pa.table(FRAME).to_batches()[0],
        lambda: iter(pa.table(FRAME).to_batches(max_chunksize=17)),
        lambda: pa.RecordBatchReader.from_batches(pa.table(FRAME).schema, pa.table(FRAME).to_batches(max_chunksize=17)),
        lambda: {name: FRAME[name].to_numpy() for name in FRAME},
        lambda: {name: FRAME[name].tolist() for name in FRAME},
    ],
    ids=["pandas", "table", "batch", "batches", "stream", "arrays", "lists"],
)
def test_data_in_memory_gives_the_value_of_a_file(form: Callable[[], object], tmp_path: Path) -> None:
    report = lossctl.compute("mae", form(), weight="w", by="region")
    assert_allclose(report.value, EXPECTED, rtol=1e-14)
    path = write_parquet(tmp_path / "a.parquet", {name: FRAME[name].to_numpy() for name in FRAME})
    assert [result.value for result in report] == [
        result.value for result in lossctl.compute("mae", path, weight="w", by="region")
    ]


def test_two_dimensional_arrays_are_vectors() -> None:
    logits = RNG.normal(size=(40, 3))
    label = RNG.integers(0, 3, 40)
    found = lossctl.compute("cross_entropy", {"label": label, "logits": logits}).value
    assert_allclose(found, lossctl.losses.cross_entropy(label, logits).mean(), rtol=1e-14)


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int32", "uint64", "float16", "float32", ">f8", ">i4"])
def test_arrays_of_any_number_type_are_taken(kind: str) -> None:
    target = np.array([[0, 1, 1], [1, 0, 0]], dtype=kind)
    found = lossctl.compute("mae", {"y_true": target, "y_pred": np.zeros((2, 3))}, reduction="none")
    assert found.results[0].values == pytest.approx([2 / 3, 1 / 3], rel=1e-15)
    assert lossctl.compute("mae", {"y_true": target[0], "y_pred": [0.0, 0.0, 0.0]}, reduction="sum").value == 2.0


def test_masked_cells_are_missing() -> None:
    data = {"y_true": np.ma.masked_array([1.0, 9.0, 3.0], [False, True, False]), "y_pred": [0.0, 0.0, 0.0]}
    assert lossctl.compute("mae", data, missing="skip").value == 2.0


def test_images_of_several_channels_are_taken() -> None:
    images = RNG.random((2, 3, 3, 2))
    found = lossctl.compute("total_variation", {"pred": images}).value
    assert_allclose(found, lossctl.losses.total_variation(images).mean(), rtol=1e-15)


@pytest.mark.parametrize("cells", [np.zeros((2, 0)), [1 << 70, 1], np.array([1j, 2]), 3.0], ids=str)
def test_what_is_no_column_says_so(cells: object) -> None:
    with pytest.raises(lossctl.LossctlError, match="column 'y_true'"):
        lossctl.compute("mae", {"y_true": cells, "y_pred": [0.0, 0.0]})


def test_columns_of_different_lengths_say_so() -> None:
    with pytest.raises(lossctl.LossctlError, match="differ in length: 'y_true' has 2, 'y_pred' has 1 rows"):
        lossctl.compute("mae", {"y_true": [1.0, 2.0], "y_pred": [1.0]})


def test_what_is_no_data_says_so() -> None:
    with pytest.raises(lossctl.LossctlError, match="int cannot be evaluated"):
        lossctl.compute("mae", 3)


def test_a_report_is_data() -> None:
    report = lossctl.compute("mae", FRAME, by="region")
    table = report.to_pandas()
    assert table.value.tolist() == [result.value for result in report.results]
    assert table.region.tolist()[1:] == ["eu", "us"]
    assert json.loads(report.to_json())["results"][0]["value"] == report.value


def test_a_loss_is_a_function_of_arrays() -> None:
    assert lossctl.losses.huber([3.0, 2.0], [2.5, 5.0], delta=1.0).tolist() == [0.125, 2.5]
    assert lossctl.losses.l2([[1.0, 2.0]], [[2.0, 4.0]]).tolist() == [2.5]
    assert lossctl.losses.rmse([0.0, 0.0], [3.0, 4.0]) == 12.5**0.5
    with pytest.raises(lossctl.LossctlError, match="one length"):
        lossctl.losses.mae([1.0], [1.0, 2.0])
    with pytest.raises(lossctl.LossctlError, match="must have the shape"):
        lossctl.losses.cross_entropy([0], [1.0])
    with pytest.raises(AttributeError, match="no attribute"):
        lossctl.losses.no_such_loss  # noqa: B018


def test_the_function_does_not_change_what_it_is_given() -> None:
    target, pred = np.array([1.0, 2.0]), np.array([2.0, 0.0])
    lossctl.losses.mse(target, pred)
    assert (target.tolist(), pred.tolist()) == ([1.0, 2.0], [2.0, 0.0])


HUBER, MSE, CROSS_ENTROPY = lossctl.losses.huber, lossctl.losses.mse, lossctl.losses.cross_entropy


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: CROSS_ENTROPY(["cat"], [[1.0, 2.0]]), "target needs a class (index), or K weights per row"),
        (lambda: CROSS_ENTROPY([0.5], [[1.0, 2.0]]), "a class is a whole number"),
        (lambda: HUBER(["a"], [1.0]), "could not convert string to float"),
        (lambda: HUBER([[1.0, 2.0], [1.0]], [1.0, 2.0]), "target needs finite numbers"),
        (lambda: HUBER([1.0], target=[1.0]), "given target twice"),
        (lambda: MSE([1, 2], [[1, 2], [3, 4]]), "target has 1, pred has 2"),
        (lambda: lossctl.losses.ctc([[1, 2]], [[[0.1, 0.9]]]), "lists that are 2 deep in each row"),
    ],
    ids=["class name", "class fraction", "text", "uneven", "twice", "broadcast", "depth"],
)
def test_a_call_on_arrays_that_do_not_fit_says_which_and_why(call: Callable[[], object], says: str) -> None:
    refused(call, says)


def test_a_mistyped_loss_is_named_beside_those_that_exist() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'huber'"):
        lossctl.losses.hubber  # noqa: B018


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"missing": "drop"}, "missing must be one of 'error', 'skip', not 'drop'"),
        ({"join": "outer"}, "join must be one of 'strict', 'inner', not 'outer'"),
        ({"limit": 0}, "limit must be a whole number >= 1, not 0"),
        ({"threads": -1}, "threads must be a whole number >= 0, not -1"),
        ({"ci": "95"}, "ci must be a level in percent, e.g. 95, not '95'"),
    ],
)
def test_values_that_no_command_line_allows_are_refused(options: dict[str, object], says: str) -> None:
    refused(lambda: lossctl.compute("mae", FRAME, **options), says)


def test_a_loss_may_be_given_for_its_name() -> None:
    found = lossctl.compute(HUBER, FRAME, delta=2.0).results[0]
    assert (found.spec, found.value) == ("huber(delta=2.0)", lossctl.compute("huber(delta=2)", FRAME).value)


def test_one_column_alone_is_no_data() -> None:
    with pytest.raises(lossctl.LossctlError, match="ChunkedArray is one column; give a data frame"):
        lossctl.compute("mae", pa.chunked_array([[1.0, 2.0]]))


def test_a_lazy_frame_is_evaluated_by_its_owner() -> None:
    class LazyFrame:
        def collect(self) -> None: ...

    with pytest.raises(lossctl.LossctlError, match=r"LazyFrame has no rows yet; evaluate it first"):
        lossctl.compute("mae", LazyFrame())
