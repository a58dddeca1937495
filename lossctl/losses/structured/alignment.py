"""Connectionist temporal classification: sequences without an alignment, a value per row.

The lattice of alignments is kept as two arrays per time step: having written j labels and resting on the blank,
`(rows, L + 1)`, and just having written label j, `(rows, L)`. All rows move at once; the loop is over time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from lossctl.arithmetic.arrays import Array, Flags, Indexes, Ragged
from lossctl.arithmetic.vectors import logsumexp_k, softmax_k
from lossctl.declare.declaration import example
from lossctl.declare.params import Param
from lossctl.declare.registry import loss
from lossctl.declare.roles import LOG_PROBABILITY, UNIT, Role

# The logarithm of an impossible path: finite, so that two of them differ by 0 and not by NaN.
NEVER = -1e290
# States of rows that move together: few enough for the cache; the gradient keeps those of every step.
TOGETHER, KEPT = 2**14, 2**21

Input = Literal["logits", "log_probs", "probs"]
StepLogits = Annotated[Ragged, Role("real", "T steps of K logits per row", "ragged", names=("logits", "logit"))]
StepProbs = Annotated[Ragged, Role("real", "T steps of K probabilities per row", "ragged", UNIT, ("probs", "prob"))]
StepLogProbs = Annotated[
    Ragged, Role("real", "T steps of K log-probabilities per row", "ragged", LOG_PROBABILITY, ("log_probs", "log_prob"))
]
Labels = Annotated[Ragged, Role("class", "a list of class ids per row, or text with an alphabet", "ragged")]


@loss(
    task="sequences",
    convex=False,
    differentiable=True,
    robust="not primary focus",
    smoothness="C-infinity",
    scale="nats",
    dimension="nats",
    use_when="speech, handwriting: the labels of a sequence are known, their places in time are not",
    avoid_when="the alignment is known (cross_entropy per step)",
    pitfalls="Infinite where a target (with a blank between repeated labels) is longer than its steps. torch's "
    "reduction mean divides each row by its target length first: normalize=target_length. Frameworks differ in "
    "whether the blank is first (0) or last (-1).",
    reference="Graves, Fernandez, Gomez, Schmidhuber 2006, doi:10.1145/1143844.1143891",
    examples=(
        example(
            float(-np.log(0.3 * 0.2 + 0.3 * 0.5 + 0.6 * 0.2)),
            {"input": "probs"},
            pred=[[[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]]],
            target=[[1]],
        ),
        example(
            float(-np.log(0.3 * 0.6 * 0.2)) / 2,
            {"input": "probs", "normalize": "target_length"},
            pred=[[[0.6, 0.3, 0.1], [0.6, 0.1, 0.3], [0.5, 0.2, 0.3]]],
            target=[[1, 1]],
        ),
        example(
            float(-np.log(0.1 * 0.3) - np.log(0.3 * 0.5)) / 2,
            {"input": "probs", "blank": -1},
            pred=[[[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]], [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]]],
            target=[[], [1, 0]],
        ),
        example(
            float(np.log(4.0)) / 2,
            {"zero_infinity": True},
            pred=[[[0.7, 0.7], [0.7, 0.7]], [[0.2, 1.5]]],
            target=[[], [1, 1]],
        ),
    ),
)
def ctc(
    pred: StepLogits,
    target: Labels,
    *,
    blank: Annotated[int, Param("class of the blank; negative counts from the end")] = 0,
    input: Annotated[Input, Param("what pred holds")] = "logits",
    zero_infinity: Annotated[bool, Param("an infeasible target is worth 0 instead of infinity")] = False,
    normalize: Annotated[
        Literal["none", "target_length"], Param("divide a row by its number of labels (at least 1)")
    ] = "none",
    alphabet: Annotated[
        str | None, Param("for targets given as text: the classes' letters in order, blank left out")
    ] = None,
) -> Array:
    """Negative log-likelihood of a label sequence, summed over its alignments to the time steps.

    `-log p(target)`, `p` the sum over all paths of one class per step that give the target once repeats are merged and
    blanks dropped. Computed by the forward algorithm in logarithms. A target that no path fits is infinite.
    """
    value = np.empty(len(pred))
    for part in _lattices(_Rows.of(pred, target, blank, input), TOGETHER):
        value[part.places] = 0.0 - part.forward()
    value[value > -0.5 * NEVER] = 0.0 if zero_infinity else np.inf
    return value / np.maximum(target.lengths, 1) if normalize == "target_length" else value


@ctc.gradient
def ctc_gradient(
    pred: Ragged,
    target: Ragged,
    *,
    blank: int,
    input: Input,
    zero_infinity: bool,
    normalize: str,
    alphabet: str | None,
) -> Array:
    """The derivative by each number of `pred.values`; NaN where the value is infinite.

    For logits `softmax - occupancy`; log-probabilities and probabilities are taken as free of each other.
    """
    rows = _Rows.of(pred, target, blank, input)
    pull = np.zeros(pred.values.T.shape)
    likelihood = np.empty(len(pred))
    longest = max(int(rows.steps.max(initial=0)), 1)
    for part in _lattices(rows, min(TOGETHER, KEPT // longest)):
        likelihood[part.places] = part.backward(pull.reshape(-1))
    slope = softmax_k(pred.values) - pull.T if input == "logits" else -pull.T
    owner = pred.row_of(np.arange(pred.values.shape[1]))
    if normalize == "target_length":
        slope /= np.maximum(target.lengths, 1)[owner]
    slope[:, likelihood[owner] < 0.5 * NEVER] = 0.0 if zero_infinity else np.nan
    return slope


@ctc.finding("LC331")
def _(pred: Ragged, target: Ragged, **_: object) -> Flags:
    label = target.values
    owner = target.row_of(np.arange(len(label)))
    repeated = owner[1:][(label[1:] == label[:-1]) & (owner[1:] == owner[:-1])]
    shortest = target.lengths + np.bincount(repeated, minlength=len(target))
    too_long: Flags = shortest > pred.lengths
    return too_long


@ctc.domains
def _(*, input: str, **_: object) -> dict[str, Any]:
    return {"pred": {"logits": StepLogits, "log_probs": StepLogProbs, "probs": StepProbs}[input]}


def letter_ids(alphabet: str, blank: int, classes: int) -> dict[str, int]:
    """The class of each letter of an alphabet, which names the classes in order and leaves the blank out."""
    ids = (index for index in range(classes) if index != blank % classes)
    return dict(zip(alphabet, ids, strict=False))


@ctc.letters
def _(*, alphabet: str | None, blank: int, **_: object) -> dict[str, int]:
    return letter_ids(alphabet, blank, len(alphabet) + 1) if alphabet else {}


@ctc.rule("--alphabet must name every class but the blank")
def _(pred: Ragged, target: Ragged, *, alphabet: str | None, **_: object) -> Flags:
    return np.full(len(pred), alphabet is not None and len(alphabet) != len(pred.values) - 1)


@ctc.rule("--blank must be one of the classes")
def _(pred: Ragged, target: Ragged, *, blank: int, **_: object) -> Flags:
    return np.full(len(pred), not -len(pred.values) <= blank < len(pred.values))


@ctc.rule(
    "the blank is no label, and no alignment gives a target that holds it: leave padding out of the lists, "
    "or say with --blank which class is the blank (-1 for the last one)"
)
def _(pred: Ragged, target: Ragged, *, blank: int, **_: object) -> Flags:
    owner = target.row_of(np.flatnonzero(target.values == blank % len(pred.values)))
    with_blank: Flags = np.bincount(owner, minlength=len(target)) > 0
    return with_blank


@dataclass(frozen=True, slots=True)
class _Rows:
    """The scores of all rows step after step, where each row's steps begin, how many they are, and its labels."""

    scores: Array  # as given, step after step
    norm: Array  # what to take from a step's scores to have logarithms of probabilities
    input: Input
    classes: int
    blank: int
    starts: Indexes
    steps: Indexes
    target: Ragged

    @classmethod
    def of(cls, pred: Ragged, target: Ragged, blank: int, input: Input) -> "_Rows":
        classes, total = pred.values.shape
        norm = logsumexp_k(pred.values) if input == "logits" else np.zeros(total)
        scores = pred.values.T.reshape(-1)
        return cls(scores, norm, input, classes, blank % classes, pred.offsets[:-1], pred.lengths, target)


