"""The distribution of row losses or unit values as a report tells it."""

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.moments import Moments
from lossctl.arithmetic.quantiles import percentiles
from lossctl.reports.results import Distribution

RELATIVE_ERROR = 0.005
SHARES = np.array([0.01, 0.5, 0.9, 0.99])


def describe(moments: Moments, mean: float, ends: tuple[float, float], shares: Array, exact: bool) -> Distribution:
    """A distribution from merged statistics and its percentiles; the standard deviation has ddof 0."""
    least, most = ends
    p01, p50, p90, p99 = np.clip(shares, least, most).tolist()
    with np.errstate(all="ignore"):
        spread = float(np.sqrt(moments.ee[0, 0] / moments.used[0]))
    return Distribution(
        mean=mean,
        std=None if np.isnan(spread) else spread,
        min=least,
        p01=p01,
        p50=p50,
        p90=p90,
        p99=p99,
        max=most,
        approximate=None if exact else {"relative_error": RELATIVE_ERROR},
    )


def exact_percentiles(values: Array) -> Array:
    """The percentiles of a report (`SHARES`), of values that are all in memory."""
    return percentiles(values, SHARES)
