"""The public functions: the same requests as the command line's, the same reports."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from lossctl import keywords
from lossctl.engine import local
from lossctl.engine.block import RowValues
from lossctl.engine.gathered import row_output as gathered_rows
from lossctl.errors import DataError, UsageError
from lossctl.prepare import prepare
from lossctl.reporting import conclude, dry_run
from lossctl.request import Job, Request, request_fields
from lossctl.results import Report
from lossctl.rows import RowFile, RowList, row_columns
from lossctl.together import compare_all, evaluated

if TYPE_CHECKING:
    from lossctl.memory import MemorySource
    from lossctl.spec import Loss

TRUTH = "(truth in memory)"


def compute(
    loss: "str | Loss",
    data: object,
    *,
    reduction: str | None = None,
    weight: str | None = None,
    group: str | None = None,
    unit_weight: str | None = None,
    by: str | Sequence[str] = (),
    id: str | None = None,
    where: str | None = None,
    limit: int | None = None,
    truth: object = None,
    on: str | Sequence[str] = (),
    join: Literal["strict", "inner"] = "strict",
    many_to_one: bool = False,
    delimiter: str | None = None,
    quote: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    na_values: Sequence[str] | None = None,
    coef_file: str | None = None,
    combine: Literal["uncertainty", "normalized"] | None = None,
    log_var: Sequence[float] = (),
    reference: Sequence[float] = (),
    missing: Literal["error", "skip"] = "error",
    positive_label: object = None,
    classes: Sequence[str] = (),
    ci: float | None = None,
    ci_method: Literal["normal", "bootstrap"] = "normal",
    seed: int = 0,
    stats: bool = False,
    per_row: "str | os.PathLike[str] | None" = None,
    gradient: bool = False,
    max: float | None = None,
    min: float | None = None,
    threads: int = 0,
    memory: str | None = None,
    **options: object,
) -> Report:
    """Evaluate a loss, or an expression of losses, on a dataset.

    `loss` is a name, an expression, or one of `lossctl.losses`. `data` is a file, a folder or a glob, a list of files
    that make one dataset, or data in memory: a pandas or Polars data frame (anything with the Arrow stream protocol),
    an Arrow table, a dict of arrays (`(n,)`, or `(n, d)` where a row holds several numbers), an iterator of record
    batches; `truth` is a file or such data. The other keywords are the options of `lossctl compute`; `options` are the
    loss's own parameters and the columns of its roles (`pred="y_hat"`).

    The report holds the whole first, then the slices of `by`; its `value` is the whole's, in the unit that
    `report.results[0].dimension` names. Raises `LossctlError` for anything that cannot be evaluated: a wrong name, an
    unreadable file, values outside a role's domain.

    Files, here with the column of the predictions named:

    >>> import lossctl
    >>> report = lossctl.compute("huber", "sample_data/preds.parquet", pred="y_pred", delta=1.0)
    >>> round(report.value, 6), report.results[0].denominator
    (0.378945, Denominator(kind='rows', value=569.0))
    >>> round(lossctl.compute("mae", ["sample_data/preds.csv"], where="diagnosis == 'benign'").value, 6)
    0.38767

    A data frame, a dict of arrays, and batches that come one after another:

    >>> import numpy as np, pandas as pd, pyarrow as pa
    >>> frame = pd.DataFrame({"y": [3.0, 2.0, 7.0], "yhat": [2.5, 5.0, 7.0], "site": ["a", "b", "b"]})
    >>> lossctl.compute("mse", frame).value == (0.25 + 9.0) / 3
    True
    >>> logits = np.array([[2.0, 0.0, 1.0], [0.5, 0.5, 3.0]])
    >>> round(lossctl.compute("cross_entropy", {"label": np.array([0, 2]), "logits": logits}).value, 6)
    0.279807
    >>> batches = iter(pa.Table.from_pandas(frame).to_batches(max_chunksize=2))
    >>> lossctl.compute("mse", batches).value == (0.25 + 9.0) / 3
    True

    An expression, with the value of each of its terms:

    >>> report = lossctl.compute("0.5*mse + 0.5*mae", frame)
    >>> [(term.spec, round(term.value, 6)) for term in report.results[0].terms]
    [('mse', 3.083333), ('mae', 1.166667)]

    Slices, as a data frame; with `reduction="none"` the values of the rows:

    >>> report = lossctl.compute("mae", frame, by="site")
    >>> report.to_pandas()[["site", "value", "rows"]].round(3).values.tolist()
    [[nan, 1.167, 3], ['a', 0.5, 1], ['b', 1.5, 2]]
    >>> lossctl.compute("mae", frame, reduction="none").results[0].values
    [0.5, 3.0, 0.0]

    Errors say what is wrong, where, and what to do:

    >>> lossctl.compute("mae", frame, pred="y_hat")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    lossctl.errors.DataError: column 'y_hat' is not in (memory) (it has: y, yhat, site). Did you mean 'yhat'? ...
    """
    named = {name: value for name, value in locals().items() if name not in ("loss", "data", "options")}
    return run(_request(loss, _paths(data), options, **_keywords(named)))


def compare(data: object, losses: object, *, baseline: int = 0, **options: Any) -> Report:
    """Evaluate several losses on a dataset in one pass over it, or on the datasets of several models, a pass each.

    `data` is what `compute` takes, or a list with an entry per model. `losses` is a loss or an expression, or a list of
    them. `options` are the keywords of `compute` but for those of rows (`per_row`, `gradient`, `id`), and the
    parameters and columns of the losses, given to each that has them. With `missing="skip"` a row that one of the
    losses cannot use is left out of all.

    The report holds the results by model and loss, each the whole and then its slices; with several models
    `comparisons` holds what each differs by from the one at place `baseline`. Raises `LossctlError` as `compute` does.

    >>> import lossctl
    >>> report = lossctl.compare("sample_data/preds.parquet", ["mse", "huber(delta=2)", "0.5*mse + 0.5*mae"])
    >>> [(result.spec, round(result.value, 4)) for result in report]
    [('mse', 1.1893), ('huber(delta=2.0)', 0.5016), ('0.5*mse + 0.5*mae', 0.9419)]
    >>> models = ["sample_data/baseline.parquet", "sample_data/candidate.parquet"]
    >>> [(each.loss, round(each.difference, 4)) for each in lossctl.compare(models, ["mae", "mse"]).comparisons]
    [('mae', -4.5515), ('mse', -374.3367)]
    """
    left_out = [name for name in ("per_row", "gradient", "id") if options.get(name)]
    if left_out:
        raise UsageError(f"compare has no rows to write: leave {', '.join(left_out)} out, or use compute.")
    several = isinstance(data, list | tuple)
    models = list(data) if several else [data]  # type: ignore[call-overload]
    wanted = list(losses) if isinstance(losses, list | tuple) else [losses]
    defaults = dict(compute.__kwdefaults__ or {})
    named = _keywords(defaults | {name: value for name, value in options.items() if name in defaults})
    own = {name: value for name, value in options.items() if name not in defaults}
    sources = [_paths(model, at if len(models) > 1 else 0) for at, model in enumerate(models, 1)]
    return compare_all([[_request(loss, source, own, **named) for loss in wanted] for source in sources], baseline)


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
    from lossctl import config as settings
    from lossctl.gate import run_checks
    from lossctl.plugins import load_file

    path, entries = settings.checks(None if config is None else os.fspath(config))
    for plugin in settings.plugins(path):
        load_file(plugin)
    return run_checks(path, entries, compute, threads)


def _request(
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
        memory=table,
        options=options,
        **request_fields(named),
    )


def _keywords(given: Mapping[str, object]) -> dict[str, Any]:
    """Keywords of `compute` in the types of a request."""
    named = keywords.read(given)
    named["truth"], named["truth_memory"] = _truth(named["truth"])
    return named


def _truth(truth: object) -> "tuple[str | None, MemorySource | None]":
    """The path of the truth, or the source of one in memory, which has a name of its own."""
    if truth is None:
        return None, None
    try:
        paths, found = _paths(truth)
    except DataError as error:
        raise UsageError(f"truth: {error}") from None
    if found is not None:
        return TRUTH, replace(found, path=TRUTH)
    if len(paths) > 1:
        raise UsageError(f"truth is one file, not {len(paths)}: join them to one, or give the rows in memory.")
    return paths[0], None


def _paths(data: object, at: int = 0) -> tuple[tuple[str, ...], "MemorySource | None"]:
    """Paths of files, or the source of data in memory, which has a number (from 1) where there are several."""
    if isinstance(data, str | os.PathLike):
        return (os.fspath(data),), None
    if isinstance(data, list | tuple) and data and all(isinstance(item, str | os.PathLike) for item in data):
        return tuple(os.fspath(item) for item in data), None
    from lossctl import memory

    found = memory.source(data)
    found = replace(found, path=f"(memory {at})") if at else found
    return (found.path,), found


def run(request: Request, progress: local.Progress | None = None) -> Report:
    """Evaluate a request."""
    work = prepare((request,))
    job = work.jobs[0]
    if request.dry_run:
        return dry_run(job)
    with ExitStack() as stack:
        file = stack.enter_context(RowFile(request.per_row)) if request.per_row else None
        collected = RowList(request.id) if request.reduction == "none" else None
        sinks: list[local.Sink] = [collected.add] if collected is not None else []
        if file is not None:
            sinks.append(partial(_write_rows, job, file))

        def sink(before: int, values: RowValues) -> None:
            for receive in sinks:
                receive(before, values)

        ((job, outcome),) = evaluated(work, sink, progress)
        if job.plan.rows is None and len(job.plan.terms) == 1 and job.plan.terms[0].row_valued:
            for values in gathered_rows(job.plan, outcome.kept):
                sink(0, values)
        return conclude(job, outcome, file, collected)


def _write_rows(job: Job, file: RowFile, before: int, values: RowValues) -> None:
    bindings, role = job.plan.terms[0].bindings, job.losses[0].slope_role
    predicted = bindings[role].columns if role in bindings else ()
    file.write(row_columns(before, values, job.plan.id, predicted))
