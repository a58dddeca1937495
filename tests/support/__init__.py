"""What the tests share: files made from columns, and the command line run in this process."""

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_data"

Columns = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command line ended, and what it said."""

    code: int
    out: str
    err: str


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


def leftovers(folder: Path) -> list[str]:
    """Files that no finished command leaves behind."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".partial"))


def python(code: str, *arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """A fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )  # type: ignore[call-overload,no-any-return]


def command(*arguments: object) -> list[str]:
    """A command line of lossctl as a process."""
    return [sys.executable, "-m", "lossctl", *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of processes: the same whatever the terminal of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOSSCTL_", "COLUMNS"))}


def same_bytes(values: Sequence[float | None]) -> bytes:
    """Numbers as bytes, so that equality means every bit."""
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64).tobytes()


SCHEMA = json.loads((ROOT / "lossctl" / "schemas" / "report.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def report(outcome: Outcome, code: int = 0) -> dict[str, Any]:
    """The JSON report of a command line, once it is valid."""
    assert outcome.code == code, outcome
    told = json.loads(outcome.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    VALIDATOR.validate(told)
    return told  # type: ignore[no-any-return]


def values(told: dict[str, Any]) -> list[float | None]:
    """The values of a report."""
    return [result["value"] for result in told["results"]]


def check_refused(outcome: Outcome, *said: str) -> str:
    """Check that a command line was refused with one message that says this; the message."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("lossctl: "), outcome.err
    assert outcome.err.count("lossctl: ") == 1
    assert "Traceback" not in outcome.err
    assert "internal error" not in outcome.err
    for part in said:
        assert part in outcome.err, f"{part!r} is not in: {outcome.err}"
    assert leftovers(Path.cwd()) == []
    return outcome.err


def check_usage(outcome: Outcome, *said: str) -> None:
    """The same for mistakes that the parser of options finds, which shows how the command is used."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for part in said:
        assert part in " ".join(outcome.err.split()), f"{part!r} is not in: {outcome.err}"
