"""Intervals are those of the formulas, distributions those of NumPy, and neither depends on how the work was cut."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.arithmetic.quantiles import percentiles, student_quantile
from lossctl.arithmetic.sketch import Sketch
from lossctl.declare.kernel import Kernel
from lossctl.engine import observed
from lossctl.errors import UsageError
from lossctl.reports.inference import bootstrap
from lossctl.reports.results import Evaluation, Interval
from support import SAMPLE, Run, regression, write_parquet


def whole(loss: str, data: object, **options: object) -> Evaluation:
    """The evaluation of the whole dataset."""
    return lossctl.compute(loss, data, **options).results[0]  # type: ignore[arg-type]


def ends(found: Evaluation) -> tuple[float, float]:
    """The ends of an interval that must be there."""
    assert found.interval is not None, found.details
    return found.interval.low, found.interval.high


def student(level: float, degrees: float) -> float:
    return student_quantile((1 + level) / 2, degrees)


# Hand formulas.


@pytest.mark.parametrize(
    ("p", "degrees", "value"),  # scipy 1.17
    [
        (0.975, 1.0, 12.706204736174694),
        (0.995, 2.0, 9.924843200918287),
        (0.975, 9.0, 2.262157162798205),
        (0.95, 29.7, 1.6978071168797053),
        (0.975, 999.9, 1.9623393186426081),
        (0.975, 1e6, 1.959966356814107),
    ],
)
def test_quantiles_of_student_are_those_of_tables(p: float, degrees: float, value: float) -> None:
    assert_allclose(student_quantile(p, degrees), value, rtol=1e-12)


def test_the_interval_of_a_mean_is_students(folder: Path) -> None:
    data = regression(50)
    loss = np.abs(data["y_pred"] - data["y_true"])  # type: ignore[operator]
    half = student(0.9, 49) * loss.std(ddof=1) / math.sqrt(50)
    found = whole("mae", data, ci=90)
    assert_allclose(ends(found), (loss.mean() - half, loss.mean() + half), rtol=1e-12)
    assert found.interval is not None
    assert (found.interval.level, found.interval.method) == (0.9, "central limit")


def test_the_interval_of_a_weighted_mean_is_that_of_a_ratio() -> None:
    data = regression(50)
    w = np.asarray(data["weight"])
    loss = (data["y_pred"] - data["y_true"]) ** 2  # type: ignore[operator]
    value = (w * loss).sum() / w.sum()
    error = math.sqrt(50 / 49 * ((w * (loss - value)) ** 2).sum()) / w.sum()
    half = student(0.95, w.sum() ** 2 / (w**2).sum() - 1) * error
    assert_allclose(ends(whole("mse", data, weight="weight", ci=95)), (value - half, value + half), rtol=1e-12)


@pytest.mark.parametrize(("reduction", "times"), [("sum", 50.0), ("mean-rows", 1.0)])
def test_sums_and_row_means_take_weighted_losses_as_they_are(reduction: str, times: float) -> None:
    data = regression(50)
    part = np.asarray(data["weight"]) * (data["y_pred"] - data["y_true"]) ** 2  # type: ignore[operator]
    half = student(0.95, 49) * part.std(ddof=1) / math.sqrt(50)
    found = whole("mse", data, weight="weight", reduction=reduction, ci=95)
    assert_allclose(ends(found), (times * (part.mean() - half), times * (part.mean() + half)), rtol=1e-12)


def test_the_interval_of_a_sum_of_terms_knows_how_they_vary_together() -> None:
    data = regression(50)
    error = data["y_pred"] - data["y_true"]  # type: ignore[operator]
    loss = 0.7 * error**2 - 0.3 * np.abs(error)
    half = student(0.95, 49) * loss.std(ddof=1) / math.sqrt(50)
    assert_allclose(ends(whole("0.7*mse - 0.3*mae", data, ci=95)), (loss.mean() - half, loss.mean() + half), rtol=1e-11)


def test_terms_of_different_denominators_are_linearised_together() -> None:
    data = regression(60)
    error = data["y_pred"] - data["y_true"]  # type: ignore[operator]
    square, n = error**2, 60
    root = math.sqrt(square.mean())
    influence = np.abs(error) - np.abs(error).mean() + (square - square.mean()) / (2 * root)
    half = student(0.95, n - 1) * influence.std(ddof=1) / math.sqrt(n)
    value = np.abs(error).mean() + root
    assert_allclose(ends(whole("mae + rmse", data, ci=95)), (value - half, value + half), rtol=1e-7)


def jackknife(value: Callable[[np.ndarray], float], n: int) -> float:
    """A standard error that needs no derivative."""
    left_out = np.array([value(np.delete(np.arange(n), row)) for row in range(n)])
    return math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize(
    "loss", ["rmse", "pearson_loss", "concordance_loss", "relative_squared_error", "wape", "nrmse(normalizer=std)"]
)
def test_the_delta_method_agrees_with_the_jackknife(loss: str, weight: str | None) -> None:
    n = 400
    data = regression(n)
    columns = {name: np.asarray(data[name]) for name in ("y_true", "y_pred", "weight")}

    def value(rows: np.ndarray) -> float:
        found = whole(loss, {name: column[rows] for name, column in columns.items()}, weight=weight)
        assert found.value is not None
        return found.value

    low, high = ends(whole(loss, columns, weight=weight, ci=95))
    degrees = n - 1.0 if weight is None else columns["weight"].sum() ** 2 / (columns["weight"] ** 2).sum() - 1
    assert_allclose((high - low) / 2 / student(0.95, degrees), jackknife(value, n), rtol=0.03)
    assert_allclose((high + low) / 2, value(np.arange(n)), rtol=1e-12)


def test_units_are_the_sample_where_there_are_several() -> None:
    data = regression(60)
    data["unit"] = [row // 4 for row in range(60)]
    error = data["y_pred"] - data["y_true"]  # type: ignore[operator]
    roots = np.sqrt((error.reshape(15, 4) ** 2).mean(axis=1))
    half = student(0.95, 14) * roots.std(ddof=1) / math.sqrt(15)
    found = whole("rmse", data, group="unit", ci=95, stats=True)
    assert_allclose(ends(found), (roots.mean() - half, roots.mean() + half), rtol=1e-12)
    assert found.distribution is not None
    assert_allclose(found.distribution.p90, np.percentile(roots, 90), rtol=1e-12)


@pytest.mark.parametrize("group", [None, "unit"])
def test_a_factor_scales_interval_and_distribution(group: str | None) -> None:
    data = regression(60)
    for loss in ("mae", "rmse"):
        one, two = (whole(name, data, group=group, ci=95, stats=True) for name in (loss, f"-2*{loss}"))
        assert_allclose(ends(two), [-2 * end for end in reversed(ends(one))], rtol=1e-12)
        if one.distribution is None:
            assert (loss, group, two.distribution) == ("rmse", None, None)
        else:
            assert two.distribution is not None
            assert_allclose(two.distribution.mean, -2 * one.distribution.mean, rtol=1e-12)
            assert two.distribution.min == -2 * one.distribution.max


# Numbers far from 0.


@pytest.mark.parametrize("loss", ["mse", "relative_squared_error", "pearson_loss"])
def test_targets_far_from_zero_do_not_cancel(loss: str) -> None:
    rng = np.random.default_rng(6)
    near = np.round(rng.normal(size=3000) * 2**20) / 2**20  # exact after the shift
    pred = near + np.round(rng.normal(size=3000) * 2**20) / 2**20
    here = whole(loss, {"y_true": near, "y_pred": pred}, ci=95)
    there = whole(loss, {"y_true": near + 1e9, "y_pred": pred + 1e9}, ci=95)
    assert_allclose(ends(there), ends(here), rtol=1e-9)


@pytest.mark.usefixtures("small_pieces")
def test_losses_far_from_zero_do_not_cancel_in_any_slice(folder: Path) -> None:
    rng = np.random.default_rng(7)
    far = np.arange(3000) % 3 == 1
    loss = np.round(np.abs(rng.normal(size=3000)) * 2**20) / 2**20
    data = {"y_true": np.zeros(3000), "y_pred": loss + far * 1e9, "far": far.astype(int)}
    report = lossctl.compute("mae", write_parquet(folder / "far.parquet", data, 500), by="far", ci=95)
    half = student(0.95, 999) * loss[far].std(ddof=1) / math.sqrt(1000)
    low, high = ends(report.results[2])
    assert_allclose((high - low) / 2, half, atol=2e-7)  # 1e9 has no digit below that


CENTRED = ["relative_squared_error", "explained_variance_loss", "concordance_loss", "pearson_loss"]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("method", ["normal", "bootstrap"])
@pytest.mark.parametrize("loss", [*CENTRED, "nrmse(normalizer=std)", "mse + 2*pearson_loss"])
def test_centred_losses_far_from_the_first_row_keep_the_digits_of_their_intervals(
    loss: str, method: str, folder: Path
) -> None:
    rng = np.random.default_rng(8)
    near = np.round(rng.normal(size=3000) * 2**20) / 2**20  # exact after the shift
    pred = near + np.round(rng.normal(size=3000) * 2**20) / 2**20
    far = np.arange(3000) % 3 == 1
    data = {"y_true": near + far * 1e9, "y_pred": pred + far * 1e9, "far": far.astype(int), "odd": np.arange(3000) % 2}
    options = {"ci": 95, "ci_method": method, "seed": 1}
    path = write_parquet(folder / "far.parquet", data, 500)
    found = lossctl.compute(loss, path, by=["far", "odd"], **options)
    values = lossctl.compute(loss, path, by=["far", "odd"])
    assert [each.value for each in found] == [each.value for each in values]
    for slice_, chosen in (({"far": "1"}, far), ({"far": "1", "odd": "0"}, far & (data["odd"] == 0))):
        alone = whole(loss, {"y_true": near[chosen], "y_pred": pred[chosen]}, **options)
        (sliced,) = [each for each in found if each.slice == slice_]
        assert_allclose(sliced.value, alone.value, rtol=1e-13)
        assert_allclose(ends(sliced), ends(alone), rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"ci": 95}])
def test_a_centred_loss_is_summed_once_where_units_are_centred_apart(
    options: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    statistics = Kernel.statistics
    monkeypatch.setattr(Kernel, "statistics", lambda *given: calls.append(1) or statistics(*given))
    data = {"target": [1.0, 2.0, 4.0, 3.0], "pred": [1.0, 3.0, 4.0, 5.0], "unit": [0, 0, 1, 1], "site": [0, 1, 0, 1]}
    lossctl.compute("pearson_loss", data, group="unit", **options)
    assert len(calls) == 1
    calls.clear()
    lossctl.compute("pearson_loss", data, by="site", **options)
    assert len(calls) == 2  # the whole, and the slices


# Distributions.


def test_a_distribution_is_what_numpy_says(folder: Path) -> None:
    data = regression(1000)
    loss = np.abs(data["y_pred"] - data["y_true"])  # type: ignore[operator]
    path = write_parquet(folder / "preds.parquet", data, 300)
    for found in lossctl.compute("mae", path, by="region", weight="weight", stats=True):
        rows = loss if found.slice is None else loss[np.array(data["region"]) == found.slice["region"]]
        told = found.distribution
        assert told is not None
        assert_allclose([told.mean, told.std], [rows.mean(), rows.std()], rtol=1e-13)
        assert [told.min, told.max] == [rows.min(), rows.max()]
        assert [told.p01, told.p50, told.p90, told.p99] == np.percentile(rows, [1, 50, 90, 99]).tolist()
        assert told.approximate is None


def test_rows_that_are_ignored_are_not_in_the_distribution() -> None:
    rng = np.random.default_rng(8)
    data = {"y_true": rng.integers(0, 3, 300), "logits": rng.normal(size=(300, 3))}
    kept = data["y_true"] != 1
    columns = {"y_true": data["y_true"], "logits": data["logits"].tolist()}
    told = whole("cross_entropy", columns, ignore_index=1, stats=True)
    z = data["logits"][kept]
    rows = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), data["y_true"][kept]]
    assert told.distribution is not None
    assert_allclose([told.distribution.min, told.distribution.p50], [rows.min(), np.median(rows)], rtol=1e-12)


@pytest.mark.usefixtures("small_pieces")
def test_many_rows_are_sketched_within_the_error_that_is_stated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observed, "MOST_ROWS", 900)
    data = regression(2000)
    data["y_pred"] = np.asarray(data["y_true"]) + np.random.default_rng(9).lognormal(sigma=3.0, size=2000)
    loss = np.abs(data["y_pred"] - np.asarray(data["y_true"]))
    report = lossctl.compute("mae", write_parquet(folder / "p.parquet", data, 500), by="region", stats=True)
    told = report.results[0].distribution
    assert told is not None
    assert told.approximate == {"relative_error": 0.005}
    assert_allclose([told.p01, told.p50, told.p90, told.p99], np.percentile(loss, [1, 50, 90, 99]), rtol=0.005)
    assert [told.min, told.max] == [loss.min(), loss.max()]
    assert_allclose([told.mean, told.std], [loss.mean(), loss.std()], rtol=1e-13)
    slices = [found.distribution for found in report.results[1:]]
    assert [told is not None and told.approximate is None for told in slices] == [True] * 3


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sketch_holds_numbers_of_every_size_and_merges_in_any_order(sign: float) -> None:
    rng = np.random.default_rng(10)
    values = sign * np.concatenate([np.exp(rng.uniform(-600, 600, 20_000)), np.zeros(50)])
    shares = np.linspace(0, 1, 101)
    parts = np.array_split(rng.permutation(values), 7)
    told = []
    for order in (range(7), reversed(range(7))):
        sketch = Sketch()
        for index in order:
            part = Sketch()
            part.add_block(parts[index], None, None)
            sketch.add(part)
        told.append(sketch.percentiles((), shares))
    assert told[0].tobytes() == told[1].tobytes()
    # the order statistics themselves: between two that are decades apart every interpolation is a matter of taste
    ordered = np.sort(values)
    low, high = (ordered[rank(shares * (len(values) - 1)).astype(int)] for rank in (np.floor, np.ceil))
    assert (told[0] >= np.where(low > 0, low * 0.995, low * 1.005)).all()
    assert (told[0] <= np.where(high > 0, high * 1.005, high * 0.995)).all()


def test_percentiles_are_numpys() -> None:
    values = np.random.default_rng(11).lognormal(size=1003)
    shares = np.linspace(0, 1, 57)
    assert percentiles(values, shares).tobytes() == np.quantile(values, shares).tobytes()


# The same digits however the work is cut.


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("loss", ["huber", "pearson_loss", "mae + rmse"])
@pytest.mark.parametrize(
    "options", [{"ci": 95}, {"ci": 95, "ci_method": "bootstrap", "weight": "weight"}, {"stats": True}]
)
def test_threads_do_not_change_a_digit(folder: Path, loss: str, options: dict[str, object]) -> None:
    path = write_parquet(folder / "preds.parquet", regression(1500), 200)
    reports = {
        lossctl.compute(loss, path, by=["region"], threads=threads, **options).to_json()  # type: ignore[arg-type]
        for threads in (1, 2, 5)
    }
    assert len(reports) == 1


def test_the_bootstrap_is_seeded() -> None:
    data = regression(200)
    found = [ends(whole("mae", data, ci=95, ci_method="bootstrap", seed=seed)) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("n", [40, bootstrap.BLOCK + 500])
def test_resampled_sums_vary_as_sums_do(n: int) -> None:
    x = np.random.default_rng(12).normal(3.0, 2.0, n)
    sums, count = bootstrap.resampled(np.stack([x, np.ones(n)]), seed=1, resamples=400)
    assert (count == n).all()
    assert_allclose(sums.mean(), x.sum(), atol=4 * x.std() * math.sqrt(n / 400))
    assert_allclose(sums.std(), x.std() * math.sqrt(n), rtol=0.15)


# Where there is none, and how it is asked for.


@pytest.mark.parametrize(
    ("loss", "options", "reason"),
    [
        ("max_error", {}, "largest or smallest rows"),
        ("max_error", {"ci_method": "bootstrap"}, "largest or smallest rows"),
        ("nrmse(normalizer=range)", {}, "largest or smallest rows"),
        ("median_absolute_error", {}, "needs all rows at once"),
        ("mae", {"reduction": "none"}, "not reduced"),
        ("mae", {"limit": 1}, "at least 2 rows that count are needed"),
        ("rmse", {"group": "region", "where": "region == 'eu'"}, "at least 2 units that count are needed"),
        ("mae", {"ci_method": "bootstrap", "limit": 50}, "use --ci-method normal"),
    ],
)
def test_a_missing_interval_has_its_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, loss: str, options: dict[str, object], reason: str
) -> None:
    monkeypatch.setattr(observed, "MOST_ROWS", 40)
    found = whole(loss, write_parquet(folder / "preds.parquet", regression(60)), ci=95, **options)
    assert found.interval is None
    assert reason in found.details["interval"]


def test_a_loss_without_row_values_has_no_distribution() -> None:
    found = whole("rmse", regression(60), stats=True)
    assert found.distribution is None
    assert found.details["distribution"] == "rmse has no value per row"


def test_nothing_is_observed_that_is_not_asked_for() -> None:
    found = whole("mae", regression(60))
    assert (found.interval, found.distribution, dict(found.details)) == (None, None, {})


@pytest.mark.parametrize(
    ("options", "said"),
    [({"ci": 0.95}, "--ci 95"), ({"ci": 100}, "--ci 95"), ({"ci_method": "bootstrap"}, "--ci LEVEL"),
     ({"ci": 95, "ci_method": "magic"}, "normal or bootstrap"),
     ({"ci": 95, "seed": -1}, "seed must be a whole number >= 0, not -1")],
)  # fmt: skip
def test_levels_and_methods_are_checked(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lossctl.compute("mae", regression(60), **options)  # type: ignore[arg-type]


def test_the_command_line_shows_both(run: Run) -> None:
    shown = run("compute", "huber", SAMPLE / "preds.parquet", "--ci", 95, "--stats")
    assert shown.code == 0
    assert "95 % interval" in shown.out
    assert "p99" in shown.out
    told = json.loads(run("compute", "huber", SAMPLE / "preds.parquet", "--ci", 95, "--stats", "--format", "json").out)
    result = told["results"][0]
    assert set(result["interval"]) == {"level", "low", "high", "method"}
    assert result["interval"]["low"] < result["value"] < result["interval"]["high"]
    assert result["distribution"]["approximate"] is None
    assert Interval(**result["interval"]).level == 0.95
