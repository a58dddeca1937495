"""Label columns as kernels take them: binary labels as 0 and 1, classes as indexes, labels of any kind as codes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types as pt

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.columns.binding import Binding
from lossctl.columns.faults import Faults, Kind, Trouble, note
from lossctl.columns.keys import Encoded, encode
from lossctl.columns.numbers import floats
from lossctl.declare.classes import ignored_index, numbered
from lossctl.declare.params import number

TRUTHS = {"true": 1.0, "false": 0.0}
Seen = dict[str, set[str]]


def binary(array: pa.Array, name: str, binding: Binding, faults: Faults, seen: Seen) -> tuple[Array, Flags | None]:
    """Labels as 0.0 and 1.0 (soft ones between where the role allows them); `seen` collects what must be consistent.

    Without a positive label the values are 0/1, true/false or -1/+1; whether a file mixes 0 and -1 is known at its end.
    """
    kind = array.type
    if binding.positive is None and not pt.is_dictionary(kind) and not pt.is_string(kind):
        values, gaps = floats(array, name, binding.role.says, faults)
        whole = pt.is_integer(kind) or pt.is_boolean(kind)
        return _signed(values, gaps, name, binding, faults, seen, whole), gaps
    keys = encode(array)
    gaps = _gaps(keys)
    if binding.positive is not None:
        found = seen.setdefault(name, set())
        found.update(label for label in keys.labels if label is not None and len(found) < 4)
        table = np.array([float(is_label(label, binding.positive)) for label in keys.labels])
        return (table[keys.codes] if len(table) else np.zeros(0)), gaps
    table = np.array([_truth(label) for label in keys.labels], dtype=np.float64)
    values = table[keys.codes] if len(table) else np.zeros(0)
    wrong = np.isnan(values) if gaps is None else np.isnan(values) & ~gaps
    if wrong.any():
        at = np.flatnonzero(wrong)
        note(faults, Trouble(Kind.BINARY, name), at, (repr(keys.labels[keys.codes[place]]) for place in at))
    return _signed(values, gaps, name, binding, faults, seen), gaps


def _signed(
    values: Array, gaps: Flags | None, name: str, binding: Binding, faults: Faults, seen: Seen, whole: bool = False
) -> Array:
    """-1/+1 as 0/1; anything but two values (or, for soft labels, the unit interval) is noted."""
    if not len(values):
        return values
    low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
    if low < 1:
        seen.setdefault(name, set()).add("-1" if low < 0 else "0")
    soft = not binding.role.domain.everything
    if low >= 0 and high <= 1 and (whole or soft):
        return values
    if low < 0:
        zero = values == 0
        if zero.any():
            seen[name].add("0")
        bad = (values != -1) & (values != 1) & ~zero
        result = np.maximum(values, 0.0)
    else:
        bad = (values > 1) if soft else (values != 0) & (values != 1)
        result = values
    bad &= ~np.isnan(values)
    if bad.any():
        at = np.flatnonzero(bad)
        note(faults, Trouble(Kind.BINARY, name), at, (repr(float(values[place])) for place in at))
    return result


def _truth(label: str | None) -> float:
    value = None if label is None else TRUTHS.get(label.lower(), number(label))
    return float("nan") if value is None else float(value)


def is_label(label: str | None, positive: str) -> bool:
    """Whether a label is the positive one, however a format writes it: 1 is 1.0, True is true."""
    if label is None or label == positive:
        return label is not None
    value, wanted = number(label), number(positive)
    return (value is not None and value == wanted) or (label.lower() == positive.lower() and label.lower() in TRUTHS)


def classes(array: pa.Array, name: str, binding: Binding, faults: Faults) -> tuple[npt.NDArray[np.intp], Flags | None]:
    """Class indexes; names are matched to the binding's classes, never sorted. Indexes out of range are found later."""
    kind = array.type
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_decimal(kind):
        values, gaps = floats(array, name, binding.role.says, faults)
        gaps = np.isnan(values) if gaps is None and np.isnan(values).any() else gaps
        filled = values if gaps is None else np.where(gaps, 0.0, values)
        with np.errstate(invalid="ignore"):
            index = filled.astype(np.intp)
        fractional = index != filled
        if fractional.any():
            at = np.flatnonzero(fractional)
            note(faults, Trouble(Kind.CLASS, name, _known(binding)), at, (repr(float(values[place])) for place in at))
        return _by_number(index, binding, name, faults), gaps
    keys = encode(array)
    gaps = _gaps(keys)
    table = np.array([_index(label, binding) for label in keys.labels], dtype=np.intp)
    found = table[keys.codes] if len(table) else np.zeros(0, np.intp)
    unknown = found == UNKNOWN
    if gaps is not None:
        unknown &= ~gaps
    if unknown.any():
        at = np.flatnonzero(unknown)
        note(
            faults,
            Trouble(Kind.CLASS, name, _known(binding)),
            at,
            (repr(keys.labels[keys.codes[place]]) for place in at),
        )
    return found, gaps


UNKNOWN = np.iinfo(np.intp).min  # stands for a label that is no class; no class has this index


def _index(label: str | None, binding: Binding) -> int:
    if label is None:
        return 0  # any class: the row is missing, which its mask says
    if label in binding.classes:
        return binding.classes.index(label)
    if label in binding.written:
        return binding.written.index(label) % len(binding.classes)
    value = number(label)
    if value is None or value != int(value):
        return int(UNKNOWN)
    named = numbered(binding.classes)
    # Text that spells a number names none of classes that are words; the index that is no class may be written so.
    if binding.classes and named is None:
        return int(UNKNOWN) if value != binding.ignored else int(value)
    return int(_place(int(value), named, binding))


def _place(value: int, named: Sequence[int] | None, binding: Binding) -> int:
    if named is None or value == binding.ignored:
        return ignored_index(value, named)
    return named.index(value) if value in named else int(UNKNOWN)


def _by_number(index: npt.NDArray[np.intp], binding: Binding, name: str, faults: Faults) -> npt.NDArray[np.intp]:
    """Numbers that name classes as indexes of these, where the names are numbers other than 0, 1, 2, ..."""
    named = numbered(binding.classes)
    if named is None or list(named) == list(range(len(named))) or not len(index):
        return index
    distinct, codes = np.unique(index, return_inverse=True)
    table = np.array([_place(int(value), named, binding) for value in distinct], dtype=np.intp)
    found: npt.NDArray[np.intp] = table[codes]
    unknown = np.flatnonzero(found == UNKNOWN)
    if len(unknown):
        note(faults, Trouble(Kind.CLASS, name, _known(binding)), unknown, (str(index[place]) for place in unknown))
    return found


def _known(binding: Binding) -> str:
    return ", ".join(binding.classes[:12]) or "a whole number from 0"


def _gaps(keys: Encoded) -> Flags | None:
    if None not in keys.labels:
        return None
    gaps: Flags = keys.codes == list(keys.labels).index(None)
    return gaps if gaps.any() else None


def coded(array: pa.Array, vocabulary: dict[str | None, int]) -> tuple[npt.NDArray[np.intp], Flags | None]:
    """Labels of any kind as codes of a shared vocabulary, which grows; true is 1, as where labels are binary."""
    keys = encode(array)
    truths = {"true": "1", "false": "0"}
    plain = [label if label is None else truths.get(label.lower(), label) for label in keys.labels]
    table = np.array([vocabulary.setdefault(label, len(vocabulary)) for label in plain], dtype=np.intp)
    return (table[keys.codes] if len(table) else np.zeros(0, np.intp)), _gaps(keys)
