"""`check`: the gate that a project's settings describe."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

import lossctl
from lossctl.errors import UsageError
from support import SAMPLE, Run, check_refused, process, reported, write_parquet

PLUGIN = """
from lossctl.declare import Real, example, loss


@loss(task="regression", dimension="target units", reference="none", use_when="a test", avoid_when="else", pitfalls="-",
      convex=True, differentiable="no", robust=True, smoothness="C0", scale="linear",
      examples=(example(0.5, target=[1.0], pred=[2.0]),))
def halved_by_the_gate(target: Real, pred: Real):
    \"\"\"Half the absolute error.

    `abs(e) / 2`.
    \"\"\"
    return abs(pred - target) / 2
"""
PASSING = "[[check]]\nloss = 'mae'\ndata = 'a.parquet'\nmax = 1.0\n"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with predictions whose mae is 0.5."""
    write_parquet(folder / "a.parquet", {"y": [3.0, 2.0], "yhat": [3.0, 3.0], "site": ["a", "b"]})
    return folder


@pytest.mark.parametrize(
    ("file", "text"),
    [("lossctl.toml", PASSING), ("pyproject.toml", PASSING.replace("[[check", "[[tool.lossctl.check"))],
)
def test_settings_are_found_in_the_folder(project: Path, run: Run, file: str, text: str) -> None:
    (project / file).write_text(text, encoding="utf-8")
    done = run("check")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "pass: mae on a.parquet: whole: 0.5 <= 1.0"


def test_paths_are_beside_the_settings(project: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    (project / "gates.toml").write_text(PASSING, encoding="utf-8")
    assert run("check", project / "gates.toml").code == 0
    assert lossctl.check(project / "gates.toml").checks[0].value == 0.5


def test_an_expression_a_slice_and_options_are_checked(project: Path) -> None:
    text = "[[check]]\nid = 'both'\nloss = '2*mae + huber'\ndata = ['a.parquet']\nby = 'site'\ndelta = 2\nmin = 0.1\n"
    (project / "lossctl.toml").write_text(text, encoding="utf-8")
    checks = lossctl.check().checks
    assert [(each.status, each.value, each.op, each.threshold) for each in checks] == [
        ("pass", 1.25, ">=", 0.1),
        ("fail", 0.0, ">=", 0.1),
        ("pass", 2.5, ">=", 0.1),
    ]
    assert [each.id.partition(":")[0] for each in checks] == ["both"] * 3


def test_one_that_cannot_be_evaluated_hides_none_and_outranks_a_failure(project: Path, run: Run) -> None:
    broken = PASSING.replace("a.parquet", "gone.parquet")
    failing = PASSING.replace("mae", "mse").replace("1.0", "0.2")
    (project / "lossctl.toml").write_text(broken + failing + PASSING, encoding="utf-8")
    told = reported(run, "check", code=2)
    assert [each["status"] for each in told["checks"]] == ["error", "fail", "pass"]
    assert "there is no file gone.parquet" in told["checks"][0]["message"]
    (project / "lossctl.toml").write_text(failing + PASSING, encoding="utf-8")
    assert run("check").code == 1


def test_errors_alone_are_shown_too(project: Path, run: Run) -> None:
    (project / "lossctl.toml").write_text(PASSING.replace("mae", "maee"), encoding="utf-8")
    done = run("check")
    assert done.code == 2
    assert done.err == "lossctl: 1 check could not be evaluated: maee on a.parquet.\n"
    assert done.out.startswith("error: maee on a.parquet: there is no loss 'maee'. Did you mean 'mae'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no checks"),
        ("plugins = []\ncheck = 3\n", "must be tables"),
        ("[[check]\n", "cannot be read"),
        ("[[check]]\nlos = 'mae'\ndata = 'a.parquet'\nmax = 1\n", "Did you mean 'los'"),
        ("[[check]]\nloss = 'mae'\nmax = 1\n", "check 1: data is missing"),
        ("[[check]]\nloss = 'mae'\ndata = 'a.parquet'\n", "needs a bound"),
        ("[[check]]\nloss = 'mae'\ndata = 'a.parquet'\nmax = 'low'\n", "max must be a number, not 'low'"),
        ("[[check]]\nloss = 3\ndata = 'a.parquet'\nmax = 1\n", "loss must be text, not 3"),
        ("[[check]]\nloss = 'mae'\ndata = [3]\nmax = 1\n", "data must be text or a list of text, not [3]"),
        ("[[check]]\nid = 3\nloss = 'mae'\ndata = 'a.parquet'\nmax = 1\n", "id must be text"),
        ("[[check]]\nloss = 'mae'\ndata = 'a.parquet'\nmax = 1\nper-row = 'x.csv'\n", "no part of a check"),
        (PASSING + "threads = 2\n", "threads is no part of a check"),
        (PASSING + "weight = ''\n", "weight must be text, not ''"),
        (PASSING + "by = 3\n", "by must be text or a list of text, not 3"),
        (PASSING + "missing = 'drop'\n", "missing must be one of 'error', 'skip', not 'drop'"),
        (PASSING + "limit = 2.5\n", "limit must be a whole number, not 2.5"),
        (PASSING + "stats = 1\n", "stats must be true or false, not 1"),
        (PASSING + "log_var = ['a']\n", "log_var must be a list of numbers, not ['a']"),
        (PASSING + "reduction = 'none'\n", "reduction must be one of 'mean'"),
        (PASSING + PASSING, "two checks have the id 'mae on a.parquet'"),
    ],
)
def test_settings_that_say_nothing_are_one_message(project: Path, run: Run, text: str, said: str) -> None:
    (project / "lossctl.toml").write_text(text, encoding="utf-8")
    check_refused(run("check"), said, "lossctl.toml")
    assert sorted(path.name for path in project.iterdir()) == ["a.parquet", "lossctl.toml"]


