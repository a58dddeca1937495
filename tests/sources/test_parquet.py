"""Parquet: names with dots, structs, row groups of any size, statistics, and files that are damaged or encrypted."""

import base64
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption
import pytest

from lossctl.columns.filter import language
from lossctl.columns.filter.sieve import sieve
from lossctl.sources.binary import parquet
from lossctl.sources.opening import open_source, prune
from lossctl.sources.source import Piece, Pruning, Source
from support.sources import read, read_pieces, refused


def write(folder: Path, columns: Any, name: str = "a.parquet", **options: Any) -> Source:
    pq.write_table(pa.table(columns), folder / name, **options)
    return open_source(str(folder / name))


def test_names_may_hold_dots(tmp_path: Path) -> None:
    source = write(tmp_path, {"a.b": [1.0], "a": [2.0], "gradient.y.pred": [3.0], ".": [4.0]})
    assert list(source.columns()) == ["a.b", "a", "gradient.y.pred", "."]
    assert read(source) == {"a.b": [1.0], "a": [2.0], "gradient.y.pred": [3.0], ".": [4.0]}
    for name, value in (("a", 2.0), ("a.b", 1.0), ("gradient.y.pred", 3.0)):
        assert read(source, {name: "number"}) == {name: [value]}


def test_fields_of_structs_are_columns(tmp_path: Path) -> None:
    scores = pa.array([{"cat": 0.5, "best": {"name": "a", "v": [1.0]}}, None, {"cat": None, "best": None}])
    source = write(tmp_path, {"y": [1.0, 2.0, 3.0], "scores": scores})
    kinds = {name: info.kind for name, info in source.columns().items()}
    assert kinds == {
        "y": "number",
        "scores": "other",
        "scores.cat": "number",
        "scores.best": "other",
        "scores.best.name": "text",
        "scores.best.v": "list",
    }
    found = read(source, {"scores.best.name": "text", "scores.cat": "number", "y": "number", "scores.best.v": "raw"})
    assert found == {
        "scores.best.name": ["a", None, None],
        "scores.cat": [0.5, None, None],
        "y": [1.0, 2.0, 3.0],
        "scores.best.v": [[1.0], None, None],
    }


def test_a_column_goes_before_a_field_of_its_name(tmp_path: Path) -> None:
    source = write(tmp_path, {"s": [{"x": 1}], "s.x": [2]})
    assert read(source, {"s.x": "number"}) == {"s.x": [2]}


@pytest.mark.parametrize("rows", [1, 7, 100, 1000])
def test_small_row_groups_are_read_together(tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PIECE_ROWS", 100)
    source = write(tmp_path, {"y": np.arange(1000.0), "k": ["a", "b"] * 500}, row_group_size=rows)
    pieces = source.pieces(0, ["y"])
    assert len(pieces) == {1: 10, 7: 10, 100: 10, 1000: 1}[rows]
    assert pieces[0].row == 0
    assert read(source) == {"y": list(np.arange(1000.0)), "k": ["a", "b"] * 500}


def test_pieces_weigh_what_their_columns_do(tmp_path: Path) -> None:
    source = write(tmp_path, {"y": np.random.default_rng(0).normal(size=10_000), "k": [0] * 10_000}, compression="none")
    both, thin = (sum(piece.size for piece in source.pieces(0, names)) for names in (["y", "k"], ["k"]))
    assert thin < both / 10 < source.bytes / 10 + 1


def test_a_file_without_rows_has_columns(tmp_path: Path) -> None:
    source = write(tmp_path, {"y": pa.array([], pa.float64()), "v": pa.array([], pa.list_(pa.float64()))})
    assert {name: info.kind for name, info in source.columns().items()} == {"y": "number", "v": "list"}
    assert source.rows == 0
    assert read(source) == {"y": [], "v": []}


def test_lists_tell_how_many_numbers_a_row_holds(tmp_path: Path) -> None:
    columns = {
        "v": [[1.0, 2.0, 3.0]] * 4,
        "n": [[[1.0, 2.0], [3.0, 4.0]]] * 4,
        "f": pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float64(), 2)),
    }
    infos = write(tmp_path, columns).columns()
    assert {name: (info.kind, info.width) for name, info in infos.items()} == {
        "v": ("list", 3),
        "n": ("list", 4),
        "f": ("list", 2),
    }


