"""Integers beyond 2^53: refused where float64 does not hold them, whatever the format; floats are the nearest ones."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import lossctl
from lossctl.errors import DataError
from lossctl.sources.csv import reader
from lossctl.sources.opening import open_source
from support import as_named, write_parquet
from support.sources import read, refused

pytestmark = pytest.mark.usefixtures("csv_reader")

ODD = 2**53 + 1  # the first integer that float64 does not hold
HELD = ["9007199254740992", "-9007199254740992", "9007199254740994", "36893488147419103232", "0009007199254740992"]
FLOATS = ["9007199254740993.0", "9007199254740993.", "9007199254740993e0", "1e20", "-1.7976931348623157e308"]


def mae(path: Path, **options: object) -> float | None:
    return lossctl.compute("mae", path, target="y", pred="p", **options).value


@pytest.mark.parametrize("cell", [*HELD, *FLOATS])
def test_what_float64_holds_and_what_is_written_as_a_float_is_read(cell: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"y,p\n1,0.5\n{cell},{cell}\n")
    assert mae(tmp_path / "a.csv") == 0.25


@pytest.mark.parametrize(
    "cell", [str(ODD), str(-ODD), f" {ODD} ", f"+{ODD}", "0" + str(ODD), "12345678901234567890123"]
)
@pytest.mark.parametrize("quoted", [False, True])
def test_integers_that_float64_does_not_hold_are_refused(cell: str, quoted: bool, tmp_path: Path) -> None:
    shown = f'"{cell}"' if quoted else cell
    (tmp_path / "a.csv").write_text(f"y,p\n1,0.5\n{shown},1e30\n2,nan\n")
    refused(
        lambda: mae(tmp_path / "a.csv", missing="skip"),
        "a.csv, column 'y': an integer that float64 holds exactly is needed, and 1 row holds something else",
        f"{cell.strip()} in row 2 (line 3)",
        "store the column as float64",
    )


def test_every_such_row_counts_beside_floats_and_gaps(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"y,p\n{ODD},NA\n1e30,nan\nnan,{ODD}.5\n,{ODD}\n2,{ODD + 2}\n")
    message = refused(lambda: mae(tmp_path / "a.csv", missing="skip"), f"{ODD} in row 4", f"{ODD + 2} in row 5")
    assert (
        f"column 'y': an integer that float64 holds exactly is needed, and 1 row holds something else: {ODD}" in message
    )
    assert "column 'p': an integer that float64 holds exactly is needed, and 2 rows hold something else" in message


def test_compressed_text_is_refused_with_its_line(tmp_path: Path) -> None:
    text = "y,p\n" + "1,2\n" * 5 + f"1,{ODD}\n"
    (tmp_path / "a.csv.gz").write_bytes(as_named("a.csv.gz", text))
    refused(lambda: mae(tmp_path / "a.csv.gz"), "a.csv.gz, column 'p'", f"line 7 holds {ODD}", "as float64")
    (tmp_path / "a.csv.gz").write_bytes(as_named("a.csv.gz", text.replace(str(ODD), f"{ODD}.0")))
    assert mae(tmp_path / "a.csv.gz") == pytest.approx((5 + 2.0**53) / 6)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz"])
@pytest.mark.parametrize(
    ("first", "value", "shown"),
    [
        ("1", str(ODD), ODD),
        ("1.5", str(-ODD), -ODD),
        ("[1, 2]", f"[0.5,{ODD}]", ODD),
        ("[[1], [2]]", f"[[1, 3], [{ODD} ]]", ODD),
        ("1.5", str(2**64 + 1), 2**64 + 1),
    ],
)
def test_json_is_refused_with_its_line(name: str, first: str, value: str, shown: int, tmp_path: Path) -> None:
    rows = [f'{{"y": {first}, "p": 1}}', f'{{"y": {value}, "p": 1}}']
    text = "[" + ",\n".join(rows) + "]" if name == "a.json" else "\n".join(rows)
    (tmp_path / name).write_bytes(as_named(name, text))
    how = "raw" if first.startswith("[") else "number"
    refused(
        lambda: read(open_source(str(tmp_path / name)), {"y": how}),
        f"{name}, column 'y': an integer that float64 holds exactly is needed, and line 2 holds {shown}.",
        "as float64",
    )


@pytest.mark.parametrize("value", [*HELD[:4], *FLOATS[:1], *FLOATS[2:], "1e400"])
def test_what_float64_holds_is_read_from_json(value: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        f'{{"y": 1, "v": [1.5], "id": {ODD}}}\n{{"y": {value}, "v": [{value}], "id": {ODD}}}\n'
    )
    found = read(open_source(str(tmp_path / "a.jsonl")), {"y": "number", "v": "raw", "id": "raw"})
    assert found == {"y": [1.0, float(value)], "v": [[1.5], [float(value)]], "id": [ODD, ODD]}


def test_filters_come_first_and_missing_values_are_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"y,p,keep\n1,0.5,1\n{ODD},7,0\n")
    assert mae(tmp_path / "a.csv", where="keep == 1") == 0.5
    assert mae(tmp_path / "a.csv", na_values=[str(ODD)], missing="skip") == 0.5


def test_keys_and_labels_are_text_of_any_length(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"y,p,id,g\n1,0.5,{ODD},{ODD}\n1,0.5,{ODD + 1},{ODD + 1}\n")
    rows = tmp_path / "rows.csv"
    found = lossctl.compute("mae", tmp_path / "a.csv", target="y", pred="p", id="id", by="g", per_row=rows).results
    assert rows.read_text() == f'"id","loss"\n"{ODD}",0.5\n"{ODD + 1}",0.5\n'
    assert [result.slice for result in found] == [None, {"g": str(ODD)}, {"g": str(ODD + 1)}]


@pytest.mark.parametrize("cells", [f"[1, {ODD}]", f"[1 {ODD}]"])
def test_integers_in_lists_are_refused_with_their_line(cells: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'y,p\n"{cells}","{cells}"\n'.replace(str(ODD), "2") + f'"{cells}","{cells}"\n')
    refused(lambda: mae(tmp_path / "a.csv"), "a.csv, column 'y'", f"line 3 holds {ODD}")
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text().replace(str(ODD), "1e30"))
    assert mae(tmp_path / "a.csv") == 0.0


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int32(), pa.int64()), pa.decimal128(20, 0), pa.int64()])
def test_integers_of_any_type_are_refused(kind: pa.DataType, tmp_path: Path) -> None:
    column = pa.array([1, ODD, None, ODD, 2**54], pa.int64()).cast(kind) if pa.types.is_decimal(kind) else None
    if column is None:
        plain = pa.array([1, ODD, None, ODD, 2**54])
        column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain
    path = write_parquet(tmp_path / "a.parquet", {"y": column, "p": [1.0, 2.0, 3.0, 4.0, 5.0]})
    refused(lambda: mae(path, missing="skip"), "column 'y'", "2 rows", f"{ODD} in row 2", f"{ODD} in row 4")


def test_the_cells_are_looked_at_only_where_numbers_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(reader._Parser, "_integers", lambda parser, part, names: looked.append(names) or {})
    for last in ("9007199254740991", "nan", "", "0.1"):
        (tmp_path / "a.csv").write_text(f"y,p\n1,0.5\n2,{last}\n")
        mae(tmp_path / "a.csv", missing="skip")
        assert looked == []
    (tmp_path / "a.csv").write_text("y,p\n1,nan\n2,-1e17\n")
    with pytest.raises(DataError, match="missing"):
        mae(tmp_path / "a.csv")
    assert looked == [["p"]]
    assert np.isfinite(mae(tmp_path / "a.csv", missing="skip") or np.nan)
