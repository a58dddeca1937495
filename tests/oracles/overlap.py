"""Oracles of family G, segmentation: overlap losses of a unit's pixels and Lovasz extensions."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import kornia.losses
import numpy as np
import torch
from cases import SINGLE, Family, Formula, draw, load_file, log_softmax, uneven
from monai.losses import DiceLoss, GeneralizedDiceLoss, TverskyLoss
from mpmath import mp
from units import Peer, arranged, binary_units, by_unit, class_units, images

Numbers = list[mp.mpf]


# ------------------------------------------------------------------------------------------------------------ formulas
@dataclass(frozen=True, slots=True)
class Sums:
    """The weighted sums of one class of one unit."""

    tp: mp.mpf
    fp: mp.mpf
    fn: mp.mpf
    tn: mp.mpf
    squares: mp.mpf
    present: bool
    untouched: bool


def masks(target: Numbers, pred: list[object], read: object, threshold: object) -> list[tuple[Numbers, Numbers]]:
    """(target, prediction) of every class, one against the rest; a binary unit has its foreground only."""
    if isinstance(pred[0], list):
        rows = [[mp.exp(x) for x in log_softmax(row)] for row in pred] if read == "logits" else pred
        each = [([mp.mpf(label == k) for label in target], [row[k] for row in rows]) for k in range(len(pred[0]))]
    else:
        each = [(target, [1 / (1 + mp.exp(-x)) for x in pred] if read == "logits" else list(pred))]
    return each if threshold is None else [(g, [mp.mpf(x > threshold) for x in p]) for g, p in each]


def sums(target: Numbers, pred: Numbers, weight: Numbers) -> Sums:
    """TP, FP, FN, TN as the catalogue writes them."""
    triples = list(zip(target, pred, weight, strict=True))
    return Sums(
        tp=mp.fsum(w * p * g for g, p, w in triples),
        fp=mp.fsum(w * p * (1 - g) for g, p, w in triples),
        fn=mp.fsum(w * (1 - p) * g for g, p, w in triples),
        tn=mp.fsum(w * (1 - p) * (1 - g) for g, p, w in triples),
        squares=mp.fsum(w * (p * p + g * g) for g, p, w in triples),
        present=any(g != 0 for g in target),
        untouched=all(g == 0 and p == 0 for g, p in zip(target, pred, strict=True)),
    )


def of_classes(value: Callable[..., mp.mpf]) -> Formula:
    """A unit's mean of `value(sums)` over its classes; a class neither there nor predicted is a perfect match."""

    def formula(
        target: Numbers, pred: list[object], weight: Numbers | None = None, input: str = "probs",
        threshold: object = None, average: str = "present", **settings: object,
    ) -> mp.mpf:  # fmt: skip
        weights = [mp.mpf(1)] * len(pred) if weight is None else weight
        classes = [sums(g, p, weights) for g, p in masks(target, pred, input, threshold)]
        if len(classes) > 1 and average == "present":
            classes = [one for one in classes if one.present]
        return mp.fsum(0 if one.untouched else value(one, **settings) for one in classes) / len(classes)

    return formula


@of_classes
def dice(one: Sums, smooth: object = 1e-6, squared: object = False) -> mp.mpf:
    """1 - (2TP + s)/(sum p + sum g + s)."""
    below = one.squares if squared else 2 * one.tp + one.fp + one.fn
    return 1 - (2 * one.tp + mp.mpf(smooth)) / (below + mp.mpf(smooth))


def tversky_loss(one: Sums, alpha: object, beta: object, smooth: object) -> mp.mpf:
    """1 - (TP + s)/(TP + alpha FP + beta FN + s)."""
    top = one.tp + mp.mpf(smooth)
    return 1 - top / (top + mp.mpf(alpha) * one.fp + mp.mpf(beta) * one.fn)


@of_classes
def jaccard(one: Sums, smooth: object = 1e-6) -> mp.mpf:
    """The Tversky loss with alpha = beta = 1."""
    return tversky_loss(one, 1, 1, smooth)