@dataclass(slots=True)
class _Lattice:
    """Some rows, the longest first; `said` and `rest` are logarithms of the probabilities of all paths so far."""

    rows: _Rows
    places: Indexes
    steps: Indexes
    labels: Indexes  # (n, L), short rows filled up with the blank
    lengths: Indexes
    step_over: Array  # (n, L): 0 where label j may follow label j - 1 without a blank, else NEVER

    def forward(self, arrived: list[tuple[Array, Array]] | None = None) -> Array:
        """The log-likelihood of each row; `arrived` collects the states of every step before its own scores."""
        rest, said = self._ends(np.zeros_like(self.lengths))
        for step in range(int(self.steps.max(initial=0))):
            n = self._moving(step)
            to_rest, to_said = self._arrive(rest[:n], said[:n])
            by_rest, by_said = self._emissions(step, n)
            rest[:n], said[:n] = to_rest + by_rest, to_said + by_said
            if arrived is not None:
                arrived.append((to_rest, to_said))
        return self._final(rest, said)

    def backward(self, pull: Array) -> Array:
        """The log-likelihood of each row; to `pull` is added how fast it grows with each score.

        `pull` is flat, as `scores` is; the slope of the softmax that logits go through is not in it.
        """
        arrived: list[tuple[Array, Array]] = []
        found = self.forward(arrived)
        rest, said = self._ends(self.lengths)  # from here on, of all paths yet to come
        for step in reversed(range(len(arrived))):
            to_rest, to_said = arrived[step]
            n = len(to_rest)
            by_rest, by_said = self._emissions(step, n)
            own = self.rows.input != "probs"  # a logarithm grows by its own probability
            through_rest = np.exp(to_rest + rest[:n] + own * by_rest - found[:n, np.newaxis])
            through_said = np.exp(to_said + said[:n] + own * by_said - found[:n, np.newaxis])
            base = (self.rows.starts[self.places[:n]] + step) * self.rows.classes
            np.add.at(pull, base + self.rows.blank, through_rest.sum(axis=1))
            np.add.at(pull, base[:, np.newaxis] + self.labels[:n], through_said)
            rest[:n], said[:n] = self._leave(rest[:n] + by_rest, said[:n] + by_said, n)
        return found

    def _moving(self, step: int) -> int:
        """How many rows have this step."""
        return int(np.searchsorted(-self.steps, -step, side="left"))

    def _ends(self, written: Indexes) -> tuple[Array, Array]:
        """The states `rest` and `said` in which exactly so many labels of each row are written."""
        n, most = self.labels.shape
        rest, said = np.full((n, most + 1), NEVER), np.full((n, most), NEVER)
        rest[np.arange(n), written] = 0.0
        some = np.flatnonzero(written)
        said[some, written[some] - 1] = 0.0
        return rest, said

    def _final(self, rest: Array, said: Array) -> Array:
        """The logarithm of the probability of all paths that have written every label."""
        at = np.arange(len(rest))
        last = np.where(self.lengths > 0, said[at, self.lengths - 1], NEVER)
        return _log_add(rest[at, self.lengths], last)

    def _arrive(self, rest: Array, said: Array) -> tuple[Array, Array]:
        """Logarithms of the sums over the states that a path can come from, for `rest` and `said`."""
        to_rest = rest.copy()
        to_rest[:, 1:] = _log_add(rest[:, 1:], said)
        over = self.step_over[: len(said)].copy()
        over[:, 1:] += said[:, :-1]
        return to_rest, _log_add(said, rest[:, :-1], over)

    def _leave(self, rest: Array, said: Array, n: int) -> tuple[Array, Array]:
        """Logarithms of the sums over the states that a path can go to, for `rest` and `said`."""
        from_rest = rest.copy()
        from_rest[:, :-1] = _log_add(rest[:, :-1], said)
        over = np.full_like(said, NEVER)
        over[:, :-1] = said[:, 1:] + self.step_over[:n, 1:]
        return from_rest, _log_add(said, rest[:, 1:], over)

    def _emissions(self, step: int, n: int) -> tuple[Array, Array]:
        """Log-probabilities at a step: of the blank `(n, 1)`, and of each row's labels `(n, L)`."""
        rows = self.rows
        base = (rows.starts[self.places[:n]] + step)[:, np.newaxis]
        norm = rows.norm[base]
        blank, label = rows.scores[base * rows.classes + rows.blank], rows.scores[base * rows.classes + self.labels[:n]]
        if rows.input == "probs":
            blank, label = np.log(blank), np.log(label)
        return np.maximum(blank - norm, NEVER), np.maximum(label - norm, NEVER)


def _lattices(rows: _Rows, states: int) -> Iterator[_Lattice]:
    """Lattices of all rows, the longest first; each has at most so many states, or a single row."""
    order = np.argsort(-rows.steps, kind="stable")
    most = max(int(rows.target.lengths.max(initial=0)), 1)
    size = max(1, states // (2 * most + 1))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        target = rows.target.take(places)
        lengths = target.lengths
        labels = np.full((len(places), most), rows.blank)
        labels[np.arange(most) < lengths[:, np.newaxis]] = target.values
        step_over = np.full(labels.shape, NEVER)
        step_over[:, 1:][labels[:, 1:] != labels[:, :-1]] = 0.0
        yield _Lattice(rows, places, rows.steps[places], labels, lengths, step_over)


def _log_add(*terms: Array) -> Array:
    """`log sum exp` of arrays of one shape."""
    top = terms[0]
    for term in terms[1:]:
        top = np.maximum(top, term)
    total = np.exp(terms[0] - top)
    for term in terms[1:]:
        total += np.exp(term - top)
    result: Array = np.log(total)
    result += top
    return result
