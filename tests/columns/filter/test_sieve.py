"""`--where` before reading: what a file says of its parts rules them out, and they cost nothing."""

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lossctl
from lossctl.columns.filter import language, passing
from lossctl.columns.filter.sieve import sieve
from lossctl.sources.binary import parquet, parquet_file
from lossctl.sources.opening import open_source, prune
from lossctl.sources.source import Span
from support import refused

GROUPS, ROWS = 100, 2000


class Counted:
    """A file that counts the bytes read from it."""

    def __init__(self, path: str) -> None:
        self.file, self.bytes = open(path, "rb"), 0  # noqa: SIM115

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.bytes += len(data)
        return data

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Counted]]:
    """The files from which row groups are read."""
    files: list[Counted] = []
    real = parquet.opened

    def counted(path: str, metadata: parquet.FileMetaData | None = None, *rest: object) -> object:
        if metadata is not None:  # all footers have been read
            monkeypatch.setattr(parquet_file, "OSFile", begin)
        return real(path, metadata, *rest)

    def begin(path: str) -> pa.PythonFile:
        files.append(Counted(path))
        return pa.PythonFile(files[-1], "r")

    monkeypatch.setattr(parquet, "opened", counted)
    yield files
    for file in files:
        file.file.close()


@pytest.fixture(scope="module")
def sorted_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred row groups in the order of step, day and name; the loss reads other columns."""
    rng = np.random.default_rng(3)
    size = GROUPS * ROWS
    group = np.repeat(np.arange(GROUPS), ROWS)
    days = [date(2024, 1, 1) + timedelta(days=at) for at in range(GROUPS)]
    columns = {
        "y_true": rng.normal(size=size),
        "y_pred": rng.normal(size=size),
        "unread": rng.normal(size=size),
        "step": group,
        "day": pa.array(days).take(pa.array(group)),
        "name": pa.array([f"run-{at:03}" for at in range(GROUPS)]).take(pa.array(group)),
    }
    path = tmp_path_factory.mktemp("pushdown") / "sorted.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=ROWS)
    return path


def needed(path: Path, *names: str) -> int:
    """Bytes that columns take in a whole file."""
    metadata = pq.read_metadata(path)
    chunks = (metadata.row_group(group).column(at) for group in range(GROUPS) for at in range(metadata.num_columns))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in names)


@pytest.mark.parametrize(
    ("where", "column"),
    [
        ("step == 40", "step"),
        ("step in (40, 940)", "step"),
        ("not (step < 40 or step > 40)", "step"),
        ("day == '2024-02-10'", "day"),
        ("day >= '2024-02-10' and day < '2024-02-11'", "day"),
        ("name == 'run-040'", "name"),
        ("name in ('run-040', 'none')", "name"),
        ("name == 'run-040' or name == 'none'", "name"),
    ],
)
def test_a_filter_that_keeps_one_of_a_hundred_row_groups_reads_a_hundredth(
    sorted_file: Path, opened: list[Counted], where: str, column: str
) -> None:
    report = lossctl.compute("mae", sorted_file, where=where, threads=2)
    assert report.results[0].rows == ROWS
    assert report.inputs[0].rows == GROUPS * ROWS
    whole = needed(sorted_file, "y_true", "y_pred", column)
    assert 0 < sum(file.bytes for file in opened) <= 0.0101 * whole


def test_a_filter_that_keeps_nothing_reads_nothing(sorted_file: Path, opened: list[Counted]) -> None:
    refused(lambda: lossctl.compute("mae", sorted_file, where="step > 100"), "keeps none of 200,000")
    assert opened == []


def test_folders_that_a_filter_rules_out_are_not_opened(tmp_path: Path, opened: list[Counted]) -> None:
    for region, month in itertools.product(("eu", "us"), ("01", "02")):
        folder = tmp_path / f"region={region}" / f"month={month}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"y_true": [1.0, 2.0], "y_pred": [2.0, 4.0]}), folder / "a.parquet")
    report = lossctl.compute("mae", str(tmp_path), where="region == 'eu' and month in ('02', '03')", by="month")
    assert [result.rows for result in report] == [2, 2]
    assert [Path(file.file.name).parent.name for file in opened] == ["month=02"]
    assert lossctl.compute("mae", str(tmp_path), where="month == 2").results[0].rows == 4


COLUMNS = {
    "n": pa.array([1.0, float("nan"), 3.0, 3.0, None, 5.0, 2.0, 2.0, 2.0, None, None, None]),
    "i": pa.array([1, 2, 3, 3, None, 5, 2, 2, 2, None, None, None]),
    "s": pa.array(["a", "b", "c", "c", None, "e", "b", "b", "b", None, None, None]),
    "t": pa.array(["1", "10", "2", "x", None, "9", "7", "7", "7", None, None, None]),
    "b": pa.array([True, True, False, False, None, True, True, False, True, None, None, None]),
}
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
ATOMS = [
    *(f"{name} {sign} {value}" for name in ("n", "i") for sign in SIGNS for value in (0, 2, 2.5, 3, 9)),
    *(f"s {sign} '{value}'" for sign in SIGNS for value in ("", "b", "bb", "z")),
    *(f"i {sign} '2'" for sign in SIGNS),
    *(f"t {sign} {value}" for sign in ("=", "!=") for value in (2, 7)),
    *(f"b {sign} {value}" for sign in SIGNS for value in ("true", "false")),
    *(f"{name} is null" for name in COLUMNS),
    "n in (1, 9)",
    "s in ('e', 'zz')",
    "t in (7, 'x')",
]


def test_no_row_that_passes_is_ever_ruled_out(tmp_path: Path) -> None:
    table = pa.table(COLUMNS)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    source = open_source(str(tmp_path / "a.parquet"))
    pieces = source.pieces(0, list(COLUMNS))
    rng = np.random.default_rng(5)
    pairs = [tuple(rng.choice(ATOMS, 2)) for _ in range(300)]
    texts = [*ATOMS, *(f"not ({atom})" for atom in ATOMS)]
    texts += [f"{'not ' * (at % 2)}({a} {('and', 'or')[at // 2 % 2]} not {b})" for at, (a, b) in enumerate(pairs)]
    ruled_out = 0
    for text in texts:
        part = language.parse(text)
        kept = prune(source, pieces, sieve(part, {name: name for name in COLUMNS}))
        left = {group for piece in kept for group in range(piece.start, piece.stop)}
        for group in set(range(4)) - left:
            batch = table.slice(3 * group, 3).combine_chunks().to_batches()[0]
            assert not passing.passing(part, batch).any(), f"{text}: row group {group}"
            ruled_out += 1
    assert ruled_out > len(texts)


def test_a_span_knows_no_more_than_its_ends() -> None:
    sifted = sieve(language.parse("a != 3 and not a = 5"), {"a": "x"})
    assert sifted.columns == ("x",)
    assert sifted.may_pass({"x": Span(3.0, 5.0)})
    assert not sifted.may_pass({"x": Span(3.0, 3.0)})
    assert not sifted.may_pass({"x": Span(None, None)})
    assert sifted.may_pass({})
