"""`--where` compares values: whole numbers exactly, quoted numbers, dates and times by what they spell, and truth."""

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import lossctl
from lossctl.columns.filter import language, passing
from lossctl.columns.filter.sieve import sieve
from lossctl.sources.opening import open_source, prune
from support import Run, as_named, check_refused, write_csv, write_parquet

LARGE = 2**53


def parquet(folder: Path, column: pa.Array, name: str = "a.parquet", group: int = 1) -> Path:
    """A file with a column `k`; the prediction of row i is off by 2**i, so that a sum of errors tells the rows."""
    size = len(column)
    return write_parquet(
        folder / name, {"k": column, "y_true": np.zeros(size), "y_pred": 2.0 ** np.arange(size)}, group
    )


def text(folder: Path, cells: Sequence[object]) -> Path:
    """The same as CSV."""
    size = len(cells)
    return write_csv(folder / "a.csv", {"k": cells, "y_true": [0.0] * size, "y_pred": [2.0**at for at in range(size)]})


def rows(path: Path, where: str) -> list[int]:
    """The rows that a filter keeps."""
    try:
        total = lossctl.compute("mae", path, where=where, reduction="sum").value
    except lossctl.LossctlError as error:
        if "keeps none" not in str(error):
            raise
        return []
    assert total is not None
    return [at for at in range(64) if int(total) >> at & 1]


# ------------------------------------------------------------------------------------------------------- whole numbers
WHOLE = [
    (f"k = {LARGE + 1}", [1]),
    (f"k = '{LARGE + 1}'", [1]),
    (f"k = {LARGE + 1}.0", [1]),
    (f"k != {LARGE + 1}", [0, 2]),
    (f"k < {LARGE + 1}", [0]),
    (f"k <= {LARGE + 1}", [0, 1]),
    (f"k > {LARGE + 1}", [2]),
    (f"k >= {LARGE + 1}", [1, 2]),
    (f"k < {LARGE + 1}.5", [0, 1]),
    (f"k = {LARGE + 1}.5", []),
    (f"k in ({LARGE}, {LARGE + 2})", [0, 2]),
    (f"k in ({LARGE + 1}, 3)", [1]),
    (f"k not in ({LARGE + 1}, 3)", [0, 2]),
    ("k < 1e30", [0, 1, 2]),
    ("k > 1e999", []),
    ("k > -1e999", [0, 1, 2]),
]


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize(("where", "kept"), WHOLE)
def test_whole_numbers_beyond_2_to_the_53_are_compared_exactly(
    tmp_path: Path, where: str, kept: list[int], group: int
) -> None:
    column = [LARGE, LARGE + 1, LARGE + 2]
    assert rows(parquet(tmp_path, pa.array(column), group=group), where) == kept
    assert rows(parquet(tmp_path, pa.array(column, pa.uint64()), group=group), where) == kept
    assert rows(parquet(tmp_path, pa.array(column).dictionary_encode(), group=group), where) == kept
    decimals = pa.array([Decimal(value) for value in column], pa.decimal128(30, 2))
    assert rows(parquet(tmp_path, decimals, group=group), where) == kept
    assert rows(text(tmp_path, column), where) == kept


