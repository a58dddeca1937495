"""What losses of pairs within lists share: work in blocks that stay in the cache."""

from collections.abc import Iterator

import numpy as np

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.vectors import strips

IN_CACHE = 2**14  # numbers that stay in the cache while they are worked on
NO_PAIR = "no two items differ in relevance"
GROUPS = "Without --group (or lists in the rows) the whole dataset is one query."


def lower(target: Array) -> Iterator[tuple[slice, slice]]:
    """Runs of items whose relevances fall, each with the items that are less relevant than the run's first."""
    rising = -target
    for run in strips(len(target), IN_CACHE):
        below = int(np.searchsorted(rising, rising[run.start], side="right"))
        if below == len(target):
            return
        yield run, slice(below, None)
