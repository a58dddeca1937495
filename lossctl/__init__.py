"""lossctl: loss functions on the files that models leave behind.

>>> import lossctl
>>> lossctl.losses.huber([3.0, 2.0], [2.5, 5.0], delta=1.0)
array([0.125, 2.5  ])
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl import losses
    from lossctl.api.check import check
    from lossctl.api.compare import compare
    from lossctl.api.compute import compute
    from lossctl.declare.declaration import Loss
    from lossctl.declare.registry import loss
    from lossctl.engine.plan.side_files import read_cells as read_cells
    from lossctl.errors import LossctlError
    from lossctl.reports.results import Report

__version__ = "0.1.0"
__all__ = ["Loss", "LossctlError", "Report", "__version__", "check", "compare", "compute", "loss", "losses"]

_HOMES = {
    "Loss": "declare.declaration",
    "LossctlError": "errors",
    "Report": "reports.results",
    "check": "api.check",
    "compare": "api.compare",
    "compute": "api.compute",
    "loss": "declare.registry",
    "losses": "losses",
    "read_cells": "engine.plan.side_files",  # for losses called in Python: what declares them opens no files
}


def __getattr__(name: str) -> object:
    """Public names are imported when they are first used: start-up is a feature."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_HOMES[name]}")
    return module if name == "losses" else getattr(module, name)
