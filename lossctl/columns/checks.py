"""What values must satisfy beyond being numbers: each role's domain, and what a row's arrays are together."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Flags, Ragged
from lossctl.arithmetic.vectors import max_k
from lossctl.columns.binding import Binding, brief
from lossctl.columns.faults import Faults, Kind, Trouble, note
from lossctl.declare.classes import ignored_index, numbered
from lossctl.declare.from_python import misfits
from lossctl.declare.kernel import Rule
from lossctl.declare.roles import Domain
from lossctl.errors import DataError, listing


def check_domain(values: Array, binding: Binding, faults: Faults, rows: npt.NDArray[np.intp] | None) -> None:
    """Note the values outside the role's domain; `rows` are the block's row numbers where some were dropped."""
    if not values.size:
        return
    domain = binding.role.domain
    if domain.everything:
        if np.isfinite(values.sum()):
            return
    elif float(values.min()) in domain and float(values.max()) in domain:
        return
    for index, name in enumerate(binding.columns):
        column = values if values.ndim == 1 or len(binding.columns) == 1 else values[index]
        outside = _outside(column, domain)
        if outside.ndim > 1:
            outside = np.asarray(outside.any(axis=0))
        if outside.any():
            at = np.flatnonzero(outside)
            shown = (_show(column[..., place]) for place in at)
            kind = Kind.INFINITE if domain.everything else Kind.OUTSIDE
            note(
                faults,
                Trouble(kind, name, domain.words + binding.role.mistaken),
                at if rows is None else rows[at],
                shown,
            )


def _outside(values: Array, domain: Domain) -> Flags:
    above = values > domain.low if domain.low_open else values >= domain.low
    below = values < domain.high if domain.high_open else values <= domain.high
    return ~(above & below)


def _show(value: Array) -> str:
    return repr(float(value)) if np.ndim(value) == 0 else repr([float(item) for item in value[:8]])


SUM_TOLERANCE = 1e-6


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
            note(faults, Trouble(Kind.ZERO, name), zero if rows is None else rows[zero], ("zeros" for _ in zero))
    if binding.role.kind == "simplex" and items.size:
        total = items.T.sum(axis=1) if not items.flags.c_contiguous else items.sum(axis=0)
        if abs(float(total.max()) - 1) > SUM_TOLERANCE or abs(float(total.min()) - 1) > SUM_TOLERANCE:
            at = np.flatnonzero(np.abs(total - 1) > SUM_TOLERANCE)
            shown = (repr(float(total[place])) for place in at)
            note(faults, Trouble(Kind.SIMPLEX, name), at if rows is None else rows[at], shown)


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
                faults,
                Trouble(Kind.CLASS, binding.columns[0], expected),
                owners if rows is None else rows[owners],
                shown,
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
        note(faults, Trouble(Kind.RULE, columns, says), at if rows is None else rows[at], shown)


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
        # All rows show it, and the words name none: one stands for them.
        note(faults, Trouble(Kind.SIZE, ", ".join(columns.values()), said), np.zeros(1, np.intp), [""])


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
            note(faults, Trouble(Kind.RULE, names, rule.says), at if rows is None else rows[at], shown)


def _brief(array: "Array | Ragged", row: int) -> str:
    values = array.row(row) if isinstance(array, Ragged) else array[..., row]
    return str(np.ravel(values).tolist()[:8]) if np.ndim(values) else f"{float(values):g}"


def flat(values: "Array | Ragged") -> Array:
    """The array itself, or all rows' values one after another."""
    return values.values if isinstance(values, Ragged) else values
