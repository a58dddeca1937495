"""Arithmetic over the components of a vector role: `(n,)` or a logical `(k, n)` array in either memory order."""

import numpy as np

from lossctl.roles import Array


def _rows_in_memory(x: Array) -> bool:
    """Whether the components of one row stand together, as list columns bring them."""
    return x.flags.f_contiguous and not x.flags.c_contiguous


def sum_k(x: Array) -> Array:
    """Sum over the components; a number per row is its own sum."""
    if x.ndim == 1:
        return x
    return x.T.sum(axis=1) if _rows_in_memory(x) else x.sum(axis=0)


def mean_k(x: Array) -> Array:
    """Mean over the components."""
    return x if x.ndim == 1 else sum_k(x) / len(x)


def max_k(x: Array) -> Array:
    """Largest component."""
    if x.ndim == 1:
        return x
    return x.T.max(axis=1) if _rows_in_memory(x) else x.max(axis=0)


def components(x: Array) -> int:
    """How many numbers a row holds."""
    return 1 if x.ndim == 1 else len(x)
