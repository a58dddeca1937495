"""Kernels against the bare arithmetic of their formulas in NumPy, on arrays that stay in the cache.

python benchmarks/kernels.py

The formulas are written as a reader of the catalogue would, without care for extremes: what a kernel takes beyond them
is the price of digits and stability. Exit code 1 where a kernel takes over three times as long, or another value.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import lossctl
from lossctl import spec

ROWS, CLASSES, WIDE, MOST = 1 << 15, 10, 128, 3.0
Arrays = dict[str, Any]


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def logsumexp(x: Any) -> Any:
    return np.log(np.exp(x).sum(axis=0))


def norm(x: Any) -> Any:
    return np.sqrt((x * x).sum(axis=0))


def one_hot() -> Any:
    return np.eye(CLASSES)[D["cls"]].T


def to_middle(x: Any) -> Any:
    return (x * np.log(2 * x / (D["p"] + D["q"]))).sum(axis=0)


def data(seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    y, e = rng.normal(size=ROWS), rng.normal(size=ROWS)
    p, q = rng.dirichlet(np.ones(CLASSES), size=(2, ROWS)).transpose(0, 2, 1).copy()
    a, b, c = (rng.normal(size=(ROWS // 16, WIDE)).T for _ in range(3))  # as list columns lie in memory
    return {
        "y": y, "f": y + e, "pos": np.exp(y), "rate": np.exp(y + e), "label": (rng.random(ROWS) < 0.3) * 1.0,
        "prob": rng.uniform(0.01, 0.99, ROWS), "cls": rng.integers(0, CLASSES, ROWS),
        "logits": rng.normal(size=(CLASSES, ROWS)),
        "p": p, "q": q, "a": a, "b": b, "c": c, "std": np.exp(e), "at": np.arange(ROWS),
    }  # fmt: skip


D = data()
Y, F, Z, P, LABEL = D["y"], D["f"], 2.0 * D["label"] - 1.0, D["prob"], D["label"]
PAIR, ON_LOGIT, ON_PROB = {"target": Y, "pred": F}, {"target": LABEL, "pred": F}, {"target": LABEL, "pred": P}
POSITIVE, SIMPLEX = {"target": D["pos"], "pred": D["rate"]}, {"target": D["p"], "pred": D["q"]}
A, B, C = D["a"], D["b"], D["c"]
TRIPLET = {"anchor": A, "positive": B, "negative": C}
ON_CLASS = {"target": D["cls"], "pred": D["logits"]}
FORMULAS: list[tuple[str, Arrays, Callable[[], Any]]] = [
    ("mse", PAIR, lambda: (F - Y) ** 2),
    ("mae", PAIR, lambda: np.abs(F - Y)),
    ("huber", PAIR, lambda: np.where(np.abs(F - Y) <= 1, 0.5 * (F - Y) ** 2, np.abs(F - Y) - 0.5)),
    ("log_cosh", PAIR, lambda: np.log(np.cosh(F - Y))),
    ("quantile", PAIR, lambda: np.maximum(0.5 * (Y - F), -0.5 * (Y - F))),
    ("cauchy", PAIR, lambda: np.log1p((F - Y) ** 2 / 2)),
    ("tukey_biweight", PAIR, lambda: 4.685**2 / 6 * (1 - (1 - np.minimum(((F - Y) / 4.685) ** 2, 1)) ** 3)),
    ("mape", PAIR, lambda: np.abs(F - Y) / np.maximum(np.abs(Y), 2.220446049250313e-16)),
    ("smape", PAIR, lambda: 2 * np.abs(F - Y) / (np.abs(Y) + np.abs(F))),
    ("msle", POSITIVE, lambda: (np.log1p(D["rate"]) - np.log1p(D["pos"])) ** 2),
    ("gamma_deviance", POSITIVE, lambda: 2 * (np.log(D["rate"] / D["pos"]) + D["pos"] / D["rate"] - 1)),
    ("gaussian_nll", {**PAIR, "std": D["std"]}, lambda: 0.5 * (np.log(D["std"] ** 2) + ((F - Y) / D["std"]) ** 2)),
    ("bce", ON_PROB, lambda: -(LABEL * np.log(P) + (1 - LABEL) * np.log1p(-P))),
    ("bce_with_logits", ON_LOGIT, lambda: softplus(F) - LABEL * F),
    ("hinge", ON_LOGIT, lambda: np.maximum(0, 1 - Z * F)),
    ("squared_hinge", ON_LOGIT, lambda: np.maximum(0, 1 - Z * F) ** 2),
    ("logistic", ON_LOGIT, lambda: softplus(-Z * F)),
    ("brier", ON_PROB, lambda: (P - LABEL) ** 2),
    ("cross_entropy", ON_CLASS, lambda: logsumexp(D["logits"]) - D["logits"][D["cls"], D["at"]]),
    ("brier_multiclass", {"target": D["cls"], "pred": D["p"]}, lambda: ((D["p"] - one_hot()) ** 2).sum(axis=0)),
    ("kl_divergence", SIMPLEX, lambda: (D["p"] * np.log(D["p"] / D["q"])).sum(axis=0)),
    ("js_divergence", SIMPLEX, lambda: 0.5 * (to_middle(D["p"]) + to_middle(D["q"]))),
    ("hellinger", SIMPLEX, lambda: norm(np.sqrt(D["p"]) - np.sqrt(D["q"])) / np.sqrt(2)),
    ("total_variation_distance", SIMPLEX, lambda: 0.5 * np.abs(D["p"] - D["q"]).sum(axis=0)),
    ("triplet", TRIPLET, lambda: np.maximum(0, norm(A - B + 1e-6) - norm(A - C + 1e-6) + 1)),
    ("cosine_distance", {"target": A, "pred": B}, lambda: 1 - (A * B).sum(axis=0) / norm(A) / norm(B)),
]


def best(work: Callable[[], object], rounds: int = 60) -> float:
    found = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found = min(found, time.perf_counter() - start)
    return found


def main() -> int:
    print(f"lossctl {lossctl.__version__}, NumPy {np.__version__}; ns per row\n")
    print(f"{'loss':26}{'kernel':>9}{'formula':>9}{'ratio':>8}")
    slow = 0
    for name, arrays, formula in FORMULAS:
        kernel, params = spec.get(name).kernel_for(arrays), spec.get(name).resolve_params({})
        work = partial(kernel.rows, arrays, params)
        value = work().value
        np.testing.assert_allclose(value, formula(), rtol=1e-6, atol=1e-9, err_msg=name)
        ours, bare = (best(each) / len(value) * 1e9 for each in (work, formula))
        slow += ours > MOST * bare
        print(f"{name:26}{ours:9.1f}{bare:9.1f}{ours / bare:7.2f}x{'  over' if ours > MOST * bare else ''}")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
