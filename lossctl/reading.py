"""A role's columns in a block as the array its kernel takes, whatever the role's kind and the columns' layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl import labels
from lossctl.arithmetic.arrays import Array, Ragged
from lossctl.arithmetic.vectors import max_k
from lossctl.columns import (
    NOT_EMPTY,
    Faults,
    Mask,
    Numbers,
    Trouble,
    check_domain,
    flat_list,
    floats,
    lists,
    note,
    numbers,
    of_rows,
)
from lossctl.declare.classes import ignored_index, numbered
from lossctl.declare.from_python import misfits
from lossctl.declare.kernel import Rule
from lossctl.errors import DataError, listing
from lossctl.keys import encode
from lossctl.mapping import Binding, brief

SUM_TOLERANCE = 1e-6


@dataclass(slots=True, eq=False, repr=False)
class Context:
    """What columns of a block share: the faults found, labels that must be consistent in the whole dataset, codes."""

    faults: Faults
    seen: labels.Seen = field(default_factory=dict)
    vocabulary: dict[str | None, int] = field(default_factory=dict)


def read(batch: pa.RecordBatch, binding: Binding, context: Context) -> Numbers:
    """The values of a role and the rows where one is missing."""
    if binding.nested:
        return _ragged(batch.column(binding.columns[0]), binding, context)
    if binding.role.shape == "matrix":
        return _matrix(batch.column(binding.columns[0]), binding, context)
    first = binding.columns[0]
    match binding.role.kind:
        case "label" if binding.layout == "number":
            return _named(labels.coded(batch.column(first), context.vocabulary), first)
        case "class" | "class or vector" if binding.layout == "number":
            index, gaps = labels.classes(batch.column(first), first, binding, context.faults)
            return Numbers(index, {} if gaps is None else {first: gaps})
        case "binary":
            return _binary(batch, binding, context)
        case _:
            found = numbers(batch, binding, context.faults)
            return _alone(found) if binding.role.kind == "real" and binding.role.shape == "either" else found


def _alone(found: Numbers) -> Numbers:
    """Lists of one number as that number."""
    if found.values.shape[:-1] != (1,):
        return found
    return Numbers(found.values[0], found.missing, found.finite)


def _named(found: Numbers, name: str) -> Numbers:
    gaps = next(iter(found.missing.values()), None)
    return Numbers(found.values, {} if gaps is None else {name: gaps})


def _binary(batch: pa.RecordBatch, binding: Binding, context: Context) -> Numbers:
    if binding.layout == "list":
        name = binding.columns[0]
        found = lists(
            batch.column(name),
            binding,
            context.faults,
            lambda flat, inner: labels.binary(flat, name, binding, inner, context.seen),
        )
        return _alone(found) if binding.role.shape == "either" else found
    missing: dict[str, Mask] = {}
    parts = []
    for name in binding.columns:
        values, gaps = labels.binary(batch.column(name), name, binding, context.faults, context.seen)
        parts.append(values)
        if gaps is not None and gaps.any():
            missing[name] = gaps
    return Numbers(parts[0] if binding.layout == "number" else np.stack(parts), missing)


def _matrix(array: pa.Array, binding: Binding, context: Context) -> Numbers:
    """Lists of lists of one shape as a logical `(m, d, n)` view."""
    name = binding.columns[0]
    outer, offsets, gaps = flat_list(array)
    rows = len(array)
    lengths = np.diff(offsets)
    if gaps is not None or not pt.is_nested(outer.type) or (lengths != lengths[:1]).any():
        return _uneven(lengths, gaps, name, rows, context)
    sizes, inner = [rows, int(lengths[0]) if rows else 0], outer
    while pt.is_nested(inner.type):
        inner, inner_offsets, _ = flat_list(inner)
        widths = np.diff(inner_offsets)
        if (widths != widths[:1]).any():
            return _uneven(widths, None, name, rows, context)
        sizes.append(int(widths[0]) if len(widths) else 0)
    if 0 in sizes[1:]:
        note(context.faults, Trouble("rule", name, NOT_EMPTY), np.arange(rows), ("an empty list" for _ in range(rows)))
        return Numbers(np.zeros((1, 1, rows)), {})
    values, holes = floats(inner, name, binding.role.says, context.faults)
    cube = values.reshape(sizes)
    missing = {}
    if holes is not None or not np.isfinite(cube.sum()):
        gone: Mask = np.asarray(np.isnan(cube).any(axis=tuple(range(1, cube.ndim))))
        missing = {name: gone} if gone.any() else {}
    return Numbers(np.moveaxis(cube, 0, -1), missing)


def _uneven(lengths: npt.NDArray[np.int64], gaps: Mask | None, name: str, rows: int, context: Context) -> Numbers:
    if gaps is not None:
        note(context.faults, Trouble("missing", name), np.flatnonzero(gaps), ("missing" for _ in range(rows)))
    else:
        at = np.flatnonzero(lengths != lengths[0])
        note(context.faults, Trouble("length", name, str(lengths[0])), at, (f"{lengths[place]}" for place in at))
    return Numbers(np.zeros((1, 1, rows)), {})


def _ragged(array: pa.Array, binding: Binding, context: Context) -> Numbers:
    """Lists of any lengths: `values` are all rows' values one after another, vectors as columns."""
    name = binding.columns[0]
    if binding.letters:
        return _spelled(array, binding, context)
    inner, offsets, gaps = flat_list(_unfolded(array) if binding.layout == "nested" else array)
    levels: list[Ragged] = []
    while pt.is_nested(inner.type) and (binding.layout == "nested" or _depth(inner.type) > 1):
        inner, deeper, _ = flat_list(inner)
        levels.append(Ragged(np.diff(deeper), offsets))
        offsets = deeper[offsets]
    if pt.is_nested(inner.type):
        vectors = numbers(
            pa.RecordBatch.from_arrays([inner], [name]), _as_layout(binding, "list"), inner_faults := Faults()
        )
        values, holes = vectors.values, vectors.missing.get(name)
    else:
        inner_faults = Faults()
        part = read(
            pa.RecordBatch.from_arrays([inner], [name]),
            _as_layout(binding, "number"),
            Context(inner_faults, context.seen, context.vocabulary),
        )
        values, holes = part.values, part.missing.get(name)
    ragged = Ragged(values, offsets.astype(np.intp), tuple(levels))
    of_rows(inner_faults, ragged.row_of, context.faults)
    if holes is not None and holes.any():
        gone = np.zeros(len(array), dtype=bool)
        gone[ragged.row_of(np.flatnonzero(holes))] = True
        gaps = gone if gaps is None else gaps | gone
    return Numbers(ragged, {} if gaps is None else {name: gaps})


