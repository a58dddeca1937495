"""What losses of pairs share: directions, differences and similarities of vectors."""

from collections.abc import Iterator

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import norm_k, strips

LOWEST = float(np.finfo(np.float64).min)
TEMPERATURE = "divides the similarities"


def difference(x: Array, y: Array, eps: Array | float) -> Array:
    """`x - y + eps`."""
    result = x - y
    if np.any(eps):
        result += eps
    return result


def unit(x: Array, eps: Array | float = 0.0) -> Array:
    """The vectors at length 1; each squared length is taken as at least `eps`."""
    return x / np.maximum(norm_k(x), np.sqrt(eps))


def similarities(x: Array, y: Array) -> Iterator[tuple[slice, Array]]:
    """Dot products of the rows of `x` with all rows of `y`, `(run, n)`, run by run; each overwrites the one before."""
    room = np.zeros((0, 0))
    for run in strips(x.shape[1]):
        size = run.stop - run.start
        if not room.size:
            room = np.empty((size, y.shape[1]))
        yield run, np.matmul(x[:, run].T, y, out=room[:size])


def logsumexp_spent(scores: Array) -> Array:
    """`log sum exp` over each row of `(run, n)`, whose memory it works in."""
    top: Array = np.maximum(scores.max(axis=1), LOWEST)
    scores -= top[:, np.newaxis]
    np.exp(scores, out=scores)
    total: Array = np.log(scores.sum(axis=1))
    return total + top
