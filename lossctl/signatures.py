"""What a declaration's functions say: a kernel's positional arguments are roles, its keyword-only ones parameters."""

from collections.abc import Callable
from typing import Any, get_args

from lossctl.declare.options import COMMON_OPTIONS
from lossctl.errors import DeclarationError, did_you_mean, listing
from lossctl.kernel import SUPPLIED, Finding, Kernel, LossRole, Scope
from lossctl.params import Parameter, resolve
from lossctl.roles import Flags, Role

BUILT_IN = "lossctl.losses."


def read_signature(function: Callable[..., Any], title: str, scope: Scope) -> tuple[Kernel, dict[str, Parameter]]:
    """The kernel that a function is, and its parameters."""
    code, hints = function.__code__, function.__annotations__
    positional = code.co_varnames[: code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    optional = set(positional[code.co_argcount - len(function.__defaults__ or ()) :])
    roles = []
    for name in positional:
        _check_name(name, title)
        role = role_of(hints.get(name))
        if role is None:
            raise DeclarationError(f"loss {title!r}: argument {name!r} needs a role as its annotation.")
        roles.append(LossRole(name, role, name not in optional))
    supplied = frozenset(keywords) & SUPPLIED
    defaults = function.__kwdefaults__ or {}
    params = {}
    for name in keywords:
        if name not in supplied:
            _check_name(name, title)
            params[name] = resolve(name, hints.get(name), defaults.get(name), name not in defaults, title)
    return Kernel(function, tuple(roles), scope, supplied=supplied), params


def _check_name(name: str, title: str) -> None:
    if name in COMMON_OPTIONS:
        raise DeclarationError(f"loss {title!r}: {name!r} is the name of a common option.")


def role_of(annotation: Any) -> Role | None:
    """The role in `Real`, or in `Real | None` for an optional one."""
    for candidate in (annotation, *get_args(annotation)):
        for item in getattr(candidate, "__metadata__", ()):
            if isinstance(item, Role):
                return item
    return None


def read_finding(code: str, mask: Callable[..., Flags], title: str) -> Finding:
    """The finding that a function marks; its code is looked up here, but for built-in losses, whose codes a test knows.

    Their list need not be imported at every start.
    """
    if not mask.__module__.startswith(BUILT_IN):
        from lossctl.findings import PITFALLS

        if code not in PITFALLS:
            raise DeclarationError(
                f"loss {title!r}: there is no finding {code!r}.{did_you_mean(code, PITFALLS)} "
                f"The codes are {listing(PITFALLS, len(PITFALLS))}; `lossctl info CODE` explains one."
            )
    return Finding(code, mask)
