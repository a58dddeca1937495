"""The same digits for any number of threads and any size of batch: results are compared as bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lossctl.api import compute, run
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.engine.plan import plan
from lossctl.engine.plan.request import Request
from lossctl.reports.results import Report
from lossctl.sources.text import cuts
from support import same_bytes, write_csv, write_parquet
from support.draw import LOSSES, Setting, draw, settings, stored


def chosen(loss: Loss) -> list[Setting]:
    """A loss's first setting, and its first of several numbers per row."""
    shapes: dict[tuple[int, ...], Setting] = {}
    for setting in settings(loss):
        shapes.setdefault(tuple(len(shape) for shape in setting.shapes.values()), setting)
    return list(shapes.values())


CHOSEN = [setting for loss in LOSSES for setting in chosen(loss)]
ROWS = 400
# The cut decides digits: the same for all.
pytestmark = pytest.mark.usefixtures("small_pieces")

# Threads and rows per batch; 0 rows leaves the choice to the engine.
WAYS = [(1, 0), (2, 7), (5, 1000)]


def columns(setting: Setting, rows: int = ROWS) -> dict[str, object]:
    rng = np.random.default_rng(17)
    return {
        **stored(draw(setting, rows)),
        "w": rng.uniform(0.5, 2.0, rows),
        "region": rng.choice(["eu", "us", "asia"], rows).tolist(),
        "unit": np.sort(rng.integers(0, rows // 25, rows)),
        "scattered": rng.integers(0, rows // 25, rows),
    }


def request(setting: Setting, path: Path, **more: object) -> Request:
    options = setting.columns | dict(setting.params)
    return Request(loss=setting.loss.name, files=(str(path),), options=options, **more)  # type: ignore[arg-type]


def said(report: Report) -> tuple[str, bytes]:
    """Everything a report says, and its numbers bit for bit."""
    numbers = [result.value for result in report.results]
    numbers += [None if result.denominator is None else result.denominator.value for result in report.results]
    return json.dumps(report.to_dict(), allow_nan=False), same_bytes(numbers)


def every_way(asked: Request) -> set[tuple[str, bytes]]:
    return {said(run.run(asked._replace(threads=threads, batch_rows=rows))) for threads, rows in WAYS}


@pytest.mark.parametrize("setting", CHOSEN, ids=str)
def test_threads_and_batches_leave_the_bytes_alone(setting: Setting, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "data.parquet", columns(setting), rows_per_group=60)
    weight = "w" if setting.kernel.takes_weights else None
    group = None if setting.kernel.scope == "row" else "scattered"
    assert len(every_way(request(setting, path, by=("region",), weight=weight, group=group))) == 1


@pytest.mark.parametrize("setting", CHOSEN, ids=str)
def test_they_leave_the_bytes_of_the_whole_alone(setting: Setting, tmp_path: Path) -> None:
    """No slices, no weights: the shortest way through the engine."""
    path = write_parquet(tmp_path / "data.parquet", columns(setting), rows_per_group=60)
    group = None if setting.kernel.scope == "row" else "unit"
    assert len(every_way(request(setting, path, group=group))) == 1


FLAT = [setting for setting in CHOSEN if not any(len(shape) for shape in setting.shapes.values())]


@pytest.mark.parametrize("setting", FLAT, ids=str)
def test_they_leave_the_bytes_of_a_csv_file_alone(setting: Setting, tmp_path: Path) -> None:
    data = columns(setting)
    path = write_csv(tmp_path / "data.csv", data)
    assert path.stat().st_size > 3 * cuts.PIECE_BYTES
    weight = "w" if setting.kernel.takes_weights else None
    group = None if setting.kernel.scope == "row" else "scattered"
    asked = request(setting, path, by=("region",), weight=weight, group=group)
    ways = every_way(asked)
    assert len(ways) == 1
    # Pieces of text are cut elsewhere than row groups: across formats the last digit may differ, no more.
    stored = run.run(
        request(setting, write_parquet(tmp_path / "data.parquet", data), by=("region",), weight=weight, group=group)
    )
    other = run.run(asked)
    assert_allclose([r.value for r in other], [r.value for r in stored], rtol=1e-14)
    assert [r.slice for r in other] == [r.slice for r in stored]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("name", ["huber", "quantile"])
def test_row_values_are_the_same_bytes(name: str, suffix: str, tmp_path: Path) -> None:
    setting = next(settings(registry.get(name)))
    path = write_parquet(tmp_path / "data.parquet", columns(setting), rows_per_group=60)
    written = set()
    for threads, rows in WAYS:
        rows_file = tmp_path / f"rows{suffix}"
        run.run(request(setting, path, per_row=str(rows_file), gradient=True, threads=threads, batch_rows=rows))
        written.add(rows_file.read_bytes())
    assert len(written) == 1


def test_several_files_are_one_dataset_in_their_order(tmp_path: Path) -> None:
    setting = next(settings(registry.get("rmse")))
    data = columns(setting)
    whole = write_parquet(tmp_path / "whole.parquet", data, rows_per_group=50)
    parts = [
        write_parquet(
            tmp_path / f"part{at}.parquet", {n: list(c)[at : at + 150] for n, c in data.items()}, rows_per_group=50
        )  # type: ignore[call-overload]
        for at in (0, 150, 300)
    ]
    asked = request(setting, whole, by=("region",), group="scattered")
    together = Request(
        loss=asked.loss, files=tuple(map(str, parts)), options=asked.options, by=("region",), group="scattered"
    )
    assert len(every_way(together)) == 1
    assert_allclose([r.value for r in run.run(together)], [r.value for r in run.run(asked)], rtol=1e-14)


def test_targets_of_a_billion_keep_a_variance_of_one(tmp_path: Path) -> None:
    """Statistics are taken about a pivot: plain sums of squares near 1e18 would lose it all."""
    target = 1e9 + np.tile([-1.0, 1.0], 300)
    path = write_parquet(tmp_path / "far.parquet", {"y_true": target, "y_pred": target + 0.5}, rows_per_group=60)
    report = compute.compute("relative_squared_error", path)
    assert report.value is not None
    assert_allclose(report.value, 0.25, rtol=1e-12)


def test_sums_are_compensated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain running sum from 1e16 forgets every 1 that is added to it."""
    monkeypatch.setattr(plan, "MOST_ROWS", 1)
    error = np.concatenate([[1e16], np.ones(898)])
    path = write_parquet(tmp_path / "wide.parquet", {"y_true": np.zeros(899), "y_pred": error})
    assert compute.compute("mae", path, reduction="sum").value == 1e16 + 898
