"""Kernels called once with recorders: what they return, as values of a tape that programs are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from lossctl.arithmetic.fused import functions, lowered
from lossctl.arithmetic.fused.graph import NotRecordableError
from lossctl.arithmetic.fused.program import Output, Program, compiled
from lossctl.arithmetic.fused.recorder import Kind, Known, Recorder, Tape
from lossctl.arithmetic.statistics import Largest, Product, Rows, Smallest

# A shape: a number per row, `(k,)` for k of them, and what they are.
Shape: TypeAlias = tuple[int, ...]
COLUMN: Final = "column"
Elements: TypeAlias = Literal["mean", "sum"] | None

KNOWN = Known(functions.ufunc, functions.function, lowered.primitive)


@dataclass(slots=True)
class Recorded:
    """What a kernel returned: row values with their denominators and shares, or statistics that merge."""

    value: Recorder | None = None
    denominator: Recorder | None = None
    share: Recorder | None = None
    ignored: Recorder | None = None
    statistics: dict[str, tuple[str, Recorder]] = field(default_factory=dict)

    def outputs(self, name: str = "", weights: Recorder | None = None, rows: bool = False) -> list[Output]:
        """What reductions need: sums named `loss`, `weight` and `counted` after `name`, or those of the statistics.

        `rows`: row values as lists of rows give them too. What weighs nothing is nothing, be it infinite.
        """
        if self.value is None:
            found = [_statistic(name + key, how, x, weights) for key, (how, x) in self.statistics.items()]
            return found if weights is None else [*found, Output(name + "weight", "sum", weights.nodes)]
        value, denominator, share = self.value, self.denominator, self.share
        if share is not None:
            value = _weighed(value, share)
            denominator = share if denominator is None else denominator
        found = [Output(name + "loss", "sum", _weighed(value, weights).nodes)]
        if denominator is not None:
            counted: Any = denominator > 0 if self.ignored is None else ~self.ignored
            total = denominator if weights is None else denominator * weights
            found += [Output(name + "weight", "sum", total.nodes), Output(name + "counted", "sum", counted.nodes)]
        elif weights is not None:
            found.append(Output(name + "weight", "sum", weights.nodes))
        if rows:
            shown: Any = self.value if share is None else np.where(share > 0, self.value, np.nan)
            found.append(Output(name + "rows", "rows", shown.nodes))
        return found


def _weighed(value: Recorder, weights: Recorder | None) -> Recorder:
    if weights is None:
        return value
    found: Any = np.where(weights > 0, value * weights, 0.0)
    return found  # type: ignore[no-any-return]


def _statistic(name: str, how: str, x: Recorder, weights: Recorder | None) -> Output:
    if weights is None or how == "sum":
        return Output(name, how, _weighed(x, weights).nodes)
    nothing = -np.inf if how == "max" else np.inf
    kept: Any = np.where(weights > 0, x, nothing)
    return Output(name, how, kept.nodes)


class Tracer:
    """Kernels recorded together, over columns that they share: what several compute is computed once."""

    def __init__(self) -> None:
        self.tape = Tape(KNOWN)
        self.names: list[tuple[str, int | None]] = []
        self._columns: dict[str, list[int]] = {}

    def column(self, name: str, size: int | None = None, kind: Kind = "float", scale: float = 1.0) -> Recorder:
        """A column, or `size` of them that are a vector role; the same name is the same columns.

        `scale`, a power of 2, is for statistics whose squares leave the range of doubles as the columns stand.
        """
        if name not in self._columns:
            first = len(self.names)
            self.names += [(name, None)] if size is None else [(name, at) for at in range(size)]
            self._columns[name] = [self.tape.graph.column(number) for number in range(first, len(self.names))]
        factor = self.tape.graph.constant(scale)
        nodes = [self.tape.graph.apply("mul", node, factor) for node in self._columns[name]]
        return Recorder(self.tape, nodes, size is not None, kind, fixed=True)

    def call(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """What a function returns for recorders and numbers; None where it wants to know what they cannot tell."""
        self.tape.refused = ""
        try:
            with np.errstate(all="ignore"):
                returned = function(**arguments)
        except NotRecordableError:
            return None
        except Exception:
            if not self.tape.refused:  # else the refusal came back in other words
                raise
            return None
        return None if self.tape.refused else returned

    def kernel(self, function: Callable[..., Any], elements: Elements = None, **arguments: Any) -> Recorded | None:
        """A kernel's row values or statistics; `elements`: a row of several is worth their mean or sum."""
        returned = self.call(function, **arguments)
        try:
            return None if returned is None else self._recorded(returned, elements)
        except NotRecordableError:
            return None

    def _recorded(self, returned: Any, elements: Elements) -> Recorded:
        if isinstance(returned, Mapping):
            return Recorded(statistics={name: self._merging(part) for name, part in returned.items()})
        rows = returned if isinstance(returned, Rows) else Rows(returned)
        value: Recorder = self.tape.lift(product(rows.value))
        if value.wide and elements is not None:
            value = value.mean(axis=0) if elements == "mean" else value.sum(axis=0)
        denominator, share, ignored = (None if part is None else self.tape.lift(part) for part in rows[1:])
        return Recorded(value, denominator, share, ignored)

    def _merging(self, part: Any) -> tuple[str, Recorder]:
        match part:
            case Largest(value):
                return "max", self.tape.lift(value)
            case Smallest(value):
                return "min", self.tape.lift(value)
        return "sum", self.tape.lift(product(part))

    def program(self, outputs: Sequence[Output]) -> Program:
        """The program of some outputs; columns that none needs are checked all the same."""
        return compiled(self.tape.graph, self.names, outputs)


def product(part: Any) -> Any:
    """A product written out."""
    return part.value if isinstance(part, Product) else part


def record(
    function: Callable[..., Any],
    roles: Mapping[str, Shape],
    params: Mapping[str, Any] | None = None,
    *,
    integers: Sequence[str] = (),
    elements: Elements = None,
    weights: str | None = None,
    rows: bool = False,
) -> Program | None:
    """The program of one kernel, or None where it cannot be recorded.

    `roles`: the shape of a row by role. `params`: values, `COLUMN` for those read from a column, and mappings of them
    (pivots). `integers` are label codes. `weights` names a column of row weights.
    """
    tracer = Tracer()
    arguments: dict[str, Any] = {
        name: tracer.column(name, shape[0] if shape else None, "int" if name in integers else "float")
        for name, shape in roles.items()
    }
    for name, value in (params or {}).items():
        arguments[name] = _argument(tracer, name, value)
    found = tracer.kernel(function, elements, **arguments)
    if found is None:
        return None
    return tracer.program(found.outputs("", None if weights is None else tracer.column(weights), rows))


def _argument(tracer: Tracer, name: str, value: Any) -> Any:
    if isinstance(value, str) and value == COLUMN:
        return tracer.column(name)
    if isinstance(value, Mapping):
        return {key: _argument(tracer, f"{name} {key}", each) for key, each in value.items()}
    return value
