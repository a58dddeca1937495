"""Expressions: how they are read and printed, and what their terms share."""

import json
from math import exp
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.engine.plan import expressions
from lossctl.errors import UsageError
from support import Run, check_refused, write_csv, write_parquet


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("huber", [(1.0, "huber", {})]),
        ("0.7*mse + 0.3*mae", [(0.7, "mse", {}), (0.3, "mae", {})]),
        ("-mse - 2 * huber(delta=1.5)", [(-1.0, "mse", {}), (-2.0, "huber", {"delta": "1.5"})]),
        ("quantile(tau=@q, pred='my col')", [(1.0, "quantile", {"tau": "@q", "pred": "my col"})]),
        ("multi_quantile(levels=[0.1, 0.9])", [(1.0, "multi_quantile", {"levels": "[0.1, 0.9]"})]),
        ("tweedie_deviance(power=-1.5)", [(1.0, "tweedie_deviance", {"power": "-1.5"})]),
        ("1e-3*mse", [(0.001, "mse", {})]),
    ],
)
def test_an_expression_is_read_into_its_terms(text: str, parts: list[tuple[float, str, dict[str, str]]]) -> None:
    assert [(part.factor, part.name, dict(part.given)) for part in expressions.parse(text)] == parts


@pytest.mark.parametrize(
    "text", ["", "2*", "mse +", "mse(", "mse(a)", "mse mae", "mse(a=1, a=2)", "3", "mse + *mae", "a§b"]
)
def test_an_expression_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(UsageError):
        expressions.parse(text)


def test_what_is_printed_can_be_read_again(sample: Path) -> None:
    report = lossctl.compute("0.5*mse - 2*huber(delta=1.5) + mae", sample)
    assert report.results[0].spec == "0.5*mse - 2*huber(delta=1.5) + mae"
    assert lossctl.compute(report.results[0].spec, sample).value == report.value


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    target = rng.normal(size=50)
    pred = target + rng.normal(size=50)
    return write_parquet(tmp_path / "a.parquet", {"y_true": target, "y_pred": pred, "g": np.repeat(["x", "y"], 25)})


def test_the_value_is_the_sum_of_the_terms_values(sample: Path) -> None:
    whole = lossctl.compute("0.7*mse + 3*rmse - mae", sample, by="g")
    for index, result in enumerate(whole.results):
        parts = [lossctl.compute(name, sample, by="g").results[index].value for name in ("mse", "rmse", "mae")]
        assert_allclose(result.value, 0.7 * parts[0] + 3 * parts[1] - parts[2], rtol=1e-14)
        assert [term.value for term in result.terms] == parts
    assert [term.denominator.kind for term in whole.results[0].terms] == ["rows", "units", "rows"]


