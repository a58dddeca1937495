"""Prediction files of real models by others, evaluated on the command line as they were published."""

import json
import zipfile
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from support import REAL, Outcome, Run, check_refused, needs_real_files, write_csv

COVID = REAL / "scoringutils_covid"
OBSERVED = ("--target", "observed", "--pred", "predicted", "--missing", "skip")

pytestmark = needs_real_files

Results = dict[tuple[str, ...], dict[str, object]]


def results(outcome: Outcome, code: int = 0) -> Results:
    """Evaluations by the values of their slice, from a report in JSON."""
    assert outcome.code == code, outcome.err
    assert outcome.err == ""
    return {tuple((item["slice"] or {}).values()): item for item in json.loads(outcome.out)["results"]}


def printed(value: object, text: str) -> bool:
    """Whether a value, rounded as a page prints it, is what the page says."""
    decimals = len(text.partition(".")[2])
    assert isinstance(value, float)
    return f"{value:.{decimals}f}" == text


# scoringutils 1.1.3, reference/score.html: interval_score by model and target, as printed.
WIS = {
    ("EuroCOVIDhub-baseline", "Cases"): "28483.57465",
    ("EuroCOVIDhub-baseline", "Deaths"): "159.40387",
    ("EuroCOVIDhub-ensemble", "Cases"): "17943.82383",
    ("EuroCOVIDhub-ensemble", "Deaths"): "41.42249",
    ("UMass-MechBayes", "Deaths"): "52.65195",
    ("epiforecasts-EpiNow2", "Cases"): "20831.55662",
    ("epiforecasts-EpiNow2", "Deaths"): "66.64282",
}


def test_twice_the_quantile_loss_is_the_published_interval_score_to_the_printed_digits(run: Run) -> None:
    by = ("--by", "model,target_type", "--format", "json")
    done = run("compute", "2*quantile(tau=@quantile_level)", COVID / "example_quantile.csv", *OBSERVED, *by)
    found = results(done)
    assert all(printed(found[key]["value"], text) for key, text in WIS.items())
    assert found[()]["rows"] == 20401
    assert found[()]["skipped"] == 144


# The same page: ae_point of example_point by model, as printed; se_point is printed to seven digits.
POINTS = {
    "EuroCOVIDhub-baseline": ("19353.42969", 2.883446e09),
    "EuroCOVIDhub-ensemble": ("12077.10156", 1.945118e09),
    "epiforecasts-EpiNow2": ("14521.10526", 2.680928e09),
    "UMass-MechBayes": ("78.47656", 1.170976e04),
}


def test_point_forecasts_have_the_published_errors(run: Run) -> None:
    by = ("--by", "model", "--format", "json")
    absolute = results(run("compute", "mae", COVID / "example_point.csv", *OBSERVED, *by))
    squared = results(run("compute", "mse", COVID / "example_point.csv", *OBSERVED, *by))
    for model, (mae, mse) in POINTS.items():
        assert printed(absolute[(model,)]["value"], mae)
        assert f"{squared[(model,)]['value']:.6e}" == f"{mse:.6e}"


def test_a_probability_of_0_for_what_happened_is_infinite_where_nothing_is_clipped(run: Run) -> None:
    options = ("--by", "model,target_type", "--eps", "0", "--format", "json")
    found = results(run("compute", "bce", COVID / "example_binary.csv", *OBSERVED, *options))
    infinite = {key for key, item in found.items() if item["reason"] == "infinite"}
    baseline = "EuroCOVIDhub-baseline"
    assert infinite == {(), (baseline,), ("Cases",), (baseline, "Cases")}
    assert all(found[key]["value"] is None for key in infinite)


def test_by_default_it_is_clipped_and_counted(run: Run) -> None:
    by = ("--by", "model,target_type", "--format", "json")
    done = run("compute", "bce", COVID / "example_binary.csv", *OBSERVED, *by)
    found = results(done)
    assert_allclose(found[("EuroCOVIDhub-baseline", "Cases")]["value"], 0.9490912664645004, rtol=1e-13)
    assert found[()]["rows"] == 887
    counts = {item["code"]: item["count"] for item in json.loads(done.out)["findings"]}
    assert counts == {"LC101": 144, "LC201": 1}