@pytest.mark.parametrize(
    ("where", "kept"),
    [(f"k = {2**63 + 5}", [1]), (f"k > {2**63 + 5}", [2]), (f"k < {2**63 + 5}", [0]), ("k > -1", [0, 1, 2])],
)
def test_unsigned_numbers_beyond_2_to_the_63_are_compared_exactly(tmp_path: Path, where: str, kept: list[int]) -> None:
    column = pa.array([2**63 + 4, 2**63 + 5, 2**64 - 1], pa.uint64())
    for group in (1, 3):
        assert rows(parquet(tmp_path, column, group=group), where) == kept


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (f"k = {LARGE + 1}", []),
        (f"k < {LARGE + 1}", [0]),
        (f"k <= {LARGE + 1}", [0]),
        (f"k >= {LARGE + 1}", [1]),
        (f"k > {LARGE + 3}", [1]),
        (f"k != {LARGE + 1}", [0, 1]),
        (f"k < 1{'0' * 350}", [0, 1]),
    ],
)
def test_a_whole_number_that_is_no_float_lies_between_two(tmp_path: Path, where: str, kept: list[int]) -> None:
    column = [float(LARGE), float(LARGE + 4)]
    for group in (1, 2):
        assert rows(parquet(tmp_path, pa.array(column), group=group), where) == kept
    assert rows(text(tmp_path, column), where) == kept


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.json"])
def test_whole_numbers_are_exact_in_text_that_is_read_in_order_and_in_json(tmp_path: Path, name: str) -> None:
    path, column = text(tmp_path, [LARGE, LARGE + 1, LARGE + 2]), [LARGE, LARGE + 1, LARGE + 2]
    objects = [json.dumps({"k": value, "y_true": 0, "y_pred": 2**at}) for at, value in enumerate(column)]
    whole = f"[{','.join(objects)}]" if name.endswith("json") else "\n".join(objects)
    (tmp_path / name).write_bytes(as_named(name, path.read_bytes() if "csv" in name else whole))
    assert rows(tmp_path / name, f"k = {LARGE + 1}") == [1]
    assert rows(tmp_path / name, f"k < '{LARGE + 1}'") == [0]
    assert rows(tmp_path / name, f"k != '{LARGE + 1}'") == [0, 2]


def test_small_integers_are_held_against_numbers_they_cannot_hold(tmp_path: Path) -> None:
    path = parquet(tmp_path, pa.array([-128, 0, None, 127], pa.int8()), group=4)
    assert rows(path, "k = 300 or k < -300") == []
    assert rows(path, "k not in (300, 0.5)") == [0, 1, 3]
    assert rows(path, "k >= -0.5") == [1, 3]


def test_decimals_are_compared_as_they_are_written(tmp_path: Path) -> None:
    column = pa.array([Decimal("0.94"), Decimal("0.95"), Decimal("0.96"), None])
    for group in (1, 4):
        assert rows(parquet(tmp_path, column, group=group), "k <= 0.95") == [0, 1]
        assert rows(parquet(tmp_path, column, group=group), "k != '0.950'") == [0, 2]


# ------------------------------------------------------------------------------------------------------ quoted numbers
@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("k < '2'", [1]),
        ("k >= '10'", [2, 3]),
        ("k != '1.0'", [0, 2, 3]),
        ("k = '1.0'", [1]),
        ("k in ('9', '1e1')", [0, 2]),
        ("k not in ('9', 10)", [1, 3]),
    ],
)
def test_a_quoted_number_is_a_number_to_a_column_of_numbers(tmp_path: Path, where: str, kept: list[int]) -> None:
    column = [9, 1, 10, 100]
    for kind in (pa.int32(), pa.float32(), pa.float64()):
        for group in (1, 4):
            assert rows(parquet(tmp_path, pa.array(column, kind), group=group), where) == kept


def test_text_in_order_is_that_of_numbers_where_cells_of_text_files_spell_them(tmp_path: Path) -> None:
    path = text(tmp_path, [9, 1, 10, 100])
    assert rows(path, "k < '2'") == [1]
    assert rows(path, "k >= '10'") == [2, 3]


def test_a_quoted_name_of_a_text_file_is_the_cell_that_is_written_so(tmp_path: Path) -> None:
    path = text(tmp_path, ["007", "7", "1.10", "1.1"])
    assert rows(path, "k = '7'") == [1]
    assert rows(path, "k = '1.10'") == [2]
    assert rows(path, "k = 7") == [0, 1]


def test_a_column_of_text_stays_text(tmp_path: Path) -> None:
    path = parquet(tmp_path, pa.array(["9", "10", "2024-01-02"]), group=3)
    assert rows(path, "k < '9'") == [1, 2]
    assert rows(path, "k > '2024-1-1'") == [0]


@pytest.mark.parametrize("word", ["'x'", "'nan'", "true", "''"])
def test_what_spells_no_number_is_refused_by_columns_of_numbers(run: Run, folder: Path, word: str) -> None:
    parquet(folder, pa.array([1, 2]))
    check_refused(run("compute", "mae", "a.parquet", "--where", f"k != {word}"), "'k'", "holds numbers", word)


