"""Which parts of a file a filter rules out by what the file says of them: the same logic, on ranges for rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from lossctl.columns.filter.language import Both, Compare, Filter, IsNull, Not, columns
from lossctl.columns.filter.literals import against, bound
from lossctl.columns.filter.text import compare_label
from lossctl.errors import DataError
from lossctl.sources.source import Span

# Whether a filter may be true, and whether it may be false: of what is not known, and where all values are missing.
UNKNOWN = (True, True)
NOTHING = (False, False)


@dataclass(frozen=True, slots=True)
class FilterSieve:
    """A filter as sources ask it; `names` are the columns it reads, each by its name in the files."""

    filter: Filter
    names: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the files that it holds against what they say."""
        return tuple(self.names.values())

    def may_pass(self, spans: Mapping[str, Span]) -> bool:
        """Whether a row within the spans of its columns may pass."""
        return possible(self.filter, {name: spans[own] for name, own in self.names.items() if own in spans})[0]


def sieve(part: Filter, names: Mapping[str, str]) -> FilterSieve:
    """The sieve of a filter; columns that are not among the names may hold anything."""
    return FilterSieve(part, {name: names[name] for name in columns(part) if name in names})


def possible(part: Filter, spans: Mapping[str, Span]) -> tuple[bool, bool]:
    """Whether a filter may be true, and whether it may be false, of some row; of a missing value it is neither."""
    match part:
        case Compare(column, _, _):
            return _compare(part, spans[column]) if column in spans else UNKNOWN
        case IsNull(column):
            span = spans.get(column)
            return UNKNOWN if span is None else (not span.gapless, span.low is not None)
        case Not(inner):
            true, false = possible(inner, spans)
            return false, true
        case Both(word, left, right):
            first, second = possible(left, spans), possible(right, spans)
            if word == "and":
                return first[0] and second[0], first[1] or second[1]
            return first[0] or second[0], first[1] and second[1]


def _compare(part: Compare, span: Span) -> tuple[bool, bool]:
    if span.low is None or span.high is None:
        return NOTHING
    if isinstance(span.low, str) and span.low == span.high:
        try:
            result = compare_label(span.low, part.sign, part.values, part.column, part.loose)
        except DataError:
            return UNKNOWN  # the rows say where, once they are read
        return bool(result), not result
    values = [against(span.low, value) for value in part.values]
    if None in values:
        return UNKNOWN  # the rows say so: numbers against text, or what is no date
    value, alone = values[0], span.low == span.high
    low, high = bound(span.low), bound(span.high)
    inside = [low <= value <= high for value in values]  # type: ignore[operator]
    match part.sign:
        case "in" | "=" | "==":
            return any(inside), not (alone and any(inside))
        case "!=" | "<>":
            return not (alone and inside[0]), inside[0]
        case "<":
            return low < value, high >= value  # type: ignore[operator]
        case "<=":
            return low <= value, high > value  # type: ignore[operator]
        case ">":
            return high > value, low <= value  # type: ignore[operator]
        case _:
            return high >= value, low < value  # type: ignore[operator]