# ---------------------------------------------------------------------------------------------------------- statistics
@pytest.fixture
def grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Ten row groups of ten rows: y counts up, h is missing in the first half, k is text; four groups a piece."""
    monkeypatch.setattr(parquet, "PIECE_ROWS", 40)
    start = datetime(2024, 1, 1)
    days = pa.array([(start + timedelta(days=row // 10)).date() for row in range(100)])
    hours = pa.array([start + timedelta(hours=2.4 * row) for row in range(100)], pa.timestamp("us"))
    columns = {
        "y": np.arange(100.0),
        "i": np.arange(100) // 10,
        "h": [None] * 50 + [1.0] * 50,
        "n": [float("nan")] * 100,
        "k": [f"{row:02}" for row in range(100)],
        "s": [{"x": row} for row in range(100)],
        "c": pa.array([f"g{row // 10}" for row in range(100)]).dictionary_encode(),
        "day": days,
        "at": hours,
        "utc": hours.cast(pa.timestamp("us", "UTC")),
        "ns": hours.cast(pa.timestamp("ns")),
        "price": pa.array([Decimal(row) / 10 for row in range(100)], pa.decimal128(10, 1)),
        "flag": [row >= 50 for row in range(100)],
    }
    return write(tmp_path, columns, row_group_size=10)


def pruned(source: Source, where: str) -> list[Piece]:
    part = language.parse(where)
    return prune(source, source.pieces(0, ["y"]), sieve(part, {name: name for name in language.columns(part)}))


def kept(source: Source, where: str) -> list[tuple[int, int, int | None]]:
    return [(piece.start, piece.stop, piece.row) for piece in pruned(source, where)]


ALL = [(0, 4, 0), (4, 8, 40), (8, 10, 80)]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("y >= 0", ALL),
        ("y == 25", [(2, 3, 20)]),
        ("y == '25.0'", [(2, 3, 20)]),
        ("at >= '2024-01-10T00:00'", [(9, 10, 90)]),
        ("utc >= '2024-01-10T03:00+03:00'", [(9, 10, 90)]),
        ("y >= 25 and y <= 45", [(2, 4, 20), (4, 5, 40)]),
        ("y < 10", [(0, 1, 0)]),
        ("y > 94", [(9, 10, 90)]),
        ("y >= 100", []),
        ("i == 3", [(3, 4, 30)]),
        ("s.x >= 50 and s.x <= 59", [(5, 6, 50)]),
        ("y <= 69 and i >= 6", [(6, 7, 60)]),
        ("y in (5, 95)", [(0, 1, 0), (9, 10, 90)]),
        ("y < 5 or k == '77'", [(0, 1, 0), (7, 8, 70)]),
        ("not (y < 95 and i < 100)", [(9, 10, 90)]),
        ("i != 3 and y >= 30 and y < 50", [(4, 5, 40)]),
        ("not i != 3", [(3, 4, 30)]),
        ("i not in (0, 1, 2, 3, 4, 5, 6, 7, 8)", [(9, 10, 90)]),
        ("k >= '95'", [(9, 10, 90)]),
        ("k in ('07', '08')", [(0, 1, 0)]),
        ("c == 'g4'", [(4, 5, 40)]),
        ("day == '2024-01-04'", [(3, 4, 30)]),
        ("day > '2024-01-09'", [(9, 10, 90)]),
        ("at >= '2024-01-10'", [(9, 10, 90)]),
        ("at < '2024-01-01 01:30:00'", [(0, 1, 0)]),
        ("utc >= '2024-01-10'", [(9, 10, 90)]),
        ("price <= 0.95", [(0, 1, 0)]),
        ("flag == true", [(5, 8, 50), (8, 10, 80)]),
        ("h == 1", [(5, 8, 50), (8, 10, 80)]),
        ("h is null", ALL),  # NaN is missing too, and no statistics count it
        ("i is null", []),
        ("h is not null", [(5, 8, 50), (8, 10, 80)]),
    ],
)
def test_row_groups_that_cannot_pass_are_ruled_out(
    grouped: Source, where: str, left: list[tuple[int, int, int]]
) -> None:
    assert kept(grouped, where) == left


@pytest.mark.parametrize(
    "where", ["k > 1", "n = 1", "n is null", "nothing = 1", "s = 0", "y = 'x'", "i < true", "ns > '2024-01-10'"]
)
def test_what_statistics_do_not_tell_is_kept(grouped: Source, where: str) -> None:
    assert kept(grouped, where) == ALL


def test_a_file_without_statistics_is_kept(tmp_path: Path) -> None:
    silent = write(tmp_path, {"y": [1.0, 2.0]}, "b.parquet", write_statistics=False)
    assert len(pruned(silent, "y > 5")) == 1


def test_pruned_pieces_hold_the_rows_they_should(grouped: Source) -> None:
    pieces = pruned(grouped, "y >= 25 and y <= 45")
    assert sum(piece.size for piece in pieces) < sum(piece.size for piece in grouped.pieces(0, ["y"])) / 2
    assert read_pieces(grouped, pieces, "y", rows=7) == list(np.arange(20.0, 50.0))


def test_a_source_without_statistics_keeps_all(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y\n1\n2\n")
    source = open_source(str(tmp_path / "a.csv"))
    assert not isinstance(source, Pruning)
    assert pruned(source, "y > 5") == [Piece(0, 2, 6, 4)]


def test_whole_numbers_beyond_float_are_held_against_bounds_exactly(tmp_path: Path) -> None:
    source = write(tmp_path, {"y": [2**53 + 1, 2**53 + 3]})
    assert pruned(source, f"y <= {2**53}") == []


# -------------------------------------------------------------------------------------------------------------- damage
def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["y", "y"])
    pq.write_table(table, tmp_path / "a.parquet")
    refused(open_source(str(tmp_path / "a.parquet")).columns, "'y'", "more than one")


@pytest.mark.parametrize("keep", [4, 8, 100, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "a.parquet"
    write(tmp_path, {"y": np.random.default_rng(0).normal(size=5000)})
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else len(data) * keep)])
    refused(lambda: open_source(str(path)).columns(), "a.parquet", "truncated")


@pytest.mark.parametrize("compression", ["snappy", "gzip", "zstd", "none"])
def test_damaged_pages_are_refused(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.parquet"
    source = write(tmp_path, {"y": np.random.default_rng(0).normal(size=50_000)}, compression=compression)
    data = bytearray(path.read_bytes())
    for start in range(4, 4000, 40):
        data[start : start + 30] = b"\xff" * 30
    path.write_bytes(bytes(data))
    assert source.rows == 50_000
    refused(lambda: read(source), "a.parquet", "damaged")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("y,p\n1,2\n")
    refused(lambda: open_source(str(tmp_path / "a.parquet")).columns(), "a.parquet", "Parquet")


class Keys(encryption.KmsClient):
    """Keys in plain sight: the files of this test alone are locked with them."""

    def __init__(self, _config: object) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, _name: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped: bytes, _name: str) -> bytes:
        return base64.b64decode(wrapped)


@pytest.mark.parametrize("plain_footer", [False, True])
def test_encrypted_files_are_refused_with_the_way_out(tmp_path: Path, plain_footer: bool) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"y": [1.0, 2.0]})
    settings = encryption.EncryptionConfiguration(
        "footer", column_keys={"column": ["y"]}, plaintext_footer=plain_footer
    )
    locked = encryption.CryptoFactory(Keys).file_encryption_properties(encryption.KmsConnectionConfig(), settings)
    with pq.ParquetWriter(path, table.schema, encryption_properties=locked) as writer:
        writer.write_table(table)
    refused(lambda: read(open_source(str(path)), {"y": "number"}), "a.parquet", "encrypt", "without encryption")
