"""A request as a command line says it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.engine.plan.request import Request


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def texts(value: object) -> list[str]:
    """What a repeatable option is given."""
    return [str(item) for item in value] if isinstance(value, list) else []


def _numbers(option: str, value: object) -> tuple[float, ...]:
    """Numbers given in a comma list, or one by one."""
    from lossctl.declare.params import number
    from lossctl.errors import UsageError

    found = [(text, number(text)) for item in texts(value) for text in item.split(",")]
    for text, read in found:
        if read is None:
            raise UsageError(f"{option} must be numbers, one per term, not {text!r}.")
    return tuple(float(read) for _, read in found if read is not None)


def request_of(own: dict[str, object], loss: str, files: list[str], values: dict[str, object]) -> "Request":
    """The request that the options make; `own` are those of the losses."""
    from lossctl.engine.plan.request import Request
    from lossctl.sources.csv.options import TextOptions

    fields = {name: values[name] for name in values.keys() & set(Request._fields)}
    classes = [name.strip() for name in str(values["classes"] or "").split(",") if name.strip()]
    fields |= {"by": tuple(texts(values["by"])), "on": tuple(texts(values["on"])), "classes": tuple(classes)}
    fields |= {name: str(values[name]) for name in ("missing", "join", "ci_method")}
    fields |= {"combine": values["combine"] and str(values["combine"])}
    fields |= {name: _numbers(f"--{name.replace('_', '-')}", values[name]) for name in ("log_var", "reference")}
    na_values, header = values["na_values"], values["header"]
    fields["text"] = TextOptions(
        delimiter=_text(values["delimiter"]),
        quote=_text(values["quote"]),
        header=header if isinstance(header, bool) else None,
        decimal=_text(values["decimal"]),
        na_values=None if na_values is None else tuple(str(na_values).split(",")),
    )
    fields.pop("memory", None)
    fields["memory_limit"] = values["memory"]
    given = {name: value for name, value in own.items() if value is not None}
    return Request(loss=loss, files=tuple(files), options=given, **fields)  # type: ignore[arg-type]
