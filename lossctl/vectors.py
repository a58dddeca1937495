"""Arithmetic over the components of a vector role: `(n,)` or a logical `(k, n)` array in either memory order."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.roles import Array

Indexes: TypeAlias = npt.NDArray[np.intp]


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


def softplus(x: Array) -> Array:
    """`log(1 + exp(x))`, without overflow and exact for very negative `x`."""
    tail = np.abs(x)
    np.negative(tail, out=tail)
    np.exp(tail, out=tail)
    np.log1p(tail, out=tail)
    tail += np.maximum(x, 0.0)
    return tail


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`, exact for very negative `x` (for `1 - sigmoid(x)` take `sigmoid(-x)`)."""
    result = np.negative(x)
    np.exp(result, out=result)  # infinite below -709, where the quotient is 0
    result += 1.0
    return np.reciprocal(result, out=result)


# Rows this short are transposed before they are reduced: NumPy's reductions pay by the row.
_SHORT = 32
_LOWEST = float(np.finfo(np.float64).min)


def _fresh(x: Array) -> Array:
    """A copy of `(k, n)` to work in, in the memory order that reduces fastest over the components."""
    return np.array(x, order="K" if _rows_in_memory(x) and len(x) >= _SHORT else "C")


def _shifted(x: Array) -> tuple[Array, Array]:
    """`x - max` over the components in a fresh array, and that maximum (finite, so that infinities do no harm)."""
    work = _fresh(x)
    top = np.maximum(max_k(work), _LOWEST)
    work -= top
    return work, top


def logsumexp_k(x: Array) -> Array:
    """`log sum exp` over the components of `(k, n)`."""
    work, top = _shifted(x)
    np.exp(work, out=work)
    return np.log(sum_k(work)) + top


def softmax_k(x: Array) -> Array:
    """Softmax over the components of `(k, n)`."""
    work, _ = _shifted(x)
    np.exp(work, out=work)
    work /= sum_k(work)
    return work


def log_softmax_k(x: Array) -> Array:
    """Logarithm of the softmax over the components of `(k, n)`."""
    work, _ = _shifted(x)
    work -= np.log(sum_k(np.exp(work)))
    return work


def pick_k(x: Array, index: Indexes) -> Array:
    """Component `index[i]` of row i of `(k, n)`; an index outside is taken as the nearest one: mask those rows."""
    flat, places = _places(x, index)
    return flat.take(places)


def log_softmax_at(x: Array, index: Indexes) -> Array:
    """`pick_k(log_softmax_k(x), index)` with all its digits, also where one logit outweighs the others."""
    work, top = _shifted(x)
    flat, places = _places(work, index)
    gap = flat.take(places)
    np.exp(work, out=work)
    flat[places] = 0.0  # the others alone: log1p of them is exact where they are tiny
    return gap - np.log1p(sum_k(work) + np.expm1(gap))


def add_at_k(x: Array, index: Indexes, value: Array | float) -> Array:
    """A fresh array, `x` with `value` added to component `index[i]` of row i."""
    work = _fresh(x)
    flat, places = _places(work, index)
    flat[places] += value
    return work


def _places(x: Array, index: Indexes) -> tuple[Array, Indexes]:
    """The values of `(k, n)` in memory order, a view where there can be one, and where each row's component lies."""
    k, n = x.shape
    inside = np.minimum(np.maximum(index, 0), k - 1)
    if _rows_in_memory(x):
        return x.T.reshape(-1), np.arange(0, k * n, k) + inside
    return x.reshape(-1), inside * n + np.arange(n)
