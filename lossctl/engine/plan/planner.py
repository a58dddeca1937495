"""From a request to a job: every name is resolved; nothing of the data but the files' heads is read."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from lossctl.columns.binding import CLASSES, Binding, Labels, Table
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.declare.params import ColumnRef, FileCells, Value, plain
from lossctl.declare.roles import Domain, Role
from lossctl.engine.plan import expressions
from lossctl.engine.plan.bind import MissingRoleError, bind
from lossctl.engine.plan.dataset import Dataset, open_dataset, scan_of
from lossctl.engine.plan.plan import Ask, Observe, RowOutput, Scan, Term, wanted
from lossctl.engine.plan.request import REDUCTIONS, Blend, Job, Penalty, Request, Work, blend_of
from lossctl.engine.plan.requirements import check_request
from lossctl.errors import DataError, UsageError, did_you_mean, it_has, listing
from lossctl.sources.opening import open_sources

COEF = "coef"
WEIGHT = Role("weight", "a weight >= 0", domain=Domain(low=0, low_open=False))


class Asked(NamedTuple):
    """One request with its terms as they are written."""

    request: Request
    parts: tuple[expressions.Part, ...]
    penalties: tuple[Penalty, ...]
    blend: Blend | None

    @property
    def losses(self) -> list[Loss]:
        return [registry.get(part.name) for part in self.parts]


def planned(requests: Sequence[Request]) -> Work:
    """Resolve every name of requests that differ in their losses; nothing of the data but the files' heads is read."""
    parsed = [expressions.parse(request.loss) for request in requests]
    _check_options(requests, [registry.get(part.name) for parts in parsed for part in parts])
    penalised = any(map(_is_penalty, (part for parts in parsed for part in parts)))
    asked = [_asked(request, parts, penalised) for request, parts in zip(requests, parsed, strict=True)]
    late: frozenset[str] = frozenset()
    while True:
        try:
            return _work(asked, open_dataset(requests[0], late))
        except DataError as error:
            if error.column is None or error.column in late:
                raise
            late |= {error.column}


def _work(asked: Sequence[Asked], data: Dataset) -> Work:
    """The work on a dataset: one pass for all requests, and a job for each."""
    first = asked[0].request
    terms = [_terms(each, data) for each in asked]
    _check_labels(first, [loss for each in asked for loss in each.losses], [term for own in terms for term in own])
    distinct, places = _distinct(terms)
    ask = Ask(
        terms=distinct,
        weight=_weight(first.weight),
        unit_weight=_weight(first.unit_weight),
        group=first.group,
        by=data.by,
        id=first.id,
        memory=size_of(first.memory),
    )
    if ask.weight is None and all(term.nested for term in distinct):
        ask = ask._replace(weight=ask.unit_weight, unit_weight=None)  # a row is a unit
    scan = scan_of(first, ask, data)
    jobs = [_job(each, data, scan, ask, own) for each, own in zip(asked, places, strict=True)]
    observe = tuple(job.ask.observe[0] if job.ask.observe else None for job in jobs)
    ask = ask._replace(
        rows=jobs[0].ask.rows if len(jobs) == 1 else None,
        observe=observe if any(observe) else (),
        hold=any(job.ask.hold for job in jobs),
    )
    return Work(scan, ask, tuple(jobs), places)


def _is_penalty(part: expressions.Part) -> bool:
    return any(role.name == COEF for role in registry.get(part.name).roles)


def _asked(request: Request, parts: tuple[expressions.Part, ...], penalised: bool) -> Asked:
    """A request with its terms; --coef-file is for expressions with penalties, where any has them (`penalised`)."""
    if penalised and not any(map(_is_penalty, parts)):
        request = request._replace(coef_file=None)
    blend = blend_of(request.combine, request.log_var, request.reference, len(parts))
    penalties, parts = _penalties(request, parts)
    return Asked(request, parts, penalties, blend)


def _terms(asked: Asked, data: Dataset) -> tuple[Term, ...]:
    """The terms of an expression, each with its columns."""
    request, losses = asked.request, asked.losses
    terms = tuple(_term(part, loss, request, data) for part, loss in zip(asked.parts, losses, strict=True))
    if len(terms) == 1:
        return terms
    from lossctl.engine.plan.agreement import agreed_inputs

    given = agreed_inputs(asked.parts, terms, request.options)
    return tuple(
        term if part == said else _term(said, loss, request, data)
        for term, part, said, loss in zip(terms, asked.parts, given, losses, strict=True)
    )


