"""The command line: what is printed and written, and how it ends."""

import json
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl import spec
from support import ROOT, Outcome, command, environment, leftovers, python, regression, write_csv, write_parquet

Run = Callable[..., Outcome]

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = json.loads((ROOT / "lossctl" / "schemas" / "report.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# Tests that show a known defect, with what is wrong.
PENDING: dict[str, str] = {}


def report(outcome: Outcome, code: int = 0) -> dict[str, Any]:
    """The JSON report of a command line, once it is valid."""
    assert outcome.code == code, outcome
    told = json.loads(outcome.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    VALIDATOR.validate(told)
    return told  # type: ignore[no-any-return]


def values(told: dict[str, Any]) -> list[float | None]:
    return [result["value"] for result in told["results"]]


# ------------------------------------------------------------------------------------------------------------- tables
def test_the_table_is_the_golden_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = run("compute", "huber", "sample_data/preds.parquet", "--by", "diagnosis", "--max", "0.5")
    assert done.code == 1
    assert done.out == (GOLDEN / "compute.txt").read_text(encoding="utf-8")


def test_the_json_report_is_the_golden_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = report(
        run("compute", "huber", "sample_data/preds.parquet", "--by", "diagnosis", "--max", "0.5", "--format", "json"), 1
    )
    golden = json.loads((GOLDEN / "compute.json").read_text(encoding="utf-8"))
    assert rounded(told) == rounded(golden)


def rounded(data: Any) -> Any:
    """The same data with numbers of 12 digits: the last ones are the processor's."""
    if isinstance(data, float):
        return float(f"{data:.12g}")
    if isinstance(data, dict):
        return {key: rounded(value) for key, value in data.items()}
    return [rounded(item) for item in data] if isinstance(data, list) else data


def test_a_pipe_gets_no_colours_and_no_cut_lines(run: Run, preds: Path) -> None:
    done = run("compute", "huber", preds, "--by", "region")
    assert "\x1b" not in done.out
    assert "…" not in done.out


def test_the_columns_that_were_chosen_are_shown(run: Run, preds: Path) -> None:
    assert "target: y_true  pred: y_pred" in run("compute", "huber", preds).out


def test_quiet_prints_the_bare_number_in_full(run: Run, preds: Path) -> None:
    done = run("compute", "huber", preds, "-q")
    assert done.code == 0
    assert done.err == ""
    assert float(done.out) == lossctl.compute("huber", preds).value
    assert done.out == repr(float(done.out)) + "\n"


def test_quiet_prints_a_number_per_slice(run: Run, preds: Path) -> None:
    done = run("compute", "huber", preds, "-q", "--by", "region")
    told = lossctl.compute("huber", preds, by="region")
    assert [float(line) for line in done.out.splitlines()] == [result.value for result in told]


# ----------------------------------------------------------------------------------------------------------------- JSON
VARIANTS: list[tuple[str, ...]] = [
    ("huber",),
    ("huber", "--delta", "2.5", "--by", "region"),
    ("huber", "--by", "region,unit"),
    ("huber", "--weight", "weight", "--reduction", "mean-rows"),
    ("huber", "--reduction", "sum"),
    ("huber", "--reduction", "none"),
    ("huber", "--reduction", "batchmean"),
    ("huber", "--max", "100", "--min", "0"),
    ("huber", "--dry-run"),
    ("huber", "--pred", "y_pred,weight", "--target", "y_true,unit", "--reduction", "mean-elements"),
    ("rmse", "--group", "unit"),
    ("rmse", "--group", "unit", "--reduction", "none"),
    ("rmse", "--group", "unit", "--by", "region", "--weight", "weight"),
    ("median_absolute_error", "--group", "unit"),
    ("mase", "--group", "unit"),
    ("concordance_loss", "--group", "unit"),
    ("0.7*mse + 0.3*mae",),
    ("0.7*mse + 0.3*rmse", "--group", "unit", "--by", "region"),
    ("nrmse", "--normalizer", "range"),
    ("mape", "--target", "zero"),
    ("relative_squared_error", "--target", "zero"),
    ("mse", "--pred", "huge"),
    ("mse + mae", "--pred", "huge"),
    ("mse", "--pred", "huge", "--reduction", "none", "--max", "1"),
    ("huber", "--pred", "gaps", "--missing", "skip", "--by", "key"),
    ("huber", "--ci", "95", "--stats", "--by", "region"),
    ("rmse", "--ci", "90", "--ci-method", "bootstrap", "--seed", "3"),
    ("rmse", "--ci", "95", "--group", "unit"),
    ("mse", "--pred", "huge", "--ci", "95", "--stats"),
    ("mse + mae", "--combine", "uncertainty", "--log-var", "0.5,-1"),
    ("mse + mae", "--combine", "normalized", "--reference", "2,3", "--ci", "95"),
    ("quantile", "--tau", "@level", "--pred", "zero", "--max", "9"),
    ("huber", "--where", "unit == 1", "--limit", "3"),
]


@pytest.fixture
def awkward(folder: Path) -> Path:
    """A file that has everything."""
    more = {
        "zero": np.zeros(12),
        "level": np.linspace(0.1, 0.9, 12),
        "huge": np.r_[np.zeros(11), 1e200],
        "gaps": [None if row % 5 == 2 else float(row) for row in range(12)],
        "key": [None if row % 4 == 1 else f"k{row % 3}" for row in range(12)],
    }
    return write_parquet(folder / "awkward.parquet", {**regression(), **more})


@pytest.mark.parametrize("arguments", VARIANTS, ids=" ".join)
def test_every_json_report_is_valid(run: Run, awkward: Path, arguments: tuple[str, ...]) -> None:
    done = run("compute", arguments[0], awkward, *arguments[1:], "--format", "json")
    told = report(done, done.code)
    assert done.code in (0, 1, 2)
    assert done.err == "" or done.code == 2
    assert told["results"]


def test_the_schema_refuses_what_a_report_never_holds(run: Run, preds: Path) -> None:
    told = report(run("compute", "huber", preds, "--format", "json"))
    for change in ({"value": "0.5"}, {"value": None}, {"rows": 1.5}, {"reason": "infinite"}, {"extra": 1}):
        wrong = {**told, "results": [{**told["results"][0], **change}]}
        assert not VALIDATOR.is_valid(wrong), change
    assert not VALIDATOR.is_valid({**told, "schema": "lossctl.report/2"})


def test_the_schema_command_prints_the_published_schema(run: Run) -> None:
    assert json.loads(run("schema").out) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_an_infinite_value_is_null_with_its_reason(run: Run, awkward: Path) -> None:
    told = report(run("compute", "mse", awkward, "--pred", "huge", "--format", "json"))
    assert (told["results"][0]["value"], told["results"][0]["reason"]) == (None, "infinite")


def test_an_infinite_value_prints_inf_and_fails_a_maximum(run: Run, awkward: Path) -> None:
    assert run("compute", "mse", awkward, "--pred", "huge", "-q").out == "inf\n"
    table = run("compute", "mse", awkward, "--pred", "huge", "--max", "1e300")
    assert table.code == 1
    assert " inf " in table.out
    assert run("compute", "mse", awkward, "--pred", "huge", "--min", "0").code == 0


def test_the_command_line_and_python_give_the_same_report(run: Run, preds: Path) -> None:
    told = report(
        run(
            "compute",
            "huber",
            preds,
            "--delta",
            "0.5",
            "--by",
            "region",
            "--weight",
            "weight",
            "--max",
            "9",
            "--format",
            "json",
        )
    )
    assert told == lossctl.compute("huber", preds, delta=0.5, by="region", weight="weight", max=9).to_dict()


def test_an_alias_is_reported_by_the_canonical_name(run: Run, preds: Path) -> None:
    told = report(run("compute", "l2", preds, "--format", "json"))
    assert told["results"][0]["loss"] == "mse"
    assert told["results"][0]["spec"] == "mse"


def test_the_signature_says_what_decides_the_number(run: Run, preds: Path) -> None:
    told = report(run("compute", "huber", preds, "--weight", "weight", "--reduction", "sum", "--format", "json"))
    signature = told["results"][0]["signature"]
    for part in ("huber(delta=1.0)", "sum", "weight:weight", "missing:error", f"lossctl:{lossctl.__version__}"):
        assert part in signature.split("|")


# ------------------------------------------------------------------------------------------------------------- options
@pytest.mark.parametrize(
    "arguments",
    [
        ("compute", "huber", "preds.parquet", "--delta", "2", "-q"),
        ("compute", "--delta", "2", "huber", "preds.parquet", "-q"),
        ("compute", "huber", "--delta=2", "-q", "preds.parquet"),
        ("compute", "-q", "--delta", "2", "huber", "preds.parquet"),
        ("compute", "-q", "huber(delta=2)", "preds.parquet"),
        ("compute", "-q", "--delta", "2", "--", "huber", "preds.parquet"),
    ],
)
def test_options_may_stand_anywhere(run: Run, preds: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 0, done
    assert float(done.out) == lossctl.compute("huber", preds, delta=2.0).value


@pytest.mark.parametrize("loss", [loss.name for loss in spec.every()])
def test_help_shows_a_losss_own_columns_and_parameters_with_ranges(
    run: Run, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    done = run("compute", loss, "--help")
    assert done.code == 0
    declared = spec.get(loss)
    for role in declared.roles:
        assert role.option in done.out
    for parameter in declared.params.values():
        assert parameter.option in done.out
        assert parameter.domain in " ".join(done.out.split())


@pytest.mark.parametrize("loss", [loss.name for loss in spec.every()])
def test_info_tells_everything_declared(run: Run, loss: str) -> None:
    done = run("info", loss)
    declared = spec.get(loss)
    assert done.code == 0
    for text in (declared.summary, declared.use_when, declared.reference, declared.dimension, *declared.params):
        assert text.replace("_", "-") in done.out.replace("_", "-")


def test_list_as_json_has_the_keys_of_the_contract(run: Run) -> None:
    listed = json.loads(run("list", "--format", "json").out)
    assert [entry["name"] for entry in listed] == [loss.name for loss in spec.every()]
    for entry in listed:
        assert {"name", "aliases", "task", "roles", "params", "scope", "properties"} <= set(entry)


def test_list_of_a_task_has_only_its_losses(run: Run) -> None:
    listed = json.loads(run("list", "--task", "regression", "--format", "json").out)
    assert {"huber", "rmse"} <= {entry["name"] for entry in listed}
    assert all("regression" in entry["task"].split(", ") for entry in listed)


def test_info_explains_a_finding(run: Run) -> None:
    done = run("info", "LC101")
    assert done.code == 0
    assert "--missing skip" in done.out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_the_packages(run: Run, option: str) -> None:
    assert run(option) == Outcome(0, f"lossctl {lossctl.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments", [("--help",), ("-h",), ("compute", "-h"), ("list", "-h"), ("info", "-h"), ("schema", "-h")]
)
def test_help_ends_well(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 0
    assert "Usage: lossctl" in done.out
    assert done.err == ""


def test_a_dry_run_shows_the_columns_and_stops(run: Run, folder: Path) -> None:
    path = write_csv(folder / "bad.csv", {**regression(), "y_pred": ["oops"] * 12})
    told = report(run("compute", "huber", path, "--dry-run", "--format", "json", "--per-row", "rows.csv"))
    assert told["results"][0]["columns"] == {"target": ["y_true"], "pred": ["y_pred"]}
    assert told["results"][0]["reason"] == "dry run"
    assert not (folder / "rows.csv").exists()


# -------------------------------------------------------------------------------------------- columns and reductions
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
    told = report(run("compute", "mse", path, "--target", "y", "--pred", "q_*", "--format", "json"))
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
    told = report(
        run("compute", "mse", path, "--target", "t", "--pred", "p", "--reduction", reduction, "--format", "json")
    )
    assert told["results"][0]["value"] == value
    assert told["results"][0]["denominator"] == {"kind": kind, "value": denominator}


def test_weights_divide_by_their_sum(run: Run, folder: Path) -> None:
    path = write_parquet(folder / "data.parquet", {"y": [0.0, 0.0, 0.0], "pred": [1.0, 2.0, 5.0], "w": [1.0, 3.0, 0.0]})
    told = report(run("compute", "mse", path, "--weight", "w", "--format", "json"))
    assert told["results"][0]["value"] == (1.0 * 1 + 3.0 * 4) / 4.0
    assert told["results"][0]["denominator"] == {"kind": "weights", "value": 4.0}
    by_rows = report(run("compute", "mse", path, "--weight", "w", "--reduction", "mean-rows", "--format", "json"))
    assert by_rows["results"][0]["value"] == (1.0 * 1 + 3.0 * 4) / 3.0
    assert by_rows["results"][0]["denominator"] == {"kind": "rows", "value": 3.0}


def test_units_are_averaged_with_their_weights(run: Run, folder: Path) -> None:
    data = {"y": np.zeros(4), "pred": [1.0, 1.0, 3.0, 3.0], "u": ["a", "b", "a", "b"], "uw": [1.0, 3.0, 1.0, 3.0]}
    path = write_parquet(folder / "data.parquet", data)
    told = report(run("compute", "max_error", path, "--group", "u", "--unit-weight", "uw", "--format", "json"))
    assert told["results"][0]["value"] == 3.0
    assert told["results"][0]["units"] == 2
    assert told["results"][0]["denominator"] == {"kind": "unit weights", "value": 4.0}


def test_slices_stand_in_natural_order_beside_the_whole(run: Run, folder: Path) -> None:
    keys = ["m10", "m2", None, "m1"]
    path = write_parquet(folder / "data.parquet", {"y": np.zeros(4), "pred": [1.0, 2.0, 3.0, 4.0], "m": keys})
    told = report(run("compute", "mae", path, "--by", "m", "--format", "json"))
    assert [result["slice"] for result in told["results"]] == [
        None,
        *({"m": name} for name in ("m1", "m2", "m10", "(missing)")),
    ]
    assert values(told) == [2.5, 4.0, 2.0, 1.0, 3.0]


def test_two_columns_cut_by_each_and_by_both(run: Run, preds: Path) -> None:
    told = report(run("compute", "mae", preds, "--by", "region,unit", "--format", "json"))
    cuts = [tuple((result["slice"] or {}).keys()) for result in told["results"]]
    assert cuts == [()] + [("region",)] * 3 + [("unit",)] * 3 + [("region", "unit")] * 9
    assert sum(result["rows"] for result in told["results"] if len(result["slice"] or {}) == 2) == 12


def test_units_are_formed_inside_slices(run: Run, folder: Path) -> None:
    data = {"y": np.zeros(4), "pred": [1.0, 2.0, 3.0, 4.0], "u": [1, 1, 1, 1], "s": ["a", "b", "a", "b"]}
    path = write_parquet(folder / "data.parquet", data)
    told = report(run("compute", "max_error", path, "--group", "u", "--by", "s", "--format", "json"))
    assert values(told) == [4.0, 3.0, 4.0]


def test_several_files_are_one_dataset(run: Run, folder: Path) -> None:
    data = regression()
    paths = [
        write_parquet(folder / f"part{at}.parquet", {name: list(column)[at : at + 4] for name, column in data.items()})  # type: ignore[call-overload]
        for at in (0, 4, 8)
    ]
    told = report(run("compute", "huber", *paths, "--format", "json"))
    assert [item["rows"] for item in told["inputs"]] == [4, 4, 4]
    whole = lossctl.compute("huber", write_parquet(folder / "whole.parquet", data)).value
    assert_allclose(values(told), [whole], rtol=1e-14)


def test_an_expression_is_the_sum_of_its_terms(run: Run, preds: Path) -> None:
    told = report(run("compute", "0.7*mse + 0.3*rmse - 2*huber(delta=0.5)", preds, "--format", "json"))
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


# --------------------------------------------------------------------------------------------------------- row values
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
    data = regression()
    data["y_pred"] = [None if row == 2 else value for row, value in enumerate(data["y_pred"])]  # type: ignore[arg-type]
    path = write_parquet(folder / "gaps.parquet", data, rows_per_group=5)
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
    assert report(run("compute", *words, "--reduction", "none", "--format", "json"))["results"][0]["values"] == expected
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
    told = report(run("compute", "relative_squared_error", path, "--by", "s", "--max", "9", "--format", "json"), 2)
    assert [check["status"] for check in told["checks"]] == ["pass", "pass", "error"]
    assert told["results"][2]["value"] is None
    assert told["results"][2]["reason"]


# -------------------------------------------------------------------------------------------------------------- signals
@pytest.fixture
def long_work(folder: Path) -> Path:
    """A file whose row values take seconds to write as JSON Lines."""
    rows = 1_000_000
    target = np.random.default_rng(1).normal(size=rows)
    return write_parquet(folder / "big.parquet", {"y_true": target, "y_pred": target + 1.0}, rows_per_group=20_000)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_ends_cleanly(long_work: Path, folder: Path, threads: str) -> None:
    process = subprocess.Popen(
        command("compute", "huber", long_work, "--per-row", "rows.jsonl", "--threads", threads),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size > 100_000 for path in folder.glob("rows.jsonl.*")):
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert err == "lossctl: interrupted\n"
    assert [path.name for path in folder.iterdir()] == ["big.parquet"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--format", "json"),
        ("info", "huber"),
        ("schema",),
        ("--version",),
        ("compute", "huber", "preds.parquet"),
        ("compute", "huber", "preds.parquet", "-q"),
        ("compute", "huber", "preds.parquet", "--format", "json"),
    ],
    ids=" ".join,
)
def test_a_broken_pipe_is_silent(preds: Path, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(*arguments),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
        check=False,
        env=environment(),
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141


def test_the_progress_bar_stays_out_of_pipes(preds: Path) -> None:
    done = subprocess.run(
        command("compute", "huber", preds), capture_output=True, text=True, timeout=20, check=False, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_device_under_the_output_is_one_message(preds: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("compute", "huber", preds), stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("lossctl: the output cannot be written: No space left on device.")


def test_debug_shows_the_traceback(folder: Path) -> None:
    done = python(
        "from lossctl.cli import main; main()", "compute", "huber", "nothing.csv", "--debug", env=environment()
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "DataError" in done.stderr


def test_a_defect_of_ours_exits_with_3(run: Run, preds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("lossctl.api.prepare", broken)
    done = run("compute", "huber", preds)
    assert done.code == 3
    assert done.err.startswith("lossctl: internal error (ZeroDivisionError: by nothing).")
    assert "--debug" in done.err


# --------------------------------------------------------------------------------------------------------------- Python
def test_the_plain_function_returns_row_values() -> None:
    found = lossctl.losses.huber([3.0, 2.0], [2.5, 5.0], delta=1.0)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [0.125, 2.5]


def test_the_plain_function_of_a_set_returns_one_number() -> None:
    assert lossctl.losses.rmse([3.0, 2.0], [2.0, 2.0]) == math.sqrt(0.5)


def test_the_plain_function_checks_its_parameters() -> None:
    with pytest.raises(lossctl.LossctlError, match=r"huber: --delta must be a number > 0, not -1\."):
        lossctl.losses.huber([1.0], [2.0], delta=-1)
    with pytest.raises(lossctl.LossctlError, match=r"Did you mean 'delta'\?"):
        lossctl.losses.huber([1.0], [2.0], detla=1)
    with pytest.raises(lossctl.LossctlError, match="one length"):
        lossctl.losses.huber([1.0, 2.0], [2.0])


def test_compute_takes_paths_of_any_kind_and_several(preds: Path, folder: Path) -> None:
    assert lossctl.compute("huber", str(preds)).value == lossctl.compute("huber", preds).value
    copied = shutil.copy(preds, folder / "copied.parquet")
    both = lossctl.compute("huber", [preds, str(copied)])
    assert both.results[0].rows == 24


def test_the_package_lists_its_public_names() -> None:
    assert set(lossctl.__all__) >= {"compute", "losses", "LossctlError", "Report", "loss", "Loss"}
    for name in lossctl.__all__:
        assert getattr(lossctl, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = lossctl.nothing
