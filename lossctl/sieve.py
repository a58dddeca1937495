"""Which parts of a file a filter rules out by what the file says of them: the same logic, on ranges for rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from lossctl.errors import DataError
from lossctl.filters import Both, Compare, Filter, IsNull, Not, as_text, columns, compare_label
from lossctl.sources import Span

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
    low, high = span.low, span.high
    if low is None or high is None:
        return NOTHING
    if isinstance(low, str) and low == high:
        try:
            result = compare_label(low, part.sign, part.values, part.column)
        except DataError:
            return UNKNOWN  # the rows say where, once they are read
        return bool(result), not result
    values = [as_text(value) if isinstance(value, bool) else value for value in part.values]
    if any(isinstance(value, str) != isinstance(low, str) for value in values):
        return UNKNOWN  # numbers are held against text in the order of text, which is not theirs
    alone = low == high
    inside = [low <= value <= high for value in values]  # type: ignore[operator]
    value = values[0]
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
