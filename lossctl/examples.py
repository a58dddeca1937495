"""Cases worked by hand, which declarations hold as data: the first tests of a loss, and the examples of its help."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

WIDTH = 100


class Example(NamedTuple):
    """A case worked by hand: arrays by role, parameters, and the reduced value (or row values).

    >>> from lossctl.examples import Example
    >>> Example({"target": [3, 2], "pred": [2.5, 5]}, value=(0.5 + 3.0) / 2).value
    1.75
    """

    arrays: Mapping[str, Any]
    value: float
    params: Mapping[str, Any] = {}


def example(value: float, params: Mapping[str, Any] | None = None, **arrays: object) -> Example:
    """An `Example` with its arrays as keywords.

    >>> from lossctl.spec import example
    >>> example((0.5 + 3.0) / 2, {"delta": 2.0}, target=[3, 2], pred=[2.5, 5]).params
    {'delta': 2.0}
    """
    return Example(arrays, value, params or {})


def session(loss: str, examples: Iterable[Example], by_row: Callable[[Example], bool]) -> Iterator[str]:
    """The lines of an interactive session that works the examples out, as doctest reads them.

    12 digits are shown: the last ones are the processor's.
    """
    yield ">>> import lossctl"
    for case in examples:
        result, shown = ("rows", "rows.mean()") if by_row(case) else ("value", "value")
        given = [f"{name}={written(value)}" for name, value in {**case.arrays, **case.params}.items()]
        call = f">>> {result} = lossctl.losses.{loss}({', '.join(given)})"
        if len(call) <= WIDTH:
            yield call
        else:
            yield f">>> {result} = lossctl.losses.{loss}("
            yield from (f"...     {argument}," for argument in given)
            yield "... )"
        yield f'>>> print(f"{{{shown}:.12g}}")'
        yield f"{case.value:.12g}"


def written(value: object) -> str:
    """A value as Python source, whatever arrays it is made of."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, list):
        return f"[{', '.join(map(written, plain))}]"
    if isinstance(plain, tuple):
        return f"({', '.join(map(written, plain))}{',' if len(plain) == 1 else ''})"
    return f'float("{plain}")' if isinstance(plain, float) and not isfinite(plain) else repr(plain)
