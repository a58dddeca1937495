"""What Python hands over: NumPy's scalars for numbers, odd columns beside those asked for, a truth in memory."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

import lossctl
from lossctl.declare.declaration import Loss
from support import refused
from support.draw import LOSSES, by_name

DATA = {"y_true": [1.0, 2.0, 7.0], "y_pred": [2.0, 2.0, 3.0]}


def frame(**more: object) -> pd.DataFrame:
    return pd.DataFrame({**DATA, **more})


def refuses(says: str, loss: str, data: object, **options: object) -> None:
    refused(lambda: lossctl.compute(loss, data, **options), says)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- NumPy's scalars
@pytest.mark.parametrize("two", [np.float32(2), np.float64(2), np.int64(2), np.array(2.0), np.longdouble(2)], ids=repr)
def test_a_parameter_takes_numbers_of_numpy(two: object) -> None:
    found = lossctl.compute("huber", DATA, delta=two).results[0]
    assert (found.spec, found.value) == ("huber(delta=2.0)", lossctl.compute("huber", DATA, delta=2).value)
    assert lossctl.losses.huber([9.0], [1.0], delta=two).tolist() == [14.0]


def test_flags_words_and_lists_of_numpy_are_pythons() -> None:
    probabilities = [[0.2, 0.3, 0.5]]
    quantiles = np.array([0.1, 0.5, 0.9], dtype=np.float64)
    pinball = lossctl.losses.multi_quantile
    assert pinball([0.3], probabilities, levels=quantiles) == pinball([0.3], probabilities, levels=[0.1, 0.5, 0.9])
    assert pinball([0.3], probabilities, levels=list(quantiles)) == pinball(
        [0.3], probabilities, levels=(0.1, 0.5, 0.9)
    )
    poisson = lossctl.losses.poisson_nll
    assert poisson([1.0], [2.0], log_input=np.bool_(False)) == poisson([1.0], [2.0], log_input=False)
    box = [[1.0, 1.0, 2.0, 2.0]]
    iou = lossctl.losses.box_iou
    assert iou(box, [[2.0, 2.0, 2.0, 2.0]], box_format=np.str_("xywh")) == iou(
        box, [[2.0, 2.0, 2.0, 2.0]], box_format="xywh"
    )


def as_numpy(value: object) -> object:
    """A parameter as NumPy would hold it."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, str):
        return np.str_(value)
    return value if value is None else np.asarray(value)[()]


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_every_parameter_of_every_loss_takes_numpys_values_and_lists(loss: Loss) -> None:
    for example in loss.examples:
        expected = loss(**example.arrays, **example.params)
        for convert in (as_numpy, lambda value: list(value) if isinstance(value, tuple) else value):
            given = {name: convert(value) for name, value in example.params.items()}
            assert_array_equal(loss(**example.arrays, **given), expected)
            assert loss.resolve_params(given) == loss.resolve_params(example.params)


@pytest.mark.parametrize("given", [True, np.bool_(True), np.nan, math.inf, 10**400, np.array([2.0]), 1j])
def test_what_is_no_number_is_no_parameter(given: object) -> None:
    refuses("huber: --delta must be a number > 0, not ", "huber", DATA, delta=given)


@pytest.mark.parametrize(
    ("norm", "word"),
    [(math.inf, "inf"), (np.inf, "inf"), ("inf", "inf"), (1.0, "1"), (np.int64(2), "2"), (2.0, "2"), ("2.0", "2")],
)
def test_one_of_a_list_of_numbers_may_be_given_as_any_number(norm: object, word: str) -> None:
    call = lossctl.losses.ece
    target, pred = [0, 1, 1], [0.2, 0.7, 0.9]
    assert call(target, pred, norm=norm) == call(target, pred, norm=word)
    found = lossctl.compute("ece", {"y": target, "p": pred}, pred="p", norm=norm).results[0]
    assert found.spec == f"expected_calibration_error(bins=15, norm={word})"


@pytest.mark.parametrize("norm", [True, 3, -math.inf, math.nan, 1.5])
def test_another_number_is_none_of_the_list(norm: object) -> None:
    with pytest.raises(lossctl.LossctlError, match="--norm must be one of 1, 2, inf, not"):
        lossctl.losses.ece([0, 1], [0.2, 0.7], norm=norm)


