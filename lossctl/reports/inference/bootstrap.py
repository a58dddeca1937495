"""The bootstrap: rows or units drawn again with replacement, seeded, the same whatever the number of threads.

Intervals are bias-corrected and accelerated (BCa: Efron 1987, doi:10.2307/2289144): second-order correct, which skewed
losses need and plain percentiles are not. They are expanded for small samples, which the bootstrap takes to vary
less than they do: by Student's quantile and sqrt(n / (n - 1)) (Hesterberg 2015, doi:10.1080/00031305.2015.1089789).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.quantiles import normal_cdf, normal_quantile, percentiles

RESAMPLES = 1000
# Rows are drawn block by block, how many from each being multinomial: the table stays in the cache, and its indexes
# are 16 bits wide, four from one random word.
BLOCK = 1 << 16


def resampled(columns: Array, seed: int, resamples: int = RESAMPLES) -> Array:
    """Sums of the columns `(c, n)` over rows drawn with replacement: `(c, resamples)`."""
    rng = np.random.default_rng(seed)
    n = columns.shape[-1]
    starts = range(0, n, BLOCK)
    sizes = np.array([min(BLOCK, n - start) for start in starts])
    counts = rng.multinomial(n, sizes / n, size=resamples)
    fixed = np.array([bool((column == column[0]).all()) for column in columns])
    sums = np.zeros((len(columns), resamples))
    sums[fixed] = n * columns[fixed, :1]
    moving = np.ascontiguousarray(columns[~fixed])
    if len(moving):
        total = np.zeros((len(moving), resamples))
        for at, (start, size) in enumerate(zip(starts, sizes.tolist(), strict=True)):
            table = np.ascontiguousarray(moving[:, start : start + size])
            _draw(rng, table, counts[:, at], total)
        sums[~fixed] = total
    return sums


def _draw(rng: np.random.Generator, table: Array, counts: "npt.NDArray[np.int64]", total: Array) -> None:
    """Add the sums of so many rows of the table, drawn for each resample; many small ones are drawn at once."""
    size = table.shape[-1]
    together = max(1, BLOCK // size) if (counts == counts[0]).all() else 1
    for start in range(0, len(counts), together):
        stop = min(start + together, len(counts))
        rows = rng.integers(0, size, (stop - start, int(counts[start])), dtype=np.uint16)
        total[:, start:stop] += table.take(rows, axis=1).sum(axis=-1)


def bca(replicates: Array, value: float, influence: Array, reach: float) -> tuple[float, float]:
    """The interval of a value from its replicates and the rows' influences (for the acceleration).

    It reaches so many standard deviations to either side, before bias and skewness are corrected.
    """
    count = len(replicates)
    below = float((replicates < value).sum()) + 0.5 * float((replicates == value).sum())
    bias = normal_quantile((below + 0.5) / (count + 1))
    size = float((influence**2).sum())
    pull = float((influence**3).sum()) / (6 * size**1.5) if size > 0 else 0.0
    shares = []
    for z in (bias - reach, bias + reach):
        # An acceleration so strong that the map turns back ends at the extreme.
        room = 1 - pull * z
        shares.append(normal_cdf(bias + z / room) if room > 0 else float(z > 0))
    low, high = percentiles(replicates, np.array(shares))
    return float(low), float(high)


def interval(
    columns: Array, statistic: Callable[[Array], Array], value: float, influence: Array, reach: float, seed: int
) -> tuple[float, float] | None:
    """BCa interval of a statistic of sums of columns; None where one resample in twenty has no finite value."""
    replicates = statistic(resampled(columns, seed))
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < 0.95 * len(replicates):
        return None
    scale = float(np.abs(influence).max(initial=0.0))
    return bca(defined, value, influence / scale if scale > 0 else influence, reach)
