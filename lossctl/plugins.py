"""Losses from elsewhere: packages with an entry point in the group `lossctl.losses`, and files named by --plugin."""

import os
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from lossctl.errors import LossctlError, UsageError

GROUP = "lossctl.losses"
_LOADED: set[str] = set()


def load_file(path: str) -> None:
    """Run a plugin file, which declares its losses as built-in ones are declared; once, however it is named."""
    if (real := os.path.realpath(path)) in _LOADED:
        return
    if not Path(path).is_file():
        raise UsageError(f"--plugin {path}: there is no such file.")
    name = f"lossctl_plugin_{Path(path).stem}"
    about = spec_from_file_location(name, path)
    if about is None or about.loader is None:
        raise UsageError(f"--plugin {path}: a Python file (.py) is needed.")
    module = module_from_spec(about)
    sys.modules[name] = module
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nothing is left beside the user's file
    try:
        about.loader.exec_module(module)
    except LossctlError as error:
        raise UsageError(f"plugin {path}: {error}") from None
    except Exception as error:  # whatever a plugin does wrong is its author's to mend, not a defect of ours
        raise UsageError(
            f"plugin {path} cannot be loaded: {type(error).__name__}: {error}{_line(error, path)}"
        ) from error
    finally:
        sys.dont_write_bytecode = kept
    _LOADED.add(real)


@cache
def load_packages() -> None:
    """Import every installed package that offers losses."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # as above
            raise UsageError(
                f"plugin {entry.name} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}. "
                "Mend it, or uninstall the package."
            ) from error


def _line(error: Exception, path: str) -> str:
    """Where in the plugin it went wrong; errors of syntax say so themselves."""
    import traceback

    where = str(Path(path).absolute())
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in (path, where)]
    return f" (line {frames[-1].lineno})." if frames and not isinstance(error, SyntaxError) else "."