def _unfolded(array: pa.Array) -> pa.Array:
    """A column of tensors as lists of lists, so that their shapes show."""
    shape = getattr(array.type, "shape", ())
    if len(shape) < 2 or array.null_count:
        return array
    storage, size = array.storage, prod(shape)
    inner = storage.values.slice(storage.offset * size, len(storage) * size)
    for length in reversed(shape):
        inner = pa.FixedSizeListArray.from_arrays(inner, length)
    return inner


def _spelled(array: pa.Array, binding: Binding, context: Context) -> Numbers:
    """Text as the classes of its letters."""
    letters, name = dict(binding.letters), binding.columns[0]
    keys = encode(array)
    spelled = [[letters.get(letter, -1) for letter in label or ""] for label in keys.labels]
    wrong = np.array([-1 in word for word in spelled], dtype=bool)[keys.codes] if spelled else np.zeros(0, dtype=bool)
    if wrong.any():
        at = np.flatnonzero(wrong)
        shown = (repr(keys.labels[keys.codes[place]]) for place in at)
        note(context.faults, Trouble("class", name, f"letters of {''.join(letters)!r}"), at, shown)
    words = [np.array(spelled[code], dtype=np.intp) for code in keys.codes]
    offsets = np.cumsum([0, *(len(word) for word in words)]).astype(np.intp)
    gaps = np.array([label is None for label in keys.labels], dtype=bool)[keys.codes] if len(keys.labels) else None
    missing = {name: gaps} if gaps is not None and gaps.any() else {}
    return Numbers(Ragged(np.concatenate([*words, np.zeros(0, np.intp)]), offsets), missing)


