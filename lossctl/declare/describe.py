"""A loss in words, written from its declaration when somebody asks: docstring, signature, session."""

from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature, cleandoc
from math import isfinite
from typing import TYPE_CHECKING

from lossctl.declare.from_python import holds
from lossctl.declare.kernel import Kernel, LossRole

if TYPE_CHECKING:
    from lossctl.declare.declaration import Example, Loss

WIDTH = 100
SHAPES = {
    "number": "(n,)",
    "vector": "(n, d)",
    "either": "(n,) or (n, d)",
    "matrix": "(n, m, d)",
    "ragged": "n lists of any lengths",
}


def document(loss: "Loss") -> str:
    """The docstring of a loss: its formula, arrays, parameters, unit, errors and examples."""
    return "\n".join(_sections(loss))


def signature(loss: "Loss") -> Signature:
    """How a loss is called."""
    absent = {role.name: Parameter.empty if role.required else None for role in loss.roles}
    roles = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default) for name, default in absent.items()]
    params = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=Parameter.empty if param.required else param.default)
        for name, param in loss.params.items()
    ]
    return Signature([*roles, *params])


def python_session(loss: "Loss", cases: int | None = None) -> list[str]:
    """The loss's examples (or the first of them) as an interactive session."""
    return list(session(loss.name, loss.examples[:cases], lambda case: _by_row(loss.kernel_for(case.arrays))))


def _by_row(kernel: Kernel) -> bool:
    """Whether a call gives a value per row."""
    return kernel.scope == "row" or not kernel.unit_valued


def _sections(loss: "Loss") -> Iterator[str]:
    yield f"{loss.name}{signature(loss)}"
    yield ""
    yield cleandoc(loss.doc)
    yield ""
    yield "Arrays (lists will do):"
    yield from (f"    {role.name}: {_array(role)}" for role in loss.roles)
    if loss.params:
        yield "Parameters:"
        yield from (f"    {param.name}: {param.help}; {param.domain}" for param in loss.params.values())
    yield f"Returns {_returned(loss.kernel)}; unit: {loss.dimension}."
    yield from (f"Without {role} it returns {_returned(kernel)}." for role, kernel in loss.hooks.when_absent.items())
    yield "Raises LossctlError where arrays do not fit together, or a parameter is outside its range. Domains are"
    yield "checked where files are read (lossctl.compute), not here."
    yield f"Reference: {loss.reference}"
    if loss.examples:
        yield ""
        yield from python_session(loss)


def _returned(kernel: Kernel) -> str:
    return "the value of each row, (n,)" if _by_row(kernel) else "the value of all rows as one unit, a float"


def _array(role: LossRole) -> str:
    optional = "" if role.required else "; optional"
    return f"{SHAPES[role.role.shape]}, {holds(role)}{optional}"


def session(loss: str, examples: Iterable["Example"], by_row: Callable[["Example"], bool]) -> Iterator[str]:
    """The lines of an interactive session that works the examples out, as doctest reads them.

    12 digits are shown: the last ones are the processor's.
    """
    yield ">>> import lossctl"
    for case in examples:
        result, shown = ("rows", "rows.mean()") if by_row(case) else ("value", "value")
        given = [f"{name}={written(value)}" for name, value in {**case.arrays, **case.params}.items()]
        call = f">>> {result} = lossctl.losses.{loss}({', '.join(given)})"
        if len(call) <= WIDTH:
            yield call
        else:
            yield f">>> {result} = lossctl.losses.{loss}("
            yield from (f"...     {argument}," for argument in given)
            yield "... )"
        yield f'>>> print(f"{{{shown}:.12g}}")'
        yield f"{case.value:.12g}"


def written(value: object) -> str:
    """A value as Python source, whatever arrays it is made of."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, list):
        return f"[{', '.join(map(written, plain))}]"
    if isinstance(plain, tuple):
        return f"({', '.join(map(written, plain))}{',' if len(plain) == 1 else ''})"
    return f'float("{plain}")' if isinstance(plain, float) and not isfinite(plain) else repr(plain)
