"""Floors of losses of vectors, boxes, feature maps, images and sequences, a value per row."""

import numpy as np
from floors.cases import (
    FEW,
    LOGITS,
    ROWS,
    A,
    Array,
    Arrays,
    B,
    C,
    Case,
    Formula,
    Y,
    norm,
    ragged,
    rng,
    sigmoid,
    softplus,
)

TWO, TRIPLET = {"target": A, "pred": B}, {"anchor": A, "positive": B, "negative": C}
LABELLED = {"a": A, "b": B, "target": FEW}


def power_norm(x: Array) -> Array:
    return (np.abs(x) ** 3).sum(axis=0) ** (1 / 3)


def cosine(x: Array, y: Array) -> Array:
    return (x * y).sum(axis=0) / (norm(x) * norm(y))


def contrastive(distance: Array, target: Array) -> Array:
    return target * distance**2 + (1 - target) * np.maximum(0, 1 - distance) ** 2


def cosine_embedding(a: Array, b: Array, target: Array) -> Array:
    found = cosine(a, b)
    return target * (1 - found) + (1 - target) * np.maximum(0, found)


def triplet(anchor: Array, positive: Array, negative: Array) -> Array:
    return np.maximum(0, norm(anchor - positive + 1e-6) - norm(anchor - negative + 1e-6) + 1)


def swapped(anchor: Array, positive: Array, negative: Array) -> Array:
    far = np.minimum(norm(anchor - negative + 1e-6), norm(positive - negative + 1e-6))
    return np.maximum(0, norm(anchor - positive + 1e-6) - far + 1)


def squared(anchor: Array, positive: Array, negative: Array) -> Array:
    return np.maximum(0, ((anchor - positive) ** 2).sum(axis=0) - ((anchor - negative) ** 2).sum(axis=0) + 1)


def by_size(anchor: Array, positive: Array, negative: Array) -> Array:
    near, far = (np.abs(anchor - x + 1e-6).sum(axis=0) for x in (positive, negative))
    return np.maximum(0, near - far + 1)


def info_nce(anchor: Array, positive: Array, negatives: Array) -> Array:
    found = cosine(anchor, positive)
    rivals = (negatives * anchor).sum(axis=1) / (norm(anchor) * np.sqrt((negatives**2).sum(axis=1)))
    return np.log(np.exp(found / 0.1) + np.exp(rivals / 0.1).sum(axis=0)) - found / 0.1


SOME = ROWS // 128
ON_NEGATIVES = {
    "anchor": A[:, :SOME], "positive": B[:, :SOME], "negatives": rng.normal(size=(SOME, 16, len(A))).transpose(1, 2, 0)
}  # fmt: skip

PAIRS = [
    Case("contrastive", LABELLED, lambda a, b, target: contrastive(norm(a - b), target)),
    Case("contrastive", LABELLED, lambda a, b, target: contrastive(np.abs(a - b).sum(axis=0), target), {"p": 1.0}),
    Case("contrastive", LABELLED, lambda a, b, target: contrastive(power_norm(a - b), target), {"p": 3.0}),
    Case("cosine_embedding", LABELLED, cosine_embedding),
    Case("cosine_distance", TWO, lambda target, pred: 1 - cosine(target, pred)),
    Case("cosine_proximity", TWO, lambda target, pred: -cosine(target, pred)),
    Case("triplet", TRIPLET, triplet),
    Case("triplet", TRIPLET, swapped, {"swap": True}),
    Case("triplet", TRIPLET, squared, {"squared": True}),
    Case("triplet", TRIPLET, by_size, {"p": 1.0}),
    Case(
        "triplet_soft_margin",
        TRIPLET,
        lambda anchor, positive, negative: softplus(norm(anchor - positive) - norm(anchor - negative)),
    ),
    Case("info_nce", ON_NEGATIVES, info_nce, says="negatives"),
]

