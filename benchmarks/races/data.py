"""The files that the benchmarks read: random, the same on every machine, written chunk by chunk in bounded memory.

python benchmarks/races/data.py KIND ROWS FILE
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

Floats = npt.NDArray[np.float64]
Columns = dict[str, pa.Array]
Make = Callable[[np.random.Generator, "Span"], Columns]

MILLION = 1_000_000
CLASSES, VOCABULARY, DIMENSION = 10, 1000, 128
SLICES = 50
PIXELS = 64 * 64  # of an image
BATCH = 512
STEP = 200_000  # rows of a step: 20 M rows are a hundred of them
STEPS, SYMBOLS = 100, 32


@dataclass(frozen=True, slots=True)
class Span:
    """A run of rows in a file."""

    start: int
    rows: int

    @property
    def index(self) -> npt.NDArray[np.int64]:
        return np.arange(self.start, self.start + self.rows)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the rows of one kind of file are made, and how many make a chunk, which is a row group of the file."""

    make: Make
    chunk: int = MILLION


def number(values: npt.NDArray[np.generic]) -> pa.Array:
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def lists(values: npt.NDArray[np.generic] | pa.Array, lengths: npt.NDArray[np.int64]) -> pa.Array:
    """A list per row from the values of all rows in turn."""
    flat = values if isinstance(values, pa.Array) else number(values)
    return pa.ListArray.from_arrays(number(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)), flat)


def vectors(values: Floats) -> pa.Array:
    return lists(values.ravel(), np.full(len(values), values.shape[1]))


def wide(prefix: str, values: Floats) -> Columns:
    return {f"{prefix}_{at}": number(np.ascontiguousarray(values[:, at])) for at in range(values.shape[1])}


