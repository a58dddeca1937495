"""A request, and the job it becomes once every name in it is resolved against the registry and the files."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, NamedTuple

from lossctl import spec
from lossctl.engine.plan import Plan
from lossctl.evaluate import Blend, Reduced
from lossctl.mapping import Table
from lossctl.sources import Source, TextOptions
from lossctl.spec import Loss


class Request(NamedTuple):
    """What is asked for, as the command line and Python say it."""

    loss: str
    files: tuple[str, ...]
    options: Mapping[str, Any] = {}
    reduction: str | None = None
    weight: str | None = None
    group: str | None = None
    unit_weight: str | None = None
    by: tuple[str, ...] = ()
    id: str | None = None
    where: str | None = None
    limit: int | None = None
    truth: str | None = None
    on: tuple[str, ...] = ()
    join: Literal["strict", "inner"] = "strict"
    many_to_one: bool = False
    missing: Literal["error", "skip"] = "error"
    positive_label: str | None = None
    classes: tuple[str, ...] = ()
    ci: float | None = None
    ci_method: Literal["normal", "bootstrap"] = "normal"
    seed: int = 0
    stats: bool = False
    per_row: str | None = None
    gradient: bool = False
    max: float | None = None
    min: float | None = None
    threads: int = 0
    dry_run: bool = False
    memory_limit: str | None = None
    batch_rows: int = 0
    memory: Source | None = None
    truth_memory: Source | None = None
    text: TextOptions = TextOptions()
    coef_file: str | None = None
    combine: Literal["uncertainty", "normalized"] | None = None
    log_var: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()


OF_TEXT = tuple(field.name for field in fields(TextOptions))


def request_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name, in the types of a request, as its fields: those of text files stand together."""
    found = {name: value for name, value in options.items() if name not in OF_TEXT}
    found["memory_limit"] = found.pop("memory")  # the field of that name holds data
    return found | {"text": TextOptions(**{name: options[name] for name in OF_TEXT})}


class Constant(NamedTuple):
    """A term that is evaluated once on a file of its own: a penalty on coefficients."""

    factor: float
    loss: str
    spec: str
    cell: Reduced


class Job(NamedTuple):
    """A request whose names are resolved against the registry and the files."""

    request: Request
    table: Table
    plan: Plan
    factors: tuple[float, ...]
    reductions: tuple[str, ...]
    constants: tuple[Constant, ...] = ()
    blend: Blend | None = None

    @property
    def losses(self) -> list[Loss]:
        """The loss of each term."""
        return [spec.get(term.loss) for term in self.plan.terms]

    @property
    def reduction(self) -> str:
        """The reduction of all terms, where they share one."""
        return self.reductions[0] if len(set(self.reductions)) == 1 else "each term's own"


class Work(NamedTuple):
    """Jobs on one dataset, and the plan that evaluates the terms of all of them in one pass.

    `places` tells for each job where its terms stand in the plan.
    """

    plan: Plan
    jobs: tuple[Job, ...]
    places: tuple[tuple[int, ...], ...]
