"""What an evaluation says, as plain frozen data; rounding and wording are the renderers' business."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

SCHEMA = "lossctl.report/1"


class Input(NamedTuple):
    """A file that was read."""

    path: str
    format: str
    rows: int
    bytes: int


class Denominator(NamedTuple):
    """What a value was divided by: rows, weights, class weights, elements, units."""

    kind: str
    value: float


class TermValue(NamedTuple):
    """One term of an expression with its own reduced value."""

    spec: str
    factor: float
    value: float | None
    reason: str | None
    denominator: Denominator | None


class Interval(NamedTuple):
    """A confidence interval of a value, and the method that gave it."""

    level: float
    low: float
    high: float
    method: str


class Distribution(NamedTuple):
    """How row losses (or unit values) are distributed, each counted once whatever its weight; `std` has ddof 0.

    `approximate` is None where the percentiles are exact (interpolated as NumPy's default), else their relative error.
    """

    mean: float
    std: float | None
    min: float
    p01: float
    p50: float
    p90: float
    p99: float
    max: float
    approximate: Mapping[str, float] | None


class Evaluation(NamedTuple):
    """One loss on one dataset or slice. `value` may be infinite here; reports write null with a reason."""

    loss: str
    spec: str
    params: Mapping[str, Any]
    data: str
    columns: Mapping[str, list[str]]
    slice: Mapping[str, str] | None
    value: float | None
    reason: str | None
    reduction: str
    denominator: Denominator | None
    rows: int
    skipped: int = 0
    ignored: int = 0
    units: int | None = None
    dimension: str = ""
    interval: Interval | None = None
    distribution: Distribution | None = None
    values: list[float | None] | None = None
    details: Mapping[str, Any] = {}
    terms: list[TermValue] | None = None
    signature: str = ""

    @property
    def evaluated(self) -> bool:
        """Whether there is a number, be it infinite."""
        return self.value is not None


class Check(NamedTuple):
    """A threshold and whether the value keeps it."""

    id: str
    status: str
    value: float | None
    op: str
    threshold: float
    message: str
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A pitfall seen in the data or the request; `results` are indexes of the evaluations it concerns."""

    code: str
    severity: str
    message: str
    count: int
    results: list[int]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a command."""

    command: str
    inputs: list[Input]
    results: list[Evaluation]
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """The value over the whole dataset: None where there is none, infinity where it is infinite."""
        return self.results[0].value if self.results else None

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self.results)

    def to_dict(self) -> dict[str, Any]:
        """The report as its JSON Schema (`lossctl schema`) describes it."""
        from lossctl import __version__

        return {
            "schema": SCHEMA,
            "tool": {"name": "lossctl", "version": __version__},
            "command": self.command,
            "inputs": [_fields(item) for item in self.inputs],
            "results": [_evaluation(item) for item in self.results],
            "comparisons": [],
            "checks": [_fields(item) for item in self.checks],
            "findings": [_fields(item) for item in self.findings],
        }

    def to_pandas(self) -> "pd.DataFrame":
        """A data frame with a row per result: the slice's columns, then value, reason, rows and the rest."""
        import pandas as pd

        names = (
            "loss",
            "spec",
            "data",
            "value",
            "reason",
            "reduction",
            "rows",
            "skipped",
            "ignored",
            "units",
            "dimension",
        )
        rows = []
        for item in self.results:
            denominator = item.denominator
            sized = {"over": denominator.kind, "denominator": denominator.value} if denominator else {}
            rows.append({**(item.slice or {}), **{name: getattr(item, name) for name in names}, **sized})
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """The report as JSON text: full-precision numbers or null, never NaN or Infinity."""
        import json

        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)


def _fields(item: Any) -> dict[str, Any]:
    return {name: _plain(getattr(item, name)) for name in item.__match_args__}


def _evaluation(item: Evaluation) -> dict[str, Any]:
    return {
        "loss": item.loss,
        "spec": item.spec,
        "params": _plain(item.params),
        "data": item.data,
        "columns": _plain(item.columns),
        "slice": _plain(item.slice),
        "value": _plain(item.value),
        "reason": item.reason,
        "reduction": item.reduction,
        "denominator": _plain(item.denominator),
        "rows": item.rows,
        "skipped": item.skipped,
        "ignored": item.ignored,
        "units": item.units,
        "dimension": item.dimension,
        "interval": _plain(item.interval),
        "distribution": _plain(item.distribution),
        "values": _plain(item.values),
        "details": _plain(item.details),
        "terms": _plain(item.terms),
        "signature": item.signature,
    }


def _plain(value: Any) -> Any:
    """Data that JSON can hold: an infinite number becomes null (its reason stands beside it)."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "__match_args__"):
        return _fields(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
