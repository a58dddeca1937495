"""Files of the tests: where the project's own stand, and those that are made from columns, text and bytes."""

import bz2
import csv
import gzip
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_data"
REAL = ROOT.parent / "shared" / "real"  # files of others, which are not part of the project
needs_real_files = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real files stay beside the project, in ../shared/real"
)

Columns = Mapping[str, object]
Content = str | bytes | Columns
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


# -------------------------------------------------------------------------------------------------------------- columns
def arrow_table(columns: Columns) -> pa.Table:
    """Columns (lists, NumPy arrays of one or several dimensions, Arrow arrays) as an Arrow table."""
    return pa.table(
        {name: values if isinstance(values, pa.Array) else _arrow(values) for name, values in columns.items()}
    )


def _arrow(values: object) -> pa.Array:
    return pa.array(values.tolist() if isinstance(values, np.ndarray) and values.ndim > 1 else values)


def write_parquet(path: Path, columns: Columns, rows_per_group: int | None = None) -> Path:
    """A Parquet file of the columns."""
    pq.write_table(arrow_table(columns), path, row_group_size=rows_per_group)
    return path


def write_csv(path: Path, columns: Columns, delimiter: str = ",") -> Path:
    """A CSV file of the columns; None is an empty cell, numbers are written in full."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(map(cell, _plain(values)) for values in columns.values()), strict=True))
    return path


def _plain(values: object) -> Iterable[object]:
    return values.tolist() if isinstance(values, np.ndarray) else values  # type: ignore[return-value]


def cell(value: object) -> object:
    """A cell as CSV files hold it."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, float) and math.isfinite(value) else value


def regression(rows: int = 12, seed: int = 0) -> dict[str, object]:
    """A small regression dataset with everything the options ask for."""
    rng = np.random.default_rng(seed)
    target = rng.normal(10.0, 3.0, rows)
    return {
        "id": [f"r{row:03d}" for row in range(rows)],
        "y_true": target,
        "y_pred": target + rng.normal(0.0, 1.5, rows),
        "weight": rng.uniform(0.1, 2.0, rows),
        "region": [("eu", "us", "asia")[row % 3] for row in range(rows)],
        "unit": [row // 4 for row in range(rows)],
    }


def with_gaps(*rows: int) -> dict[str, object]:
    """The dataset of `regression` without the predictions of these rows."""
    data = regression()
    data["y_pred"] = [None if row in rows else value for row, value in enumerate(_plain(data["y_pred"]))]
    return data


def with_last(name: str, value: float) -> dict[str, object]:
    """The dataset of `regression` with ones in a column, and this in its last row."""
    return {**regression(), name: np.r_[np.ones(11), value]}


# ------------------------------------------------------------------------------------------------------ text and bytes
def as_named(name: str, text: str | bytes) -> bytes:
    """Text as a file of this name holds it: packed where the suffix says so."""
    data = text.encode() if isinstance(text, str) else text
    packer = PACKERS.get(Path(name).suffix)
    return packer(data) if packer else data


def write_zip(path: Path, members: Mapping[str, str | bytes]) -> Path:
    """A zip of files by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_file(path: Path, content: Content) -> Path:
    """Text and bytes as they are; columns in the format of the suffix; texts by name as the members of a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
    if path.suffix == ".zip":
        return write_zip(path, {name: str(text) for name, text in content.items()})
    return write_csv(path, content) if path.suffix == ".csv" else write_parquet(path, content)


def leftovers(folder: Path) -> list[str]:
    """Files that no finished command leaves behind."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".partial"))


def same_bytes(values: Sequence[float | None]) -> bytes:
    """Numbers as bytes, so that equality means every bit."""
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64).tobytes()
