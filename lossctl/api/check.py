"""`check`: every `[[check]]` of a project's settings, evaluated and held against its bounds."""

import json
import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from lossctl.api.compute import compute
from lossctl.api.settings import Entry
from lossctl.declare.options import KEYWORDS, SETTINGS
from lossctl.errors import LossctlError, UsageError, did_you_mean, it_has
from lossctl.reports.merge import joined, named_checks
from lossctl.reports.results import Check, Report

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (),
}
WORDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
Compute = Callable[..., Report]


def run_checks(path: str, entries: list[Entry], compute: Compute, threads: int = 0) -> Report:
    """One report of all checks; one that cannot be evaluated is an error among them, and hides none of the others."""
    names = [_named(entry) for entry in entries]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise UsageError(f"{path}: two checks have the id {twice!r}; give each its own.")
    rules = _rules()
    asked = [_keywords(entry, os.path.dirname(path), rules) for entry in entries]
    reports = []
    for name, (loss, data, keywords) in zip(names, asked, strict=True):
        try:
            found = compute(loss, data, threads=threads, **keywords)
        except LossctlError as error:
            reports.append(Report("check", [], [], _failed(keywords, str(error))))
        else:
            reports.append(found)
        reports[-1].checks[:] = named_checks(reports[-1], name)
    return joined("check", reports)


def _named(entry: Entry) -> str:
    """A check's id: its own, or its loss on its data."""
    return str(entry.settings.get("id") or f"{entry.settings.get('loss')} on {entry.settings.get('data')}")


def _keywords(entry: Entry, folder: str, rules: Mapping[str, Any]) -> tuple[str, Any, dict[str, Any]]:
    """What a check asks of `compute`; its files are beside the settings."""
    settings = {name.replace("-", "_"): value for name, value in entry.settings.items()}
    for name in ("loss", "data"):
        if name not in settings:
            tip = did_you_mean(name, settings)
            raise UsageError(f"{entry.where}: {name} is missing {it_has(entry.settings)}.{tip}")
    for name, value in settings.items():
        if name in rules and not _fits(value, rules[name]):
            raise UsageError(f"{entry.where}: {name} must be {_said(rules[name])}, not {value!r}.")
    loss, data = str(settings.pop("loss")), settings.pop("data")
    paths = [str(item) for item in (data if isinstance(data, list) else [data])]
    settings.pop("id", None)
    if settings.get("max") is None and settings.get("min") is None:
        raise UsageError(f"{entry.where}: a check needs a bound: max = 1.0, or min.")
    for name in KEYWORDS:
        if name in settings and name not in SETTINGS:
            raise UsageError(f"{entry.where}: {name} is no part of a check; use lossctl compute.")
    for name, option in SETTINGS.items():
        if option.kind in ("data", "cells") and isinstance(given := settings.get(name), str):
            settings[name] = _beside(folder, given)
    return loss, [_beside(folder, item) for item in paths], settings


def _rules() -> dict[str, Any]:
    """What each setting may hold, as the published schema says it."""
    schema = json.loads((files("lossctl") / "api" / "schemas" / "config.json").read_text(encoding="utf-8"))
    rules: dict[str, Any] = schema["$defs"]["check"]["properties"]
    return rules


def _fits(value: object, rule: Mapping[str, Any]) -> bool:
    if "oneOf" in rule:
        return any(_fits(value, each) for each in rule["oneOf"])
    if "enum" in rule:
        return value in rule["enum"]
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if isinstance(value, list):
        return (
            "array" in kinds and len(value) >= rule.get("minItems", 0) and all(_fits(x, rule["items"]) for x in value)
        )
    return type(value) in {known for kind in kinds for known in TYPES[kind]} and (
        value != "" or not rule.get("minLength")
    )


def _said(rule: Mapping[str, Any]) -> str:
    """A rule in words."""
    if "oneOf" in rule:
        return " or ".join(map(_said, rule["oneOf"]))
    if "enum" in rule:
        return "one of " + ", ".join(map(repr, rule["enum"]))
    if rule["type"] == "array":
        return "a list of " + {"string": "text", "number": "numbers"}[rule["items"]["type"]]
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    return " or ".join(WORDS[kind] for kind in kinds)


def _beside(folder: str, path: str) -> str:
    """A path as it is meant in a file of that folder."""
    return path if os.path.isabs(path) or "://" in path or path == "-" else os.path.join(folder, path)


def _failed(keywords: Mapping[str, Any], message: str) -> list[Check]:
    bounds = [(op, float(keywords[bound])) for bound, op in (("max", "<="), ("min", ">=")) if bound in keywords]
    return [Check(f"{op}{threshold:g}", "error", None, op, threshold, message) for op, threshold in bounds]


def check(config: "str | os.PathLike[str] | None" = None, *, threads: int = 0) -> Report:
    """Evaluate every `[[check]]` of `lossctl.toml`, of `[tool.lossctl]` in `pyproject.toml`, or of a file so written.

    A check has a `loss` (or an expression), `data` (a file, or a list of files that make one dataset; relative to the
    settings), `max` or `min`, perhaps an `id`, and any keyword of `compute` and option of its loss. The report's
    `checks` hold a status for each bound and slice: "pass", "fail", or "error" where it could not be evaluated.
    Raises `LossctlError` where the settings cannot be understood.

    >>> import lossctl
    >>> report = lossctl.check("sample_data/lossctl.toml")
    >>> [(each.id, each.status) for each in report.checks][:2]
    [('residuals: huber<=0.5:whole', 'pass'), ('residuals by diagnosis: mae<=1.5:whole', 'pass')]
    """
    from lossctl.api import settings
    from lossctl.declare.registry import load_file

    path, entries = settings.checks(None if config is None else os.fspath(config))
    for plugin in settings.plugins(path):
        load_file(plugin)
    return run_checks(path, entries, compute, threads)
