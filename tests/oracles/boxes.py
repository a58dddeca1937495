"""Oracles of family G, row losses: boxes, and the total variation of an image."""

from itertools import pairwise

import kornia.losses
import kornia.metrics
import numpy as np
import torch
import torchmetrics.functional.image
from cases import SINGLE, Columns, Family, agreeing, array, draw, evaluate, row_case, uneven
from monai.data.box_utils import box_pair_giou
from mpmath import mp

Numbers = list[mp.mpf]
EPS = 1e-7
BY_MONAI = "the formula; monai.data.box_utils.box_pair_giou (float32) agrees to 1e-6"


# ------------------------------------------------------------------------------------------------------------ formulas
def corners(box: Numbers, box_format: str) -> Numbers:
    """x1, y1, x2, y2 of any format."""
    a, b, c, d = box
    return {"xyxy": [a, b, c, d], "xywh": [a, b, a + c, b + d], "cxcywh": [a - c / 2, b - d / 2, a + c / 2, b + d / 2]}[
        box_format
    ]


def area(box: Numbers) -> mp.mpf:
    """Width times height, zero where the corners cross."""
    return max(box[2] - box[0], mp.mpf(0)) * max(box[3] - box[1], mp.mpf(0))


def overlap(one: Numbers, other: Numbers) -> Numbers:
    """The box both share; its corners cross where they do not meet."""
    return [max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])]


def hull(one: Numbers, other: Numbers) -> Numbers:
    """The smallest box around both."""
    return [min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])]


def box_iou(target: Numbers, pred: Numbers, box_format: str = "xyxy", eps: object = EPS) -> mp.mpf:
    """1 - I/(U + eps)."""
    t, p = corners(target, box_format), corners(pred, box_format)
    shared = area(overlap(t, p))
    return 1 - shared / (area(t) + area(p) - shared + mp.mpf(eps))


def giou(target: Numbers, pred: Numbers, box_format: str = "xyxy", eps: object = EPS) -> mp.mpf:
    """1 - (IoU - (C - U)/(C + eps)), C the area of the enclosing box."""
    t, p = corners(target, box_format), corners(pred, box_format)
    union = area(t) + area(p) - area(overlap(t, p))
    around = area(hull(t, p))
    return box_iou(t, p, eps=eps) + (around - union) / (around + mp.mpf(eps))


def diou(target: Numbers, pred: Numbers, box_format: str = "xyxy", eps: object = EPS) -> mp.mpf:
    """1 - IoU + rho^2/(c^2 + eps): the distance of the centres against the enclosing box's diagonal."""
    t, p = corners(target, box_format), corners(pred, box_format)
    x1, y1, x2, y2 = hull(t, p)
    apart = ((t[0] + t[2] - p[0] - p[2]) / 2) ** 2 + ((t[1] + t[3] - p[1] - p[3]) / 2) ** 2
    return box_iou(t, p, eps=eps) + apart / ((x2 - x1) ** 2 + (y2 - y1) ** 2 + mp.mpf(eps))


def ciou(target: Numbers, pred: Numbers, box_format: str = "xyxy", eps: object = EPS) -> mp.mpf:
    """diou + alpha v, v = 4/pi^2 (atan w/h - atan w/h)^2, alpha = v/(1 - IoU + v + eps) as torchvision has it.

    atan2 gives a flat box its angle of pi/2; a point has none and takes 0.
    """
    t, p = corners(target, box_format), corners(pred, box_format)
    angles = [mp.atan2(box[2] - box[0], box[3] - box[1]) if box[2:] != box[:2] else mp.mpf(0) for box in (t, p)]
    v = 4 / mp.pi**2 * (angles[0] - angles[1]) ** 2
    return diou(t, p, eps=eps) + (v * v / (box_iou(t, p, eps=eps) + v + mp.mpf(eps)) if v else v)


