"""Floors of losses of whole units: sets, masks, batches of embeddings, ranked lists."""

import numpy as np
from floors.cases import (
    CLASS,
    LOGITS,
    MASKS,
    ON_MASKS,
    ON_PROB,
    ON_PROBS,
    PAIR,
    PIXELS,
    POSITIVE,
    ROWS,
    A,
    Array,
    B,
    Case,
    F,
    Formula,
    one_hot,
    rng,
    sigmoid,
    softmax,
    softplus,
)


def concordance(target: Array, pred: Array) -> Array:
    covariance = ((target - target.mean()) * (pred - pred.mean())).mean()
    return 1 - 2 * covariance / (target.var() + pred.var() + (target.mean() - pred.mean()) ** 2)


def pearson(target: Array, pred: Array) -> Array:
    x, y = target - target.mean(), pred - pred.mean()
    return 1 - (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())


def rmse(target: Array, pred: Array) -> Array:
    return np.sqrt(((pred - target) ** 2).mean())


def naive(target: Array, pred: Array) -> Array:
    return np.abs(pred - target).mean() / np.abs(target[1:] - target[:-1]).mean()


def calibration(target: Array, pred: Array, power: int = 1) -> Array:
    place = np.ceil(pred * 15).astype(int) - 1
    gap = np.abs(np.bincount(place, pred - target, 15))
    if power == 1:
        return gap.sum() / len(target)
    return np.sqrt((gap**2 / np.bincount(place, minlength=15)).sum() / len(target))


def of_classes(target: Array, pred: Array) -> Array:
    return calibration(pred.argmax(axis=0) == target, pred.max(axis=0))


def energy_distance(target: Array, pred: Array) -> Array:
    """`2 integral (F - G)^2`, by the distribution functions at all values."""
    values = np.sort(np.concatenate([target, pred]))
    first, second = (np.searchsorted(np.sort(x), values[:-1], side="right") / len(x) for x in (target, pred))
    return np.sqrt(2 * ((first - second) ** 2 * np.diff(values)).sum())


SETS = [
    Case("rmse", PAIR, rmse),
    Case("max_error", PAIR, lambda target, pred: np.abs(pred - target).max()),
    Case("median_absolute_error", PAIR, lambda target, pred: np.median(np.abs(pred - target))),
    Case("nrmse", PAIR, lambda target, pred: rmse(target, pred) / target.mean(), rtol=1e-4),
    Case("nrmse", PAIR, lambda target, pred: rmse(target, pred) / np.ptp(target), {"normalizer": "range"}),
    Case("nrmse", PAIR, lambda target, pred: rmse(target, pred) / target.std(), {"normalizer": "std"}),
    Case("nrmse", PAIR, lambda target, pred: rmse(target, pred) / np.sqrt((target**2).sum()), {"normalizer": "l2"}),
    Case("relative_squared_error", PAIR, lambda target, pred: ((pred - target) ** 2).mean() / target.var()),
    Case("explained_variance_loss", PAIR, lambda target, pred: (pred - target).var() / target.var()),
    Case("concordance_loss", PAIR, concordance),
    Case("pearson_loss", PAIR, pearson),
    Case("wape", PAIR, lambda target, pred: np.abs(pred - target).sum() / np.abs(target).sum()),
    Case("rmsle", POSITIVE, lambda target, pred: rmse(np.log1p(target), np.log1p(pred))),
    Case("mase", PAIR, naive, says="unit"),
    Case("expected_calibration_error", ON_PROB, calibration),
    Case("expected_calibration_error", ON_PROBS, of_classes, says="classes"),
    Case("expected_calibration_error", ON_PROB, lambda target, pred: calibration(target, pred, 2), {"norm": 2}),
    Case("wasserstein_samples", PAIR, lambda target, pred: np.abs(np.sort(target) - np.sort(pred)).mean()),
    Case("energy_distance", PAIR, energy_distance),
]


def summed(x: Array) -> Array:
    """Sums over the pixels of each mask."""
    return x.reshape(*x.shape[:-1], -1, PIXELS).sum(axis=-1)


