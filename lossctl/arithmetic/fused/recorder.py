"""What a kernel is called with in place of arrays: it keeps what is done with it, and tells no numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from lossctl.arithmetic.fused.graph import Graph, NotRecordableError

Kind: TypeAlias = Literal["float", "int", "bool"]
_DTYPES = {"float": np.dtype(np.float64), "int": np.dtype(np.intp), "bool": np.dtype(np.bool_)}
_KINDS: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
_RANK = {"bool": 0, "int": 1, "float": 2}


class Known(NamedTuple):
    """What recorders make of the operations they meet: NumPy's own, its functions, and the helpers of kernels."""

    ufunc: Callable[..., Any]
    function: Callable[..., Any]
    primitive: Callable[..., Any]


class Tape:
    """Where recorders of one program write, and whether any was asked for what it cannot tell."""

    def __init__(self, known: Known) -> None:
        self.graph, self.known = Graph(), known
        self.refused = ""  # what was asked for

    def refuse(self, what: str) -> NoReturn:
        self.refused = what
        raise NotRecordableError(what)

    def lift(self, value: object) -> "Recorder":
        """A number, or an array of one per component, as a recorder."""
        if isinstance(value, Recorder):
            return value
        if isinstance(value, bool | int | float | np.generic | np.ndarray):
            array = np.asarray(value)
            kind = _KINDS.get(array.dtype.kind)
            single = array.ndim <= 1 and array.size == 1
            if kind is not None and (single or (array.ndim == 2 and array.shape[1] == 1)):
                nodes = tuple(self.graph.constant(float(number)) for number in array.reshape(-1))
                return Recorder(self, nodes, array.ndim == 2, kind)
        return self.refuse(f"a {type(value).__name__} of the kernel's own")


