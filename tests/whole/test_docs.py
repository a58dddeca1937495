"""What the documentation shows is what happens."""

import doctest
import importlib.util
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from lossctl import errors
from lossctl.declare import registry
from support import ROOT, Run

README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def commands() -> list[tuple[str, str]]:
    """The command lines of README.md, each with the output that stands below it."""
    found = []
    for language, body in FENCE.findall(README):
        if language == "console":
            for shown in body.split("$ ")[1:]:
                line, _, output = shown.partition("\n")
                found.append((line, output))
    return found


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sample data, where commands may write."""
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def close(shown: str, printed: str) -> bool:
    """Whether two texts agree, numbers to 12 digits: the last ones are the processor's."""
    number = re.compile(r"\d+\.\d{10,}")
    return number.sub(lambda m: f"{float(m[0]):.12g}", shown) == number.sub(lambda m: f"{float(m[0]):.12g}", printed)


@pytest.mark.parametrize(("line", "output"), commands(), ids=[line for line, _ in commands()])
def test_a_command_of_the_readme_prints_what_stands_there(run: Run, checkout: Path, line: str, output: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "lossctl"
    done = run(*arguments)
    assert done.code in (0, 1)
    assert done.err == ""
    assert close(output, done.out), f"the README shows\n{output}\nand this came out\n{done.out}"


def test_the_python_of_the_readme_runs(checkout: Path) -> None:
    source = "\n".join(body for language, body in FENCE.findall(README) if language == "python")
    example = doctest.DocTestParser().get_doctest(source, {}, "README.md", "README.md", 0)
    result = doctest.DocTestRunner().run(example)
    assert result.attempted > 3
    assert result.failed == 0


def test_the_readme_names_every_exit_code() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.M)} == codes


def test_links_of_the_documentation_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_loss_is_documented() -> None:
    text = (ROOT / "docs" / "losses.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", text, re.M) == [loss.name for loss in registry.every()]


@pytest.fixture
def tool() -> ModuleType:
    """docs/make.py as a module."""
    found = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_generated_pages_are_in_step(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_out_of_step_names_the_command_to_run(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "lossctl" / "api" / "schemas", tmp_path / "lossctl" / "api" / "schemas")
    shutil.copy(ROOT / "README.md", tmp_path)
    page = tmp_path / "docs" / "findings.md"
    page.write_text(page.read_text(encoding="utf-8").replace("LC101", "LC999"), encoding="utf-8")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().err == "out of step with the code: docs/findings.md. Run: make docs\n"
    assert tool.main([]) == 0
    assert "LC101" in page.read_text(encoding="utf-8")
    assert tool.main(["--check"]) == 0