def test_keywords_take_numbers_of_numpy() -> None:
    found = lossctl.compute("mae", DATA, limit=np.int64(2), threads=np.int32(1), seed=np.int64(3), ci=np.int64(95))
    assert found.results[0].rows == 2
    assert found.results[0].interval is not None
    options = {"stats": np.bool_(True), "missing": np.str_("skip"), "max": np.float32(3), "min": np.int8(0)}
    report = lossctl.compute("mae", frame(site=["a", "b", "b"]), by=np.array(["site"]), **options)  # type: ignore[arg-type]
    assert [check.threshold for check in report.checks if check.op == "<="] == [3.0] * 3
    assert "np." not in report.to_json()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ci": True}, "ci must be a level in percent, e.g. 95, not True"),
        ({"limit": True}, "limit must be a whole number >= 1, not True"),
        ({"limit": np.int64(0)}, "limit must be a whole number >= 1, not 0"),
        ({"seed": 1.5}, "seed must be a whole number >= 0, not 1.5"),
        ({"max": "a"}, "max must be a number, not 'a'"),
        ({"stats": "no"}, "stats must be True or False, not 'no'"),
        ({"where": 3}, "where must be a condition, e.g. 'h < 3', not 3"),
        ({"by": 3}, "by must be the name of a column, not 3"),
        ({"by": ["y_true", 3]}, "by must be the name of a column, not 3"),
        ({"weight": [1, 2]}, "weight must be the name of a column, not [1, 2]. Values go into the data"),
        ({"weight": frame()}, "weight must be the name of a column, not DataFrame"),
        ({"group": 3}, "group must be the name of a column, not 3"),
        ({"on": 3}, "on must be the name of a column, not 3"),
        ({"reduction": 3}, "reduction must be a word, e.g. 'sum', not 3"),
        ({"memory": 3}, "memory must be a size, e.g. '2GB', not 3"),
        ({"per_row": 3}, "per_row must be the path of a file, not 3"),
        ({"na_values": "NA"}, "na_values must be a list of texts, not 'NA'"),
        ({"log_var": 3}, "log_var must be a list of numbers, not 3"),
        ({"log_var": ["a"]}, "log_var must be a list of numbers, not ['a']"),
        ({"delimiter": 3}, "delimiter must be a character, not 3"),
    ],
    ids=str,
)
def test_a_keyword_that_cannot_be_meant_says_what_it_takes(options: dict[str, object], says: str) -> None:
    refuses(says, "mae", DATA, **options)
    if "per_row" not in options:
        refused(lambda: lossctl.compare(DATA, ["mae", "mse"], **options), says)


@pytest.mark.parametrize("given", [["y_pred"], np.array([1.0, 2.0]), 1.5])
def test_a_role_is_given_by_the_name_of_its_column(given: object) -> None:
    refuses("mae: pred must name columns of the data ('a', 'a,b' or 'a_*'), and is a ", "mae", DATA, pred=given)
    numbered = pd.DataFrame([[1.0, 2.0], [2.0, 2.0]])
    assert lossctl.compute("mae", numbered, target=0, pred=np.int64(1)).value == 0.5


# ----------------------------------------------------------------------------------------------------- truth in memory
TRUTH = {"key": ["a", "b", "c"], "y_true": [1.0, 2.0, 7.0]}
PREDICTED = {"key": ["c", "a", "b"], "y_pred": [3.0, 2.0, 2.0]}


def batches() -> Iterator[pa.RecordBatch]:
    return iter(pa.table(TRUTH).to_batches(max_chunksize=2))


@pytest.mark.parametrize(
    "form", [pd.DataFrame, pa.table, dict, lambda _: batches()], ids=["pandas", "table", "dict", "batches"]
)
def test_the_truth_may_be_in_memory(form: object) -> None:
    truth = form(TRUTH)  # type: ignore[operator]
    report = lossctl.compute("mae", PREDICTED, truth=truth, on="key")
    assert report.value == lossctl.compute("mae", DATA).value
    assert report.results[0].columns == {"target": ["y_true"], "pred": ["y_pred"]}
    by_place = {"y_pred": [2.0, 2.0, 3.0]}
    assert lossctl.compute("mae", by_place, truth={"y_true": DATA["y_true"]}).value == report.value


def test_several_losses_share_a_truth_that_is_read_once() -> None:
    found = lossctl.compare(PREDICTED, ["mae", "mse"], truth=batches(), on="key")
    assert [result.value for result in found] == [5 / 3, 17 / 3]


@pytest.mark.parametrize(
    ("truth", "says"),
    [
        (3, "truth: int cannot be evaluated: give paths, a data frame"),
        (["a.csv", "b.csv"], "truth is one file, not 2"),
        ({"key": ["a", "b", "b"], "y_true": [1.0, 2.0, 7.0]}, "(truth in memory): 1 key stands twice"),
        ({"key": ["a", "b"], "y_true": [1.0, 2.0]}, "(truth in memory)"),
        ({"y_true": [1.0, 2.0, 3.0]}, "column 'key' is not in (truth in memory)"),
    ],
    ids=["number", "files", "twice", "absent", "no key"],
)
def test_a_truth_that_cannot_be_used_says_why(truth: object, says: str) -> None:
    refuses(says, "mae", PREDICTED, truth=truth, on="key")


