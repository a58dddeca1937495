"""What a path may mean: a file, a folder, a pattern, folders that say values, standard input, compressed text."""

import gzip
import io
import os
import pickle
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lossctl.columns.filter import language
from lossctl.columns.filter.sieve import sieve
from lossctl.sources import spool
from lossctl.sources.opening import open_source, open_sources, prune
from lossctl.sources.paths import expand, partitions
from lossctl.sources.source import Piece, Source, natural
from support import python, write_parquet, write_zip
from support.files import PACKERS
from support.sources import as_csv, read, refused, text_source


def put(folder: Path, *names: str, text: str = "y,p\n1,2\n") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(folder: Path, *paths: str) -> list[str]:
    return [os.path.relpath(path, folder) for path in expand([str(folder / path) for path in paths])]


# --------------------------------------------------------------------------------------------------- folders, patterns
def test_a_folder_means_all_data_files_in_it_in_natural_order(tmp_path: Path) -> None:
    put(tmp_path, "part_10.csv", "part_2.csv", "b/x.csv.gz", "b/10/z.tsv", "b/9/z.csv")
    assert found(tmp_path, ".") == ["b/9/z.csv", "b/10/z.tsv", "b/x.csv.gz", "part_2.csv", "part_10.csv"]


def test_hidden_files_and_those_set_aside_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", ".hidden.csv", "_SUCCESS", "_log/x.csv", ".git/x.csv", "README.md", "a.csv.crc", "notes.txt")
    assert found(tmp_path, ".") == ["a.csv"]


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.dat"])
def test_suffixes_that_may_be_anything_count_where_there_are_no_others(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, "README.md")
    assert found(tmp_path, ".") == [name]


def test_a_folder_of_several_formats_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "b.parquet")
    refused(lambda: expand([str(tmp_path)]), "several formats", "a.csv", "b.parquet", "*.csv")


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    refused(lambda: expand([str(tmp_path)]), "empty", ".parquet")
    put(tmp_path, "README.md")
    refused(lambda: expand([str(tmp_path)]), "README.md", ".csv")


def test_a_pattern_means_what_it_matches_in_natural_order(tmp_path: Path) -> None:
    put(tmp_path, "p_10.csv", "p_9.csv", "q.csv", "sub/p_1.csv")
    assert found(tmp_path, "p_*.csv") == ["p_9.csv", "p_10.csv"]
    assert found(tmp_path, "**/p_*.csv") == ["p_9.csv", "p_10.csv", "sub/p_1.csv"]
    assert found(tmp_path, "p_[9].csv", "s*") == ["p_9.csv", "sub/p_1.csv"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a.csv", "a.csv"), ("a.csv is named twice",)),
        (("a.csv", "b.csv", "a.csv", "a.csv", "b.csv"), ("a.csv is named 3 times", "b.csv is named twice")),
        (("a.csv", "./a.csv"), ("a.csv and ./a.csv are the same file",)),
        (("d/../a.csv", "a.csv"), ("d/../a.csv and a.csv are the same file",)),
        (("*.csv", "b.csv"), ("b.csv is named twice",)),
        (("d", "d/x.csv"), ("d/x.csv is named twice",)),
        (("a.csv", "linked.csv"), ("a.csv and linked.csv are the same file",)),
        (("d/x.csv", "folder/x.csv"), ("d/x.csv and folder/x.csv are the same file",)),
        (("-", "a.csv", "-"), ("- is named twice",)),
    ],
)
def test_a_file_that_comes_twice_is_refused(folder: Path, names: tuple[str, ...], said: tuple[str, ...]) -> None:
    put(folder, "a.csv", "b.csv", "d/x.csv")
    if "linked.csv" in names:
        (folder / "linked.csv").symlink_to("a.csv")
    (folder / "folder").symlink_to("d")
    refused(lambda: expand(names), *said, "rows would count more than once", "Name each file once")


def test_hard_links_are_copies_and_files_of_equal_content_are_different(folder: Path) -> None:
    put(folder, "a.csv", "b.csv")
    (folder / "c.csv").hardlink_to("a.csv")
    assert expand(["."]) == ["./a.csv", "./b.csv", "./c.csv"]
    refused(lambda: expand(["a.csv", "c.csv", "./c.csv"]), "c.csv and ./c.csv are the same file")


