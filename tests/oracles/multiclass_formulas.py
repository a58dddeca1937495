"""Family D's formulas: cross-entropies and their variants, for one row."""

from collections.abc import Callable, Sequence

from cases import Column, log_softmax
from mpmath import mp

Exact = mp.mpf
Vector = Sequence[Exact]
ZERO, ONE, TWO = Exact(0), Exact(1), Exact(2)
MACHINE, SEVEN_TENTHS, TENTH, MINUS_FOUR = Exact(2.220446049250313e-16), Exact(0.7), Exact(0.1), Exact(-4)


# ------------------------------------------------------------------------------------------------------- the formulas
def one_hot(target: object, classes: int) -> list[Exact]:
    """A class as a vector; a vector stays what it is."""
    return list(target) if isinstance(target, list) else [Exact(int(c == target)) for c in range(classes)]


def expected(targets: Vector, values: Vector) -> Exact:
    """sum t v, where t = 0 silences an infinite v."""
    return mp.fsum(t * v for t, v in zip(targets, values, strict=True) if t != 0)


def cross_entropy(
    target: object,
    pred: Vector,
    class_weight: Vector | None = None,
    label_smoothing: Exact = ZERO,
    ignore_index: Exact | None = None,
) -> Exact:
    if ignore_index is not None and target == ignore_index:
        return ZERO
    k = len(pred)
    t = [x * (1 - label_smoothing) + label_smoothing / k for x in one_hot(target, k)]
    w = [ONE] * k if class_weight is None else class_weight
    loss = [-log for log in log_softmax(pred)]
    if isinstance(target, list) or class_weight is None:
        return expected([a * b for a, b in zip(t, w, strict=True)], loss)
    y = int(target)
    return (1 - label_smoothing) * w[y] * loss[y] + label_smoothing / k * expected(w, loss)


def categorical_cross_entropy(
    target: object, pred: Vector, eps: Exact = MACHINE, normalize: bool = False, label_smoothing: Exact = ZERO
) -> Exact:
    k, total = len(pred), mp.fsum(pred) if normalize else ONE
    t = [x * (1 - label_smoothing) + label_smoothing / k for x in one_hot(target, k)]
    p = [max(x / total, eps) for x in pred]
    return expected(t, [-mp.log(x) if x > 0 else mp.inf for x in p])


def sparse_categorical_cross_entropy(
    target: Exact,
    pred: Vector,
    eps: Exact = MACHINE,
    normalize: bool = False,
    ignore_index: Exact | None = None,
    class_weight: Vector | None = None,
) -> Exact:
    if ignore_index is not None and target == ignore_index:
        return ZERO
    w = ONE if class_weight is None else class_weight[int(target)]
    return w * categorical_cross_entropy(target, pred, eps, normalize)


def nll(target: Exact, pred: Vector, class_weight: Vector | None = None, ignore_index: Exact | None = None) -> Exact:
    if ignore_index is not None and target == ignore_index:
        return ZERO
    return -(ONE if class_weight is None else class_weight[int(target)]) * pred[int(target)]


def rest(pred: Vector, y: int) -> Exact:
    """1 - p_y of the softmax, without the cancellation."""
    return mp.fsum(mp.exp(log) for k, log in enumerate(log_softmax(pred)) if k != y)


def focal_cross_entropy(
    target: Exact, pred: Vector, gamma: Exact = TWO, alpha: object = None, input: str = "logits"
) -> Exact:
    y = int(target)
    weight = ONE if alpha is None else alpha[y] if isinstance(alpha, list) else alpha
    if input == "logits":
        return weight * rest(pred, y) ** gamma * -log_softmax(pred)[y]
    return mp.inf if pred[y] == 0 else weight * (1 - pred[y]) ** gamma * -mp.log(pred[y])


def poly1_cross_entropy(target: Exact, pred: Vector, epsilon: Exact = ONE) -> Exact:
    return cross_entropy(target, pred) + epsilon * rest(pred, int(target))


def generalized_cross_entropy(target: Exact, pred: Vector, q: Exact = SEVEN_TENTHS) -> Exact:
    return (1 - pred[int(target)] ** q) / q


def symmetric_cross_entropy(
    target: Exact, pred: Vector, alpha: Exact = TENTH, beta: Exact = ONE, log_zero: Exact = MINUS_FOUR
) -> Exact:
    """Wang et al. 2019: the reverse term is -sum p log t with log 0 = log_zero and log 1 = 0."""
    reverse = mp.fsum(-mp.exp(log) * log_zero for k, log in enumerate(log_softmax(pred)) if k != int(target))
    return alpha * cross_entropy(target, pred) + beta * reverse


def brier_multiclass(target: object, pred: Vector) -> Exact:
    return mp.fsum((p - t) ** 2 for p, t in zip(pred, one_hot(target, len(pred)), strict=True))


def counts(target: Column, classes: int) -> list[int]:
    return [target.count(c) for c in range(classes)]


def balanced_weights(n: Sequence[int]) -> list[Exact]:
    return [Exact(sum(n)) / (len(n) * c) for c in n]


def effective_weights(n: Sequence[int], beta: float) -> list[Exact]:
    """Cui et al. 2019: inverse effective numbers, scaled to sum to the number of classes."""
    b = Exact(beta)
    raw = [(1 - b) / (1 - b**c) for c in n]
    return [len(raw) * w / mp.fsum(raw) for w in raw]


def resolved(formula: Callable[..., Exact], given: Sequence[Exact]) -> Callable[..., Exact]:
    """The formula with the weights that a word stands for."""

    def with_weights(class_weight: object = None, beta: object = None, counts: object = None, **more: object) -> Exact:
        return formula(class_weight=list(given), **more)

    return with_weights
