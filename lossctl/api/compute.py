"""`compute`: a loss, or an expression of losses, on a dataset."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from lossctl.api.inputs import keywords_of, paths_of, request_of
from lossctl.api.run import run
from lossctl.reports.results import Report

if TYPE_CHECKING:
    from lossctl.declare.declaration import Loss


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
    return run(request_of(loss, paths_of(data), options, **keywords_of(named)))
