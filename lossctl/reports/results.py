"""What an evaluation says, as plain frozen data; rounding, wording and other forms are the renderers' business."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]


class Input(NamedTuple):
    """A file that was read; `rows` is None where nobody counted them yet.

    >>> import lossctl
    >>> lossctl.compute("mse", "sample_data/preds.parquet").inputs[0].rows
    569
    """

    path: str
    format: str
    rows: int | None
    bytes: int


class Denominator(NamedTuple):
    """What a value was divided by: rows, weights, class weights, elements, units.

    >>> import lossctl
    >>> data = {"y": [3.0, 2.0], "yhat": [2.5, 5.0], "w": [1.0, 0.5]}
    >>> lossctl.compute("mse", data, weight="w").results[0].denominator
    Denominator(kind='weights', value=1.5)
    """

    kind: str
    value: float


class TermValue(NamedTuple):
    """One term of an expression with its own reduced value.

    >>> import lossctl
    >>> report = lossctl.compute("mse + 2*huber", {"y": [3.0, 2.0], "yhat": [2.5, 5.0]})
    >>> [(term.factor, term.spec, term.value) for term in report.results[0].terms]
    [(1.0, 'mse', 4.625), (2.0, 'huber(delta=1.0)', 1.3125)]
    """

    spec: str
    factor: float
    value: float | None
    reason: str | None
    denominator: Denominator | None


class Interval(NamedTuple):
    """A confidence interval of a value, and the method that gave it.

    `level` is 0.95 for 95 %; the ends are in the unit of the value.

    >>> import lossctl
    >>> interval = lossctl.compute("mae", "sample_data/preds.parquet", ci=95).results[0].interval
    >>> interval.level, round(interval.low, 4), round(interval.high, 4)
    (0.95, 0.6252, 0.7638)
    """

    level: float
    low: float
    high: float
    method: str


class Distribution(NamedTuple):
    """How row losses (or unit values) are distributed, each counted once whatever its weight; `std` has ddof 0.

    `approximate` is None where the percentiles are exact (interpolated as NumPy's default), else their relative error.

    >>> import lossctl
    >>> data = {"y": [3.0, 2.0, 7.0], "yhat": [2.5, 5.0, 7.0]}
    >>> found = lossctl.compute("mae", data, stats=True).results[0].distribution
    >>> found.min, found.p50, found.max
    (0.0, 0.5, 3.0)
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
    """One loss on one dataset or slice. `value` may be infinite here; reports write null with a reason.

    Rows that a dry run did not count are None. `places` tell what each of `values` is of: rows by number or id, units
    by label.

    >>> import lossctl
    >>> data = {"y": [3.0, 2.0, 7.0], "yhat": [2.5, 5.0, 7.0], "site": ["a", "b", "b"]}
    >>> whole, *slices = lossctl.compute("mse", data, by="site")
    >>> whole.spec, whole.rows, whole.dimension, whole.columns
    ('mse', 3, 'squared target units', {'target': ['y'], 'pred': ['yhat']})
    >>> [(each.slice, each.value) for each in slices]
    [({'site': 'a'}, 0.25), ({'site': 'b'}, 4.5)]
    """

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
    rows: int | None
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
    places: Mapping[str, Sequence[Any]] | None = None

    @property
    def evaluated(self) -> bool:
        """Whether there is a number, be it infinite."""
        return self.value is not None


class Check(NamedTuple):
    """A threshold and whether the value keeps it; `result` is the index of the evaluation, None where there is none.

    >>> import lossctl
    >>> check = lossctl.compute("mae", {"y": [3.0, 2.0], "yhat": [2.5, 5.0]}, max=1.0).checks[0]
    >>> check.status, check.value, check.op, check.threshold
    ('fail', 1.75, '<=', 1.0)
    """

    id: str
    status: str
    value: float | None
    op: str
    threshold: float
    message: str
    baseline: float | None = None
    result: int | None = None


class Comparison(NamedTuple):
    """How a model's value differs from the baseline's, on the whole or a slice: `difference` is the one less the other.

    `loss` is the expression with its parameters; `rows` are the candidate's. Differences are not tested: `interval` and
    `p` are None, and `method` says what the values are of.

    >>> import lossctl
    >>> old, new = {"y": [3.0, 2.0], "yhat": [2.5, 5.0]}, {"y": [3.0, 2.0], "yhat": [2.5, 3.0]}
    >>> found = lossctl.compare([old, new], "mae").comparisons[0]
    >>> found.loss, found.baseline, found.candidate, found.difference, found.rows
    ('mae', '(memory 1)', '(memory 2)', -1.0, 2)
    """

    loss: str
    baseline: str
    candidate: str
    slice: Mapping[str, str] | None
    difference: float | None
    interval: Interval | None
    p: float | None
    method: str
    rows: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A pitfall seen in the data or the request; `results` are indexes of the evaluations it concerns.

    >>> import lossctl
    >>> data = {"y": [3.0, None, 7.0], "yhat": [2.5, 5.0, 7.0]}
    >>> finding = lossctl.compute("mae", data, missing="skip").findings[0]
    >>> finding.code, finding.severity, finding.count
    ('LC101', 'info', 1)
    """

    code: str
    severity: str
    message: str
    count: int
    results: list[int]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a command: `results` holds the whole first, then its slices; iterating goes through them.

    >>> import lossctl
    >>> report = lossctl.compute("mae", {"y": [3.0, 2.0], "yhat": [2.5, 5.0], "site": ["a", "b"]}, by="site")
    >>> report.value
    1.75
    >>> [(result.slice, result.value) for result in report]
    [(None, 1.75), ({'site': 'a'}, 0.5), ({'site': 'b'}, 3.0)]
    """

    command: str
    inputs: list[Input]
    results: list[Evaluation]
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """The value over the whole dataset: None where there is none, infinity where it is infinite."""
        return self.results[0].value if self.results else None

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self.results)

    def to_dict(self) -> dict[str, Any]:
        """The report as its JSON Schema (`lossctl schema`) describes it; an infinite value is None, with its reason.

        >>> import lossctl
        >>> lossctl.compute("mae", {"y": [3.0, 2.0], "yhat": [2.5, 5.0]}).to_dict()["results"][0]["value"]
        1.75
        """
        from lossctl.reports.render.json import as_dict

        return as_dict(self)

    def to_pandas(self) -> "pd.DataFrame":
        """A data frame with a row per result: the slice's columns, then value, reason, rows and the rest.

        >>> import lossctl
        >>> report = lossctl.compute("mae", {"y": [3.0, 2.0], "yhat": [2.5, 5.0], "site": ["a", "b"]}, by="site")
        >>> report.to_pandas()[["site", "value", "rows", "over", "denominator"]].values.tolist()
        [[nan, 1.75, 2, 'rows', 2.0], ['a', 0.5, 1, 'rows', 1.0], ['b', 3.0, 1, 'rows', 1.0]]
        """
        from lossctl.reports.render.frame import data_frame

        return data_frame(self)

    def to_json(self) -> str:
        """The report as JSON text: full-precision numbers or null, never NaN or Infinity.

        >>> import json, lossctl
        >>> text = lossctl.compute("mae", {"y": [3.0, 2.0], "yhat": [2.5, 5.0]}).to_json()
        >>> json.loads(text)["schema"]
        'lossctl.report/1'
        """
        from lossctl.reports.render.json import as_text

        return as_text(self)


def sliced(item: Evaluation | Comparison) -> tuple[tuple[str, str], ...]:
    """The columns and labels of a slice, as a key; () for the whole."""
    return tuple((item.slice or {}).items())