# ----------------------------------------------------------------------------------------------------- dates and times
START = datetime(2024, 1, 1, 0, 30)
HOURS = [START + timedelta(hours=3 * at) for at in range(4)]  # 00:30, 03:30, 06:30, 09:30
TIMESTAMPS = [
    ("k < '2024-01-01T03:00'", [0]),
    ("k = '2024-01-01T00:30:00'", [0]),
    ("k = '2024-01-01 00:30:00.000'", [0]),
    ("k != '2024-01-01 00:30'", [1, 2, 3]),
    ("k > '2024-1-1'", [0, 1, 2, 3]),
    ("k > '2024-01-02'", []),
    ("k in ('2024-01-01 03:30', '2024-01-01T06:30')", [1, 2]),
    ("not k <= '2024-01-01 03:30'", [2, 3]),
    ("k >= '2024-01-01T00:30:00.000000001'", [1, 2, 3]),
]
ZONED = [
    ("k = '2024-01-01T00:30:00Z'", [0]),
    ("k = '2024-01-01T03:30:00+03:00'", [0]),
    ("k < '2024-01-01 08:30+0530'", [0]),
    ("k > '2023-12-31T20:30-07'", [2, 3]),
]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("where", "kept"), TIMESTAMPS)
def test_timestamps_are_compared_as_such(tmp_path: Path, unit: str, where: str, kept: list[int]) -> None:
    for zone in (None, "UTC"):
        for group in (1, 4):
            assert rows(parquet(tmp_path, pa.array(HOURS, pa.timestamp(unit, zone)), group=group), where) == kept


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "-05:00"])
@pytest.mark.parametrize(("where", "kept"), ZONED)
def test_time_zones_of_literals_count(tmp_path: Path, zone: str, where: str, kept: list[int]) -> None:
    for group in (1, 4):
        assert rows(parquet(tmp_path, pa.array(HOURS, pa.timestamp("us", zone)), group=group), where) == kept


def test_a_literal_without_a_zone_is_in_that_of_the_column(tmp_path: Path) -> None:
    berlin = parquet(tmp_path, pa.array(HOURS, pa.timestamp("us", "Europe/Berlin")), group=1)
    assert rows(berlin, "k = '2024-01-01 01:30'") == [0]
    assert rows(berlin, "k < '2024-01-01 04:30'") == [0]
    summer = pa.array([datetime(2024, 7, 1, 10, tzinfo=UTC)], pa.timestamp("us", "Europe/Berlin"))
    assert rows(parquet(tmp_path, summer), "k = '2024-07-01 12:00'") == [0]


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("k > '2024-3-1'", [2]),
        ("k >= '2024-03-01'", [1, 2]),
        ("k = '2024-03-01T00:00'", [1]),
        ("k > '2024-03-01 12:00'", [2]),
        ("k < '2024-03-01 12:00'", [0, 1]),
        ("k not in ('2024-3-1')", [0, 2]),
    ],
)
def test_dates_are_compared_as_such(tmp_path: Path, kind: pa.DataType, where: str, kept: list[int]) -> None:
    days = pa.array([date(2024, 2, 29), date(2024, 3, 1), date(2024, 10, 1), None], kind)
    for column, group in ((days, 1), (days, 4), (days.dictionary_encode(), 1)):
        assert rows(parquet(tmp_path, column, group=group), where) == kept


