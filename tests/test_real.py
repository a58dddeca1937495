"""Prediction files of real models by others, with the scores their authors published."""

import json
import zipfile
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl import spec
from lossctl.results import Evaluation, Report
from support import ROOT, write_csv

REAL = ROOT.parent / "shared" / "real"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real files stay beside the project, in ../shared/real")


def unzipped(archive: Path, folder: Path) -> Path:
    """The one file of an archive."""
    with zipfile.ZipFile(archive) as packed:
        (name,) = [entry for entry in packed.namelist() if entry.endswith(".csv")]
        return Path(packed.extract(name, folder))


def slices(report: Report) -> dict[tuple[str, ...], Evaluation]:
    """Evaluations by the values of their slice."""
    return {tuple((result.slice or {}).values()): result for result in report}


@pytest.fixture
def supercon(tmp_path: Path) -> Path:
    """3,283 predicted critical temperatures; 23 % of the targets are exactly 0."""
    return unzipped(REAL / "jarvis_supercon_tc" / "cfid_chem.csv.zip", tmp_path)


def test_the_published_error_of_critical_temperatures_comes_out(supercon: Path) -> None:
    report = lossctl.compute("mae", supercon)
    assert report.value is not None
    assert_allclose(report.value, 5.032619346040378, rtol=1e-14)
    assert report.results[0].rows == 3283
    assert report.results[0].columns == {"target": ["target"], "pred": ["prediction"]}


def test_targets_of_exactly_zero_are_found_under_a_relative_error(supercon: Path) -> None:
    report = lossctl.compute("mape", supercon)
    assert [(finding.code, finding.count) for finding in report.findings] == [("LC301", 760)]
    assert report.value is not None
    assert report.value > 1e10


# scoringutils 1.1.3, reference/score.html: ae_point and se_point of example_point by model.
POINTS = {
    "EuroCOVIDhub-baseline": (19353.4296875, 2883446368.97656),
    "EuroCOVIDhub-ensemble": (12077.1015625, 1945117910.17188),
    "epiforecasts-EpiNow2": (14521.1052632, 2680928230.06073),
    "UMass-MechBayes": (78.4765625, 11709.7578125),
}


@pytest.mark.parametrize(("loss", "which"), [("mae", 0), ("mse", 1)])
def test_point_forecasts_of_many_models_in_one_file_are_told_apart(loss: str, which: int) -> None:
    path = REAL / "scoringutils_covid" / "example_point.csv"
    report = lossctl.compute(loss, path, target="observed", pred="predicted", missing="skip", by="model")
    found = slices(report)
    for model, scores in POINTS.items():
        assert_allclose(found[(model,)].value, scores[which], rtol=1e-11)
    assert found[()].rows == 887
    assert found[()].skipped == 144
    assert report.results[0].details["missing"] == {"predicted": 144}


def test_missing_forecasts_are_an_error_by_default() -> None:
    path = REAL / "scoringutils_covid" / "example_point.csv"
    with pytest.raises(lossctl.LossctlError, match=r"column 'predicted': missing in 144 rows .*\n.*--missing skip"):
        lossctl.compute("mae", path, target="observed", pred="predicted", by="model")


# The same page: interval_score of example_quantile by model and target, which is twice the mean pinball loss.
SCORES = {
    ("EuroCOVIDhub-baseline", "Cases"): 28483.57465353,
    ("EuroCOVIDhub-baseline", "Deaths"): 159.40386889,
    ("EuroCOVIDhub-ensemble", "Cases"): 17943.82383152,
    ("EuroCOVIDhub-ensemble", "Deaths"): 41.42249321,
    ("UMass-MechBayes", "Deaths"): 52.65194633,
    ("epiforecasts-EpiNow2", "Cases"): 20831.55661685,
    ("epiforecasts-EpiNow2", "Deaths"): 66.64282061,
}


def test_the_level_of_a_quantile_may_stand_in_a_column() -> None:
    path = REAL / "scoringutils_covid" / "example_quantile.csv"
    report = lossctl.compute(
        "2*quantile(tau=@quantile_level)",
        path,
        target="observed",
        pred="predicted",
        missing="skip",
        by=("model", "target_type"),
    )
    found = slices(report)
    for key, score in SCORES.items():
        assert_allclose(found[key].value, score, rtol=1e-9)


