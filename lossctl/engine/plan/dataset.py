"""The files of a request as one table: opened, its keys checked, and the columns a plan reads of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lossctl.columns.binding import Binding, Table
from lossctl.engine.plan.bind import expand
from lossctl.engine.plan.plan import Ask, Scan, block_rows
from lossctl.engine.plan.request import Request
from lossctl.errors import DataError, UsageError, it_has
from lossctl.sources.opening import knowing, open_sources, prune
from lossctl.sources.source import As, Sieve, Source

if TYPE_CHECKING:
    from lossctl.columns.filter.language import Filter


class Dataset(NamedTuple):
    """What is known before any column is read; `by` and `on` name columns of the table."""

    sources: tuple[Source, ...]
    table: Table
    truth: Source | None
    on: tuple[str, ...]
    by: tuple[str, ...]
    taken: frozenset[str]


def open_dataset(request: Request, late: Collection[str] = ()) -> Dataset:
    """Open the files, and look for the columns that options name, `late` ones far beyond the first rows."""
    if not request.files:
        raise UsageError("a file to evaluate is needed: lossctl compute LOSS FILE.")
    sources = (request.table,) if request.table is not None else tuple(open_sources(request.files, request.text))
    sources = tuple(knowing(source, late) for source in sources)
    table = Table(", ".join(request.files), sources[0].columns())
    truth, on = _truth_source(request, late), request.on
    if truth is not None:
        on = tuple(name for text in request.on for name in expand(text, table, "--on"))
        from lossctl.columns import join

        table = join.joined_table(table, truth, on)
    keys = {"group": request.group, "id": request.id, "weight": request.weight, "unit-weight": request.unit_weight}
    for option, name in keys.items():
        if name is not None:
            table.require(name, f"--{option}")
    by = tuple(name for text in request.by for name in expand(text, table, "--by"))
    named = {"--on": on, "--by": by, "--group": (request.group,), "--id": (request.id,)}
    for option, names in named.items():
        for name in names:
            if name is not None:
                table.require_plain(name, option)
    for option in ("weight", "unit-weight"):
        if (name := keys[option]) is not None and table.columns[name].kind in ("list", "other"):
            raise DataError(
                f"--{option}: column {name!r} of {table.path} holds {table.columns[name].type}, "
                "not a number >= 0 per row."
            )
    return Dataset(sources, table, truth, on, by, frozenset(name for name in keys.values() if name))


def scan_of(request: Request, ask: Ask, data: Dataset) -> Scan:
    """How a dataset is read for what is asked of it: the columns, the pieces and the size of blocks."""
    table, on, truth = data.table, data.on, None
    columns: dict[str, As] = {name: _read_as(binding) for binding in ask.numeric() for name in binding.columns}
    for name in (ask.group, ask.id, *ask.by):
        if name is not None:
            columns[name] = "raw" if name in columns or name == ask.id else "text"
    where = read_filter(request.where)
    if where is not None:
        from lossctl.columns.filter import language
        from lossctl.columns.filter.literals import is_float

        for name in language.columns(where):
            table.require(name, "--where")
            table.require_plain(name, "--where")
        where = language.settle(where, table.columns)
        for name, values in language.columns(where).items():
            columns.setdefault(name, "number" if values and all(map(is_float, values)) else "text")
    if data.truth is not None:
        from lossctl.columns.join import TruthFile

        theirs = {name: columns.pop(name) for name in list(columns) if name in table.truth}
        keys: dict[str, As] = dict.fromkeys(on, "text")
        truth = TruthFile(data.truth, on, {**keys, **theirs}, table.renamed)
        columns = {**keys, **columns}
    columns = {table.original(name): how for name, how in columns.items()}
    _check_files(data.sources, table, columns)
    # rows that pair by position are all needed
    sieve = None if where is None or (truth is not None and not on) else _sieve(where, table)
    pieces = tuple(
        piece
        for at, source in enumerate(data.sources)
        for piece in prune(source, source.pieces(at, list(columns)), sieve)
    )
    return Scan(
        data.sources,
        pieces,
        columns,
        where,
        request.limit,
        truth,
        join=request.join,
        many_to_one=request.many_to_one,
        missing=request.missing,
        block_rows=block_rows(dict.fromkeys(ask.numeric())),
        batch_rows=request.batch_rows,
    )


def _read_as(binding: Binding) -> As:
    """Labels are read as the file writes them; what must be numbers, as numbers."""
    if binding.layout == "list" or binding.nested:
        return "raw"
    return "number" if binding.role.kind in ("real", "simplex", "weight") else "text"


def _check_files(sources: Sequence[Source], table: Table, columns: Mapping[str, As]) -> None:
    """Every file of a dataset has the wanted columns, of the same kind."""
    for source in sources[1:]:
        found = source.columns()
        for name in columns:
            if name not in found:
                raise DataError(
                    f"{source.path} has no column {name!r}, which {sources[0].path} has {it_has(found)}. "
                    "Files of one dataset need the same columns.",
                    name,
                )
            here, there = found[name], table.columns[name]
            if here.kind != there.kind and "unknown" not in (here.kind, there.kind):
                raise DataError(
                    f"column {name!r} holds {here.type} in {source.path} and {there.type} in {sources[0].path}. "
                    "Files of one dataset need the same types."
                )


def read_filter(text: str | None) -> "Filter | None":
    """What --where says."""
    if text is None:
        return None
    if not text.strip():
        raise UsageError(
            f"--where {text!r} is empty and says nothing of which rows to keep; write a filter, for example "
            "\"model == 'a'\", or leave the option out for all rows."
        )
    from lossctl.columns.filter import language

    return language.parse(text)


def _sieve(where: "Filter", table: Table) -> Sieve | None:
    """The filter on columns in the files themselves."""
    from lossctl.columns.filter.sieve import sieve

    return sieve(where, {name: table.original(name) for name in table.columns if name not in table.truth})


def _truth_source(request: Request, late: Collection[str]) -> Source | None:
    if request.truth is None:
        if request.on or request.join == "inner" or request.many_to_one:
            raise UsageError("--on, --join and --many-to-one need --truth FILE.")
        return None
    return knowing(request.truth_table or open_sources([request.truth], request.text)[0], late)
