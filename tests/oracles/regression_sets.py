"""Family A's statistics of a whole unit: roots, ratios, medians, correlations."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.stats
import torch
import torchmetrics.functional as tm
from cases import Column, Columns, Family, array, draw, parts, uneven, unit_case
from mpmath import mp
from sklearn import metrics

Exact = mp.mpf
ONE = Exact(1)
Numbers = Sequence[Exact]
Weight = Sequence[Exact] | None


# ------------------------------------------------------------------------------------------- the formulas, one output
def ones(weight: Weight, like: Numbers) -> Numbers:
    return [Exact(1)] * len(like) if weight is None else weight


def average(x: Numbers, w: Numbers) -> Exact:
    return mp.fsum(a * b for a, b in zip(w, x, strict=True)) / mp.fsum(w)


def covariance(x: Numbers, y: Numbers, w: Numbers) -> Exact:
    """With ddof 0."""
    mx, my = average(x, w), average(y, w)
    return average([(a - mx) * (b - my) for a, b in zip(x, y, strict=True)], w)


def errors(target: Numbers, pred: Numbers) -> list[Exact]:
    return [p - t for t, p in zip(target, pred, strict=True)]


def rmse(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    return mp.sqrt(average([e**2 for e in errors(target, pred)], ones(weight, target)))


def rmsle(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    return rmse([mp.log1p(t) for t in target], [mp.log1p(p) for p in pred], weight)


def wape(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    w = ones(weight, target)
    return average([abs(e) for e in errors(target, pred)], w) / average([abs(t) for t in target], w)


def mase(target: Numbers, pred: Numbers, season: Exact = ONE) -> Exact:
    step = int(season)
    naive = [abs(target[t] - target[t - step]) for t in range(step, len(target))]
    return (mp.fsum(abs(e) for e in errors(target, pred)) / len(target)) / (mp.fsum(naive) / len(naive))


def median_absolute_error(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    """Half of the weight lies on each side; where a step ends exactly on half, the mean of the two values beside it."""
    pairs = sorted(zip([abs(e) for e in errors(target, pred)], ones(weight, target), strict=True))
    pairs = [(x, w) for x, w in pairs if w > 0]
    half, below = mp.fsum(w for _, w in pairs) / 2, Exact(0)
    for i, (x, w) in enumerate(pairs):
        below += w
        if below == half:
            return (x + pairs[i + 1][0]) / 2
        if below > half:
            return x
    raise ValueError("no weight")


def max_error(target: Numbers, pred: Numbers) -> Exact:
    return max(abs(e) for e in errors(target, pred))


def nrmse(target: Numbers, pred: Numbers, weight: Weight = None, normalizer: str = "mean") -> Exact:
    w = ones(weight, target)
    size = {
        "mean": lambda: average(target, w),
        "range": lambda: max(target) - min(target),
        "std": lambda: mp.sqrt(covariance(target, target, w)),
        "l2": lambda: mp.sqrt(mp.fsum(t**2 for t in target)),
    }
    return rmse(target, pred, weight) / size[normalizer]()


def relative_squared_error(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    w = ones(weight, target)
    return average([e**2 for e in errors(target, pred)], w) / covariance(target, target, w)


def explained_variance_loss(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    w, e = ones(weight, target), errors(target, pred)
    return covariance(e, e, w) / covariance(target, target, w)


def concordance_loss(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    """Lin 1989: 2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2)."""
    w = ones(weight, target)
    spread = covariance(target, target, w) + covariance(pred, pred, w) + (average(target, w) - average(pred, w)) ** 2
    return 1 - 2 * covariance(target, pred, w) / spread


def pearson_loss(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
    w = ones(weight, target)
    return 1 - covariance(target, pred, w) / mp.sqrt(covariance(target, target, w) * covariance(pred, pred, w))


Formula = Callable[..., Exact]


def per_output(formula: Formula) -> Formula:
    """With D outputs: the plain mean of the outputs' values."""

    def over_outputs(target: Numbers, pred: Numbers, **more: object) -> Exact:
        if not isinstance(target[0], list):
            return formula(target, pred, **more)
        pairs = zip(zip(*target, strict=True), zip(*pred, strict=True), strict=True)
        values = [formula(list(t), list(p), **more) for t, p in pairs]
        return mp.fsum(values) / len(values)

    return over_outputs


def over_elements(formula: Formula) -> Formula:
    """With D outputs: every element counts alike, with its row's weight."""

    def flat(target: Numbers, pred: Numbers, weight: Weight = None) -> Exact:
        if not isinstance(target[0], list):
            return formula(target, pred, weight)
        repeated = None if weight is None else [w for w, row in zip(weight, target, strict=True) for _ in row]
        return formula([t for row in target for t in row], [p for row in pred for p in row], repeated)

    return flat