def test_a_file_whose_name_is_a_pattern_is_itself(tmp_path: Path) -> None:
    put(tmp_path, "a[1].csv", "a1.csv")
    assert found(tmp_path, "a[1].csv") == ["a[1].csv"]


def test_a_pattern_without_a_match_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "preds.csv")
    refused(lambda: expand([str(tmp_path / "perds*.csv")]), "no file matches", "perds*.csv")


def test_natural_order_counts(tmp_path: Path) -> None:
    assert sorted(["a10b2", "a9", "a10b1", "a"], key=natural) == ["a", "a9", "a10b1", "a10b2"]


@pytest.mark.parametrize("name", ["missing.csv", "pred.csv"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, "preds.csv")
    message = refused(lambda: open_sources([str(tmp_path / name)]), "no file", name)
    assert ("'preds.csv'" in message) == (name == "pred.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    refused(lambda: open_source(str(tmp_path)), "folder")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", text="")
    refused(lambda: open_source(str(tmp_path / "a.csv")), "empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="the system's owner may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    (tmp_path / "a.csv").chmod(0)
    refused(lambda: open_source(str(tmp_path / "a.csv")), "permission")


def test_a_path_that_no_system_has_is_refused() -> None:
    refused(lambda: open_source("a\0b"), "cannot be opened")
    refused(lambda: open_source("a" * 5000), "cannot be opened")


@pytest.mark.parametrize("name", ["a.xlsx", "a.pkl", "a.h5", "a.md"])
def test_other_formats_are_refused_with_those_that_are_read(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    refused(lambda: open_source(str(tmp_path / name)), os.path.splitext(name)[1], ".parquet", ".csv", ".gz")


def test_binary_files_without_a_known_beginning_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)))
    refused(lambda: open_source(str(tmp_path / "a")), "no format")


def test_zip_files_of_other_programs_are_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.xlsx", {"[Content_Types].xml": b"<x/>", "sheet.xml": b"<x/>"})
    refused(lambda: open_source(str(tmp_path / "a.xlsx")), ".xlsx is no format")


@pytest.mark.parametrize("name", ["a.csv", "a.dat", "a"])
def test_the_first_bytes_go_before_the_suffix(tmp_path: Path, name: str) -> None:
    write_parquet(tmp_path / name, {"y": [1.0]})
    assert open_source(str(tmp_path / name)).format == "parquet"
    np.save(tmp_path / "b.npy", np.zeros(3))
    (tmp_path / "b.npy").rename(tmp_path / name)
    assert open_source(str(tmp_path / name)).format == "npy"


# ---------------------------------------------------------------------------------------------------------- partitions
def test_folders_say_values_of_columns(tmp_path: Path) -> None:
    put(tmp_path, "region=eu/fold=1/a.csv", "region=eu/fold=2/a.csv", "region=us%20west/fold=1/a.csv")
    sources = open_sources([str(tmp_path)])
    assert [list(source.columns()) for source in sources] == [["region", "fold", "y", "p"]] * 3
    how = {"y": "number", "region": "text", "fold": "text"}
    assert [read(source, how) for source in sources] == [  # type: ignore[arg-type]
        {"y": [1.0], "region": ["eu"], "fold": ["1"]},
        {"y": [1.0], "region": ["eu"], "fold": ["2"]},
        {"y": [1.0], "region": ["us west"], "fold": ["1"]},
    ]


def test_values_of_folders_can_be_read_alone(tmp_path: Path) -> None:
    put(tmp_path, "region=eu/a.csv", text="y\n1\n2\n3\n")
    assert read(open_source(str(tmp_path / "region=eu/a.csv")), {"region": "text"}) == {"region": ["eu"] * 3}


def test_a_column_of_the_file_goes_before_its_folder(tmp_path: Path) -> None:
    put(tmp_path, "y=7/a.csv")
    source = open_source(str(tmp_path / "y=7/a.csv"))
    assert list(source.columns()) == ["y", "p"]
    assert read(source) == {"y": [1.0], "p": [2.0]}


def test_a_value_may_be_missing(tmp_path: Path) -> None:
    put(tmp_path, "region=__HIVE_DEFAULT_PARTITION__/a.csv")
    source = open_sources([str(tmp_path)])[0]
    assert read(source, {"region": "text", "y": "number"}) == {"region": [None], "y": [1.0]}


