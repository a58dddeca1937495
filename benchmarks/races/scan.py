"""Seconds inside a process, imports excluded: lossctl's engine, or a bare scan that reads the columns and drops them.

python benchmarks/races/scan.py engine THREADS FILE LOSS ROLE=COLUMN...
python benchmarks/races/scan.py bare THREADS FILE COLUMN...

Prints the value (the number of rows for a bare scan), then the best of a few passes after one that is not counted.
"""

import sys
import threading
import time
from collections.abc import Callable

PASSES = 3
BATCH_ROWS = 1 << 16
WIDE_BATCH_ROWS = 1 << 13  # of more than four columns, which would leave the cache


def engine(threads: int, file: str, loss: str, *options: str) -> float | None:
    import lossctl

    columns = dict(option.split("=", 1) for option in options)
    value: float | None = lossctl.compute(loss, file, threads=threads, **columns).results[0].value
    return value


def bare(threads: int, file: str, *columns: str) -> int:
    """The quickest way we know to read columns of a Parquet file in bounded memory: a row group per thread."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(file)
    waiting, lock, rows = iter(range(metadata.num_row_groups)), threading.Lock(), [0] * threads
    batch = BATCH_ROWS if len(columns) <= 4 else WIDE_BATCH_ROWS

    def work(mine: int) -> None:
        with pq.ParquetFile(file, metadata=metadata, pre_buffer=False, buffer_size=1 << 18) as opened:
            while True:
                with lock:
                    group = next(waiting, None)
                if group is None:
                    return
                for found in opened.iter_batches(batch, row_groups=[group], columns=list(columns), use_threads=False):
                    rows[mine] += found.num_rows

    workers = [threading.Thread(target=work, args=(mine,)) for mine in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rows)


def main(what: str, threads: str, file: str, *rest: str) -> None:
    passes: dict[str, Callable[..., float | None]] = {"engine": engine, "bare": bare}
    value = passes[what](int(threads), file, *rest)
    best = float("inf")
    for _ in range(PASSES):
        start = time.perf_counter()
        passes[what](int(threads), file, *rest)
        best = min(best, time.perf_counter() - start)
    print(value, best, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
