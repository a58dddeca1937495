"""The command line: the columns that are chosen, and what values are reduced over."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from support import Run, regression, reported, values, write_csv, write_parquet


def test_lists_wide_columns_and_globs_are_one_vector(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(4)
    target, pred = rng.normal(size=(9, 11)), rng.normal(size=(9, 11))
    wide = {f"t_{at}": target[:, at] for at in range(11)} | {f"p_{at}": pred[:, at] for at in range(11)}
    path = write_parquet(folder / "data.parquet", {**wide, "target": target, "pred": pred})
    expected = np.mean((target - pred) ** 2)
    names = [",".join(f"{letter}_{at}" for at in range(11)) for letter in "tp"]
    ways = [("target", "pred"), ("t_*", "p_*"), tuple(names)]
    found = [run("compute", "mse", path, "--target", t, "--pred", p, "-q") for t, p in ways]
    for done in found:
        assert_allclose(float(done.out), expected, rtol=1e-14)


def test_wide_columns_come_in_natural_order(run: Run, folder: Path) -> None:
    wide = {f"q_{at}": [float(at)] for at in (10, 2, 1, 9)}
    path = write_parquet(folder / "data.parquet", {**wide, "y": [[1.0, 2.0, 9.0, 10.0]]})
    told = reported(run, "compute", "mse", path, "--target", "y", "--pred", "q_*")
    assert told["results"][0]["columns"]["pred"] == ["q_1", "q_2", "q_9", "q_10"]
    assert told["results"][0]["value"] == 0.0


def test_a_name_with_a_comma_or_a_star_is_first_tried_as_it_is(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "data.parquet", {"a,b": [1.0], "a*": [3.0]})
    assert run("compute", "mse", path, "--target", "a,b", "--pred", "a*", "-q").out == "4.0\n"


REDUCED = [
    ("mean", 1.25, "rows", 2.0),
    ("mean-rows", 1.25, "rows", 2.0),
    ("batchmean", 1.25, "rows", 2.0),
    ("mean-elements", 1.25, "elements", 4.0),
    ("sum", 2.5, "none", 1.0),
    ("sum-elements", 5.0, "none", 1.0),
]


@pytest.mark.parametrize(("reduction", "value", "kind", "denominator"), REDUCED)
def test_a_reduction_names_its_denominator(
    run: Run, folder: Path, reduction: str, value: float, kind: str, denominator: float
) -> None:
    """Two rows of two outputs with squared errors 1, 0 and 4, 0: torch's mean is 5/4, its sum 5."""
    path = write_parquet(folder / "data.parquet", {"t": [[0.0, 0.0], [0.0, 0.0]], "p": [[1.0, 0.0], [2.0, 0.0]]})
    told = reported(run, "compute", "mse", path, "--target", "t", "--pred", "p", "--reduction", reduction)
    assert told["results"][0]["value"] == value
    assert told["results"][0]["denominator"] == {"kind": kind, "value": denominator}


def test_weights_divide_by_their_sum(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "data.parquet", {"y": [0.0, 0.0, 0.0], "pred": [1.0, 2.0, 5.0], "w": [1.0, 3.0, 0.0]})
    told = reported(run, "compute", "mse", path, "--weight", "w")
    assert told["results"][0]["value"] == (1.0 * 1 + 3.0 * 4) / 4.0
    assert told["results"][0]["denominator"] == {"kind": "weights", "value": 4.0}
    by_rows = reported(run, "compute", "mse", path, "--weight", "w", "--reduction", "mean-rows")
    assert by_rows["results"][0]["value"] == (1.0 * 1 + 3.0 * 4) / 3.0
    assert by_rows["results"][0]["denominator"] == {"kind": "rows", "value": 3.0}


