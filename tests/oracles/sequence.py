"""Oracles of family J, sequences: CTC, by torch and by a sum over alignments in exact probabilities."""

import numpy as np
import torch
import torch.nn.functional as nn
from cases import TIGHT, Case, Column, Columns, Family, agreeing, array, draw, exact, log_softmax, named, uneven
from mpmath import mp

Numbers = list[mp.mpf]


# ------------------------------------------------------------------------------------------------------------ formulas
def class_ids(target: object, alphabet: str | None, blank: int) -> list[int]:
    """A word's letters are the classes in order, the blank left out."""
    if isinstance(target, str):
        places = [alphabet.index(letter) for letter in target]
        return [place + (place >= blank) for place in places]
    return [int(label) for label in target]


def likelihood(steps: list[Numbers], labels: list[int], blank: int) -> mp.mpf:
    """The probability of all alignments that collapse to the labels, built step by step in plain probabilities.

    A state is (labels written, whether the last step was the blank): no extended sequence, no logarithms.
    """
    states = {(0, True): mp.mpf(1)}
    for step in steps:
        after: dict[tuple[int, bool], mp.mpf] = {}

        def add(state: tuple[int, bool], p: mp.mpf, after: dict[tuple[int, bool], mp.mpf] = after) -> None:
            after[state] = after.get(state, mp.mpf(0)) + p

        for (written, rested), p in states.items():
            add((written, True), p * step[blank])
            if written and not rested:
                add((written, False), p * step[labels[written - 1]])  # the same label held
            if written < len(labels) and (rested or not written or labels[written] != labels[written - 1]):
                add((written + 1, False), p * step[labels[written]])
        states = after
    return mp.fsum(p for (written, _), p in states.items() if written == len(labels))


def ctc(
    pred: list[Numbers], target: object, blank: int = 0, input: str = "logits", zero_infinity: bool = False,
    normalize: str = "none", alphabet: str | None = None,
) -> mp.mpf:  # fmt: skip
    """-log p(target); an infeasible target is infinite, or 0 with zero_infinity."""
    classes = len(pred[0])
    read = {"logits": log_softmax, "log_probs": list, "probs": None}[input]
    steps = pred if read is None else [[mp.exp(x) for x in read(step)] for step in pred]
    place = blank % classes
    labels = class_ids(target, alphabet, place)
    p = likelihood(steps, labels, place)
    if not p:
        return mp.mpf(0) if zero_infinity else mp.inf
    return -mp.log(p) / (max(len(labels), 1) if normalize == "target_length" else 1)


# --------------------------------------------------------------------------------------------------------------- peers
def log_probs(scores: torch.Tensor, read: str) -> torch.Tensor:
    return {"logits": lambda x: x.log_softmax(-1), "log_probs": lambda x: x, "probs": torch.log}[read](scores)


def ctc_by_torch(columns: Columns, **params: object) -> tuple[list[float], list[object]]:
    """Row values and their gradients, one row at a time: rows differ in steps and labels."""
    rows, gradients = [], []
    for pred, target in zip(columns["pred"], columns["target"], strict=True):
        scores = torch.tensor(array(pred), requires_grad=True)
        blank = int(params.get("blank", 0)) % scores.shape[1]
        labels = class_ids(target, params.get("alphabet"), blank)
        loss = nn.ctc_loss(
            log_probs(scores, str(params.get("input", "logits")))[:, None],
            torch.tensor([labels], dtype=torch.long).reshape(1, -1),
            [len(scores)],
            [len(labels)],
            blank=blank,
            reduction="none",
            zero_infinity=bool(params.get("zero_infinity", False)),
        )
        if params.get("normalize") == "target_length":  # what torch's own mean divides by
            loss = loss / max(len(labels), 1)
        loss.sum().backward()
        rows.append(loss.item())
        gradients.append(scores.grad.tolist())
    return rows, gradients


def slopes(columns: Columns, row: int, **params: object) -> list[list[mp.mpf]]:
    """d row value / d pred by differences at 50 digits."""
    pred = exact(columns["pred"][row])

    def one(t: int, k: int) -> mp.mpf:
        def moved(x: mp.mpf) -> mp.mpf:
            changed = [list(step) for step in pred]
            changed[t][k] = x
            return ctc(changed, columns["target"][row], **params)

        return mp.diff(moved, pred[t][k])

    return [[one(t, k) for k in range(len(pred[0]))] for t in range(len(pred))]


# ---------------------------------------------------------------------------------------------------------------- data
def scores(name: str, lengths: list[int], classes: int = 5) -> Column:
    """Logits of sequences of these lengths."""
    rng = draw(name)
    return [uneven(rng.normal(0, 1.5, (steps, classes)), 4) for steps in lengths]


