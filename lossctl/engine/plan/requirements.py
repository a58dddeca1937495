"""What options ask of the losses they are used with."""

from collections.abc import Sequence
from math import isfinite

from lossctl.columns.binding import brief
from lossctl.declare.declaration import Loss
from lossctl.engine.plan.plan import Ask, Scan
from lossctl.engine.plan.request import Request
from lossctl.errors import UsageError


def check_request(request: Request, scan: Scan, ask: Ask, losses: Sequence[Loss]) -> None:
    """What the options ask of the losses they are used with."""
    for term, loss in zip(ask.terms, losses, strict=True):
        kernel = term.kernel
        if ask.weight is not None and not kernel.takes_weights and not term.nested:
            raise UsageError(f"{loss.name} has one value per unit and takes no --weight; use --unit-weight.")
        if ask.unit_weight is not None and (not kernel.unit_valued or term.nested):
            raise UsageError(f"{loss.name} has row values; use --weight, not --unit-weight.")
        if kernel.unit_valued and request.reduction not in (None, "mean", "sum", "none"):
            raise UsageError(
                f"{loss.name} has one value per unit: --reduction {request.reduction} does not apply; "
                "use mean, sum or none."
            )
        if request.missing == "skip" and kernel.gapless:
            raise UsageError(
                f"{loss.name} compares each row with an earlier one, so rows cannot be left out: "
                "fill the missing values in, or give a scale column."
            )
        if request.gradient and loss.hooks.gradient is None:
            raise UsageError(f"{loss.name} has no gradient (see `lossctl info {loss.name}`); leave --gradient out.")
    predicted = [
        term.bindings[loss.hooks.gradient_by].columns
        for term, loss in zip(ask.terms, losses, strict=True)
        if loss.hooks.gradient_by in term.bindings
    ]
    if request.gradient and len(set(predicted)) > 1:
        said = " and ".join(repr(brief(columns)) for columns in dict.fromkeys(predicted))
        raise UsageError(f"--gradient needs terms of the same predictions, and these are of {said}; ask for one alone.")
    for option, threshold in (("--max", request.max), ("--min", request.min)):
        if threshold is not None and not isfinite(threshold):
            raise UsageError(f"{option} must be a finite number to hold the value against, not {threshold:g}.")
    if request.gradient and not request.per_row:
        raise UsageError("--gradient needs --per-row FILE to write to.")
    if request.ci is not None and not 1 <= request.ci < 100:
        raise UsageError(f"--ci is a level in percent, e.g. --ci 95, not {request.ci:g}.")
    if request.ci_method not in ("normal", "bootstrap"):
        raise UsageError(f"--ci-method is normal or bootstrap, not {request.ci_method!r}.")
    if request.ci is None and request.ci_method == "bootstrap":
        raise UsageError("--ci-method bootstrap needs --ci LEVEL, e.g. --ci 95.")
    if request.seed < 0:
        raise UsageError(f"--seed must be >= 0, not {request.seed}.")
    if request.id and not request.per_row:
        raise UsageError("--id needs --per-row FILE: it names the rows there.")
