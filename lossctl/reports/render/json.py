"""A report as JSON, and as the plain data that JSON holds."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from lossctl.errors import valid

if TYPE_CHECKING:  # alone, since reports import this module for `to_dict` and `to_json`
    from lossctl.reports.results import Evaluation, Report

SCHEMA = "lossctl.report/1"


def render(report: "Report", precision: int | None) -> str:
    """The whole report; its numbers are always written in full."""
    return as_text(report) + "\n"


def as_text(report: "Report") -> str:
    """The report as JSON text without NaN or Infinity."""
    return valid(json.dumps(as_dict(report), indent=2, allow_nan=False, ensure_ascii=False))


def as_dict(report: "Report") -> dict[str, Any]:
    """The report as its JSON Schema (`lossctl schema`) describes it."""
    from lossctl import __version__

    return {
        "schema": SCHEMA,
        "tool": {"name": "lossctl", "version": __version__},
        "command": report.command,
        "inputs": [_fields(item) for item in report.inputs],
        "results": [_evaluation(item) for item in report.results],
        "comparisons": [_fields(item) for item in report.comparisons],
        "checks": [_fields(item) for item in report.checks],
        "findings": [_fields(item) for item in report.findings],
    }


def _fields(item: Any) -> dict[str, Any]:
    """A named tuple or a data class by the names of its fields."""
    return {name: _plain(getattr(item, name)) for name in item.__match_args__}


def _evaluation(item: "Evaluation") -> dict[str, Any]:
    """An evaluation without the places of its values, which are in the order of the data."""
    return {name: plain for name, plain in _fields(item._replace(places=None)).items() if name != "places"}


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
