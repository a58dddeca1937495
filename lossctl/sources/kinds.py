"""Arrow types as far as roles care: what kind of values a column holds, and columns made of NumPy's."""

import pyarrow as pa
from pyarrow import types as pt

from lossctl.sources.source import Kind

EXACT_INTEGERS = 2.0**53
INEXACT = "Integers beyond 2^53 are not exact as float64; store the column as float64 (text with a point), or scale it."


def kind_of(kind: pa.DataType) -> Kind:
    """The kind of values a type holds."""
    if pt.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_decimal(kind) or pt.is_null(kind):
        return "number"
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind):
        return "text"
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return "list"
    if isinstance(kind, pa.BaseExtensionType):
        return kind_of(kind.storage_type)
    return "other"


def type_name(kind: pa.DataType) -> str:
    """A type as messages name it: that of the values, however they are stored."""
    return type_name(kind.value_type) if pt.is_dictionary(kind) else str(kind)
