"""Arithmetic over the components of a vector role: `(n,)` or a logical `(k, n)` array in either memory order."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.primitive import primitive

Indexes: TypeAlias = npt.NDArray[np.intp]


def _rows_in_memory(x: Array) -> bool:
    """Whether the components of one row stand together, as list columns bring them."""
    return x.flags.f_contiguous and not x.flags.c_contiguous


# Rows this short are transposed before they are reduced: NumPy's reductions pay by the row.
_SHORT = 32


@primitive
def sum_k(x: Array) -> Array:
    """Sum over the components; a number per row is its own sum."""
    if x.ndim == 1:
        return x
    total: Array = x.T.sum(axis=1) if _rows_in_memory(x) else x.sum(axis=0)
    return total


@primitive
def mean_k(x: Array) -> Array:
    """Mean over the components."""
    return x if x.ndim == 1 else sum_k(x) / len(x)


@primitive
def max_k(x: Array) -> Array:
    """Largest component."""
    if x.ndim == 1:
        return x
    top: Array = x.T.max(axis=1) if _rows_in_memory(x) else x.max(axis=0)
    return top


@primitive
def cumsum_k(x: Array) -> Array:
    """Running sums over the components of `(k, n)`, in a fresh array."""
    if _rows_in_memory(x) and len(x) >= _SHORT:
        return np.cumsum(x.T, axis=1).T
    total = np.array(x, order="C")
    for before, row in pairwise(total):  # NumPy's cumsum takes ten times as long across rows
        row += before
    return total


# Numbers that are added up plainly: sums of so few keep their digits, and stay in one thread.
_STRIP = 1024


def dot(x: Array, y: Array) -> float:
    """Sum of the products of two rows of numbers, strip by strip."""
    whole = len(x) - len(x) % _STRIP
    with np.errstate(all="ignore"):
        strips = np.vecdot(x[:whole].reshape(-1, _STRIP), y[:whole].reshape(-1, _STRIP))
        return float(strips.sum() + x[whole:].dot(y[whole:]))


@primitive
def components(x: Array) -> int:
    """How many numbers a row holds."""
    return 1 if x.ndim == 1 else len(x)


@primitive
def softplus(x: Array) -> Array:
    """`log(1 + exp(x))`, without overflow and exact for very negative `x`."""
    tail = np.abs(x)
    np.negative(tail, out=tail)
    np.exp(tail, out=tail)
    np.log1p(tail, out=tail)
    tail += np.clip(x, 0.0, np.inf)  # in half the time of np.maximum
    return tail


@primitive
def sigmoid(x: Array) -> Array:
    """The logistic function, exact for very negative `x`; its complement is that of `-x`."""
    result = np.negative(x)
    np.exp(result, out=result)  # infinite below -709, where the quotient is 0
    result += 1.0
    return np.reciprocal(result, out=result)


_LOWEST = float(np.finfo(np.float64).min)


def _shifted(x: Array) -> tuple[Array, Array]:
    """`x - max` over the components in a fresh array, and that maximum (finite, so that infinities do no harm)."""
    if _rows_in_memory(x) and len(x) < _SHORT:
        work = np.ascontiguousarray(x)
        top = np.maximum(max_k(work), _LOWEST)
        work -= top
        return work, top
    top = np.maximum(max_k(x), _LOWEST)
    return x - top, top


@primitive
def below_max_k(x: Array) -> Array:
    """A fresh array, `x` less its largest component: what can be exponentiated without overflow."""
    return _shifted(x)[0]


# Sums of exponentials this little above 1 lose digits that their logarithm shows.
_NEAR = 2.0**-10


@primitive
def log_sum_k(exponentials: Array) -> Array:
    """Logarithm of the sum over components of which the largest is 1, exact where the others are next to nothing."""
    total = sum_k(exponentials)
    near = np.flatnonzero(total < 1.0 + _NEAR)
    value = np.log(total, out=total)
    if len(near):
        rest = np.ascontiguousarray(exponentials.T[near])  # a row's sum is then its own, however many there are
        rest[np.arange(len(near)), rest.argmax(axis=1)] = 0.0
        value[near] = np.log1p(rest.sum(axis=1))
    return value


@primitive
def logsumexp_k(x: Array) -> Array:
    """`log sum exp` over the components of `(k, n)`."""
    work, top = _shifted(x)
    np.exp(work, out=work)
    return np.log(sum_k(work)) + top


@primitive
def softmax_k(x: Array) -> Array:
    """Softmax over the components of `(k, n)`."""
    work, _ = _shifted(x)
    np.exp(work, out=work)
    work /= sum_k(work)
    return work


@primitive
def log_softmax_k(x: Array) -> Array:
    """Logarithm of the softmax over the components of `(k, n)`."""
    work, _ = _shifted(x)
    work -= log_sum_k(np.exp(work))
    return work


@primitive
def pick_k(x: Array, index: Array | Indexes) -> Array:
    """Component `index[i]` of row i of `(k, n)`; an index outside is taken as the nearest one: mask those rows."""
    flat, places = _places(x, index)
    return flat.take(places)


@primitive
def argmax_k(x: Array) -> Indexes:
    """Which component is the largest, the first of those that tie."""
    place: Indexes = x.T.argmax(axis=1) if _rows_in_memory(x) else x.argmax(axis=0)
    return place


@primitive
def log_softmax_at(x: Array, index: Array | Indexes) -> Array:
    """`pick_k(log_softmax_k(x), index)` with all its digits, also where one component outweighs the others."""
    return softmax_at(x, index)[0]


@primitive
def softmax_at(x: Array, index: Array | Indexes) -> tuple[Array, Array]:
    """`log p` and `1 - p` of component `index[i]` of row i, both with all their digits where p is nearly 1."""
    work, _ = _shifted(x)
    flat, places = _places(work, index)
    gap = flat.take(places)
    np.exp(work, out=work)
    own = flat.take(places)
    flat[places] = 0.0
    rest = sum_k(work)
    return gap - np.log1p(rest + (own - 1.0)), rest / (rest + own)


@primitive
def add_at_k(x: Array, index: Array | Indexes, value: Array | float) -> Array:
    """A fresh array, `x` with `value` added to component `index[i]` of row i."""
    work = np.array(x, order="K")
    flat, places = _places(work, index)
    flat[places] += value
    return work


@primitive
def put_at_k(x: Array, index: Array | Indexes, value: float) -> Array:
    """A fresh array, `x` with `value` in place of component `index[i]` of row i."""
    return set_at_k(np.array(x, order="K"), index, value)


@primitive
def set_at_k(work: Array, index: Array | Indexes, value: float) -> Array:
    """Write `value` into component `index[i]` of row i, in place: `work` is the caller's own array, and returned."""
    flat, places = _places(work, index)
    flat[places] = value
    return work


