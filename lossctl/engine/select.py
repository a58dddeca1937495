"""Which rows of a batch are evaluated: joined to their truth, filtered, up to a limit."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lossctl.arithmetic.cells import WHOLE
from lossctl.columns.faults import Faults, Kind, Trouble, note
from lossctl.columns.keys import MISSING, cells_of, encode
from lossctl.engine.block import PieceResult
from lossctl.engine.plan.plan import Scan, Wanted
from lossctl.errors import DataError
from lossctl.sources.arrow import taken


def select(
    scan: Scan, wanted: Wanted, batch: pa.RecordBatch, result: PieceResult, faults: Faults
) -> tuple[pa.RecordBatch, npt.NDArray[np.intp] | None, npt.NDArray[np.int64] | None]:
    """The rows to evaluate with the truth's columns; where they stood in the batch (None: all did) and in the truth."""
    origin: npt.NDArray[np.intp] | None = None
    places: npt.NDArray[np.int64] | None = None
    if scan.truth is not None:
        places = scan.truth.find(batch, result.before + result.rows)
        lost = np.flatnonzero(places < 0)
        if len(lost):
            result.unmatched += len(lost)
            if scan.join == "strict":
                names = scan.truth.on
                if not names:
                    raise DataError(
                        f"{scan.truth.path} has {scan.truth.rows:,} rows, and the predictions have more: rows pair by "
                        "position only where both have as many. Join them on keys with --on."
                    )
                keys = {name: encode(batch.column(name)) for name in names}
                shown = (", ".join(key.labels[key.codes[row]] or MISSING for key in keys.values()) for row in lost)
                note(faults, Trouble(Kind.UNMATCHED, ", ".join(names), scan.truth.path), lost, shown)
            origin = np.flatnonzero(places >= 0)
            batch, places = taken(batch, origin), places[origin]
        _count_matched(scan, wanted, batch, places, result)
        batch = scan.truth.join(batch, places)
    if scan.where is not None:
        from lossctl.columns.filter import passing

        passed = np.flatnonzero(passing.passing(scan.where, batch))
        if len(passed) < batch.num_rows:
            batch, origin = taken(batch, passed), passed if origin is None else origin[passed]
            places = None if places is None else places[passed]
    if scan.limit is not None and batch.num_rows > scan.limit - result.used:
        batch = batch.slice(0, scan.limit - result.used)
        origin = np.arange(batch.num_rows) if origin is None else origin[: batch.num_rows]
    return batch, origin, None if places is None else places[: batch.num_rows]


def _count_matched(
    scan: Scan, wanted: Wanted, batch: pa.RecordBatch, places: npt.NDArray[np.int64], result: PieceResult
) -> None:
    """How often each row of the truth was found, up to twice; predictions of different slices are told apart."""
    assert scan.truth is not None
    by = [] if scan.many_to_one else [encode(batch.column(name)) for name in wanted.by if name in batch.schema.names]
    cells = cells_of(by, len(places))
    parts = [(WHOLE, places)] if cells is None else [(key, places[at]) for key, at in cells.places()]
    for key, found in parts:
        counts = np.minimum(np.bincount(found, minlength=scan.truth.rows), 2).astype(np.uint8)
        before = result.matched.get(key)
        result.matched[key] = counts if before is None else np.minimum(before + counts, 2).astype(np.uint8)