def _depth(kind: pa.DataType) -> int:
    """How deep lists are nested."""
    depth = 0
    while pt.is_nested(kind):
        kind, depth = kind.value_type, depth + 1
    return depth


def _as_layout(binding: Binding, layout: str) -> Binding:

    return binding._replace(layout=layout)  # type: ignore[arg-type]


def keep(values: "Array | Ragged", rows: npt.NDArray[np.intp]) -> "Array | Ragged":
    """Some of the rows."""
    return values.take(rows) if isinstance(values, Ragged) else values[..., rows]


def check(values: "Array | Ragged", binding: Binding, faults: Faults, rows: npt.NDArray[np.intp] | None) -> None:
    """Note what the role does not allow: values outside its domain, distributions that do not sum to 1."""
    kind = binding.role.kind
    if kind in ("label", "class") or flat(values).dtype == np.intp:
        return
    if kind == "binary" and binding.layout in ("number", "wide"):
        return  # they were checked when they were read
    if isinstance(values, Ragged):
        owners = values.row_of(np.arange(values.values.shape[-1]))
        rows = owners if rows is None else rows[owners]
    items = flat(values)
    check_domain(items, binding, faults, rows)
    name = binding.columns[0] if len(binding.columns) == 1 else f"{binding.columns[0]}..{binding.columns[-1]}"
    if binding.role.nonzero and items.size:
        size = np.abs(items)
        largest = max_k(size) if size.ndim < 3 else size.max(axis=1).min(axis=0)
        zero = np.flatnonzero(largest == 0)
        if len(zero):
            note(faults, Trouble("zero", name), zero if rows is None else rows[zero], ("zeros" for _ in zero))
    if binding.role.kind == "simplex" and items.size:
        total = items.T.sum(axis=1) if not items.flags.c_contiguous else items.sum(axis=0)
        if abs(float(total.max()) - 1) > SUM_TOLERANCE or abs(float(total.min()) - 1) > SUM_TOLERANCE:
            at = np.flatnonzero(np.abs(total - 1) > SUM_TOLERANCE)
            shown = (repr(float(total[place])) for place in at)
            note(faults, Trouble("simplex", name), at if rows is None else rows[at], shown)


def check_classes(
    bindings: Mapping[str, Binding],
    arrays: Mapping[str, "Array | Ragged"],
    faults: Faults,
    rows: npt.NDArray[np.intp] | None,
) -> None:
    """Note class indexes for which there is no score."""
    sizes = [len(flat(array)) for array in arrays.values() if flat(array).ndim == 2]
    if not sizes:
        return
    named = {binding.classes for binding in bindings.values() if binding.classes}
    if len(set(sizes)) == 1 and any(len(classes) != sizes[0] for classes in named):
        found = ", ".join(str(len(classes)) for classes in named)
        held = next(binding.columns[0] for name, binding in bindings.items() if flat(arrays[name]).ndim == 2)
        raise DataError(
            f"--classes names {found} classes, and a row of {held!r} holds {sizes[0]} scores; "
            "name one per score, in their order."
        )
    for name, binding in bindings.items():
        array = arrays[name]
        index = flat(array)
        if binding.role.kind not in ("class", "class or vector") or index.dtype != np.intp or not index.size:
            continue
        if index.min() >= 0 and index.max() < sizes[0]:
            continue
        wrong = (index < 0) | (index >= sizes[0])
        if binding.ignored is not None:
            wrong &= index != ignored_index(binding.ignored, numbered(binding.classes))
        at = np.flatnonzero(wrong)
        if len(at):
            owners = array.row_of(at) if isinstance(array, Ragged) else at
            expected = ", ".join(binding.classes[:12]) or f"a whole number from 0 to {sizes[0] - 1}"
            if isinstance(array, Ragged):
                expected += "; lists may differ in length, so leave padding out"
            shown = (str(index[place]) for place in at)
            note(
                faults, Trouble("class", binding.columns[0], expected), owners if rows is None else rows[owners], shown
            )


