"""Data drawn from what a loss declares: its roles' kinds, shapes and domains, its examples' sizes and parameters."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isinf

import numpy as np

from lossctl.declare import registry
from lossctl.declare.classes import classes_of
from lossctl.declare.declaration import Loss
from lossctl.declare.from_python import from_python
from lossctl.declare.kernel import Kernel, LossRole
from lossctl.declare.roles import UNIT, Domain

Drawn = dict[str, object]
Draw = Callable[[Domain, np.random.Generator, tuple[int, ...]], np.ndarray]

LABELS = 3  # distinct labels drawn for roles of that kind
ATTEMPTS = 20
EXTREMES = (0.0, 1e-300, 1e-12, 1e-8, 1e-3, 1.0, 30.0, 1e3, 1e8)


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to call a loss that its examples show: the roles given, their sizes, and the parameters."""

    loss: Loss
    params: Mapping[str, object]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of one row, by role

    def __str__(self) -> str:
        said = [f"{name}={value}" for name, value in self.params.items()]
        said += [f"{name}:{'x'.join(map(str, shape))}" for name, shape in self.shapes.items() if shape]
        return f"{self.loss.name}({','.join(said)})".replace(" ", "")

    @property
    def kernel(self) -> Kernel:
        return self.loss.kernel_for(self.shapes)

    @property
    def resolved(self) -> dict[str, object]:
        """Every parameter with its value."""
        return dict(self.loss.resolve_params(self.params))

    @property
    def roles(self) -> list[LossRole]:
        """The roles that are given, as the parameters make them."""
        vectors = frozenset(name for name, shape in self.shapes.items() if shape)
        roles = self.loss.roles_for(self.resolved, self.loss.kernel, vectors)
        return [role for role in roles if role.name in self.shapes]

    @property
    def columns(self) -> dict[str, str]:
        """The columns of the roles, as `stored` names them."""
        return {role.name: f"c_{role.name}" for role in self.roles}

    def arrays(self, drawn: Drawn) -> dict[str, np.ndarray]:
        """Drawn columns as the kernel takes them."""
        return from_python(self.roles, drawn, self.loss.name, self.loss.spelling(self.resolved))

    def prepared(self, arrays: Mapping[str, np.ndarray]) -> dict[str, object]:
        """The parameters as the kernel takes them."""
        return self.loss.prepared(self.resolved, classes_of(self.roles, arrays))


def settings(loss: Loss) -> Iterator[Setting]:
    """Every setting of a loss's examples, and one of several numbers per row where they show only one."""
    seen = set()
    wide = {}
    for example in loss.examples:
        shapes = {name: _shape(loss, name, values) for name, values in example.arrays.items()}
        setting = Setting(loss, example.params, shapes)
        if str(setting) not in seen:
            seen.add(str(setting))
            yield setting
        either = {role.name for role in setting.roles if role.role.shape == "either"}
        sized = any(isinstance(value, tuple | list) for value in example.params.values())
        if either and not sized and (loss.kernel.elements is not None or loss.scope == "set"):
            wide[str(example.params)] = Setting(
                loss, example.params, {name: (3,) if name in either else shape for name, shape in shapes.items()}
            )
    for setting in wide.values():
        if str(setting) not in seen:
            yield setting


def _shape(loss: Loss, name: str, values: object) -> tuple[int, ...]:
    """The shape of one row of a role, as an example gives it; lists of uneven lengths by their longest."""
    role = next(role for role in loss.roles if role.name == name)
    if role.role.shape == "ragged":
        longest = max(values, key=len)  # type: ignore[call-overload]
        return tuple(np.shape(longest))
    return np.shape(values)[1:]


def draw(setting: Setting, rows: int, *, inner: bool = False, extreme: bool = False) -> Drawn:
    """Columns for a setting; `inner` keeps away from the ends of the domains, `extreme` seeks them.

    The same setting gives the same data, and other settings do not move it. Rows that break a rule of the loss are
    drawn again.
    """
    rng = np.random.default_rng(zlib.crc32(f"{setting} {rows} {inner} {extreme}".encode()))
    one: Draw = _extreme if extreme else _inner if inner else _plain
    tie = TIES.get(setting.loss.name)
    found: Drawn = {}
    for _ in range(ATTEMPTS):
        drawn = {role.name: _column(setting, role, rng, rows, one) for role in setting.roles}
        drawn = tie(setting, drawn, rng) if tie else drawn
        good = np.flatnonzero(~_broken(setting, drawn, rows))
        found = {name: _joined(found.get(name), take(column, good)) for name, column in drawn.items()}
        if len(next(iter(found.values()))) >= rows:  # type: ignore[arg-type]
            return {name: take(column, np.arange(rows)) for name, column in found.items()}
    raise AssertionError(f"{setting}: hardly a row keeps its rules; tie its columns in {__file__}")


def take(column: object, rows: np.ndarray) -> object:
    """Some rows of a column."""
    return [column[row] for row in rows] if isinstance(column, list) else np.asarray(column)[rows]


def _joined(first: object, second: object) -> object:
    if first is None:
        return second
    return [*first, *second] if isinstance(first, list) else np.concatenate([first, second])  # type: ignore


def _broken(setting: Setting, drawn: Drawn, rows: int) -> np.ndarray:
    """The rows that break a rule of the loss."""
    arrays = setting.arrays(drawn)
    params = setting.prepared(arrays)
    broken = np.zeros(rows, dtype=bool)
    for rule in setting.loss.hooks.rules:
        with np.errstate(all="ignore"):
            broken |= rule.broken(**arrays, **params)
    return broken


