"""Roles: what a column handed to a loss may hold, which shapes it comes in, and the names it usually has."""

from math import inf
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from lossctl.arithmetic.arrays import Array
else:
    Array = object  # so that naming roles does not cost NumPy's import
Shape = Literal["number", "vector", "either", "matrix", "ragged"]
Kind = Literal["real", "binary", "class", "class or vector", "label", "simplex", "weight"]


class Domain(NamedTuple):
    """A range of numbers; infinity belongs to it only where an end is infinite and closed."""

    low: float = -inf
    high: float = inf
    low_open: bool = True
    high_open: bool = True

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        return f"{'(' if self.low_open else '['}{self.low:g}, {self.high:g}{')' if self.high_open else ']'}"

    @property
    def everything(self) -> bool:
        """Whether it holds all finite numbers, and no others."""
        return self == Domain()

    @property
    def words(self) -> str:
        """The range as a reader says it: '>= 0', '> 0 and < 1', 'finite'."""
        parts = []
        if self.low != -inf:
            parts.append(f"{'>' if self.low_open else '>='} {self.low:g}")
        if self.high != inf:
            parts.append(f"{'<' if self.high_open else '<='} {self.high:g}")
        return " and ".join(parts) or "finite"


class Role(NamedTuple):
    """What a column may hold: its kind, shape, domain, and the column names of that kind that are tried first.

    Kernels see: a number as `(n,)`; a vector as a logical `(k, n)` array; "either" as one or the other; a matrix as a
    logical `(m, d, n)` array; "ragged" as a `Ragged`. Kind "binary" is 0.0 or 1.0 whatever the file's labels are;
    "class" is an index of type intp; "class or vector" an index `(n,)` or weights `(k, n)`; "label" a code of type
    intp that is equal for equal labels of all roles of that kind.

    `sizes` names the sizes of a row, outermost first: what a loss's roles call alike must be equal, "" is free.
    Unless given, a vector holds D numbers and a matrix any number of rows of D.
    """

    kind: Kind
    says: str
    shape: Shape = "number"
    domain: Domain = Domain()
    names: tuple[str, ...] = ()
    nonzero: bool = False
    sizes: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of a row's sizes."""
        return self.sizes or {"vector": ("D",), "either": ("D",), "matrix": ("", "D")}.get(self.shape, ())

    @property
    def anything(self) -> bool:
        """Whether every finite number will do."""
        return self.kind == "real" and self.domain.everything and not self.nonzero

    @property
    def nests(self) -> bool:
        """Whether a row is a list of lists."""
        return self.shape == "matrix" or (self.shape == "ragged" and self.kind == "real")

    @property
    def mistaken(self) -> str:
        """What messages add of data that are often taken for this role's, and the way out of that."""
        if self.kind == "simplex" or self.input == "probs":
            given, others, way = "probability", "logits or log-probabilities", "logits: bce_with_logits, cross_entropy"
        elif self.input == "log_probs":
            given, others, way = "log-probability", "probabilities or logits", "them"
        else:
            return ""
        return f" (a {given}; for {others} say so with --input where the loss has it, or take a loss on {way})"

    @property
    def input(self) -> str | None:
        """What a column of this role holds, in the words of the parameter `input`, where the role fixes it."""
        if self.names == _LOG_PROBS:
            return "log_probs"
        if self.names == _PROBS:
            return "probs"
        return "logits" if self.names == _LOGITS else None


POSITIVE = Domain(low=0)
NOT_NEGATIVE = Domain(low=0, low_open=False)
UNIT = Domain(0, 1, low_open=False, high_open=False)
LOG_PROBABILITY = Domain(low=float("-inf"), high=0, low_open=False, high_open=False)
# Rounding in float32 passes the ends.
COSINE = Domain(-1 - 1e-6, 1 + 1e-6, low_open=False, high_open=False)
DISTANCE = Domain(low=-1e-6, low_open=False)

_LOGITS = ("logit", "logits", "score", "scores")
_PROBS = ("prob", "p", "proba", "probs", "probability")
_LOG_PROBS = ("logprob", "log_prob", "logprobs", "log_probs", "logp")
_RELEVANCE = ("relevance", "rel", "grade")

Real: TypeAlias = Annotated[Array, Role("real", "a finite number")]
RealD: TypeAlias = Annotated[Array, Role("real", "finite numbers, one or D per row", "either")]
Positive: TypeAlias = Annotated[Array, Role("real", "a number > 0", domain=POSITIVE)]
PositiveD: TypeAlias = Annotated[Array, Role("real", "numbers > 0, one or D per row", "either", POSITIVE)]
NotNegative: TypeAlias = Annotated[Array, Role("real", "a number >= 0", domain=NOT_NEGATIVE)]
NotNegativeD: TypeAlias = Annotated[Array, Role("real", "numbers >= 0, one or D per row", "either", NOT_NEGATIVE)]
AboveMinusOneD: TypeAlias = Annotated[Array, Role("real", "numbers > -1, one or D per row", "either", Domain(low=-1))]
Vector: TypeAlias = Annotated[Array, Role("real", "D finite numbers per row", "vector")]
PositiveVector: TypeAlias = Annotated[Array, Role("real", "numbers > 0, several per row", "vector", POSITIVE)]
NotNegativeVector: TypeAlias = Annotated[Array, Role("real", "numbers >= 0, several per row", "vector", NOT_NEGATIVE)]
Matrix: TypeAlias = Annotated[Array, Role("real", "M lists of D finite numbers per row", "matrix")]