LATENT = {"mu": LOGITS[:, : ROWS // 16], "logvar": 0.3 * LOGITS[::-1, : ROWS // 16]}
SHADES = sigmoid(B)


def vae_elbo(reconstruction: Formula) -> Formula:
    def formula(target: Array, pred: Array, mu: Array, logvar: Array) -> Array:
        divergence = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=0)
        return reconstruction(target, pred).sum(axis=0) + divergence

    return formula


def gram_style(target: Array, pred: Array) -> Array:
    def gram(features: Array) -> Array:
        rows = features.transpose(2, 0, 1)
        return rows @ rows.transpose(0, 2, 1) / (len(features) * features.shape[1])

    return ((gram(pred) - gram(target)) ** 2).mean(axis=(1, 2))


def variation(of: Formula) -> Formula:
    return lambda pred: of(pred[1:] - pred[:-1]).sum(axis=(0, 1)) + of(pred[:, 1:] - pred[:, :-1]).sum(axis=(0, 1))


IMAGES = {"pred": rng.random(size=(ROWS // 4096, 64, 64)).transpose(1, 2, 0)}
MAPS = {name: rng.normal(size=(64, 16, 64)).transpose(1, 2, 0) for name in ("target", "pred")}

GENERATIVE = [
    Case("vae_elbo", {**TWO, **LATENT}, vae_elbo(lambda target, pred: 0.5 * (pred - target) ** 2)),
    Case(
        "vae_elbo",
        {**TWO, **LATENT, "target": SHADES, "pred": sigmoid(C)},
        vae_elbo(lambda target, pred: -target * np.log(pred) - (1 - target) * np.log1p(-pred)),
        {"reconstruction": "bernoulli"},
    ),
    Case(
        "vae_elbo",
        {**TWO, **LATENT, "target": SHADES},
        vae_elbo(lambda target, pred: softplus(pred) - target * pred),
        {"reconstruction": "bernoulli_logits"},
    ),
    Case("diffusion_mse", TWO, lambda target, pred: ((pred - target) ** 2).mean(axis=0)),
    Case(
        "diffusion_mse",
        {**TWO, "snr": np.exp(Y[: ROWS // 16])},
        lambda target, pred, snr: ((pred - target) ** 2).mean(axis=0) * np.minimum(snr, 5) / snr,
        {"snr_gamma": 5.0},
    ),
    Case("perceptual", TWO, lambda target, pred: ((pred - target) ** 2).sum(axis=0)),
    Case("perceptual", TWO, lambda target, pred: ((pred - target) ** 2).mean(axis=0), {"average": True}),
    Case("mse", TWO, lambda target, pred: ((pred - target) ** 2).mean(axis=0), says="vectors"),
    Case("gram_style", MAPS, gram_style),
    Case("total_variation", IMAGES, variation(np.abs)),
    Case("total_variation", IMAGES, variation(np.square), {"mode": "l2"}),
]


def sides(target: Array, pred: Array) -> tuple[Array, Array, Array]:
    """Intersection, union, and the sides of the hull, of boxes as corners."""
    low, high = np.maximum(target[:2], pred[:2]), np.minimum(target[2:], pred[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=0)
    union = np.prod(target[2:] - target[:2], axis=0) + np.prod(pred[2:] - pred[:2], axis=0) - shared
    return shared, union, np.maximum(target[2:], pred[2:]) - np.minimum(target[:2], pred[:2])


def box_iou(target: Array, pred: Array) -> Array:
    shared, union, _ = sides(target, pred)
    return 1 - shared / (union + 1e-7)


def of_lists(target: Array, pred: Array) -> Array:
    return box_iou(*map(np.ascontiguousarray, (target, pred)))


def from_sizes(target: Array, pred: Array) -> Array:
    return box_iou(*(np.concatenate([box[:2], box[:2] + box[2:]]) for box in (target, pred)))


def giou(target: Array, pred: Array) -> Array:
    shared, union, hull = sides(target, pred)
    area = hull[0] * hull[1]
    return 1 - shared / (union + 1e-7) + (area - union) / (area + 1e-7)


def diou(target: Array, pred: Array) -> Array:
    shared, union, hull = sides(target, pred)
    apart = ((target[:2] + target[2:] - pred[:2] - pred[2:]) ** 2).sum(axis=0) / 4
    return 1 - shared / (union + 1e-7) + apart / ((hull**2).sum(axis=0) + 1e-7)


def ciou(target: Array, pred: Array) -> Array:
    angles = (np.arctan((box[2] - box[0]) / (box[3] - box[1])) for box in (target, pred))
    shape = 4 / np.pi**2 * (next(angles) - next(angles)) ** 2
    return diou(target, pred) + shape**2 / (box_iou(target, pred) + shape + 1e-7)


PLACES, SIZES = rng.normal(size=(2, 2, ROWS)), rng.uniform(0.5, 3, size=(2, 2, ROWS))
CORNERS = {
    name: np.concatenate([place, place + size])
    for name, place, size in zip(("target", "pred"), PLACES, SIZES, strict=True)
}
SIZED = {
    name: np.concatenate([place, size]) for name, place, size in zip(("target", "pred"), PLACES, SIZES, strict=True)
}


def as_lists(boxes: Arrays) -> Arrays:
    return {name: box.T.copy().T for name, box in boxes.items()}


BOXES = [
    Case("box_iou", CORNERS, box_iou),
    Case("box_iou", as_lists(CORNERS), of_lists, says="lists"),
    Case("box_iou", SIZED, from_sizes, {"box_format": "xywh"}),
    Case(
        "box_iou",
        as_lists(SIZED),
        lambda target, pred: from_sizes(*map(np.ascontiguousarray, (target, pred))),
        {"box_format": "xywh"},
        "lists",
    ),
    Case("giou", CORNERS, giou),
    Case("diou", CORNERS, diou),
    Case("ciou", CORNERS, ciou),
]

SEQUENCES, STEPS, LETTERS, WORD = 64, 80, 32, 12
SCORES = rng.normal(size=(SEQUENCES, STEPS, LETTERS))
WORDS = rng.integers(1, LETTERS, size=(SEQUENCES, WORD))


def ctc(pred: Array, target: Array) -> Array:
    """The forward algorithm over all rows at once: a blank before, between and after the labels."""
    scores = pred.values.T.reshape(SEQUENCES, STEPS, LETTERS)
    words = target.values.reshape(SEQUENCES, WORD)
    log_p = scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))
    states = np.zeros((SEQUENCES, 2 * WORD + 1), dtype=int)
    states[:, 1::2] = words
    emitted = np.take_along_axis(log_p, states[:, np.newaxis], axis=2)
    skips = np.full(states.shape, -np.inf)
    skips[:, 3::2] = np.where(words[:, 1:] != words[:, :-1], 0, -np.inf)
    paths = np.full(states.shape, -1e300)
    paths[:, :2] = emitted[:, 0, :2]
    for step in range(1, STEPS):
        one, two = np.full(states.shape, -1e300), np.full(states.shape, -1e300)
        one[:, 1:], two[:, 2:] = paths[:, :-1], paths[:, :-2]
        two += skips
        top = np.maximum(np.maximum(paths, one), two)
        paths = np.log(np.exp(paths - top) + np.exp(one - top) + np.exp(two - top)) + top + emitted[:, step]
    return -np.logaddexp(paths[:, -1], paths[:, -2])


SPOKEN = {"pred": ragged(list(SCORES)), "target": ragged(list(WORDS))}
CASES = [*PAIRS, *GENERATIVE, *BOXES, Case("ctc", SPOKEN, ctc)]
