"""Kernels against the bare arithmetic of their formulas in NumPy, every loss of the catalogue, in the cache.

python benchmarks/kernels.py [NAME...]

Times are minima of many runs in turn, on one thread; ratios near the limit are measured again. The formulas are in
`floors/`: a loss without one fails here and in the tests.

Exit code 1 where a kernel takes over three times as long as its formula without a reason beside it, or gives another
value, or where a loss has no formula here.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # matrix products too; NumPy asks when it is imported

import numpy as np
from floors import classes, numbers, units, vectors
from floors.cases import Case, missing

import lossctl

MOST = 3.0
CASES: list[Case] = [*numbers.CASES, *classes.CASES, *vectors.CASES, *units.CASES]

# Cases that may be over, with the reason.
REASONS: dict[str, str] = {
    "gamma_deviance mixed": "a polynomial where predictions are near their targets, a logarithm where they are not, and"
    " telling them apart: 2.9 to 3.2 x where three in five are near, less than 2.8 x elsewhere",
}


class Times(NamedTuple):
    """The best times of a kernel and of its formula, in seconds."""

    kernel: float
    floor: float

    @property
    def ratio(self) -> float:
        return self.kernel / self.floor


def compare(case: Case) -> None:
    """The kernel and its formula must agree."""
    value, floor = case.work()(), case.floor()
    np.testing.assert_allclose(value, np.broadcast_to(floor, value.shape), rtol=case.rtol, atol=1e-9, err_msg=case.name)


def measure(case: Case, seconds: float = 0.15) -> Times:
    """Both take turns, so that both meet the same machine; the minima count. What looks slow is measured again."""
    work, times = case.work(), Times(np.inf, np.inf)
    for _ in range(4):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            times = Times(min(times.kernel, _seconds(work)), min(times.floor, _seconds(case.floor)))
        if times.ratio < 0.9 * MOST:
            break
    return times


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def keep_freed_memory() -> None:
    """Let the allocator see one large array: it then returns no memory of smaller ones, to ask for it again and again.

    Otherwise a case's times would depend on the cases before it.
    """
    np.ones(31 << 17)


def main(names: list[str]) -> int:
    keep_freed_memory()
    print(f"lossctl {lossctl.__version__}, NumPy {np.__version__}; ns per row\n")
    print(f"{'loss':54}{'kernel':>10}{'formula':>10}{'ratio':>8}")
    unexplained = []
    for case in CASES:
        if names and case.loss not in names:
            continue
        compare(case)
        times = measure(case)
        each = (1e9 * seconds / case.rows for seconds in times)
        over = times.ratio > MOST
        remark = f"  over: {REASONS.get(case.name, 'no reason given')}" if over else ""
        print(f"{case.name:54}{next(each):10.1f}{next(each):10.1f}{times.ratio:7.2f}x{remark}", flush=True)
        if over and case.name not in REASONS:
            unexplained.append(case.name)
    if forgotten := missing(CASES):
        print(f"\nwithout a formula here: {', '.join(forgotten)}")
    return int(bool(unexplained or forgotten))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