def names(rng: np.random.Generator, span: Span, choices: list[str]) -> pa.Array:
    index = number(rng.integers(0, len(choices), span.rows, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(index, pa.array(choices)).cast(pa.string())


def pairs(rng: np.random.Generator, span: Span) -> Columns:
    target = rng.normal(size=span.rows)
    return {"y_true": number(target), "y_pred": number(target + 0.8 * rng.normal(size=span.rows))}


def sliced_pairs(rng: np.random.Generator, span: Span) -> Columns:
    return {**pairs(rng, span), "region": names(rng, span, [f"s{at:02d}" for at in range(SLICES)])}


def stepped_pairs(rng: np.random.Generator, span: Span) -> Columns:
    """Pairs in the order of a step that is one number in each row group."""
    return {**pairs(rng, span), "step": number(span.index // STEP)}


def table(rng: np.random.Generator, span: Span) -> Columns:
    return {"id": number(span.index), **pairs(rng, span), "region": names(rng, span, ["as", "eu", "us"])}


def labels(rng: np.random.Generator, span: Span) -> Columns:
    logit = 2 * rng.normal(size=span.rows)
    target = rng.random(span.rows) < 1 / (1 + np.exp(-logit))
    return {"y_true": number(target.astype(np.int64)), "logit": number(logit)}


def _scores(rng: np.random.Generator, rows: int, classes: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """True classes, and logits that favour them."""
    target = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), target] += 2
    return target, logits


def wide_logits(rng: np.random.Generator, span: Span) -> Columns:
    target, logits = _scores(rng, span.rows, CLASSES)
    return {"y_true": number(target), **wide("logit", logits)}


def list_logits(rng: np.random.Generator, span: Span) -> Columns:
    target, logits = _scores(rng, span.rows, VOCABULARY)
    return {"y_true": number(target), "logits": vectors(logits)}


def distributions(rng: np.random.Generator, span: Span) -> Columns:
    """Two distributions per row, p and q, that sum to 1 as closely as float64 allows."""
    made: Columns = {}
    for prefix in "pq":
        weights = rng.exponential(size=(span.rows, CLASSES)) + 1e-3
        made |= wide(prefix, weights / weights.sum(axis=1, keepdims=True))
    return made


def _pixels(rng: np.random.Generator, count: int) -> tuple[npt.NDArray[np.bool_], Floats]:
    """A mask, and probabilities that follow it."""
    mask = rng.random(count) < 0.3
    return mask, 1 / (1 + np.exp(-(rng.normal(size=count) + 3 * mask - 1.5)))


def pixels(rng: np.random.Generator, span: Span) -> Columns:
    mask, prob = _pixels(rng, span.rows)
    return {"image": number(span.index // PIXELS), "y_true": number(mask.astype(np.int64)), "prob": number(prob)}


def images(rng: np.random.Generator, span: Span) -> Columns:
    mask, prob = _pixels(rng, span.rows * PIXELS)
    shape = span.rows, PIXELS
    return {"y_true": vectors(mask.astype(np.float64).reshape(shape)), "prob": vectors(prob.reshape(shape))}


def triplets(rng: np.random.Generator, span: Span) -> Columns:
    anchor = rng.normal(size=(span.rows, DIMENSION))
    positive = anchor + rng.normal(size=anchor.shape)
    negative = 0.5 * anchor + rng.normal(size=anchor.shape)
    return {"anchor": vectors(anchor), "positive": vectors(positive), "negative": vectors(negative)}


def sequences(rng: np.random.Generator, span: Span) -> Columns:
    """Steps of logits (class 0 is the blank), and the classes they spell."""
    steps = rng.integers(STEPS // 2, STEPS + 1, span.rows)
    lengths = rng.integers(5, STEPS // 5, span.rows)
    logits = vectors(rng.normal(size=(int(steps.sum()), SYMBOLS)))
    return {"logits": lists(logits, steps), "classes": lists(rng.integers(1, SYMBOLS, int(lengths.sum())), lengths)}


def batches(rng: np.random.Generator, span: Span) -> Columns:
    """Two views of each item, side by side in a batch."""
    item = np.repeat(rng.normal(size=(span.rows // 2 + 1, DIMENSION)), 2, axis=0)[: span.rows]
    embedding = item + rng.normal(size=item.shape)
    index = span.index
    return {
        "row": number(index),
        "batch": number(index // BATCH),
        "label": number(index // 2),
        "embedding": vectors(embedding),
    }


KINDS: Mapping[str, Kind] = {
    "pairs": Kind(pairs),
    "slices": Kind(sliced_pairs),
    "steps": Kind(stepped_pairs, STEP),
    "table": Kind(table),
    "labels": Kind(labels),
    "logits": Kind(wide_logits),
    "logit-lists": Kind(list_logits, 2048),
    "distributions": Kind(distributions),
    "pixels": Kind(pixels),
    "images": Kind(images, 256),
    "triplets": Kind(triplets, 8192),
    "sequences": Kind(sequences, 256),
    "batches": Kind(batches, 16 * BATCH),
}


def write(kind: str, rows: int, path: Path) -> None:
    """Write a file under a temporary name, then give it its own."""
    partial = path.with_name(path.name + ".partial")
    how = KINDS[kind]
    writer: pq.ParquetWriter | csv.CSVWriter | None = None
    for at, start in enumerate(range(0, rows, how.chunk)):
        span = Span(start, min(how.chunk, rows - start))
        chunk = pa.table(how.make(np.random.default_rng([len(kind), *kind.encode(), at]), span))
        if writer is None:
            writer = _writer(path, partial, chunk.schema)
        writer.write_table(chunk, how.chunk)
    if writer is None:
        raise SystemExit(f"{kind}: at least one row is needed, not {rows}")
    writer.close()
    os.replace(partial, path)


def _writer(path: Path, partial: Path, schema: pa.Schema) -> "pq.ParquetWriter | csv.CSVWriter":
    if path.suffix == ".csv":
        return csv.CSVWriter(partial, schema, write_options=csv.WriteOptions(quoting_style="none"))
    return pq.ParquetWriter(partial, schema)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
