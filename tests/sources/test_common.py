"""What holds for every format."""

import contextlib
import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from lossctl.errors import DataError
from lossctl.sources.opening import open_source, open_sources
from lossctl.sources.source import Piece, Reading, Source
from support import as_named, python, write_zip
from support.sources import CODE, PRED, ROWS, TABLE, TRUE, VECTOR, as_csv, batches, read, read_pieces, text_source


def as_json_lines() -> bytes:
    rows = zip(*TABLE.values(), strict=True)
    return "".join(json.dumps(dict(zip(TABLE, row, strict=True))) + "\n" for row in rows).encode()


def as_json_array(indent: int | None = None) -> bytes:
    return json.dumps(
        [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)], indent=indent
    ).encode()


def as_arrow(path: Path, stream: bool = False, compression: str | None = None) -> None:
    table = pa.table(TABLE)
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=99)


def as_npz(path: Path, save: Callable[..., None]) -> None:
    missing = [np.nan if value is None else value for value in PRED]
    save(path, y_true=np.array(TRUE), y_pred=np.array(missing), code=np.array(CODE), vector=np.array(VECTOR))


def writer(make: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(as_named(path.name, make()))


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.parquet": lambda path: pq.write_table(pa.table(TABLE), path, row_group_size=123),
    "a.csv": writer(as_csv),
    "semicolon.csv": writer(lambda: as_csv(";", ",", "\r\n", "\ufeff", ";")),
    "a.tsv": writer(lambda: as_csv("\t")),
    "pipe.txt": writer(lambda: as_csv("|", last="|")),
    "a.csv.gz": writer(as_csv),
    "a.csv.bz2": writer(as_csv),
    "a.csv.zst": writer(as_csv),
    "a.zip": lambda path: write_zip(path, {"inner/a.csv": as_csv()}),
    "a.jsonl": writer(as_json_lines),
    "a.ndjson.gz": writer(as_json_lines),
    "a.json": writer(as_json_array),
    "pretty.json": writer(lambda: as_json_array(2)),
    "a.arrow": as_arrow,
    "lz4.arrow": lambda path: as_arrow(path, compression="lz4"),
    "stream.arrows": lambda path: as_arrow(path, stream=True),
    "a.feather": lambda path: feather.write_feather(pa.table(TABLE), str(path)),
    "a.npz": lambda path: as_npz(path, np.savez),
    "small.npz": lambda path: as_npz(path, np.savez_compressed),
}


@pytest.fixture(params=WRITERS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    path = tmp_path / request.param
    WRITERS[request.param](path)
    return open_source(str(path))


def gaps(values: list[Any]) -> list[Any]:
    """NaN as missing: NumPy's files know no other."""
    return [None if value is None or value != value else value for value in values]


def test_the_same_rows_come_from_every_format(source: Source) -> None:
    assert list(source.columns()) == list(TABLE)
    found = read(source, {"y_true": "number", "y_pred": "number", "code": "text", "vector": "raw"})
    assert found["y_true"] == TRUE
    assert gaps(found["y_pred"]) == PRED
    assert found["code"] == CODE
    assert found["vector"] == VECTOR


def test_lists_are_known_with_their_width_before_they_are_read(source: Source) -> None:
    info = source.columns()["vector"]
    assert (info.kind, info.width) == ("list", 3)


def test_only_the_wanted_columns_come_in_the_wanted_order(source: Source) -> None:
    found = read(source, {"y_pred": "number", "y_true": "number"})
    assert list(found) == ["y_pred", "y_true"]
    assert found["y_true"] == TRUE


def test_batches_hold_at_most_the_rows_asked_for_and_the_order_stays(source: Source) -> None:
    assert read(source, {"y_true": "number"}, rows=7)["y_true"] == TRUE


def test_all_batches_have_one_schema(source: Source) -> None:
    found = batches(source, {"code": "text", "y_pred": "number", "vector": "raw"}, 64)
    assert len({str(batch.schema) for batch in found}) == 1
    assert pa.Table.from_batches(found).num_rows == ROWS


def test_a_source_and_its_pieces_survive_pickling(source: Source) -> None:
    copy, pieces = pickle.loads(pickle.dumps((source, source.pieces(3, ["y_true"]))))
    assert {piece.file for piece in pieces} == {3}
    assert pieces == source.pieces(3, ["y_true"])
    assert read_pieces(copy, pieces, "y_true") == TRUE


def test_pieces_can_be_read_in_any_order_by_any_number_of_threads(source: Source) -> None:
    def rows(piece: Piece) -> list[float]:
        return read_pieces(source, [piece], "y_true", rows=50)

    pieces = source.pieces(0, ["y_true"])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(rows, reversed(pieces)))
    assert [value for part in reversed(found) for value in part] == TRUE


def test_the_number_of_rows_is_right_where_it_is_known(source: Source) -> None:
    assert source.rows in (None, ROWS)
    assert (source.rows is None) == (source.format in ("csv", "jsonl", "json"))


def test_pieces_tell_the_rows_before_them_where_that_is_known(source: Source) -> None:
    before = 0
    for piece in source.pieces(0, ["y_true"]):
        assert piece.row in (None, before)
        before += sum(batch.num_rows for batch in source.read(piece, Reading({"y_true": "number"}, 100)))
    assert before == ROWS


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    before = text_source(tmp_path, "y,p\n1,2\n")
    assert read(before) == {"y": [1.0], "p": [2.0]}
    after = text_source(tmp_path, "a;b;c\n1;2;3\n4;5;6\n")
    assert read(after) == {"a": [1.0, 4.0], "b": [2.0, 5.0], "c": [3.0, 6.0]}
    assert list(before.columns()) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "a.jsonl", "a.json", "a.arrow", "a.npz"])
def test_reading_does_not_import_what_makes_the_start_slow(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    code = f"""
import sys
from lossctl.sources.opening import open_sources
from lossctl.sources.source import Reading
source = open_sources([{str(path)!r}])[0]
how = {{"y_true": "number", "y_pred": "number", "code": "text", "vector": "raw"}}
for piece in source.pieces(0, list(how)):
    for batch in source.read(piece, Reading(how, 100)):
        assert batch.num_rows
slow = ("pandas", "pyarrow.compute", "pyarrow.dataset", "pyarrow.pandas_compat")
print([name for name in slow if name in sys.modules])
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_several_files_keep_the_order_they_are_named_in(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        text_source(tmp_path, f"y\n{name}\n", name)
    paths = [str(tmp_path / name) for name in ("b.csv", "a.csv")]
    assert [source.path for source in open_sources(paths)] == paths


@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(name: str, tmp_path: Path) -> None:
    """Text files and arrays have no checksums, so that what was changed may well be another number."""
    whole = tmp_path / name
    WRITERS[name](whole)
    data, random = whole.read_bytes(), np.random.default_rng(len(name))
    for attempt in range(12):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), size=attempt % 4 + 1).tolist():
            damaged[at : at + 3] = random.bytes(attempt % 5)
        path = tmp_path / f"{attempt}_{name}"
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(DataError):
            read(open_source(str(path)))
