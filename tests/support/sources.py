"""Sources of the tests: a table in every format, rows as they are read, and what is refused."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lossctl.errors import DataError
from lossctl.sources.csv.options import TextOptions
from lossctl.sources.opening import open_source
from lossctl.sources.source import As, Piece, Reading, Source
from support import commands

Columns = dict[str, list[Any]]

ROWS = 1000
RANDOM = np.random.default_rng(5)
TRUE = [float(value) for value in RANDOM.normal(size=ROWS)]
PRED = [value if index % 7 else None for index, value in enumerate(RANDOM.normal(scale=1e-9, size=ROWS).tolist())]
CODE = ["01", "é", "x y"] * (ROWS // 3) + ["01"]
VECTOR = [[float(index), -0.5, 1e300] for index in range(ROWS)]
TABLE: Columns = {"y_true": TRUE, "y_pred": PRED, "code": CODE, "vector": VECTOR}


def as_csv(separator: str = ",", point: str = ".", end: str = "\n", mark: str = "", last: str = "") -> bytes:
    """The table as CSV."""

    def number(value: float | None) -> str:
        return "" if value is None else repr(value).replace(".", point)

    lines = [separator.join(TABLE) + last]
    for true, pred, code, vector in zip(TRUE, PRED, CODE, VECTOR, strict=True):
        lines.append(separator.join([number(true), number(pred), f'"{code}"', f'"{json.dumps(vector)}"']) + last)
    return (mark + end.join(lines) + end).encode()


def text_source(folder: Path, text: str | bytes, name: str = "data.csv", **options: Any) -> Source:
    """A text file, opened."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_source(str(path), TextOptions(**options))


# ----------------------------------------------------------------------------------------------------------------- rows
def wanted(source: Source) -> dict[str, As]:
    """Every column the way its kind is usually read."""
    usual: dict[str, As] = {"number": "number", "unknown": "number", "list": "raw", "text": "text", "other": "raw"}
    return {name: usual[info.kind] for name, info in source.columns().items()}


def batches(source: Source, how: Mapping[str, As], rows: int = 1000) -> list[pa.RecordBatch]:
    """All rows of a source in batches."""
    pieces = source.pieces(0, list(how))
    return [batch for piece in pieces for batch in source.read(piece, Reading(how, rows))]


def read(source: Source, how: Mapping[str, As] | None = None, rows: int = 1000) -> Columns:
    """All rows of a source, column by column."""
    how = wanted(source) if how is None else how
    found: Columns = {name: [] for name in how}
    for batch in batches(source, how, rows):
        assert batch.schema.names == list(how)
        assert batch.num_rows <= rows
        for name in how:
            found[name].extend(batch.column(name).to_pylist())
    return found


def read_pieces(source: Source, pieces: Iterable[Piece], name: str, how: As = "number", rows: int = 100) -> list[Any]:
    """One column of some pieces."""
    found = (batch for piece in pieces for batch in source.read(piece, Reading({name: how}, rows)))
    return [value for batch in found for value in batch.column(0).to_pylist()]


def refused(action: Callable[[], object], *said: str) -> str:
    """The message of the DataError that an action ends with; it says all these words."""
    return commands.refused(action, *said, kind=DataError)