def _column(setting: Setting, role: LossRole, rng: np.random.Generator, rows: int, one: Draw) -> object:
    about, shape = role.role, (rows, *setting.shapes[role.name])
    match about.kind:
        case "label":
            return rng.integers(0, LABELS, shape)
        case "class":
            return rng.integers(0, _classes(setting), shape)
        case "class or vector":
            if len(shape) == 1:
                return rng.integers(0, _classes(setting), shape)
            labels = rng.integers(0, 2, shape)
            return labels if about.domain == UNIT else _simplex(about.domain, rng, shape, one)
        case "binary":
            labels = rng.integers(0, 2, shape)
            return labels if about.domain.everything else _softened(labels.astype(float), rng)
        case "simplex":
            return _simplex(about.domain, rng, shape, one)
        case "real":
            if about.shape == "ragged":
                lengths = rng.integers(1, shape[1] + 1, rows)
                return [one(about.domain, rng, (int(length), *shape[2:])).tolist() for length in lengths]
            values = one(about.domain, rng, shape)
            return _directed(values) if about.nonzero else values
        case kind:
            raise AssertionError(f"teach {__file__} to draw the role kind {kind!r}")


def _classes(setting: Setting) -> int:
    """How many classes there are: as many as the scores of a row; two where a row holds one probability."""
    return max((shape[-1] for shape in setting.shapes.values() if shape), default=2)


def _plain(domain: Domain, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers all over a domain, its ends among them where they belong to it."""
    values = _inner(domain, rng, shape)
    for end in (domain.low, domain.high):
        if not isinf(end) and end in domain:
            values = np.where(rng.random(shape) < 0.05, end, values)
    return values


def _inner(domain: Domain, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of moderate size, away from the ends."""
    if domain.low == -inf and domain.high == inf:
        return rng.normal(0.0, 2.0, shape)
    if domain.high == inf:
        return domain.low + 0.05 + rng.gamma(2.0, 1.0, shape)
    if domain.low == -inf:
        return domain.high - 0.05 - rng.gamma(2.0, 1.0, shape)
    return domain.low + (domain.high - domain.low) * rng.uniform(0.05, 0.95, shape)


def _extreme(domain: Domain, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """The smallest and largest numbers of a domain, from 1e-300 to 1e8."""
    ends = [end for end in (domain.low, domain.high) if not isinf(end)]
    near = [end + sign * size for end in ends for sign in (-1, 1) for size in EXTREMES]
    far = [sign * size for sign in (-1, 1) for size in EXTREMES]
    return rng.choice([value for value in {*near, *far} if value in domain and abs(value) <= 1e8], shape)


def _simplex(domain: Domain, rng: np.random.Generator, shape: tuple[int, ...], one: Draw) -> np.ndarray:
    """Rows that sum to 1."""
    if one is _extreme:
        parts = rng.choice([1e-300, 1e-12, 1e-3, 1.0], shape)
    else:
        parts = rng.gamma(1.0, 1.0, shape) + (0.2 if one is _inner else 0.0)
    return parts / parts.sum(axis=-1, keepdims=True)


def _directed(vectors: np.ndarray) -> np.ndarray:
    """Vectors of which none is 0."""
    return np.where((vectors == 0.0).all(axis=-1, keepdims=True), 1.0, vectors)


def _softened(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hard labels, one in five of them soft."""
    return np.where(rng.random(labels.shape) < 0.2, rng.uniform(0.0, 1.0, labels.shape), labels)


# What binds columns to each other, and so stands in no role.
def _ordered(low: str, high: str) -> Callable[[Setting, Drawn, np.random.Generator], Drawn]:
    def tie(setting: Setting, drawn: Drawn, rng: np.random.Generator) -> Drawn:
        pair = np.sort(np.stack([drawn[low], drawn[high]]), axis=0)
        return {**drawn, low: pair[0], high: pair[1]}

    return tie


def _boxes(setting: Setting, drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Boxes that are not inverted."""
    corners = setting.resolved["box_format"] == "xyxy"

    def upright(boxes: np.ndarray) -> np.ndarray:
        first, second = boxes[:, :2], boxes[:, 2:]
        if corners:
            return np.concatenate([np.minimum(first, second), np.maximum(first, second) + 0.5], axis=1)
        return np.concatenate([first, np.abs(second) + 0.5], axis=1)

    return {name: upright(np.asarray(boxes)) for name, boxes in drawn.items()}


def _alignable(setting: Setting, drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Targets of classes other than the blank, short enough for the steps."""
    _, classes = setting.shapes["pred"]
    blank = int(setting.resolved["blank"]) % classes  # type: ignore[call-overload]
    letters = [letter for letter in range(classes) if letter != blank]
    lengths = [rng.integers(1, (len(steps) + 1) // 2 + 1) for steps in drawn["pred"]]  # type: ignore[attr-defined]
    return {**drawn, "target": [rng.choice(letters, int(length)).tolist() for length in lengths]}


TIES: dict[str, Callable[[Setting, Drawn, np.random.Generator], Drawn]] = {
    "interval_score": _ordered("lower", "upper"),
    "box_iou": _boxes,
    "giou": _boxes,
    "diou": _boxes,
    "ciou": _boxes,
    "ctc": _alignable,
}


def stored(drawn: Drawn) -> dict[str, object]:
    """Drawn columns under names that no role finds by itself."""
    return {f"c_{name}": column for name, column in drawn.items()}


# ----------------------------------------------------------------------------------------------------------- everything
LOSSES = list(registry.every())
SETTINGS = [setting for loss in LOSSES for setting in settings(loss)]


def by_name(loss: Loss) -> str:
    """How a loss is named among cases."""
    return loss.name
