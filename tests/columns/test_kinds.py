"""Every kind of fault has its words and a remedy, and is reached by data that show it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import lossctl
from lossctl.columns.faults import Fault, Faults, Kind, Trouble, described, note
from lossctl.errors import DataError
from lossctl.sources.opening import open_source
from support import Run, check_refused, write_parquet


class Shown(NamedTuple):
    """A file whose second row shows a fault, and what is said of it after the file's name."""

    loss: str
    text: str
    says: str
    options: Mapping[str, str] = {}


TRUTH = "id,y_true\na,1\n"
SHOWN = {
    Kind.UNMATCHED: Shown(
        "mse",
        "id,y_pred\na,1\nb,2\n",
        ": 1 row has no truth in truth.csv for id (first: b in row 2 (line 3)).",
        {"truth": "truth.csv", "on": "id"},
    ),
    Kind.TEXT: Shown(
        "mse",
        "y_true,y_pred\n1,2\n3,oops\n",
        ", column 'y_pred': needs finite numbers, one or D per row, and 1 row holds something else: "
        "'oops' in row 2 (line 3).",
    ),
    Kind.LENGTH: Shown(
        "cosine_distance",
        "target;pred\n[1,2];[1,2]\n[1,2];[1,2,3]\n",
        ", column 'pred': 2 numbers are needed, and 1 row holds something else: 3 numbers in row 2 (line 3).",
    ),
    Kind.SIZE: Shown(
        "cosine_distance",
        "target;pred\n[1,2];[1,2,3]\n[1,2];[1,2,3]\n",
        ": these roles must hold as many numbers per row, and target has 2 (column 'target'), "
        "pred has 3 (column 'pred').",
    ),
    Kind.MISSING_KEY: Shown(
        "rmse",
        "y_true,y_pred,unit\n1,2,a\n3,4,\n",
        ", column 'unit': missing in 1 row (first: row 2 (line 3)).",
        {"group": "unit"},
    ),
    Kind.MISSING: Shown(
        "mse", "y_true,y_pred\n1,2\n3,\n", ", column 'y_pred': missing in 1 row (first: row 2 (line 3))."
    ),
    Kind.ZERO: Shown(
        "cosine_distance",
        "target;pred\n[1,2];[1,2]\n[1,2];[0,0]\n",
        ", column 'pred': a vector that is not all 0 is needed, and 1 row holds something else: "
        "zeros in row 2 (line 3).",
    ),
    Kind.BINARY: Shown(
        "bce",
        "y_true,prob\n1,0.5\n2,0.5\n",
        ", column 'y_true': a label 0 or 1 is needed, and 1 row holds something else: 2.0 in row 2 (line 3).",
    ),
    Kind.CLASS: Shown(
        "cross_entropy",
        "y_true,logit_0,logit_1\n1,0.5,2\n2,0.5,1\n",
        ", column 'y_true': one of the classes (0, 1) is needed, and 1 row holds something else: "
        "'2' in row 2 (line 3).",
    ),
    Kind.INFINITE: Shown(
        "mse",
        "y_true,y_pred\n1,2\n3,inf\n",
        ", column 'y_pred': a finite number is needed, and 1 row holds something else: inf in row 2 (line 3).",
    ),
    Kind.INEXACT: Shown(
        "mse",
        "y_true,y_pred\n1,2\n3,9007199254740993\n",
        ", column 'y_pred': an integer that float64 holds exactly is needed, and 1 row holds something else: "
        "9007199254740993 in row 2 (line 3).",
    ),
    Kind.OUTSIDE: Shown(
        "msle",
        "y_true,y_pred\n1,2\n-3,1\n",
        ", column 'y_true': needs a number > -1, and 1 row holds something else: -3.0 in row 2 (line 3).",
    ),
    Kind.SIMPLEX: Shown(
        "brier_multiclass",
        "y_true,prob_0,prob_1\n1,0.5,0.5\n1,0.5,0.25\n",
        ", column 'prob_0..prob_1': probabilities that sum to 1 are needed, and 1 row holds something else: "
        "0.75 in row 2 (line 3).",
    ),
    Kind.RULE: Shown(
        "interval_score",
        "y_true,lower,upper\n1,0.5,0.75\n1,0.5,0.25\n",
        ", column 'y_true, lower, upper': lower must not be above upper, and 1 row breaks the rule: "
        "target 1; lower 0.5; upper 0.25 in row 2 (line 3).",
    ),
}