@pytest.mark.parametrize("kind", [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")])
def test_times_are_compared_as_such(tmp_path: Path, kind: pa.DataType) -> None:
    column = pa.array([time(4, 59), time(5), time(10, 0, 1), None], kind)
    for group in (1, 4):
        path = parquet(tmp_path, column, group=group)
        assert rows(path, "k > '05:00'") == [2]
        assert rows(path, "k >= '5:00:00'") == [1, 2]
        assert rows(path, "k < '10:00:00.5'") == [0, 1]


@pytest.mark.parametrize(
    ("column", "words", "said"),
    [
        (pa.array([START]), "'monday'", "'2024-03-01T05:30'"),
        (pa.array([START]), "'2024-13-01'", "'2024-03-01'"),
        (pa.array([START]), "5", "holds dates"),
        (pa.array([START]), "'05:00'", "holds dates"),
        (pa.array([START]), "'2024-01-01T00:30:00Z'", "leave it out"),
        (pa.array([START.date()]), "true", "holds dates"),
        (pa.array([START.time()]), "'2024-01-01'", "'05:30'"),
    ],
)
def test_what_spells_no_date_or_time_is_refused_with_the_way_out(
    run: Run, folder: Path, column: pa.Array, words: str, said: str
) -> None:
    parquet(folder, column)
    check_refused(run("compute", "mae", "a.parquet", "--where", f"k != {words}"), "--where", "'k'", words, said)


def test_dates_of_text_files_are_what_their_cells_spell(tmp_path: Path) -> None:
    path = text(tmp_path, ["2024-01-01 00:30:00", "2024-01-01T03:30", "2024-10-01", "later"])
    assert rows(path, "k = '2024-01-01T00:30:00'") == [0]
    assert rows(path, "k < '2024-01-01T03:00' and k != 'later'") == [0]
    assert rows(path, "k > '2024-3-1' and k < 'a'") == [2]
    with pytest.raises(lossctl.LossctlError, match="leave it out"):
        rows(path, "k = '2024-01-01T00:30:00Z'")
    zoned = text(tmp_path, ["2024-01-01T00:30:00+00:00", "2024-01-01T03:30:00+03:00", ""])
    assert rows(zoned, "k = '2024-01-01T00:30:00Z'") == [0, 1]
    assert rows(zoned, "k = '2024-01-01 03:30'") == [1]


# ------------------------------------------------------------------------------------------------------ true and false
TRUTH = [
    ("k = true", [0, 2]),
    ("k != true", [1]),
    ("not k = true", [1]),
    ("k = FALSE", [1]),
    ("k in (true)", [0, 2]),
    ("k < true", [1]),
    ("k = 'True'", [0, 2]),
    ("k = 'false'", [1]),
]


@pytest.mark.parametrize(("where", "kept"), TRUTH)
def test_true_and_false_match_in_any_case_and_format(tmp_path: Path, where: str, kept: list[int]) -> None:
    assert rows(parquet(tmp_path, pa.array([True, False, True, None]), group=1), where) == kept
    for cells in (["True", "False", "True", ""], ["true", "false", "true", ""], ["TRUE", "FALSE", "TRUE", ""]):
        assert rows(text(tmp_path, cells), where) == kept
    words = parquet(tmp_path, pa.array(["True", "False", "True", None]), group=1)
    assert "'" in where or rows(words, where) == kept


@pytest.mark.parametrize("words", ["> 0", "= 1", "= 'yes'", "in ('True', 'no')"])
def test_a_column_of_truth_wants_true_or_false(run: Run, folder: Path, words: str) -> None:
    parquet(folder, pa.array([True, False]))
    told = check_refused(run("compute", "mae", "a.parquet", "--where", f"k {words}"), "'k'", "compare it with true")
    assert "number" not in told


def test_truth_in_a_text_file_wants_true_or_false(run: Run, folder: Path) -> None:
    text(folder, ["True", "False"])
    told = check_refused(run("compute", "mae", "a.csv", "--where", "k > 0"), "'True'", "true or false")
    assert "quotes" not in told


# ------------------------------------------------------------------------------------------------------------- pruning
VALUES: dict[str, tuple[pa.Array, list[str]]] = {
    "i": (pa.array([LARGE, LARGE + 1, None, LARGE + 2]), [str(LARGE + at) for at in range(3)] + [f"{LARGE + 1}.5"]),
    "u": (pa.array([2**63, 2**63 + 1, None, 2**64 - 1], pa.uint64()), [str(2**63 + 1), f"'{2**64 - 1}'", "1e19"]),
    "f": (pa.array([float(LARGE), LARGE + 2.0, None, 0.5]), [str(LARGE + 1), "'0.50'", f"1{'0' * 350}"]),
    "at": (pa.array([*HOURS[:2], None, HOURS[3]]), ["'2024-01-01T03:30'", "'2024-01-01'", "'2024-01-01 03:30:00.5'"]),
    "day": (pa.array([START.date(), None]).take(pa.array([0, 1, 0, 0])), ["'2024-1-1'", "'2024-01-01 12:00'"]),
    "b": (pa.array([True, False, None, True]), ["true", "'False'"]),
    "s": (pa.array(["True", "true", None, "10"]), ["true", "'10'", "'9'"]),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("group", [1, 2, 3])
def test_no_row_that_passes_is_ruled_out_by_statistics(tmp_path: Path, name: str, group: int) -> None:
    column, literals = VALUES[name]
    source = open_source(str(parquet(tmp_path, column, group=group)))
    pieces = source.pieces(0, ["k"])
    for sign in ("=", "!=", "<", "<=", ">", ">="):
        for literal, negated in itertools.product(literals, ("", "not ")):
            part = language.parse(f"{negated}k {sign} {literal}")
            kept = {at for piece in prune(source, pieces, sieve(part, {"k": "k"})) for at in range(*piece[1:3])}
            passed = np.flatnonzero(passing.passing(part, pa.record_batch({"k": column}))) // group
            assert set(passed.tolist()) <= kept, f"{negated}{sign} {literal}"


# --------------------------------------------------------------------------------------------------------------- words
@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_filter_is_refused(run: Run, folder: Path, blank: str) -> None:
    text(folder, [1, 2])
    check_refused(run("compute", "mae", "a.csv", "--where", blank), "--where", "empty", "leave the option out")


@pytest.mark.parametrize(
    ("where", "said"),
    [("k in ()", "'in ()' needs a value"), ("k = null", "write 'is null'"), ("k in (null)", "write 'is null'")],
)
def test_what_misses_a_value_is_told_what_to_write(run: Run, folder: Path, where: str, said: str) -> None:
    text(folder, [1, 2])
    told = check_refused(run("compute", "mae", "a.csv", "--where", where), said)
    assert "put text in single quotes" not in told


def test_a_filter_is_not_said_to_keep_none_where_rows_are_missing(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text("m,y_true,y_pred\na,1,1\na,1,1\nb,,1\nb,1,2\n")
    command = ("compute", "mae", "a.csv", "--missing", "skip", "--where", "m='b'")
    told = check_refused(run(*command, "--limit", 1), "1 left out as missing in 'y_true'", "--limit 1 takes no others")
    (folder / "a.csv").write_text("m,y_true,y_pred\na,1,1\nb,,1\n")
    told += check_refused(run(*command), "1 left out as missing", "--where \"m='b'\" keeps no others")
    assert "keeps none" not in told


def test_rows_without_a_truth_are_no_rows_that_a_filter_left_out(run: Run, folder: Path) -> None:
    write_csv(folder / "t.csv", {"id": ["x", "y"], "y_true": [1.0, 2.0]})
    write_csv(folder / "p.csv", {"id": ["v", "w"], "y_pred": [1.0, 2.0], "m": ["b", "b"]})
    command = ("compute", "mae", "p.csv", "--truth", "t.csv", "--on", "id", "--join", "inner", "--where", "m='b'")
    assert "keeps none" not in check_refused(run(*command), "2 without a truth")


@pytest.mark.parametrize("unit", ["W", "D", "h", "m", "s", "ms", "us", "ns", "12h"])
@pytest.mark.parametrize("packed", [np.savez, np.savez_compressed])
def test_dates_of_numpy_are_dates(tmp_path: Path, unit: str, packed: Callable[..., None]) -> None:
    days = np.array(["2024-02-29", "2024-03-07", "2024-10-03", "NaT"], f"M8[{unit}]")
    path = tmp_path / "a.npz"
    packed(path, k=days, y_true=np.zeros(4), y_pred=2.0 ** np.arange(4))
    assert rows(path, "k > '2024-3-1'") == [1, 2]
    assert rows(path, "k = '2024-03-07T00:00'") == [1]
    assert rows(path, "k is null") == [3]
    assert len(list(lossctl.compute("mae", path, by="k", missing="skip"))) == 5


def test_a_time_zone_that_is_not_known_is_told(run: Run, folder: Path) -> None:
    parquet(folder, pa.array([0], pa.timestamp("us", "Moon/Crater")))
    check_refused(run("compute", "mae", "a.parquet", "--where", "k = '2024-01-01'"), "Moon/Crater", "tzdata")
