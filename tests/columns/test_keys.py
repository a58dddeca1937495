"""Slices and units by their keys: codes, labels, sums cell by cell."""

from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lossctl
from lossctl.arithmetic.tally import Tally
from lossctl.columns.keys import Encoded, cells_of, encode, natural_key

WHOLE_NUMBERS = [
    np.array([-128, 127, 0, -128], np.int8),
    np.array([0, 255, 3, 3], np.uint8),
    np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], np.uint64),
    np.array([-(2**63), -(2**63) + 5, -(2**63)], np.int64),
    np.array([5, 10**12, 5], np.int64),
    np.array([7, 7, 7], np.int32),
]


def shown(found: Encoded) -> list[str | None]:
    return [found.labels[code] for code in found.codes]


@pytest.mark.parametrize("values", WHOLE_NUMBERS, ids=lambda values: str(values.dtype))
def test_whole_numbers_are_labelled_as_they_are(values: np.ndarray) -> None:
    found = encode(pa.array(values))
    assert shown(found) == [str(value) for value in values.tolist()]
    assert sorted(found.labels) == sorted({str(value) for value in values.tolist()})


@pytest.mark.parametrize("type", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_text_is_labelled_as_it_is(type: pa.DataType) -> None:
    texts = ["b", "ä", None, "", "b", "long enough to stand out"]
    assert shown(encode(pa.array(texts).cast(type))) == texts
    assert shown(encode(pa.array(texts).cast(type)[1:4])) == texts[1:4]


@pytest.mark.parametrize("cells", [1, 2, 50, 3000])
@pytest.mark.parametrize("together", [True, False])
def test_sums_are_those_of_each_cell_in_order_of_appearance(cells: int, together: bool) -> None:
    rng = np.random.default_rng(cells)
    codes = rng.integers(0, cells, 20_000)
    codes = np.sort(codes) if together else codes
    values, names = rng.normal(size=(2, len(codes))), [f"c{at}" for at in range(cells)]
    tally = Tally()
    for run in (slice(0, 9_000), slice(9_000, None)):
        found = cells_of([Encoded(codes[run], names)], len(codes[run]))
        tally.add_block({"x": values[:, run]}, found, len(codes[run]))
        assert_array_equal(found.spread(found.sizes() * 1.0), np.bincount(codes[run], minlength=cells)[codes[run]])
        assert [key for key, _ in found.places()] == [(names[code],) for code in dict.fromkeys(codes[run].tolist())]
    assert list(tally.cells) == [(names[code],) for code in dict.fromkeys(codes.tolist())]
    order = list(dict.fromkeys(codes.tolist()))
    expected = np.stack([np.bincount(codes, row, cells) for row in values])[:, order]
    assert_allclose(tally.sums()["x"], expected, rtol=1e-12, atol=1e-12)
    assert_array_equal(tally.sums()["rows"], np.bincount(codes, minlength=cells)[order])


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="this pyarrow has no type of UUIDs")
def test_keys_of_extension_types_are_named_as_they_are_written(tmp_path: Path) -> None:
    names = [UUID(int=1), UUID(int=2), UUID(int=1)]
    keys = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([name.bytes for name in names], pa.binary(16)))
    table = pa.table({"y": [1.0, 2.0, 4.0], "yhat": [0.0, 0.0, 0.0], "run": keys})
    pq.write_table(table, tmp_path / "a.parquet")
    for data in (table, tmp_path / "a.parquet"):
        report = lossctl.compute("mae", data, by="run")
        found = [(result.slice, result.value) for result in report.results[1:]]
        assert found == [({"run": str(UUID(int=1))}, 2.5), ({"run": str(UUID(int=2))}, 2.0)]


def test_keys_of_bytes_are_their_text() -> None:
    found = encode(pa.array([b"a", b"\xc3\xa9", b"\xff", None]))
    assert [found.labels[code] for code in found.codes] == ["a", "\u00e9", "\\xff", None]


def test_keys_of_several_columns_are_their_crosses() -> None:
    first, second = Encoded(np.array([1, 0, 1, 1]), ["a", "b"]), Encoded(np.array([2, 0, 1, 2]), ["x", "y", None])
    tally = Tally()
    tally.add_block({"x": np.array([1.0, 2.0, 4.0, 8.0])}, cells_of([first, second], 4), 4)
    assert list(tally.cells) == [("b", None), ("a", "x"), ("b", "y")]
    assert tally.sums()["x"].tolist() == [9.0, 2.0, 4.0]


def test_slices_by_numbers_are_those_by_the_same_text() -> None:
    rng = np.random.default_rng(3)
    data = {"target": rng.normal(size=5000), "pred": rng.normal(size=5000), "fold": rng.integers(-3, 4, 5000)}
    by_number = lossctl.compute("mse", data, by="fold").results
    by_text = lossctl.compute("mse", {**data, "fold": data["fold"].astype(str)}, by="fold").results
    assert [(each.slice, each.value) for each in by_number] == [(each.slice, each.value) for each in by_text]


def test_slices_stand_in_the_order_of_numbers_and_missing_labels_last() -> None:
    keys = [("b", "10"), (None, "1"), ("b", "9"), ("a", None), ("a", "2")]
    assert sorted(keys, key=natural_key) == [("a", "2"), ("a", None), ("b", "9"), ("b", "10"), (None, "1")]


def test_the_same_cells_have_the_same_list_of_keys() -> None:
    """By which a tally knows them without a look at each: nobody may change the list in place."""
    first, second = (cells_of([Encoded(np.array([1, 0, 1, 0]), ["a", "b"])], 4) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.keys is second.keys
    assert first.keys == [("a",), ("b",)]
