"""Which columns of a file a loss's roles are read from: what the user says, else the usual names, never a guess."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from os.path import commonprefix

from lossctl.columns.binding import CLASSES, Binding, Labels, Layout, Table, brief
from lossctl.declare.declaration import Loss
from lossctl.declare.kernel import LossRole
from lossctl.declare.roles import Role, usual_names
from lossctl.errors import DataError, UsageError, it_has, listing
from lossctl.sources.source import ColumnInfo, natural

SEPARATOR = r"[_.:\-/ ]"


class MissingRoleError(DataError):
    """No column serves a role, for which these are `used` already."""

    def __init__(self, role: LossRole, used: Collection[str]) -> None:
        super().__init__(f"there is no column for {role.name}.")
        self.role, self.used = role, used


def bind(
    loss: Loss,
    params: Mapping[str, object],
    table: Table,
    named: Mapping[str, str],
    taken: Collection[str],
    labels: Labels,
) -> dict[str, Binding]:
    """Every role of a loss with its columns; roles without columns are left out where they are optional."""
    bound: dict[str, Binding] = {}
    roles = loss.roles_for(params, loss.kernel)
    explicit = {role.name: expand(named[role.name], table, role.option) for role in roles if role.name in named}
    used = {column for columns in explicit.values() for column in columns} | set(taken)
    nests = loss.scope != "row" and not loss.hooks.when_absent
    for role in roles:
        columns = explicit.get(role.name)
        if columns is None:
            others_given = role.name in loss.one_of and any(name in named for name in loss.one_of)
            columns = None if others_given else search(role, table, used)
        if columns is not None:
            bound[role.name] = _shape(role, columns, table, nests, tuple(loss.spelling(params).items()))
        elif role.required:
            raise MissingRoleError(role, used)
    bound = _nested(loss, bound, table)
    vectors = frozenset(name for name, binding in bound.items() if binding.layout not in ("number", "nested"))
    for role in loss.roles_for(params, loss.kernel, vectors):
        binding = bound.get(role.name)
        if binding is not None and binding.role != role.role:
            fitting = binding if binding.nested else _shape(role, binding.columns, table, nests, ())
            bound[role.name] = fitting._replace(role=role.role)
    _check_one_of(loss.name, loss.one_of, bound, table)
    _check_depths(bound, table)
    _check_widths(loss, bound, table)
    return _labelled(loss.name, bound, params, labels, table)


def _nested(loss: Loss, bound: dict[str, Binding], table: Table) -> dict[str, Binding]:
    """Where one role's rows are whole units, all roles' rows are."""
    units = [b for b in bound.values() if b.nested]
    if not units:
        return bound
    depths = {name: _depth(table.columns[b.columns[0]]) for name, b in bound.items()}
    shallow = min(depths.values())
    items = max((depths[name] for name, binding in bound.items() if binding.role.shape == "number"), default=1)
    for name, binding in bound.items():
        flat = binding.role.shape == "vector" and (depths[name] == 1 or (items > 1 and depths[name] <= items))
        if flat or (binding.role.shape == "number" and depths[name] > shallow):
            column, kind = binding.columns[0], table.columns[binding.columns[0]].type
            raise DataError(
                f"{loss.name}: a row holds a whole unit, so the {name} must be a list of "
                f"{'vectors' if flat else 'numbers'} per row; "
                f"column {column!r} of {table.path} holds {kind}. Name another column, or give a row per item."
            )
    for binding in bound.values():
        if not binding.nested and binding.layout != "list" and binding.role.shape != "ragged":
            raise DataError(
                f"{loss.name}: {units[0].columns[0]!r} holds a whole unit per row, and {brief(binding.columns)!r} of "
                f"{table.path} does not; both must be lists, or neither."
            )
    return {
        name: binding._replace(layout="nested" if depths[name] == shallow else "nested vectors")
        for name, binding in bound.items()
    }


def _labelled(
    loss: str, bound: dict[str, Binding], params: Mapping[str, object], labels: Labels, table: Table
) -> dict[str, Binding]:
    """The bindings with what their labels mean."""
    scores = next((b for b in bound.values() if b.layout == "wide" and b.role.kind in ("real", "simplex")), None)
    indexed = any(b.role.kind in CLASSES and b.layout == "number" for b in bound.values())
    if scores is not None and scores.width == 1 and indexed:
        raise DataError(
            f"{loss} needs a column of scores per class, and {scores.name} is the one column {scores.columns[0]!r} of "
            f"{table.path}. Name those of all classes with --{scores.name.replace('_', '-')} (a list or a glob), or "
            "one column of lists; one score for two classes is for binary losses: bce (a probability), bce_with_logits."
        )
    if scores is not None and labels.classes and len(labels.classes) != scores.width:
        raise UsageError(
            f"--classes names {len(labels.classes)} classes ({listing(labels.classes)}), and {scores.name} has "
            f"{scores.width} columns ({brief(scores.columns)}) of {table.path}; name one per column, in their order."
        )
    classes = labels.classes or (class_names(scores.columns) if scores is not None else ())
    written = _spellings(scores.columns) if scores is not None and not labels.classes else ()
    ignored = params.get("ignore_index")
    result = {}
    for name, binding in bound.items():
        if binding.role.kind == "binary":
            binding = binding._replace(positive=labels.positive)
        elif binding.role.kind in CLASSES and binding.layout in ("number", "nested"):
            index = ignored if isinstance(ignored, int) else None
            binding = binding._replace(classes=classes, written=written if classes else (), ignored=index)
        result[name] = binding
    return result


def class_names(columns: Sequence[str]) -> tuple[str, ...]:
    """The classes that wide columns are named after: prob_cat, prob_dog -> cat, dog; prob_c0, prob_c1 -> 0, 1."""
    if len(columns) < 2:
        return ()
    start = _cut(commonprefix(list(columns)))
    names = [column[len(start) :] for column in columns]
    if not start:
        end = _cut(commonprefix([column[::-1] for column in columns]))
        names = [column[: len(column) - len(end)] for column in columns]
    if commonprefix(names) and all(re.fullmatch(r"\D+\d+", name) for name in names):
        names = [re.sub(r"^\D+", "", name) for name in names]
    return tuple(names)


def _spellings(columns: Sequence[str]) -> tuple[str, ...]:
    """Longer names of the same classes: prob_new_york -> new_york, prob_c0 -> c0, and the columns' own, class by class.

    All columns cut at one separator of what they share follow one another, so a place says the class.
    """
    start = commonprefix(list(columns))
    end = commonprefix([column[::-1] for column in columns])
    heads = [match.end() for match in re.finditer(SEPARATOR, start)]
    tails = [match.end() for match in re.finditer(SEPARATOR, end)] if not heads else []
    cut = [column[at:] for at in reversed(heads) for column in columns]
    return (*cut, *(column[: len(column) - at] for at in reversed(tails) for column in columns), *columns)


def _cut(shared: str) -> str:
    """A shared beginning, up to its last separator."""
    match = re.match(f".*{SEPARATOR}", shared)
    return match[0] if match else ""


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
                raise DataError(f"no column of {table.path} matches {part!r} {it_has(table.columns)}.")
            names.extend(matches)
        else:
            table.require(part, option)
    if len(set(names)) < len(names):
        raise UsageError(f"{option} names a column twice: {', '.join(names)}.")
    return tuple(names)


def search(role: LossRole, table: Table, used: set[str]) -> tuple[str, ...] | None:
    """The one candidate of the best rank that has any."""
    free = [name for name in table.columns if name not in used]
    ranks = usual_names(role.name, role.role)
    for fold in (str, str.lower):
        for patterns in ranks:
            candidates = _candidates(role.role, patterns, free, table, fold)
            if len(candidates) > 1:
                shown = " and ".join(repr(brief(candidate)) for candidate in candidates)
                raise DataError(
                    f"{table.path}: {shown} could each be the {role.name}. "
                    f"Say which one with {role.option} {brief(candidates[0])}."
                )
            if candidates:
                return candidates[0]
    return None


def _candidates(
    role: Role, patterns: Sequence[str], free: Sequence[str], table: Table, fold: Callable[[str], str]
) -> list[tuple[str, ...]]:
    """Single columns of the patterns' names, and for vectors the families NAME_0, NAME_1, ... as one candidate each.

    Where the pattern leaves the ending open (`prob_*`), a family may be named after classes: prob_cat, prob_dog.
    """
    families: dict[str, list[str]] = {}
    found: list[tuple[str, ...]] = []
    for name in free:
        folded = fold(name)
        if role.shape in ("vector", "either") and (stem := _stem(folded, patterns)):
            families.setdefault(stem, []).append(name)
            continue
        fits = role.shape in ("number", "either") or table.columns[name].kind == "list" or _spells(role, table, name)
        if fits and any(fnmatchcase(folded, pattern) for pattern in patterns):
            found.append((name,))
    for names in families.values():
        if len(names) > 1:
            found.append(tuple(sorted(names, key=natural) if _numbered(names) else names))
        elif role.shape == "either" or table.columns[names[0]].kind == "list":
            found.append(tuple(names))
    return found


def _spells(role: Role, table: Table, name: str) -> bool:
    """Whether a column of text may stand for lists of classes, letter by letter."""
    return role.shape == "ragged" and role.kind == "class" and table.columns[name].kind in ("text", "unknown")


def _stem(name: str, patterns: Sequence[str]) -> str | None:
    """What a column of a family is called before its number or class."""
    for pattern in patterns:
        if pattern.endswith("_*") and fnmatchcase(name, pattern):
            return pattern[:-2]
        if re.fullmatch(re.escape(pattern) + r"[_.]?\d+", name):
            return pattern
    return None


def _numbered(names: Sequence[str]) -> bool:
    return all(name[-1].isdigit() for name in names)


def _shape(
    role: LossRole, columns: tuple[str, ...], table: Table, nests: bool, letters: tuple[tuple[str, int], ...]
) -> Binding:
    """The binding of a role to columns, where their number and type fit it."""
    about = role.role
    kinds = {name: table.columns[name] for name in columns}
    for name, info in kinds.items():
        if (
            info.kind == "other"
            or re.search("struct<|map<", info.type)
            or (info.kind == "text" and about.kind in ("real", "simplex", "weight"))
        ):
            raise DataError(
                f"column {name!r} of {table.path} holds {info.type} values; {role.name} needs {about.says}. "
                f"Name another column with {role.option}."
            )
    lists = [name for name, info in kinds.items() if info.kind == "list"]
    if lists and len(columns) > 1:
        raise DataError(
            f"{role.option}: list column {lists[0]!r} of {table.path} must stand alone, "
            f"not among {len(columns)} columns."
        )
    width = kinds[columns[0]].width if lists else len(columns)
    if about.shape in ("matrix", "ragged"):
        if not lists and letters and about.kind == "class" and kinds[columns[0]].kind in ("text", "unknown"):
            return Binding(role.name, about, columns, "nested", width, letters=letters)
        if not lists:
            spell = " Name the letters of the classes with --alphabet." if _spells(about, table, columns[0]) else ""
            raise DataError(
                f"{role.name} needs {about.says}: a list column, which {columns[0]!r} of {table.path} is not.{spell} "
                f"Name another column with {role.option}."
            )
        least, most = (1, 1) if not about.nests else (2, max(2, len(about.axes)))
        if not least <= _depth(kinds[columns[0]]) <= most:
            raise DataError(
                f"{role.name} needs {about.says}: a column of lists{' of lists' * about.nests}, and {columns[0]!r} of "
                f"{table.path} holds {kinds[columns[0]].type}. Name another column with {role.option}."
            )
        return Binding(role.name, about, columns, "nested" if about.shape == "ragged" else "list", width)
    if lists and nests and about.shape in ("number", "either") and (about.shape == "number" or about.kind != "real"):
        return Binding(role.name, about, columns, "nested", width)
    if about.shape == "number" and (len(columns) > 1 or lists):
        what = f"the list column {lists[0]!r}" if lists else f"{len(columns)} columns ({brief(columns)})"
        raise DataError(
            f"{role.name} takes one value per row, not {what} of {table.path}. Name one column with {role.option}."
        )
    layout: Layout = "list" if lists else "wide" if len(columns) > 1 or about.shape == "vector" else "number"
    return Binding(role.name, about, columns, layout, width)


def _depth(info: ColumnInfo) -> int:
    """How deep a column's lists are nested; an extension type's name tells only that it is one of lists."""
    return max(len(re.findall("list(?:_view)?<", info.type)), int(info.kind == "list"))


def _check_depths(bound: Mapping[str, Binding], table: Table) -> None:
    """Raise where a list column's items are lists, and numbers are needed."""
    for name, binding in bound.items():
        info = table.columns[binding.columns[0]]
        if binding.layout == "list" and binding.role.shape != "matrix" and _depth(info) > 1:
            raise DataError(
                f"{name} needs {binding.role.says}: a list of numbers per row, and column {binding.columns[0]!r} of "
                f"{table.path} holds {info.type}. Name another column with --{name.replace('_', '-')}."
            )


