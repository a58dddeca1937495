"""Which columns of a file a loss's roles are read from: what the user says, else the usual names, never a guess."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from lossctl.errors import DataError, UsageError, did_you_mean, listing
from lossctl.kernel import Kernel, LossRole
from lossctl.roles import Role, usual_names
from lossctl.sources import ColumnInfo

Layout = Literal["number", "wide", "list"]


@dataclass(frozen=True, slots=True)
class Binding:
    """The columns a role is read from: one of numbers, several of numbers, or one of lists."""

    name: str
    role: Role
    columns: tuple[str, ...]
    layout: Layout
    width: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a dataset, as messages and searches need them."""

    path: str
    columns: Mapping[str, ColumnInfo]

    def require(self, name: str, option: str) -> ColumnInfo:
        """What the file says of a column, or the error that it is not there."""
        if name not in self.columns:
            raise DataError(
                f"column {name!r} is not in {self.path} (it has: {listing(self.columns)})."
                f"{did_you_mean(name, self.columns)} Name a column of the file with {option}."
            )
        return self.columns[name]


def bind(
    loss: str, kernel: Kernel, one_of: Sequence[str], table: Table, named: Mapping[str, str], taken: Collection[str]
) -> dict[str, Binding]:
    """Every role of a kernel with its columns; roles without columns are left out where they are optional."""
    bound: dict[str, Binding] = {}
    explicit = {role.name: expand(named[role.name], table, role.option) for role in kernel.roles if role.name in named}
    used = {column for columns in explicit.values() for column in columns} | set(taken)
    for role in kernel.roles:
        if role.name in explicit:
            bound[role.name] = _shape(role, explicit[role.name], table)
            continue
        others_given = role.name in one_of and any(name in named for name in one_of)
        found = None if others_given else _search(role, table, used)
        if found is not None:
            bound[role.name] = _shape(role, found, table)
        elif role.required:
            raise DataError(_not_found(loss, role, table))
    _check_one_of(loss, one_of, bound, table)
    _check_widths(loss, bound, table)
    return bound


def expand(text: str, table: Table, option: str) -> tuple[str, ...]:
    """The columns that an option names: a name as it is, a glob, or a list of both."""
    if text in table.columns:
        return (text,)
    names: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if part in table.columns:
            names.append(part)
        elif any(character in part for character in "*?["):
            matches = sorted((name for name in table.columns if fnmatchcase(name, part)), key=natural)
            if not matches:
                raise DataError(f"no column of {table.path} matches {part!r} (it has: {listing(table.columns)}).")
            names.extend(matches)
        else:
            table.require(part, option)
    if len(set(names)) < len(names):
        raise UsageError(f"{option} names a column twice: {', '.join(names)}.")
    return tuple(names)


def natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts logit_2 before logit_10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def _search(role: LossRole, table: Table, used: set[str]) -> tuple[str, ...] | None:
    """The one candidate of the best rank that has any."""
    free = [name for name in table.columns if name not in used]
    ranks = usual_names(role.name, role.role)
    for fold in (str, str.lower):
        for patterns in ranks:
            candidates = _candidates(role.role, [pattern for pattern in patterns], free, table, fold)
            if len(candidates) > 1:
                shown = " and ".join(repr(_brief(candidate)) for candidate in candidates)
                raise DataError(
                    f"{table.path}: {shown} could each be the {role.name}. "
                    f"Say which one with {role.option} {_brief(candidates[0])}."
                )
            if candidates:
                return candidates[0]
    return None


def _candidates(
    role: Role, patterns: list[str], free: list[str], table: Table, fold: type[str] | object
) -> list[tuple[str, ...]]:
    """Single columns of the patterns' names, and for vectors the families NAME_0, NAME_1, ... as one candidate each."""
    assert callable(fold)
    found: list[tuple[str, ...]] = []
    families: dict[str, list[str]] = {}
    for name in free:
        folded = fold(name)
        if role.shape != "vector" or table.columns[name].kind in ("list", "unknown"):
            if any(fnmatchcase(folded, pattern) for pattern in patterns):
                if role.shape == "number" or not re.fullmatch(r".+[_.]\d+", name):
                    found.append((name,))
                    continue
        if role.shape != "number" and (match := re.fullmatch(r"(.+?)[_.]?\d+", folded)):
            if any(fnmatchcase(match[1], pattern.rstrip("*_")) for pattern in patterns):
                families.setdefault(match[1], []).append(name)
    found.extend(tuple(sorted(names, key=natural)) for names in families.values() if len(names) > 1)
    return found


def _brief(columns: tuple[str, ...]) -> str:
    if len(columns) <= 3:
        return ",".join(columns)
    return f"{columns[0]},{columns[1]},...,{columns[-1]}"


def _shape(role: LossRole, columns: tuple[str, ...], table: Table) -> Binding:
    """The binding of a role to columns, where their number and type fit it."""
    kinds = {name: table.columns[name] for name in columns}
    for name, info in kinds.items():
        if info.kind in ("text", "other"):
            raise DataError(
                f"column {name!r} of {table.path} holds {info.type} values; {role.name} needs {role.role.says}. "
                f"Name another column with {role.option}."
            )
    lists = [name for name, info in kinds.items() if info.kind == "list"]
    if lists and len(columns) > 1:
        raise DataError(f"{role.option}: list column {lists[0]!r} must stand alone, not among {len(columns)} columns.")
    if role.role.shape == "number" and (len(columns) > 1 or lists):
        what = f"the list column {lists[0]!r}" if lists else f"{len(columns)} columns ({_brief(columns)})"
        raise DataError(f"{role.name} takes one number per row, not {what}. Name one column with {role.option}.")
    if lists:
        return Binding(role.name, role.role, columns, "list", kinds[columns[0]].width)
    return Binding(role.name, role.role, columns, "wide" if len(columns) > 1 else "number", len(columns))


def _not_found(loss: str, role: LossRole, table: Table) -> str:
    tried = [name for rank in usual_names(role.name, role.role) for name in rank]
    return (
        f"{table.path} has no column for the {role.name} of {loss}: none is called {listing(tried)} "
        f"(it has: {listing(table.columns)}). Name it with {role.option} COLUMN."
    )


def _check_one_of(loss: str, one_of: Sequence[str], bound: Mapping[str, Binding], table: Table) -> None:
    if not one_of:
        return
    given = [name for name in one_of if name in bound]
    options = ", ".join("--" + name for name in one_of)
    if not given:
        raise DataError(f"{loss} needs one of {options}; {table.path} has: {listing(table.columns)}.")
    if len(given) > 1:
        columns = " and ".join(repr(_brief(bound[name].columns)) for name in given)
        raise DataError(f"{loss} takes one of {options}, and {table.path} has {columns}. Say which one.")


def _check_widths(loss: str, bound: Mapping[str, Binding], table: Table) -> None:
    """Roles that may be one number or several must agree; list lengths are known only when they are read."""
    either = [binding for binding in bound.values() if binding.role.shape == "either" and binding.layout != "list"]
    if len({binding.width for binding in either}) > 1:
        said = ", ".join(f"{binding.name} has {binding.width} ({_brief(binding.columns)})" for binding in either)
        raise DataError(f"{loss} needs as many columns for each role, and of {table.path} {said}.")
