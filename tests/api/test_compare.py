"""`compare`: many losses in one pass, and models side by side."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.errors import DataError, UsageError
from lossctl.sources.binary.parquet import ParquetSource
from lossctl.sources.source import Piece, Reading
from support import Run, check_refused, reported, write_parquet

REGRESSION = [
    "mse",
    "huber(delta=2)",
    "0.5*mse + 0.5*mae",
    "rmse",
    "median_absolute_error",
    "pearson_loss",
    "mae - mse",
]


def regression(rows: int = 4000, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows)
    return {
        "target": target,
        "pred": target + rng.normal(size=rows),
        "w": rng.uniform(0.5, 2.0, rows),
        "site": rng.integers(0, 3, rows),
        "unit": np.repeat(np.arange(rows // 8), 8),
    }


def values(report: lossctl.Report) -> list[tuple[object, float | None]]:
    return [(result.slice, result.value) for result in report]


@pytest.mark.parametrize(
    "options",
    [{}, {"by": "site"}, {"group": "unit", "by": ("site",)}, {"where": "pred > 0"}, {"limit": 500}, {"ci": 95}],
)
def test_several_losses_are_each_what_compute_says(options: dict[str, object]) -> None:
    data = regression()
    together = lossctl.compare(data, REGRESSION, **options)
    alone = [result for loss in REGRESSION for result in lossctl.compute(loss, data, **options)]  # type: ignore[arg-type]
    assert values(together) == [(result.slice, result.value) for result in alone]
    assert [result.signature for result in together] == [result.signature for result in alone]
    assert [result.interval for result in together] == [result.interval for result in alone]
    assert [result.denominator for result in together] == [result.denominator for result in alone]


def test_losses_of_other_columns_and_scopes_share_a_pass() -> None:
    rng = np.random.default_rng(4)
    probabilities = rng.dirichlet(np.ones(3), 600)
    data = {
        "label": rng.integers(0, 3, 600),
        "probs": probabilities,
        "logits": np.log(probabilities) + 1.0,
        "target": rng.normal(size=600),
        "pred": rng.normal(size=600),
    }
    losses = [
        "cross_entropy(target=label, pred=logits, class_weight=balanced)",
        "brier_multiclass(target=label, pred=probs)",
        "rmse(target=target, pred=pred) + 2*mae(target=target, pred=pred)",
        "0.5*mae(target=target, pred=pred)",
    ]
    together = lossctl.compare(data, losses, stats=True)
    for loss, result in zip(losses, together, strict=True):
        alone = lossctl.compute(loss, data, stats=True).results[0]
        assert_allclose(result.value, alone.value, rtol=1e-14)
        assert result.distribution == alone.distribution
        assert result.details == alone.details


def test_a_pass_reads_every_piece_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet", regression(), rows_per_group=1000)
    read: list[Piece] = []
    real = ParquetSource.read

    def counted(self: ParquetSource, piece: Piece, reading: Reading) -> object:
        read.append(piece)
        return real(self, piece, reading)

    monkeypatch.setattr(ParquetSource, "read", counted)
    lossctl.compute("mse", path)
    once = len(read)
    lossctl.compare(path, ["mse", "huber", "mae + mse", "rmse"])
    assert len(read) == 2 * once


def test_coefficients_are_for_the_losses_with_penalties(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([1.0, 2.0]))
    data = {"y": [3.0, 2.0], "yhat": [3.0, 3.0]}
    report = lossctl.compare(data, ["mse", "mse + l2_penalty(lam=0.5)"], coef_file=f"{tmp_path}/w.npy")
    assert [result.value for result in report] == [0.5, 0.5 + 2.5]


def test_rows_that_one_loss_cannot_use_are_left_out_of_all() -> None:
    data = {"target": [1.0, 2.0, 3.0], "pred": [1.0, 4.0, 4.0], "other": [1.0, None, 3.0]}
    report = lossctl.compare(data, ["mse(pred=pred)", "mse(pred=other)"], missing="skip")
    assert values(report) == [(None, 0.5), (None, 0.0)]
    assert [result.skipped for result in report] == [1, 1]


def test_models_are_compared_with_the_baseline_slice_by_slice() -> None:
    old = {"y": [3.0, 2.0, 5.0], "yhat": [2.5, 5.0, 5.0], "site": ["a", "b", "b"]}
    new = {"y": [3.0, 2.0, 5.0], "pred": [3.0, 3.0, 7.0], "site": ["a", "b", "c"]}
    report = lossctl.compare([old, new], ["mae", "mse"], by="site")
    found = [(each.loss, each.slice, each.difference) for each in report.comparisons]
    assert found == [
        ("mae", None, 1.0 - 3.5 / 3),
        ("mae", {"site": "a"}, -0.5),
        ("mae", {"site": "b"}, -0.5),
        ("mse", None, 5.0 / 3 - 9.25 / 3),
        ("mse", {"site": "a"}, -0.25),
        ("mse", {"site": "b"}, -3.5),
    ]
    assert {each.method for each in report.comparisons} == {
        "difference of values over as many rows",
        "difference of values over different rows",
    }
    turned = lossctl.compare([old, new], ["mae"], baseline=1)
    assert [each.difference for each in turned.comparisons] == [3.5 / 3 - 1.0]


def test_the_report_keeps_its_schema(tmp_path: Path, run: Run) -> None:
    paths = [write_parquet(tmp_path / f"{seed}.parquet", regression(48, seed)) for seed in (1, 2)]
    losses = ("--loss", "mse", "--loss", "0.5*mae + huber")
    told = reported(run, "compare", *paths, *losses, "--max", 9)
    assert told["command"] == "compare"
    assert len(told["results"]) == 4
    assert len(told["comparisons"]) == 2
    assert [each["status"] for each in told["checks"]] == ["pass"] * 4


def test_findings_name_the_loss_they_are_of(folder: Path, run: Run) -> None:
    write_parquet(folder / "p.parquet", {"y": [1, 0, 1], "prob": [1.0, 0.0, 0.0], "score": [1.0, 2.0, 3.0]})
    done = run("compare", "p.parquet", "--loss", "bce", "--loss", "brier")
    assert done.code == 0
    assert "(bce(" in done.out
    assert "(brier" not in done.out


def test_the_table_shows_what_differs(folder: Path, run: Run) -> None:
    for name, shift in (("old", 2.0), ("new", 1.0)):
        write_parquet(folder / f"{name}.parquet", {"y": [3.0, 2.0], "yhat": [3.0 + shift, 2.0]})
    done = run("compare", "old.parquet", "new.parquet", "--loss", "mae", "--loss", "mse")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[:2] == [["2", "losses", "on", "2", "datasets"], ["target:", "y", "pred:", "yhat"]]
    assert lines[3:] == [
        ["mae", "old.parquet", "1", "target", "units", "2", "rows", "2"],
        ["mae", "new.parquet", "0.5", "-0.5", "target", "units", "2", "rows", "2"],
        ["mse", "old.parquet", "2", "squared", "target", "units", "2", "rows", "2"],
        ["mse", "new.parquet", "0.5", "-1.5", "squared", "target", "units", "2", "rows", "2"],
    ]
    page = run("compare", "old.parquet", "new.parquet", "--loss", "mae", "--format", "markdown").out.splitlines()
    assert page[0] == "| loss | data | value | difference | unit | over | rows |"
    assert page[3] == "| `mae` | new.parquet | 0.5 | -0.5 | target units | 2 rows | 2 |"
    assert run("compare", "old.parquet", "--loss", "mae", "--loss", "mse", "-q").out == "1.0\n2.0\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--loss"),
        (["--loss", "hubr"], "Did you mean 'huber'"),
        (["--loss", "mse", "--delta", "1"], "no option --delta"),
        (["--loss", "mse", "--per-row", "x.csv"], "no option --per-row"),
        (["--loss", "mse", "--baseline", "b.parquet"], "--baseline b.parquet is none of the files"),
        (["--loss", "mse", "--reduction", "none"], "--reduction none"),
        (["--loss", "mse", "--loss", "mae(pred=nothing)"], "'nothing'"),
        (["--loss", "mse", "--output", "a.parquet"], "a.parquet"),
    ],
)
def test_what_cannot_be_compared_is_one_message(folder: Path, run: Run, arguments: list[str], said: str) -> None:
    write_parquet(folder / "a.parquet", {"y": [3.0, 2.0], "yhat": [3.0, 2.5]})
    before = (folder / "a.parquet").read_bytes()
    check_refused(run("compare", "a.parquet", *arguments), said)
    assert [path.name for path in folder.iterdir()] == ["a.parquet"]
    assert (folder / "a.parquet").read_bytes() == before


def test_a_value_over_the_bound_fails(folder: Path, run: Run) -> None:
    write_parquet(folder / "a.parquet", {"y": [3.0, 2.0], "yhat": [3.0, 2.5]})
    assert run("compare", "a.parquet", "--loss", "mae", "--loss", "mse", "--max", 0.2).code == 1
    assert run("compare", "a.parquet", "--loss", "mae", "--loss", "mse", "--max", 0.3).code == 0


def test_python_says_what_it_cannot_compare() -> None:
    data = {"y": [1.0], "yhat": [2.0]}
    with pytest.raises(UsageError, match="leave per_row out"):
        lossctl.compare(data, "mse", per_row="x.csv")
    with pytest.raises(UsageError, match="baseline"):
        lossctl.compare([data], "mse", baseline=3)
    with pytest.raises(UsageError, match=r"a\.parquet is given twice"):
        lossctl.compare(["a.parquet", "a.parquet"], "mse")
    with pytest.raises(UsageError, match="a dataset and a loss"):
        lossctl.compare(data, [])
    with pytest.raises(DataError, match="nothing"):
        lossctl.compare(data, ["mse", "mae(pred=nothing)"])
