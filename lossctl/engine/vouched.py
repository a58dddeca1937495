"""Blocks whose totals vouch for their numbers: a finite total of products needs no other look at what went into it.

Cheap losses take as long to check their columns as to evaluate them, so the check comes after, and only where needed.
"""

from math import isfinite

import numpy as np
import pyarrow as pa

from lossctl.arithmetic.arrays import Array
from lossctl.arithmetic.statistics import Product, Statistics
from lossctl.arithmetic.tally import Tally
from lossctl.columns.keys import cells_of, encode
from lossctl.declare import registry
from lossctl.engine.block import PieceResult
from lossctl.engine.plan.plan import Plan, Term
from lossctl.sources.arrow import values_of

FLOAT64 = pa.float64()


def applies(plan: Plan) -> bool:
    """Whether blocks of a plan may be so evaluated: all rows, unweighted, of losses that take any finite number."""
    cut = plan.group or plan.where or plan.truth or plan.limit is not None
    weighed = plan.weight or plan.unit_weight
    asked = plan.rows or plan.observe or plan.counted or plan.levelled or plan.levels or plan.id
    return bool(plan.terms) and not (cut or weighed or asked) and all(map(_plain, plan.terms))


def _plain(term: Term) -> bool:
    hooks = registry.get(term.loss).hooks
    remarks = hooks.rules or hooks.findings or hooks.detail
    bindings = term.bindings.values()
    return (
        term.scope != "group"
        and not (term.nested or term.columns or remarks)
        and all(binding.layout == "number" and binding.role.anything for binding in bindings)
        and _products(term, dict.fromkeys(term.bindings, np.zeros(1))) is not None
    )


def add_block(plan: Plan, batch: pa.RecordBatch, result: PieceResult) -> bool:
    """Merge a block's totals if they vouch for it; False leaves everything as it was."""
    columns: dict[str, Array] = {}
    found: list[tuple[dict[str, Product], dict[str, float]]] = []
    for term in plan.terms:
        for binding in term.bindings.values():
            name = binding.columns[0]
            if name not in columns:
                column = batch.column(name)
                if column.type != FLOAT64 or column.null_count:
                    return False
                columns[name] = values_of(column)
        arrays = {role: columns[binding.columns[0]] for role, binding in term.bindings.items()}
        products = _products(term, arrays) or {}
        totals = {name: part.total() for name, part in products.items()}
        if not all(map(isfinite, totals.values())):
            return False
        found.append((products, totals))
    keys = [encode(batch.column(name)) for name in plan.by]
    cells = {view: cells_of([keys[at] for at in view], batch.num_rows) for view in plan.views}
    for index, (products, totals) in enumerate(found):
        whole: Statistics = {name: np.array([total]) for name, total in totals.items()}
        rows: Statistics = {name: part.value for name, part in products.items()} if plan.by else {}
        for view, places in cells.items():
            tally = result.tallies.setdefault((index, view), Tally())
            tally.add_block(rows if view else whole, places, batch.num_rows)
    result.rows += batch.num_rows
    result.used += batch.num_rows
    return True


def _products(term: Term, arrays: dict[str, Array]) -> dict[str, Product] | None:
    """A term's statistics, if they are products; its loss and parameters decide, not the arrays."""
    kernel = term.kernel
    if term.scope == "row":
        parts: dict[str, object] = {"loss": kernel.values(arrays, term.resolved)}
    else:
        parts = dict(kernel.statistics(arrays, term.resolved, term.pivot, None))
    found = {name: part for name, part in parts.items() if isinstance(part, Product)}
    return found if len(found) == len(parts) else None
