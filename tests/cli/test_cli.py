"""The command line: what is printed, and the options that say so."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import lossctl
from lossctl.declare import registry
from support import SCHEMA, VALIDATOR, Outcome, Run, regression, report, reported, write_csv, write_parquet


# ------------------------------------------------------------------------------------------------------------- tables
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
    told = reported(run, "compute", "huber", preds)
    for change in ({"value": "0.5"}, {"value": None}, {"rows": 1.5}, {"reason": "infinite"}, {"extra": 1}):
        wrong = {**told, "results": [{**told["results"][0], **change}]}
        assert not VALIDATOR.is_valid(wrong), change
    assert not VALIDATOR.is_valid({**told, "schema": "lossctl.report/2"})


def test_the_schema_command_prints_the_published_schema(run: Run) -> None:
    assert json.loads(run("schema").out) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_an_infinite_value_is_null_with_its_reason(run: Run, awkward: Path) -> None:
    told = reported(run, "compute", "mse", awkward, "--pred", "huge")
    assert (told["results"][0]["value"], told["results"][0]["reason"]) == (None, "infinite")


def test_an_infinite_value_prints_inf_and_fails_a_maximum(run: Run, awkward: Path) -> None:
    assert run("compute", "mse", awkward, "--pred", "huge", "-q").out == "inf\n"
    table = run("compute", "mse", awkward, "--pred", "huge", "--max", "1e300")
    assert table.code == 1
    assert " inf " in table.out
    assert run("compute", "mse", awkward, "--pred", "huge", "--min", "0").code == 0


def test_the_command_line_and_python_give_the_same_report(run: Run, preds: Path) -> None:
    told = reported(
        run, "compute", "huber", preds, "--delta", "0.5", "--by", "region", "--weight", "weight", "--max", "9"
    )
    assert told == lossctl.compute("huber", preds, delta=0.5, by="region", weight="weight", max=9).to_dict()


def test_an_alias_is_reported_by_the_canonical_name(run: Run, preds: Path) -> None:
    told = reported(run, "compute", "l2", preds)
    assert told["results"][0]["loss"] == "mse"
    assert told["results"][0]["spec"] == "mse"


def test_the_signature_says_what_decides_the_number(run: Run, preds: Path) -> None:
    told = reported(run, "compute", "huber", preds, "--weight", "weight", "--reduction", "sum")
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


@pytest.mark.parametrize("loss", [loss.name for loss in registry.every()])
def test_help_shows_a_losss_own_columns_and_parameters_with_ranges(
    run: Run, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    done = run("compute", loss, "--help")
    assert done.code == 0
    declared = registry.get(loss)
    for role in declared.roles:
        assert role.option in done.out
    for parameter in declared.params.values():
        assert parameter.option in done.out
        assert parameter.domain in " ".join(done.out.split())


@pytest.mark.parametrize("loss", [loss.name for loss in registry.every()])
def test_info_tells_everything_declared(run: Run, loss: str) -> None:
    done = run("info", loss)
    declared = registry.get(loss)
    assert done.code == 0
    for text in (declared.summary, declared.use_when, declared.reference, declared.dimension, *declared.params):
        assert text.replace("_", "-") in done.out.replace("_", "-")


def test_list_as_json_has_the_keys_of_the_contract(run: Run) -> None:
    listed = json.loads(run("list", "--format", "json").out)
    assert [entry["name"] for entry in listed] == [loss.name for loss in registry.every()]
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
    told = reported(run, "compute", "huber", path, "--dry-run", "--per-row", "rows.csv")
    assert told["results"][0]["columns"] == {"target": ["y_true"], "pred": ["y_pred"]}
    assert told["results"][0]["reason"] == "dry run"
    assert not (folder / "rows.csv").exists()
