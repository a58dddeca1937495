"""Cases worked by hand, which declarations hold as data: the first tests of a loss, and the examples of its help."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Example(NamedTuple):
    """A case worked by hand: arrays by role, parameters, and the reduced value (or row values).

    >>> from lossctl.declare import Example
    >>> Example({"target": [3, 2], "pred": [2.5, 5]}, value=(0.5 + 3.0) / 2).value
    1.75
    """

    arrays: Mapping[str, Any]
    value: float
    params: Mapping[str, Any] = {}


def example(value: float, params: Mapping[str, Any] | None = None, **arrays: object) -> Example:
    """An `Example` with its arrays as keywords.

    >>> from lossctl.declare import example
    >>> example((0.5 + 3.0) / 2, {"delta": 2.0}, target=[3, 2], pred=[2.5, 5]).params
    {'delta': 2.0}
    """
    return Example(arrays, value, params or {})