def counts(target: Array, pred: Array) -> tuple[Array, Array, Array]:
    hits = summed(pred * target)
    return hits, summed(pred) - hits, summed(target) - hits


def tversky(target: Array, pred: Array, alpha: float = 0.5, beta: float = 0.5) -> Array:
    hits, false, missed = counts(target, pred)
    return 1 - (hits + 1e-6) / (hits + alpha * false + beta * missed + 1e-6)


def dice(target: Array, pred: Array) -> Array:
    return 1 - (2 * summed(pred * target) + 1e-6) / (summed(pred) + summed(target) + 1e-6)


def squared_dice(target: Array, pred: Array) -> Array:
    return 1 - (2 * summed(pred * target) + 1e-6) / (summed(pred**2) + summed(target**2) + 1e-6)


def generalized_dice(target: Array, pred: Array) -> Array:
    sizes = summed(target)
    hits = (summed(pred * target) / sizes**2).sum(axis=0)
    return 1 - (2 * hits + 1e-5) / (((summed(pred) + sizes) / sizes**2).sum(axis=0) + 1e-5)


def mcc(target: Array, pred: Array) -> Array:
    tp, fp, fn = counts(target, pred)
    tn = PIXELS - tp - fp - fn + 1e-5
    tp, fp, fn = tp + 1e-5, fp + 1e-5, fn + 1e-5
    return 1 - (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def lovasz(errors: Array, inside: Array) -> Array:
    order = np.argsort(-errors)
    hit = inside[order]
    shared, union = hit.sum() - np.cumsum(hit), hit.sum() + np.cumsum(1 - hit)
    return (errors[order] * np.diff(1 - shared / union, prepend=0)).sum()


ON_MASK = {name: pixels[:PIXELS] for name, pixels in ON_MASKS.items()}
ON_LABELS = {"target": CLASS[:PIXELS], "pred": np.ascontiguousarray(ON_PROBS["pred"][:, :PIXELS])}


def over_labels(target: Array, pred: Array) -> Array:
    return np.mean([lovasz(np.abs((target == c) - p), target == c) for c, p in enumerate(pred)])


MASKS = [
    Case("dice", ON_MASKS, dice, units=MASKS),
    Case("dice", ON_MASKS, squared_dice, {"squared": True}, units=MASKS),
    Case(
        "dice",
        {**ON_MASKS, "pred": 4 * ON_MASKS["pred"] - 2},
        lambda target, pred: dice(target, sigmoid(pred)),
        {"input": "logits"},
        units=MASKS,
    ),
    Case("dice", ON_MASKS, lambda target, pred: dice(target, pred > 0.5), {"threshold": 0.5}, units=MASKS),
    Case(
        "dice",
        ON_PROBS,
        lambda target, pred: dice(one_hot(target), pred).mean(axis=0),
        says="classes",
        units=ROWS // PIXELS,
    ),
    Case(
        "dice",
        {**ON_PROBS, "pred": LOGITS},
        lambda target, pred: dice(one_hot(target), softmax(pred)).mean(axis=0),
        {"input": "logits"},
        "classes",
        units=ROWS // PIXELS,
    ),
    Case(
        "generalized_dice",
        ON_PROBS,
        lambda target, pred: generalized_dice(one_hot(target), pred),
        says="classes",
        units=ROWS // PIXELS,
    ),
    Case("jaccard", ON_MASKS, lambda target, pred: tversky(target, pred, 1, 1), units=MASKS),
    Case("tversky", ON_MASKS, tversky, units=MASKS),
    Case("focal_tversky", ON_MASKS, lambda target, pred: tversky(target, pred) ** 0.75, units=MASKS),
    Case("mcc_loss", ON_MASKS, mcc, units=MASKS),
    Case(
        "mcc_loss",
        ON_PROBS,
        lambda target, pred: mcc(one_hot(target), pred).mean(axis=0),
        says="classes",
        units=ROWS // PIXELS,
    ),
    Case(
        "lovasz_hinge",
        {**ON_MASK, "pred": F[:PIXELS]},
        lambda target, pred: lovasz(np.maximum(0, 1 - (2 * target - 1) * pred), target),
    ),
    Case("lovasz_softmax", ON_MASK, lambda target, pred: lovasz(np.abs(target - pred), target)),
    Case("lovasz_softmax", ON_LABELS, over_labels, says="classes"),
    Case(
        "lovasz_softmax",
        {**ON_LABELS, "pred": np.log(ON_LABELS["pred"])},
        lambda target, pred: over_labels(target, softmax(pred)),
        {"input": "logits"},
        says="classes",
    ),
]

BATCH = 512
FIRST, SECOND = (np.ascontiguousarray(x[:, :BATCH]) for x in (A, B))
VIEWS = {"embedding": FIRST, "label": np.arange(BATCH) // 2}  # two views of each image
TAGGED = {"embedding": FIRST, "label": rng.integers(0, 10, BATCH)}


def directions(x: Array) -> Array:
    return x / np.sqrt((x * x).sum(axis=0))


def found_in_unit(scores: Array) -> Array:
    return np.log(np.exp(scores).sum(axis=1)) - scores.diagonal()


def info_nce(anchor: Array, positive: Array) -> Array:
    return found_in_unit(directions(anchor).T @ directions(positive) / 0.1)


def shifted(anchor: Array, positive: Array) -> Array:
    """Dot products of many components are too large to exponentiate as they are."""
    scores = anchor.T @ positive
    top = scores.max(axis=1)
    return np.log(np.exp(scores - top[:, np.newaxis]).sum(axis=1)) + top - scores.diagonal()


def related(embedding: Array, label: Array) -> tuple[Array, Array, Array]:
    unit = directions(embedding)
    same = label == label[:, np.newaxis]
    return unit.T @ unit, same & ~np.eye(len(label), dtype=bool), ~same


def nt_xent(embedding: Array, label: Array) -> Array:
    scores, alike, other = related(embedding, label)
    powers = np.exp(scores / 0.5)
    each = np.log(powers + (powers * other).sum(axis=1, keepdims=True)) - scores / 0.5
    return (each * alike).sum(axis=1) / alike.sum(axis=1)


def supcon(embedding: Array, label: Array) -> Array:
    scores, alike, _ = related(embedding, label)
    scores /= 0.1
    powers = np.exp(scores)
    total = np.log(powers.sum(axis=1) - powers.diagonal())
    return total - (scores * alike).sum(axis=1) / alike.sum(axis=1)


def multi_similarity(embedding: Array, label: Array) -> Array:
    scores, alike, other = related(embedding, label)
    pull = np.log(1 + (np.exp(-2 * (scores - 0.5)) * alike).sum(axis=1)) / 2
    return pull + np.log(1 + (np.exp(50 * (scores - 0.5)) * other).sum(axis=1)) / 50


def circle(embedding: Array, label: Array) -> Array:
    scores, alike, other = related(embedding, label)
    pull = (np.exp(-80 * np.maximum(0, 1.4 - scores) * (scores - 0.6)) * alike).sum(axis=1)
    push = (np.exp(80 * np.maximum(0, scores + 0.4) * (scores - 0.4)) * other).sum(axis=1)
    return np.log(1 + pull * push)


def barlow_twins(a: Array, b: Array) -> Array:
    x, y = ((z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True) for z in (a, b))
    matrix = x @ y.T / a.shape[1]
    gap = (matrix - np.eye(len(a))) ** 2
    return gap.trace() + 5e-3 * (gap.sum() - gap.trace())


BATCHES = [
    Case("info_nce", {"anchor": FIRST, "positive": SECOND}, info_nce, says="in the unit"),
    Case(
        "info_nce",
        {"anchor": FIRST, "positive": SECOND},
        lambda anchor, positive: 0.5 * (info_nce(anchor, positive) + info_nce(positive, anchor)),
        {"symmetric": True},
        says="in the unit",
    ),
    Case("n_pairs", {"anchor": FIRST, "positive": SECOND}, shifted),
    Case("nt_xent", VIEWS, nt_xent, says="pairs"),
    Case("nt_xent", TAGGED, nt_xent, says="ten labels"),
    Case("supcon", VIEWS, supcon, says="pairs"),
    Case("supcon", TAGGED, supcon, says="ten labels"),
    Case("multi_similarity", VIEWS, multi_similarity, says="pairs"),
    Case("multi_similarity", TAGGED, multi_similarity, says="ten labels"),
    Case("circle", VIEWS, circle, says="pairs"),
    Case("circle", TAGGED, circle, says="ten labels"),
    Case("barlow_twins", {"a": FIRST, "b": SECOND}, barlow_twins),
]

ITEMS = 50
QUERY = {"target": rng.integers(0, 5, ITEMS) * 1.0, "pred": rng.normal(size=ITEMS)}
TIED = {**QUERY, "pred": np.round(QUERY["pred"])}


def over_pairs(of_lead: Formula) -> Formula:
    def formula(target: Array, pred: Array) -> Array:
        better = target[:, np.newaxis] > target
        return (of_lead(pred[:, np.newaxis] - pred) * better).sum() / better.sum()

    return formula


def surprise(pred: Array) -> Array:
    return np.log(np.exp(pred).sum()) - pred


def listnet(target: Array, pred: Array) -> Array:
    share = np.exp(target)
    return (share * surprise(pred)).sum() / share.sum()


def listmle(target: Array, pred: Array) -> Array:
    scores = pred[np.argsort(-target, kind="stable")]
    return (np.log(np.cumsum(np.exp(scores)[::-1])[::-1]) - scores).sum()


def discounts(items: int) -> Array:
    return 1 / np.log2(np.arange(2, items + 2))


def best(gains: Array) -> Array:
    return (np.sort(gains)[::-1] * discounts(len(gains))).sum()


def approx_ndcg(target: Array, pred: Array) -> Array:
    gains = 2**target - 1
    ranks = 0.5 + sigmoid(pred - pred[:, np.newaxis]).sum(axis=1)
    return 1 - (gains / np.log2(1 + ranks)).sum() / best(gains)


def lambda_rank(target: Array, pred: Array) -> Array:
    gains = 2**target - 1
    places = np.empty(len(pred))
    places[np.argsort(-pred, kind="stable")] = discounts(len(pred))
    weights = np.abs(gains[:, np.newaxis] - gains) * np.abs(places[:, np.newaxis] - places)
    lead = softplus(pred - pred[:, np.newaxis])
    return (lead * weights * (target[:, np.newaxis] > target)).sum() / np.log(2) / best(gains)


def ndcg(target: Array, pred: Array, k: int = ITEMS) -> Array:
    """Tied scores share their gains."""
    gains = 2**target - 1
    _, place, sizes = np.unique(-pred, return_inverse=True, return_counts=True)
    shared = (np.bincount(place, gains) / sizes)[np.sort(place)]
    places = discounts(len(pred))[:k]
    return 1 - (shared[:k] * places).sum() / (np.sort(gains)[::-1][:k] * places).sum()


LISTS = [
    Case("ranknet", QUERY, over_pairs(lambda lead: softplus(-lead))),
    Case("pairwise_hinge", QUERY, over_pairs(lambda lead: np.maximum(0, 1 - lead))),
    Case("listnet", QUERY, listnet),
    Case("softmax_rank", QUERY, lambda target, pred: (target * surprise(pred)).sum()),
    Case("listmle", QUERY, listmle),
    Case("approx_ndcg", QUERY, approx_ndcg),
    Case("lambda_rank", QUERY, lambda_rank),
    Case("ndcg_loss", QUERY, ndcg),
    Case("ndcg_loss", QUERY, lambda target, pred: ndcg(target, pred, 10), {"k": 10}),
    Case("ndcg_loss", TIED, ndcg, says="ties"),
]

CASES = [*SETS, *MASKS, *BATCHES, *LISTS]
