"""Prediction files of real models by others, with the scores their authors published."""

import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.declare import registry
from support import REAL, needs_real_files

pytestmark = needs_real_files


# 3,283 predicted critical temperatures; 23 % of the targets are exactly 0.
SUPERCON = REAL / "jarvis_supercon_tc" / "cfid_chem.csv.zip"


def test_the_columns_of_a_published_file_are_found() -> None:
    report = lossctl.compute("mae", SUPERCON)
    assert report.value is not None
    assert_allclose(report.value, 5.032619346040378, rtol=1e-14)
    assert report.results[0].columns == {"target": ["target"], "pred": ["prediction"]}


def test_targets_of_exactly_zero_are_found_under_a_relative_error() -> None:
    report = lossctl.compute("mape", SUPERCON)
    assert [(finding.code, finding.count) for finding in report.findings] == [("LC301", 760)]
    assert report.value is not None
    assert report.value > 1e10


def test_missing_forecasts_are_an_error_by_default() -> None:
    path = REAL / "scoringutils_covid" / "example_point.csv"
    with pytest.raises(lossctl.LossctlError, match=r"column 'predicted': missing in 144 rows .*\n.*--missing skip"):
        lossctl.compute("mae", path, target="observed", pred="predicted", by="model")


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
    found = registry.get("ctc")([logits], [text], alphabet=ALPHABET, blank=-1)
    assert_allclose(found, [score], rtol=1e-12)