def total_variation(
    pred: list[object], mode: str = "l1", average: object = False, height: object = None, width: object = None
) -> mp.mpf:
    """Absolute or squared differences of vertical and horizontal neighbours, summed, or each direction's mean."""
    if height is not None:
        step = int(width)
        pred = [pred[start : start + step] for start in range(0, len(pred), step)]
    image = [[pixel if isinstance(pixel, list) else [pixel] for pixel in row] for row in pred]
    down = [(a, b) for row, below in pairwise(image) for a, b in zip(row, below, strict=True)]
    right = [(a, b) for row in image for a, b in pairwise(row)]
    power = 1 if mode == "l1" else 2
    total = mp.mpf(0)
    for pairs in (down, right):
        gaps = [abs(x - y) ** power for a, b in pairs for x, y in zip(a, b, strict=True)]
        total += mp.fsum(gaps) / (len(gaps) if average and gaps else 1)
    return total


# ---------------------------------------------------------------------------------------------------------------- data
def drawn_boxes(name: str) -> dict[str, list[list[float]]]:
    """Pairs that overlap, and the arrangements a formula can trip over."""
    rng = draw(name)
    corner = rng.uniform(0, 4, (7, 2))
    target = np.hstack([corner, corner + rng.uniform(1, 5, (7, 2))])
    pred = target + rng.normal(0, 0.6, (7, 4))
    edges = [
        ([0, 0, 4.5, 4], [1, 1.25, 2, 3]),  # one inside the other
        ([0, 0, 1, 1], [2.5, 3, 4, 3.75]),  # apart
        ([0, 0, 2, 1.5], [2, 0.5, 3.25, 2]),  # touching
        ([-2.5, -3, 0.5, -1], [-1, -2, 2, 1.5]),  # negative coordinates
        ([1, 1, 3, 2], [1.5, 1.25, 2.75, 1.25]),  # a flat prediction
        ([2, 1, 2, 3.5], [1, 0.5, 3, 2]),  # a target without width
    ]
    columns = {"target": uneven(target, 3), "pred": uneven(pred, 3)}
    return {"target": columns["target"] + [t for t, _ in edges], "pred": columns["pred"] + [p for _, p in edges]}


def in_format(boxes: list[list[float]], box_format: str) -> list[list[float]]:
    """Corners written in another format, in few enough decimals to be read."""
    x1, y1, x2, y2 = np.array(boxes).T
    if box_format == "xywh":
        return uneven(np.stack([x1, y1, x2 - x1, y2 - y1], axis=1))
    return uneven(np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1))


# --------------------------------------------------------------------------------------------------------------- cases
TV = {"kornia": "kornia.losses.total_variation", "torchmetrics": "torchmetrics.functional.image.total_variation"}
LOSSES = {"box_iou": box_iou, "giou": giou, "diou": diou, "ciou": ciou}


def box_cases(family: Family) -> None:
    """Every box loss in every format, with another eps, weighted, and its gradient where it has one."""
    for loss, formula in LOSSES.items():
        columns = drawn_boxes(loss)
        family.add(row_case(f"{loss}-formula", loss, columns, formula))
        for box_format in ("xywh", "cxcywh"):
            written = {role: in_format(boxes, box_format) for role, boxes in columns.items()}
            family.add(row_case(f"{loss}-formula-{box_format}", loss, written, formula,
                                params={"box_format": box_format}))  # fmt: skip
        # Equal boxes are worth eps/(U + eps): with the default eps no subtraction from 1 has twelve digits of that.
        same = {role: [*boxes[:9], [1, 1, 3, 4], [0.5, -2, 4.25, 1]] for role, boxes in columns.items()}
        family.add(row_case(f"{loss}-formula-eps", loss, same, formula, params={"eps": 0.01}))
        weight = uneven(draw(loss + "-weight").uniform(0, 2, 13), 2)
        family.add(row_case(f"{loss}-formula-weighted", loss, columns, formula, weight=weight))
        point = {"target": [[1, 1, 2.5, 3], [2, 2, 2, 2]], "pred": [[1.5, 2, 1.5, 2], [2, 2, 2, 2]]}
        family.add(row_case(f"{loss}-formula-points", loss, point, formula))
        if loss != "ciou":  # torchvision holds alpha constant, differences do not: no expectation
            inner = {role: boxes[:7] for role, boxes in columns.items()}
            family.add(row_case(f"{loss}-formula-gradient", loss, inner, formula, gradient="pred"))


