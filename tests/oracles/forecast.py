"""Oracles of family F, forecasts: ensembles, densities, quantiles, intervals, ordered classes."""

import numpy as np
import properscoring
import scoringrules
from cases import Column, Columns, Family, array, draw, row_case, uneven
from mpmath import mp
from sklearn.metrics import mean_pinball_loss

Numbers = list[mp.mpf]
LEVELS = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]


# ------------------------------------------------------------------------------------------------------------ formulas
def spread(members: int, estimator: str) -> mp.mpf:
    """The divisor of the sum over member pairs: all ordered pairs, or those of two different members."""
    return mp.mpf(members * (members if estimator == "nrg" else members - 1))


def crps_ensemble(target: mp.mpf, pred: Numbers, estimator: str = "nrg") -> mp.mpf:
    """E|X - y| - E|X - X'|/2."""
    error = mp.fsum(abs(x - target) for x in pred) / len(pred)
    return error - mp.fsum(abs(x - other) for x in pred for other in pred) / spread(len(pred), estimator) / 2


def crps_normal(target: mp.mpf, pred: mp.mpf, std: mp.mpf) -> mp.mpf:
    """The integral of (F - 1[y <= x])^2 for a normal F, in closed form."""
    z = (target - pred) / std
    return std * (z * (2 * mp.ncdf(z) - 1) + 2 * mp.npdf(z) - 1 / mp.sqrt(mp.pi))


def pinball(target: mp.mpf, pred: mp.mpf, level: mp.mpf) -> mp.mpf:
    """The quantile loss of one level."""
    return max(level * (target - pred), (level - 1) * (target - pred))


def multi_quantile(target: mp.mpf, pred: Numbers, levels: Numbers) -> mp.mpf:
    """The mean pinball loss over the levels."""
    return mp.fsum(pinball(target, q, level) for q, level in zip(pred, levels, strict=True)) / len(levels)


def crps_quantile(target: mp.mpf, pred: Numbers, levels: Numbers) -> mp.mpf:
    """Twice the mean pinball loss."""
    return 2 * multi_quantile(target, pred, levels)


def interval_score(target: mp.mpf, lower: mp.mpf, upper: mp.mpf, alpha: object = 0.1) -> mp.mpf:
    """Width and twice the miss over alpha."""
    miss = max(lower - target, mp.mpf(0)) + max(target - upper, mp.mpf(0))
    return upper - lower + 2 / mp.mpf(alpha) * miss


def weighted_interval_score(target: mp.mpf, pred: Numbers, levels: Numbers) -> mp.mpf:
    """Bracher et al. 2021: the median and the K central intervals, weighted by alpha_k / 2."""
    at = dict(zip(levels, pred, strict=True))
    half = mp.mpf(1) / 2
    # The upper level is found as the nearest to 1 - lower: 1 - 0.1 and 0.9 differ in binary.
    lows = [level for level in levels if level < half]
    pairs = [(low, min(levels, key=lambda level, low=low: abs(1 - low - level))) for low in lows]
    # alpha_k / 2 is the lower level, alpha_k twice that.
    intervals = mp.fsum(low * interval_score(target, at[low], at[high], 2 * low) for low, high in pairs)
    return (abs(target - at[half]) / 2 + intervals) / (len(pairs) + half)


def rps(target: mp.mpf, pred: Numbers, normalize: object = False) -> mp.mpf:
    """The squared distance of the cumulative distributions; the observed one steps up at the class."""
    steps = [mp.fsum(pred[: k + 1]) - (1 if k >= target else 0) for k in range(len(pred))]
    return mp.fsum(step**2 for step in steps) / (len(pred) - 1 if normalize else 1)


