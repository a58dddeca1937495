"""Values of recorded kernels: operations on columns and constants, each kept once however often it is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lossctl.arithmetic.fused.ops import COMMUTATIVE, OPS

MOST_NODES = 60_000  # beyond that a kernel is better off in NumPy


class NotRecordableError(Exception):
    """A kernel asks what a recorder cannot tell: a truth value, a place, the numbers themselves."""


class Node(NamedTuple):
    """An operation on earlier nodes; a column (its number) or a constant has none."""

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0


@dataclass(slots=True)
class Graph:
    """Nodes in the order they were met."""

    nodes: list[Node] = field(default_factory=list)
    _known: dict[object, int] = field(default_factory=dict)

    def _add(self, node: Node, key: object) -> int:
        place = self._known.get(key)
        if place is None:
            if len(self.nodes) >= MOST_NODES:
                raise NotRecordableError("too many operations")
            place = self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return place

    def constant(self, value: float) -> int:
        """A number."""
        return self._add(Node("constant", (), value), ("constant", np.float64(value).tobytes()))

    def column(self, number: int) -> int:
        """A column of the data."""
        return self._add(Node("column", (), number), ("column", number))

    def is_constant(self, at: int) -> bool:
        return self.nodes[at].op == "constant"

    def _is(self, at: int, value: float) -> bool:
        return self.nodes[at].op == "constant" and self.nodes[at].value == value

    def apply(self, op: str, *args: int) -> int:
        """An operation, worked out at once where all is constant, and simplified where no digit changes."""
        if all(self.is_constant(at) for at in args):
            with np.errstate(all="ignore"):
                return self.constant(float(OPS[op].plain(*(np.float64(self.nodes[at].value) for at in args))))
        simple = self._simpler(op, args)
        if simple is not None:
            return simple
        if op in COMMUTATIVE:
            args = tuple(sorted(args))
        return self._add(Node(op, args), (op, args))

    def _simpler(self, op: str, args: tuple[int, ...]) -> int | None:
        a = args[0]
        if op in ("abs", "neg") and self.nodes[a].op == "neg":
            inner = self.nodes[a].args[0]
            return inner if op == "neg" else self.apply("abs", inner)
        if op == "abs" and self.nodes[a].op in ("abs", "sqrt", "exp"):
            return a
        if op == "mul":
            if self._is(a, 1.0):
                return args[1]
            if self._is(args[1], 1.0):
                return a
            both = [self.nodes[at] for at in args]
            if all(node.op == "abs" for node in both):
                inner = self.apply("mul", both[0].args[0], both[1].args[0])
                return inner if args[0] == args[1] else self.apply("abs", inner)
        if op == "div" and self._is(args[1], 1.0):
            return a
        if op == "pow" and self.is_constant(args[1]):
            return self._power(a, self.nodes[args[1]].value)
        if op == "where":
            if self.is_constant(a):
                return args[1] if self.nodes[a].value != 0.0 else args[2]
            if args[1] == args[2]:
                return args[1]
        return None

    def _power(self, a: int, exponent: float) -> int | None:
        """What NumPy takes a short way to, and small whole powers."""
        match exponent:
            case 0.0:
                return self.constant(1.0)
            case 1.0:
                return a
            case -1.0:
                return self.apply("div", self.constant(1.0), a)
            case 0.5:
                return self.apply("sqrt", a)
            case 2.0:
                return self.apply("mul", a, a)
            case 3.0:
                return self.apply("mul", a, self.apply("mul", a, a))
            case 4.0:
                square = self.apply("mul", a, a)
                return self.apply("mul", square, square)
        return None

    def pick(self, index: int, parts: Sequence[int]) -> int:
        """The part that an index says. Of operations with shared operands, the operation on what is picked."""
        if len(parts) == 1 or len(set(parts)) == 1:
            return parts[0]
        if self.is_constant(index):
            return parts[min(max(int(self.nodes[index].value), 0), len(parts) - 1)]
        nodes = [self.nodes[at] for at in parts]
        first = nodes[0]
        if first.args and first.op != "pick" and all(node.op == first.op for node in nodes):
            picked = [self.pick(index, [node.args[at] for node in nodes]) for at in range(len(first.args))]
            return self.apply(first.op, *picked)
        return self._add(Node("pick", (index, *parts)), ("pick", index, *parts))
