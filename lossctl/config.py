"""Settings of a project: `lossctl.toml`, or `[tool.lossctl]` in `pyproject.toml`, in the current folder."""

import os

from lossctl.errors import UsageError

OWN, SHARED = "lossctl.toml", "pyproject.toml"


def plugins() -> list[str]:
    """The files of `plugins = [...]`."""
    found = _settings().get("plugins", [])
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise UsageError(f'plugins in {_file()} must be a list of files: plugins = ["my_losses.py"].')
    return found


def _file() -> str | None:
    """The file that has settings, the tool's own first."""
    if os.path.isfile(OWN):
        return OWN
    if os.path.isfile(SHARED):
        with open(SHARED, "rb") as file:
            return SHARED if b"tool.lossctl" in file.read() else None
    return None


def _settings() -> dict[str, object]:
    path = _file()
    if path is None:
        return {}
    import tomllib

    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from None
    if path == SHARED:
        found = found.get("tool", {}).get("lossctl", {})
    return found if isinstance(found, dict) else {}
