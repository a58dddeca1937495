"""Helpers of kernels that are recorded as a whole: one decorator, so that recorders need not see inside."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Helper = TypeVar("Helper", bound=Callable[..., Any])


def recording(*arguments: object) -> Any:
    """The first recorder among some arguments, or None."""
    for each in arguments:
        if hasattr(type(each), "record_primitive"):
            return each
    return None


def primitive(function: Helper) -> Helper:
    """Decorate a helper that a recorder has a formula of its own for, by the helper's name."""

    @wraps(function)
    def called(*args: Any, **keywords: Any) -> Any:
        recorder = recording(*args)
        if recorder is None:
            return function(*args, **keywords)
        return recorder.record_primitive(function.__name__, args, keywords)

    return cast(Helper, called)
