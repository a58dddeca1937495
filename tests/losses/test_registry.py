"""Every loss of the registry keeps the promises of its declaration, on data drawn from its declared domains."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lossctl
from lossctl.arithmetic.arrays import Ragged
from lossctl.declare import catalogue, registry
from lossctl.declare.declaration import Example, Loss
from lossctl.declare.options import COMMON_OPTIONS
from support import write_parquet
from support.draw import LOSSES, SETTINGS, Drawn, Setting, by_name, draw, stored, take
from support.expectations import expectations

NAMES = registry.names()
ROW = [setting for setting in SETTINGS if setting.kernel.scope == "row"]
# The parameters of the stored expectations (tests/oracles), by loss.
STORED = [(case["loss"], case["params"]) for case in expectations()]
EXAMPLES = [(loss, at, example) for loss in LOSSES for at, example in enumerate(loss.examples)]

SMOOTHNESS = {"none", "C0", "C1", "C2", "C-infinity"}
# The words of `list --task`: a new one is a decision, not a slip.
TASKS = {
    "SVM",
    "binary",
    "calibration",
    "box regression",
    "contrastive learning",
    "count regression",
    "detection",
    "diffusion",
    "distillation",
    "distributions",
    "forecast",
    "generative",
    "image restoration",
    "imbalanced classification",
    "imbalanced segmentation",
    "landmarks",
    "learning to rank",
    "matrix factorisation",
    "metric learning",
    "multi-label",
    "multiclass",
    "multivariate",
    "noisy labels",
    "ordinal classification",
    "probabilistic",
    "quantile regression",
    "ranking",
    "regression",
    "regularisation",
    "segmentation",
    "sequences",
    "style transfer",
    "uncertainty regression",
    "variational",
}

# Formulas that are infinite themselves, or leave the range of float64, at extremes of their domain; never NaN.
INFINITE: dict[str, str] = {
    "binary_focal": "-log 0",
    "ctc": "a target that no path fits, and -log 0",
    "dawid_sebastiani": "members that are all equal have no spread",
    "exponential": "exp(1e8)",
    "gamma_deviance": "2e8 / 1e-300",
    "gan_discriminator": "-log 0",
    "gan_generator": "log 0",
    "gaussian_kl": "exp(1e8) of a log-variance",
    "generalized_kl": "Q = 0 < P",
    "laplace_nll": "2e8 / 1e-300",
    "lognormal_nll": "(1 / 1e-300)^2",
    "mixture_normal_nll": "(1 / 1e-300)^2",
    "negative_binomial_nll": "a count above 0 where its mean is 0",
    "poisson_nll": "exp(1e8) with log_input",
    "tweedie_deviance": "(1e-300)^-2",
    "vae_elbo": "exp(1e8) of a log-variance, and -log 0",
}


def example_name(case: object) -> str | None:
    return case.name if isinstance(case, Loss) else str(case) if isinstance(case, int) else ""


# ------------------------------------------------------------------------------------------------------- declarations
def test_names_and_aliases_are_unique() -> None:
    names = [name for loss in LOSSES for name in (loss.name, *loss.aliases)]
    assert sorted(names) == sorted(set(names))
    assert sorted(names) == sorted(NAMES)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_a_declaration_is_complete(loss: Loss) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", loss.name)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", alias) for alias in loss.aliases)
    assert set(loss.task.split(", ")) <= TASKS, loss.task
    assert loss.dimension
    assert loss.use_when
    assert loss.avoid_when
    assert loss.pitfalls
    assert re.search(r"\d{4}|scikit-learn|torchmetrics|[Tt]orch|[Kk]eras", loss.reference), loss.reference
    assert loss.facts["smoothness"] in SMOOTHNESS
    assert loss.facts["scale"]
    for name in ("convex", "differentiable", "robust"):
        assert isinstance(loss.facts[name], bool) or loss.facts[name]
    assert loss.examples, "an example worked by hand is the first test of a loss"


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_a_docstring_is_a_sentence_then_the_formula(loss: Loss) -> None:
    lines = loss.doc.strip().split("\n")
    assert lines[0].endswith("."), "the first line is one sentence"
    assert len(lines) > 2
    assert lines[1].strip() == ""
    assert "`" in loss.formula, "the formula stands in backticks"
    assert not re.search(r"^\s*(Args|Parameters|Returns|Raises)\b", loss.doc, re.M)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_every_parameter_has_a_help_text_a_range_and_a_default_inside_it(loss: Loss) -> None:
    for parameter in loss.params.values():
        assert parameter.help
        assert not parameter.help.endswith("."), parameter.help
        assert parameter.domain
        if not parameter.required:
            assert parameter.check(parameter.default, loss.name) == parameter.default


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_no_role_or_parameter_takes_the_name_of_a_common_option(loss: Loss) -> None:
    names = {role.name for role in loss.roles} | set(loss.params)
    assert names & COMMON_OPTIONS == set()
    assert len(names) == len(loss.roles) + len(loss.params)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_its_entry_has_the_keys_of_the_contract(loss: Loss) -> None:
    entry = catalogue.entry(loss)
    assert {"name", "aliases", "task", "roles", "params", "scope", "properties"} <= set(entry)
    assert entry["roles"]
    assert set(entry["scope"].split("/")) <= {"row", "set", "group"}


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_a_row_loss_has_a_gradient_unless_it_is_a_step(loss: Loss) -> None:
    if loss.scope != "row":
        assert loss.hooks.gradient is None
    elif loss.facts["differentiable"] is False:
        assert loss.hooks.gradient is None, "it says that it is not differentiable"
    else:
        assert loss.hooks.gradient is not None
        assert loss.hooks.gradient_by in {role.name for role in loss.roles}


def test_the_name_in_python_is_the_name_on_the_command_line() -> None:
    for loss in LOSSES:
        assert getattr(lossctl.losses, loss.name) is loss
        for alias in loss.aliases:
            assert getattr(lossctl.losses, alias) is loss


# ----------------------------------------------------------------------------------------------------------- examples
@pytest.mark.parametrize(("loss", "at", "example"), EXAMPLES, ids=example_name)
def test_an_example_holds(loss: Loss, at: int, example: Example) -> None:
    value = np.mean(loss(**example.arrays, **example.params))
    assert_allclose(value, example.value, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("loss", LOSSES, ids=by_name)
def test_examples_tell_mistakes_apart(loss: Loss) -> None:
    """Not all of their values are 0; every branch of a choice is shown by one of them, or by a stored expectation."""
    assert any(example.value != 0 for example in loss.examples)
    told = [example.params for example in loss.examples] + [case for name, case in STORED if name == loss.name]
    for name, parameter in loss.params.items():
        shown = {params.get(name, parameter.default) for params in told if parameter.choices}
        assert shown == set(parameter.choices), (
            f"{name} is one of {parameter.choices}; examples and fixtures show {shown}"
        )


# ------------------------------------------------------------------------------------------------------------ kernels
def frozen(arrays: dict[str, object]) -> dict[str, object]:
    """Arrays that cannot be written to."""
    for array in arrays.values():
        for part in (array.values, array.offsets) if isinstance(array, Ragged) else (array,):
            part.setflags(write=False)  # type: ignore[attr-defined]
    return arrays


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_kernel_leaves_its_inputs_alone(setting: Setting) -> None:
    drawn = draw(setting, 23)
    arrays = frozen(setting.arrays(drawn))
    kernel, params = setting.kernel, setting.prepared(arrays)
    value = kernel.alone(arrays, params)
    assert np.shape(value) == ((23,) if kernel.scope == "row" or not kernel.unit_valued else ())
    if setting.loss.hooks.gradient is not None and kernel.scope == "row":
        with np.errstate(all="ignore"):
            slope = setting.loss.hooks.gradient(**arrays, **params)
        at = arrays[setting.loss.hooks.gradient_by]
        assert np.shape(slope) == (at.values if isinstance(at, Ragged) else at).shape


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_value_is_never_nan_on_its_domain(setting: Setting) -> None:
    value = setting.loss(**draw(setting, 64), **setting.params)
    assert not np.isnan(value).any()


@pytest.mark.parametrize("setting", ROW, ids=str)
def test_extremes_stay_finite(setting: Setting) -> None:
    value = setting.loss(**draw(setting, 400, extreme=True), **setting.params)
    assert not np.isnan(value).any()
    if setting.loss.name not in INFINITE:
        assert np.isfinite(value).all()


@pytest.mark.parametrize("setting", [s for s in ROW if s.loss.hooks.prepare is None], ids=str)
def test_a_row_is_worth_the_same_in_any_company(setting: Setting) -> None:
    """A row's value depends neither on its neighbours nor on its place; class weights alone count the whole dataset."""
    drawn = draw(setting, 37)
    whole = setting.loss(**drawn, **setting.params)
    parts = [
        setting.loss(
            **{name: take(column, np.arange(at, min(at + 5, 37))) for name, column in drawn.items()}, **setting.params
        )
        for at in range(0, 37, 5)
    ]  # type: ignore[index]
    assert_allclose(np.concatenate(parts), whole, rtol=1e-14)


