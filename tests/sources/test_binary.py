"""Arrow IPC and NumPy files: pieces, shapes and types, and files that are damaged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lossctl.sources.binary import ipc, npy
from lossctl.sources.opening import open_source
from lossctl.sources.source import Source
from support import write_zip
from support.sources import batches, read, refused


# ----------------------------------------------------------------------------------------------------------- Arrow IPC
def write_arrow(path: Path, table: pa.Table, rows: int, stream: bool = False, compression: str | None = None) -> Source:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return open_source(str(path))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_record_batches_are_grouped_into_pieces(
    tmp_path: Path, stream: bool, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ipc, "PIECE_ROWS", 250)
    values = list(range(1000))
    source = write_arrow(tmp_path / "a.arrow", pa.table({"x": values, "y": values[::-1]}), 70, stream, compression)
    pieces = source.pieces(0, ["y"])
    assert [(piece.start, piece.stop, piece.row) for piece in pieces] == [
        (0, 4, 0),
        (4, 8, 280),
        (8, 12, 560),
        (12, 15, 840),
    ]
    assert source.rows == 1000
    assert sum(piece.size for piece in pieces) <= source.bytes
    assert read(source, {"y": "number"}) == {"y": values[::-1]}


@pytest.mark.parametrize("stream", [False, True])
def test_dictionaries_are_read_in_both_forms(tmp_path: Path, stream: bool) -> None:
    keys = pa.array(["a", "b", None, "a"] * 25).dictionary_encode()
    source = write_arrow(tmp_path / "a.arrow", pa.table({"k": keys, "y": list(range(100))}), 30, stream)
    assert source.columns()["k"].kind == "text"
    assert read(source, {"y": "number", "k": "text"}) == {"y": list(range(100)), "k": ["a", "b", None, "a"] * 25}


def test_a_stream_is_recognised_without_its_suffix(tmp_path: Path) -> None:
    assert write_arrow(tmp_path / "a", pa.table({"y": [1.0]}), 10, stream=True).format == "arrow"


def test_an_arrow_file_without_batches_has_columns(tmp_path: Path) -> None:
    for stream in (False, True):
        source = write_arrow(tmp_path / f"{stream}.arrow", pa.table({"y": pa.array([], pa.float64())}), 10, stream)
        assert (source.rows, source.pieces(0, ["y"])) == (0, [])
        assert source.columns()["y"].kind == "number"


def test_widths_of_arrow_lists_come_from_their_type_or_first_row(tmp_path: Path) -> None:
    table = pa.table(
        {
            "fixed": pa.array([[1.0, 2.0]], pa.list_(pa.float64(), 2)),
            "free": pa.array([[1, 2, 3]]),
            "large": pa.array([[1]], pa.large_list(pa.int8())),
        }
    )
    widths = {
        name: (info.kind, info.width) for name, info in write_arrow(tmp_path / "a.arrow", table, 9).columns().items()
    }
    assert widths == {"fixed": ("list", 2), "free": ("list", 3), "large": ("list", 1)}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_an_arrow_file_cut_short_is_refused(tmp_path: Path, stream: bool, keep: float) -> None:
    path = tmp_path / "a.arrow"
    write_arrow(path, pa.table({"y": np.arange(5000.0)}), 100, stream)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    refused(lambda: read(open_source(str(path))), "a.arrow", "truncated or damaged")


def test_an_arrow_file_with_damaged_headers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    write_arrow(path, pa.table({"y": np.arange(1000.0)}), 100)
    data = bytearray(path.read_bytes())
    data[-200:-20] = bytes(180)
    path.write_bytes(bytes(data))
    refused(lambda: read(open_source(str(path))), "a.arrow")


def test_feather_of_version_1_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "a.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    refused(lambda: open_source(str(tmp_path / "a.feather")).columns(), "version 1", "write it again")


def test_arrow_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["y", "y"])
    refused(write_arrow(tmp_path / "a.arrow", table, 9).columns, "'y'", "more than one")


# --------------------------------------------------------------------------------------------------------------- NumPy
Save = Callable[..., None]


def save(folder: Path, array: Any, name: str = "a.npy") -> Source:
    np.save(folder / name, array)
    return open_source(str(folder / name))


@pytest.mark.parametrize("make", [np.savez, np.savez_compressed])
def test_arrays_of_an_archive_are_columns(tmp_path: Path, make: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "PIECE_ROWS", 3)
    arrays = {
        "y": np.arange(7.0),
        "i": np.arange(7, dtype=">i4"),
        "h": np.arange(7, dtype=np.float16),
        "flag": np.arange(7) % 2 == 0,
        "pair": np.arange(14, dtype=np.float32).reshape(7, 2),
        "grid": np.arange(42).reshape(7, 3, 2),
        "turned": np.asfortranarray(np.arange(14.0).reshape(7, 2)),
        "name": np.array(["a", "é", "日本", "", "b", "c", "d"]),
        "bytes": np.array([b"x"] * 7),
    }
    make(tmp_path / "a.npz", epoch=np.int64(3), **arrays)
    source = open_source(str(tmp_path / "a.npz"))
    shapes = {name: (info.kind, info.width) for name, info in source.columns().items()}
    assert shapes == {
        **dict.fromkeys(["y", "i", "h", "flag"], ("number", 1)),
        "pair": ("list", 2),
        "grid": ("list", 6),
        "turned": ("list", 2),
        **dict.fromkeys(["name", "bytes"], ("text", 1)),
    }
    expected = {name: array.tolist() for name, array in arrays.items()} | {"bytes": ["x"] * 7}
    assert read(source, rows=2) == expected
    assert source.rows == 7
    assert len(source.pieces(0, ["y"])) == (3 if make is np.savez else 1)


def test_an_array_of_two_dimensions_is_cut_into_columns(tmp_path: Path) -> None:
    assert read(save(tmp_path, np.arange(6.0).reshape(3, 2))) == {"c0": [0.0, 2.0, 4.0], "c1": [1.0, 3.0, 5.0]}
    turned = save(tmp_path, np.asfortranarray(np.arange(6.0).reshape(3, 2)), "b.npy")
    assert read(turned) == {"c0": [0.0, 2.0, 4.0], "c1": [1.0, 3.0, 5.0]}


def test_an_array_of_one_dimension_is_a_column(tmp_path: Path) -> None:
    assert read(save(tmp_path, np.array([1, 2], dtype=np.uint8))) == {"c0": [1, 2]}


def test_an_array_of_three_dimensions_is_cut_into_list_columns(tmp_path: Path) -> None:
    found = read(save(tmp_path, np.arange(8).reshape(2, 2, 2)))
    assert found == {"c0": [[0, 1], [4, 5]], "c1": [[2, 3], [6, 7]]}


def test_fields_of_a_structured_array_are_columns(tmp_path: Path) -> None:
    dtype = [("y", "<f8"), ("k", "U2"), ("v", ">f4", (2,)), ("i", "i1")]
    source = save(tmp_path, np.array([(1.5, "ab", [1, 2], 3), (2.5, "c", [3, 4], -4)], dtype=dtype))
    assert read(source) == {"y": [1.5, 2.5], "k": ["ab", "c"], "v": [[1.0, 2.0], [3.0, 4.0]], "i": [3, -4]}


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
def test_names_of_fields_may_be_in_any_language(tmp_path: Path) -> None:
    assert read(save(tmp_path, np.array([(1.0,)], dtype=[("日本", "f8")]))) == {"日本": [1.0]}


def test_wide_rows_make_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "PIECE_BYTES", 1000)
    source = save(tmp_path, np.zeros((100, 10)))
    assert [piece.stop - piece.start for piece in source.pieces(0, ["c0"])][:2] == [12, 12]
    assert sum(batch.num_rows for batch in batches(source, {"c0": "number"}, 5)) == 100


def test_empty_arrays_have_columns(tmp_path: Path) -> None:
    assert read(save(tmp_path, np.zeros((0, 2)))) == {"c0": [], "c1": []}


@pytest.mark.parametrize("make", [np.savez, np.savez_compressed])
def test_arrays_of_several_lengths_are_refused_where_they_meet(tmp_path: Path, make: Save) -> None:
    make(tmp_path / "a.npz", y=np.zeros(5), p=np.zeros(4), classes=np.zeros(10))
    source = open_source(str(tmp_path / "a.npz"))
    assert source.rows is None
    assert read(source, {"y": "number"}) == {"y": [0.0] * 5}
    refused(lambda: source.pieces(0, ["y", "p"]), "'y' 5", "'p' 4")


@pytest.mark.parametrize("make", [np.savez, np.savez_compressed])
def test_python_objects_are_never_loaded(tmp_path: Path, make: Save) -> None:
    make(tmp_path / "a.npz", y=np.zeros(2), bad=np.array([1, None]))
    source = open_source(str(tmp_path / "a.npz"))
    assert source.columns()["bad"].kind == "other"
    assert read(source, {"y": "number"}) == {"y": [0.0, 0.0]}
    refused(lambda: read(source), "'bad'", "pickle", "astype(float)")
    refused(lambda: read(save(tmp_path, np.array([None, 1]))), "pickle")


@pytest.mark.parametrize(
    "array",
    [np.array([1j]), np.array([7], dtype="m8[D]"), np.zeros((2, 2, 2, 2, 2)), np.zeros((2, 1), "c16")],
)
def test_arrays_that_no_role_can_use_are_refused(tmp_path: Path, array: Any) -> None:
    refused(lambda: read(save(tmp_path, array)), "'c0'", "no number, text or list")


@pytest.mark.parametrize("keep", [3, 7, 40, 200, 500])
@pytest.mark.parametrize("make", [np.save, np.savez, np.savez_compressed])
def test_a_numpy_file_cut_short_is_refused(tmp_path: Path, make: Save, keep: int) -> None:
    path = tmp_path / ("a.npy" if make is np.save else "a.npz")
    make(path, np.random.default_rng(0).normal(size=1000))
    path.write_bytes(path.read_bytes()[:keep])
    refused(lambda: read(open_source(str(path))), path.name)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, y=np.random.default_rng(0).normal(size=5000))
    data = bytearray(path.read_bytes())
    data[5000:5100] = bytes(100)
    path.write_bytes(bytes(data))
    refused(lambda: read(open_source(str(path))), "a.npz", "damaged")


def test_an_array_without_rows_is_refused(tmp_path: Path) -> None:
    refused(lambda: save(tmp_path, np.float64(3)).columns(), "one dimension")


def test_other_files_in_an_archive_are_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.npz", {"readme.txt": "hello"})
    refused(lambda: open_source(str(tmp_path / "a.npz")).columns(), "readme.txt", "array")


def test_a_header_that_is_code_is_not_run(tmp_path: Path) -> None:
    text = b"{'descr': __import__('os').system('false'), 'fortran_order': False, 'shape': (1,)}"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(8))
    refused(lambda: open_source(str(tmp_path / "a.npy")).columns(), "a.npy", "damaged")
