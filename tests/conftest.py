"""Fixtures of all tests."""

from pathlib import Path

import pytest

from lossctl.cli.main import main
from lossctl.engine.plan import plan
from lossctl.sources.binary import parquet
from lossctl.sources.csv import compiled
from lossctl.sources.text import cuts
from support import Outcome, Run, regression, write_csv, write_parquet


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def invoke(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    return invoke


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def preds(folder: Path) -> Path:
    """A small Parquet file of regression predictions."""
    return write_parquet(folder / "preds.parquet", regression())


@pytest.fixture
def preds_csv(folder: Path) -> Path:
    """The same as CSV."""
    return write_csv(folder / "preds.csv", regression())


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a small file into as many pieces and blocks as a large one."""
    monkeypatch.setattr(parquet, "PIECE_ROWS", 100)
    monkeypatch.setattr(cuts, "PIECE_BYTES", 2048)
    monkeypatch.setattr(plan, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(plan, "LEAST_ROWS", 8)
    monkeypatch.setattr(plan, "MOST_ROWS", 64)


@pytest.fixture(params=["compiled", "arrow"])
def csv_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the compiled reader of CSV numbers, and as on a machine without a C++ compiler."""
    if request.param == "arrow":
        monkeypatch.setattr(compiled, "_cells", None)
    elif compiled._cells is None:
        pytest.skip("this installation was made without a C++ compiler")
