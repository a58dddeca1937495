"""Peers of row losses, element by element or row by row, and the cases they stand behind."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from cases import TIGHT, Column, Columns, Family, Formula, Params, array, draw, row_case, uneven

Rows = Callable[..., np.ndarray]


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's implementation: roles as columns and parameters by name in, values per row (or element) out."""

    oracle: str
    package: str
    rows: Rows
    knows: frozenset[str] | None = None  # the parameters it can follow; None: all of them
    rtol: float = TIGHT

    @property
    def short(self) -> str:
        return {"segmentation_models_pytorch": "smp", "scikit-learn": "sklearn"}.get(self.package, self.package)

    def follows(self, params: Params) -> bool:
        return self.knows is None or set(params) <= self.knows


NOTHING: frozenset[str] = frozenset()


def add_rows(
    family: Family,
    name: str,
    loss: str,
    columns: Columns,
    formula: Formula,
    *,
    params: Params | None = None,
    peers: Sequence[Peer] = (),
    weight: Column | None = None,
    normaliser: Sequence[object] | None = None,
    gradient: str | None = None,
) -> None:
    """One case per peer that follows the parameters, or one by the formula alone."""
    said = dict(params or {})
    common = {"params": said, "weight": weight, "normaliser": normaliser, "gradient": gradient}
    following = [peer for peer in peers if peer.follows(said)]
    for peer in following:
        rows = peer.rows(**columns, **said)
        if np.ndim(rows) == 2:  # elements: a row of D is worth their mean
            rows = np.asarray(rows).mean(axis=1)
        said_by = {"peer": rows, "oracle": peer.oracle, "package": peer.package, "rtol": peer.rtol}
        family.add(row_case(f"{name}-{peer.short}", loss, columns, formula, **said_by, **common))
    if not following:
        family.add(row_case(name, loss, columns, formula, **common))


def tensor(column: object) -> torch.Tensor:
    """A column in double precision."""
    return torch.tensor(array(column))


def torch_rows(function: Callable[..., torch.Tensor]) -> Rows:
    def rows(target: Column, pred: Column, **params: object) -> np.ndarray:
        return function(tensor(pred), tensor(target), reduction="none", **params).numpy()

    return rows


def optax_rows(function: Callable[..., object]) -> Rows:
    return lambda target, pred, **params: np.asarray(function(array(pred), array(target), **params))


def each(function: Callable[..., float]) -> Rows:
    """A peer that only knows means, asked one element at a time."""

    def rows(target: Column, pred: Column, **params: object) -> np.ndarray:
        t, p = array(target), array(pred)
        found = [float(function(t.flat[i], p.flat[i], **params)) for i in range(t.size)]
        return np.reshape(found, t.shape)

    return rows


def one_by_one(function: Callable[..., float], **renamed: str) -> Rows:
    """The same for a function of lists, whose parameters may have other names."""
    return each(lambda t, p, **params: function([t], [p], **{renamed.get(k, k): v for k, v in params.items()}))


def torch_scalar(function: Callable[..., torch.Tensor]) -> Rows:
    return each(lambda t, p: function(tensor([p]), tensor([t])))


def keras_rows(name: str, target: np.ndarray, pred: np.ndarray, **params: object) -> np.ndarray:
    """A function of keras.losses; its means come back in single precision."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras  # reads its backend when first imported

    return getattr(keras.losses, name)(torch.tensor(target), torch.tensor(pred), **params).cpu().numpy()


def tag(params: Params) -> str:
    """The end of a case's name: "-delta0.7"."""

    def word(value: object) -> str:
        if isinstance(value, list):
            return "+".join(map(word, value))
        return value if isinstance(value, str) else f"{value:g}"

    return "".join(f"-{name}-{word(value)}" for name, value in params.items())


# ---------------------------------------------------------------------------------------------------- data
def labels(name: str, shape: tuple[int, ...], low: int = 0) -> list[object]:
    """Both labels occur, unevenly."""
    drawn = draw(f"{name} labels").random(shape) < 0.4
    drawn.flat[0], drawn.flat[1] = True, False
    return [[int(x) or low for x in row] if drawn.ndim == 2 else int(row) or low for row in drawn]


def probabilities(name: str, shape: tuple[int, ...]) -> Column:
    return uneven(draw(f"{name} probabilities").uniform(0.02, 0.98, shape))


def logits(name: str, shape: tuple[int, ...], scale: float = 2.3) -> Column:
    return uneven(draw(f"{name} logits").normal(0.3, scale, shape))


def weights(name: str, rows: int) -> Column:
    return uneven([*draw(f"{name} weights").gamma(1.5, 1.0, rows - 1), 0.0], 3)


def summing_to_one(raw: np.ndarray, digits: int = 4) -> Column:
    """Rows as shares: the last is what is missing after rounding, so that a rounded row still sums to one."""
    head = np.round(raw / raw.sum(axis=1, keepdims=True), digits)[:, :-1]
    return uneven(np.hstack([head, 1 - head.sum(axis=1, keepdims=True)]), digits)
