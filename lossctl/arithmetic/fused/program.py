"""Programs: the operations that some outputs need, in an order and on registers that keep a chunk in the cache."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.fused.graph import Graph
from lossctl.arithmetic.fused.ops import COSTS, LEAST, MOST, OPS, PICK, ROWS, SKIP, SUM

if TYPE_CHECKING:
    from lossctl.arithmetic.fused.columns import Column
    from lossctl.arithmetic.fused.result import Result

# What a branch must cost to be worth a look at a chunk's flags, which costs about 1.
_WORTH = 4
_REDUCTIONS = {"sum": SUM, "max": MOST, "min": LEAST, "rows": ROWS}
Instruction: TypeAlias = tuple[int, int, int, int, int]  # operation, result, three operands


class Output(NamedTuple):
    """What is wanted of values: their sum, maximum or minimum over the rows, or the rows; a node per component."""

    name: str
    reduction: str
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Operations on registers and columns. Operands from 0 on: registers, then columns; below 0: constants."""

    columns: tuple[tuple[str, int | None], ...]
    outputs: tuple[tuple[str, str, int], ...]  # a name, how it is reduced, its components
    code: tuple[Instruction, ...]
    extra: tuple[int, ...]
    constants: tuple[float, ...]
    registers: int
    packed: tuple[bytes, bytes, bytes, bytes]  # code, further operands, constants, kinds: for the compiled module

    def run(
        self,
        columns: "Mapping[str, Column | Sequence[Column]]",
        rows: int,
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        codes: npt.NDArray[np.int32] | None = None,
        cells: int = 1,
        engine: str | None = None,
        exact: bool = True,
    ) -> "Result":
        """Run it over so many rows: by cell where codes say which one a row is of, without those under the mask.

        A row with a missing value does not count either; the checks tell how many values of a column are missing.
        `engine`: "numpy", or an instruction set, in place of the best one. Not `exact`: NumPy adds up chunk by chunk,
        faster, and the last digits of a sum depend on how the rows are cut; the compiled module is always exact.
        """
        from lossctl.arithmetic.fused import running

        return running.run(self, columns, rows, mask, codes, cells, engine, exact)


def compiled(graph: Graph, columns: Sequence[tuple[str, int | None]], outputs: Sequence[Output]) -> Program:
    """Schedule what the outputs need, each as late as it can be."""
    return _Scheduler(graph, columns, outputs).program()


