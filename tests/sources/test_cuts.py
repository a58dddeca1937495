"""Text cut between rows: whatever stands in quotes and wherever the cuts fall, the rows are the same."""

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossctl.sources import packed
from lossctl.sources.json.unwrap import unwrapped
from lossctl.sources.opening import open_source
from lossctl.sources.source import Reading
from lossctl.sources.text import cuts, text
from lossctl.sources.text.cuts import Part
from lossctl.sources.text.quotes import Rules
from support.sources import batches, read, read_pieces, refused, text_source

RULES = Rules(b"\n", b'"', b",")
CELL = st.text(alphabet='ab,"\n\r é', max_size=6)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Cuts are remembered by file; pieces of another size need others."""
    yield
    cuts.cuts.cache_clear()


@pytest.fixture(params=[1, 7, 64, 1000, 4 << 20])
def piece_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cuts, "PIECE_BYTES", request.param)
    monkeypatch.setattr(cuts, "TAIL_BYTES", 5)
    monkeypatch.setattr(packed, "BLOCK_BYTES", request.param)
    return int(request.param)


def written(rows: list[list[str]], end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue().encode()


def table(seed: int) -> list[list[str]]:
    choose = random.Random(seed)
    pieces = ["a", ",", '"', "\n", "\r\n", "é", " ", "plain text", ""]
    return [
        [str(row), "".join(choose.choices(pieces, k=choose.randint(0, 5))) + "x", str(choose.random())]
        for row in range(200)
    ]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_line_ends_may_stand_at_any_cut(tmp_path: Path, piece_bytes: int, quoting: int, end: str) -> None:
    rows = table(piece_bytes)
    plain = written([["id", "k", "y"], *rows], end, quoting)
    expected = {"id": [row[0] for row in rows], "k": [row[1] for row in rows], "y": [float(row[2]) for row in rows]}
    for name, data in (("a.csv", plain), ("b.csv.gz", gzip.compress(plain))):
        source = text_source(tmp_path, data, name)
        assert read(source, {"id": "text", "k": "text", "y": "number"}) == expected
        places = [source.line(row) for row in (0, 17, 199)]
        before = [sum(cell.count("\n") for line in rows[:row] for cell in line) for row in (0, 17, 199)]
        assert places == [f" (line {2 + row + lines})" for row, lines in zip((0, 17, 199), before, strict=True)]


def test_quotes_inside_cells_do_not_mislead_the_cuts(tmp_path: Path, piece_bytes: int) -> None:
    rows = [[f'{row}" pipe' if row % 3 else "x", str(row)] for row in range(100)]
    source = text_source(tmp_path, "k,y\n" + "".join(f"{k},{y}\n" for k, y in rows))
    assert read(source, {"k": "text", "y": "number"}) == {"k": [k for k, _ in rows], "y": [float(y) for _, y in rows]}


def test_pieces_do_not_depend_on_who_reads_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "PIECE_BYTES", 50)
    source = text_source(tmp_path, written([["id", "k", "y"], *table(3)]))
    pieces = source.pieces(0, ["k"])
    assert len(pieces) > 40

    def rows(index: int) -> list[str]:
        return read_pieces(source, [pieces[index]], "k", "text", 9)

    in_turn = [rows(index) for index in range(len(pieces))]
    for workers in (1, 2, 8):
        cuts.cuts.cache_clear()
        with ThreadPoolExecutor(workers) as pool:
            backwards = list(pool.map(rows, reversed(range(len(pieces)))))
        assert backwards[::-1] == in_turn


def test_json_lines_are_the_same_for_any_cut(tmp_path: Path, piece_bytes: int) -> None:
    rows = [{"k": cells[1], "y": float(cells[2]), "v": [1.0, None]} for cells in table(7)]
    lines = "\ufeff" + "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    source = text_source(tmp_path, lines, "a.jsonl")
    assert read(source) == {name: [row[name] for row in rows] for name in ("k", "y", "v")}
    assert source.line(150) == " (line 151)"


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_a_json_array_is_the_same_for_any_block(tmp_path: Path, piece_bytes: int, indent: int | None) -> None:
    rows = [{"k": cells[1] + '\\"}],[{', "y": float(cells[2]), "v": [[1.0], []]} for cells in table(8)]
    source = text_source(tmp_path, json.dumps(rows, indent=indent), "a.json")
    assert read(source) == {name: [row[name] for row in rows] for name in ("k", "y", "v")}


def test_empty_lines_are_no_rows_at_any_cut(tmp_path: Path, piece_bytes: int) -> None:
    lines = ["y"] + [line for row in range(60) for line in [str(row)] + [""] * (row % 4)]
    source = text_source(tmp_path, "\r\n".join(lines) + "\r\n\r\n")
    assert read(source)["y"] == [float(row) for row in range(60)]
    assert source.line(59) == f" (line {lines.index('59') + 1})"


def test_a_row_longer_than_a_piece_is_whole(tmp_path: Path, piece_bytes: int) -> None:
    long = "x" * 5000
    source = text_source(tmp_path, f'k,y\n{long},1\n"{long}\n{long}",2\nb,3\n')
    assert read(source, {"k": "text", "y": "number"}) == {"k": [long, f"{long}\n{long}", "b"], "y": [1.0, 2.0, 3.0]}


def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "PIECE_BYTES", 100)
    monkeypatch.setattr(cuts, "TAIL_BYTES", 5)
    monkeypatch.setattr(cuts, "LONGEST_ROW", 1000)
    data = 'k,y\n"a,1\n' + "b,2\n" * 1000
    for name, content in (("a.csv", data.encode()), ("a.csv.gz", gzip.compress(data.encode()))):
        monkeypatch.setattr(packed, "BLOCK_BYTES", 100)
        source = text_source(tmp_path, content, name)
        refused(lambda source=source: read(source, {"y": "number"}), name, "longer than", "quote")  # type: ignore[misc]


def test_a_fault_is_told_with_its_line_in_whatever_piece_it_is(tmp_path: Path, piece_bytes: int) -> None:
    text = "k,y\n" + '"a\nb",1\n' * 50 + "c\n" + "d,2\n" * 50
    refused(lambda: read(text_source(tmp_path, text), {"y": "number"}), "line 102", "1 cell", "should be 2")
    refused(
        lambda: read(text_source(tmp_path, text.replace("c\n", "\xe9,3\n").encode("latin-1"), "b.csv"), {"k": "text"}),
        "line 102",
    )


def test_a_fault_in_json_lines_is_told_with_its_line(tmp_path: Path, piece_bytes: int) -> None:
    good = '{"y": 1}\n\n' * 1000
    refused(lambda: read(text_source(tmp_path, good + '{"y": "x"}\n', "a.jsonl")), "line 2001", "'y'", '"x"')
    refused(lambda: read(text_source(tmp_path, good + '{"y": 1\n', "b.jsonl")), "line 2001", "no JSON")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), st.integers(1, 30))
def test_rows_are_found_whatever_cells_hold(rows: list[tuple[str, str]], wanted: int) -> None:
    data = written([list(row) for row in rows], quoting=csv.QUOTE_ALL)
    found = [row for _, row in Part(data, 0, len(data)).rows(RULES)]
    assert [next(csv.reader([row.decode()])) for row in found] == [list(row) for row in rows]
    ends = {0}
    for row in found:
        ends.add(max(ends) + len(row))
    at = min(wanted, len(data) - 1)
    assert RULES.row_end(data, 0, at) == min(end for end in ends if end > at)
    cut = data[: len(data) - 1 - at] if len(data) > 1 + at else b""
    assert RULES.last_row_end(cut) == max(end for end in ends if end <= len(cut))


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(st.none() | st.text(alphabet='a[]{},"\\\n', max_size=5), lambda x: st.lists(x, max_size=3)),
    st.integers(1, 9),
)
def test_an_array_is_unwrapped_whatever_its_objects_hold(value: object, size: int) -> None:
    rows = [{"a": value, "b": 1}, {"c": [value]}, {}]
    data = json.dumps(rows, indent=1).encode()
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    lines = b"".join(unwrapped(blocks, "x"))
    assert len(lines) == len(data)
    assert [json.loads(line) for line in lines.splitlines()] == rows


def test_memory_is_bounded_by_the_piece_and_not_the_file(tmp_path: Path) -> None:
    source = text_source(tmp_path, "k,y\n" + '"a\nb",1\n' * 1_500_000)
    sizes = [piece.size for piece in source.pieces(0, ["y"])]
    assert max(sizes) <= cuts.PIECE_BYTES
    assert sum(batch.num_rows for batch in batches(source, {"y": "number"}, 1 << 16)) == 1_500_000


def test_reading_stops_when_the_reader_does(tmp_path: Path) -> None:
    source = open_source(str(_packed(tmp_path)))
    assert isinstance(source, text.TextSource)
    piece = source.pieces(0, ["y"])[0]
    first = next(iter(source.read(piece, Reading({"y": "number"}, 10))))
    assert first.num_rows == 10


def _packed(folder: Path) -> Path:
    path = folder / "long.csv.gz"
    path.write_bytes(gzip.compress(b"y\n" + b"1\n" * 3_000_000, 1))
    return path
