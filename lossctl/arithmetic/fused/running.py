"""Programs run over columns: by the compiled module, or chunk by chunk in NumPy with the same operations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.fused.columns import Column
from lossctl.arithmetic.fused.exact import Adder, Extreme, Total
from lossctl.arithmetic.fused.ops import LEAST, MOST, OPS, PICK, SKIP, SUM
from lossctl.arithmetic.fused.result import UNSEEN, Check, Result

if TYPE_CHECKING:
    from lossctl.arithmetic.fused.program import Program

try:
    import lossctl.arithmetic.fused._fused as _fused
except ImportError:  # no compiler was at hand when it was installed
    _fused = None  # type: ignore[assignment]

CHUNK = 32768  # rows of a chunk in NumPy
_SEVERAL = frozenset({"where", "muladd", "mulsub", "submul", "not", "isnan", "isinf", "isfinite"})
_NAMES = {op.number: name for name, op in OPS.items() if name in _SEVERAL}
_ONE = {op.number: (op.plain, op.arity) for name, op in OPS.items() if name not in _SEVERAL}


def levels() -> list[str]:
    """The instruction sets that can be chosen, the best last; none without the compiled module."""
    return [] if _fused is None else _fused.levels()


def run(
    program: "Program",
    columns: Mapping[str, Column | Sequence[Column]],
    rows: int,
    mask: Flags | None,
    codes: npt.NDArray[np.int32] | None,
    cells: int,
    engine: str | None,
    exact: bool,
) -> Result:
    """Run a program (`Program.run`)."""
    flat = [_column(columns, name, at) for name, at in program.columns]
    written = {
        name: np.empty(rows if size == 1 else (size, rows)) for name, how, size in program.outputs if how == "rows"
    }
    if codes is not None:
        codes = np.ascontiguousarray(codes, dtype=np.int32)
    if _fused is None or engine == "numpy":
        kept, checks, parts = _plain(program, flat, rows, mask, codes, cells, written, exact)
    else:
        outs = tuple(
            written[name].reshape(size, rows)[at] if how == "rows" else None
            for name, how, size in program.outputs
            for at in range(size)
        )
        code, extra, constants, kinds = program.packed
        marks = None if mask is None else np.ascontiguousarray(mask).view(np.uint8)
        level = -1 if engine is None else _fused.levels().index(engine)
        packed = tuple(column.packed for column in flat)
        kept, seen, raw = _fused.run(
            code, extra, constants, program.registers, packed, rows, marks, codes, cells, kinds, outs, level
        )
        checks = [
            Check(int(nulls), int(nans), low, high, int(large))
            for nulls, nans, low, high, large in np.frombuffer(seen).reshape(-1, 5).tolist()
        ]
        hows = [how for _, how, size in program.outputs for _ in range(size)]
        parts = [_merging(how, part, cells) for how, part in zip(hows, raw, strict=True)]
    return Result(kept, _by_name(program, checks), _totals(program, parts), written)


def _column(columns: Mapping[str, Column | Sequence[Column]], name: str, at: int | None) -> Column:
    found = columns[name]
    if isinstance(found, Column):
        return found
    return found[at or 0]


def _merging(how: str, part: Any, cells: int) -> Total | Extreme | None:
    if how == "rows":
        return None
    if how == "sum":
        first, digits, odd = part
        planes = np.frombuffer(digits, np.int64)
        return Total(first, planes.reshape(len(planes) // cells, 1, cells), np.frombuffer(odd)[np.newaxis])
    return Extreme(1 if how == "max" else -1, np.frombuffer(part)[np.newaxis])


def _by_name(program: "Program", checks: Sequence[Check]) -> dict[str, tuple[Check, ...]]:
    found: dict[str, tuple[Check, ...]] = {}
    for (name, _), check in zip(program.columns, checks, strict=True):
        found[name] = (*found.get(name, ()), check)
    return found


def _totals(program: "Program", parts: Sequence[Total | Extreme | None]) -> dict[str, Total | Extreme]:
    found: dict[str, Total | Extreme] = {}
    place = 0
    for name, how, size in program.outputs:
        own, place = parts[place : place + size], place + size
        sums = [part for part in own if isinstance(part, Total)]
        if how == "sum":
            found[name] = Total.of(sums)
        elif how != "rows":
            extremes = [part.found for part in own if isinstance(part, Extreme)]
            found[name] = Extreme(1 if how == "max" else -1, np.concatenate(extremes))
    return found


def _plain(
    program: "Program",
    columns: Sequence[Column],
    rows: int,
    mask: Flags | None,
    codes: npt.NDArray[np.int32] | None,
    cells: int,
    written: dict[str, Array],
    exact: bool,
) -> tuple[int, list[Check], list[Total | Extreme | None]]:
    """The same in NumPy."""
    kinds = [(name, how, at, size) for name, how, size in program.outputs for at in range(size)]
    chunk = min(CHUNK, max(rows, 1))
    adders = [Adder(cells, chunk, exact) for _ in kinds]
    extremes = [np.full(cells, -np.inf if how == "max" else np.inf) for _, how, *_ in kinds]
    checks = [UNSEEN] * len(columns)
    registers = [np.empty(chunk) for _ in range(program.registers)]
    if codes is not None and rows and not (codes.min() >= 0 and codes.max() < cells):
        raise ValueError("a code is not that of a cell")
    kept = 0
    for start in range(0, rows, chunk):
        stop = min(start + chunk, rows)
        inside, loaded = _loaded(columns, start, stop, None if mask is None else mask[start:stop], checks)
        size = stop - start if inside is None else len(inside)
        kept += size
        cell = None if codes is None else codes[start:stop] if inside is None else codes[start:stop][inside]
        values = [register[:size] for register in registers] + loaded
        for at, part in _evaluated(program, values, size) if size else ():
            name, how, component, components = kinds[at]
            if how == "rows":
                out = written[name].reshape(components, rows)[component, start:stop]
                out[...] = part if inside is None else np.nan
                if inside is not None:
                    out[inside] = part
            elif how == "sum":
                adders[at].run(part) if cell is None else adders[at].each(part, cell)
            else:
                better = np.maximum if how == "max" else np.minimum
                better.at(extremes[at], np.zeros(size, np.intp) if cell is None else cell, part)
        if not size:
            for whole in written.values():
                whole[..., start:stop] = np.nan
    totals: list[Total | Extreme | None] = [
        None
        if how == "rows"
        else adders[at].total()
        if how == "sum"
        else Extreme(1 if how == "max" else -1, extremes[at][np.newaxis])
        for at, (_, how, *_) in enumerate(kinds)
    ]
    return kept, checks, totals


def _loaded(
    columns: Sequence[Column], start: int, stop: int, mask: Flags | None, checks: list[Check]
) -> tuple[npt.NDArray[np.intp] | None, list[Array]]:
    """The rows of a chunk that count (None: all), and their values; the checks are brought up to date."""
    counted = None if mask is None or mask.all() else mask.astype(np.bool_)
    own = counted
    nulls = []
    for column in columns:
        valid = column.valid(start, stop)
        if valid is None:
            nulls.append(0)
            continue
        nulls.append(int((~valid if own is None else ~valid & own).sum()))
        counted = valid if counted is None else counted & valid
    inside = None if counted is None else np.flatnonzero(counted)
    loaded = []
    for at, column in enumerate(columns):
        values, large = column.read(start, stop), column.large(start, stop)
        if inside is not None:
            values, large = values[inside], None if large is None else large[inside]
        loaded.append(values)
        nans = 0
        low, high = (float(values.min()), float(values.max())) if len(values) else (np.inf, -np.inf)
        if low != low:
            rest = values[~np.isnan(values)]
            nans = len(values) - len(rest)
            low, high = float(rest.min(initial=np.inf)), float(rest.max(initial=-np.inf))
        check = Check(nulls[at], nans, low, high, 0 if large is None else int(large.sum()))
        checks[at] = checks[at].with_(check)
    return inside, loaded


def _evaluated(program: "Program", values: list[Array], size: int) -> Any:
    """The outputs of a chunk as they come, by number."""
    constants = program.constants

    def operand(at: int) -> Any:
        return values[at] if at >= 0 else constants[-at - 1]

    place = 0
    with np.errstate(all="ignore"):
        while place < len(program.code):
            number, out, *args = program.code[place]
            place += 1
            if number in _ONE:
                function, arity = _ONE[number]
                operands = [operand(at) for at in args[:arity]]
                function(*operands, out=values[out])
            elif number < PICK:
                _apply(_NAMES[number], values[out], [operand(at) for at in args])
            elif number == PICK:
                chosen = np.clip(operand(args[0]), 0, args[2] - 1).astype(np.intp)
                parts = [np.broadcast_to(operand(at), size) for at in program.extra[args[1] : args[1] + args[2]]]
                values[out][...] = np.stack(parts)[chosen, np.arange(size)]
            elif number == SKIP:
                condition = operand(args[0])
                if not condition.any() if args[1] == 0 else condition.all():
                    place += args[2]
            elif number in (SUM, MOST, LEAST):
                found = operand(args[0])
                yield out, found if isinstance(found, np.ndarray) else np.full(size, found)
            else:
                yield out, operand(args[0])


def _apply(name: str, out: Array, args: Sequence[Any]) -> None:
    match name:
        case "where":
            np.copyto(out, args[2])
            np.copyto(out, args[1], where=args[0] != 0.0)
        case "muladd" | "mulsub":
            np.multiply(args[0], args[1], out=out)
            (np.add if name == "muladd" else np.subtract)(out, args[2], out=out)
        case "submul":
            np.multiply(args[0], args[1], out=out)
            np.subtract(args[2], out, out=out)
        case "not":
            np.subtract(1.0, args[0], out=out)
        case _:
            out[...] = OPS[name].plain(args[0])