@pytest.mark.parametrize("setting", ROW, ids=str)
def test_wide_columns_and_lists_give_the_same_rows(setting: Setting) -> None:
    """The two memory orders: a contiguous row per column, and a transposed view."""
    arrays = setting.arrays(draw(setting, 29))
    other = {
        name: array if isinstance(array, Ragged) or array.ndim == 1 else np.ascontiguousarray(array)
        for name, array in arrays.items()
    }
    params = setting.prepared(arrays)
    assert_allclose(setting.kernel.rows(other, params).value, setting.kernel.rows(arrays, params).value, rtol=1e-13)


def places(array: object) -> Iterator[tuple[tuple[object, ...], np.ndarray]]:
    """Where an array of any shape holds a number of each row: an index, and the rows that have one there."""
    if isinstance(array, Ragged):
        for component in np.ndindex(array.values.shape[:-1]):
            for at in range(int(array.lengths.max())):
                rows = np.flatnonzero(array.lengths > at)
                yield (*component, array.offsets[rows] + at), rows
    else:
        assert isinstance(array, np.ndarray)
        for component in np.ndindex(array.shape[:-1]):
            yield (*component, slice(None)), np.arange(array.shape[-1])


@pytest.mark.parametrize("setting", [s for s in ROW if s.loss.hooks.gradient is not None], ids=str)
def test_a_gradient_equals_central_differences_away_from_kinks(setting: Setting) -> None:
    arrays = setting.arrays(draw(setting, 48, inner=True))
    params, kernel, role = setting.prepared(arrays), setting.kernel, setting.loss.hooks.gradient_by
    assert setting.loss.hooks.gradient is not None
    with np.errstate(all="ignore"):
        slope = setting.loss.hooks.gradient(**arrays, **params)
    at = arrays[role]
    numbers = np.array(at.values if isinstance(at, Ragged) else at, dtype=np.float64)
    if kernel.elements == "mean" and numbers.ndim > 1:
        slope = slope / len(slope)

    def moved(place: tuple[object, ...], step: float) -> np.ndarray:
        there = numbers.copy()
        there[place] += step
        array = Ragged(there, at.offsets) if isinstance(at, Ragged) else there
        return np.asarray(kernel.rows({**arrays, role: array}, params).value)

    trusted = compared = 0
    for place, rows in places(at):
        steps = (1e-3, 5e-4, 2.5e-4)
        wide, middle, narrow = ((moved(place, h) - moved(place, -h))[rows] / (2.0 * h) for h in steps)
        coarse, fine = (4.0 * middle - wide) / 3.0, (4.0 * narrow - middle) / 3.0
        smooth = np.abs(coarse - fine) <= 1e-7 * np.maximum(1.0, np.abs(fine))  # no kink within reach
        trusted += int(smooth.sum())
        compared += int(np.isfinite(fine).sum())
        assert_allclose(slope[place][smooth], fine[smooth], rtol=1e-6, atol=1e-8)
    assert compared > 0
    assert trusted > 0.8 * compared