@pytest.fixture
def exfoliation(tmp_path: Path) -> Path:
    """A folder with four models' predictions of exfoliation energies, and the truth in a file of its own."""
    source = REAL / "jarvis_exfoliation"
    for archive in source.glob("*.csv.zip"):
        unzipped(archive, tmp_path).rename(tmp_path / archive.name.removesuffix(".zip"))
    with zipfile.ZipFile(source / "dft_3d_exfoliation_energy.json.zip") as packed:
        truth = json.loads(packed.read(packed.namelist()[0]))["test"]
    write_csv(tmp_path / "truth.csv", {"id": list(truth), "target": list(truth.values())})
    return tmp_path


ENERGIES = {
    "matminer_xgboost": (40.88704609876543, 92.57750348592134),
    "matminer_rf": (42.755424691358016, 98.21266584484214),
    "kgcnn_coNGN": (46.272030888888885, 124.28685366753379),
    "alignn_model": (52.70333083950617, 101.69503185679726),
}


@pytest.mark.parametrize("model", ENERGIES)
def test_predictions_join_the_truth_on_their_ids(exfoliation: Path, model: str) -> None:
    path, truth = exfoliation / f"{model}.csv", exfoliation / "truth.csv"
    both = {"target": "truth:target"} if model == "alignn_model" else {}  # it brings a copy of the truth
    for loss, score in zip(("mae", "rmse"), ENERGIES[model], strict=True):
        report = lossctl.compute(loss, path, truth=truth, on="id", **both)
        assert report.value is not None
        assert_allclose(report.value, score, rtol=1e-12)
        assert report.results[0].rows == 81


@pytest.mark.parametrize(
    ("name", "rows", "score"),
    [("pubchem_logreg", 8900, 0.0723595505617978), ("bravais_densenet", 2288, 0.1695804195804196)],
)
def test_hard_labels_are_compared_as_they_are(tmp_path: Path, name: str, rows: int, score: float) -> None:
    report = lossctl.compute("zero_one", unzipped(REAL / "jarvis_labels" / f"{name}.csv.zip", tmp_path))
    assert report.value is not None
    assert_allclose(report.value, score, rtol=1e-13)
    assert report.results[0].rows == rows


@pytest.mark.parametrize(
    ("column", "score"),
    [
        ("VGG-Face_cosine", 0.10529340821428572),
        ("Facenet_cosine", 0.038711162964285714),
        ("Facenet_euclidean_l2", 0.21849875821428572),
    ],
)
def test_pairs_say_in_words_whether_they_are_similar(column: str, score: float) -> None:
    path = REAL / "deepface_pairs" / "face-recognition-pivot.csv"
    report = lossctl.compute("contrastive_distance", path, distance=column, target="decision", positive_label="Yes")
    assert report.value is not None
    assert_allclose(report.value, score, rtol=1e-12)


def test_a_probability_of_exactly_zero_is_infinite_where_nothing_clips_it() -> None:
    path = REAL / "scoringutils_covid" / "example_binary.csv"
    report = lossctl.compute(
        "bce", path, target="observed", pred="predicted", eps=0, missing="skip", by=("model", "target_type")
    )
    found = slices(report)[("EuroCOVIDhub-baseline", "Cases")]
    assert found.value == float("inf")
    assert found.reason == "infinite"
    assert report.results[0].rows == 887


ALPHABET = " !\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("name", "text", "score"),
    [
        ("line", "the fake friend of the family, like the", 28.090721774903212),
        ("word", "aircraft", 5.401757707876649),
        ("word", "aircrapt", 0.14025855848015087),
    ],
)
def test_handwriting_is_scored_against_its_text(name: str, text: str, score: float) -> None:
    lines = (REAL / "ctcdecoder" / f"{name}_rnnOutput.csv").read_text(encoding="ascii").split()
    logits = [[float(cell) for cell in line.rstrip(";").split(";")] for line in lines]
    found = spec.get("ctc")([logits], [text], alphabet=ALPHABET, blank=-1)
    assert_allclose(found, [score], rtol=1e-12)