def test_paths_say_what_they_say() -> None:
    assert partitions("data/a=1/b=x=y/=z/c/f=2.csv") == {"a": "1", "b": "x=y"}
    assert partitions("plain/a.csv") == {}


@pytest.fixture
def partitioned(tmp_path: Path) -> Source:
    folder = tmp_path / "level=0.5" / "model=a"
    folder.mkdir(parents=True)
    write_parquet(folder / "a.parquet", {"y": np.arange(100.0)}, rows_per_group=10)
    return open_sources([str(tmp_path)])[0]


def test_folders_and_statistics_rule_pieces_out(partitioned: Source) -> None:
    pieces = partitioned.pieces(0, ["level", "y"])

    def left(where: str) -> list[Piece]:
        part = language.parse(where)
        return prune(partitioned, pieces, sieve(part, {name: name for name in language.columns(part)}))

    assert left("level > 0.5") == []
    assert left("model == 'b' or level < 0.5") == []
    assert left("model is null") == []
    assert left("model in ('a', 'b') and level == 0.5") == pieces
    assert left("model > 3") == pieces, "the rows say that it is no number"
    assert [(p.start, p.stop) for p in left("y = 15")] == [(1, 2)]
    assert [(p.start, p.stop) for p in left("(model = 'b' and y < 50) or y = 15")] == [(1, 2)]


def test_a_source_with_values_of_folders_is_like_any_other(partitioned: Source) -> None:
    copy = pickle.loads(pickle.dumps(partitioned))
    assert copy == partitioned
    assert (copy.rows, copy.format, copy.bytes > 0, copy.line(3)) == (100, "parquet", True, "")
    assert copy.columns()["level"].kind == "unknown"
    assert copy.path.endswith("a.parquet")


# ---------------------------------------------------------------------------------------------------------- compressed
@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["a.csv", "a", "a.dat"])
def test_compressed_text_is_read_by_the_name_within(tmp_path: Path, suffix: str, name: str) -> None:
    assert read(text_source(tmp_path, PACKERS[suffix](b"y,p\n1,2\n"), name + suffix)) == {"y": [1.0], "p": [2.0]}
    assert text_source(tmp_path, PACKERS[suffix](b'{"y": 1}\n'), "b" + suffix).format == "jsonl"


def test_compression_is_recognised_without_its_suffix(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, gzip.compress(b"y,p\n1,2\n"), "a.csv")) == {"y": [1.0], "p": [2.0]}


def test_gzip_files_joined_end_to_end_are_one_text(tmp_path: Path) -> None:
    assert read(text_source(tmp_path, gzip.compress(b"y\n1\n") + gzip.compress(b"2\n"), "a.csv.gz")) == {
        "y": [1.0, 2.0]
    }


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_text_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    data = PACKERS[suffix](as_csv() * 20)
    for keep in (len(data) // 2, len(data) - 3):
        name = f"{keep}.csv{suffix}"
        (tmp_path / name).write_bytes(data[:keep])
        refused(lambda path=tmp_path / name: read(open_source(str(path))), name, "cannot be unpacked")  # type: ignore[misc]


@pytest.mark.parametrize("suffix", PACKERS)
def test_text_that_is_not_compressed_as_it_says_is_refused(tmp_path: Path, suffix: str) -> None:
    refused(lambda: text_source(tmp_path, "y,p\n1,2\n", "a.csv" + suffix), suffix, "is not packed")


def test_a_zip_with_one_file_is_that_file(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"folder/data.tsv": b"y\tp\n1\t2\n", "__MACOSX/._data.tsv": b"x"})
    assert read(open_source(str(tmp_path / "a.zip"))) == {"y": [1.0], "p": [2.0]}
    write_zip(tmp_path / "b.zip", {"data.json": b'[{"y": 1}]'})
    assert open_source(str(tmp_path / "b.zip")).format == "json"


