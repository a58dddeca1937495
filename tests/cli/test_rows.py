"""The command line: row values, other outputs, and gates."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

import lossctl
from support import VALIDATOR, Outcome, Run, check_refused, leftovers, regression, reported, with_gaps, write_parquet


def rows_of(path: Path) -> dict[str, list[Any]]:
    """The columns of a row file of any format."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pydict()
    if path.suffix == ".csv":
        return pyarrow.csv.read_csv(path).to_pydict()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {name: [line[name] for line in lines] for name in lines[0]}


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_row_values_and_gradients_are_written(run: Run, preds: Path, folder: Path, suffix: str) -> None:
    path = folder / f"rows{suffix}"
    assert run("compute", "huber", preds, "--per-row", path, "--gradient", "--id", "id").code == 0
    found, data = rows_of(path), regression()
    error = np.array(data["y_pred"]) - np.array(data["y_true"])
    assert list(found) == ["id", "loss", "gradient"]
    assert found["id"] == data["id"]
    assert_allclose(found["loss"], lossctl.losses.huber(data["y_true"], data["y_pred"], delta=1.0), rtol=1e-14)
    assert_allclose(found["gradient"], np.clip(error, -1, 1), rtol=1e-14)
    assert leftovers(folder) == []


def test_row_numbers_stand_where_no_id_is_given(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "gaps.parquet", with_gaps(2), rows_per_group=5)
    assert run("compute", "huber", path, "--per-row", "rows.csv", "--missing", "skip").code == 0
    assert rows_of(folder / "rows.csv")["row"] == [1, 2, *range(4, 13)]


def test_a_gradient_has_a_column_per_predicted_column(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "data.parquet", {"a": [1.0], "b": [2.0], "p": [3.0], "q": [5.0]})
    assert run("compute", "mse", path, "--target", "a,b", "--pred", "p,q", "--per-row", "r.csv", "--gradient").code == 0
    assert rows_of(folder / "r.csv") == {"row": [1], "loss": [6.5], "gradient.p": [2.0], "gradient.q": [3.0]}


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_set_losses_write_a_line_per_unit(run: Run, preds: Path, folder: Path, suffix: str) -> None:
    path = folder / f"units{suffix}"
    assert run("compute", "rmse", preds, "--group", "unit", "--per-row", path).code == 0
    found = rows_of(path)
    assert list(found) == ["unit", "rows", "loss"]
    assert [str(unit) for unit in found["unit"]] == ["0", "1", "2"]
    assert found["rows"] == [4, 4, 4]
    assert_allclose(np.mean(found["loss"]), lossctl.compute("rmse", preds, group="unit").value, rtol=1e-15)


ONE = 0.31326168751822286  # log(1 + 1/e)
UNDEFINED = [
    (("ranknet", "n.jsonl"), '"row","loss"', ["1,", "2,1.3132616875182228"]),
    (("relative_squared_error", "g.csv", "--group", "unit"), '"unit","rows","loss"', ['"a",2,0.25', '"b",1,']),
    (("supcon", "s.csv", "--embedding", "e_*", "--temperature", "1"), '"row","loss"', [f"1,{ONE}", f"2,{ONE}", "3,"]),
]


@pytest.mark.parametrize(("words", "head", "lines"), UNDEFINED, ids=lambda value: str(value[0]))
def test_a_row_or_unit_without_a_value_is_an_empty_cell_or_null(
    words: tuple[str, ...], head: str, lines: list[str], run: Run, folder: Path
) -> None:
    (folder / "n.jsonl").write_text('{"target": [0, 0], "pred": [1, 2]}\n{"target": [1, 0], "pred": [3, 4]}\n')
    (folder / "g.csv").write_text("y,pred,unit\n1,1.5,a\n3,3.5,a\n5,6,b\n")
    (folder / "s.csv").write_text("label,e_0,e_1\na,1,0\na,1,0\nb,0,1\n")
    values = [float(line.rpartition(",")[2] or "nan") for line in lines]
    for suffix in (".csv", ".jsonl", ".parquet"):
        assert run("compute", *words, "--per-row", f"rows{suffix}").code == 0
    assert (folder / "rows.csv").read_text().splitlines() == [head, *lines]
    expected = [None if np.isnan(value) else value for value in values]
    assert None in expected
    assert rows_of(folder / "rows.jsonl")["loss"] == expected
    assert rows_of(folder / "rows.parquet")["loss"] == expected
    assert reported(run, "compute", *words, "--reduction", "none")["results"][0]["values"] == expected
    told = ["undefined" if value is None else repr(value) for value in expected]
    assert run("compute", *words, "--reduction", "none", "-q").out.splitlines() == told
    assert "nan" not in run("compute", *words, "--reduction", "none").out


