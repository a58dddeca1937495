"""Kernels recorded as programs, run over chunks that stay in the cache (filled in below)."""

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