def _places(x: Array, index: Array | Indexes) -> tuple[Array, Indexes]:
    """The values of `(k, n)` in memory order (a view of contiguous arrays), and where each row's component lies."""
    k, n = x.shape
    inside = np.minimum(np.maximum(index, 0), k - 1).astype(np.intp, copy=False)
    if _rows_in_memory(x):
        inside += np.arange(0, k * n, k)
        return x.T.reshape(-1), inside
    inside *= n
    inside += np.arange(n)
    return x.reshape(-1), inside


@primitive
def dot_k(x: Array, y: Array) -> Array:
    """Dot products of the rows of two `(k, n)`; the axes are walked as they lie in memory."""
    product: Array = np.einsum("kn,kn->n", x, y)
    return product


@primitive
def norm_k(x: Array, p: Array | float = 2.0) -> Array:
    """The p-norms of the rows of `(k, n)`; powers that would overflow or vanish are taken of scaled components."""
    total = _power_sum(x, p)
    length = _root(total, p)
    extreme = ~((total > 1e-280) & (total < 1e280))
    if extreme.any():
        part, p = x[:, extreme], p[extreme] if isinstance(p, np.ndarray) and p.ndim else p
        top = max_k(np.abs(part))
        part = part / (top + (top == 0.0))
        length[extreme] = top * _root(_power_sum(part, p), p)
    return length


def norm_slope_k(x: Array, length: Array, p: Array | float = 2.0) -> Array:
    """The derivative of `norm_k` by each component; 0 at the origin, where there is none."""
    unit: Array = x / (length + (length == 0.0))
    if np.ndim(p) == 0 and p == 2.0:
        return unit
    slope: Array = np.sign(unit) * np.abs(unit) ** (p - 1.0)
    return slope


def _power_sum(x: Array, p: Array | float) -> Array:
    if np.ndim(p) == 0 and p == 2.0:
        return dot_k(x, x)
    size = np.abs(x)
    powers: Array = size if np.ndim(p) == 0 and p == 1.0 else size**p
    return sum_k(powers)


def _root(total: Array, p: Array | float) -> Array:
    if np.ndim(p) == 0 and p == 2.0:
        return np.sqrt(total)
    return np.array(total ** (1.0 / p))


def strips(rows: int, numbers: int = 2**18) -> Iterator[slice]:
    """Runs of rows, for work on a unit's pairs: a run by all rows holds at most so many numbers, or is one row."""
    step = max(1, numbers // max(rows, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
