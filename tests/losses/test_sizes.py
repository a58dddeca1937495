"""Columns of every kind and size in every role of every loss: evaluated, or refused with a message; never a defect."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lossctl.api.compute import compute
from lossctl.declare.declaration import Loss
from lossctl.errors import LossctlError
from support import refused, write_parquet
from support.draw import LOSSES, Setting, by_name, draw, settings

ROWS = 4
ODD: dict[str, object] = {
    "one": [0.5, 0.2, 0.9, 1.0],
    "zeros": [0, 0, 0, 0],
    "words": ["a", "b", "b", "a"],
    "nulls": pa.nulls(ROWS),
    "dates": pa.array([1, 2, 3, 4], pa.date32()),
    "a,b": None,
    "list of 1": [[0.5]] * ROWS,
    "list of 3": [[0.2, 0.3, 0.5]] * ROWS,
    "list of 5": [[0, 1, 0, 0, 0]] * ROWS,
    "list with a gap": [[0.2, None, 0.5]] * ROWS,
    "fixed list": pa.array([[0.2, 0.3, 0.5]] * ROWS, pa.list_(pa.float64(), 3)),
    "ragged": [[1], [1, 0], [2, 0, 1], []],
    "empty": pa.array([[]] * ROWS, pa.list_(pa.float64())),
    "words in lists": [["a", "b", "a"]] * ROWS,
    "structures": [[{"a": 1}]] * ROWS,
    "2 lists of 3": [[[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]] * ROWS,
    "5 lists of 5": [[[0.2] * 5] * 5] * ROWS,
    "ragged lists": [[[0.5], [0.1, 0.9]]] * ROWS,
    "1 empty list": pa.array([[[]]] * ROWS, pa.list_(pa.list_(pa.float64()))),
    "deep": [[[[0.5, 0.5], [0.1, 0.9]]]] * ROWS,
    "deeper": [[[[[0.5]]]]] * ROWS,
}


def good(setting: Setting) -> dict[str, pa.Array]:
    """Columns that the loss can be evaluated on, by role."""
    drawn = draw(setting, ROWS)
    return {f"good {name}": pa.array(np.asarray(column, object).tolist()) for name, column in drawn.items()}


def bindings(setting: Setting) -> Iterator[dict[str, str]]:
    """Each role in turn bound to each odd column, the others to good ones; and all roles to the same odd column."""
    roles = {name: f"good {name}" for name in setting.shapes}
    for odd in ODD:
        yield dict.fromkeys(roles, odd)
        for role in roles:
            yield {**roles, role: odd}


def refusal(loss: Loss, bound: dict[str, str], setting: Setting) -> str | None:
    """What is said where columns are refused; None where they are evaluated."""
    try:
        compute(loss.name, "a.parquet", threads=1, **bound, **setting.params)
    except LossctlError as error:
        return str(error)
    return None


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_a_column_is_evaluated_or_refused_with_the_place(loss: Loss, folder: Path) -> None:
    setting = next(settings(loss))
    columns = {name: values for name, values in ODD.items() if values is not None}
    write_parquet(folder / "a.parquet", {"a": [0.2] * ROWS, "b": [0.8] * ROWS, **columns, **good(setting)})
    compute(loss.name, "a.parquet", **{name: f"good {name}" for name in setting.shapes}, **setting.params)
    for bound in bindings(setting):
        said = refusal(loss, bound, setting)
        assert said is None or "a.parquet" in said, (bound, said)
        assert said is None or any(column in said for name in bound.values() for column in name.split(",")), bound


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if len(loss.roles) > 1], ids=by_name)
def test_roles_that_hold_more_and_fewer_numbers_are_refused(loss: Loss) -> None:
    """Otherwise one number would be paired with each of several."""
    for setting in settings(loss):
        axes = {role.name: role.role.axes for role in setting.roles}
        vectors = {name for name, shape in setting.shapes.items() if shape and any(axes[name])}
        for name in vectors:
            drawn = draw(setting, ROWS)
            shared = set(axes[name]) & {axis for other in vectors - {name} for axis in axes[other]} - {""}
            if not shared:
                continue
            drawn[name] = np.repeat(np.asarray(drawn[name]), 2, axis=-1 if axes[name][-1] in shared else 1)
            with pytest.raises(LossctlError, match=r"as many numbers|four|must be|sum to 1"):
                loss(**drawn, **setting.params)


def test_sizes_that_differ_name_roles_columns_and_sizes(folder: Path) -> None:
    columns = {"int": [1, 2], "ilist": [[1, 2], [3, 4]], "list": [[0.1, 0.2, 0.3]] * 2, "num": [0.5, 0.6]}
    write_parquet(folder / "a.parquet", columns)
    refused(
        lambda: compute("vae_elbo", "a.parquet", target="int", pred="ilist", mu="list", logvar="num"),
        "a.parquet",
        "target has 1 (column 'int')",
        "pred has 2 (column 'ilist')",
        "name columns of as many",
    )
    with pytest.raises(LossctlError, match=r"mu has 3 \(column 'list'\), logvar has 1 \(column 'num'\)"):
        compute("vae_elbo", "a.parquet", target="ilist", pred="ilist", mu="list", logvar="num")


@pytest.mark.parametrize("loss", ["mse", "rmse", "median_absolute_error", "cosine_distance"])
def test_lists_of_another_length_in_another_file_are_refused(loss: str, folder: Path) -> None:
    for name, size in (("a.parquet", 2), ("b.parquet", 3)):
        write_parquet(folder / name, {"target": [[1.0] * size] * 2, "pred": [[1.5] * size] * 2})
    with pytest.raises(LossctlError, match=r"b.parquet, column 'pred': 2 numbers are needed.*3 numbers in row 1"):
        compute(loss, ["a.parquet", "b.parquet"])


def test_every_vector_of_a_nested_unit_is_checked(folder: Path) -> None:
    columns = {"target": [[0, 1]], "pred": [[[0.2, 0.8], [0.3, 1.7]]]}
    write_parquet(folder / "a.parquet", columns)
    with pytest.raises(LossctlError, match=r"'pred': needs a number >= 0 and <= 1 .*\[0.3, 1.7\] in row 1"):
        compute("dice", "a.parquet")
    with pytest.raises(LossctlError, match=r"'pred': probabilities that sum to 1 are needed.*0.89+ in row 2"):
        compute("ece", {"target": [[0, 1], [1]], "pred": [[[0.2, 0.8], [0.3, 0.7]], [[0.2, 0.7]]]})


def test_gradients_come_in_the_shape_of_the_predictions(folder: Path) -> None:
    def gradient(loss: str, data: dict[str, object]) -> object:
        compute(loss, data, per_row="g.parquet", gradient=True)
        return pq.read_table("g.parquet")["gradient"].to_pylist()

    steps = gradient("ctc", {"pred": [[[0.1, 0.2, 0.3]] * 3, [[0.3, 0.1, 0.2]] * 2], "target": [[1], [2]]})
    assert [[len(step) for step in row] for row in steps] == [[3, 3, 3], [3, 3]]
    assert gradient("tv", {"pred": [[[[1.0, 2.0], [3.0, 1.0]]]]}) == [[[[-1.0, 1.0], [1.0, -1.0]]]]


def test_a_gradient_by_different_predictions_is_refused(folder: Path) -> None:
    data = {"target": [1.0, 2.0], "p": [1.0, 2.0], "q": [3.0, 1.0]}
    with pytest.raises(LossctlError, match="same predictions, and these are of 'p' and 'q'"):
        compute("mse(pred=p) + mae(pred=q)", data, per_row="g.parquet", gradient=True)
    assert not (folder / "g.parquet").exists()


def test_balanced_weights_of_no_rows_say_that_there_are_none() -> None:
    with pytest.raises(LossctlError, match="no rows to evaluate"):
        compute("bce_with_logits", {"target": [[None, 1]], "pred": [[0.5, 0.2]]}, pos_weight="balanced", missing="skip")
