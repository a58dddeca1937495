"""Every bad input of the tables ends in exit code 2 and one message that names the place and the way out."""

import shlex
import zipfile
from pathlib import Path

import pytest

from support import Run, write_csv, write_parquet
from support.bad import inputs, labels, options, units, values
from support.bad.inputs import Bad, Content

TABLES = {
    "files": inputs.FILES,
    "columns": inputs.COLUMNS,
    "values": values.VALUES,
    "options": options.OPTIONS,
    "expressions": options.EXPRESSIONS,
    "filters": options.FILTERS,
    "joins": labels.JOINS,
    "labels": labels.LABELLED,
    "units": units.NESTED,
    "outputs": units.OUTPUTS,
}
ROWS = [(name, bad) for name, table in TABLES.items() for bad in table]


def write(path: Path, content: Content) -> None:
    """Text and bytes as they are; columns in the format of the suffix; texts by name as the members of a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, text in content.items():
                packed.writestr(name, str(text))
    elif path.suffix == ".csv":
        write_csv(path, content)
    else:
        write_parquet(path, content)


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder with their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("bad", [pytest.param(bad, id=f"{name}: {bad.title}") for name, bad in ROWS])
def test_a_bad_input_ends_in_one_message_that_names_the_place_and_the_way_out(run: Run, folder: Path, bad: Bad) -> None:
    for name, content in bad.files.items():
        write(folder / name, content)
    before = everything(folder)
    done = run(*shlex.split(bad.command))
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("lossctl: "), done.err
    assert done.err.count("lossctl: ") == 1, done.err
    assert "Traceback" not in done.err
    assert "internal error" not in done.err
    for part in (*bad.place, *bad.remedy):
        assert part in done.err, f"{part!r} is not in: {done.err}"
    assert everything(folder) == before


def test_the_tables_are_long_enough_and_no_title_stands_twice() -> None:
    titles = [bad.title for _, bad in ROWS]
    assert len(titles) >= 80
    assert len(set(titles)) == len(titles)
