"""What a loss declares beside its kernel: each function is kept under the name of the decorator that takes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lossctl.arithmetic.arrays import Array
from lossctl.declare.classes import Classes
from lossctl.declare.kernel import Detector, Kernel, Rule


@dataclass(slots=True, repr=False)
class Hooks:
    """`@huber.gradient` is `huber.hooks.gradient`; what can be declared several times is in the plural.

    `finish` alone belongs to the kernel, which cannot be evaluated without it.
    """

    gradient: Callable[..., Array] | None = None
    gradient_by: str = "pred"
    findings: list[Detector] = field(default_factory=list)
    unit_findings: list[Detector] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    check_params: Callable[..., str | None] | None = None
    prepare: Callable[[dict[str, Any], Classes], dict[str, Any]] | None = None
    domains: Callable[..., Mapping[str, Any]] | None = None
    letters: Callable[..., Mapping[str, int]] | None = None
    detail: Callable[..., Mapping[str, Array]] | None = None
    when_absent: dict[str, Kernel] = field(default_factory=dict)
