"""The files that a path means: itself, all data files of a folder, or all that a pattern matches, in natural order."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from glob import glob, has_magic

from lossctl.errors import DataError, did_you_mean, listing, valid
from lossctl.sources.formats import SUFFIXES, VAGUE, known_suffix
from lossctl.sources.source import natural

STDIN = "-"
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def expand(paths: Sequence[str]) -> list[str]:
    """The files of a dataset, in the order of the paths, and in natural order where one means several."""
    files = [file for path in paths for file in _expand(path)]
    _check_once(files)
    return files


def _check_once(files: Sequence[str]) -> None:
    """Refuse a file that comes more than once, however its name is spelled: its rows would count as often."""
    if len(files) < 2:
        return
    names: dict[object, dict[str, int]] = {}
    for file in files:
        spelled = names.setdefault(_identity(file), {})
        spelled[file] = spelled.get(file, 0) + 1
    said = [_spellings(spelled) for spelled in names.values() if sum(spelled.values()) > 1]
    if said:
        raise DataError(
            f"{listing(said, limit=3)}: rows would count more than once. "
            "Name each file once, and none beside its folder or a pattern that matches it."
        )


def _spellings(spelled: Mapping[str, int]) -> str:
    if len(spelled) > 1:
        return f"{' and '.join(spelled)} are the same file"
    ((file, times),) = spelled.items()
    return f"{file} is named {'twice' if times == 2 else f'{times} times'}"


def _identity(file: str) -> object:
    """What tells a file from others; links to it are the file itself, but for hard links, which stand for copies."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return file  # standard input, or what cannot be opened: that is told later
    return (found.st_dev, found.st_ino) if found.st_nlink == 1 else os.path.realpath(file)


def _expand(path: str) -> list[str]:
    if path != STDIN and os.path.isdir(path):
        return _folder(path)
    if path == STDIN or os.path.lexists(path):
        return [path]
    if re.match(r"\w+://", path):
        raise DataError(
            f"{path} is an address, and files are read: download it, or pipe it: curl -sL URL | lossctl ... -"
        )
    if not has_magic(path):
        return [path]
    found = sorted(glob(path, recursive=True), key=_order)
    files = [file for match in found for file in (_folder(match) if os.path.isdir(match) else [match])]
    if not files:
        raise DataError(f"no file matches {path!r}.{near(path)}")
    return files


def _order(path: str) -> list[list[tuple[int, int | str]]]:
    return [natural(part) for part in path.split(os.sep)]


def _folder(path: str) -> list[str]:
    files = sorted(_visible(path), key=_order)
    data = [file for file in files if known_suffix(file)]
    plain = [file for file in data if known_suffix(file) not in VAGUE]
    data = plain or data
    if not data:
        there = f"it has: {listing([os.path.relpath(file, path) for file in files])}" if files else "it is empty"
        raise DataError(f"{path} is a folder without data files ({there}); files in {', '.join(SUFFIXES)} are read.")
    kinds = {SUFFIXES[known_suffix(file)]: file for file in reversed(data)}
    if len(kinds) > 1:
        shown = " and ".join(os.path.relpath(file, path) for file in kinds.values())
        example = os.path.join(path, "*" + known_suffix(data[0]))
        raise DataError(
            f"{path} holds files of several formats ({shown}); name those of one dataset, e.g. '{example}'."
        )
    return data


def _visible(path: str) -> Iterator[str]:
    """The files of a folder and those below it, but for what is hidden or set aside (_SUCCESS, _delta_log)."""
    try:
        entries = list(os.scandir(path))
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from None
    for entry in entries:
        if not entry.name.startswith((".", "_")):
            if entry.is_dir():
                yield from _visible(entry.path)
            else:
                yield entry.path


def partitions(path: str) -> dict[str, str | None]:
    """The values that the folders of a path say: region=eu is the value of a column; None is a missing one."""
    if "=" not in path:
        return {}
    from urllib.parse import unquote

    found: dict[str, str | None] = {}
    for folder in os.path.dirname(path).split(os.sep):
        key, sign, value = folder.partition("=")
        if key and sign:
            found[valid(unquote(key))] = None if value == NO_VALUE else valid(unquote(value))
    return found


def inside_file(path: str) -> str:
    """What to say of a path that takes a file for a folder."""
    file = path.rstrip(os.sep)
    if os.path.exists(file):
        return f"{file} is a file, not a folder. Name it without the slash: {file}"
    while file and not os.path.exists(file):
        file = os.path.dirname(file)
    return f"{file} is a file, not a folder. Name the file itself: {file}"


def near(path: str) -> str:
    """A tip for a mistyped file name: names that are near it beside the suffix, which many share."""
    from difflib import get_close_matches

    folder, name = os.path.split(path.rstrip(os.sep))
    try:
        there = os.listdir(folder or ".")
    except OSError:
        return ""
    stem = name.partition(".")[0]
    stems = get_close_matches(stem, {other.partition(".")[0] for other in there}, n=3, cutoff=0.6)
    return did_you_mean(name, [other for other in there if other.partition(".")[0] in stems])
