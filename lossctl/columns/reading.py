"""A role's columns in a block as the array its kernel takes, whatever the role's kind and the columns' layout."""

from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.arithmetic.arrays import Array, Flags, Ragged
from lossctl.columns import labels
from lossctl.columns.binding import Binding, Layout
from lossctl.columns.faults import NOT_EMPTY, Faults, Kind, Trouble, note, of_rows
from lossctl.columns.keys import encode
from lossctl.columns.numbers import Numbers, flat_list, floats, lists, numbers


@dataclass(slots=True, eq=False, repr=False)
class Context:
    """What the columns of a block share: the faults found, the labels seen, and the codes of labels.

    Binary labels must be of two values in the whole dataset, so `seen` collects them; `vocabulary` is the block's own.
    """

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
            codes, gaps = labels.coded(batch.column(first), context.vocabulary)
            return Numbers(codes, {} if gaps is None else {first: gaps})
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
    missing: dict[str, Flags] = {}
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
            return _uneven(widths, None, name, rows, context, prod(sizes[1:]))
        sizes.append(int(widths[0]) if len(widths) else 0)
    if 0 in sizes[1:]:
        note(
            context.faults, Trouble(Kind.RULE, name, NOT_EMPTY), np.arange(rows), ("an empty list" for _ in range(rows))
        )
        return Numbers(np.zeros((1, 1, rows)), {})
    items: Faults = {}
    values, holes = floats(inner, name, binding.role.says, items)
    of_rows(items, lambda at: at // prod(sizes[1:]), context.faults)
    cube = values.reshape(sizes)
    missing = {}
    if holes is not None or not np.isfinite(cube.sum()):
        gone: Flags = np.asarray(np.isnan(cube).any(axis=tuple(range(1, cube.ndim))))
        missing = {name: gone} if gone.any() else {}
    return Numbers(np.moveaxis(cube, 0, -1), missing)


def _uneven(
    lengths: npt.NDArray[np.int64], gaps: Flags | None, name: str, rows: int, context: Context, lists: int = 1
) -> Numbers:
    """Note lists of lists that are missing or of several lengths; zeros stand in for them and are never evaluated.

    `lists`: how many of the lengths are a row's.
    """
    if gaps is not None:
        note(context.faults, Trouble(Kind.MISSING, name), np.flatnonzero(gaps), ("missing" for _ in range(rows)))
    else:
        at = np.flatnonzero(lengths != lengths[0])
        shown = (f"{lengths[place]}" for place in at)
        note(context.faults, Trouble(Kind.LENGTH, name, str(lengths[0])), at // lists, shown)
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
        offsets = deeper[offsets]  # where the rows begin, one level further down
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
        note(context.faults, Trouble(Kind.CLASS, name, f"letters of {''.join(letters)!r}"), at, shown)
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


def _as_layout(binding: Binding, layout: Layout) -> Binding:
    return binding._replace(layout=layout)


def keep(values: "Array | Ragged", rows: npt.NDArray[np.intp]) -> "Array | Ragged":
    """A role's values in some of the rows."""
    return values.take(rows) if isinstance(values, Ragged) else values[..., rows]