def test_infinite_row_values_are_written_where_the_format_has_them(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text("p_0,p_1,q_0,q_1\n0.5,0.5,0,1\n0,1,0,1\n")
    words = ("compute", "kl_divergence", "a.csv", "--target", "p_*", "--pred", "q_*")
    for suffix in (".csv", ".jsonl", ".parquet"):
        assert run(*words, "--per-row", f"rows{suffix}").code == 0
    assert (folder / "rows.csv").read_text() == '"row","loss"\n1,inf\n2,0\n'
    assert rows_of(folder / "rows.jsonl")["loss"] == [None, 0.0]
    assert rows_of(folder / "rows.parquet")["loss"] == [np.inf, 0.0]


def test_the_rows_of_an_expression_are_its_sums(run: Run, preds: Path, folder: Path) -> None:
    assert run("compute", "2*mse - mae", preds, "--per-row", "rows.parquet", "--gradient").code == 0
    data = regression()
    error = np.array(data["y_pred"]) - np.array(data["y_true"])
    found = rows_of(folder / "rows.parquet")
    assert_allclose(found["loss"], 2 * error**2 - np.abs(error), rtol=1e-13)
    assert_allclose(found["gradient"], 4 * error - np.sign(error), rtol=1e-13)


# ------------------------------------------------------------------------------------------------------------- outputs
@pytest.mark.parametrize("loss", ["mae", "rmse"], ids=["rows", "units"])
def test_totals_that_are_no_result_leave_the_file_as_it_was(run: Run, folder: Path, loss: str) -> None:
    data = {"y": [1.0, 2.0], "yhat": [2.0, 2.0], "k": ["a", "b"]}
    pred = write_parquet(folder / "pred.parquet", {name: data[name] for name in ("yhat", "k")})
    truth = write_parquet(folder / "truth.parquet", {"y": [1.0, 2.0, 3.0], "k": ["a", "b", "c"]})
    path = folder / "rows.csv"
    path.write_text("old", encoding="utf-8")
    done = run("compute", loss, pred, "--truth", truth, "--on", "k", "--per-row", path)
    assert "1 row has no prediction" in check_refused(done)
    assert path.read_text(encoding="utf-8") == "old"
    assert leftovers(folder) == []


def test_an_output_replaces_what_was_there_at_once(run: Run, preds: Path, folder: Path) -> None:
    (folder / "report.json").write_text("before")
    done = run("compute", "huber", preds, "--format", "json", "--output", "report.json")
    assert done == Outcome(0, "", "")
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    VALIDATOR.validate(told)
    assert told["results"][0]["value"] == lossctl.compute("huber", preds).value
    assert leftovers(folder) == []


def test_quiet_prints_the_number_beside_an_output(run: Run, preds: Path, folder: Path) -> None:
    done = run("compute", "huber", preds, "-q", "--output", "report.txt")
    assert float(done.out) == lossctl.compute("huber", preds).value
    assert "huber(delta=1.0)" in (folder / "report.txt").read_text(encoding="utf-8")


def test_an_output_is_written_where_a_check_fails(run: Run, preds: Path, folder: Path) -> None:
    assert run("compute", "huber", preds, "--max", "0.01", "--format", "json", "--output", "report.json").code == 1
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [check["status"] for check in told["checks"]] == ["fail"]


# ---------------------------------------------------------------------------------------------------------------- gates
GATES = [
    (("--max", "1"), 0),
    (("--max", "0.1"), 1),
    (("--min", "0.1"), 0),
    (("--min", "1"), 1),
    (("--min", "0.1", "--max", "1"), 0),
    (("--max", "1", "--by", "region"), 1),
    (("--max", "100", "--by", "region"), 0),
]


@pytest.mark.parametrize(("arguments", "code"), GATES, ids=str)
@pytest.mark.parametrize("shape", [("-q",), (), ("--format", "json")])
def test_a_gate_holds_for_the_whole_and_every_slice(
    run: Run, preds: Path, arguments: tuple[str, ...], code: int, shape: tuple[str, ...]
) -> None:
    """The whole is 0.74, the slices 0.41, 1.33 and 0.49."""
    done = run("compute", "huber", preds, *arguments, *shape)
    assert done.code == code
    assert done.err == ""


def test_what_cannot_be_evaluated_never_passes(run: Run, folder: Path) -> None:
    """A constant target has no relative error: exit 2, in a slice too, and it outranks a failed check."""
    data = {"y": [1.0, 2.0, 5.0, 5.0], "pred": [1.5, 2.0, 5.0, 5.5], "s": ["a", "a", "b", "b"]}
    path = write_parquet(folder / "data.parquet", data)
    assert run("compute", "relative_squared_error", path, "--by", "s", "--max", "9").code == 2
    assert run("compute", "relative_squared_error", path, "--by", "s", "--max", "0.0001").code == 2
    told = reported(run, "compute", "relative_squared_error", path, "--by", "s", "--max", "9", code=2)
    assert [check["status"] for check in told["checks"]] == ["pass", "pass", "error"]
    assert told["results"][2]["value"] is None
    assert told["results"][2]["reason"]
