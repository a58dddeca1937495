"""Arrays as kernels take them, made from Python values by role."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lossctl.arithmetic.arrays import Array, Ragged
from lossctl.declare.kernel import LossRole
from lossctl.declare.roles import Role
from lossctl.errors import UsageError


def from_python(
    roles: Sequence[LossRole], given: Mapping[str, Any], loss: str, letters: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Arrays by role name; all of one length. Text where lists are due is spelled out by `letters`."""
    codes: dict[object, int] = {}
    spelled = {name: _spelled(value, letters or {}, loss) for name, value in given.items()}
    named = {role.name: _read(role, spelled[role.name], codes, loss) for role in roles if role.name in given}
    _check_classes(roles, named, loss)
    sizes = {name: array.shape[-1] for name, array in named.items()}
    if len(set(sizes.values())) > 1:
        raise UsageError(f"{loss}: arrays of one length are needed, not {sizes}.")
    if unequal := misfits({role.name: role.role for role in roles}, named):
        said = ", ".join(f"{name} has {size}" for name, size in unequal.items())
        raise UsageError(f"{loss}: as many numbers per row are needed for each role, and {said}.")
    return named


def misfits(roles: Mapping[str, Role], arrays: "Mapping[str, Array | Ragged]") -> dict[str, int]:
    """Sizes by role that should be equal and are not: kernels would fail on them, or pair 1 with each of several."""
    found: dict[str, dict[str, int]] = {}
    for name, array in arrays.items():
        values = array.values if isinstance(array, Ragged) else array
        if values.dtype == np.intp:
            continue  # an index, whatever the number of scores
        sizes = values.shape[:-1] if values.ndim > 1 else (1,)
        for axis, size in zip(roles[name].axes, sizes, strict=False):
            if axis:
                found.setdefault(axis, {})[name] = size
    return next((sizes for sizes in found.values() if len(set(sizes.values())) > 1), {})


def depth(value: Any) -> int:
    """How deep a Python value is nested: 1 for a number per row."""
    if isinstance(value, np.ndarray):
        return value.ndim
    return 1 + depth(value[0]) if isinstance(value, list | tuple) and value else int(isinstance(value, list | tuple))


def _spelled(value: Any, letters: Mapping[str, int], loss: str) -> Any:
    if not letters or not isinstance(value, list | tuple) or not all(isinstance(row, str) for row in value):
        return value
    unknown = sorted({letter for row in value for letter in row} - letters.keys())
    if unknown:
        raise UsageError(f"{loss}: {', '.join(map(repr, unknown))} is not in the alphabet.")
    return [[letters[letter] for letter in row] for row in value]


def _read(role: LossRole, value: Any, codes: dict[object, int], loss: str) -> Any:
    try:
        return _array(role, value, codes, loss)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{loss}: {role.name} needs {holds(role)}: {str(error).rstrip('.')}.") from None


def holds(role: LossRole) -> str:
    """What an array of a role holds: classes have names in files alone."""
    return role.role.says.replace("index or name", "index")


def _array(role: LossRole, value: Any, codes: dict[object, int], loss: str) -> Any:
    about = role.role
    if about.shape == "ragged":
        rows = [np.asarray(row, dtype=np.float64) for row in value]
        if any(row.ndim != 1 + about.nests for row in rows if row.size):
            raise UsageError(
                f"{loss}: {role.name} needs {about.says}, as lists that are {1 + about.nests} deep in each row."
            )
        offsets = np.cumsum([0, *(len(row) for row in rows)]).astype(np.intp)
        flat = np.concatenate([row.T for row in rows], axis=-1) if rows else np.zeros(0)
        return Ragged(flat, offsets)
    array = np.asarray(value)
    if about.kind == "label" and array.ndim == 1:
        return np.array([codes.setdefault(item, len(codes)) for item in array.tolist()], dtype=np.intp)
    _check_shape(role, array.ndim, loss)
    if about.kind == "class" or (about.kind == "class or vector" and array.ndim == 1):
        return _indexes(array)
    array = array.astype(np.float64)
    if about.kind == "binary":
        array = np.maximum(array, 0.0)  # -1/+1 as 0/1
    return np.moveaxis(array, 0, -1) if array.ndim > 1 else array


def _indexes(array: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    index = array.astype(np.intp)
    if array.dtype.kind == "f" and (index != array).any():
        raise ValueError("a class is a whole number")
    return index


def _check_classes(roles: Sequence[LossRole], named: Mapping[str, Any], loss: str) -> None:
    """Class indexes are whole numbers; those of no score are refused where files are read, and here where negative."""
    for role in roles:
        array = named.get(role.name)
        if role.role.kind == "class" and isinstance(array, np.ndarray) and array.size:
            scores = [a.shape[0] for a in named.values() if isinstance(a, np.ndarray) and a.ndim == 2]
            if scores and int(array.max()) >= scores[0]:
                raise UsageError(
                    f"{loss}: {role.name} holds class {int(array.max())}, and there are {scores[0]} scores."
                )


def _check_shape(role: LossRole, dimensions: int, loss: str) -> None:
    allowed = {"number": (1,), "vector": (2,), "either": (1, 2), "matrix": (3, 4)}[role.role.shape]
    if dimensions not in allowed:
        wanted = " or ".join({1: "(n,)", 2: "(n, d)", 3: "(n, m, d)", 4: "(n, h, w, c)"}[size] for size in allowed)
        raise UsageError(f"{loss}: {role.name} must have the shape {wanted}, not {dimensions} dimensions.")