# --------------------------------------------------------------------------------------------------------- odd columns
ODD = {
    "mixed": [1, "a", 2],
    "objects": [object(), {}, 1],
    "sparse": pd.arrays.SparseArray([1, 0, 0]),
    "complex": np.array([1j, 2.0, 3.0]),
    "huge": [1 << 70, 1, 2],
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", [pd.DataFrame, dict], ids=["frame", "dict"])
def test_a_column_that_nobody_asks_for_does_no_harm(form: type, name: str) -> None:
    data = form({**DATA, "odd": ODD[name], "site": ["a", "b", "b"]})
    assert [result.value for result in lossctl.compute("mae", data, by="site")] == [5 / 3, 1.0, 2.0]


@pytest.mark.parametrize("name", ["mixed", "objects", "sparse", "complex", "huge"])
@pytest.mark.parametrize("option", ["pred", "by", "weight", "where"])
def test_a_column_that_is_asked_for_and_cannot_be_read_says_so(option: str, name: str) -> None:
    asked = "odd > 1" if option == "where" else "odd"
    refuses("column 'odd' of (memory) cannot be read: it holds ", "mae", frame(odd=ODD[name]), **{option: asked})


def test_a_frame_that_lost_a_column_keeps_its_index() -> None:
    found = lossctl.compute("mae", frame(odd=[1, "a", {}]).set_index(pd.Index(["x", "y", "y"], name="site")), by="site")
    assert [result.slice for result in found] == [None, {"site": "x"}, {"site": "y"}]


def test_lists_that_cannot_be_read_say_so() -> None:
    data = {"label": [0, 1], "logits": [[object()], [1]]}
    refuses("'logits' holds what cannot be read (it holds list values (Could not convert", "cross_entropy", data)


class Frame:
    """A frame of another library: some columns export, one to addresses, and one does not."""

    columns = ("y_true", "y_pred", "wide", "things")
    dtypes = ("Float64", "Float64", "Int128", "Object")

    def __init__(self, columns: list[str] | None = None) -> None:
        self.columns = tuple(columns or self.columns)

    def __getitem__(self, columns: list[str]) -> "Frame":
        return Frame(columns)

    def __arrow_c_stream__(self, schema: object = None) -> object:
        if "wide" in self.columns:
            raise pa.ArrowInvalid("unsupported format string: 'i128'")
        columns = {**DATA, "things": pa.array([b"12345678"] * 3, pa.binary(8))}
        return pa.table({name: columns[name] for name in self.columns}).__arrow_c_stream__()


def test_a_frame_of_another_library_is_read_column_by_column() -> None:
    assert lossctl.compute("mae", Frame()).value == 5 / 3
    refuses("column 'wide' of (memory) cannot be read: it holds Int128 values (unsupported", "mae", Frame(), by="wide")
    refuses("column 'things' of (memory) cannot be read: it holds Object values.", "mae", Frame(), by="things")


@pytest.mark.parametrize("form", ["pandas", "arrow"])
def test_two_columns_of_one_name_are_refused_where_they_are_asked_for(form: str) -> None:
    rows, names = np.array([[1.0, 2.0, 3.0, 4.0]]), ["y_true", "y_pred", "x", "x"]

    def made(names: list[str]) -> object:
        if form == "pandas":
            return pd.DataFrame(rows, columns=names)
        return pa.Table.from_arrays(list(map(pa.array, rows.T)), names)

    assert lossctl.compute("mae", made(names)).value == 1.0
    refuses("column 'x' of (memory) cannot be read: several columns have this name", "mae", made(names), by="x")
    twice = made(["y_true", "y_pred", "x", "y_pred"])
    refuses("column 'y_pred' of (memory) cannot be read: several columns have this name", "mae", twice)


# ------------------------------------------------------------------------------------------------------- record batches
@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"y_true": [1.0], "y_pred": [2.0]}, "'y_true' is int64 in batch 1 and double in batch 2"),
        ({"y_true": [1]}, "'y_pred' is int64 in batch 1 and absent in batch 2"),
        ({"y_true": [1], "y_pred": [2], "x": [3]}, "'x' is absent in batch 1 and int64 in batch 2"),
        ({"y_pred": [1], "y_true": [2]}, "in one order: batch 2 has another than batch 1"),
    ],
    ids=["types", "fewer", "more", "order"],
)
def test_batches_that_differ_say_where(second: dict[str, list[object]], says: str) -> None:
    given = [pa.record_batch({"y_true": [1], "y_pred": [2]}), pa.record_batch(second)]
    refuses(says, "mae", iter(given))


def test_no_batches_are_no_data() -> None:
    refuses("list_iterator is empty: give at least one record batch", "mae", iter([]))
    refuses("list is empty", "mae", [])


# ------------------------------------------------------------------------------------------------ periods and intervals
def test_periods_and_intervals_are_named_as_pandas_writes_them() -> None:
    months = pd.PeriodIndex(["2024-01", "NaT", "2024-01"], freq="M")
    data = frame(month=months, bin=pd.cut([1, 2, 2], [0, 1, 2]), span=pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3]))

    def slices(column: str) -> list[str]:
        return [result.slice[column] for result in lossctl.compute("mae", data, by=column) if result.slice]

    assert slices("month") == ["2024-01", "(missing)"]
    assert slices("bin") == ["(0, 1]", "(1, 2]"]
    assert slices("span") == ["(0, 1]", "(1, 2]", "(2, 3]"]
    assert lossctl.compute("mae", data, where="month == '2024-01'").results[0].rows == 2
    refuses("column 'month' of (memory) holds period[M] values", "mae", data, pred="month")
