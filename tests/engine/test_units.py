"""Losses over whole units: streamed, scattered, spread over files, nested in rows."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.engine.whole import stream
from support import refused, write_parquet

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


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The rows and bytes that are evaluated together, each time."""
    found: list[tuple[int, int]] = []
    settle = stream.settle

    def watched(plan: object, kept: list[Any], outcome: object) -> object:
        found.append((sum(part.rows for part in kept), sum(part.bytes for part in kept)))
        return settle(plan, kept, outcome)

    monkeypatch.setattr(stream, "settle", watched)
    return found


def test_units_that_stand_together_are_evaluated_as_they_come(
    ranked: dict[str, np.ndarray], settled: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FLUSH_ROWS", 100)
    cuts = [0, 400, 900, 1500, QUERIES * ITEMS]
    files = [
        write_parquet(tmp_path / f"{start}.parquet", {name: values[start:stop] for name, values in ranked.items()})
        for start, stop in pairwise(cuts)
    ]
    found = lossctl.compute("ranknet", files, target="relevance", pred="score", group="query")
    expected = one_by_one(ranked, lambda rows: lossctl.losses.ranknet(ranked["relevance"][rows], ranked["score"][rows]))
    assert_allclose(found.value, expected, rtol=1e-12)
    assert max(rows for rows, _ in settled) < QUERIES * ITEMS / 2


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


CENTRED = [
    ("relative_squared_error", {}),
    ("explained_variance_loss", {}),
    ("concordance_loss", {}),
    ("pearson_loss", {}),
    ("nrmse", {"normalizer": "std"}),
]


@pytest.mark.parametrize("level", [1e3, 1e9])
@pytest.mark.parametrize(("loss", "params"), CENTRED)
def test_units_and_slices_far_from_each_other_keep_their_digits(
    loss: str, params: dict[str, str], level: float
) -> None:
    rng = np.random.default_rng(7)
    target = np.concatenate([level * (1 + 0.1 * rng.normal(size=60)), 3 + rng.normal(size=60)])
    data = {"target": target, "pred": 1.1 * target + rng.normal(size=120), "unit": np.repeat([0, 1], 60)}
    alone = [
        lossctl.compute(loss, {name: values[half] for name, values in data.items()}, **params).value  # type: ignore[arg-type]
        for half in (slice(0, 60), slice(60, 120))
    ]
    order = rng.permutation(120)
    mixed = {name: values[order] for name, values in data.items()}
    for columns in (data, mixed):
        units = lossctl.compute(loss, columns, group="unit", reduction="none", **params)  # type: ignore[arg-type]
        found = dict(zip(dict.fromkeys(columns["unit"].tolist()), units.results[0].values, strict=True))
        assert_allclose([found[0], found[1]], alone, rtol=1e-13, atol=1e-15)
        slices = lossctl.compute(loss, columns, by="unit", **params).results[1:]  # type: ignore[arg-type]
        assert_allclose([each.value for each in slices], alone, rtol=1e-13, atol=1e-15)


def test_rows_of_a_nested_batch_that_pair_with_none_do_not_count() -> None:
    embedding = [[[1, 0], [1, 1], [0, 1], [2, 1]], [[1, 0], [1, 1]]]
    label = [[0, 0, 0, 1], [0, 0]]
    nested = lossctl.compute("nt_xent", {"embedding": embedding, "label": label}).value
    flat = {"embedding": [*embedding[0], *embedding[1]], "label": [*label[0], *label[1]], "unit": [1, 1, 1, 1, 2, 2]}
    units = [
        lossctl.compute("nt_xent", flat, where=f"unit == {unit}", embedding="embedding", label="label").value
        for unit in (1, 2)
    ]
    assert_allclose(nested, np.mean(units), rtol=1e-14)


def dice(target: object, pred: object, **options: object) -> float | None:
    return lossctl.compute("dice", {"target": [target], "pred": [pred]}, **options).value


def test_nested_lists_pair_where_their_order_is_the_same_for_certain() -> None:
    target, pred = [[1, 0, 1], [0, 0, 1]], [[0.5, 0.25, 0.75], [0.0, 0.5, 1.0]]
    flat = dice([*target[0], *target[1]], [*pred[0], *pred[1]])
    assert dice(target, pred) == flat
    assert dice([target], [pred]) == flat
    assert dice([[bit] for row in target for bit in row], [[*pred[0], *pred[1]]]) == flat  # a column, a row


@pytest.mark.parametrize(
    ("target", "pred", "said"),
    [
        ([[1, 0, 1], [0, 0, 1]], [[0.5, 0.5]] * 3, "target has 2 x 3, pred has 3 x 2 in row 2"),
        ([[[1, 0], [0, 1]]] * 3, [[[0.5, 0.5]] * 3] * 2, "target has 3 x 2 x 2, pred has 2 x 3 x 2 in row 2"),
        ([[1, 0], [0, 0, 1]], [[0.5] * 3, [0.5] * 2], "target has 2 x (2, 3), pred has 2 x (3, 2) in row 2"),
    ],
)
def test_nested_lists_of_other_shapes_are_refused(target: object, pred: object, said: str) -> None:
    data = {"target": [None, target], "pred": [pred, pred]}  # a row that is left out comes before
    with pytest.raises(lossctl.LossctlError, match=re.escape(said)):
        lossctl.compute("dice", data, missing="skip")


def test_a_nested_unit_without_a_value_shows_none() -> None:
    data = {"target": [[0, 0], [1, 0]], "pred": [[1.0, 2.0], [3.0, 4.0]]}
    found = lossctl.compute("ranknet", data, reduction="none").results[0]
    assert found.values is not None
    assert (found.values[0], found.details["units_not_counted"]) == (None, 1)
    assert_allclose(found.values[1], np.log1p(np.e), rtol=1e-14)


# --------------------------------------------------------------------------------------------------------- the budget
EMBEDDING = {"embedding": "embedding", "label": "label"}


def too_large(path: Path | str, loss: str = "nt_xent", **options: object) -> str:
    return refused(lambda: lossctl.compute(loss, path, **{**EMBEDDING, **options}))


def test_a_dataset_that_is_one_unit_must_fit(
    ranked: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_parquet(tmp_path / "a.parquet", ranked)
    found = lossctl.compute("nt_xent", path, **EMBEDDING, memory="83KB").value
    assert found == lossctl.compute("nt_xent", path, **EMBEDDING).value
    monkeypatch.setattr("lossctl.engine.threads.run_piece", None)  # nothing is read: the files tell their rows
    said = too_large(path, memory="80KB")
    assert said == (
        f"{path}: nt_xent needs the dataset, which is one unit without --group, whole in memory. 2,100 rows take "
        "82.1 KB or more, and --memory allows 80 KB. Give --memory 82.1KB or more, --group COL to tell units apart, "
        "or --limit N for the first rows."
    )
    assert "1,500 rows take 58.6 KB" in too_large(path, memory="50KB", limit=1500)


def test_what_does_not_fit_is_seen_while_it_is_gathered(ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = zip(ranked["embedding"].tolist(), ranked["label"].tolist(), strict=True)
    path.write_text("".join(f'{{"embedding": {vector}, "label": {label}}}\n' for vector, label in rows))
    assert "nt_xent needs the dataset, which is one unit without --group, whole in memory" in too_large(
        path, memory="80KB"
    )
    parquet = write_parquet(tmp_path / "a.parquet", ranked, 100)
    said = too_large(parquet, memory="10KB", where="query >= 0")
    assert "2,100 rows take 82.1 KB or more" in said
    assert lossctl.compute("nt_xent", parquet, **EMBEDDING, memory="10KB", where="query < 20").results[0].rows == 140


@pytest.mark.parametrize("scattered", [False, True])
def test_a_unit_that_does_not_fit_is_named(scattered: bool, ranked: dict[str, np.ndarray], tmp_path: Path) -> None:
    query = np.where((ranked["query"] >= 100) & (ranked["query"] < 250), 100, ranked["query"])
    columns = {**ranked, "query": query}
    path = write_parquet(tmp_path / "a.parquet", shuffled(columns) if scattered else columns, 500)
    said = too_large(path, group="query", memory="20KB")
    assert "needs unit '100' of 'query' whole in memory" in said
    assert "--memory allows 20 KB" in said
    assert "a --group COL of smaller units" in said
    assert lossctl.compute("nt_xent", path, **EMBEDDING, group="query", memory="64KB").value == pytest.approx(
        lossctl.compute("nt_xent", path, **EMBEDDING, group="query").value, rel=1e-13
    )


def test_scattered_units_go_to_disk_beyond_the_budget(
    ranked: dict[str, np.ndarray], settled: list[tuple[int, int]], tmp_path: Path
) -> None:
    path = write_parquet(tmp_path / "a.parquet", shuffled(ranked), 100)
    lossctl.compute("nt_xent", path, **EMBEDDING, group="query", memory="2KB")
    held = [size for _, size in settled]
    assert max(held) <= 2048
    assert sum(held) > 40 * 2048


@pytest.mark.parametrize("options", [{"per_row": "rows.csv"}, {"stats": True}, {"ci": 95}, {"reduction": "none"}])
def test_options_that_need_all_rows_are_no_reason_to_lose_them(
    options: dict[str, object], ranked: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_parquet(tmp_path / "a.parquet", shuffled(ranked), 500)
    said = too_large(path, group="query", memory="20KB", **options)
    assert "every row for --per-row, --ci, --stats and --reduction none whole in memory" in said
    assert not (tmp_path / "rows.csv").exists()
    lossctl.compute("nt_xent", path, **EMBEDDING, group="query", memory="1MB", **options)
    if "per_row" in options:
        assert len((tmp_path / "rows.csv").read_text().splitlines()) == QUERIES * ITEMS + 1


def test_tensors_pair_where_their_shapes_agree() -> None:
    rng = np.random.default_rng(2)
    bits, chances = rng.integers(0, 2, (7, 3, 4)).astype(np.float64), rng.uniform(size=(7, 3, 4))

    def tensors(values: np.ndarray, shape: tuple[int, ...]) -> pa.Array:
        return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(values.reshape(len(values), *shape)))

    table = pa.table({"target": tensors(bits, (3, 4)), "pred": tensors(chances, (3, 4))})
    flat = lossctl.compute("dice", {"target": bits.reshape(7, 12), "pred": chances.reshape(7, 12)}).value
    assert lossctl.compute("dice", table).value == flat
    assert (
        lossctl.compute("dice", table.slice(2)).value == lossctl.compute("dice", table.slice(2).combine_chunks()).value
    )
    with pytest.raises(lossctl.LossctlError, match="target has 3 x 4, pred has 4 x 3 in row 1"):
        lossctl.compute("dice", pa.table({"target": tensors(bits, (3, 4)), "pred": tensors(chances, (4, 3))}))
    cubes = {"target": tensors(bits, (3, 2, 2)), "pred": tensors(chances, (3, 4))}
    with pytest.raises(lossctl.LossctlError, match="target has 3 x 2 x 2, pred has 3 x 4 in row 1"):
        lossctl.compute("dice", pa.table(cubes))