def _check_one_of(loss: str, one_of: Sequence[str], bound: Mapping[str, Binding], table: Table) -> None:
    if not one_of:
        return
    given = [name for name in one_of if name in bound]
    options = ", ".join("--" + name for name in one_of)
    if not given:
        raise DataError(f"{loss} needs one of {options}; {table.path} has: {listing(table.columns)}.")
    if len(given) > 1:
        columns = " and ".join(repr(brief(bound[name].columns)) for name in given)
        raise DataError(f"{loss} takes one of {options}, and {table.path} has {columns}. Say which one.")


def _check_widths(loss: Loss, bound: Mapping[str, Binding], table: Table) -> None:
    """Roles that must hold as many numbers per row do; list lengths are known only when they are read."""
    indexes = {*CLASSES, "label"}
    told = [b for b in bound.values() if b.layout == "wide" or (b.layout == "number" and b.role.kind not in indexes)]
    for axis in dict.fromkeys(axis for binding in told for axis in binding.role.axes):
        sharing = [binding for binding in told if binding.role.axes == (axis,)]
        if len({binding.width for binding in sharing}) > 1:
            said = ", ".join(f"{binding.name} has {binding.width} ({brief(binding.columns)})" for binding in sharing)
            raise DataError(
                f"{loss.name} needs as many columns for each role, and of {table.path} {said}. Name other columns."
            )
