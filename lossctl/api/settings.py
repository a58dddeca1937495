"""Settings of a project: `lossctl.toml`, or `[tool.lossctl]` in `pyproject.toml`, in the current folder or as named."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from lossctl.errors import UsageError

OWN, SHARED = "lossctl.toml", "pyproject.toml"


class Entry(NamedTuple):
    """One `[[check]]` as it stands in its file."""

    where: str
    settings: Mapping[str, object]


def plugins(path: str | None = None) -> list[str]:
    """The files of `plugins = [...]`, of the settings in the current folder unless others are named."""
    path = path or _file()
    found = {} if path is None else _settings(path)
    names = found.get("plugins", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f'plugins in {path} must be a list of files: plugins = ["my_losses.py"].')
    folder = os.path.dirname(path or "")
    return [os.path.join(folder, name) for name in names]


def checks(path: str | None = None) -> tuple[str, list[Entry]]:
    """The file that has checks, and every `[[check]]` in it."""
    path = path or _file()
    if path is None:
        raise UsageError(
            f"there are no settings here: write [[check]] tables in {OWN}, or [[tool.lossctl.check]] in {SHARED}, "
            "or name a file: lossctl check FILE."
        )
    found = _settings(path).get("check", [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UsageError(f"check in {path} must be tables: [[check]], then loss, data, max or min.")
    if not found:
        raise UsageError(
            f"{path} has no checks: write [[check]], then loss = 'mae', data = 'preds.parquet', max = 1.0."
        )
    return path, [Entry(f"{path}, check {at}", each) for at, each in enumerate(found, 1)]


def _file() -> str | None:
    """The file that has settings, the tool's own first."""
    if os.path.isfile(OWN):
        return OWN
    if os.path.isfile(SHARED):
        with open(SHARED, "rb") as file:
            return SHARED if b"tool.lossctl" in file.read() else None
    return None


def _settings(path: str) -> dict[str, object]:
    import tomllib

    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {said}.") from None
    if os.path.basename(path) == SHARED:
        found = found.get("tool", {}).get("lossctl", {})
    return found if isinstance(found, dict) else {}
