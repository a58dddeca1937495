"""The losses by family: every module of this folder is one, and every name declared in one is an attribute here.

>>> import lossctl
>>> lossctl.losses.huber([3.0, 2.0], [2.5, 5.0], delta=2.0)
array([0.125, 4.   ])
>>> "cross_entropy" in dir(lossctl.losses)
True

`help(lossctl.losses.huber)` shows a loss's formula, arrays, parameters and examples.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.spec import Loss


@cache
def load() -> None:
    """Import every family, which declares its losses."""
    for family in families():
        import_module(f"{__name__}.{family}")


def load_naming(name: str) -> None:
    """Import the families whose text declares or aliases a name: all of them cost a tenth of a command's start."""
    for family in families():
        path = Path(__file__).with_name(f"{family}.py")
        text = path.read_text(encoding="utf-8")
        if f"def {name}(" in text or f'"{name}"' in text:
            import_module(f"{__name__}.{family}")


def families() -> list[str]:
    """The modules of this folder, in order of name."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def __getattr__(name: str) -> "Loss":
    from lossctl import spec

    found = None if name.startswith("_") else spec.find(name)
    if found is None:
        from lossctl.errors import did_you_mean

        tip = "" if name.startswith("_") else did_you_mean(name, spec.names())
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{tip}")
    return found


def __dir__() -> list[str]:
    from lossctl import spec

    return sorted([*spec.names(), "families", "load"])
