"""Files that other programs write in their own ways: read as they are meant, or refused with the way out."""

import gzip
from pathlib import Path

import pytest

from conftest import Run
from lossctl.sources import As
from test_sources_common import read, text_source

pytestmark = pytest.mark.usefixtures("csv_reader")
SPELLED = ["-999", "-999.0", "-999.00", " -999", "-9.99e2", "-0999", '"-999.0"']


# ------------------------------------------------------------------------------------------------------ missing values
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("how", ["number", "raw"])
@pytest.mark.parametrize("cell", SPELLED)
def test_a_number_that_means_missing_does_so_however_it_is_spelled(
    tmp_path: Path, cell: str, how: As, name: str
) -> None:
    text = f"y,k\n1,a\n{cell},b\n,c\n-999.5,d\n".encode()
    source = text_source(tmp_path, gzip.compress(text) if name.endswith(".gz") else text, name, na_values=("-999",))
    found = read(source, {"y": how, "k": "text"})
    assert [None if value is None else float(value) for value in found["y"]] == [1.0, None, None, -999.5]
    assert found["k"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("said", ["-999.5", "-999,5"])
@pytest.mark.parametrize("cell", ["-999,5", "-999,50", " -9,995e2"])
def test_a_number_that_means_missing_may_have_a_decimal_comma(tmp_path: Path, cell: str, said: str) -> None:
    source = text_source(tmp_path, f"y;p\n1,5;2,5\n{cell};3\n", na_values=(said,))
    ways: list[dict[str, As]] = [{"y": "number"}, {"y": "raw"}]
    assert [[value and float(value) for value in read(source, how)["y"]] for how in ways] == [[1.5, None]] * 2


def test_a_number_that_means_missing_is_its_spelling_in_text(tmp_path: Path) -> None:
    source = text_source(tmp_path, "k,y\n-999,1\n-999.0,2\n", na_values=("-999",))
    assert read(source, {"k": "text"})["k"] == [None, "-999.0"]


@pytest.mark.parametrize("other", ["abc", "9007199254740993"])
def test_a_number_that_means_missing_does_so_beside_cells_that_are_checked_as_text(tmp_path: Path, other: str) -> None:
    source = text_source(tmp_path, f"y\n{other}\n-999.0\n", na_values=("-999",))
    assert read(source) == {"y": [other, None]}


def test_a_huge_number_may_mean_missing(tmp_path: Path) -> None:
    source = text_source(tmp_path, "y\n1\n9.969210e36\n-1e20\n", na_values=("9.96921e36", "-1e20"))
    assert read(source) == {"y": [1.0, None, None]}


def test_a_missing_number_in_another_spelling_is_no_prediction(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text("y_true,y_pred\n1,2\n3,-999.0\n2,2.5\n")
    command = ("compute", "mae", "a.csv", "--na-values", "-999")
    told = run(*command)
    assert told.code == 2
    assert "'y_pred'" in told.err
    assert "line 3" in told.err
    assert "0.75" in run(*command, "--missing", "skip").out
