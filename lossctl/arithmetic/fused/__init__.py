"""Kernels recorded as programs of operations, run over chunks that stay in the cache, with exactly rounded sums.

A kernel is called once with recorders in place of arrays; what it returns becomes a `Program`. One that wants to know
what recorders cannot tell (a truth value, a place, the numbers) is not recorded: `record` gives None, and it runs in
NumPy as it is. Programs run in the compiled module `_fused`, without the interpreter's lock, or in NumPy where no
compiler was at hand. Sums are exact until they are rounded once, so no digit depends on the cut of the rows, their
order, threads or the processor; the two engines differ by the last digits of exp and the like alone.

One kernel:

>>> import numpy as np
>>> from lossctl.arithmetic import fused
>>> def kernel(target, pred, *, delta):
...     inside = np.clip(pred - target, -delta, delta)
...     return inside * (pred - target - 0.5 * inside)
>>> program = fused.record(kernel, {"target": (), "pred": ()}, {"delta": 1.0}, rows=True)
>>> columns = {"target": fused.of_numpy(np.array([3.0, 2.0])), "pred": fused.of_numpy(np.array([2.5, 5.0]))}
>>> result = program.run(columns, 2)
>>> result.totals["loss"].values(), result.values["rows"], result.checks["pred"]
(array([[2.625]]), array([0.125, 2.5  ]), (Check(nulls=0, nans=0, low=2.5, high=5.0, large=0),))

Many over the same columns: a `Tracer` gives the recorders, `Tracer.kernel` a `Recorded`, whose `outputs` go together
into one `Tracer.program`; findings, rules and gradients come from `Tracer.call`, as outputs of their own:

>>> tracer = fused.Tracer()
>>> arrays = {name: tracer.column(name) for name in ("target", "pred")}
>>> squares = tracer.kernel(lambda target, pred: (pred - target) ** 2, **arrays)
>>> low = tracer.call(lambda target, pred: pred < target, **arrays)
>>> program = tracer.program([*squares.outputs("mse "), fused.Output("below", "sum", low.nodes)])
>>> {name: total.values()[0, 0].item() for name, total in program.run(columns, 2).totals.items()}
{'mse loss': 9.25, 'below': 1.0}

For an engine, batch by batch:

- `of_arrow(array)` is a column where it lies, whatever its type, offset and gaps; `of_arrow(array, k)` the k columns of
  a list column. `Recorded.outputs(prefix, weights)` names what reductions need: `loss`, `weight`, `counted`, or a set
  loss's statistics and `weight`. Pivots are numbers, or columns (`{"pivot": {"target": COLUMN}}`) where cells have
  their own.
- `Program.run(columns, rows, mask=, codes=, cells=)`: rows under the mask or with a missing value do not count.
  `Result.checks` tell by column and component how many were missing, NaN or integers beyond 2^53, and the range of the
  others, so that domains are two comparisons; where a check fails the slow search says which row it was. An output that
  was infinite or NaN shows in the totals. A set loss whose squares over- or underflow is recorded again over columns
  that are scaled (`Tracer.column(name, scale=2.0**-700)`), its pivots too, and its root scaled back.
- `Result.add`, or `Total.add` and `Extreme.add`, merge what comes from other batches and threads, in any order;
  `widened` and `take` follow cells as they appear. `values()` rounds.
"""

from lossctl.arithmetic.fused.columns import Column, of_arrow, of_numpy
from lossctl.arithmetic.fused.exact import Extreme, Total
from lossctl.arithmetic.fused.program import Output, Program
from lossctl.arithmetic.fused.result import Check, Result
from lossctl.arithmetic.fused.running import levels
from lossctl.arithmetic.fused.trace import COLUMN, Recorded, Tracer, record

__all__ = [
    "COLUMN", "Check", "Column", "Extreme", "Output", "Program", "Recorded", "Result", "Total", "Tracer", "available",
    "engine", "levels", "of_arrow", "of_numpy", "record",
]  # fmt: skip


def available() -> bool:
    """Whether the compiled module is there."""
    return bool(levels())


def engine() -> str:
    """What runs programs: "compiled (avx2)" or "numpy"."""
    return f"compiled ({levels()[-1]})" if available() else "numpy"
