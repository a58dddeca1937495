"""Oracles of family K, penalties on coefficients: summed, not averaged, unless asked."""

from collections.abc import Callable

import keras
import numpy as np
from cases import FORMULA, Case, Column, Family, agreeing, array, draw, evaluate, named, uneven
from mpmath import mp


# ------------------------------------------------------------------------------------------------- formulas, one weight
def l2_penalty(coef: mp.mpf, lam: object = 1, half: object = False) -> mp.mpf:
    return mp.mpf(lam) * coef**2 / (2 if half else 1)


def l1_penalty(coef: mp.mpf, lam: object = 1) -> mp.mpf:
    return mp.mpf(lam) * abs(coef)


def elastic_net(coef: mp.mpf, lam: object = 1, l1_ratio: object = 0.5) -> mp.mpf:
    ratio = mp.mpf(l1_ratio)
    return mp.mpf(lam) * (ratio * abs(coef) + (1 - ratio) / 2 * coef**2)


# --------------------------------------------------------------------------------------------------------------- cases
def add(
    family: Family,
    loss: str,
    label: str,
    coef: Column,
    formula: Callable[..., mp.mpf],
    params: dict[str, object],
    peer: Callable[[np.ndarray], object] | None = None,
    reduction: str | None = None,
) -> None:
    """The sum of the rows (the penalties' default), checked by keras where it has the penalty."""
    columns = {"coef": coef}
    rows = evaluate(formula, columns, params)
    total = mp.fsum(rows)
    name = "formula" if peer is None else "keras"
    if peer is not None:
        agreeing(f"{loss}-{label}", [peer(array(coef))], [total], 1e-12)
    family.add(
        Case(
            id="-".join(filter(None, (loss, name, label))), loss=loss, columns=columns, params=params, rows=rows,
            value=total / len(rows) if reduction == "mean" else total, reduction=reduction,
            oracle=FORMULA if peer is None else f"keras.regularizers.{type(peer).__name__}",
            package=named("mpmath" if peer is None else "keras"),
        )
    )  # fmt: skip


def build() -> Family:
    """Every loss of family K."""
    family = Family("penalty", ["keras", "mpmath", "numpy"])
    coef = [*uneven(draw("coef").normal(0, 1.5, 9), 4), 0, -2.5]
    quarter = {"lam": 0.25}
    two, one = keras.regularizers.L2, keras.regularizers.L1
    add(family, "l2_penalty", "", coef, l2_penalty, {}, two(1.0))
    add(family, "l2_penalty", "lam", coef, l2_penalty, quarter, two(0.25))
    add(family, "l2_penalty", "half", coef, l2_penalty, {"half": True, "lam": 3}, two(1.5))
    add(family, "l2_penalty", "mean", coef, l2_penalty, quarter, reduction="mean")
    add(family, "l1_penalty", "", coef, l1_penalty, {}, one(1.0))
    add(family, "l1_penalty", "lam", coef, l1_penalty, quarter, one(0.25))
    add(family, "l1_penalty", "mean", coef, l1_penalty, {}, reduction="mean")
    add(family, "l1_penalty", "lam0", coef, l1_penalty, {"lam": 0}, one(0.0))
    # Keras adds its two terms without the half: L1L2(lam * r, lam * (1 - r) / 2) is the elastic net.
    add(family, "elastic_net", "", coef, elastic_net, {}, keras.regularizers.L1L2(0.5, 0.25))
    add(family, "elastic_net", "ratio", coef, elastic_net, {"lam": 0.75, "l1_ratio": 0.2})
    add(family, "elastic_net", "lasso", coef, elastic_net, {"l1_ratio": 1}, one(1.0))
    add(family, "elastic_net", "ridge", coef, elastic_net, {"l1_ratio": 0}, two(0.5))
    add(family, "elastic_net", "mean", coef, elastic_net, quarter, reduction="mean")
    family.disagree("elastic_net", "keras.regularizers.L1L2", "has no half in its squared term")
    return family