class _Scheduler:
    def __init__(self, graph: Graph, columns: Sequence[tuple[str, int | None]], outputs: Sequence[Output]) -> None:
        self.nodes, self.columns, self.outputs = graph.nodes, columns, outputs
        self.uses = self._count_uses()
        self.depths = self._measured()
        self.steps: list[tuple[Any, ...]] = []  # ("node", n), ("skip", condition, mode, length), ("out", ...)
        self.done: set[int] = set()

    def _count_uses(self) -> dict[int, int]:
        """How often each needed node is an operand or put out."""
        uses: dict[int, int] = {}
        waiting = [node for output in self.outputs for node in output.nodes]
        while waiting:
            at = waiting.pop()
            uses[at] = uses.get(at, 0) + 1
            if uses[at] == 1:
                waiting += self.nodes[at].args
        return uses

    def _measured(self) -> list[int]:
        """How long the longest chain below each node is; operands come before their nodes."""
        depths: list[int] = []
        for node in self.nodes:
            depths.append(1 + max((depths[arg] for arg in node.args), default=0))
        return depths

    def program(self) -> Program:
        number = 0
        for output in self.outputs:
            for node in output.nodes:
                self._visit(node)
                self.steps.append(("out", _REDUCTIONS[output.reduction], number, node))
                number += 1
        return self._allocate()

    def _visit(self, root: int) -> None:
        """Append a node after its operands, without recursion: chains are as long as vectors."""
        stack: list[tuple[Any, ...]] = [("visit", root)]
        while stack:
            step = stack.pop()
            match step:
                case ("visit", at):
                    if at in self.done or not self.nodes[at].args:
                        continue
                    stack.append(("node", at))
                    if self.nodes[at].op == "where":
                        stack += reversed(list(self._branches(at)))
                    else:
                        # the longest chain first: what it adds to waits in no register meanwhile
                        stack += [("visit", arg) for arg in sorted(self.nodes[at].args, key=self.depths.__getitem__)]
                case ("node", at):
                    if at not in self.done:
                        self.done.add(at)
                        self.steps.append(step)
                case ("skip", *_):
                    self.steps.append(step)
                case ("close", opened):
                    place = next(i for i in range(len(self.steps) - 1, -1, -1) if self.steps[i] == opened)
                    self.steps[place] = (*opened, len(self.steps) - place - 1)

    def _branches(self, at: int) -> Iterator[tuple[Any, ...]]:
        """A choice: what one branch alone needs is skipped where no row of a chunk takes it."""
        condition, *branches = self.nodes[at].args
        yield "visit", condition
        for mode, branch in enumerate(branches):
            alone = self._alone(branch)
            cost = sum(COSTS.get(self.nodes[node].op, 1) for node in alone)
            if cost < _WORTH:
                yield "visit", branch
                continue
            for node in alone:
                yield from (("visit", arg) for arg in self.nodes[node].args if arg not in alone)
            opened = ("skip", condition, mode, branch)
            yield opened
            yield "visit", branch
            yield "close", opened

    def _alone(self, root: int) -> list[int]:
        """The nodes that nothing outside a branch uses, the branch's own first."""
        if self.uses[root] > 1 or not self.nodes[root].args or root in self.done:
            return []
        found: dict[int, None] = {root: None}
        left: dict[int, int] = {}
        waiting = list(self.nodes[root].args)
        while waiting:
            arg = waiting.pop()
            left[arg] = left.get(arg, self.uses[arg]) - 1
            if left[arg] == 0 and self.nodes[arg].args and arg not in self.done:
                found[arg] = None
                waiting += self.nodes[arg].args
        return list(found)

    def _allocate(self) -> Program:
        """Registers by last use; a sum of a product that nobody else needs is one operation."""
        steps = _fused(self.nodes, self.steps, self.uses)
        last: dict[int, int] = {}
        for place, step in enumerate(steps):
            last.update(dict.fromkeys(_operands(step), place))
        constants: dict[bytes, int] = {}
        known: dict[int, int] = {}
        free: list[int] = []
        size = 0
        code: list[Any] = []
        extra: list[int] = []

        def operand(at: int) -> Any:
            node = self.nodes[at]
            if node.op == "column":
                return ("column", int(node.value))
            if node.op == "constant":
                return -1 - constants.setdefault(np.float64(node.value).tobytes(), len(constants))
            return known[at]

        for place, step in enumerate(steps):
            operands = [operand(at) for at in _operands(step)]
            dying = {at for at in _operands(step) if last[at] == place and at in known}
            if step[0] == "skip":
                code.append((SKIP, 0, operands[0], step[2], step[4]))
            elif step[0] == "out":
                code.append((step[1], step[2], operands[0], 0, 0))
            else:
                result, op = step[1:3]
                simple = op != "pick" and OPS[op].arity < 3  # whose result may replace an operand
                if simple:
                    free += [known.pop(at) for at in dying]
                    dying = set()
                register = free.pop() if free else size
                size = max(size, register + 1)
                if op == "pick":
                    code.append((PICK, register, operands[0], len(extra), len(operands) - 1))
                    extra += operands[1:]
                else:
                    code.append((OPS[op].number, register, *(operands + [0, 0])[:3]))
                known[result] = register
            free += [known.pop(at) for at in dying]

        def resolve(x: Any) -> int:  # columns stand behind the registers, so many as there are
            return size + int(x[1]) if isinstance(x, tuple) else int(x)

        resolved = tuple((op, out, resolve(a), resolve(b), resolve(c)) for op, out, a, b, c in code)
        further = tuple(map(resolve, extra))
        kinds = [_REDUCTIONS[output.reduction] - SUM for output in self.outputs for _ in output.nodes]
        return Program(
            tuple(self.columns),
            tuple((output.name, output.reduction, len(output.nodes)) for output in self.outputs),
            resolved,
            further,
            tuple(np.frombuffer(b"".join(constants)).tolist()),
            size,
            (
                np.array(resolved, np.int32).tobytes(),
                np.array(further, np.int32).tobytes(),
                b"".join(constants),
                bytes(kinds),
            ),
        )


def _operands(step: tuple[Any, ...]) -> tuple[int, ...]:
    match step:
        case ("skip", condition, *_):
            return (condition,)
        case ("out", _, _, node):
            return (node,)
    found: tuple[int, ...] = step[3]
    return found


def _fused(nodes: Sequence[Any], steps: Sequence[tuple[Any, ...]], uses: Mapping[int, int]) -> list[tuple[Any, ...]]:
    """Steps with their operations, `a * b + c` as one; both are rounded, so no digit changes."""
    lengths: list[tuple[Any, ...]] = []
    gone: set[int] = set()
    made: dict[int, tuple[str, tuple[int, ...]]] = {}
    for step in steps:
        if step[0] != "node":
            continue
        node = nodes[step[1]]
        made[step[1]] = (node.op, node.args)
        if node.op not in ("add", "sub"):
            continue
        for side in (0, 1):
            at, other = node.args[side], node.args[1 - side]
            if nodes[at].op == "mul" and uses[at] == 1 and at not in gone and made.get(at, ("",))[0] == "mul":
                op = "muladd" if node.op == "add" else "mulsub" if side == 0 else "submul"
                made[step[1]] = (op, (*nodes[at].args, other))
                gone.add(at)
                break
    removed = 0
    before = [0]
    for step in steps:
        removed += step[0] == "node" and step[1] in gone
        before.append(removed)
    for place, step in enumerate(steps):
        if step[0] == "node":
            if step[1] not in gone:
                lengths.append(("node", step[1], *made[step[1]]))
        elif step[0] == "skip":
            _, condition, mode, branch, length = step
            lost = before[place + 1 + length] - before[place + 1]
            lengths.append(("skip", condition, mode, branch, length - lost))
        else:
            lengths.append(step)
    return lengths
