"""NumPy's functions on recorders: universal ones, and those that dispatch by `__array_function__`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossctl.arithmetic.fused.recorder import Kind, Recorder, Tape, apply, flags, widest

Handler = Callable[..., Recorder]

_FLOATING = {
    np.sqrt: "sqrt", np.exp: "exp", np.expm1: "expm1", np.log: "log", np.log1p: "log1p", np.tanh: "tanh",
    np.rint: "rint", np.floor: "floor", np.ceil: "ceil", np.sin: "sin", np.cos: "cos", np.arctan: "arctan",
    np.sinh: "sinh", np.cosh: "cosh", np.log2: "log2", np.log10: "log10", np.exp2: "exp2", np.divide: "div",
    np.copysign: "copysign", np.hypot: "hypot", np.float_power: "pow",
}  # fmt: skip
_KEEPING = {np.subtract: "sub", np.negative: "neg", np.absolute: "abs", np.fabs: "abs", np.sign: "sign"}
_TELLING = {
    np.isnan: "isnan", np.isinf: "isinf", np.isfinite: "isfinite", np.less: "lt", np.less_equal: "le",
    np.equal: "eq", np.not_equal: "ne",
}  # fmt: skip
_LOGICAL = {
    np.logical_and: "and", np.bitwise_and: "and", np.logical_or: "or", np.bitwise_or: "or",
    np.logical_xor: "ne", np.bitwise_xor: "ne", np.logical_not: "not", np.invert: "not",
}  # fmt: skip
# Of two flags these are not arithmetic.
_OF_FLAGS = {np.add: ("add", "or"), np.multiply: ("mul", "and"), np.maximum: ("max", "or"), np.minimum: ("min", "and")}


def _power(x: Recorder, y: Recorder) -> Recorder:
    if widest(x, y) != "float":
        x.tape.refuse("a power of integers")
    return apply("pow", x, y)


def _square(x: Recorder) -> Recorder:
    return _evaluate(np.multiply, [x, x])


_OTHER: dict[np.ufunc, Handler] = {
    np.greater: lambda x, y: apply("lt", y, x, kind="bool"),
    np.greater_equal: lambda x, y: apply("le", y, x, kind="bool"),
    np.positive: lambda x: x.copy(),
    np.square: _square,
    np.reciprocal: lambda x: apply("div", x.tape.lift(1.0), x),
    np.power: _power,
    np.fmax: lambda x, y: apply("where", apply("isnan", x, kind="bool"), y, apply("max", x, _known(y, x))),
    np.logaddexp: lambda x, y: _logaddexp(x, y),
}


def _known(y: Recorder, other: Recorder) -> Recorder:
    return apply("where", apply("isnan", y, kind="bool"), other, y)


def _logaddexp(x: Recorder, y: Recorder) -> Recorder:
    top, gap = apply("max", x, y), apply("sub", x, y)
    return apply("where", apply("eq", x, y), top + float(np.log(2.0)), top + np.log1p(np.exp(-abs(gap))))


def _evaluate(operation: np.ufunc, operands: list[Recorder]) -> Recorder:
    tape = operands[0].tape
    kind = widest(*operands)
    if operation in _FLOATING:
        return apply(_FLOATING[operation], *operands)
    if operation in _TELLING:
        return apply(_TELLING[operation], *operands, kind="bool")
    if operation in _LOGICAL:
        if operation in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert) and kind != "bool":
            tape.refuse("bits of integers")
        return apply(_LOGICAL[operation], *map(flags, operands), kind="bool")
    if operation in _OF_FLAGS:
        return apply(_OF_FLAGS[operation][kind == "bool"], *operands, kind=kind)
    if operation in _KEEPING:
        if kind == "bool":
            tape.refuse("arithmetic of flags")
        return apply(_KEEPING[operation], *operands, kind=kind)
    if operation in _OTHER:
        return _OTHER[operation](*operands)
    return tape.refuse(operation.__name__)


_FOLDS = {
    np.add: Recorder.sum, np.maximum: Recorder.max, np.minimum: Recorder.min, np.logical_or: Recorder.any,
    np.logical_and: Recorder.all, np.bitwise_or: Recorder.any, np.bitwise_and: Recorder.all,
}  # fmt: skip


def ufunc(tape: Tape, operation: np.ufunc, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """A universal function, or its reduction over the components."""
    out = keywords.pop("out", None)
    if method == "reduce" and operation in _FOLDS and set(keywords) <= {"axis", "keepdims"} and out is None:
        return _FOLDS[operation](
            tape.lift(inputs[0]), keywords.get("axis", 0), keepdims=keywords.get("keepdims", False)
        )
    keywords.pop("casting", None)
    if method != "__call__" or keywords.pop("where", True) is not True or keywords:
        tape.refuse(f"{operation.__name__} with {method} {sorted(keywords)}")
    if operation.__name__ == "clip":
        return _into(tape, _clip(*(tape.lift(each) for each in inputs)), out)
    return _into(tape, _evaluate(operation, [tape.lift(each) for each in inputs]), out)


def _into(tape: Tape, value: Recorder, out: Any) -> Recorder:
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return value
    return target.become(value) if isinstance(target, Recorder) else tape.refuse("an array to write to")


def _clip(x: Recorder, low: Recorder | None, high: Recorder | None) -> Recorder:
    kind = widest(*(each for each in (x, low, high) if each is not None))
    if low is not None:
        x = apply("max", x, low, kind=kind)
    return x if high is None else apply("min", x, high, kind=kind)


def _np_clip(tape: Tape, a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **bounds: Any) -> Recorder:
    low, high = bounds.pop("min", a_min), bounds.pop("max", a_max)
    if bounds:
        tape.refuse("np.clip with options")
    low, high = (None if each is None else tape.lift(each) for each in (low, high))
    return _into(tape, _clip(tape.lift(a), low, high), out)


def _where(tape: Tape, condition: Any, x: Any, y: Any) -> Recorder:
    first, second = tape.lift(x), tape.lift(y)
    return apply("where", flags(tape.lift(condition)), first, second, kind=widest(first, second))


def _filled(value: float) -> Callable[..., Recorder]:
    def like(tape: Tape, x: Recorder, dtype: Any = None) -> Recorder:
        kind = x.kind if dtype is None else _kind(tape, dtype)
        return Recorder(tape, (tape.graph.constant(value),) * len(x.nodes), x.wide, kind)

    return like


def _full_like(tape: Tape, x: Recorder, fill_value: Any, dtype: Any = None) -> Recorder:
    kind = x.kind if dtype is None else _kind(tape, dtype)
    whole = Recorder(tape, (tape.graph.constant(0.0),) * len(x.nodes), x.wide, kind)
    return whole.become(tape.lift(fill_value))


def _kind(tape: Tape, dtype: Any) -> Kind:
    found = {"f": "float", "i": "int", "b": "bool"}.get(np.dtype(dtype).kind)
    return found or tape.refuse("a type")  # type: ignore[return-value]


def _stack(tape: Tape, arrays: Sequence[Any], axis: int = 0) -> Recorder:
    parts = [tape.lift(each) for each in arrays]
    if axis != 0 or any(part.wide for part in parts):
        tape.refuse("a stack of vectors")
    return Recorder(tape, [part.nodes[0] for part in parts], True, widest(*parts))


def _einsum(tape: Tape, how: str, *operands: Any) -> Recorder:
    if how != "kn,kn->n":
        tape.refuse("np.einsum")
    x, y = map(tape.lift, operands)
    return apply("mul", x, y).sum(axis=0)


def _cumsum(tape: Tape, x: Recorder, axis: Any = None) -> Recorder:
    if not x.wide or axis != 0:
        tape.refuse("running sums over rows")
    nodes = [x.nodes[0]]
    for node in x.nodes[1:]:
        nodes.append(tape.graph.apply("add", nodes[-1], node))
    return Recorder(tape, nodes, True, "int" if x.kind == "bool" else x.kind)


def _diff(tape: Tape, x: Recorder, n: int = 1, axis: int = -1) -> Recorder:
    if not x.wide or axis != 0 or n != 1:
        tape.refuse("differences of rows")
    return _evaluate(np.subtract, [x[1:], x[:-1]])


def _wide(tape: Tape, x: Any) -> Recorder:
    lifted = tape.lift(x)
    return lifted if lifted.wide else lifted.view(lifted.nodes, True)


def _method(name: str) -> Callable[..., Recorder]:
    def call(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Recorder:
        found: Recorder = getattr(Recorder, name)(tape.lift(x), axis, keepdims=keepdims)
        return found

    return call


_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.clip: _np_clip,
    np.where: _where,
    np.sum: _method("sum"),
    np.mean: _method("mean"),
    np.max: _method("max"),
    np.min: _method("min"),
    np.any: _method("any"),
    np.all: _method("all"),
    np.ndim: lambda tape, x: x.ndim,
    np.shape: lambda tape, x: x.shape,
    np.copy: lambda tape, x, order="K": x.copy(),
    np.zeros_like: _filled(0.0),
    np.empty_like: _filled(0.0),
    np.ones_like: _filled(1.0),
    np.full_like: _full_like,
    np.stack: _stack,
    np.einsum: _einsum,
    np.cumsum: _cumsum,
    np.diff: _diff,
    np.atleast_2d: _wide,
}


def function(tape: Tape, called: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Another function of NumPy."""
    handler = _FUNCTIONS.get(called)
    return handler(tape, *args, **keywords) if handler else tape.refuse(f"np.{called.__name__}")