# -------------------------------------------------------------------------------------------------- weights and order
def compute(path: Path, setting: Setting, **options: object) -> float:
    columns = {**setting.columns, **setting.params}
    value = lossctl.compute(setting.loss.name, path, **columns, **options).value  # type: ignore[arg-type]
    assert value is not None
    return value


def counted(setting: Setting, drawn: Drawn, rows: np.ndarray) -> bool:
    """Whether parameters depend on how often each class is the target."""
    arrays, repeated = (
        setting.arrays(drawn),
        setting.arrays({name: take(column, rows) for name, column in drawn.items()}),
    )
    first, second = setting.prepared(arrays), setting.prepared(repeated)
    return any(not np.array_equal(first[name], second[name]) for name in first)  # type: ignore[arg-type]


WEIGHTED = [s for s in SETTINGS if s.kernel.scope != "group" or "weights" in s.kernel.supplied]


@pytest.mark.parametrize("setting", WEIGHTED, ids=str)
def test_weight_2_is_the_row_twice(setting: Setting, tmp_path: Path) -> None:
    drawn = draw(setting, 31)
    weights = np.random.default_rng(5).integers(0, 4, 31)
    twice = np.repeat(np.arange(31), weights)
    if counted(setting, drawn, twice):
        pytest.skip("its class weights count rows, which weights leave alone")
    weighted = write_parquet(tmp_path / "weighted.parquet", {**stored(drawn), "w": weights.astype(float)})
    repeated = write_parquet(tmp_path / "repeated.parquet", stored({n: take(c, twice) for n, c in drawn.items()}))
    assert_allclose(compute(weighted, setting, weight="w"), compute(repeated, setting), rtol=1e-12)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.kernel.scope != "group"], ids=str)
def test_the_order_of_the_rows_does_not_matter(setting: Setting, tmp_path: Path) -> None:
    drawn = draw(setting, 200)
    order = np.random.default_rng(3).permutation(200)
    one = write_parquet(tmp_path / "one.parquet", stored(drawn))
    other = write_parquet(tmp_path / "other.parquet", stored({n: take(c, order) for n, c in drawn.items()}))
    assert_allclose(compute(other, setting), compute(one, setting), rtol=1e-12)


@pytest.mark.parametrize("setting", ROW, ids=str)
def test_the_mean_over_a_file_is_the_mean_of_the_rows_from_python(setting: Setting, tmp_path: Path) -> None:
    drawn = draw(setting, 50)
    path = write_parquet(tmp_path / "data.parquet", stored(drawn))
    arrays = setting.arrays(drawn)
    rows = setting.kernel.rows(arrays, setting.prepared(arrays))
    share = 1.0 if rows.share is None else rows.share
    denominator = np.ones(50) * share if rows.denominator is None else rows.denominator
    expected = np.sum(rows.value * share) / np.sum(denominator)
    assert_allclose(compute(path, setting, reduction="mean"), expected, rtol=1e-13)


def test_a_setting_is_drawn_the_same_every_time() -> None:
    for setting in SETTINGS[:5]:
        first, second = draw(setting, 9), draw(setting, 9)
        assert first.keys() == second.keys()
        assert all(repr(first[name]) == repr(second[name]) for name in first)