def _distinct(terms: Sequence[tuple[Term, ...]]) -> tuple[tuple[Term, ...], tuple[tuple[int, ...], ...]]:
    """The terms of all expressions, one that several have once, and which of them are each expression's."""
    if len(terms) == 1:
        return terms[0], (tuple(range(len(terms[0]))),)
    found: dict[object, tuple[int, Term]] = {}
    for term in (term for own in terms for term in own):
        found.setdefault(_identity(term), (len(found), term))
    places = tuple(tuple(found[_identity(term)][0] for term in own) for own in terms)
    return tuple(term for _, term in found.values()), places


def _identity(term: Term) -> object:
    return expressions.canonical(term.loss, term.params), tuple(term.bindings.items())


def _job(asked: Asked, data: Dataset, scan: Scan, ask: Ask, places: tuple[int, ...]) -> Job:
    """One request with its own part of what is asked."""
    request, losses, parts = asked.request, asked.losses, asked.parts
    reductions = tuple(_reduction(request, loss) for loss in losses)
    ask = ask._replace(terms=tuple(ask.terms[place] for place in places))
    factors = tuple(part.factor for part in parts)
    check_request(request, scan, ask, losses)
    plain = not asked.penalties and asked.blend is None
    row_wise = all(term.scope == "row" for term in ask.terms) and plain
    if request.per_row and len(ask.terms) > 1 and not row_wise:
        raise UsageError("--per-row needs terms that all have row values, and no penalty or --combine among them.")
    if (request.per_row or request.reduction == "none") and row_wise:
        ask = ask._replace(rows=RowOutput(factors, request.gradient))
    if request.ci is not None or request.stats:
        observe = _observe(request, ask, reductions, factors if plain else ())
        ask = ask._replace(observe=() if observe is None else (observe._replace(terms=places),))
    if request.per_row or request.reduction == "none" or request.ci is not None or request.stats:
        ask = ask._replace(hold=any(term.row_valued for term in ask.terms))
    request = request._replace(on=data.on)
    return Job(request, data.table, scan, ask, factors, reductions, asked.penalties, asked.blend)


def _observe(request: Request, ask: Ask, reductions: tuple[str, ...], factors: tuple[float, ...]) -> Observe | None:
    return wanted(
        ask.terms,
        ask.group is not None,
        reductions if request.ci is not None else (),
        factors if request.stats else (),
        request.ci_method == "bootstrap",
    )


def _penalties(
    request: Request, parts: tuple[expressions.Part, ...]
) -> tuple[tuple[Penalty, ...], tuple[expressions.Part, ...]]:
    """Penalties on the coefficients of --coef-file, planned; and the terms that are left for the dataset."""
    if request.coef_file is None:
        return (), parts
    own = [part for part in parts if _is_penalty(part)]
    if not own or len(own) == len(parts):
        raise UsageError("--coef-file is for penalties beside another term, e.g. 'mse + l2_penalty(lam=0.1)'.")
    from lossctl.engine.plan.side_files import coefficients

    path, column = coefficients(request.coef_file)
    if path.table is None:
        Table(path.files[0], open_sources(path.files)[0].columns()).require(column, "--coef-file FILE:COLUMN")
    found = []
    for part in own:
        options = {COEF: column, **{k: v for k, v in request.options.items() if k in registry.get(part.name).params}}
        one = Request(expressions.written(part), path.files, options, table=path.table, threads=request.threads)
        found.append(Penalty(part.factor, planned([one])))
    return tuple(found), tuple(part for part in parts if part not in own)


