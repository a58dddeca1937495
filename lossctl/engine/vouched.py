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
from lossctl.engine.plan.plan import Ask, Scan, Term, Wanted
from lossctl.sources.arrow import values_of

FLOAT64 = pa.float64()


def applies(scan: Scan, wanted: Wanted) -> bool:
    """Whether blocks of a plan may be so evaluated: all rows, unweighted, of losses that take any finite number."""
    if not isinstance(wanted, Ask):
        return False
    cut = wanted.group or scan.where or scan.truth or scan.limit is not None
    weighed = wanted.weight or wanted.unit_weight
    asked = wanted.rows or wanted.observe or wanted.levels or wanted.id
    return bool(wanted.terms) and not (cut or weighed or asked) and all(map(_plain, wanted.terms))


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


def add_block(wanted: Wanted, batch: pa.RecordBatch, result: PieceResult) -> bool:
    """Merge a block's totals if they vouch for it; False leaves everything as it was."""
    columns: dict[str, Array] = {}
    found: list[tuple[dict[str, Product], dict[str, float]]] = []
    for term in wanted.terms:
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
    keys = [encode(batch.column(name)) for name in wanted.by]
    cells = {view: cells_of([keys[at] for at in view], batch.num_rows) for view in wanted.views}
    for index, (products, totals) in enumerate(found):
        whole: Statistics = {name: np.array([total]) for name, total in totals.items()}
        rows: Statistics = {name: part.value for name, part in products.items()} if wanted.by else {}
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