def probabilities(column: Column) -> Column:
    """Rows of six decimals that sum to one."""
    found = []
    for pred in column:
        p = np.round(torch.tensor(array(pred)).softmax(-1).numpy(), 6)
        p[:, 0] = 1 - p[:, 1:].sum(axis=1)
        found.append(uneven(p))
    return found


# --------------------------------------------------------------------------------------------------------------- cases
def add(family: Family, label: str, columns: Columns, *, weight: Column | None = None, **params: object) -> None:
    """torch's rows where they agree with the sum over alignments."""
    truth = [ctc(exact(p), t, **params) for p, t in zip(columns["pred"], columns["target"], strict=True)]
    rows, gradients = ctc_by_torch(columns, **params)
    agreeing(f"ctc-{label}", rows, truth, TIGHT)
    share = [mp.mpf(1)] * len(truth) if weight is None else exact(weight)
    counted = [(w, value) for w, value in zip(share, truth, strict=True) if w]
    case = Case(
        id=f"ctc-torch-{label}", loss="ctc", columns=columns, oracle="torch.nn.functional.ctc_loss", params=params,
        package=named("torch"), weight=weight, rows=truth,
        value=mp.fsum(w * value for w, value in counted) / mp.fsum(w for w, _ in counted),
        gradient=checked_slopes(columns, gradients) if label == "gradient" else None,
    )  # fmt: skip
    family.add(case)


def checked_slopes(columns: Columns, gradients: list[object]) -> list[object]:
    """The exact slopes, once torch's are near: a slope is a difference of probabilities, so near is absolute."""
    found = [slopes(columns, row) for row in range(len(columns["pred"]))]
    for ours, theirs in zip(found, gradients, strict=True):
        gap = np.abs(array([[float(x) for x in step] for step in ours]) - array(theirs)).max()
        if gap > TIGHT:
            raise ValueError(f"torch's ctc gradient is {gap} off")
    return found


def build() -> Family:
    """The loss ctc."""
    family = Family("sequence", ["torch", "mpmath", "numpy"])
    # Plain, repeated (needs a blank between), no target, a path with no room to spare, a single step.
    targets: Column = [[1, 3, 2], [2, 2, 4], [], [1, 1, 2], [4], [3, 1, 3, 1]]
    lengths = [6, 7, 3, 4, 1, 8]
    feasible: Columns = {"pred": scores("ctc", lengths), "target": targets}
    add(family, "default", feasible)
    add(family, "weighted", feasible, weight=[1, 0.5, 2, 0, 1.25, 3])
    add(family, "target-length", feasible, normalize="target_length")
    short: Columns = {"pred": scores("ctc-short", [2, 3, 5]), "target": [[1, 2, 3], [4, 4, 1], [2, 3]]}
    add(family, "infeasible", short)
    add(family, "zero-infinity", short, zero_infinity=True)
    add(family, "zero-infinity-target-length", short, zero_infinity=True, normalize="target_length")
    few = {name: column[:3] for name, column in feasible.items()}
    add(family, "gradient", few)
    last: Columns = {"pred": scores("ctc-last", [6, 5, 4]), "target": [[0, 3, 0], [1, 1], [2, 0]]}
    add(family, "blank-last", last, blank=-1)
    add(family, "blank-4", last, blank=4)
    middle: Columns = {"pred": scores("ctc-middle", [6, 5, 4]), "target": [[0, 3, 0], [1, 1], [4, 0]]}
    add(family, "blank-middle", middle, blank=2)
    add(family, "blank-second-last", {**middle, "target": [[0, 4, 0], [1, 1], [2, 0]]}, blank=-2)
    logs = [torch.tensor(array(p)).log_softmax(-1).tolist() for p in scores("ctc-logs", [6, 5, 4])]
    add(family, "log-probs", {"pred": logs, "target": [[1, 4, 1], [3, 3], []]}, input="log_probs")
    probs = probabilities(scores("ctc-probs", [6, 5, 4, 3]))
    certain = [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0]]
    add(family, "probs", {"pred": [*probs, certain], "target": [[1, 4, 1], [3, 3], [2], [1], [1, 3]]}, input="probs")
    words = ["cab", "dadd", "b", ""]
    add(family, "alphabet", {"pred": scores("ctc-words", [6, 7, 3, 2]), "target": words}, alphabet="abcd", blank=-1)
    first: Columns = {"pred": scores("ctc-first", [6, 3, 2, 4]), "target": ["cab", "b", "", "dd"]}
    add(family, "alphabet-blank-first", first, alphabet="abcd")
    long: Columns = {"pred": (1000 * array(scores("ctc-far", [5])[0])[None]).tolist(), "target": [[1, 2]]}
    add(family, "far-logits", long)
    family.disagree("ctc", "torch", "reduction mean divides each row by its target length before the mean over rows")
    return family
