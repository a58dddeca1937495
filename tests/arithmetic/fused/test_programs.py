"""What can be recorded and what cannot, and programs over columns of every type, with gaps, masks and cells."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from lossctl.arithmetic import fused
from lossctl.arithmetic.statistics import Largest, Rows, Smallest
from lossctl.arithmetic.vectors import softmax_k
from support import python

ENGINES = ["numpy", *fused.levels()]
RNG = np.random.default_rng(40)


def run(function: Callable[..., Any], engine: str, params: dict[str, Any] | None = None, **arrays: np.ndarray) -> Any:
    shapes = {name: (len(a),) if a.ndim == 2 else () for name, a in arrays.items()}
    columns = {name: shape for name, shape in shapes.items() if name not in (params or {})}
    integers = [name for name, a in arrays.items() if a.dtype.kind == "i"]
    program = fused.record(function, columns, params, integers=integers, rows=True)
    assert program is not None
    rows = next(iter(arrays.values())).shape[-1]
    return program.run({name: fused.of_numpy(a) for name, a in arrays.items()}, rows, engine=engine)


# recording


@pytest.mark.parametrize("engine", ENGINES)
def test_a_kernel_with_a_choice_a_column_parameter_and_a_denominator(engine: str) -> None:
    def kernel(target: Any, pred: Any, *, factor: Any) -> Rows:
        gap = np.abs(pred - target)
        return Rows(np.where(gap < 1.0, gap**2, np.log1p(gap)) * factor, denominator=factor)

    target, pred, factor = RNG.normal(size=(3, 3000)) ** 2
    result = run(kernel, engine, {"factor": fused.COLUMN}, target=target, pred=pred, factor=factor)
    plain = kernel(target, pred, factor=factor)
    np.testing.assert_allclose(result.values["rows"], plain.value, rtol=1e-13)
    np.testing.assert_allclose(result.totals["weight"].values()[0, 0], factor.sum(), rtol=1e-13)
    assert result.totals["counted"].values()[0, 0] == (factor > 0).sum()


REFUSED: dict[str, Callable[[Any], Any]] = {
    "sorts": np.sort,
    "sorts in place": lambda x: x.sort(),
    "asks whether": lambda x: x if x.sum() > 0 else -x,
    "asks whether any": lambda x: x if (x > 0).any() else -x,
    "wants an array": np.asarray,
    "wants another type": lambda x: np.array(x, dtype=np.float32),
    "indexes by data": lambda x: x[np.argsort(x)],
    "takes by a mask": lambda x: x[x > 0],
    "indexes a table": lambda x: np.arange(4.0)[x.astype(np.intp)],
    "looks at one row": lambda x: x[0],
    "goes row by row": lambda x: [v for v in x],  # noqa: C416
    "counts rows": lambda x: x / len(x),
    "counts rows by shape": lambda x: x / x.shape[0],
    "makes an array of the shape": lambda x: np.zeros(x.shape) + x,
    "changes a column": lambda x: np.negative(x, out=x),
    "adds to a column": lambda x: x.__iadd__(1.0),
    "writes to an array": lambda x: np.add(x, 1.0, out=np.zeros(3)),
    "adds an array of its own": lambda x: x + np.arange(3.0),
    "is a number": float,
    "swallows": lambda x: _swallowed(x),
    "changes what a part was taken of": lambda x: _viewed(x),
    "changes a part": lambda x: _viewed(x, part=True),
    "sums by where": lambda x: np.add(x, 1.0, where=x > 0),
}


def _viewed(x: Any, part: bool = False) -> Any:
    whole = np.stack([x, -x])
    first = whole[0]
    if part:
        first += 1.0
    else:
        whole *= 2.0
    return first + whole[1]


def _swallowed(x: Any) -> Any:
    try:
        return x if x > 0 else -x
    except Exception:
        return x


@pytest.mark.parametrize("name", REFUSED)
def test_what_asks_for_numbers_is_not_recorded(name: str) -> None:
    assert fused.record(lambda x: REFUSED[name](x), {"x": ()}) is None


def test_a_kernel_s_own_error_is_its_own() -> None:
    def broken(x: Any) -> Any:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fused.record(broken, {"x": ()})


@pytest.mark.parametrize("engine", ENGINES)
def test_augmented_assignment_changes_every_name_of_it(engine: str) -> None:
    def kernel(x: Any) -> Any:
        y = np.abs(x)
        z = y
        z -= 1.0
        y *= 2.0
        np.exp(z, out=z)
        z[x > 0.0] = 0.5
        return y + x

    x = RNG.normal(size=100)
    result = run(kernel, engine, x=x.copy())
    np.testing.assert_allclose(result.values["rows"], kernel(x.copy()), rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_components(engine: str) -> None:
    def kernel(x: Any, y: Any) -> Any:
        z = np.stack([x[0], x[-1], y]) ** 2
        z[1] = 3.0
        first, *others = z
        return (z.sum(axis=0) + np.max(x, axis=0) + first + others[1] + np.cumsum(x, axis=0)[2]) / len(x)

    x, y = RNG.normal(size=(5, 200)), RNG.normal(size=200)
    np.testing.assert_allclose(run(kernel, engine, x=x, y=y).values["rows"], kernel(x, y), rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_chains_as_long_as_vectors(engine: str) -> None:
    x = RNG.normal(size=(1500, 40))
    result = run(lambda x: softmax_k(x), engine, x=np.asfortranarray(x))
    np.testing.assert_allclose(result.values["rows"], softmax_k(x), rtol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
def test_statistics(engine: str) -> None:
    def kernel(x: Any) -> Any:
        return {"sum": x, "square": x * x, "top": Largest(x), "low": Smallest(-x)}

    x = RNG.normal(size=(2, 5000))
    totals = run(kernel, engine, x=x).totals
    assert_array_equal(totals["top"].values()[:, 0], x.max(axis=1))
    assert_array_equal(totals["low"].values()[:, 0], -x.max(axis=1))
    np.testing.assert_allclose(totals["square"].values()[:, 0], (x * x).sum(axis=1))
    holed = x.copy()
    holed[0, 77] = np.nan
    assert np.isnan(run(kernel, engine, x=holed).totals["top"].values()[0, 0])


def test_what_kernels_share_is_computed_once() -> None:
    tracer = fused.Tracer()
    target, pred = tracer.column("target"), tracer.column("pred")
    functions = [lambda t, p: (p - t) ** 2, lambda t, p: np.abs(p - t), lambda t, p: np.exp(-((p - t) ** 2))]
    kernels = [tracer.kernel(function, t=target, p=pred) for function in functions]
    outputs = [each for at, kernel in enumerate(kernels) if kernel for each in kernel.outputs(f"{at} ")]
    program = tracer.program(outputs)
    assert len(program.code) == 5 + len(outputs)
    arrays = RNG.normal(size=(2, 100))
    result = program.run({"target": fused.of_numpy(arrays[0]), "pred": fused.of_numpy(arrays[1])}, 100)
    np.testing.assert_allclose(result.totals["1 loss"].values(), [[np.abs(arrays[1] - arrays[0]).sum()]])


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_that_are_0_leave_rows_out(engine: str) -> None:
    program = fused.record(lambda x: np.log(x), {"x": ()}, weights="w")
    assert program is not None
    x, w = np.array([0.0, 1.0, np.e]), np.array([0.0, 2.0, 3.0])
    totals = program.run({"x": fused.of_numpy(x), "w": fused.of_numpy(w)}, 3, engine=engine).totals
    assert totals["loss"].values()[0, 0] == 3.0
    assert totals["weight"].values()[0, 0] == 5.0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_branches_that_no_row_takes_are_passed_over(engine: str, share: float) -> None:
    def kernel(x: Any) -> Any:
        near = np.where(x > 0.5, np.exp(x) + np.log(x + 3.0), x)
        return np.where(x <= 1.0 - 2.0 * share, np.where(x > -0.5, np.tanh(near), near * near), np.log1p(near * near))

    x = RNG.uniform(-1, 1, 30_000)
    np.testing.assert_allclose(run(kernel, engine, x=x).values["rows"], kernel(x), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("size", "scale"), [(1e200, 2.0**-700), (1e-200, 2.0**700)])
def test_squares_beyond_the_range_are_summed_scaled(engine: str, size: float, scale: float) -> None:
    x = RNG.normal(size=3000)
    tracer = fused.Tracer()
    plain = tracer.kernel(lambda x: {"square": x * x}, x=tracer.column("x"))
    scaled = tracer.kernel(lambda x: {"square": x * x}, x=tracer.column("x", scale=scale))
    assert plain is not None
    assert scaled is not None
    program = tracer.program([*plain.outputs(), *scaled.outputs("scaled ")])
    totals = program.run({"x": fused.of_numpy(x * size)}, len(x), engine=engine).totals
    assert totals["square"].values()[0, 0] in (0.0, np.inf)
    root = np.sqrt(totals["scaled square"].values()[0, 0]) / scale
    np.testing.assert_allclose(root, np.sqrt((x * x).sum()) * size, rtol=1e-14)


# columns


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("type_", [t for t in fused.columns.TYPES if t != "bool"])
def test_types_offsets_and_gaps(engine: str, type_: str) -> None:
    values = [None if at % 7 == 3 else at % 100 for at in range(3000)]
    dtype = {"double": "float64", "float": "float32", "halffloat": "float16"}.get(type_, type_)
    typed = [None if v is None else np.float16(v) for v in values] if type_ == "halffloat" else values
    array = pa.array(typed, type=getattr(pa, dtype)())
    program = fused.record(lambda x: x * 2.0, {"x": ()}, rows=True)
    assert program is not None
    for part in (array, array.slice(5, 2500), array.slice(4, 2), array.slice(2999)):
        expected = np.array([np.nan if not v.is_valid else float(v.as_py()) * 2.0 for v in part])
        result = program.run({"x": fused.of_arrow(part)}, len(part), engine=engine)
        assert_array_equal(result.values["rows"], expected)
        known = expected[~np.isnan(expected)]
        assert result.rows == len(known)
        assert result.totals["loss"].values()[0, 0] == known.sum()
        check = result.checks["x"][0]
        assert (check.nulls, check.nans, check.finite) == (part.null_count, 0, True)
        assert (check.low, check.high) == (min(known / 2, default=np.inf), max(known / 2, default=-np.inf))


@pytest.mark.parametrize("engine", ENGINES)
def test_flags_of_a_bit(engine: str) -> None:
    array = pa.array([True, False, None, True, True] * 500)
    program = fused.record(lambda x: x * 1.0, {"x": ()}, rows=True)
    assert program is not None
    result = program.run({"x": fused.of_arrow(array.slice(3))}, len(array) - 3, engine=engine)
    assert result.totals["loss"].values()[0, 0] == 3 * 500 - 1
    assert result.rows == 2000 - 2


@pytest.mark.parametrize("engine", ENGINES)
def test_half_precision(engine: str) -> None:
    bits = np.arange(65536, dtype=np.uint16)
    column = fused.Column(bits, "halffloat")
    program = fused.record(lambda x: x, {"x": ()}, rows=True)
    assert program is not None
    found = program.run({"x": column}, len(bits), engine=engine).values["rows"]
    assert_array_equal(found, bits.view(np.float16).astype(np.float64))


@pytest.mark.parametrize("engine", ENGINES)
def test_checks_of_numbers(engine: str) -> None:
    program = fused.record(lambda x, y: x + y, {"x": (), "y": ()})
    assert program is not None
    x = np.array([1.0, np.nan, -np.inf, 5.0] * 700)
    y = np.array([1 << 53, (1 << 53) + 1, -(1 << 60), 0] * 700)
    checks = program.run({"x": fused.of_numpy(x), "y": fused.of_numpy(y)}, len(x), engine=engine).checks
    assert checks["x"] == (fused.Check(0, 700, -np.inf, 5.0, 0),)
    assert not checks["x"][0].finite
    assert checks["y"][0].large == 1400


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fixed", [False, True])
def test_lists(engine: str, fixed: bool) -> None:
    rows = RNG.normal(size=(2000, 3))
    type_ = pa.list_(pa.float64(), 3) if fixed else pa.list_(pa.float64())
    array = pa.array(rows.tolist(), type=type_).slice(11)
    program = fused.record(lambda x: x[0] * x[1] + x[2], {"x": (3,)}, rows=True)
    assert program is not None
    result = program.run({"x": fused.of_arrow(array, 3)}, len(array), engine=engine)
    assert_array_equal(result.values["rows"], rows[11:, 0] * rows[11:, 1] + rows[11:, 2])
    holed = [None if at % 5 == 0 else row for at, row in enumerate(rows.tolist())]
    gaps = pa.array(holed, type=pa.list_(pa.float64(), 3))
    result = program.run({"x": fused.of_arrow(gaps, 3)}, len(gaps), engine=engine)
    assert result.rows == 1600
    assert result.checks["x"][2].nulls == 400


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_under_a_mask_do_not_count(engine: str) -> None:
    x = RNG.normal(size=5000)
    mask = RNG.random(5000) < 0.7
    mask[1024:2048], mask[2048:3072] = True, False
    x[~mask] = np.where(RNG.random((~mask).sum()) < 0.5, np.nan, 1e9)
    program = fused.record(lambda x: x * x, {"x": ()}, rows=True)
    assert program is not None
    result = program.run({"x": fused.of_numpy(x)}, 5000, mask=mask, engine=engine)
    assert_array_equal(result.values["rows"], np.where(mask, x * x, np.nan))
    assert result.rows == mask.sum()
    assert result.checks["x"] == (fused.Check(0, 0, x[mask].min(), x[mask].max(), 0),)


@pytest.mark.parametrize("engine", ENGINES)
def test_extremes_and_sums_by_cell_with_gaps(engine: str) -> None:
    x = RNG.normal(size=4000)
    codes = RNG.integers(0, 5, 4000).astype(np.int32)
    valid = RNG.random(4000) < 0.9
    column = fused.Column(x, validity=np.packbits(valid, bitorder="little"))
    program = fused.record(lambda x: {"sum": x, "top": Largest(x)}, {"x": ()})
    assert program is not None
    totals = program.run({"x": column}, 4000, codes=codes, cells=6, engine=engine).totals
    own = [x[valid & (codes == cell)] for cell in range(6)]
    np.testing.assert_allclose(totals["sum"].values()[0], [part.sum() for part in own], rtol=1e-12)
    assert totals["top"].values()[0].tolist() == [part.max(initial=-np.inf) for part in own]
    with pytest.raises(ValueError, match="cell"):
        program.run({"x": column}, 4000, codes=codes, cells=4, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_results_merge(engine: str) -> None:
    x = RNG.normal(size=3000)
    program = fused.record(lambda x: {"sum": x, "top": Largest(x), "low": Smallest(x)}, {"x": ()})
    assert program is not None
    whole = program.run({"x": fused.of_numpy(x)}, 3000, engine=engine)
    merged = program.run({"x": fused.of_numpy(x[:700])}, 700, engine=engine)
    merged.add(program.run({"x": fused.of_numpy(x[700:])}, 2300, engine=engine))
    assert (merged.rows, merged.checks) == (whole.rows, whole.checks)
    for name, total in whole.totals.items():
        assert_array_equal(merged.totals[name].values(), total.values())


@pytest.mark.skipif(not fused.available(), reason="the compiled module is absent")
def test_buffers_that_are_too_short_are_refused() -> None:
    program = fused.record(lambda x: x, {"x": ()})
    assert program is not None
    ten = np.zeros(10)
    for column in (fused.Column(ten[:9]), fused.Column(ten, offset=1), fused.Column(ten, stride=2)):
        with pytest.raises(ValueError, match="shorter"):
            program.run({"x": column}, 10)
    with pytest.raises(ValueError, match="shorter"):
        program.run({"x": fused.Column(np.zeros(10), validity=b"1")}, 10)


def test_threads_run_one_program_at_once() -> None:
    x = RNG.normal(size=400_000)
    program = fused.record(lambda x: np.log1p(np.exp(-np.abs(x))), {"x": ()})
    assert program is not None
    parts = [x[start : start + 50_000] for start in range(0, len(x), 50_000)]
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda part: program.run({"x": fused.of_numpy(part)}, len(part)), parts)
    for other in others:
        first.add(other)
    whole = program.run({"x": fused.of_numpy(x)}, len(x))
    assert first.totals["loss"].values() == whole.totals["loss"].values()


WITHOUT = """
import sys
sys.modules["lossctl.arithmetic.fused._fused"] = None
import numpy as np
from lossctl.arithmetic import fused
program = fused.record(lambda x: np.exp(x) - 1.0, {"x": ()})
print(fused.available(), fused.engine(), program.run({"x": fused.of_numpy(np.zeros(3))}, 3).totals["loss"].values())
"""


def test_numpy_serves_where_the_module_is_absent() -> None:
    done = python(WITHOUT)
    assert (done.stdout, done.stderr) == ("False numpy [[0.]]\n", "")