Probability: TypeAlias = Annotated[Array, Role("real", "a probability", "number", UNIT, _PROBS)]
ProbabilityD: TypeAlias = Annotated[Array, Role("real", "probabilities, one or D per row", "either", UNIT, _PROBS)]
ProbabilityVector: TypeAlias = Annotated[Array, Role("real", "probabilities, several per row", "vector", UNIT, _PROBS)]
Logit: TypeAlias = Annotated[Array, Role("real", "a logit", names=_LOGITS)]
LogitD: TypeAlias = Annotated[Array, Role("real", "logits, one or D per row", "either", names=_LOGITS)]
Score: TypeAlias = Annotated[Array, Role("real", "a score", names=("score", "scores", "logit", "logits"))]
ScoreVector: TypeAlias = Annotated[
    Array, Role("real", "K scores per row", "vector", names=("score", "scores", "logit"))
]
Logits: TypeAlias = Annotated[Array, Role("real", "K logits per row", "vector", names=_LOGITS)]
Simplex: TypeAlias = Annotated[Array, Role("simplex", "K probabilities per row that sum to 1", "vector", UNIT, _PROBS)]
Proportions: TypeAlias = Annotated[
    Array, Role("real", "K numbers >= 0 per row, in proportion to probabilities", "vector", NOT_NEGATIVE, _PROBS)
]
LogProbs: TypeAlias = Annotated[
    Array, Role("real", "K log-probabilities per row", "vector", LOG_PROBABILITY, _LOG_PROBS)
]

Binary: TypeAlias = Annotated[Array, Role("binary", "a label: 0/1, -1/+1, true/false, or two values")]
BinaryD: TypeAlias = Annotated[Array, Role("binary", "labels 0/1, one or D per row", "either")]
BinaryVector: TypeAlias = Annotated[Array, Role("binary", "K labels 0/1 per row", "vector")]
SoftBinary: TypeAlias = Annotated[Array, Role("binary", "a label, 0/1 or between", "number", UNIT)]
SoftBinaryD: TypeAlias = Annotated[Array, Role("binary", "labels, 0/1 or between, one or D per row", "either", UNIT)]
ClassIndex: TypeAlias = Annotated[Array, Role("class", "a class: its index or name")]
ClassTarget: TypeAlias = Annotated[
    Array, Role("class or vector", "a class (index or name), or K weights per row", "either", NOT_NEGATIVE)
]
Label: TypeAlias = Annotated[Array, Role("label", "a label of any kind")]
LabelOrScores: TypeAlias = Annotated[Array, Role("label", "a label of any kind, or K scores per row", "either")]
Direction: TypeAlias = Annotated[Array, Role("real", "D finite numbers per row, not all 0", "vector", nonzero=True)]
Directions: TypeAlias = Annotated[
    Array, Role("real", "M lists of D finite numbers per row, none all 0", "matrix", nonzero=True)
]
Cosines: TypeAlias = Annotated[
    Array, Role("real", "K cosines per row", "vector", COSINE, ("cosine", "cosines", "cos", "similarity"))
]
Distance: TypeAlias = Annotated[Array, Role("real", "a distance", domain=DISTANCE)]
Relevance: TypeAlias = Annotated[Array, Role("real", "a relevance", names=_RELEVANCE)]
GradedRelevance: TypeAlias = Annotated[Array, Role("real", "a relevance >= 0", "number", NOT_NEGATIVE, _RELEVANCE)]
Mask: TypeAlias = Annotated[
    Array, Role("class or vector", "0 or 1, a class (index or name), or K labels 0/1 per row", "either", UNIT)
]
Image: TypeAlias = Annotated[
    Array, Role("real", "an image: H lists of W numbers or pixels", "matrix", sizes=("", "", ""))
]
Box: TypeAlias = Annotated[Array, Role("real", "a box: four numbers per row", "vector")]
FeatureMap: TypeAlias = Annotated[Array, Role("real", "C lists of N finite numbers per row", "matrix", sizes=("C", ""))]
LatentD: TypeAlias = Annotated[Array, Role("real", "finite numbers, one or L per row", "either", sizes=("L",))]
# Without column names of their own, so that two roles of one loss do not claim the same columns.
UnitD: TypeAlias = Annotated[Array, Role("real", "numbers in [0, 1], one or D per row", "either", UNIT)]
Distribution: TypeAlias = Annotated[Array, Role("simplex", "K probabilities per row that sum to 1", "vector", UNIT)]
LogDistribution: TypeAlias = Annotated[Array, Role("real", "K log-probabilities per row", "vector", LOG_PROBABILITY)]

# Column names by role name, best rank first; two hits within one rank are an error, never a guess.
USUAL_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "target": (("y_true", "target", "label", "y"), ("actual", "observed", "truth", "ground_truth")),
    "pred": (("y_pred", "pred", "prediction", "yhat"), ("predicted", "y_hat", "forecast")),
    "std": (("std", "sigma", "stddev", "y_std"),),
    "var": (("var", "variance"),),
    "scale": (("scale",),),
    "lower": (("lower", "low"),),
    "upper": (("upper", "high"),),
}


def usual_names(role_name: str, role: Role) -> tuple[tuple[str, ...], ...]:
    """The ranks of column names tried for a role, best first: its kind's, those with an ending, the role's own."""
    by_name = USUAL_NAMES.get(role_name, ((role_name,),))
    if not role.names:
        return by_name
    return (role.names, tuple(f"{name}_*" for name in role.names), *by_name)