@of_classes
def tversky(one: Sums, alpha: object = 0.5, beta: object = 0.5, smooth: object = 1e-6) -> mp.mpf:
    """alpha weighs false positives, beta false negatives."""
    return tversky_loss(one, alpha, beta, smooth)


@of_classes
def focal_tversky(
    one: Sums, alpha: object = 0.5, beta: object = 0.5, smooth: object = 1e-6, gamma: object = 0.75
) -> mp.mpf:
    """The Tversky loss to the power gamma, class by class."""
    loss = tversky_loss(one, alpha, beta, smooth)
    return loss ** mp.mpf(gamma) if loss else loss


@of_classes
def mcc_loss(one: Sums, eps: object = 1e-5) -> mp.mpf:
    """1 - the correlation of the four counts, eps added to each."""
    tp, tn, fp, fn = (count + mp.mpf(eps) for count in (one.tp, one.tn, one.fp, one.fn))
    return 1 - (tp * tn - fp * fn) / mp.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def generalized_dice(
    target: Numbers, pred: list[object], weight: Numbers | None = None, class_weighting: str = "square",
    smooth: object = 1e-5, input: str = "probs",
) -> mp.mpf:  # fmt: skip
    """Sums over the classes, each divided by its size squared, by its size, or by one."""
    weights = [mp.mpf(1)] * len(pred) if weight is None else weight
    classes = [sums(g, p, weights) for g, p in masks(target, pred, input, None)]
    if all(one.untouched for one in classes):
        return mp.mpf(0)
    power = {"square": 2, "simple": 1, "uniform": 0}[class_weighting]
    share = [(one.tp + one.fn) ** -power if one.present else None for one in classes]
    largest = max(w for w in share if w is not None)
    top = mp.fsum((w or largest) * one.tp for w, one in zip(share, classes, strict=True))
    both = mp.fsum((w or largest) * (2 * one.tp + one.fp + one.fn) for w, one in zip(share, classes, strict=True))
    return 1 - (2 * top + mp.mpf(smooth)) / (both + mp.mpf(smooth))


def extension(errors: Numbers, inside: list[bool]) -> mp.mpf:
    """The Lovasz extension of the Jaccard loss |M| / |G u M| of the set M of wrong pixels, from its definition."""
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    before, total, outside = mp.mpf(0), mp.mpf(0), 0
    for size, i in enumerate(order, 1):
        outside += not inside[i]
        after = mp.mpf(size) / (sum(inside) + outside)
        total += errors[i] * (after - before)
        before = after
    return total


def lovasz_hinge(target: Numbers, pred: Numbers) -> mp.mpf:
    """The extension at max(0, 1 - (2y - 1)s)."""
    errors = [max(mp.mpf(0), 1 - (2 * y - 1) * s) for y, s in zip(target, pred, strict=True)]
    return extension(errors, [y == 1 for y in target])


def lovasz_softmax(target: Numbers, pred: list[Numbers], average: str = "present", input: str = "probs") -> mp.mpf:
    """The mean over classes of the extension at |1[y = c] - p_c|."""
    values = [
        extension([abs(a - b) for a, b in zip(g, p, strict=True)], [x == 1 for x in g])
        for g, p in masks(target, pred, input, None)
        if average == "all" or any(g)
    ]
    return mp.fsum(values) / len(values)


# --------------------------------------------------------------------------------------------------------------- peers
def smp() -> ModuleType:
    """The losses of segmentation_models_pytorch without its encoders, whose dependencies no loss needs."""
    name = "segmentation_models_pytorch"
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    return importlib.import_module(f"{name}.losses.lovasz")


