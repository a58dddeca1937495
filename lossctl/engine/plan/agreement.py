"""Terms of an expression that read the same columns must agree on what those hold: logits or probabilities."""

from collections.abc import Mapping, Sequence

from lossctl.columns.binding import Binding
from lossctl.declare import registry
from lossctl.engine.plan.expressions import Part
from lossctl.engine.plan.plan import Term
from lossctl.errors import UsageError

INPUT = "input"


def agreed_inputs(parts: Sequence[Part], terms: Sequence[Term], options: Mapping[str, object]) -> list[Part]:
    """The parts, with an `input` left unset taken from a sibling that fixes what the same columns hold."""
    fixed: dict[tuple[str, ...], tuple[str, str]] = {}
    for part, term in zip(parts, terms, strict=True):
        if _is_open(part, term, options):
            continue
        for binding in term.bindings.values():
            meaning = _meaning(term, binding)
            if meaning is None:
                continue
            known, loss = fixed.setdefault(binding.columns, (meaning, term.loss))
            if known != meaning:
                raise UsageError(
                    f"{loss} reads {', '.join(binding.columns[:3])} as {known}, and {term.loss} as {meaning}. "
                    f"Name other columns for one of them, e.g. {term.loss}({binding.name}=COLUMN)."
                )
    agreed = []
    for part, term in zip(parts, terms, strict=True):
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
    _check_defaults(agreed, terms, options)
    return agreed


def _check_defaults(parts: Sequence[Part], terms: Sequence[Term], options: Mapping[str, object]) -> None:
    """Raise where terms that nobody has told what the same columns hold assume different things."""
    assumed: dict[tuple[str, ...], tuple[str, str]] = {}
    for part, term in zip(parts, terms, strict=True):
        for binding in term.bindings.values() if _is_open(part, term, options) else ():
            meaning = _meaning(term, binding)
            if meaning is None:
                continue
            known, loss = assumed.setdefault(binding.columns, (meaning, term.loss))
            if known != meaning:
                raise UsageError(
                    f"{loss} takes {', '.join(binding.columns[:3])} for {known} unless told otherwise, and {term.loss} "
                    f"for {meaning}. Say what they hold with --input {known} or --input {meaning}."
                )


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
