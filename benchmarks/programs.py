"""What recorded programs cost against the kernels in NumPy: ns per row, one thread, float64 columns in memory.

Run it as `python benchmarks/programs.py`. Pairs are measured in turn in one process, by the thread's own time, and the
best of several is shown: believe the ratios. NumPy's side checks nothing; programs check their columns as they go.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossctl.arithmetic import fused
from lossctl.arithmetic.statistics import Product
from lossctl.declare import registry

ROWS, BLOCK, REPEATS = 1_000_000, 1 << 16, 7


def best(*calls: Callable[[], object]) -> list[float]:
    """The least time of each, all called in turn."""
    least = [float("inf")] * len(calls)
    for _ in range(REPEATS):
        for at, call in enumerate(calls):
            start = time.thread_time()
            call()
            least[at] = min(least[at], time.thread_time() - start)
    return least


def case(name: str, arrays: Mapping[str, np.ndarray], **params: Any) -> None:
    loss = registry.get(name)
    kernel = loss.kernel
    resolved = loss.resolve_params(params)
    shapes = {role: (len(a),) if a.ndim == 2 else () for role, a in arrays.items()}
    integers = [role for role, a in arrays.items() if a.dtype.kind == "i"]
    program = fused.record(kernel.function, shapes, resolved, integers=integers, elements=kernel.elements)
    assert program is not None, name
    columns = {role: fused.of_numpy(a) for role, a in arrays.items()}
    rows = next(iter(arrays.values())).shape[-1]

    def plain() -> float:
        total = 0.0
        for start in range(0, rows, BLOCK):
            part = {role: a[..., start : start + BLOCK] for role, a in arrays.items()}
            values = kernel.values(part, resolved)
            total += values.total() if isinstance(values, Product) else float(values.value.sum())
        return total

    engines = [*fused.levels(), "numpy"]
    times = best(plain, *[lambda engine=engine: program.run(columns, rows, engine=engine) for engine in engines])
    shown = "  ".join(f"{each:.2f}".rjust(8) for each in (t / rows * 1e9 for t in times))
    print(f"{name:16} {shown}", flush=True)


def main() -> None:
    rng = np.random.default_rng(0)
    target, pred = rng.normal(size=(2, ROWS))
    labels = (target > 0.5) * 1.0
    few = ROWS // 5
    logits, classes = rng.normal(size=(10, few)), rng.integers(0, 10, few)
    first, second = (np.exp(rng.normal(size=(10, few))) for _ in range(2))
    print(f"{'ns per row':16} {'kernel':>8}  " + "  ".join(f"{name:>8}" for name in [*fused.levels(), "numpy"]))
    case("mse", {"target": target, "pred": pred})
    case("huber", {"target": target, "pred": pred})
    case("log_cosh", {"target": target, "pred": pred})
    case("bce_with_logits", {"target": labels, "pred": pred}, pos_weight=1.0)
    case("binary_focal", {"target": labels, "pred": 1.0 / (1.0 + np.exp(-pred))})
    case("poisson_nll", {"target": np.floor(np.abs(target) * 3.0), "pred": np.abs(pred) + 0.1})
    case("cross_entropy", {"target": classes, "pred": logits})
    case("kl_divergence", {"target": first / first.sum(axis=0), "pred": second / second.sum(axis=0)})


if __name__ == "__main__":
    main()
