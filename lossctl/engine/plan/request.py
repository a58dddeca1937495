"""A request, and the job it becomes once every name in it is resolved against the registry and the files."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import exp
from typing import Any, Literal, NamedTuple

from lossctl.columns.binding import Table
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.engine.plan.plan import Ask, Scan, Term
from lossctl.errors import UsageError
from lossctl.sources.csv.options import TextOptions
from lossctl.sources.source import Source

REDUCTIONS = ("mean", "mean-rows", "mean-elements", "sum", "sum-elements", "none")


class Blend(NamedTuple):
    """How terms are added, other than plainly: by learned uncertainties, or each over its reference value."""

    kind: str
    numbers: tuple[float, ...]

    def scale(self, index: int, value: float) -> float:
        """A term's part: exp(-s) L + s/2 (arXiv:1705.07115, classification form), or L / reference."""
        number = self.numbers[index]
        return exp(-number) * value + number / 2 if self.kind == "uncertainty" else value / number


def blend_of(kind: str | None, log_var: Sequence[float], reference: Sequence[float], terms: int) -> Blend | None:
    """The blend that --combine asks for, with one number per term."""
    option, numbers = ("--log-var", log_var) if kind == "uncertainty" else ("--reference", reference)
    if kind is None:
        if log_var or reference:
            raise UsageError("--log-var needs --combine uncertainty, and --reference --combine normalized.")
        return None
    if len(numbers) != terms:
        raise UsageError(f"--combine {kind} needs {option} with {terms} numbers, one per term, not {len(numbers)}.")
    if kind == "normalized" and 0 in numbers:
        raise UsageError("--reference values must not be 0: each term is divided by its own.")
    return Blend(kind, tuple(numbers))


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
    memory: str | None = None
    batch_rows: int = 0
    table: Source | None = None
    truth_table: Source | None = None
    text: TextOptions = TextOptions()
    coef_file: str | None = None
    combine: Literal["uncertainty", "normalized"] | None = None
    log_var: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()


OF_TEXT = tuple(field.name for field in fields(TextOptions))


def request_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name, in the types of a request, as its fields: those of text files stand together."""
    found = {name: value for name, value in options.items() if name not in OF_TEXT}
    return found | {"text": TextOptions(**{name: options[name] for name in OF_TEXT})}


class Penalty(NamedTuple):
    """A term on the coefficients of a file of its own, which is evaluated once: its factor, and how."""

    factor: float
    work: "Work"

    @property
    def term(self) -> Term:
        return self.work.ask.terms[0]


class Job(NamedTuple):
    """A request whose names are resolved against the registry and the files."""

    request: Request
    table: Table
    scan: Scan
    ask: Ask
    factors: tuple[float, ...]
    reductions: tuple[str, ...]
    penalties: tuple[Penalty, ...] = ()
    blend: Blend | None = None

    @property
    def losses(self) -> list[Loss]:
        """The loss of each term."""
        return [registry.get(term.loss) for term in self.ask.terms]

    @property
    def reduction(self) -> str:
        """The reduction of all terms, where they share one."""
        return self.reductions[0] if len(set(self.reductions)) == 1 else "each term's own"


class Work(NamedTuple):
    """Jobs on one dataset, how it is read, and what is asked so that one pass evaluates the terms of all of them.

    `places` tells for each job where its terms stand in what is asked.
    """

    scan: Scan
    ask: Ask
    jobs: tuple[Job, ...]
    places: tuple[tuple[int, ...], ...]
