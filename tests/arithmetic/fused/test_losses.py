"""Recorded kernels equal the plain ones: on every example of every loss that can be recorded, and on drawn data."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lossctl.arithmetic import fused
from lossctl.arithmetic.arrays import Ragged
from lossctl.arithmetic.fused import Recorded, Tracer
from lossctl.arithmetic.statistics import Largest, Rows, Smallest
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.declare.kernel import pivots
from lossctl.errors import UsageError
from support.draw import Setting, draw, settings

ENGINES = ["numpy", *fused.levels()[-1:]]
LOSSES = list(registry.every())
CLOSE = 1e-13

# Losses that are recorded in every setting of their examples; a new one is recorded, or a reason is known.
RECORDED = set(
    """
    arcface asymmetric_multilabel bce bce_with_logits binary_focal brier brier_multiclass categorical_cross_entropy
    categorical_hinge concordance_loss contrastive contrastive_distance cosface cosine_distance cosine_embedding
    cosine_proximity coverage crps_normal diffusion_mse elastic_net elbo epsilon_insensitive expectile
    explained_variance_loss exponential gamma_deviance gamma_nll gan_discriminator gan_generator gaussian_kl
    geman_mcclure generalized_cross_entropy generalized_kl gradient_penalty half_squared_error hamming hellinger hinge
    hinge_embedding hinge_gan_discriminator huber interval_score js_divergence l1_penalty l2_penalty laplace_nll
    log_cosh logistic lognormal_nll lsgan_discriminator lsgan_generator mae mape margin_ranking max_error
    mixture_normal_nll modified_huber mse msle multiclass_hinge multilabel_bce negative_binomial_nll nrmse pearson_loss
    perceptron perceptual poisson_deviance poisson_nll poly1_cross_entropy pseudo_huber quantile ramp
    relative_squared_error rmse rmsle smooth_l1 smoothed_hinge squared_emd squared_epsilon_insensitive squared_hinge
    symmetric_cross_entropy total_variation_distance triplet triplet_distance triplet_soft_margin tukey_biweight
    vae_elbo wape welsch wgan_critic wgan_generator wing zero_one
    """.split()
)


def traced(setting: Setting, arrays: Mapping[str, Any]) -> tuple[Tracer, dict[str, Any], dict[str, Any]] | None:
    """Recorders for a setting's arrays, and the parameters; None for rows that are matrices or lists of any length."""
    if setting.kernel.scope == "group" or any(isinstance(a, Ragged) or a.ndim > 2 for a in arrays.values()):
        return None
    tracer = Tracer()
    columns = {
        name: tracer.column(name, len(a) if a.ndim == 2 else None, "int" if a.dtype == np.intp else "float")
        for name, a in arrays.items()
    }
    return tracer, columns, setting.prepared(arrays)


def recorded(setting: Setting, arrays: Mapping[str, Any]) -> tuple[Tracer, Recorded] | None:
    found = traced(setting, arrays)
    if found is None:
        return None
    tracer, columns, params = found
    if "pivot" in setting.kernel.supplied:
        params = params | {"pivot": pivots(arrays)}
    kernel = tracer.kernel(setting.kernel.function, setting.kernel.elements, **columns, **params)
    return None if kernel is None else (tracer, kernel)


def sets(loss: Loss, rows: int, **how: bool) -> Iterator[tuple[Setting, dict[str, Any]]]:
    for setting in settings(loss):
        yield setting, setting.arrays(draw(setting, rows, **how))
    for example in loss.examples if not how else ():
        for setting in settings(loss):
            if setting.params == example.params and set(setting.shapes) == set(example.arrays):
                try:
                    yield setting, setting.arrays(dict(example.arrays))
                except UsageError:  # of another shape, or of names
                    continue


def close(found: np.ndarray, expected: np.ndarray, terms: float = 1.0) -> None:
    assert_allclose(found, expected, rtol=CLOSE, atol=CLOSE * terms)


def test_these_are_recorded() -> None:
    names = {
        loss.name
        for loss in LOSSES
        if all(recorded(setting, setting.arrays(draw(setting, 9))) is not None for setting in settings(loss))
    }
    assert names == RECORDED


@pytest.mark.parametrize("name", sorted(RECORDED))
@pytest.mark.parametrize("extreme", [False, True])
def test_recorded_equals_plain(name: str, extreme: bool) -> None:
    loss = registry.get(name)
    for setting, arrays in sets(loss, 300, **({"extreme": True} if extreme else {})):
        found = recorded(setting, arrays)
        assert found is not None, str(setting)
        tracer, kernel = found
        program = tracer.program(kernel.outputs(rows=True))
        columns = {role: fused.of_numpy(a) for role, a in arrays.items()}
        rows = next(iter(arrays.values())).shape[-1]
        for engine in ENGINES:
            result = program.run(columns, rows, engine=engine)
            if setting.kernel.scope == "row":
                with np.errstate(all="ignore"):
                    plain = setting.kernel.rows(arrays, setting.prepared(arrays))
                same_rows(plain, result)
            else:
                same_statistics(setting, arrays, result)


def same_rows(plain: Rows, result: fused.Result) -> None:
    shown = plain.shown()
    finite = np.abs(shown[np.isfinite(shown)])
    terms = min(1.0, float(np.median(finite))) if len(finite) else 1.0
    close(result.values["rows"], shown, terms)
    if np.isfinite(shown).all():
        share = 1.0 if plain.share is None else plain.share
        terms = result.values["rows"] * share
        if np.abs(terms).max(initial=0.0) < 1e300:
            assert result.totals["loss"].values()[0, 0] == math.fsum(terms)
    denominator = plain.denominator if plain.denominator is not None else plain.share
    if denominator is not None:
        assert_allclose(result.totals["weight"].values()[0, 0], denominator.sum(), rtol=CLOSE)


def same_statistics(setting: Setting, arrays: Mapping[str, Any], result: fused.Result) -> None:
    statistics = setting.kernel.statistics(arrays, setting.prepared(arrays), pivots(arrays), None)
    for name, part in statistics.items():
        values = result.totals[name].values()
        match part:
            case Largest(value):
                expected = value.max(axis=-1)
            case Smallest(value):
                expected = value.min(axis=-1)
            case _:
                value = getattr(part, "value", part)
                expected = value.sum(axis=-1)
        assert_allclose(values[:, 0], np.atleast_1d(expected), rtol=1e-12, atol=1e-13 * float(np.abs(value).max()))


@pytest.mark.parametrize("name", [loss.name for loss in LOSSES if loss.hooks.gradient is not None])
def test_recorded_gradients_findings_and_rules_equal_plain_ones(name: str) -> None:
    loss = registry.get(name)
    for setting in settings(loss):
        arrays = setting.arrays(draw(setting, 100))
        found = traced(setting, arrays)
        if found is None:
            return
        tracer, columns, params = found
        functions = [
            loss.hooks.gradient,
            *(each.mask for each in loss.hooks.findings),
            *(each.broken for each in loss.hooks.rules),
        ]
        for function in functions:
            assert function is not None
            value = tracer.call(function, **columns, **params)
            if value is None:
                continue
            value = tracer.tape.lift(value)
            with np.errstate(all="ignore"):
                plain = function(**arrays, **params)
            program = tracer.program([fused.Output("rows", "rows", value.nodes)])
            for engine in ENGINES:
                result = program.run(
                    {role: fused.of_numpy(a) for role, a in arrays.items()}, plain.shape[-1], engine=engine
                )
                close(np.broadcast_to(result.values["rows"], plain.shape), plain.astype(np.float64))