def norm(x: Numbers, y: Numbers) -> mp.mpf:
    """The Euclidean distance."""
    return mp.sqrt(mp.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def energy_score(target: Numbers, pred: list[Numbers], estimator: str = "nrg") -> mp.mpf:
    """E|X - y| - E|X - X'|/2 with Euclidean norms."""
    error = mp.fsum(norm(x, target) for x in pred) / len(pred)
    return error - mp.fsum(norm(x, other) for x in pred for other in pred) / spread(len(pred), estimator) / 2


def variogram_score(target: Numbers, pred: list[Numbers], p: object = 0.5) -> mp.mpf:
    """Squared differences of the variograms over all ordered pairs of outputs."""
    power = mp.mpf(p)

    def gap(x: Numbers, i: int, j: int) -> mp.mpf:
        return abs(x[i] - x[j]) ** power if x[i] != x[j] else mp.mpf(0)

    each = range(len(target))
    return mp.fsum(
        (gap(target, i, j) - mp.fsum(gap(x, i, j) for x in pred) / len(pred)) ** 2 for i in each for j in each
    )


def dawid_sebastiani(target: mp.mpf, pred: Numbers) -> mp.mpf:
    """((y - m)/s)^2 + 2 log s with the sample deviation (ddof 1)."""
    mean = mp.fsum(pred) / len(pred)
    variance = mp.fsum((x - mean) ** 2 for x in pred) / (len(pred) - 1)
    return (target - mean) ** 2 / variance + mp.log(variance)


# ---------------------------------------------------------------------------------------------------------------- data
def ensembles(name: str, rows: int, members: int) -> Columns:
    """Ensembles off centre and of uneven spread."""
    rng = draw(name)
    spreads = rng.uniform(0.3, 3, (rows, 1))
    pred = rng.normal(1.5, spreads, (rows, members))
    return {"target": uneven(rng.normal(1, 2, rows)), "pred": uneven(pred)}


def quantiles(name: str, rows: int, levels: list[float]) -> Columns:
    """Sorted predictions for the levels, in the levels' own order; the last row has equal quantiles."""
    rng = draw(name)
    pred = np.sort(rng.normal(0, 2, (rows, len(levels))), axis=1)[:, np.argsort(np.argsort(levels))]
    pred[-1] = pred[-1, 0]
    target = rng.normal(0.3, 2.5, rows)
    target[1] = pred[1, 2] = round(float(pred[1, 2]), 6)
    return {"target": uneven(target), "pred": uneven(pred)}


def simplex(values: np.ndarray) -> Column:
    """Rows of six decimals that sum to one."""
    rounded = np.round(values, 6)
    rounded[:, -1] = 1 - rounded[:, :-1].sum(axis=1)
    return uneven(rounded)


# --------------------------------------------------------------------------------------------------------------- cases
def ensemble_cases(family: Family) -> None:
    """crps_ensemble, crps_normal, dawid_sebastiani."""
    data = ensembles("crps_ensemble", 9, 5)
    ties = {
        "target": [1.25, 0, -2.5, 3.75, 0],
        "pred": [[1.25, 1.25, 1.25, 1.25], [0, 0, 0.5, -0.75], [1, 2, 2, 7.5], [3.75, 4, -1, 3.75], [0, 0, 0, 0]],
    }
    single = {"target": [0.5, -1.75, 3], "pred": [[1.25], [-1.75], [2.375]]}
    for estimator in ("nrg", "fair"):
        params = {} if estimator == "nrg" else {"estimator": estimator}
        for label, columns in (("", data), ("-ties", ties)):
            peer = scoringrules.crps_ensemble(array(columns["target"]), array(columns["pred"]), estimator=estimator)
            family.add(
                row_case(
                    f"crps_ensemble-scoringrules-{estimator}{label}", "crps_ensemble", columns, crps_ensemble,
                    params=params, peer=peer, oracle="scoringrules.crps_ensemble", package="scoringrules",
                    gradient=None if label or estimator == "fair" else "pred",  # zero there but for differencing
                )
            )  # fmt: skip
    family.add(
        row_case(
            "crps_ensemble-properscoring-weighted", "crps_ensemble", data, crps_ensemble,
            peer=properscoring.crps_ensemble(array(data["target"]), array(data["pred"])),
            oracle="properscoring.crps_ensemble", package="properscoring",
            weight=[0.5, 2, 0, 1, 3.5, 1, 0.25, 1, 2],
        )
    )  # fmt: skip
    family.add(row_case("crps_ensemble-formula-one-member", "crps_ensemble", single, crps_ensemble))

    rng = draw("crps_normal")
    normal = {
        "target": [*uneven(rng.normal(0, 2, 8)), 1.5, 40.25],
        "pred": [*uneven(rng.normal(0.5, 2, 8)), 1.5, 0.125],
        "std": [*uneven(rng.uniform(0.2, 3, 8)), 0.75, 1.25],
    }
    arrays = [array(normal[name]) for name in ("target", "pred", "std")]
    family.add(
        row_case(
            "crps_normal-scoringrules", "crps_normal", normal, crps_normal, gradient="pred",
            peer=scoringrules.crps_normal(*arrays), oracle="scoringrules.crps_normal", package="scoringrules",
        )
    )  # fmt: skip
    family.add(
        row_case(
            "crps_normal-properscoring", "crps_normal", normal, crps_normal,
            peer=properscoring.crps_gaussian(*arrays), oracle="properscoring.crps_gaussian", package="properscoring",
        )
    )  # fmt: skip

    data = ensembles("dawid_sebastiani", 8, 6)
    family.add(
        row_case(
            "dawid_sebastiani-scoringrules", "dawid_sebastiani", data, dawid_sebastiani, gradient="pred",
            peer=scoringrules.dssuv_ensemble(array(data["target"]), array(data["pred"])),
            oracle="scoringrules.dssuv_ensemble", package="scoringrules",
        )
    )  # fmt: skip
    pair = {"target": [0.5, 3], "pred": [[0.25, 0.5], [3, -1.5]]}
    family.add(row_case("dawid_sebastiani-formula-two-members", "dawid_sebastiani", pair, dawid_sebastiani))


def quantile_cases(family: Family) -> None:
    """crps_quantile, multi_quantile, interval_score, weighted_interval_score."""
    for label, levels in (("", LEVELS), ("-unsorted", [0.5, 0.05, 0.95, 0.3, 0.7])):
        columns, params = quantiles("quantiles" + label, 8, levels), {"levels": levels}
        target, pred = array(columns["target"]), array(columns["pred"])
        rows = scoringrules.crps_quantile(target, pred, array(levels))
        family.add(
            row_case(
                f"crps_quantile-scoringrules{label}", "crps_quantile", columns, crps_quantile,
                params=params, peer=rows, oracle="scoringrules.crps_quantile", package="scoringrules",
            )
        )  # fmt: skip
        means = [
            np.mean([mean_pinball_loss([y], [q], alpha=level) for q, level in zip(row, levels, strict=True)])
            for y, row in zip(target, pred, strict=True)
        ]
        family.add(
            row_case(
                f"multi_quantile-sklearn{label}", "multi_quantile", columns, multi_quantile,
                params=params, peer=means, oracle="sklearn.metrics.mean_pinball_loss", package="scikit-learn",
            )
        )  # fmt: skip
        family.add(
            row_case(
                f"weighted_interval_score-scoringrules{label}", "weighted_interval_score", columns,
                weighted_interval_score, params=params, peer=rows,
                oracle="scoringrules.crps_quantile of the same levels", package="scoringrules",
                weight=None if label else [1, 0.5, 2, 0, 1.25, 3, 1, 0.75],
            )
        )  # fmt: skip
    ends = {"levels": [0, 0.4, 1]}
    columns = quantiles("quantiles-ends", 6, ends["levels"])
    for loss, formula in (("multi_quantile", multi_quantile), ("crps_quantile", crps_quantile)):
        family.add(row_case(f"{loss}-formula-ends", loss, columns, formula, params=ends))
    smooth = {name: column[2:-1] for name, column in quantiles("quantiles", 8, LEVELS).items()}
    for loss, formula in (("multi_quantile", multi_quantile), ("crps_quantile", crps_quantile)):
        family.add(
            row_case(f"{loss}-formula-gradient", loss, smooth, formula, params={"levels": LEVELS}, gradient="pred")
        )

    rng = draw("interval_score")
    lower = rng.normal(-1, 1, 9)
    columns = {
        "target": [*uneven(rng.normal(0, 2.5, 9)), 1.5, -0.25, 2],
        "lower": [*uneven(lower), 1.5, -1, 2],
        "upper": [*uneven(lower + rng.uniform(0.2, 3, 9)), 2.75, -0.25, 2],
    }
    for label, params in (("", {}), ("-half", {"alpha": 0.5}), ("-narrow", {"alpha": 0.025})):
        family.add(
            row_case(
                f"interval_score-scoringrules{label}", "interval_score", columns, interval_score, params=params,
                peer=scoringrules.interval_score(
                    *(array(columns[name]) for name in ("target", "lower", "upper")), params.get("alpha", 0.1)
                ),
                oracle="scoringrules.interval_score", package="scoringrules",
            )
        )  # fmt: skip
    family.disagree(
        "weighted_interval_score", "scoringrules.weighted_interval_score",
        "adds w_median * median instead of w_median * |y - median| (and documents weights 2/alpha where it uses "
        "alpha/2): its crps_quantile of the same levels is the oracle",
    )  # fmt: skip


def class_cases(family: Family) -> None:
    """rps."""
    rng = draw("rps")
    pred = [*simplex(rng.dirichlet([1, 2, 0.7, 1.3], 8)), [0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    columns = {"target": [*rng.integers(0, 4, 8).tolist(), 2, 0, 3], "pred": pred}
    onehot = np.eye(4)[columns["target"]]
    rows = scoringrules.rps_score(onehot, array(pred), onehot=True)
    for label, params in (("", {}), ("-normalized", {"normalize": True})):
        family.add(
            row_case(
                f"rps-scoringrules{label}", "rps", columns, rps, params=params, peer=rows / 3 if params else rows,
                oracle="scoringrules.rps_score" + (" / (K - 1)" if params else ""), package="scoringrules",
            )
        )  # fmt: skip
    # Eighths sum to one exactly: the last gradient is a true zero.
    eighths = {
        "target": [1, 3, 0],
        "pred": [[0.125, 0.5, 0.25, 0.125], [0.375, 0.25, 0, 0.375], [0.5, 0.125, 0.25, 0.125]],
    }
    family.add(row_case("rps-formula-gradient", "rps", eighths, rps, gradient="pred"))


def multivariate_cases(family: Family) -> None:
    """energy_score, variogram_score."""
    rng = draw("multivariate")
    target, pred = rng.normal(0, 1.5, (6, 3)), rng.normal(0.4, 1.2, (6, 4, 3))
    target[3], pred[3, 1] = pred[3, 2], pred[3, 2]  # a member met exactly, and drawn twice
    target[4, 1] = target[4, 0]
    columns = {"target": uneven(target), "pred": uneven(pred)}
    obs, ensemble = array(columns["target"]), array(columns["pred"])
    for estimator in ("nrg", "fair"):
        family.add(
            row_case(
                f"energy_score-scoringrules-{estimator}", "energy_score", columns, energy_score,
                params={} if estimator == "nrg" else {"estimator": estimator},
                peer=scoringrules.es_ensemble(obs, ensemble, estimator=estimator),
                oracle="scoringrules.es_ensemble", package="scoringrules",
                weight=None if estimator == "nrg" else [1, 2.5, 0.5, 0, 1, 3],
            )
        )  # fmt: skip
    flat = {"target": [[0.5], [-1.75]], "pred": [[[1.25], [0.5], [-3]], [[-2], [0.25], [4.5]]]}
    family.add(row_case("energy_score-formula-one-output", "energy_score", flat, energy_score))
    for label, params in (("", {}), ("-p1", {"p": 1}), ("-p2", {"p": 2})):
        family.add(
            row_case(
                f"variogram_score-scoringrules{label}", "variogram_score", columns, variogram_score, params=params,
                peer=scoringrules.vs_ensemble(obs, ensemble, p=params.get("p", 0.5)),
                oracle="scoringrules.vs_ensemble", package="scoringrules",
            )
        )  # fmt: skip


def build() -> Family:
    """Every loss of family F."""
    family = Family("forecast", ["scoringrules", "properscoring", "scikit-learn", "mpmath", "numpy"])
    for cases in (ensemble_cases, quantile_cases, class_cases, multivariate_cases):
        cases(family)
    return family
