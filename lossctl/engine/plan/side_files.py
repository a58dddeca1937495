"""Files beside the data: cells that a parameter takes (class weights), and coefficients of a model.

Coefficients are a column of a table, an array, or safetensors.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from lossctl.declare.params import FILE, FileCells, number
from lossctl.errors import DataError, it_has

if TYPE_CHECKING:
    from lossctl.sources.source import Source

# Element types of the safetensors format; bfloat16 is the upper half of a float32.
TENSOR_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
}


Rows: TypeAlias = list[list[object]]


class Coefficients(NamedTuple):
    """Where coefficients are: files to read, or a source in memory."""

    files: tuple[str, ...]
    table: "Source | None" = None


def coefficients(text: str) -> tuple[Coefficients, str]:
    """`FILE:COLUMN`, or `FILE` alone where it has one column: what to read, and the column's name."""
    path, _, column = text.rpartition(":") if not os.path.exists(text) else (text, "", "")
    path = path or text
    if path.endswith(".safetensors"):
        return _tensors(path, column)
    if column:
        return Coefficients((path,)), column
    from lossctl.sources.opening import open_sources

    names = list(open_sources([path])[0].columns())
    if len(names) != 1:
        raise DataError(f"--coef-file {path}: name the column, as in {path}:{names[0]} (it has: {', '.join(names)}).")
    return Coefficients((path,)), names[0]


def _tensors(path: str, name: str) -> tuple[Coefficients, str]:
    """All numbers of a safetensors file, or those of one tensor."""
    from lossctl.sources.arrow import column_of
    from lossctl.sources.memory import source

    try:
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            data = file.read()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as safetensors: {error}.") from None
    if not isinstance(header, dict):
        raise DataError(f"{path} cannot be read as safetensors: its header is no table of tensors.")
    header.pop("__metadata__", None)
    entries = {key: entry for key, entry in header.items() if name in ("", key)}
    if not entries:
        raise DataError(f"{path} has no tensor {name!r} {it_has(header)}. Name one with --coef-file {path}:TENSOR.")
    parts = []
    for key, entry in entries.items():
        try:
            kind, (start, stop) = entry["dtype"], entry["data_offsets"]
            values = np.frombuffer(data[start:stop], TENSOR_TYPES.get(kind, "u1"))
            whole = 0 <= start <= stop <= len(data)
        except (KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            raise DataError(
                f"{path} cannot be read as safetensors: tensor {key!r} is not whole; write or copy the file again."
            )
        if kind not in TENSOR_TYPES:
            raise DataError(f"{path}, tensor {key!r}: numbers of type {kind} cannot be read; store them as F64 or F32.")
        if kind == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        parts.append(values.astype(np.float64))
    return Coefficients((path,), source({"coef": column_of(np.concatenate(parts))})), "coef"


def read_cells(said: str, option: str) -> FileCells:
    """What stands in the JSON or CSV file that a parameter names as `file:PATH`, without a header."""
    path = said.removeprefix(FILE)
    reader: Callable[[str], Rows] = _json if path.lower().endswith(".json") else _csv
    try:
        with open(path, encoding="utf-8-sig") as file:
            rows = reader(file.read())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{option} {said} cannot be read: {reason}.") from None
    if not rows:
        raise DataError(f"{option} {said} is empty.")
    return FileCells(said, rows)


def _json(text: str) -> Rows:
    found = json.loads(text)
    if isinstance(found, Mapping):
        return [[key, weight] for key, weight in found.items()]
    if not isinstance(found, list):
        raise ValueError("it holds neither a list nor an object")
    return [item if isinstance(item, list) else [item] for item in found]


def _csv(text: str) -> Rows:
    import csv

    rows: Rows = [list(row) for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    headed = len(rows) > 1 and number(str(rows[0][-1]).strip()) is None
    return rows[1:] if headed else rows