def test_rows_and_gradients_of_row_terms_add_up(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    lossctl.compute("0.5*mse + 2*huber", sample, per_row=out, gradient=True)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    parts = {}
    for name in ("mse", "huber"):
        lossctl.compute(name, sample, per_row=tmp_path / f"{name}.jsonl", gradient=True)
        parts[name] = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
    for row, first, second in zip(rows, parts["mse"], parts["huber"], strict=True):
        assert_allclose(row["loss"], 0.5 * first["loss"] + 2 * second["loss"], rtol=1e-15)
        assert_allclose(row["gradient"], 0.5 * first["gradient"] + 2 * second["gradient"], rtol=1e-14)


def test_rows_of_a_set_term_are_refused(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--per-row needs terms that all have row values"):
        lossctl.compute("mse + rmse", sample, per_row=tmp_path / "rows.csv")
    assert not (tmp_path / "rows.csv").exists()


def test_penalties_come_from_a_file_of_coefficients(sample: Path, tmp_path: Path) -> None:
    weights = [0.5, -2.0, 1.25]
    norm = sum(weight * weight for weight in weights)
    mse = lossctl.compute("mse", sample).value
    table = write_csv(tmp_path / "w.csv", {"name": ["a", "b", "c"], "w": weights})
    np.save(tmp_path / "w.npy", np.array(weights))
    header = json.dumps({"w": {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}}).encode()
    tensors = tmp_path / "w.safetensors"
    tensors.write_bytes(len(header).to_bytes(8, "little") + header + np.array(weights).tobytes())
    for place in (f"{table}:w", tmp_path / "w.npy", tensors):
        report = lossctl.compute("mse + l2_penalty(lam=0.1)", sample, coef_file=str(place))
        assert_allclose(report.value, mse + 0.1 * norm, rtol=1e-14)
        assert report.results[0].terms[1].spec.startswith("l2_penalty(lam=0.1")


def test_a_penalty_alone_is_a_sum_over_its_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "w.csv", {"coef": [3.0, -4.0]})
    assert lossctl.compute("l2_penalty", path).value == 25.0
    assert lossctl.compute("lasso", path, lam=0.5).value == 3.5


def test_terms_are_blended_by_uncertainty_or_by_reference(sample: Path) -> None:
    mse, mae = (lossctl.compute(name, sample).value for name in ("mse", "mae"))
    blended = lossctl.compute("mse + mae", sample, combine="uncertainty", log_var=[0.5, -1.0]).value
    assert_allclose(blended, exp(-0.5) * mse + 0.25 + exp(1.0) * mae - 0.5, rtol=1e-14)
    assert_allclose(
        lossctl.compute("mse + mae", sample, combine="normalized", reference=[2.0, 4.0]).value,
        mse / 2 + mae / 4,
        rtol=1e-14,
    )
    with pytest.raises(UsageError, match="2 numbers"):
        lossctl.compute("mse + mae", sample, combine="normalized", reference=[2.0])


def test_an_open_input_follows_the_sibling_that_fixes_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(30, 3))
    columns = {"label": rng.integers(0, 3, 30), **{f"logit_{k}": logits[:, k] for k in range(3)}}
    path = write_parquet(tmp_path / "a.parquet", columns)
    both = lossctl.compute("cross_entropy + 0.5*dice", path, target="label", pred="logit_*")
    dice = lossctl.compute("dice", path, target="label", pred="logit_*", input="logits").value
    assert_allclose(both.value, lossctl.compute("cross_entropy", path).value + 0.5 * dice, rtol=1e-14)
    assert "input=logits" in both.results[0].spec


def test_defaults_that_read_the_same_columns_differently_are_refused() -> None:
    data = {"label": [1, 0, 1], "p": [0.2, 0.7, 0.9]}
    with pytest.raises(UsageError, match="--input logits or --input probs"):
        lossctl.compute("binary_focal + 0.5*dice", data, pred="p")
    parts = [lossctl.compute(name, data, pred="p", input="probs").value for name in ("binary_focal", "dice")]
    said = lossctl.compute("binary_focal + 0.5*dice", data, pred="p", input="probs").value
    assert_allclose(said, parts[0] + 0.5 * parts[1], rtol=1e-15)
    assert lossctl.compute("binary_focal(input=probs) + 0.5*dice", data, pred="p").value == said


def test_terms_that_disagree_on_a_column_are_refused(tmp_path: Path, run: Run) -> None:
    path = write_csv(tmp_path / "a.csv", {"y": [0, 1], "p": [0.2, 0.7]})
    check_refused(run("compute", "bce + bce_with_logits", path, "--pred", "p"), "as probs", "as logits")


def test_a_parameter_may_be_a_column(sample: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "q.csv", {"y": [1.0, 2.0], "pred": [2.0, 0.0], "level": [0.25, 0.75]})
    report = lossctl.compute("2*quantile(tau=@level)", path)
    assert_allclose(report.value, 2 * (0.75 * 1.0 + 0.75 * 2.0) / 2, rtol=1e-15)
    wrong = write_csv(tmp_path / "w.csv", {"y": [1.0], "pred": [2.0], "level": [1.25]})
    with pytest.raises(lossctl.LossctlError, match=r"'level'.*>= 0 and <= 1"):
        lossctl.compute("quantile", wrong, tau="@level")