# ---------------------------------------------------------------------------------------------------------- the peers
def tensors(target: np.ndarray, pred: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(pred), torch.tensor(target)


def torch_nrmse(target: np.ndarray, pred: np.ndarray, normalizer: str = "mean") -> float:
    outputs = 1 if target.ndim == 1 else target.shape[1]
    found = tm.normalized_root_mean_squared_error(*tensors(target, pred), normalization=normalizer, num_outputs=outputs)
    return float(found.mean())


def scipy_pearson(target: np.ndarray, pred: np.ndarray) -> float:
    columns = [(target, pred)] if target.ndim == 1 else list(zip(target.T, pred.T, strict=True))
    return float(np.mean([1 - scipy.stats.pearsonr(t, p).statistic for t, p in columns]))


Peer = Callable[..., float]


def one_minus(function: Callable[..., float]) -> Peer:
    return lambda target, pred, sample_weight=None: 1 - function(target, pred, sample_weight=sample_weight)


# Loss -> formula, peer's name, package, peer, whether the peer takes sample weights and rows of outputs.
SETS: dict[str, tuple[Formula, str, str, Peer | None, bool]] = {
    "rmse": (rmse, "root_mean_squared_error", "scikit-learn", metrics.root_mean_squared_error, True),
    "rmsle": (rmsle, "root_mean_squared_log_error", "scikit-learn", metrics.root_mean_squared_log_error, True),
    "wape": (
        wape,
        "weighted_mean_absolute_percentage_error",
        "torchmetrics",
        lambda target, pred: float(tm.weighted_mean_absolute_percentage_error(*tensors(target, pred))),
        False,
    ),
    "median_absolute_error": (
        median_absolute_error,
        "median_absolute_error",
        "scikit-learn",
        metrics.median_absolute_error,
        True,
    ),
    "max_error": (max_error, "max_error", "scikit-learn", metrics.max_error, False),
    "nrmse": (nrmse, "normalized_root_mean_squared_error", "torchmetrics", torch_nrmse, False),
    "relative_squared_error": (
        relative_squared_error,
        "1 - r2_score",
        "scikit-learn",
        one_minus(metrics.r2_score),
        True,
    ),
    "explained_variance_loss": (
        explained_variance_loss,
        "1 - explained_variance_score",
        "scikit-learn",
        one_minus(metrics.explained_variance_score),
        True,
    ),
    "concordance_loss": (concordance_loss, "", "", None, False),
    "pearson_loss": (pearson_loss, "1 - scipy.stats.pearsonr", "scipy", scipy_pearson, False),
}
OFFSET = (
    "nrmse", "relative_squared_error", "explained_variance_loss", "concordance_loss", "pearson_loss",
)  # fmt: skip


def drawn(name: str, shape: tuple[int, ...]) -> Columns:
    """Positive targets (rmsle's domain, nrmse's mean) and predictions with a bias and noise of their size."""
    rng = draw(name)
    target = rng.gamma(1.4, 3.7, shape)
    return {"target": uneven(target), "pred": uneven(np.abs(0.83 * target + rng.normal(0.4, 2.3, shape)))}


def add_set(family: Family, loss: str) -> None:
    """One unit, several units, several outputs, with weights, and targets a thousand million away from zero."""
    formula, peer_name, package, peer, weighted = SETS[loss]
    formula = over_elements(formula) if loss == "wape" else per_output(formula)
    module = {"scikit-learn": "sklearn.metrics.", "torchmetrics": "torchmetrics.functional."}.get(package, "")
    said = {"oracle": module + peer_name, "package": package} if peer else {}

    def values(columns: Columns, group: Column | None = None, **more: object) -> list[float] | None:
        return [peer(p["target"], p["pred"], **more) for p in parts(columns, group)] if peer else None

    for tag, columns, group in shapes(loss):
        if tag == "outputs" and loss == "max_error":
            family.add(unit_case(f"{loss}-{tag}", loss, columns, formula, group=group))
            continue
        case = unit_case(f"{loss}-{tag}", loss, columns, formula, group=group, peer=values(columns, group), **said)
        family.add(case)
    if loss != "max_error":
        add_weighted(family, loss, formula, peer if weighted else None, said)
    if loss in OFFSET:
        family.add(unit_case(f"{loss}-offset", loss, offset(loss), formula, params=std_of(loss)))


def shapes(loss: str) -> list[tuple[str, Columns, Column | None]]:
    names = ["b", "a", "b", "c", "a", "b", "c", "a", "c", "b", "a", "c", "b", "a"]
    return [
        ("one-unit", drawn(loss, (13,)), None),
        ("even", drawn(f"{loss} even", (10,)), None),
        ("groups", drawn(f"{loss} groups", (14,)), list(names)),
        ("outputs", drawn(f"{loss} outputs", (9, 3)), None),
    ]


def add_weighted(family: Family, loss: str, formula: Formula, peer: Peer | None, said: dict[str, str]) -> None:
    for tag, shape in (("weights", (11,)), ("weights-outputs", (8, 3))):
        columns = drawn(f"{loss} {tag}", shape)
        weight = uneven([0.0, *draw(f"{loss} {tag} w").gamma(1.3, 1.0, shape[0] - 1)], 3)
        found = [peer(*map(array, columns.values()), sample_weight=array(weight))] if peer else None
        more = said if peer else {}
        family.add(unit_case(f"{loss}-{tag}", loss, columns, formula, weight=weight, peer=found, **more))


def offset(loss: str) -> Columns:
    """Targets of 1e9 +- 1: plain sums of squares lose the variance."""
    rng = draw(f"{loss} offset")
    target = np.round(rng.uniform(-1, 1, 12) * 64) / 64
    return {"target": (1e9 + target).tolist(), "pred": (1e9 + target + np.round(rng.normal(0, 40, 12)) / 64).tolist()}


def std_of(loss: str) -> dict[str, str]:
    return {"normalizer": "std"} if loss == "nrmse" else {}


def add_nrmse(family: Family) -> None:
    said = {"oracle": "torchmetrics.functional.normalized_root_mean_squared_error", "package": "torchmetrics"}
    for kind in ("range", "std", "l2"):
        for tag, columns, group in shapes(f"nrmse {kind}"):
            found = [torch_nrmse(p["target"], p["pred"], kind) for p in parts(columns, group)]
            params = {"normalizer": kind}
            more = {"params": params, "group": group, "peer": found, **said}
            family.add(unit_case(f"nrmse-{kind}-{tag}", "nrmse", columns, per_output(nrmse), **more))
    columns = drawn("nrmse std weights", (11,))
    weight = uneven(draw("nrmse std w").gamma(1.3, 1.0, 11), 3)
    params = {"normalizer": "std"}
    family.add(unit_case("nrmse-std-weights", "nrmse", columns, nrmse, params=params, weight=weight))


def add_mase(family: Family) -> None:
    group: Column = ["s1"] * 6 + ["s2"] * 8
    for season in (1, 2, 4):
        params = {} if season == 1 else {"season": season}
        for tag, units in (("one-unit", None), ("groups", group)):
            columns = drawn(f"mase {season} {tag}", (14,))
            family.add(unit_case(f"mase-season{season}-{tag}", "mase", columns, mase, params=params, group=units))
    mixed: Column = ["x", "y", "y", "x", "x", "y", "x", "y", "y", "x"]
    family.add(unit_case("mase-scattered-groups", "mase", drawn("mase mixed", (10,)), mase, group=mixed))


def add_special(family: Family) -> None:
    """Exact predictions, a median that ends on half of the weight, zeros in the targets."""
    exact: Columns = {"target": [3.1, -0.4, 7.25, 1e8], "pred": [3.1, -0.4, 7.25, 1e8]}
    for loss in ("rmse", "wape", "median_absolute_error", "max_error", "relative_squared_error"):
        family.add(unit_case(f"{loss}-exact-predictions", loss, exact, SETS[loss][0]))
    half: Columns = {"target": [0.0, 0.0, 0.0, 0.0, 0.0], "pred": [4.7, -1.3, 0.2, -9.1, 2.6]}
    for tag, weight in (("on-half", [1.0, 1.0, 1.0, 1.0, 2.0]), ("heavy", [0.5, 0.25, 6.0, 0.5, 0.25])):
        found = [metrics.median_absolute_error(half["target"], half["pred"], sample_weight=weight)]
        said = {"oracle": "sklearn.metrics.median_absolute_error", "package": "scikit-learn"}
        name = f"median_absolute_error-weights-{tag}"
        case = unit_case(name, "median_absolute_error", half, median_absolute_error, weight=weight, peer=found, **said)
        family.add(case)
    zeros: Columns = {"target": [0.0, 0.0, -3.5, 1e-9, 12.25], "pred": [0.7, 0.0, 3.5, -1e-9, 1e4]}
    for loss in ("rmse", "wape", "max_error", "concordance_loss", "explained_variance_loss"):
        family.add(unit_case(f"{loss}-zeros", loss, zeros, SETS[loss][0]))


def add_all(family: Family) -> None:
    for loss in SETS:
        add_set(family, loss)
    add_nrmse(family)
    add_mase(family)
    add_special(family)
