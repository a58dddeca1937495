"""The value of one term in every slice, from merged totals: reductions with named denominators."""

from collections import Counter
from collections.abc import Mapping
from math import isinf, isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.arithmetic.cells import Key
from lossctl.columns.keys import MISSING, natural_key
from lossctl.declare import registry
from lossctl.engine.outcome import Outcome
from lossctl.engine.plan.plan import Ask, Term, View
from lossctl.engine.terms import unit_remarks
from lossctl.reports.results import Denominator

if TYPE_CHECKING:
    from lossctl.engine.units import Units


class Reduced(NamedTuple):
    """One term over one slice.

    `values` are those of units, where the term has no row values; `slope` is how much the value grows with the term's
    (weighted) sum.
    """

    value: float | None
    reason: str | None
    denominator: Denominator | None
    rows: int
    ignored: int = 0
    units: int | None = None
    details: Mapping[str, Any] = {}
    findings: Mapping[str, int] = {}
    values: "Units | None" = None
    slope: float = 0.0


def reduce_term(ask: Ask, index: int, view: View, outcome: Outcome, reduction: str) -> dict[Key, Reduced]:
    """A term's value in every slice of a view."""
    term = ask.terms[index]
    kernel = term.kernel
    tally = outcome.tallies.get((index, view))
    if term.row_valued:
        if tally is None:
            return {}
        sums = tally.sums()
        cells = {key: {name: values[..., at] for name, values in sums.items()} for key, at in tally.cells.items()}
        findings, details = (
            {} if found is None else found.by_cell()
            for found in (outcome.findings.get((index, view)), outcome.details.get((index, view)))
        )
        return {
            key: _row_value(ask, term, cell, reduction, findings.get(key, {}), details.get(key, {}))
            for key, cell in cells.items()
        }
    shown: dict[str, Flags] = {}
    keys = [] if tally is None else list(tally.cells)
    if term.scope == "group":
        units = outcome.units.get((index, view), {})
    elif tally is None:
        return {}
    else:
        unit_sums = tally.sums()
        finished = kernel.finish(unit_sums, term.resolved, ask.pivot(term, view, keys))
        from lossctl.engine.units import from_tally

        units = from_tally(
            tally, outcome.unit_weights.get((index, view)), finished.tolist(), ask.group is not None, len(view)
        )
        shown = unit_remarks(registry.get(term.loss), unit_sums, term.resolved)
    counts = {code: Counter(keys[at][: len(view)] for at in np.flatnonzero(marks)) for code, marks in shown.items()}
    return {
        key: _unit_value(cell, reduction, ask, {code: found[key] for code, found in counts.items() if found[key]})
        for key, cell in units.items()
    }


def _row_value(
    ask: Ask,
    term: Term,
    sums: Mapping[str, Array],
    reduction: str,
    marks: Mapping[str, float],
    totals: Mapping[str, float],
) -> Reduced:
    """What merged row values are worth; `marks` count the rows that show a finding, `totals` are those of details."""
    rows = int(sums["rows"])
    counted = int(sums.get("counted", sums["rows"]))
    findings = {code: int(count) for code, count in marks.items() if count}
    loss, weight = float(sums["loss"]), float(sums["weight"])
    elements = max((binding.width for binding in term.bindings.values()), default=1)
    kind = "units" if term.nested else "rows"
    if ask.weight is not None:
        kind = "unit weights" if term.nested else "weights"
    if "counted" in sums and not term.nested:
        kind = "class weights" if ask.weight is None else "weights x class weights"
    inside = elements if term.kernel.elements == "mean" and reduction.endswith("-elements") else 1
    match reduction:
        case "mean":
            denominator = Denominator(kind, weight)
        case "mean-rows":
            denominator = Denominator("rows", float(counted))
        case "mean-elements":
            whole = term.kernel.elements is None
            denominator = Denominator(kind, weight) if whole else Denominator("elements", weight * elements)
        case _:
            denominator = Denominator("none", 1.0)
    if not counted:
        return Reduced(None, "every row is ignored", denominator, rows, rows, findings=findings)
    if not denominator.value or (ask.weight is not None and not weight):
        return Reduced(None, f"the {kind} sum to 0", denominator, rows, rows - counted, findings=findings)
    value, reason = defined(loss * inside / denominator.value)
    slope = inside / denominator.value
    details: dict[str, Any] = {name: total / weight for name, total in totals.items()}
    if not term.nested:
        return Reduced(value, reason, denominator, rows, rows - counted, None, details, findings, slope=slope)
    left = rows - counted
    details |= {"units_not_counted": left} if left else {}
    findings |= {"LC102": left} if left else {}
    return Reduced(value, reason, denominator, rows, 0, counted, details, findings, slope=slope)


def _unit_value(units: "Units", reduction: str, ask: Ask, findings: Mapping[str, int]) -> Reduced:
    counted = sum(units.counted)
    kind = "units" if ask.unit_weight is None else "unit weights"
    denominator = Denominator(kind, units.weight()) if reduction == "mean" else Denominator("none", 1.0)
    left = len(units.values) - counted
    details = {"units_not_counted": left} if left else {}
    findings = {**findings, **({"LC102": left} if left and counted else {})}
    rows = sum(units.rows)
    if not counted:
        return Reduced(None, "undefined", denominator, rows, 0, len(units.values), details, findings, units)
    if not units.weight():
        return Reduced(None, f"the {kind} sum to 0", denominator, rows, 0, counted, details, findings, units)
    value, reason = defined(units.mean() if reduction == "mean" else units.total())
    slope = 1.0 / denominator.value if denominator.value else 0.0
    return Reduced(value, reason, denominator, rows, 0, counted, details, findings, units, slope)


def defined(value: float) -> tuple[float | None, str | None]:
    """A value (None for NaN), and why a report cannot write it as a finite number."""
    if isnan(value):
        return None, "undefined"
    return value, "infinite" if isinf(value) else None


def slice_of(ask: Ask, view: View, key: Key) -> dict[str, str] | None:
    """The labels of a slice by column; None for the whole."""
    if not view:
        return None
    return {ask.by[at]: MISSING if label is None else str(label) for at, label in zip(view, key, strict=True)}


def in_order(cells: Mapping[Key, Reduced]) -> list[Key]:
    """Slices in natural order of their labels, the missing ones last."""
    return sorted(cells, key=natural_key)


def undefined_reason(loss: str) -> str:
    """Why a loss can be undefined, as its declaration says."""
    return registry.get(loss).undefined or "undefined"