def peer_cases(family: Family) -> None:
    """kornia has the IoU without eps; monai the GIoU in float32 with an eps of its own."""
    for box_format in ("xyxy", "xywh", "cxcywh"):
        columns = {role: boxes[:7] for role, boxes in drawn_boxes("kornia").items()}
        if box_format != "xyxy":
            columns = {role: in_format(boxes, box_format) for role, boxes in columns.items()}
        both = [torch.tensor(array(columns[role])) for role in ("target", "pred")]
        rows = 1 - kornia.metrics.mean_iou_bbox(*both, box_format=box_format).diag()
        params = {"eps": 1e-18, "box_format": box_format} if box_format != "xyxy" else {"eps": 1e-18}
        family.add(row_case(f"box_iou-kornia-{box_format}", "box_iou", columns, box_iou, params=params, peer=rows,
                            oracle="1 - kornia.metrics.mean_iou_bbox", package="kornia"))  # fmt: skip
    columns = {role: boxes[:10] for role, boxes in drawn_boxes("giou-monai").items()}
    rows = 1 - box_pair_giou(*(torch.tensor(array(columns[role])) for role in ("target", "pred")))
    agreeing("giou-monai", rows, evaluate(giou, columns), SINGLE)
    family.add(row_case("giou-monai", "giou", columns, giou, oracle=BY_MONAI, package="monai"))


def variation_cases(family: Family) -> None:
    """total_variation: (H, W), (H, W, C), flat with a shape, and a single line of pixels."""
    rng = draw("total_variation")
    grey, colour = uneven(rng.normal(0, 1, (3, 4, 5)), 3), uneven(rng.uniform(0, 1, (2, 4, 3, 3)), 3)
    as_tensor = torch.tensor(array(colour)).permute(0, 3, 1, 2)
    flatly = {"height": 4, "width": 5}
    lines = [[[0.5, -1.25, 2, 2, 0.75]], [[1.5, 0.25, 0, -2, 3.5]]]
    line = {"pred": lines}
    peers: list[tuple[str, Columns, dict[str, object], object, str]] = [
        ("kornia", {"pred": grey}, {}, kornia.losses.total_variation(torch.tensor(array(grey))), "kornia"),
        ("kornia-average", {"pred": grey}, {"average": True},
         kornia.losses.total_variation(torch.tensor(array(grey)), reduction="mean"), "kornia"),
        ("torchmetrics-colour", {"pred": colour}, {},
         torchmetrics.functional.image.total_variation(as_tensor, reduction="none"), "torchmetrics"),
        ("kornia-colour-average", {"pred": colour}, {"average": True},
         kornia.losses.total_variation(as_tensor, reduction="mean").mean(-1), "kornia"),
        ("kornia-line", line, {"average": True},
         kornia.losses.total_variation(torch.tensor(lines), reduction="mean"), "kornia"),
        ("formula-squared", {"pred": grey}, {"mode": "l2"}, None, "mpmath"),
        ("formula-squared-average", {"pred": colour}, {"mode": "l2", "average": True}, None, "mpmath"),
        ("formula-flat", {"pred": [[x for row in image for x in row] for image in grey]}, flatly, None, "mpmath"),
    ]  # fmt: skip
    for label, columns, params, rows, package in peers:
        said = {} if rows is None else {"peer": rows, "oracle": TV[package]}
        family.add(row_case(f"total_variation-{label}", "total_variation", columns, total_variation, params=params,
                            package=package, **said))  # fmt: skip


def article_cases(family: Family) -> None:
    """The source articles' example: two squares that share a quarter."""
    columns = {"target": [[1, 1, 3, 3]], "pred": [[2, 2, 4, 4]]}
    for loss in ("giou", "diou"):
        family.add(row_case(f"article-{loss}", loss, columns, LOSSES[loss]))


def build() -> Family:
    """The row losses of family G."""
    family = Family("boxes", ["torch", "kornia", "monai", "torchmetrics", "mpmath", "numpy"])
    for cases in (box_cases, peer_cases, variation_cases, article_cases):
        cases(family)
    family.disagree("box_iou", "kornia", "adds no eps to the union, and refuses a box without area")
    family.disagree("giou", "monai", "computes in float32 with that type's epsilon, 1.2e-7")
    return family
