"""The values that the source articles print or imply for regression, worked out by hand."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.declare import registry
from lossctl.errors import DataError, LossctlError
from lossctl.losses.classification._class_weights import counted
from support import write_csv, write_parquet

# Residuals of four predictions, and how far each is from its target.
TARGET, PRED = [3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]
HUNDREDS, NEAR = [100.0, 200.0, 300.0], [90.0, 210.0, 290.0]


def log_cosh(error: float) -> float:
    return math.log(math.cosh(error))


def msle(target: float, pred: float) -> float:
    return (math.log1p(pred) - math.log1p(target)) ** 2


PRINTED = [
    ("mse", {}, TARGET, PRED, (0.5**2 + 0.5**2 + 0.0 + 1.0**2) / 4),
    ("mae", {}, TARGET, PRED, (0.5 + 0.5 + 0.0 + 1.0) / 4),
    ("huber", {"delta": 1.0}, TARGET, PRED, (0.5**2 / 2 + 0.5**2 / 2 + 0.0 + 1.0 / 2) / 4),
    ("smooth_l1", {"beta": 1.0}, TARGET, PRED, (0.5**2 / 2 + 0.5**2 / 2 + 0.0 + (1.0 - 0.5)) / 4),
    ("log_cosh", {}, TARGET, PRED, (log_cosh(0.5) + log_cosh(0.5) + 0.0 + log_cosh(1.0)) / 4),
    ("quantile", {"tau": 0.8}, TARGET, PRED, (0.8 * 0.5 + 0.2 * 0.5 + 0.0 + 0.2 * 1.0) / 4),
    ("mape", {}, HUNDREDS, NEAR, (10 / 100 + 10 / 200 + 10 / 300) / 3),
    ("msle", {}, HUNDREDS, NEAR, (msle(100, 90) + msle(200, 210) + msle(300, 290)) / 3),
]


@pytest.mark.parametrize(("loss", "params", "target", "pred", "value"), PRINTED)
def test_the_articles_values_come_out_of_the_functions(
    loss: str, params: dict[str, float], target: list[float], pred: list[float], value: float
) -> None:
    rows = getattr(lossctl.losses, loss)(target, pred, **params)
    assert_allclose(rows.mean(), value, rtol=1e-14)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize(("loss", "params", "target", "pred", "value"), PRINTED)
def test_the_articles_values_come_out_of_files(
    loss: str,
    params: dict[str, float],
    target: list[float],
    pred: list[float],
    value: float,
    suffix: str,
    tmp_path: Path,
) -> None:
    data = {"y_true": target, "y_pred": pred}
    path = tmp_path / f"preds.{suffix}"
    write_parquet(path, data) if suffix == "parquet" else write_csv(path, data)
    found = lossctl.compute(loss, path, **params).value  # type: ignore[arg-type]
    assert_allclose(found, value, rtol=1e-14)


@pytest.mark.parametrize(
    ("loss", "error", "value"),
    [
        ("cauchy", 1e200, 2 * 200 * math.log(10) - math.log(2)),
        ("cauchy", -1e308, 2 * 308 * math.log(10) - math.log(2)),
        ("smape", 5e-324, 2.0),
        ("smape", -1e-310, 2.0),
    ],
)
def test_a_finite_value_stays_finite_and_exact_at_the_ends_of_the_range(loss: str, error: float, value: float) -> None:
    rows = getattr(lossctl.losses, loss)([0.0, 0.0, 1.0], [error, 0.0, 1.0])
    assert_allclose(rows, [value, 0.0, 0.0], rtol=1e-15)


LARGE = [
    (-1e308, 1e308, 2.0, 0.0),
    (1.5e308, 0.5e308, 1.0, -4 * 0.75e-308 / 2),
    (1e308, 1.75e308, 2 * 0.75 / 2.75, 4 * 1e-308 / 2.75**2),
    (1e308, 1e308, 0.0, 0.0),
    (1e308, 0.0, 2.0, -2e-308),
    (1e200, 2e200, 2 / 3, 4e-200 / 9),
    (1e-200, 2e-200, 2 / 3, 4e200 / 9),
    (1.0, 3.0, 1.0, 4 / 16),
]


def test_smape_keeps_its_value_and_slope_where_its_denominator_overflows() -> None:
    target, pred, value, slope = map(np.array, zip(*LARGE, strict=True))
    assert_allclose(lossctl.losses.smape(target, pred), value, rtol=1e-15)
    with np.errstate(all="ignore"):
        found = registry.get("smape").hooks.gradient(target, pred)
        assert_allclose(found, slope, rtol=1e-14)
        assert_allclose(
            registry.get("smape").hooks.gradient(np.stack([pred, target]), np.stack([target, pred]))[1],
            slope,
            rtol=1e-14,
        )
    assert_allclose(lossctl.losses.smape(np.stack([target, pred], 1), np.stack([pred, target], 1)), value, rtol=1e-15)
    report = lossctl.compute("smape", {"target": [1e308, 1.0], "pred": [-1e308, 3.0]})
    assert report.value == 1.5


# What the docstrings say of each other.
IDENTITIES = [
    ("mse", "2 * half_squared_error", "mse == 2 * half_squared_error"),
    ("mse", "2*expectile(tau=0.5)", "mse == 2 * expectile(tau=0.5)"),
    ("mae", "2*quantile(tau=0.5)", "mae == 2 * quantile(tau=0.5)"),
    ("mae", "smooth_l1(beta=0)", "mae == smooth_l1(beta=0)"),
    ("mae", "epsilon_insensitive(epsilon=0)", "mae == epsilon_insensitive(epsilon=0)"),
    ("huber(delta=0.3)", "0.3*smooth_l1(beta=0.3)", "huber(delta) == delta * smooth_l1(beta=delta)"),
    ("mse", "squared_epsilon_insensitive(epsilon=0)", "squared_epsilon_insensitive(epsilon=0) == mse"),
]


@pytest.mark.parametrize(("left", "right", "said"), IDENTITIES, ids=[said for _, _, said in IDENTITIES])
def test_an_identity_holds(left: str, right: str, said: str, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "preds.parquet", {"y_true": TARGET, "y_pred": PRED})
    assert_allclose(lossctl.compute(left, path).value, lossctl.compute(right, path).value, rtol=1e-15)


@pytest.mark.parametrize("bins", [3, 7, 10, 15, 20, 100])
def test_a_probability_on_an_edge_is_in_the_bin_below(bins: int) -> None:
    edges = [k / bins for k in range(1, bins + 1)]
    just_below = [math.nextafter(edge, 0.0) for edge in edges]
    found = lossctl.compute("ece", {"target": [1] * bins + [0] * bins, "pred": edges + just_below}, bins=bins, norm=2)
    assert_allclose(found.value, np.sqrt(np.mean((np.array(edges) - 0.5) ** 2)), rtol=1e-12)


SCORES = [[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]


@pytest.mark.parametrize(
    ("loss", "pred", "options", "value"),
    [
        ("zero_one", [0.9, 0.2, 0.1], {"threshold": 0.5, "positive_label": "p"}, 1 / 3),
        ("zero_one", [0.9, 0.2, 0.1], {"threshold": 0.5, "positive_label": "n"}, 2 / 3),
        ("zero_one", SCORES, {"classes": ["n", "p"]}, 0.0),
        ("ece", SCORES, {"classes": ["n", "p"]}, (0.1 + 0.2 + 0.3) / 3),
    ],
)
def test_label_options_are_taken_where_a_parameter_or_the_prediction_brings_such_labels(
    loss: str, pred: list[object], options: dict[str, object], value: float
) -> None:
    found = lossctl.compute(loss, {"target": ["p", "n", "p"], "pred": pred}, **options).value  # type: ignore[arg-type]
    assert_allclose(found, value, rtol=1e-15)


@pytest.mark.parametrize(
    "pred", [[1, 0, 0], [1.0, 0.0, 0.0], [True, False, False], ["True", "False", "False"]], ids=str
)
def test_true_is_the_label_1(pred: list[object]) -> None:
    for target in ([True, False, True], [1, 0, 1], ["1", "0", "1"], ["true", "false", "true"]):
        assert lossctl.compute("zero_one", {"target": target, "pred": pred}).value == 1 / 3


def test_an_ignored_class_is_the_one_of_that_name_and_not_counted() -> None:
    logits = np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 1.0], [0.5, 0.0, 1.5], [1.0, 1.0, 2.0]])
    named = {f"logit_{k + 1}": logits[:, k] for k in range(3)}
    own = lossctl.losses.cross_entropy([0, 1, 2, 2], logits)
    for ignored, kept in ((0, [1, 1, 1, 1]), (1, [0, 1, 1, 1]), (2, [1, 0, 1, 1]), (3, [1, 1, 0, 0])):
        data = {"target": [1, 2, 3, 3], **named}
        found = lossctl.compute("cross_entropy", data, ignore_index=ignored, reduction="sum").results[0]
        assert_allclose(found.value, np.dot(own, kept), rtol=1e-15)
        assert found.ignored == 4 - sum(kept)
    aside = {"target": [0, -100, 2, 2], "logits": logits}
    inside = {**aside, "target": [0, 1, 2, 2]}
    for word in ("balanced", "effective"):
        first = lossctl.compute("cross_entropy", aside, ignore_index=-100, class_weight=word).results[0]
        second = lossctl.compute("cross_entropy", inside, ignore_index=1, class_weight=word).results[0]
        assert (first.value, first.details["class_weight"]) == (second.value, second.details["class_weight"])


def test_weights_that_were_worked_out_are_in_the_details() -> None:
    logits = {"target": [0, 1, 2], "logits": [[0.5, 0.0, 1.0]] * 3}
    found = lossctl.compute("class_balanced", logits, counts=[1000, 100, 10], beta=0.999).results[0]
    effective = np.array([(1 - 0.999) / (1 - 0.999**n) for n in (1000, 100, 10)])
    assert_allclose(found.details["class_weight"], 3 * effective / effective.sum(), rtol=1e-12)
    assert found.params["counts"] == (1000, 100, 10)
    one = {"target": [1, 0, 0, 0], "pred": [0.5, 0.5, 0.5, 0.5]}
    assert lossctl.compute("bce", one, pos_weight="balanced").results[0].details["pos_weight"] == [3.0]
    two = {"target": [[1, 1], [0, 1], [0, 0], [0, 1]], "pred": [[0.5, 0.5]] * 4}
    assert lossctl.compute("bce", two, pos_weight="balanced").results[0].details["pos_weight"] == [3.0, 1 / 3]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w.csv", "1\n2\n4\n"),
        ("w.csv", "1,2,4\n"),
        ("w.csv", "class,weight\n1,2\n0,1\n2,4\n"),
        ("w.json", "[1, 2, 4]"),
        ("w.json", '{"2": 4, "0": 1, "1": 2}'),
        ("w.JSON", '[["1", 2], [0, 1], ["2", 4]]'),
    ],
)
@pytest.mark.parametrize("loss", ["cross_entropy", "multi_margin"])
def test_class_weights_stand_in_a_file(name: str, text: str, loss: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    target, pred = [0, 1, 2], [[0.5, 0.0, 1.0]] * 3
    found = lossctl.compute(loss, {"target": target, "pred": pred}, class_weight=f"file:{path}").results[0]
    assert found.details["class_weight"] == [1.0, 2.0, 4.0]
    assert found.params["class_weight"] == f"file:{path}"
    given = lossctl.compute(loss, {"target": target, "pred": pred}, class_weight=[1, 2, 4])
    assert found.value == given.value
    call = getattr(lossctl.losses, loss)
    rows = call(target, pred, class_weight=f"file:{path}")
    assert rows.tolist() == call(target, pred, class_weight=[1, 2, 4]).tolist()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "--class-weight file:{} is empty."),
        ("3", "--class-weight file:{} cannot be read: it holds neither a list nor an object."),
        (None, "--class-weight file:{} cannot be read: No such file or directory."),
        ("[1, 2, 3, 4]", "file:{} takes as many numbers as there are classes (3: 0, 1, 2), not 4."),
        ("[[1, 2, 3], [4, 5, 6]]", "file:{} must hold 3 numbers, or a class and its weight per line."),
        ('{"0": 1, "1": 2, "3": 4}', "file:{}: there is no class '3' (there are: 0, 1, 2)."),
    ],
)
def test_a_file_of_class_weights_is_refused_as_a_command_and_in_python(
    text: str | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / ("w.csv" if text == "" else "w.json")
    if text is not None:
        path.write_text(text, encoding="utf-8")
    target, pred = [0, 1, 2], [[0.5, 0.0, 1.0]] * 3
    for refused in (
        lambda: lossctl.compute("cross_entropy", {"target": target, "pred": pred}, class_weight=f"file:{path}"),
        lambda: lossctl.losses.cross_entropy(target, pred, class_weight=f"file:{path}"),
    ):
        with pytest.raises(LossctlError) as caught:
            refused()
        assert says.format(path) in str(caught.value)


def test_rows_that_count_nothing_are_worth_nothing_and_the_given_values_stay() -> None:
    value, target = np.array([1.0, 2.0, 4.0]), np.array([0, 1, 2])
    found = counted(value, target, np.array([1.0, 0.0, 2.0]), 2)
    assert found.denominator is not None
    assert found.ignored is not None
    assert (found.value.tolist(), found.denominator.tolist()) == ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    assert found.ignored.tolist() == [False, False, True]
    assert value.tolist() == [1.0, 2.0, 4.0]


def test_the_elements_of_hamming_are_labels() -> None:
    data = {"target": [[1, 0, 1], [0, 0, 1]], "pred": [[1, 1, 0], [1, 0, 1]]}
    assert lossctl.compute("hamming", data, reduction="sum-elements").value == 3.0
    assert lossctl.compute("hamming", data, reduction="mean-elements").value == 0.5


def test_rows_of_a_class_without_weight_are_rows_all_the_same() -> None:
    data = {"target": [0, 0, 1, 2], "logits": [[0.0, 0.0, 0.0]] * 4}
    found = lossctl.compute("cross_entropy", data, class_weight=[0, 1, 2], ignore_index=2, reduction="mean-rows")
    assert (found.results[0].denominator.value, found.results[0].ignored) == (3.0, 1)
    assert_allclose(found.value, math.log(3) / 3, rtol=1e-14)


@pytest.mark.parametrize(
    ("target", "pred", "power"),
    [(0.0, 1.5, 3.0), (-1.0, 1.5, 1.5), (1.0, 1.5, 0.5), (-1.0, -1.5, -1.0), (1.0, -1.5, 1.5), (-1.0, 1.5, 1.0)],
)
def test_a_column_of_powers_has_the_domains_of_each_power(target: float, pred: float, power: float) -> None:
    data = {"target": [2.0, target], "pred": [1.0, pred], "power": [1.5, power]}
    with pytest.raises(DataError, match=r"breaks the rule.* in row 2"):
        lossctl.compute("tweedie_deviance", data, power="@power")
    fine = {"target": [-1.0, 2.0, 0.0], "pred": [-1.5, 1.0, 2.0], "power": [0.0, 2.0, 1.0]}
    alone = [
        lossctl.compute("tweedie_deviance", {"target": [y], "pred": [p]}, power=power).value
        for y, p, power in zip(*fine.values(), strict=True)
    ]
    assert lossctl.compute("tweedie_deviance", fine, power="@power", reduction="none").results[0].values == alone


@pytest.mark.parametrize(
    ("normalizer", "target"), [("mean", [1, -1]), ("range", [1, 1]), ("std", [1, 1]), ("l2", [0, 0])]
)
def test_an_error_relative_to_nothing_is_infinite(normalizer: str, target: list[int]) -> None:
    assert lossctl.compute("nrmse", {"target": target, "pred": [2, 2]}, normalizer=normalizer).value == np.inf
    assert lossctl.compute("nrmse", {"target": [0, 0], "pred": [0, 0]}, normalizer=normalizer).value is None


@pytest.mark.parametrize("gap", [5.0, 15.0, 20.0, 40.0, 700.0])
@pytest.mark.parametrize("target", [[0], [[1.0, 0.0, 0.0, 0.0]]])
def test_the_cross_entropy_of_a_certain_row_keeps_its_digits(gap: float, target: list[object]) -> None:
    found = lossctl.compute("cross_entropy", {"target": target, "pred": [[gap, 0.0, 0.0, 0.0]]}).value
    assert_allclose(found, math.log1p(3 * math.exp(-gap)), rtol=2e-14)


def test_a_smoothed_label_of_a_class_without_weight_is_worth_the_other_classes() -> None:
    logits = [[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]
    log_sums = np.log(np.exp(logits).sum(axis=1))
    smooth = 0.3 / 3 * (1 * (log_sums - [2, 1]) + 2 * (log_sums - [3, 0]))
    own = 0.7 * np.array([0.0, log_sums[1] - 1.0])
    data = {"target": [0, 1], "pred": logits}
    options = {"class_weight": [0, 1, 2], "label_smoothing": 0.3}
    rows = lossctl.compute("cross_entropy", data, reduction="none", **options).results[0].values  # type: ignore[arg-type]
    assert_allclose(rows, own + smooth, rtol=1e-14)
    assert_allclose(lossctl.compute("cross_entropy", data, **options).value, (own + smooth).sum() / 1, rtol=1e-14)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["cce", "scce"])
def test_proportions_are_found_where_probabilities_are(loss: str, tmp_path: Path) -> None:
    columns = {"y": [0, 2], "prob_0": [0.5, 0.2], "prob_1": [0.3, 0.3], "prob_2": [0.4, 0.6]}
    found = lossctl.compute(loss, write_csv(tmp_path / "a.csv", columns), normalize=True).value
    assert_allclose(found, -(math.log(0.5 / 1.2) + math.log(0.6 / 1.1)) / 2, rtol=1e-14)


@pytest.mark.parametrize(
    ("target", "members"), [(1.0, [1e-8, 2e-8, 4e-8]), (1e6, [0.1, 0.2, 0.4]), (1e16, [0.1, 0.2, 0.4])]
)
def test_an_ensemble_far_from_the_target_keeps_its_spread(target: float, members: list[float]) -> None:
    exact = [Fraction(member) for member in members]
    mean = sum(exact) / 3
    variance = sum((member - mean) ** 2 for member in exact) / 2
    expected = float((Fraction(target) - mean) ** 2 / variance) + math.log(variance)
    assert_allclose(lossctl.compute("dss", {"target": [target], "pred": [members]}).value, expected, rtol=1e-14)


def test_a_perfect_correlation_lacks_what_eps_takes() -> None:
    target = np.repeat([1, 0], [500, 5000])
    found = lossctl.compute("mcc_loss", {"target": target, "pred": target.astype(float)}).value
    tp, tn, wrong = Fraction(500) + Fraction(1e-5), Fraction(5000) + Fraction(1e-5), Fraction(1e-5)
    assert_allclose(found, float(1 - (tp * tn - wrong**2) / ((tp + wrong) * (tn + wrong))), rtol=1e-14)
    opposite = lossctl.compute("mcc_loss", {"target": target, "pred": 1.0 - target}).value
    assert_allclose(opposite, float(1 + (tp * tn - wrong**2) / ((tp + wrong) * (tn + wrong))), rtol=1e-14)


@pytest.mark.parametrize("logit", [1.0, 709.5, 730.0, 745.0, 746.0])
def test_an_unclipped_negative_label_is_worth_a_softplus(logit: float) -> None:
    found = lossctl.compute("asl", {"target": [[0]], "pred": [[logit]]}, gamma_neg=0, clip=0).value
    assert_allclose(found, logit + math.log1p(math.exp(-logit)), rtol=1e-15)


def test_a_class_that_does_not_count_is_worth_nothing_however_improbable() -> None:
    data = {"target": [1, 0], "pred": [[1.0, 0.0], [0.5, 0.5]]}
    rows = lossctl.compute("focal_cross_entropy", data, input="probs", alpha=[1, 0], reduction="none").results[0].values
    assert_allclose(rows, [0.0, 0.25 * math.log(2)], rtol=1e-15)


@pytest.mark.parametrize(
    ("loss", "params", "error", "value"),
    [
        ("pseudo_huber", {"delta": 1e155}, 1.0, 0.5),
        ("pseudo_huber", {"delta": 1e-300}, 1e10, 1e-290),
        ("pseudo_huber", {"delta": 1e-200}, 1.0, 1e-200),
        ("tukey_biweight", {"c": 1e155}, 1.0, 0.5),
        ("tukey_biweight", {"c": 1e200}, 1.0, 0.5),
    ],
)
def test_parameters_at_the_ends_of_the_range_do_no_harm(
    loss: str, params: dict[str, float], error: float, value: float
) -> None:
    assert_allclose(lossctl.compute(loss, {"target": [0.0], "pred": [error]}, **params).value, value, rtol=1e-15)  # type: ignore[arg-type]
