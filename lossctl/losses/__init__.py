"""The losses by family: every module of these folders is one, and every name declared in one is an attribute here.

>>> import lossctl
>>> lossctl.losses.huber([3.0, 2.0], [2.5, 5.0], delta=2.0)
array([0.125, 4.   ])
>>> "cross_entropy" in dir(lossctl.losses)
True

`help(lossctl.losses.huber)` shows a loss's formula, arrays, parameters and examples.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss


def __getattr__(name: str) -> "Loss":
    from lossctl.declare import registry

    found = None if name.startswith("_") else registry.find(name)
    if found is None:
        from lossctl.errors import did_you_mean

        tip = "" if name.startswith("_") else did_you_mean(name, registry.names())
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{tip}")
    return found


def __dir__() -> list[str]:
    from lossctl.declare import registry

    return sorted(registry.names())