def channels(part: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """(prediction, one-hot target), each (1, classes, pixels)."""
    pred = torch.tensor(part["pred"]).flatten() if part["target"].ndim == 2 else torch.tensor(part["pred"])
    target = torch.tensor(part["target"]).flatten()
    if pred.ndim == 1:
        return pred[None, None], target[None, None]
    return pred.T[None], torch.nn.functional.one_hot(target.long(), pred.shape[1]).T[None].double()


def lovasz_by_smp(kind: str, average: str = "present") -> Peer:
    """The reference code of the paper's author, as smp ships it, in float32."""
    module = smp()

    def peer(part: dict[str, np.ndarray]) -> object:
        pred, target = torch.tensor(part["pred"]).float(), torch.tensor(part["target"])
        if kind == "hinge":
            return module._lovasz_hinge_flat(pred.flatten(), target.flatten()).item()
        return module._lovasz_softmax_flat(pred, target, classes=average).item()

    return peer


def lovasz_by_kornia(part: dict[str, np.ndarray]) -> object:
    """One image of one row; the softmax form takes logits and averages over all classes."""
    pred, target = torch.tensor(part["pred"]), torch.tensor(part["target"])
    if pred.ndim == target.ndim:
        return kornia.losses.lovasz_hinge_loss(pred.reshape(1, 1, 1, -1), target.reshape(1, 1, -1)).item()
    return kornia.losses.lovasz_softmax_loss(pred.T[None, :, None, :], target[None, None].long()).item()


# --------------------------------------------------------------------------------------------------------------- cases
def flat(formula: Formula) -> Formula:
    """The formula of an image given as (H, W) lists."""

    def over_image(target: list[Numbers], pred: list[Numbers], **settings: object) -> mp.mpf:
        return formula(target=[x for row in target for x in row], pred=[x for row in pred for x in row], **settings)

    return over_image


@dataclass(frozen=True, slots=True)
class Theirs:
    """A peer's loss per class, (1, K, pixels) twice, and what the fixture says of it."""

    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    oracle: str
    package: str = "segmentation-models-pytorch"


def monai_dice(smooth: float = 1e-6, *, squared: bool = False) -> Theirs:
    loss = DiceLoss(smooth_nr=smooth, smooth_dr=smooth, squared_pred=squared, reduction="none")
    return Theirs(loss, "monai.losses.DiceLoss", "monai")


def monai_tversky(alpha: float = 0.5, beta: float = 0.5, smooth: float = 1e-6) -> Theirs:
    loss = TverskyLoss(alpha=alpha, beta=beta, smooth_nr=smooth, smooth_dr=smooth, reduction="none")
    return Theirs(loss, "monai.losses.TverskyLoss", "monai")


def smp_tversky(alpha: float = 0.5, beta: float = 0.5, smooth: float = 1e-6) -> Theirs:
    score = load_file("segmentation_models_pytorch", "losses/_functional.py").soft_tversky_score
    return Theirs(lambda p, g: 1 - score(p, g, alpha, beta, smooth, eps=0, dims=(0, 2)), "smp soft_tversky_score")


def smp_mcc(eps: float = 1e-5) -> Theirs:
    loss = load_file("segmentation_models_pytorch", "losses/mcc.py").MCCLoss(eps=eps)
    # It pools the classes it is given: one at a time.
    each = lambda p, g: torch.stack([loss(p[:, k : k + 1], g[:, k : k + 1]) for k in range(p.shape[1])])  # noqa: E731
    return Theirs(each, "smp MCCLoss")


LOSSES: dict[str, tuple[Formula, Theirs | None]] = {
    "dice": (dice, monai_dice()),
    "jaccard": (jaccard, smp_tversky(1, 1)),
    "tversky": (tversky, monai_tversky()),
    "focal_tversky": (focal_tversky, None),
    "mcc_loss": (mcc_loss, smp_mcc()),
}
SETTINGS: list[tuple[str, str, dict[str, object], Theirs | None]] = [
    ("dice", "squared", {"squared": True}, monai_dice(squared=True)),
    ("dice", "smooth", {"smooth": 1.5}, monai_dice(1.5)),
    ("dice", "smooth0", {"smooth": 0}, monai_dice(0)),
    ("jaccard", "smooth", {"smooth": 0.75}, smp_tversky(1, 1, 0.75)),
    ("jaccard", "smooth0", {"smooth": 0}, smp_tversky(1, 1, 0)),
    ("tversky", "weights", {"alpha": 0.3, "beta": 0.8}, monai_tversky(0.3, 0.8)),
    ("tversky", "smooth0", {"alpha": 0.3, "beta": 0.8, "smooth": 0}, smp_tversky(0.3, 0.8, 0)),
    ("focal_tversky", "weights", {"alpha": 0.3, "beta": 0.8, "gamma": 1.75}, None),
    ("focal_tversky", "smooth0", {"gamma": 1, "smooth": 0}, smp_tversky(smooth=0)),
    ("mcc_loss", "eps", {"eps": 0.02}, smp_mcc(0.02)),
]


def overlap_cases(family: Family) -> None:
    """dice, jaccard, tversky, focal_tversky, mcc_loss: defaults on every layout, logits, hard masks, weights."""
    for loss, (formula, theirs) in LOSSES.items():
        put = partial(by_unit, family, loss=loss, formula=formula)
        short, peer = asking(theirs)
        for kind, units in (("binary", binary_units(loss)), ("classes", class_units(loss))):
            for layout, (columns, group) in arranged(units, loss).items():
                put(f"{loss}-{short}-{kind}-{layout}", columns=columns, group=group, **peer)
        put(f"{loss}-{short}-nested", columns=images(loss), formula=flat(formula), nested=True, **peer)
        put(f"{loss}-formula-nested-weighted", columns=images(loss), formula=flat(formula), nested=True,
            weight=[0.5, 2, 1.25])  # fmt: skip
        for kind, units, params in (
            ("all", class_units(loss + "-all"), {"average": "all"}),
            ("logits", binary_units(loss + "-logits", logits=True), {"input": "logits"}),
            ("logits-classes", class_units(loss + "-logits", logits=True), {"input": "logits"}),
            ("threshold", binary_units(loss + "-hard"), {"threshold": 0.45}),
        ):
            columns, group = arranged(units, loss)["scattered"]
            put(f"{loss}-formula-{kind}", columns=columns, group=group, params=params)
        columns, group = arranged(binary_units(loss + "-weighted"), loss)["scattered"]
        weight = uneven(draw(loss + "-weight").uniform(0, 3, len(group)), 2)
        put(f"{loss}-formula-weighted", columns=columns, group=group, weight=weight)


def parameter_cases(family: Family) -> None:
    """The parameters of each overlap loss away from their defaults; smooth 0 leaves 0/0 to the rule for empty units."""
    for loss, label, params, theirs in SETTINGS:
        short, peer = asking(theirs)
        for kind, make in (("binary", binary_units), ("classes", class_units)):
            columns, group = arranged(make(f"{loss}-{label}"), loss)["scattered"]
            by_unit(family, f"{loss}-{short}-{label}-{kind}", loss, columns, LOSSES[loss][0], group=group,
                    params=params, **peer)  # fmt: skip


def asking(theirs: Theirs | None) -> tuple[str, dict[str, object]]:
    """The peer's short name for the case's id, and what to ask it.

    It is asked where the unit has a target: without one these peers call every prediction perfect, or divide 0 by 0.
    """
    if theirs is None:
        return "formula", {}

    def peer(part: dict[str, np.ndarray]) -> object:
        pred, target = channels(part)
        losses = theirs.loss(pred, target).flatten()
        return losses[target.sum(-1).flatten() > 0].mean().item() if target.any() else None

    short = "monai" if theirs.package == "monai" else "smp"
    return short, {"peer": peer, "oracle": theirs.oracle, "package": theirs.package}


def generalized_cases(family: Family) -> None:
    """generalized_dice: every weighting; monai weighs in float32, so its values only have to come near."""
    columns_of = arranged(class_units("generalized_dice"), "generalized_dice")
    there = {label: unit for label, unit in binary_units("generalized").items() if any(unit["target"])}
    for weighting in ("square", "simple", "uniform"):
        params = {} if weighting == "square" else {"class_weighting": weighting}
        theirs = GeneralizedDiceLoss(w_type=weighting, reduction="mean")
        for layout, (columns, group) in columns_of.items():
            by_unit(family, f"generalized_dice-monai-{weighting}-{layout}", "generalized_dice", columns,
                    generalized_dice, params=params, group=group, peer_rtol=SINGLE,
                    peer=lambda part, loss=theirs: float(loss(*channels(part))),
                    oracle="the formula; monai.losses.GeneralizedDiceLoss agrees to 1e-6", package="monai")  # fmt: skip
    columns, group = arranged(there, "generalized_dice")["contiguous"]
    by_unit(family, "generalized_dice-formula-binary", "generalized_dice", columns, generalized_dice, group=group)
    columns, group = columns_of["scattered"]
    weight = uneven(draw("generalized-weight").uniform(0.1, 3, len(group)), 2)
    by_unit(family, "generalized_dice-formula-weighted", "generalized_dice", columns, generalized_dice, group=group,
            weight=weight, params={"smooth": 0.5})  # fmt: skip


def lovasz_cases(family: Family) -> None:
    """lovasz_hinge takes scores; lovasz_softmax probabilities, or logits as kornia does."""
    scores = binary_units("lovasz_hinge", logits=True)
    scores["a"]["pred"][:3] = [0.5, -0.5, 0.5]  # tied errors: the extension does not depend on their order
    for layout, (columns, group) in arranged(scores, "lovasz_hinge").items():
        by_unit(family, f"lovasz_hinge-kornia-{layout}", "lovasz_hinge", columns, lovasz_hinge, group=group,
                peer=lovasz_by_kornia, oracle="kornia.losses.lovasz_hinge_loss", package="kornia")  # fmt: skip
    by_unit(family, "lovasz_hinge-smp-nested", "lovasz_hinge", images("lovasz", logits=True), flat(lovasz_hinge),
            nested=True, peer=lovasz_by_smp("hinge"), peer_rtol=SINGLE, package="segmentation-models-pytorch",
            oracle="the formula; smp LovaszLoss agrees to 1e-6")  # fmt: skip
    for average in ("present", "all"):
        params = {} if average == "present" else {"average": average}
        for layout, (columns, group) in arranged(class_units("lovasz_softmax"), "lovasz_softmax").items():
            by_unit(family, f"lovasz_softmax-smp-{average}-{layout}", "lovasz_softmax", columns, lovasz_softmax,
                    group=group, params=params, peer=lovasz_by_smp("softmax", average), peer_rtol=SINGLE,
                    package="segmentation-models-pytorch",
                    oracle="the formula; smp _lovasz_softmax agrees to 1e-6")  # fmt: skip
    columns, group = arranged(class_units("lovasz-logits", logits=True), "lovasz_softmax")["scattered"]
    by_unit(family, "lovasz_softmax-kornia-logits", "lovasz_softmax", columns, lovasz_softmax, group=group,
            params={"input": "logits", "average": "all"}, peer=lovasz_by_kornia,
            oracle="kornia.losses.lovasz_softmax_loss", package="kornia")  # fmt: skip


def article_cases(family: Family) -> None:
    """The source articles' example: one image of four pixels."""
    columns = {"target": [1, 1, 0, 0], "pred": [0.9, 0.8, 0.2, 0.1]}
    for loss, formula, params in (
        ("dice", dice, {"smooth": 1e-6}),
        ("jaccard", jaccard, {"smooth": 1e-6}),
        ("tversky", tversky, {"alpha": 0.3, "beta": 0.7, "smooth": 1e-6}),
    ):
        by_unit(family, f"article-{loss}", loss, columns, formula, params=params)


def build() -> Family:
    """The losses of family G whose unit is an image."""
    family = Family("overlap", ["torch", "monai", "segmentation-models-pytorch", "kornia", "mpmath", "numpy"])
    for cases in (overlap_cases, parameter_cases, generalized_cases, lovasz_cases, article_cases):
        cases(family)
    family.disagree("dice, jaccard, tversky", "smp", "a unit without target is worth 0 whatever is predicted")
    family.disagree("mcc_loss", "smp", "an empty unit with an empty prediction is worth about 0.5; a batch is pooled")
    family.disagree("focal_tversky", "smp TverskyLoss(gamma)", "takes the mean over classes before the power")
    family.disagree("jaccard", "monai DiceLoss(jaccard=True)", "adds smooth to twice the counts: half the smoothing")
    family.disagree("generalized_dice", "monai", "weighs the classes in float32")
    family.disagree("lovasz_hinge, lovasz_softmax", "smp", "sorts and weighs in float32")
    family.disagree("lovasz_softmax", "kornia", "averages over all classes, never over those present")
    return family
