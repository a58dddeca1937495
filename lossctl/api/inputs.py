"""What is given in Python as a request: data, truth and keywords."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lossctl.api import keywords
from lossctl.engine.plan.request import Request, request_fields
from lossctl.errors import DataError, UsageError

if TYPE_CHECKING:
    from lossctl.sources.memory import MemorySource

TRUTH = "(truth in memory)"


def request_of(
    loss: object,
    data: "tuple[tuple[str, ...], MemorySource | None]",
    options: Mapping[str, object],
    **named: Any,
) -> Request:
    """The request that keywords of `compute` make."""
    paths, table = data
    return Request(
        loss=loss if isinstance(loss, str) else str(getattr(loss, "name", loss)),
        files=paths,
        table=table,
        options=options,
        **request_fields(named),
    )


def keywords_of(given: Mapping[str, object]) -> dict[str, Any]:
    """Keywords of `compute` in the types of a request."""
    named = keywords.read(given)
    named["truth"], named["truth_table"] = _truth(named["truth"])
    return named


def _truth(truth: object) -> "tuple[str | None, MemorySource | None]":
    """The path of the truth, or the source of one in memory, which has a name of its own."""
    if truth is None:
        return None, None
    try:
        paths, found = paths_of(truth)
    except DataError as error:
        raise UsageError(f"truth: {error}") from None
    if found is not None:
        return TRUTH, replace(found, path=TRUTH)
    if len(paths) > 1:
        raise UsageError(f"truth is one file, not {len(paths)}: join them to one, or give the rows in memory.")
    return paths[0], None


def paths_of(data: object, at: int = 0) -> tuple[tuple[str, ...], "MemorySource | None"]:
    """Paths of files, or the source of data in memory, which has a number (from 1) where there are several."""
    if isinstance(data, str | os.PathLike):
        return (os.fspath(data),), None
    if isinstance(data, list | tuple) and data and all(isinstance(item, str | os.PathLike) for item in data):
        return tuple(os.fspath(item) for item in data), None
    from lossctl.sources import memory

    found = memory.source(data)
    found = replace(found, path=f"(memory {at})") if at else found
    return (found.path,), found
