"""What Python's help shows of a loss, written from its declaration when somebody asks."""

from collections.abc import Iterator
from inspect import Parameter, Signature, cleandoc

from lossctl.arrays import holds
from lossctl.examples import session
from lossctl.kernel import Kernel, LossRole
from lossctl.spec import Loss

SHAPES = {
    "number": "(n,)",
    "vector": "(n, d)",
    "either": "(n,) or (n, d)",
    "matrix": "(n, m, d)",
    "ragged": "n lists of any lengths",
}


def document(loss: Loss) -> str:
    """The docstring of a loss: its formula, arrays, parameters, unit, errors and examples."""
    return "\n".join(_sections(loss))


def signature(loss: Loss) -> Signature:
    """How a loss is called."""
    absent = {role.name: Parameter.empty if role.required else None for role in loss.roles}
    roles = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default) for name, default in absent.items()]
    params = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=Parameter.empty if param.required else param.default)
        for name, param in loss.params.items()
    ]
    return Signature([*roles, *params])


def python_session(loss: Loss, cases: int | None = None) -> list[str]:
    """The loss's examples (or the first of them) as an interactive session."""
    return list(session(loss.name, loss.examples[:cases], lambda case: _by_row(loss.kernel_for(case.arrays))))


def _by_row(kernel: Kernel) -> bool:
    """Whether a call gives a value per row."""
    return kernel.scope == "row" or not kernel.unit_valued


def _sections(loss: Loss) -> Iterator[str]:
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
