"""The registry as plain data: what `list` and `info` show, and the documentation is made from."""

from typing import Any

from lossctl.declare.declaration import Loss
from lossctl.declare.kernel import LossRole
from lossctl.declare.params import Parameter
from lossctl.declare.registry import every
from lossctl.declare.roles import usual_names


def entry(loss: Loss) -> dict[str, Any]:
    """Everything declared of a loss."""
    return {
        "name": loss.name,
        "aliases": list(loss.aliases),
        "task": loss.task,
        "family": loss.family,
        "scope": loss.scopes,
        "summary": loss.summary,
        "formula": loss.formula,
        "dimension": loss.dimension,
        "reduction": loss.reduction,
        "roles": [_role(role) for role in loss.roles],
        "params": [_param(parameter) for parameter in loss.params.values()],
        "properties": {**loss.facts, "gradient": loss.hooks.gradient is not None},
        "use_when": loss.use_when,
        "avoid_when": loss.avoid_when,
        "pitfalls": loss.pitfalls,
        "reference": loss.reference,
    }


def entries(task: str | None = None) -> list[dict[str, Any]]:
    """All losses, or those of a task."""
    return [entry(loss) for loss in every() if task is None or task in loss.task.split(", ")]


def tasks() -> list[str]:
    """Every task some loss names."""
    return sorted({task for loss in every() for task in loss.task.split(", ")})


def _role(role: LossRole) -> dict[str, Any]:
    names = [name for rank in usual_names(role.name, role.role) for name in rank]
    return {
        "name": role.name,
        "required": role.required,
        "holds": role.role.says,
        "shape": role.role.shape,
        "domain": role.role.domain.words,
        "usual_names": names,
    }


def _param(parameter: Parameter) -> dict[str, Any]:
    default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    return {
        "name": parameter.name,
        "default": default,
        "required": parameter.required,
        "domain": parameter.domain,
        "choices": list(parameter.choices),
        "help": parameter.help,
    }