@pytest.mark.parametrize(
    ("members", "said"), [({"a.csv": b"y\n1\n", "b.csv": b"y\n1\n"}, "a.csv, b.csv"), ({}, "no file")]
)
def test_a_zip_with_more_or_less_is_refused_and_tells_what_it_holds(
    tmp_path: Path, members: dict[str, bytes], said: str
) -> None:
    write_zip(tmp_path / "a.zip", members)
    refused(lambda: open_source(str(tmp_path / "a.zip")), "a.zip", said, "Unpack it")


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.csv": as_csv()})
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data[:-30])
    refused(lambda: open_source(str(tmp_path / "a.zip")), "a.zip", "truncated")
    damaged = bytearray(data)
    damaged[2000:2100] = bytes(100)
    (tmp_path / "b.zip").write_bytes(bytes(damaged))
    refused(lambda: read(open_source(str(tmp_path / "b.zip"))), "b.zip", "cannot be unpacked")


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.csv": b"y\n1\n"})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(bytes(data))
    refused(lambda: open_source(str(tmp_path / "a.zip")), "password")


def test_binary_formats_are_not_read_compressed(tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"y": [1.0]}), out)
    refused(lambda: text_source(tmp_path, gzip.compress(out.getvalue()), "a.parquet.gz"), "parquet", "unpack it")


@pytest.mark.parametrize(("head", "name"), [(b"\xfd7zXZ\x00", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!", "rar")])
def test_other_compressions_are_refused_with_those_that_are_read(tmp_path: Path, head: bytes, name: str) -> None:
    refused(lambda: text_source(tmp_path, head + bytes(50), "a.csv"), name, ".gz")


def test_a_number_that_is_none_in_compressed_text_is_refused_with_its_line(tmp_path: Path) -> None:
    source = text_source(tmp_path, gzip.compress(b"y,p\n1,2\nabc,3\n"), "a.csv.gz")
    refused(lambda: read(source), "a.csv.gz", "'y'", "line 3", "'abc'")


def test_an_archive_of_arrays_may_be_called_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "weights", "w") as archive:
        out = io.BytesIO()
        np.save(out, np.arange(3.0))
        archive.writestr("y.npy", out.getvalue())
    assert read(open_source(str(tmp_path / "weights"))) == {"y": [0.0, 1.0, 2.0]}


# ------------------------------------------------------------------------------------------------------ standard input
READ_STDIN = """
import sys
from lossctl.sources.opening import open_source
from lossctl.sources.source import Reading
first, again = open_source("-"), open_source("-")
pieces, how = first.pieces(0, ["y"]), Reading({"y": "number"}, 9)
values = [value for piece in pieces for batch in first.read(piece, how) for value in batch.column(0).to_pylist()]
print(first.format, first.path, values, first.file == again.file, first.file)
"""


def parquet_bytes() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"y": [1.0, 2.0]}), out)
    return out.getvalue()


def arrow_bytes() -> bytes:
    out = io.BytesIO()
    table = pa.table({"y": [1.0, 2.0]})
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"y,p\n1,2\n2,3\n", "csv"),
        (b"y;p\n1;2\n2;3\n", "csv"),
        (b'{"y": 1}\n{"y": 2}\n', "jsonl"),
        (b'[{"y": 1}, {"y": 2}]', "jsonl"),
        (gzip.compress(b"y,p\n1,2\n2,3\n"), "csv"),
        (parquet_bytes(), "parquet"),
        (arrow_bytes(), "arrow"),
    ],
    ids=["csv", "semicolons", "lines", "array", "gzip", "parquet", "arrow"],
)
def test_standard_input_is_read_as_its_first_bytes_say_and_leaves_nothing(data: bytes, kind: str) -> None:
    done = python(READ_STDIN, input=data, text=False)
    assert done.returncode == 0, done.stderr
    said, path = done.stdout.decode().rsplit(" ", 1)
    assert said == f"{kind} stdin [1.0, 2.0] True"
    assert not os.path.exists(path.strip())


def test_empty_standard_input_is_refused() -> None:
    done = python("from lossctl.sources.opening import open_source; open_source('-')", input="")
    assert "DataError: stdin is empty" in done.stderr


def test_a_terminal_is_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    spool.spooled.cache_clear()
    monkeypatch.setattr(sys, "stdin", None)
    refused(lambda: open_source("-"), "standard input", "piped")


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_bytes, args=(b"y,p\n1,2\n",))
    thread.start()
    source = open_source(str(pipe))
    thread.join()
    assert read(source) == {"y": [1.0], "p": [2.0]}
    assert source.path == str(pipe)
    spool.spooled.cache_clear()