def test_an_infinite_loss_fails_its_threshold(run: Run) -> None:
    cases = ("--where", "model == 'EuroCOVIDhub-baseline' and target_type == 'Cases'", "--eps", "0", "--max", "5", "-q")
    done = run("compute", "bce", COVID / "example_binary.csv", *OBSERVED, *cases)
    assert (done.code, done.out, done.err) == (1, "inf\n", "")


@pytest.mark.parametrize(
    ("loss", "archive", "rows", "score"),
    [
        ("mae", "jarvis_supercon_tc/cfid_chem", 3283, 5.032619346040378),
        ("zero_one", "jarvis_labels/pubchem_logreg", 8900, 0.0723595505617978),
        ("zero_one", "jarvis_labels/bravais_densenet", 2288, 0.1695804195804196),
    ],
)
def test_a_file_inside_a_zip_is_read_straight(run: Run, loss: str, archive: str, rows: int, score: float) -> None:
    (found,) = results(run("compute", loss, REAL / f"{archive}.csv.zip", "--format", "json")).values()
    assert found["rows"] == rows
    assert_allclose(found["value"], score, rtol=1e-13)


@pytest.mark.parametrize(
    ("column", "score"),
    [
        ("VGG-Face_cosine", 0.10529340821428572),
        ("Facenet_cosine", 0.038711162964285714),
        ("Facenet_euclidean_l2", 0.21849875821428572),
    ],
)
def test_distances_of_faces_are_scored_by_words(run: Run, column: str, score: float) -> None:
    path = REAL / "deepface_pairs" / "face-recognition-pivot.csv"
    words = ("--target", "decision", "--positive-label", "Yes", "--distance", column)
    done = run("compute", "contrastive_distance", path, *words, "-q")
    assert (done.code, done.err) == (0, "")
    assert_allclose(float(done.out), score, rtol=1e-13)


def test_a_slip_in_the_positive_label_is_no_score(run: Run) -> None:
    path = REAL / "deepface_pairs" / "face-recognition-pivot.csv"
    words = ("--target", "decision", "--positive-label", "yes!", "--distance", "VGG-Face_cosine")
    done = run("compute", "contrastive_distance", path, *words)
    check_refused(done, "no row holds the positive label 'yes!', but 'No' and 'Yes'")


# jarvis_leaderboard, docs/AI/SinglePropertyPrediction/dft_3d_exfoliation_energy.md, as printed, and with all digits.
ENERGIES = {
    "matminer_xgboost": ("40.887", 40.88704609876543),
    "matminer_rf": ("42.7554", 42.755424691358016),
    "kgcnn_coNGN": ("46.272", 46.272030888888885),
    "alignn_model": ("52.7033", 52.70333083950617),
}


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """The truth as CSV: its JSON is one object of splits, each of values by id."""
    with zipfile.ZipFile(REAL / "jarvis_exfoliation" / "dft_3d_exfoliation_energy.json.zip") as packed:
        test = json.loads(packed.read(packed.namelist()[0]))["test"]
    return write_csv(tmp_path / "truth.csv", {"id": list(test), "target": list(test.values())})


@pytest.mark.parametrize("model", ENERGIES)
def test_predictions_inside_a_zip_join_their_truth(run: Run, truth: Path, model: str) -> None:
    path = REAL / "jarvis_exfoliation" / f"{model}.csv.zip"
    own = ("--target", "truth:target") if model == "alignn_model" else ()  # it brings a rounded copy of the truth
    (found,) = results(run("compute", "mae", path, "--truth", truth, "--on", "id", *own, "--format", "json")).values()
    text, score = ENERGIES[model]
    assert_allclose(found["value"], score, rtol=1e-13)
    assert printed(found["value"], text)
    assert found["details"]["join"] == {"on": ["id"], "rows": 81, "without_truth": 0, "without_prediction": 0}


def test_a_truth_that_is_one_object_says_how_to_convert_it(run: Run) -> None:
    folder = REAL / "jarvis_exfoliation"
    truth = folder / "dft_3d_exfoliation_energy.json.zip"
    done = run("compute", "mae", folder / "matminer_rf.csv.zip", "--truth", truth, "--on", "id")
    check_refused(done, "one object")