def test_units_are_averaged_with_their_weights(run: Run, folder: Path) -> None:
    data = {"y": np.zeros(4), "pred": [1.0, 1.0, 3.0, 3.0], "u": ["a", "b", "a", "b"], "uw": [1.0, 3.0, 1.0, 3.0]}
    path = write_parquet(folder / "data.parquet", data)
    told = reported(run, "compute", "max_error", path, "--group", "u", "--unit-weight", "uw")
    assert told["results"][0]["value"] == 3.0
    assert told["results"][0]["units"] == 2
    assert told["results"][0]["denominator"] == {"kind": "unit weights", "value": 4.0}


def test_slices_stand_in_natural_order_beside_the_whole(run: Run, folder: Path) -> None:
    keys = ["m10", "m2", None, "m1"]
    path = write_parquet(folder / "data.parquet", {"y": np.zeros(4), "pred": [1.0, 2.0, 3.0, 4.0], "m": keys})
    told = reported(run, "compute", "mae", path, "--by", "m")
    assert [result["slice"] for result in told["results"]] == [
        None,
        *({"m": name} for name in ("m1", "m2", "m10", "(missing)")),
    ]
    assert values(told) == [2.5, 4.0, 2.0, 1.0, 3.0]


def test_two_columns_cut_by_each_and_by_both(run: Run, preds: Path) -> None:
    told = reported(run, "compute", "mae", preds, "--by", "region,unit")
    cuts = [tuple((result["slice"] or {}).keys()) for result in told["results"]]
    assert cuts == [()] + [("region",)] * 3 + [("unit",)] * 3 + [("region", "unit")] * 9
    assert sum(result["rows"] for result in told["results"] if len(result["slice"] or {}) == 2) == 12


def test_units_are_formed_inside_slices(run: Run, folder: Path) -> None:
    data = {"y": np.zeros(4), "pred": [1.0, 2.0, 3.0, 4.0], "u": [1, 1, 1, 1], "s": ["a", "b", "a", "b"]}
    path = write_parquet(folder / "data.parquet", data)
    told = reported(run, "compute", "max_error", path, "--group", "u", "--by", "s")
    assert values(told) == [4.0, 3.0, 4.0]


def test_several_files_are_one_dataset(run: Run, folder: Path) -> None:
    data = regression()
    paths = [
        write_parquet(folder / f"part{at}.parquet", {name: list(column)[at : at + 4] for name, column in data.items()})  # type: ignore[call-overload]
        for at in (0, 4, 8)
    ]
    told = reported(run, "compute", "huber", *paths)
    assert [item["rows"] for item in told["inputs"]] == [4, 4, 4]
    whole = lossctl.compute("huber", write_parquet(folder / "whole.parquet", data)).value
    assert_allclose(values(told), [whole], rtol=1e-14)


def test_an_expression_is_the_sum_of_its_terms(run: Run, preds: Path) -> None:
    told = reported(run, "compute", "0.7*mse + 0.3*rmse - 2*huber(delta=0.5)", preds)
    result = told["results"][0]
    alone = [
        lossctl.compute(name, preds, **options).value
        for name, options in (("mse", {}), ("rmse", {}), ("huber", {"delta": 0.5}))
    ]
    assert [term["value"] for term in result["terms"]] == alone
    assert [term["factor"] for term in result["terms"]] == [0.7, 0.3, -2.0]
    assert [term["denominator"]["kind"] for term in result["terms"]] == ["rows", "units", "rows"]
    assert_allclose(result["value"], np.dot([0.7, 0.3, -2.0], np.array(alone, dtype=float)), rtol=1e-15)


@pytest.mark.parametrize("suffix", ["tsv", "csv.txt"])
def test_other_delimiters_are_recognised(run: Run, folder: Path, suffix: str) -> None:
    path = write_csv(folder / f"preds.{suffix}", regression(), "\t" if suffix == "tsv" else ";")
    expected = lossctl.compute("huber", write_parquet(folder / "preds.parquet", regression())).value
    assert expected is not None
    assert_allclose(float(run("compute", "huber", path, "-q").out), expected, rtol=1e-14)
