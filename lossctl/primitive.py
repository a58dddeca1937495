"""Helpers of kernels that are recorded as a whole: one decorator, so that recorders need not see inside."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def recording(*arguments: object) -> Any:
    """The first recorder among some arguments, or None."""
    return next((each for each in arguments if hasattr(type(each), "record_primitive")), None)


def primitive(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a helper that a recorder has a formula of its own for, by the helper's name."""

    @wraps(function)
    def called(*args: P.args, **keywords: P.kwargs) -> T:
        recorder = recording(*args)
        if recorder is None:
            return function(*args, **keywords)
        recorded: T = recorder.record_primitive(function.__name__, args, keywords)
        return recorded

    return called
