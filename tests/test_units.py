"""Losses over whole units: streamed, scattered, spread over files, nested in rows."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.engine import stream
from support import write_parquet

QUERIES, ITEMS = 300, 7


@pytest.fixture
def ranked() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    size = QUERIES * ITEMS
    return {
        "query": np.repeat(np.arange(QUERIES), ITEMS),
        "relevance": rng.integers(0, 4, size).astype(float),
        "score": rng.normal(size=size),
        "label": rng.integers(0, 3, size),
        "embedding": rng.normal(size=(size, 3)),
    }


def shuffled(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    order = np.random.default_rng(6).permutation(len(columns["query"]))
    return {name: values[order] for name, values in columns.items()}


def one_by_one(columns: dict[str, np.ndarray], value: Callable[[np.ndarray], float]) -> float:
    return float(np.nanmean([value(columns["query"] == query) for query in range(QUERIES)]))


def test_units_that_stand_together_are_evaluated_as_they_come(
    ranked: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FLUSH_ROWS", 100)
    largest = []
    settle = stream.settle
    monkeypatch.setattr(
        stream,
        "settle",
        lambda plan, kept, outcome: (largest.append(sum(k.rows for k in kept)), settle(plan, kept, outcome)),
    )
    cuts = [0, 400, 900, 1500, QUERIES * ITEMS]
    files = [
        write_parquet(tmp_path / f"{start}.parquet", {name: values[start:stop] for name, values in ranked.items()})
        for start, stop in pairwise(cuts)
    ]
    found = lossctl.compute("ranknet", files, target="relevance", pred="score", group="query")
    expected = one_by_one(ranked, lambda rows: lossctl.losses.ranknet(ranked["relevance"][rows], ranked["score"][rows]))
    assert_allclose(found.value, expected, rtol=1e-12)
    assert max(largest) < QUERIES * ITEMS / 2


@pytest.mark.parametrize("memory", [None, "1KB"])
@pytest.mark.parametrize("loss", ["ndcg_loss", "listnet", "median_absolute_error"])
def test_scattered_units_give_the_value_of_sorted_ones(
    loss: str, memory: str | None, ranked: dict[str, np.ndarray], tmp_path: Path
) -> None:
    names = {"target": "relevance", "pred": "score", "group": "query"}
    together = lossctl.compute(loss, write_parquet(tmp_path / "a.parquet", ranked, 500), **names)
    apart = lossctl.compute(loss, write_parquet(tmp_path / "b.parquet", shuffled(ranked), 500), memory=memory, **names)
    assert_allclose(apart.value, together.value, rtol=1e-12)
    assert apart.results[0].units == together.results[0].units == QUERIES


@pytest.mark.parametrize("memory", [None, "1KB"])
def test_row_values_of_whole_units_have_the_denominator_of_pairs(
    memory: str | None, ranked: dict[str, np.ndarray], tmp_path: Path
) -> None:
    names = {"embedding": "embedding", "label": "label", "group": "query"}
    together = lossctl.compute("nt_xent", write_parquet(tmp_path / "a.parquet", ranked), **names).results[0]
    path = write_parquet(tmp_path / "b.parquet", shuffled(ranked), 500)
    apart = lossctl.compute("nt_xent", path, memory=memory, **names).results[0]
    positives = sum(
        int(((ranked["label"][rows][:, None] == ranked["label"][rows]) & ~np.eye(ITEMS, dtype=bool)).sum())
        for rows in (ranked["query"] == query for query in range(QUERIES))
    )
    assert together.denominator.value == apart.denominator.value == positives
    assert_allclose(apart.value, together.value, rtol=1e-12)


def test_slices_form_their_units_inside_the_slice(ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {**ranked, "half": (np.arange(QUERIES * ITEMS) % 2).astype(str)})
    report = lossctl.compute("listnet", path, target="relevance", pred="score", group="query", by="half")
    for result in report.results[1:]:
        rows = (np.arange(QUERIES * ITEMS) % 2).astype(str) == result.slice["half"]
        part = {name: values[rows] for name, values in ranked.items()}
        expected = one_by_one(
            part, lambda unit, part=part: lossctl.losses.listnet(part["relevance"][unit], part["score"][unit])
        )
        assert_allclose(result.value, expected, rtol=1e-12)
        assert result.units == QUERIES


def test_nested_and_long_layouts_agree(ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    long = write_parquet(tmp_path / "long.parquet", {k: ranked[k] for k in ("query", "relevance", "score")})
    lists = {name: ranked[name].reshape(QUERIES, ITEMS) for name in ("relevance", "score")}
    nested = write_parquet(tmp_path / "nested.parquet", lists)
    for loss in ("ndcg_loss", "ranknet", "median_absolute_error"):
        first = lossctl.compute(loss, long, target="relevance", pred="score", group="query").results[0]
        if loss == "median_absolute_error":
            continue  # a list is a vector of outputs there
        second = lossctl.compute(loss, nested, target="relevance", pred="score").results[0]
        assert_allclose(second.value, first.value, rtol=1e-12)
        assert second.units == first.units
        assert second.denominator.kind == "units"


def test_a_nested_unit_is_weighed_by_either_option() -> None:
    data = {"target": [[1, 0], [1]], "score": [[0.9, 0.2], [0.4]], "w": [1.0, 3.0]}
    for loss in ("dice", "listnet", "0.5*dice + jaccard"):
        columns = {"target": "target", "pred": "score"}
        by_row = lossctl.compute(loss, data, weight="w", **columns)  # type: ignore[arg-type]
        by_unit = lossctl.compute(loss, data, unit_weight="w", **columns)  # type: ignore[arg-type]
        assert by_unit.value == by_row.value
        assert by_unit.results[0].denominator == by_row.results[0].denominator
    with pytest.raises(lossctl.LossctlError, match="use --weight"):
        lossctl.compute("dice", {**data, "v": [1.0, 1.0]}, target="target", pred="score", weight="v", unit_weight="w")


@pytest.mark.parametrize("loss", ["dice", "generalized_dice", "jaccard", "tversky", "focal_tversky", "mcc_loss"])
def test_a_mask_without_weight_is_no_perfect_match(loss: str) -> None:
    data = {"target": [0, 1, 1, 0], "p": [0.1, 0.2, 0.3, 0.4], "u": [1, 1, 2, 2], "w": [0.0, 0.0, 1.0, 1.0]}
    found = lossctl.compute(loss, data, pred="p", group="u", weight="w")
    assert found.value == lossctl.compute(loss, data, pred="p", where="u == 2").value
    assert found.results[0].details["units_not_counted"] == 1


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    ("loss", "option", "group"),
    [("dice", "weight", "u"), ("dice", "unit_weight", "u"), ("ranknet", "unit_weight", "u"), ("mae", "weight", None)],
)
def test_weights_that_are_all_zero_are_refused(loss: str, option: str, group: str | None, reduction: str) -> None:
    data = {"target": [0, 1, 1, 0], "p": [0.1, 0.2, 0.3, 0.4], "u": [1, 1, 2, 2], "w": [0.0] * 4}
    with pytest.raises(lossctl.LossctlError, match="column 'w': the weights sum to 0"):
        lossctl.compute(loss, data, pred="p", group=group, reduction=reduction, **{option: "w"})  # type: ignore[arg-type]


def test_unit_values_are_written_a_line_each(ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", ranked, 500)
    out = tmp_path / "units.csv"
    lossctl.compute("listnet", path, target="relevance", pred="score", group="query", per_row=out)
    lines = out.read_text().splitlines()
    assert lines[0].replace('"', "") == "unit,rows,loss"
    assert len(lines) == QUERIES + 1
    assert lines[1].split(",")[1] == str(ITEMS)


def test_unit_weights_must_agree_within_a_unit(ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {**ranked, "w": np.arange(QUERIES * ITEMS).astype(float)})
    with pytest.raises(lossctl.LossctlError, match="same --unit-weight"):
        lossctl.compute("listnet", path, target="relevance", pred="score", group="query", unit_weight="w")


def test_unit_weights_weigh_the_mean_over_units(ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    weights = ranked["query"] % 3 + 0.5
    path = write_parquet(tmp_path / "a.parquet", {**ranked, "w": weights})
    found = lossctl.compute("rmse", path, target="relevance", pred="score", group="query", unit_weight="w").results[0]
    errors = ((ranked["relevance"] - ranked["score"]) ** 2).reshape(QUERIES, ITEMS).mean(axis=1) ** 0.5
    assert_allclose(found.value, np.average(errors, weights=weights[::ITEMS]), rtol=1e-12)
    assert found.denominator.kind == "unit weights"


@pytest.mark.parametrize(("loss", "params"), [("max_error", {}), ("rmse", {}), ("ece", {}), ("ece", {"norm": "inf"})])
def test_a_unit_without_weight_does_not_count(loss: str, params: dict[str, str]) -> None:
    data = {"target": [0, 1, 0, 1], "pred": [0.25, 0.5, 0.75, 1.0], "unit": [1, 1, 2, 2], "w": [1, 2, 0, 0]}
    found = lossctl.compute(loss, data, group="unit", weight="w", **params).results[0]  # type: ignore[arg-type]
    first = {name: values[:2] for name, values in data.items()}
    assert found.value == lossctl.compute(loss, first, weight="w", **params).value  # type: ignore[arg-type]
    assert (found.denominator.value, found.details["units_not_counted"]) == (1.0, 1)


def test_the_mean_of_a_unit_is_its_own_whatever_the_scale_of_the_others() -> None:
    data = {"target": [3e9, 1e9, 0.001, 0.002, 0.0], "pred": [2e9, 1e9, 0.002, 0.003, 1.0], "unit": [1, 1, 2, 2, 3]}
    found = lossctl.compute("nrmse", data, group="unit", reduction="none").results[0].values
    assert_allclose(found, [0.5**0.5 / 2, 0.001 / 0.0015, np.inf], rtol=1e-14)
