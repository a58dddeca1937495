"""What is written for contributors is true: files, functions, commands and links exist, and versions agree."""

import ast
import re
import shlex
import tomllib
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

import lossctl
from support import ROOT, Run
from support.yaml import read

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "*/README.md", "tests/oracles/README.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)
CURRENT = [path for path in PAGES if path.name != "CHANGELOG.md"]  # which also names what is gone
SETTINGS = ["CITATION.cff", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/**/*.yml"))]
FORMS = [name for name in SETTINGS if "ISSUE_TEMPLATE" in name and not name.endswith("config.yml")]
WORKFLOW = ".github/workflows/test.yml"
# `path/` and `path/file.py`, with `:name` for what the file defines; NAME stands for whatever is added.
NAMED = re.compile(r"`((?:[\w.*-]+/)+[\w.*-]*|[\w*-]+\.(?:py|md))(?::(\w+))?`")
PLACE = "NAME"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def settings(name: str) -> Any:
    return read(text_of(name))


def page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(job: str) -> list[str]:
    """The lines that a job of the workflow runs."""
    steps = settings(WORKFLOW)["jobs"][job]["steps"]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def recipe(target: str) -> list[str]:
    """What a target of the Makefile runs of the environment."""
    (found,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", text_of("Makefile"), re.M)
    return re.findall(r"^\t\$\(BIN\)/(.+)$", found, re.M)


def defined(path: Path) -> set[str]:
    """The names that a module defines."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        for target in [*getattr(node, "targets", ()), getattr(node, "target", None)]:
            if isinstance(target, ast.Name):
                names.add(target.id)
    return names


def names(path: Path) -> list[tuple[str, str]]:
    """The files of this repository that a page names, each with what it should define; files that are made are not."""
    made = tuple(line for line in text_of(".gitignore").splitlines() if "*" not in line)
    found = NAMED.findall(path.read_text(encoding="utf-8"))
    return [
        (named, name)
        for named, name in found
        if any((folder / named.partition("/")[0]).exists() for folder in (path.parent, ROOT)) or "/" not in named
        if not f"{named}/".startswith(made)
    ]


@pytest.mark.parametrize("path", CURRENT, ids=page)
def test_files_and_functions_that_a_page_names_exist(path: Path) -> None:
    for named, name in names(path):
        if PLACE in named:
            assert (ROOT / named).parent.is_dir(), f"{named} would stand in a folder that is not there"
            continue
        found = [*path.parent.glob(named), *ROOT.glob(named)]
        assert found, f"{named} is not there"
        assert named.endswith("/") <= found[0].is_dir()
        assert not name or name in defined(found[0]), f"{named} defines no {name}"


@pytest.mark.parametrize("path", CURRENT, ids=page)
def test_modules_and_names_of_the_package_that_a_page_names_exist(path: Path) -> None:
    for name in {*re.findall(r"\blossctl((?:\.[a-z_]+)+)\b(?!/)", path.read_text(encoding="utf-8"))} - {".toml"}:
        assert resolve_name(f"lossctl{name}") is not None


def test_the_pages_for_contributors_name_enough_to_be_held_against_the_code() -> None:
    named = names(ROOT / "CONTRIBUTING.md")
    assert len(named) > 60
    assert sum(bool(name) for _, name in named) > 30


def test_the_rooms_are_those_of_the_rules() -> None:
    """Every folder of the package is described, but those of single formats, fields and the commands."""
    described = set(re.findall(r"^\| `lossctl/(\S+?)/?` \|", text_of("CONTRIBUTING.md"), re.M))
    folders = {str(path.parent.relative_to(ROOT / "lossctl")) for path in ROOT.glob("lossctl/*/**/__init__.py")}
    told = {folder for folder in folders if folder.partition("/")[0] not in ("losses", "sources", "cli")}
    assert described == told | {"losses", "sources", "cli", "errors.py"}


@pytest.mark.parametrize("name", [*(page(path) for path in PAGES), *SETTINGS, ".ci/run"])
def test_targets_of_make_that_a_file_names_exist(name: str) -> None:
    (targets,) = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.M)
    lines = re.findall(r"(?:`|^ *)make ([a-z]+)", text_of(name), re.M)
    assert {*lines} <= {*targets.split()}


def test_every_target_of_make_is_described() -> None:
    (targets,) = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.M)
    assert {*targets.split()} - {"help"} == {*re.findall(r"^\| `make ([a-z]+)", text_of("CONTRIBUTING.md"), re.M)}


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_links_of_a_page_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        found = path.parent / target if target else path
        assert found.exists(), f"{target} is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.M)
            assert anchor in map(slug, headings), f"{target} has no heading {anchor}"


def test_the_readme_leads_contributors_to_their_page() -> None:
    assert "](CONTRIBUTING.md)" in text_of("README.md")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_file_of_settings_is_read(name: str) -> None:
    found = settings(name)
    assert isinstance(found, dict)
    assert all(isinstance(key, str) for key in found)


@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2", "a:\n\tb: 1", "a: 'x", "a: b: c", "a: 3.10", "a\n", "a: 1\n  b: 2", "a: {b: 1}", "a: [x, *y]"],
)
def test_what_is_no_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        read(text)


def test_yaml_is_read_as_it_is_meant() -> None:
    text = 'a: "3.10" # why\nb:\n  - x: 1\n    y: |\n      # one\n\n       two\n  - z:\nc: [p, "q"]\nd: true\ne: p#q\n'
    assert read(text) == {
        "a": "3.10",
        "b": [{"x": 1, "y": "# one\n\n two\n"}, {"z": None}],
        "c": ["p", "q"],
        "d": True,
        "e": "p#q",
    }


def test_the_citation_is_of_this_version() -> None:
    found = settings("CITATION.cff")
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert found["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= found.keys()
    assert (found["title"], found["version"], found["license"]) == ("lossctl", lossctl.__version__, project["license"])
    dates = dict(re.findall(r"^## \[(\d\S*)\] - (\S+)$", text_of("CHANGELOG.md"), re.M))
    assert found.get("date-released") == dates.get(lossctl.__version__)


def test_the_workflow_may_only_read() -> None:
    found = settings(WORKFLOW)
    assert found["permissions"] == {"contents": "read"}
    assert "concurrency" in found
    for job in found["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"]
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
            assert step.get("with", {}).get("persist-credentials") is (
                False if "checkout" in step.get("uses", "") else None
            )


def test_the_workflow_runs_what_make_runs_on_every_version() -> None:
    missing = {*recipe("check"), *recipe("test")} - {*commands("matrix")}
    assert missing == {"pytest tests/whole/test_layers.py"}  # which is among all tests
    assert commands("ci") == [".ci/run"]
    versions = settings(WORKFLOW)["jobs"]["matrix"]["strategy"]["matrix"]["python"]
    assert 'python -m pip install ".[dev]"' in commands("matrix")
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["requires-python"] == f">={versions[0]}"


def test_what_is_computed_without_a_compiler_can_be_computed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = [line for line in commands("without-compiler") if line.startswith("lossctl ")]
    assert len(lines) == 3
    for line in lines:
        command, _, other = line.partition(" || ")
        done = run(*shlex.split(command)[1:])
        assert (done.code, done.err) == (1 if other else 0, "")


@pytest.mark.parametrize("name", FORMS)
def test_a_form_asks_in_fields_that_github_knows(name: str) -> None:
    found = settings(name)
    assert found.keys() == {"name", "description", "labels", "body"}
    fields = [item for item in found["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(item["attributes"]["label"] for item in fields)
    ids = [item["id"] for item in fields]
    assert len(ids) == len(set(ids))
