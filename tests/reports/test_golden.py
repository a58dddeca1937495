"""Every format as it was when somebody last looked at it: tests/golden holds a file for each, named by the format."""

import pytest

import lossctl
from lossctl.declare.options import REPORTS, of
from lossctl.reports.render.show import RENDERERS, text
from support import ROOT, Run, check_golden

COMMANDS = {
    "compute": ("compute", "huber", "sample_data/preds.parquet", "--by", "diagnosis", "--max", "0.5"),
    "compare": (
        *("compare", "sample_data/baseline.parquet", "sample_data/candidate.parquet"),
        *("--loss", "mae", "--loss", "rmse", "--loss", "mse + 2*mae", "--ci", "95", "--stats", "--by", "age_group"),
    ),
}


@pytest.mark.parametrize("format", RENDERERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_format_is_as_in_its_golden_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, format: str
) -> None:
    monkeypatch.chdir(ROOT)
    done = run(*COMMANDS[command], "--format", format)
    assert done.err == ""
    assert done.code == (1 if "--max" in COMMANDS[command] else 0)
    check_golden(f"{command}.{format}", done.out)


@pytest.mark.parametrize("format", RENDERERS)
def test_a_renderer_needs_no_precision_and_ends_with_a_line(format: str) -> None:
    report = lossctl.compute("mae", {"y": [3.0, 2.0], "yhat": [2.5, 5.0]}, max=2.0)
    full, short = (text(report, format, precision) for precision in (None, 3))
    assert full.endswith("\n")
    assert not full.endswith("\n\n")
    assert short.endswith("\n")


@pytest.mark.parametrize("command", REPORTS)
def test_every_format_can_be_asked_for(command: str) -> None:
    assert [option.choices for option in of(command) if option.name == "format"] == [tuple(RENDERERS)]
