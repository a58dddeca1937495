"""Family C's expected calibration error: gaps per bin of a unit."""

from collections.abc import Sequence

import numpy as np
import torch
import torchmetrics.functional.classification as tm
from cases import SINGLE, TIGHT, Column, Columns, Family, draw, parts, uneven, unit_case
from mpmath import mp
from peers import summing_to_one

Exact = mp.mpf
LOSS = "expected_calibration_error"
FIFTEEN, ONE = Exact(15), Exact(1)
NORMS = {1: "l1", 2: "l2", "inf": "max"}


def expected_calibration_error(
    target: Sequence[Exact],
    pred: Sequence[object],
    weight: Sequence[Exact] | None = None,
    bins: Exact = FIFTEEN,
    norm: object = ONE,
) -> Exact:
    """Bins (lo, hi], 0 in the first; the confidence is the probability itself, or the largest of K."""
    w = [ONE] * len(target) if weight is None else weight
    if isinstance(pred[0], list):
        top = [max(range(len(p)), key=lambda k, p=p: p[k]) for p in pred]
        hit = [ONE if k == t else Exact(0) for k, t in zip(top, target, strict=True)]
        sure = [p[k] for p, k in zip(pred, top, strict=True)]
    else:
        hit, sure = list(target), list(pred)
    shares, gaps = [], []
    for b in range(int(bins)):
        inside = [i for i, p in enumerate(sure) if (b < p * bins or b == 0) and p * bins <= b + 1 and w[i] > 0]
        if inside:
            n = mp.fsum(w[i] for i in inside)
            shares.append(n / mp.fsum(w))
            gaps.append(abs(mp.fsum(w[i] * (sure[i] - hit[i]) for i in inside)) / n)
    if norm == "inf":
        return max(gaps)
    total = mp.fsum(n * gap**norm for n, gap in zip(shares, gaps, strict=True))
    return total if norm == 1 else mp.sqrt(total)


def peer(part: dict[str, np.ndarray], bins: int = 15, norm: object = 1) -> float:
    pred, target = torch.tensor(part["pred"]), torch.tensor(part["target"]).long()
    if pred.ndim == 1:
        return float(tm.binary_calibration_error(pred, target, n_bins=bins, norm=NORMS[norm]))
    return float(tm.multiclass_calibration_error(pred, target, pred.shape[1], n_bins=bins, norm=NORMS[norm]))


def drawn(name: str, rows: int, classes: int = 0) -> Columns:
    rng = draw(f"calibration {name}")
    if classes:
        pred = summing_to_one(rng.gamma(0.7, 1.0, (rows, classes)) + 0.01)
        return {"target": rng.integers(0, classes, rows).tolist(), "pred": pred}
    pred = rng.uniform(0.01, 0.99, rows)
    return {"target": (rng.random(rows) < pred**1.4).astype(int).tolist(), "pred": uneven(pred)}


def add_all(family: Family) -> None:
    group: Column = [*"aabbab" * 4]
    settings: tuple[dict[str, object], ...] = (
        {}, {"bins": 4}, {"bins": 10, "norm": 2}, {"norm": "inf"}, {"bins": 1}, {"norm": 2},
    )  # fmt: skip
    for params in settings:
        end = "".join(f"-{name}{value}" for name, value in params.items())
        for kind, classes in (("binary", 0), ("classes", 4)):
            for units in (None, group):
                name = f"{LOSS}-{kind}{end}{'-groups' if units else ''}"
                columns = drawn(name, 24, classes)
                found = [peer(part, **params) for part in parts(columns, units)]
                said = {
                    "peer": found,
                    "rtol": SINGLE if classes else TIGHT,
                    "package": "torchmetrics",
                    "oracle": f"torchmetrics {kind} calibration error",
                }
                # For classes, torchmetrics computes in single precision.
                family.add(
                    unit_case(name, LOSS, columns, expected_calibration_error, params=params, group=units, **said)
                )
    add_edges(family)


def add_edges(family: Family) -> None:
    """Probabilities exactly on the edges of four bins, zero and one, and tied top probabilities."""
    edges: Columns = {
        "target": [0, 1, 0, 1, 1, 0, 1, 0, 1, 1],
        "pred": [0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 0.13],
    }
    tied: Columns = {
        "target": [0, 1, 2, 1, 0, 2],
        "pred": [
            [0.5, 0.5, 0.0],
            [0.5, 0.5, 0.0],
            [0.25, 0.25, 0.5],
            [0.0, 1.0, 0.0],
            [0.125, 0.4375, 0.4375],
            [1.0, 0, 0],
        ],
    }
    weight: Column = [0.5, 1.25, 0.0, 2.5, 0.75, 1.0, 3.25, 0.25, 1.5, 0.6]
    for norm in (1, 2, "inf"):
        params = {"bins": 4} if norm == 1 else {"bins": 4, "norm": norm}
        said = {"params": params}
        family.add(unit_case(f"{LOSS}-on-edges-norm{norm}", LOSS, edges, expected_calibration_error, **said))
        family.add(unit_case(f"{LOSS}-tied-norm{norm}", LOSS, tied, expected_calibration_error, **said))
        weighted = unit_case(
            f"{LOSS}-weights-norm{norm}", LOSS, edges, expected_calibration_error, weight=weight, **said
        )
        family.add(weighted)
    what = "its bins are [lo, hi): a probability on an edge falls into the upper bin, and 1 into a bin of its own"
    family.disagree(LOSS, "torchmetrics calibration_error", what)