def test_the_schema_describes_the_settings(run: Run) -> None:
    schema = json.loads(run("schema", "config").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads((SAMPLE / "lossctl.toml").read_text(encoding="utf-8")), schema)
    known = set(schema["$defs"]["check"]["properties"])
    assert known - {"loss", "data", "id"} == set(lossctl.compute.__kwdefaults__) - {
        "id",
        "per_row",
        "gradient",
        "threads",
    }
    for broken in (
        {"loss": "mae", "data": "a.csv"},
        {"data": "a.csv", "max": 1},
        {"loss": 3, "data": "a.csv", "max": 1},
    ):
        assert not jsonschema.Draft202012Validator(schema).is_valid({"check": [broken]})
    assert run("schema", "confg").code == 2


def test_without_settings_it_says_where_they_go(project: Path, run: Run) -> None:
    done = run("check")
    assert done.code == 2
    assert "[[check]]" in done.err
    with pytest.raises(UsageError, match=r"nothing\.toml cannot be read: No such file"):
        lossctl.check("nothing.toml")


def test_plugins_of_the_settings_are_loaded(project: Path) -> None:
    (project / "mine.py").write_text(PLUGIN, encoding="utf-8")
    text = "plugins = ['mine.py']\n" + PASSING.replace("mae", "halved_by_the_gate")
    (project / "gates.toml").write_text(text, encoding="utf-8")
    (project / "elsewhere").mkdir()
    done = process("check", "../gates.toml", cwd=project / "elsewhere", text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("pass: halved_by_the_gate on a.parquet: whole: 0.25 <= 1.0\n")


def test_an_unknown_option_is_an_error_of_its_check(project: Path, run: Run) -> None:
    (project / "lossctl.toml").write_text(PASSING + "delta = 2\n", encoding="utf-8")
    done = run("check")
    assert done.code == 2
    assert "mae has no option --delta" in done.out