class _Rows:
    """How many rows there are: nobody knows."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def _refuse(self, *_: object) -> NoReturn:
        self.tape.refuse("the number of rows")

    __index__ = __int__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = _refuse


class Recorder(NDArrayOperatorsMixin):
    """A value per row, or per row and component `(k, n)`; operations on it are written to its tape."""

    __slots__ = ("fixed", "kind", "nodes", "tape", "viewed", "wide")

    def __init__(self, tape: Tape, nodes: Sequence[int], wide: bool, kind: Kind, fixed: bool = False) -> None:
        self.tape, self.nodes, self.wide, self.kind, self.fixed = tape, tuple(nodes), wide, kind, fixed
        self.viewed = False  # parts of it are out, and would change with it

    # what arrays tell of themselves

    @property
    def ndim(self) -> int:
        return 2 if self.wide else 1

    @property
    def shape(self) -> tuple[Any, ...]:
        rows = _Rows(self.tape)
        return (len(self.nodes), rows) if self.wide else (rows,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return _DTYPES[self.kind]

    def __len__(self) -> int:
        return len(self.nodes) if self.wide else self.tape.refuse("the number of rows")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.tape.refuse(f"the attribute {name}")

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        self.tape.refuse("the numbers themselves")

    __bool__ = __index__ = __int__ = __float__ = __complex__ = __array__ = __contains__ = _refuse

    # operations

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return self.tape.known.ufunc(self.tape, ufunc, method, inputs, keywords)

    def __array_function__(
        self, function: Callable[..., Any], types: object, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        return self.tape.known.function(self.tape, function, args, keywords)

    def record_primitive(self, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """A helper of kernels, by its own formula."""
        return self.tape.known.primitive(self.tape, name, args, keywords)

    def astype(self, dtype: Any, copy: bool = True) -> "Recorder":
        kind = np.dtype(dtype).kind
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        if kind == "f" or (kind in "iu" and self.kind != "float"):
            return Recorder(self.tape, self.nodes, self.wide, "float" if kind == "f" else "int")
        if kind == "b" and self.kind == "bool":
            return self.copy()
        return self.tape.refuse("a conversion")

    def copy(self, order: str = "C") -> "Recorder":
        return Recorder(self.tape, self.nodes, self.wide, self.kind)

    def become(self, value: "Recorder") -> "Recorder":
        """The same object with another value, as `out=` and augmented assignment leave it."""
        if self.fixed or self.viewed:
            self.tape.refuse("a change to a column, or to what parts were taken of")
        if _RANK[value.kind] > _RANK[self.kind] or (value.wide and not self.wide):
            self.tape.refuse("a result that does not fit")
        self.nodes = value.spread(len(self.nodes)) if self.wide else value.nodes
        return self

    def spread(self, size: int) -> tuple[int, ...]:
        """Its nodes for so many components."""
        if len(self.nodes) == size:
            return self.nodes
        return self.nodes * size if len(self.nodes) == 1 else self.tape.refuse("components that do not match")

    # components

    def view(self, nodes: Sequence[int], wide: bool) -> "Recorder":
        """A part that shares its memory in NumPy: neither may change from here on."""
        self.viewed = True
        return Recorder(self.tape, nodes, wide, self.kind, fixed=True)

    def __iter__(self) -> "Iterator[Recorder]":
        if not self.wide:
            self.tape.refuse("row by row")
        return iter([self.view((node,), False) for node in self.nodes])

    def __getitem__(self, key: Any) -> "Recorder":
        if self.wide and isinstance(key, int | np.integer):
            return self.view((self.nodes[key],), False)
        if self.wide and isinstance(key, slice):
            return self.view(self.nodes[key], True)
        if not self.wide and isinstance(key, tuple) and len(key) == 2 and key[0] is None and key[1] == slice(None):
            return self.view(self.nodes, True)
        return self.tape.refuse("an index")

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, Recorder) and key.kind == "bool":
            self.become(apply("where", key, self.tape.lift(value), self.copy(), kind=self.kind))
        elif self.wide and isinstance(key, int | np.integer) and not (self.fixed or self.viewed):
            part = self.tape.lift(value)
            if part.wide or _RANK[part.kind] > _RANK[self.kind]:
                self.tape.refuse("a result that does not fit")
            nodes = list(self.nodes)
            nodes[key] = part.nodes[0]
            self.nodes = tuple(nodes)
        else:
            self.tape.refuse("an assignment by place")

    # reductions over the components; those over the rows are the program's

    def _fold(self, op: str, axis: Any, keepdims: bool = False, **others: object) -> "Recorder":
        if not self.wide or axis not in (0, -2) or keepdims or others or not self.nodes:
            self.tape.refuse("a reduction over rows")
        at = self.nodes[0]
        for node in self.nodes[1:]:
            at = self.tape.graph.apply(op, at, node)
        kind: Kind = "int" if op == "add" and self.kind == "bool" else self.kind
        return Recorder(self.tape, (at,), False, kind)

    def sum(self, axis: Any = None, **keywords: Any) -> "Recorder":
        return self._fold("add", axis, **keywords)

    def mean(self, axis: Any = None, **keywords: Any) -> "Recorder":
        return apply("div", self._fold("add", axis, **keywords), self.tape.lift(float(len(self.nodes))))

    def max(self, axis: Any = None, **keywords: Any) -> "Recorder":
        return self._fold("max", axis, **keywords)

    def min(self, axis: Any = None, **keywords: Any) -> "Recorder":
        return self._fold("min", axis, **keywords)

    def any(self, axis: Any = None, **keywords: Any) -> "Recorder":
        return flags(self)._fold("or", axis, **keywords)

    def all(self, axis: Any = None, **keywords: Any) -> "Recorder":
        return flags(self)._fold("and", axis, **keywords)


def apply(op: str, *operands: Recorder, kind: Kind = "float") -> Recorder:
    """An operation on each component; a number per row goes with every one."""
    tape = operands[0].tape
    wide = any(operand.wide for operand in operands)
    size = max(len(operand.nodes) for operand in operands)
    columns = [operand.spread(size) for operand in operands]
    nodes = [tape.graph.apply(op, *args) for args in zip(*columns, strict=True)]
    return Recorder(tape, nodes, wide, kind)


def widest(*operands: Recorder) -> Kind:
    """The kind that all fit in."""
    return max((operand.kind for operand in operands), key=_RANK.__getitem__)


def flags(x: Recorder) -> Recorder:
    """Whether each value is not 0."""
    return x if x.kind == "bool" else apply("ne", x, x.tape.lift(0.0), kind="bool")
