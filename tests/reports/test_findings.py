"""What findings say: singular and plural agree in every message."""

import json
import re
from pathlib import Path

import pytest

import lossctl
from lossctl.declare.pitfalls import PITFALLS
from lossctl.reports.findings import findings
from support import Run, check_refused

SINGULAR = {
    "rows": "row",
    "units": "unit",
    "probabilities": "probability",
    "targets": "target",
    "counts": "count",
    "predicted variances": "predicted variance",
}
# Verbs and words of several things that the message of a single one must not hold.
PLURAL = {"are", "were", "have", "do", "predict", "owe", "decide", "their", *SINGULAR}


@pytest.mark.parametrize("code", PITFALLS)
def test_one_and_several_are_told_apart(code: str) -> None:
    pitfall = PITFALLS[code]
    several, one = (findings({code: count})[0].message for count in (1200, 1))
    assert several == f"1,200 {pitfall.title}. {pitfall.remedy}"
    assert one == f"1 {pitfall.single}. {pitfall.remedy}"
    noun = next(noun for noun in SINGULAR if pitfall.title.startswith(noun + " "))
    assert pitfall.single.startswith(SINGULAR[noun] + " ")
    assert not PLURAL & set(re.findall(r"\w+", pitfall.single))


@pytest.mark.parametrize("code", PITFALLS)
def test_what_is_to_be_done_suits_one_and_several(code: str) -> None:
    assert not re.search(r"\b(those|these)\b", PITFALLS[code].remedy, re.IGNORECASE)


CASES = [
    ("bce", {"target": [1, 0, 1], "pred": [0.0, 0.5, 0.5]}, {}, "1 probability was clipped."),
    ("bce", {"target": [1, 0, 1], "pred": [0.0, 1.0, 0.5]}, {}, "2 probabilities were clipped."),
    ("mae", {"target": [1.0, None], "pred": [0.0, 1.0]}, {"missing": "skip"}, "1 row was left out because "),
    (
        "mae",
        {"target": [1.0, None, None], "pred": [0.0, 1.0, 2.0]},
        {"missing": "skip"},
        "2 rows were left out because ",
    ),
    ("mape", {"target": [0.0, 2.0], "pred": [0.0, 1.0]}, {}, "1 target at or near 0 decides a relative error."),
    ("mape", {"target": [0.0, 0.0], "pred": [0.0, 1.0]}, {}, "2 targets at or near 0 decide a relative error."),
    ("poisson_nll", {"target": [0.5, 2.0], "rate": [1.0, 1.0]}, {}, "1 count is not a whole number."),
    ("poisson_nll", {"target": [0.5, 2.5], "rate": [1.0, 1.0]}, {}, "2 counts are not whole numbers."),
]


@pytest.mark.parametrize(("loss", "data", "options", "says"), CASES)
def test_a_finding_counts_in_its_message(
    loss: str, data: dict[str, list[float]], options: dict[str, str], says: str
) -> None:
    columns = {"pred": "rate"} if "rate" in data else {}
    (finding,) = lossctl.compute(loss, data, **options, **columns).findings
    assert finding.message.startswith(says)
    assert finding.count == int(says[0])


def test_info_tells_of_several(run: Run) -> None:
    assert "probabilities were clipped" in run("info", "LC201").out
    told = json.loads(run("info", "LC201", "--format", "json").out)
    assert (told["title"], told["single"]) == ("probabilities were clipped", "probability was clipped")


def test_a_row_without_a_truth_is_one_row(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text("id,pred\n1,2\n2,3\n")
    (folder / "t.csv").write_text("id,target\n1,2\n")
    ended = run("compute", "mae", "a.csv", "--truth", "t.csv", "--on", "id")
    check_refused(ended, "1 row has no truth in t.csv for id")