def check_lengths(
    bindings: Mapping[str, Binding],
    arrays: Mapping[str, "Array | Ragged"],
    faults: Faults,
    rows: npt.NDArray[np.intp] | None,
) -> None:
    """Note units whose roles hold lists of different lengths or shapes; sequences may differ."""
    ragged = {n: a for n, a in arrays.items() if isinstance(a, Ragged) and bindings[n].role.shape != "ragged"}
    if len(ragged) < 2:
        return
    lengths = np.stack([array.lengths for array in ragged.values()])
    at = np.flatnonzero((lengths != lengths[0]).any(axis=0))
    says, size = "lists of a row must be as long as each other", _length
    if not len(at):
        at = _misshapen([array for array in ragged.values() if array.inner])
        says, size = "lists of lists of a row must be of one shape (flatten both where their order agrees)", _shape
    if len(at):
        columns = ", ".join(bindings[name].columns[0] for name in ragged)
        shown = (", ".join(f"{name} has {size(array, int(row))}" for name, array in ragged.items()) for row in at)
        note(faults, Trouble("rule", columns, says), at if rows is None else rows[at], shown)


def _misshapen(nested: Sequence[Ragged]) -> npt.NDArray[np.intp]:
    """The rows whose lists of lists, of equal size in all, are of different shapes; levels of 1 change no order."""
    alike = all(
        len(array.inner) == len(nested[0].inner) and all(map(_same, array.inner, nested[0].inner))
        for array in nested[1:]
    )
    if alike:
        return np.zeros(0, np.intp)
    shapes = (
        [[level for level in array.nesting(row) if level != (1,)] for array in nested] for row in range(len(nested[0]))
    )
    return np.array([row for row, found in enumerate(shapes) if found.count(found[0]) < len(found)], dtype=np.intp)


def _same(one: Ragged, other: Ragged) -> bool:
    return np.array_equal(one.offsets, other.offsets) and np.array_equal(one.values, other.values)


def _length(array: Ragged, row: int) -> str:
    return str(array.lengths[row])


def _shape(array: Ragged, row: int) -> str:
    if not array.inner:
        return _length(array, row)
    levels = (str(level[0]) if len(level) == 1 else f"({listing(map(str, level), 6)})" for level in array.nesting(row))
    return " x ".join(levels)


def check_sizes(bindings: Mapping[str, Binding], arrays: Mapping[str, "Array | Ragged"], faults: Faults) -> None:
    """Note roles that do not hold as many numbers per row as they must."""
    sizes = misfits({name: binding.role for name, binding in bindings.items()}, arrays)
    if sizes:
        columns = {name: brief(bindings[name].columns) for name in sizes}
        said = ", ".join(f"{name} has {size} (column {columns[name]!r})" for name, size in sizes.items())
        note(faults, Trouble("size", ", ".join(columns.values()), said), np.zeros(1, np.intp), [""])


def check_rules(
    rules: Sequence[Rule],
    bindings: Mapping[str, Binding],
    arrays: Mapping[str, "Array | Ragged"],
    params: Mapping[str, object],
    faults: Faults,
    rows: npt.NDArray[np.intp] | None,
) -> None:
    """Note the rows that break a rule of their loss."""
    for rule in rules:
        broken = rule.broken(**arrays, **params)
        at = np.flatnonzero(broken)
        if len(at):
            names = ", ".join(f"{b.columns[0]}..." if len(b.columns) > 1 else b.columns[0] for b in bindings.values())
            shown = ("; ".join(f"{name} {_brief(array, int(place))}" for name, array in arrays.items()) for place in at)
            note(faults, Trouble("rule", names, rule.says), at if rows is None else rows[at], shown)


def _brief(array: "Array | Ragged", row: int) -> str:
    values = array.row(row) if isinstance(array, Ragged) else array[..., row]
    return str(np.ravel(values).tolist()[:8]) if np.ndim(values) else f"{float(values):g}"


def flat(values: "Array | Ragged") -> Array:
    """The array itself, or all rows' values one after another."""
    return values.values if isinstance(values, Ragged) else values