def test_every_kind_is_shown_here_in_its_rank() -> None:
    assert list(SHOWN) == list(Kind)
    assert [kind.rank for kind in Kind] == list(range(len(Kind)))
    assert all(kind.says and kind.remedy for kind in Kind)


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.name)
def test_data_that_show_a_kind_are_refused_in_its_words_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = SHOWN[kind]
    Path("data.csv").write_text(shown.text)
    Path("truth.csv").write_text(TRUTH)
    with pytest.raises(DataError) as caught:
        lossctl.compute(shown.loss, "data.csv", **shown.options)
    assert str(caught.value) == f"data.csv{shown.says}\n{kind.remedy}"


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_a_kind_is_described_whatever_its_column_is_called(tmp_path: Path, kind: Kind) -> None:
    """Braces in a name are not filled in as those of the words are."""
    path = tmp_path / "{path}.csv"
    path.write_text("a\n" + "1\n" * 6)
    faults: Faults = {}
    trouble = Trouble(kind, "{column}", "{expected}")
    note(faults, trouble, np.array([1, 2, 4, 5]), (f"{{{row}}}" for row in range(4)))
    said = described(open_source(str(path)), trouble, faults[trouble])
    assert said.startswith(str(path))
    assert said.endswith(".")
    assert ("{column}" in said, "row 2 (line 3)" in said) == ((True, True) if kind is not Kind.SIZE else (False, False))
    assert ("{expected}" in said) == ("{expected}" in kind.says)


@pytest.mark.parametrize("count", [1, 1200])
def test_one_row_has_holds_and_breaks_and_several_have_hold_and_break(tmp_path: Path, count: int) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a\n1\n")
    fault, source = Fault(count, [(0, "x")]), open_source(str(path))
    said = {kind: described(source, Trouble(kind, "a"), fault) for kind in (Kind.UNMATCHED, Kind.ZERO, Kind.RULE)}
    has, holds, breaks = ("has", "holds", "breaks") if count == 1 else ("have", "hold", "break")
    rows = "1 row" if count == 1 else "1,200 rows"
    assert f"{rows} {has} no truth" in said[Kind.UNMATCHED]
    assert f"{rows} {holds} something else" in said[Kind.ZERO]
    assert f"{rows} {breaks} the rule" in said[Kind.RULE]


def test_of_several_kinds_the_most_telling_one_alone_is_told(run: Run, folder: Path) -> None:
    (folder / "data.csv").write_text("y_true,y_pred\n1,2\n,oops\n")
    said = check_refused(run("compute", "mse", "data.csv"), "'oops' in row 2", Kind.TEXT.remedy)
    assert Kind.MISSING.remedy not in said


def test_coefficients_that_are_missing_have_a_remedy_of_their_own(run: Run, folder: Path) -> None:
    (folder / "data.csv").write_text("y_true,y_pred\n1,2\n3,4\n")
    (folder / "coef.csv").write_text("name,coef\na,0.5\nb,\n")
    options = ("--coef-file", "coef.csv:coef", "--missing", "skip")
    said = check_refused(
        run("compute", "mse + l2_penalty(lam=1)", "data.csv", *options), "missing in 1 row", "needs all coefficients"
    )
    assert Kind.MISSING.remedy not in said


NESTED = {
    "a list that is too short": ([[1, 2], [3]], "1 in row 3."),
    "an integer that float64 lacks": ([[1, 2], [3, 2**53 + 1]], "9007199254740993 in row 3."),
}


@pytest.mark.parametrize("wrong", NESTED)
def test_faults_within_nested_lists_are_told_by_their_row(wrong: str, folder: Path, run: Run) -> None:
    cells, says = NESTED[wrong]
    rows = [[[1, 2], [3, 4]], [[1, 2], [3, 4]], cells]
    path = write_parquet(folder / "a.parquet", {"target": [[1.0, 2.0]] * 3, "pred": rows})
    check_refused(run("compute", "energy_score", path), "a.parquet", "pred", says)
