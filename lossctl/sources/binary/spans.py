"""What Parquet's statistics say of a column: in the order that filters compare by, or nothing where these differ."""

from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import types as pt

from lossctl.sources.source import Span

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData

    from lossctl.sources.source import Bound


def told(kind: pa.DataType) -> bool:
    """Whether the order of a column's statistics is that of its values as filters see them: numbers, or text."""
    if pt.is_dictionary(kind):
        return told(kind.value_type)
    if pt.is_timestamp(kind):
        # Only of UTC is the zone of the column that of its statistics, and nanoseconds are no datetime.
        return kind.unit != "ns" and kind.tz in (None, "UTC")
    if pt.is_time(kind):
        return bool(kind.unit != "ns")
    numeric = pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind)
    return bool(numeric or pt.is_boolean(kind) or pt.is_date(kind) or pt.is_string(kind) or pt.is_large_string(kind))


def span(chunk: "ColumnChunkMetaData", kind: pa.DataType) -> Span | None:
    """The span of a column chunk, where its statistics tell one."""
    statistics = chunk.statistics
    if statistics is None:
        return None
    counted = statistics.has_null_count
    if counted and statistics.null_count == chunk.num_values:
        return Span(None, None)
    if not statistics.has_min_max:
        return None
    try:
        low, high = _read(statistics.min), _read(statistics.max)
    except (ValueError, OverflowError):
        return None  # text cut inside a character, a year beyond 9999
    if low is None or high is None or type(low) is not type(high) or not low <= high:  # type: ignore[operator]
        return None
    # NaN is missing too, and is not counted.
    return Span(low, high, counted and statistics.null_count == 0 and not pt.is_floating(kind))


def _read(value: object) -> "Bound | None":
    return value if isinstance(value, bool | int | float | str | Decimal | date | time) else None