def size_of(text: str | None) -> int | None:
    """Bytes of a size such as 500MB or 2G."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"--memory must be a size such as 500MB or 2GB, not {text!r}.")
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2] or " "))


def _term(part: expressions.Part, loss: Loss, request: Request, data: Dataset) -> Term:
    """One loss with the parameters and columns that are given in the expression, or as options, or by default."""
    roles = {role.name for role in loss.roles}
    given = {name: value for name, value in request.options.items() if name in roles or name in loss.params}
    given.update(part.given)
    given = {name: value for name, value in given.items() if value is not None}
    columns = {}
    for name, value in given.items():
        if name in loss.params and isinstance(value, str) and value.startswith("@"):
            columns[name] = _parameter_column(loss, name, value[1:], data.table)
    params = loss.resolve_params({k: v for k, v in given.items() if k not in roles and k not in columns}, set(columns))
    named = {name: _column_named(loss, name, value) for name, value in given.items() if name in roles}
    labels = Labels(request.positive_label, request.classes)
    try:
        bindings = bind(loss, params, data.table, named, data.taken, labels)
    except MissingRoleError as gap:
        from lossctl.engine.plan.hints import not_found

        raise DataError(not_found(loss, gap.role, data.table, gap.used)) from None
    shown: dict[str, Value | ColumnRef] = {**params}
    shown |= {name: ColumnRef(binding.columns[0]) for name, binding in columns.items()}
    scope = loss.kernel_for(bindings).scope
    if scope != "row":
        for name in columns:
            raise UsageError(
                f"{loss.name}: {loss.params[name].option} cannot be a column here, where a unit's rows have one value; "
                f"give a number, or {listing('--' + role.replace('_', '-') for role in loss.hooks.when_absent)}."
            )
    nested = scope != "row" and any(binding.nested for binding in bindings.values())
    ordered = {name: shown[name] for name in loss.params if name in shown}
    resolved = params if loss.hooks.prepare is None else loss.with_files(params, _read_cells)
    return Term(loss.name, ordered, bindings, nested, "row" if nested else scope, resolved, columns)


def _column_named(loss: Loss, role: str, value: object) -> str:
    """The columns that are named for a role; a data frame's may be numbered."""
    name = plain(value)
    if not isinstance(name, str | int):
        raise UsageError(
            f"{loss.name}: {role} must name columns of the data ('a', 'a,b' or 'a_*'), and is a {type(value).__name__}."
        )
    return str(name).removeprefix("@")


def _parameter_column(loss: Loss, name: str, column: str, table: Table) -> Binding:
    """A parameter that takes each row's value of a column, within the parameter's own range."""
    parameter = loss.params[name]
    if not parameter.is_numeric or loss.scope != "row":
        raise UsageError(f"{loss.name}: {parameter.option} cannot be a column; only numbers of row losses can.")
    info = table.require(column, f"{parameter.option} @COLUMN")
    if info.kind not in ("number", "unknown"):
        raise DataError(
            f"{parameter.option} @{column}: the column holds {info.type} values; a number per row is needed."
        )
    return Binding(name, Role("real", parameter.domain, domain=parameter.interval), (column,), "number")


def _weight(name: str | None) -> Binding | None:
    return None if name is None else Binding("weight", WEIGHT, (name,), "number")


def _read_cells(said: str, option: str) -> FileCells:
    from lossctl.engine.plan.side_files import read_cells

    return read_cells(said, option)


def _check_options(requests: Sequence[Request], losses: Sequence[Loss]) -> None:
    known = {name for loss in losses for name in [*loss.params, *(role.name for role in loss.roles)]}
    for name, value in requests[0].options.items():
        if name not in known and value is not None:
            raise UsageError(
                f"{listing(request.loss for request in requests)} has no option --{name.replace('_', '-')} "
                f"{it_has(sorted('--' + k.replace('_', '-') for k in known))}.{did_you_mean(name, known)}"
            )


def _check_labels(request: Request, losses: Sequence[Loss], terms: Sequence[Term]) -> None:
    """Options of labels are refused where no loss has such labels: nobody should think that they did something."""
    names = listing(loss.name for loss in losses)
    kinds = {binding.role.kind for term in terms for binding in term.bindings.values()}
    if request.positive_label is not None and "binary" not in kinds:
        raise UsageError(f"{names} has no labels of two values here; leave --positive-label out.")
    if request.classes and not kinds & set(CLASSES):
        raise UsageError(
            f"{names} has no classes{' here: they need a column of scores each' if 'binary' in kinds else ''}; "
            "leave --classes out."
        )
    if len(set(request.classes)) < len(request.classes):
        raise UsageError(f"--classes names a class twice: {', '.join(request.classes)}.")


def _reduction(request: Request, loss: Loss) -> str:
    name = request.reduction or loss.reduction
    name = {"batchmean": "mean-rows"}.get(name, name)
    if name not in REDUCTIONS:
        raise UsageError(
            f"--reduction must be one of {', '.join(REDUCTIONS)}, not {name!r}.{did_you_mean(name, REDUCTIONS)}"
        )
    return name
