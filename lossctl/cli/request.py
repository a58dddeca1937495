"""Options of the command line as a request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.declare.options import Option
    from lossctl.engine.plan.request import Request


def texts(value: object) -> list[str]:
    """The values of a repeatable option, as text; none where it is not given."""
    return [str(item) for item in value] if isinstance(value, list) else []


def _numbers(option: str, value: object) -> tuple[float, ...]:
    """The numbers of a repeatable option, each of whose values may be a comma list."""
    from lossctl.declare.params import number
    from lossctl.errors import UsageError

    found = [(text, number(text)) for item in texts(value) for text in item.split(",")]
    for text, read in found:
        if read is None:
            raise UsageError(f"{option} must be numbers, one per term, not {text!r}.")
    return tuple(float(read) for _, read in found if read is not None)


def request_of(own: dict[str, object], loss: str, files: list[str], values: dict[str, object]) -> "Request":
    """The request that the options make; `own` are those of the losses."""
    from lossctl.declare.options import KEYWORDS
    from lossctl.engine.plan.request import Request, request_fields

    fields = request_fields({name: _value(option, values.get(name)) for name, option in KEYWORDS.items()})
    given = {name: value for name, value in own.items() if value is not None}
    return Request(loss=loss, files=tuple(files), options=given, dry_run=bool(values.get("dry_run")), **fields)


def _value(option: "Option", value: object) -> object:
    """The value of an option in the type of a request; its default where it is not given, or not one of the command."""
    if value is None:
        return option.default
    match option.kind:
        case "word":
            return str(value)
        case "columns":
            return tuple(texts(value))
        case "numbers":
            return _numbers(option.flag, value)
        case "names":
            names = str(value).split(",")
            return tuple(names) if option.empty else tuple(name.strip() for name in names if name.strip())
        case _:
            return value
