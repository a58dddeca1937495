"""Terms of an expression that read the same columns must agree on what those hold: logits or probabilities."""

from collections.abc import Mapping, Sequence

from lossctl.columns.binding import Binding
from lossctl.declare import registry
from lossctl.engine.plan.expressions import Part
from lossctl.engine.plan.plan import Term
from lossctl.errors import UsageError

INPUT = "input"
# Per columns what they are taken to hold, and the loss that says so.
Meanings = dict[tuple[str, ...], tuple[str, str]]
FIXED = (
    "{first} reads {columns} as {known}, and {second} as {meaning}. "
    "Name other columns for one of them, e.g. {second}({role}=COLUMN)."
)
ASSUMED = (
    "{first} takes {columns} for {known} unless told otherwise, and {second} for {meaning}. "
    "Say what they hold with --input {known} or --input {meaning}."
)


def agreed_inputs(parts: Sequence[Part], terms: Sequence[Term], options: Mapping[str, object]) -> list[Part]:
    """The parts, with an `input` left unset taken from a sibling that fixes what the same columns hold."""
    pairs = list(zip(parts, terms, strict=True))
    fixed = _meanings([term for part, term in pairs if not _is_open(part, term, options)], FIXED)
    agreed = []
    for part, term in pairs:
        siblings = [fixed[binding.columns] for binding in term.bindings.values() if binding.columns in fixed]
        if _is_open(part, term, options) and siblings:
            meaning, loss = siblings[0]
            choices = registry.get(term.loss).params[INPUT].choices
            if meaning not in choices:
                raise UsageError(
                    f"{loss} says its columns hold {meaning}, which {term.loss} cannot read "
                    f"({', '.join(map(str, choices))}). Name other columns, e.g. {term.loss}(pred=COLUMN)."
                )
            part = part._replace(given={**part.given, INPUT: meaning})
        agreed.append(part)
    # Those that nobody has told must at least assume the same.
    open_still = [term for part, term in zip(agreed, terms, strict=True) if _is_open(part, term, options)]
    _meanings(open_still, ASSUMED)
    return agreed


def _meanings(terms: Sequence[Term], clash: str) -> Meanings:
    """What terms take their columns to hold; two that take the same ones differently are refused in these words."""
    found: Meanings = {}
    for term in terms:
        for binding in term.bindings.values():
            meaning = _meaning(term, binding)
            if meaning is None:
                continue
            known, first = found.setdefault(binding.columns, (meaning, term.loss))
            if known != meaning:
                said = {"first": first, "second": term.loss, "known": known, "meaning": meaning, "role": binding.name}
                raise UsageError(clash.format(columns=", ".join(binding.columns[:3]), **said))
    return found


def _is_open(part: Part, term: Term, options: Mapping[str, object]) -> bool:
    """Whether a term could read its columns in several ways and nobody has said which."""
    takes = INPUT in registry.get(term.loss).params
    return takes and INPUT not in part.given and options.get(INPUT) is None


def _meaning(term: Term, binding: Binding) -> str | None:
    """What a term takes a column to hold."""
    said = term.params.get(INPUT)
    if isinstance(said, str) and binding.name == "pred":
        return said
    return binding.role.input
