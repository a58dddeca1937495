"""Findings that merged statistics of units show."""

from pathlib import Path

import pytest

import lossctl
from lossctl.declare import registry
from lossctl.declare.pitfalls import PITFALLS
from lossctl.errors import DeclarationError
from lossctl.reports.results import Report
from support import write_parquet

SMOOTHED = [loss.name for loss in registry.every() if "smooth" in loss.params]
MASKS = {
    "target": [1, 0, 1, 0, 0, 0, 0, 0],
    "pred": [0.9, 0.1, 1e-7, 1e-7, 1e-8, 0.0, 0.0, 0.0],
    "image": ["fair", "fair", "some", "some", "faint", "faint", "empty", "empty"],
    "site": ["x"] * 4 + ["y"] * 4,
}


def counts(report: Report) -> dict[str, int]:
    return {finding.code: finding.count for finding in report.findings}


@pytest.mark.parametrize("name", SMOOTHED)
def test_units_whose_denominator_is_mostly_smoothing_are_counted(name: str) -> None:
    """Of the image without target and prediction nothing is said of smoothing: it is worth 0 with any."""
    assert counts(lossctl.compute(name, MASKS, group="image")) == {"LC341": 1, "LC342": 2}
    assert counts(lossctl.compute(name, MASKS, group="image", smooth=0.0)) == {"LC342": 2}
    assert counts(lossctl.compute(name, MASKS, group="image", smooth=10.0)) == {"LC341": 3, "LC342": 2}


def test_every_loss_with_smoothing_has_the_finding() -> None:
    assert {"dice", "jaccard", "tversky"} <= set(SMOOTHED)
    for name in SMOOTHED:
        assert "LC341" in [finding.code for finding in registry.get(name).hooks.unit_findings]


@pytest.mark.parametrize("squared", [False, True])
def test_the_share_of_the_denominator_decides(squared: bool) -> None:
    data = {"target": [1.0, 0.0], "pred": [1.0, 1.0]}  # a denominator of 3, squares or not
    for smooth, found in ((0.33, {}), (0.34, {"LC341": 1})):
        assert counts(lossctl.compute("dice", data, smooth=smooth, squared=squared)) == found


def test_a_class_that_does_not_count_is_not_remarked_on() -> None:
    data = {"target": [0, 1], "pred": [[0.9, 0.1, 0.0], [0.2, 0.8 - 1e-7, 1e-7]]}
    assert counts(lossctl.compute("jaccard", data, average="present")) == {}
    assert counts(lossctl.compute("jaccard", data, average="all")) == {"LC341": 1}


def test_units_that_stand_in_a_row_each_are_counted_as_well() -> None:
    names = ("target", "pred")
    nested = {name: [MASKS[name][at : at + 2] for at in range(0, 8, 2)] for name in names}
    report = lossctl.compute("dice", nested)
    assert counts(report) == {"LC341": 1, "LC342": 2}
    assert report.value == lossctl.compute("dice", MASKS, group="image").value
    with_none = {"target": [*nested["target"], []], "pred": [*nested["pred"], []]}
    assert counts(lossctl.compute("dice", with_none)) == {"LC102": 1, "LC341": 1, "LC342": 2}


def test_findings_are_of_the_whole_whatever_the_slices_and_files(tmp_path: Path) -> None:
    """A unit's statistics are merged first: half an image has no positive, the whole has one."""
    cuts = [(0, 3), (3, 8)]
    files = [
        write_parquet(tmp_path / f"{start}.parquet", {name: values[start:stop] for name, values in MASKS.items()})
        for start, stop in cuts
    ]
    assert counts(lossctl.compute("dice", files, group="image", by="site")) == {"LC341": 1, "LC342": 2}


def test_a_finding_names_the_option_that_answers_it() -> None:
    (finding,) = lossctl.compute("dice", {"target": [1, 0], "pred": [0.9, 0.1]}, smooth=1.0).findings
    assert finding.message.startswith("1 unit owes more than a tenth of its denominator to smoothing.")
    assert "--smooth" in finding.message
    assert "--group" in PITFALLS["LC342"].cause


def test_only_a_set_loss_may_declare_one() -> None:
    with pytest.raises(DeclarationError, match="only a set loss"):
        registry.get("mse").unit_finding("LC341")


def test_a_group_of_rows_that_are_units_is_said_to_count_for_nothing() -> None:
    data = {"target": [[1, 0, 1], [0, 1, 1]], "pred": [[0.6, 0.3, 0.0], [0.0, 0.8, 0.9]], "image": [7, 7]}
    grouped = lossctl.compute("dice", data, group="image")
    assert grouped.value == lossctl.compute("dice", data).value
    assert [(finding.code, finding.count) for finding in grouped.findings] == [("LC104", 2)]
    long = {"target": [1, 0], "pred": [0.6, 0.3], "image": [7, 7]}
    assert lossctl.compute("dice", long, group="image").findings == []
