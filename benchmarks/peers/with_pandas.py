"""The works in pandas and NumPy, on whole columns.

python benchmarks/peers/with_pandas.py WORK FILE
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]

CLASSES, SMOOTH = 10, 1e-6


def read(file: str, *columns: str) -> list[Array]:
    """The columns as arrays."""
    if file.endswith(".csv"):
        frame = pd.read_csv(file, usecols=list(columns), engine="pyarrow")
    else:
        frame = pd.read_parquet(file, columns=list(columns))
    return [frame[name].to_numpy() for name in columns]


def mse(file: str) -> float:
    target, pred = read(file, "y_true", "y_pred")
    return float(((pred - target) ** 2).mean())


def huber(file: str) -> float:
    target, pred = read(file, "y_true", "y_pred")
    residual = np.abs(pred - target)
    quadratic = np.minimum(residual, 1.0)
    return float((quadratic * (residual - 0.5 * quadratic)).mean())


def bce_with_logits(file: str) -> float:
    target, logit = read(file, "y_true", "logit")
    return float(np.log(1 + np.exp(logit)).mean() - (target @ logit) / len(logit))


def cross_entropy(file: str) -> float:
    frame = pd.read_parquet(file)
    target = frame.pop("y_true").to_numpy()
    logits = frame.to_numpy().T  # a row per class, as the frame holds them
    return float((np.log(np.exp(logits).sum(axis=0)) - logits[target, np.arange(len(target))]).mean())


def mse_by(file: str) -> list[float]:
    frame = pd.read_parquet(file)
    squares = (frame["y_pred"] - frame["y_true"]) ** 2
    return [float(squares.mean()), *squares.groupby(frame["region"]).mean().tolist()]


def kl_divergence(file: str) -> float:
    values = pd.read_parquet(file).to_numpy().T
    p, q = values[:CLASSES], values[CLASSES:]
    return float((p * np.log(p / q)).sum(axis=0).mean())


def dice(file: str) -> float:
    image, target, prob = read(file, "image", "y_true", "prob")
    overlap, sizes = np.bincount(image, prob * target), np.bincount(image, prob + target)
    return float((1 - (2 * overlap + SMOOTH) / (sizes + SMOOTH)).mean())


WORKS: dict[str, Callable[[str], float | list[float]]] = {
    "mse": mse,
    "mse_csv": mse,
    "huber": huber,
    "bce_with_logits": bce_with_logits,
    "cross_entropy": cross_entropy,
    "mse_by": mse_by,
    "kl_divergence": kl_divergence,
    "dice": dice,
}


def main(work: str, file: str) -> None:
    found = WORKS[work](file)
    print(*map(repr, found if isinstance(found, list) else [found]), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
