"""Every bad input of the tables ends in exit code 2 and one message that names the place and the way out."""

import shlex
from pathlib import Path

import pytest

from support import Run, check_refused, write_file
from support.bad import inputs, labels, options, units, values
from support.bad.inputs import Bad

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


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder with their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("bad", [pytest.param(bad, id=f"{name}: {bad.title}") for name, bad in ROWS])
def test_a_bad_input_ends_in_one_message_that_names_the_place_and_the_way_out(run: Run, folder: Path, bad: Bad) -> None:
    for name, content in bad.files.items():
        write_file(folder / name, content)
    before = everything(folder)
    check_refused(run(*shlex.split(bad.command)), *bad.place, *bad.remedy)
    assert everything(folder) == before


def test_the_tables_are_long_enough_and_no_title_stands_twice() -> None:
    titles = [bad.title for _, bad in ROWS]
    assert len(titles) >= 80
    assert len(set(titles)) == len(titles)
