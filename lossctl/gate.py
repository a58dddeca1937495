"""The gate: every `[[check]]` of a project's settings, evaluated and held against its bounds."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from lossctl.config import Entry
from lossctl.errors import LossctlError, UsageError, did_you_mean, listing
from lossctl.results import Check, Report

Compute = Callable[..., Report]


def run_checks(path: str, entries: list[Entry], compute: Compute, threads: int = 0) -> Report:
    """One report of all checks; one that cannot be evaluated is an error among them, and hides none of the others."""
    report = Report("check", [], [])
    names = [_named(entry) for entry in entries]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise UsageError(f"{path}: two checks have the id {twice!r}; give each its own.")
    asked = [_keywords(entry, os.path.dirname(path)) for entry in entries]
    for name, (loss, data, keywords) in zip(names, asked, strict=True):
        try:
            found = compute(loss, data, threads=threads, **keywords)
        except LossctlError as error:
            report.checks.extend(_failed(name, keywords, str(error)))
            continue
        _add(report, found, name)
    return report


def _named(entry: Entry) -> str:
    """A check's id: its own, or its loss on its data."""
    given = entry.settings.get("id")
    if given is not None and not isinstance(given, str):
        raise UsageError(f"{entry.where}: id must be text, not {given!r}.")
    return given or f"{entry.settings.get('loss')} on {entry.settings.get('data')}"


def _keywords(entry: Entry, folder: str) -> tuple[str, Any, dict[str, Any]]:
    """What a check asks of `compute`; its files are beside the settings."""
    settings = {name.replace("-", "_"): value for name, value in entry.settings.items()}
    for name in ("loss", "data"):
        if name not in settings:
            tip = did_you_mean(name, settings)
            raise UsageError(f"{entry.where}: {name} is missing (it has: {listing(entry.settings)}).{tip}")
    loss, data = settings.pop("loss"), settings.pop("data")
    if not isinstance(loss, str):
        raise UsageError(f"{entry.where}: loss must be a name or an expression, not {loss!r}.")
    paths = [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, str)]
    if not paths or (isinstance(data, list) and len(paths) < len(data)):
        raise UsageError(f"{entry.where}: data must be a file or a list of files, not {data!r}.")
    settings.pop("id", None)
    for bound in ("max", "min"):
        value = settings.get(bound)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise UsageError(f"{entry.where}: {bound} must be a number, not {value!r}.")
    if settings.get("max") is None and settings.get("min") is None:
        raise UsageError(f"{entry.where}: a check needs a bound: max = 1.0, or min.")
    for name in ("per_row", "gradient"):
        if name in settings:
            raise UsageError(f"{entry.where}: {name} is no part of a check; use lossctl compute.")
    if settings.get("reduction") == "none":
        raise UsageError(f"{entry.where}: reduction none has no value to check.")
    for name in ("truth", "coef_file"):
        if isinstance(given := settings.get(name), str):
            settings[name] = _beside(folder, given)
    return loss, [_beside(folder, item) for item in paths], settings


def _beside(folder: str, path: str) -> str:
    """A path as it is meant in a file of that folder."""
    return path if os.path.isabs(path) or "://" in path or path == "-" else os.path.join(folder, path)


def _add(report: Report, found: Report, name: str) -> None:
    """A check's own report after those before it."""
    before = len(report.results)
    report.inputs.extend(item for item in found.inputs if item not in report.inputs)
    report.results.extend(found.results)
    report.checks.extend(
        check._replace(id=f"{name}: {check.id}", message=f"{name}: {check.message}") for check in found.checks
    )
    for finding in found.findings:
        finding.results[:] = [before + at for at in finding.results]
        report.findings.append(finding)


def _failed(name: str, keywords: Mapping[str, Any], message: str) -> list[Check]:
    bounds = [(op, float(keywords[bound])) for bound, op in (("max", "<="), ("min", ">=")) if bound in keywords]
    return [
        Check(f"{name}: {op}{threshold:g}", "error", None, op, threshold, f"{name}: {message}")
        for op, threshold in bounds
    ]
