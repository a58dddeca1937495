"""From a request to a job: every name is resolved; nothing of the data but the files' heads is read."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from lossctl import expressions, spec
from lossctl.arrays import Classes
from lossctl.engine import local
from lossctl.engine.plan import Observe, Plan, RowOutput, Term, block_rows
from lossctl.errors import DataError, UsageError, did_you_mean, listing
from lossctl.evaluate import REDUCTIONS, blend_of, reduce_term
from lossctl.mapping import CLASSES, Binding, Labels, Table, bind, brief, expand
from lossctl.outputs import check_apart
from lossctl.params import ColumnRef, Value
from lossctl.request import Constant, Job, Request
from lossctl.roles import Array, Interval, Role
from lossctl.sources import As, Source, open_sources, prune
from lossctl.spec import Loss

if TYPE_CHECKING:
    from lossctl.filters import Filter

COEF = "coef"
WEIGHT = Role("weight", "a weight >= 0", domain=Interval(low=0, low_open=False))


def prepare(request: Request) -> Job:
    """Resolve every name of a request; nothing of the data but the files' heads is read."""
    parts = expressions.parse(request.loss)
    _check_options(request, [spec.get(part.name) for part in parts])
    blend = blend_of(request.combine, request.log_var, request.reference, len(parts))
    constants, parts = _constants(request, parts)
    losses = [spec.get(part.name) for part in parts]
    reductions = tuple(_reduction(request, loss) for loss in losses)
    if not request.files:
        raise UsageError("a file to evaluate is needed: lossctl compute LOSS FILE.")
    sources = (request.memory,) if request.memory is not None else tuple(open_sources(request.files, request.text))
    table = Table(", ".join(request.files), sources[0].columns())
    truth = _truth_source(request)
    if truth is not None:
        request = request._replace(on=tuple(name for text in request.on for name in expand(text, table, "--on")))
        from lossctl import joins

        table = joins.joined_table(table, truth, request.on)
    keys = {"group": request.group, "id": request.id, "weight": request.weight, "unit-weight": request.unit_weight}
    for option, name in keys.items():
        if name is not None:
            table.require(name, f"--{option}")
    by = tuple(name for text in request.by for name in expand(text, table, "--by"))
    named = {"--on": request.on, "--by": by, "--group": (request.group,), "--id": (request.id,)}
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
    taken = {name for name in keys.values() if name}
    terms = tuple(_term(part, loss, request, table, taken) for part, loss in zip(parts, losses, strict=True))
    if len(terms) > 1:
        from lossctl.agreement import agreed_inputs

        given = agreed_inputs(parts, terms, request.options)
        terms = tuple(
            term if part == said else _term(said, loss, request, table, taken)
            for term, part, said, loss in zip(terms, parts, given, losses, strict=True)
        )
    _check_labels(request, losses, terms)
    plan = Plan(
        sources=sources,
        pieces=(),
        columns={},
        terms=terms,
        weight=_weight(request.weight),
        unit_weight=_weight(request.unit_weight),
        group=request.group,
        by=by,
        id=request.id,
        where=_filter(request.where),
        limit=request.limit,
        join=request.join,
        many_to_one=request.many_to_one,
        missing=request.missing,
        memory=size_of(request.memory_limit),
        batch_rows=request.batch_rows,
    )
    if plan.weight is None and all(term.nested for term in terms):
        plan = plan._replace(weight=plan.unit_weight, unit_weight=None)  # a row is a unit
    plan = _prepared(_with_columns(plan, table, truth, request), table, request.threads)
    factors = tuple(part.factor for part in parts)
    _check_request(request, plan, losses)
    row_wise = all(term.scope == "row" for term in terms) and not constants and blend is None
    if request.per_row and len(terms) > 1 and not row_wise:
        raise UsageError("--per-row needs terms that all have row values, and no penalty or --combine among them.")
    if (request.per_row or request.reduction == "none") and row_wise:
        plan = plan._replace(rows=RowOutput(factors, request.gradient))
    if request.ci is not None or request.stats:
        plan = plan._replace(observe=_observe(request, plan, reductions, () if constants or blend else factors))
    if request.per_row or request.reduction == "none":
        plan = plan._replace(keep_rows=any(term.row_valued for term in terms))
    return Job(request, table, plan, factors, reductions, constants, blend)


def _observe(request: Request, plan: Plan, reductions: tuple[str, ...], factors: tuple[float, ...]) -> Observe | None:
    from lossctl.engine.observed import wanted

    return wanted(
        plan.terms,
        plan.group is not None,
        reductions if request.ci is not None else (),
        factors if request.stats else (),
        request.ci_method == "bootstrap",
    )


def _constants(
    request: Request, parts: tuple[expressions.Part, ...]
) -> tuple[tuple[Constant, ...], tuple[expressions.Part, ...]]:
    """Penalties on the coefficients of --coef-file, evaluated; and the terms that are left for the dataset."""
    if request.coef_file is None:
        return (), parts
    own = [part for part in parts if any(role.name == COEF for role in spec.get(part.name).roles)]
    if not own or len(own) == len(parts):
        raise UsageError("--coef-file is for penalties beside another term, e.g. 'mse + l2_penalty(lam=0.1)'.")
    from lossctl.coefficients import coefficients

    path, column = coefficients(request.coef_file)
    if path.memory is None:
        Table(path.files[0], open_sources(path.files)[0].columns()).require(column, "--coef-file FILE:COLUMN")
    found = []
    for part in own:
        options = {COEF: column, **{k: v for k, v in request.options.items() if k in spec.get(part.name).params}}
        one = Request(expressions.written(part), path.files, options, memory=path.memory, threads=request.threads)
        job = prepare(one)  # --missing skip is about the dataset's rows: a penalty of some coefficients is no penalty
        outcome = local.run(job.plan, request.threads)
        outcome.check(
            job.plan.sources,
            {"missing": "A penalty needs all coefficients; fill them in, or drop those rows from the file."},
        )
        cell = reduce_term(job.plan, 0, (), outcome, job.reductions[0])[()]
        term = job.plan.terms[0]
        found.append(Constant(part.factor, term.loss, expressions.canonical(term.loss, term.params), cell))
    return tuple(found), tuple(part for part in parts if part not in own)


def size_of(text: str | None) -> int | None:
    """Bytes of a size such as 500MB or 2G."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"--memory must be a size such as 500MB or 2GB, not {text!r}.")
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2] or " "))


def _term(part: expressions.Part, loss: Loss, request: Request, table: Table, taken: set[str]) -> Term:
    """One loss with the parameters and columns that are given in the expression, or as options, or by default."""
    roles = {role.name for role in loss.roles}
    given = {name: value for name, value in request.options.items() if name in roles or name in loss.params}
    given.update(part.given)
    given = {name: value for name, value in given.items() if value is not None}
    columns = {}
    for name, value in given.items():
        if name in loss.params and isinstance(value, str) and value.startswith("@"):
            columns[name] = _parameter_column(loss, name, value[1:], table)
    params = loss.resolve_params({k: v for k, v in given.items() if k not in roles and k not in columns}, set(columns))
    named = {name: str(value).removeprefix("@") for name, value in given.items() if name in roles}
    bindings = bind(loss, params, table, named, taken, Labels(request.positive_label, request.classes))
    shown: dict[str, Value | ColumnRef] = {**params}
    shown |= {name: ColumnRef(binding.columns[0]) for name, binding in columns.items()}
    scope = loss.kernel_for(bindings).scope
    nested = scope != "row" and any(binding.nested for binding in bindings.values())
    ordered = {name: shown[name] for name in loss.params if name in shown}
    return Term(loss.name, ordered, bindings, nested, "row" if nested else scope, params, columns)


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


def _with_columns(plan: Plan, table: Table, truth: Source | None, request: Request) -> Plan:
    """The plan with the columns it reads, its pieces and the size of its blocks."""
    columns: dict[str, As] = {name: _read_as(binding) for binding in plan.numeric() for name in binding.columns}
    for name in (plan.group, plan.id, *plan.by):
        if name is not None:
            columns[name] = "raw" if name in columns or name == plan.id else "text"
    if plan.where is not None:
        from lossctl import filters

        for name, kinds in filters.columns(plan.where).items():
            table.require(name, "--where")
            table.require_plain(name, "--where")
            columns.setdefault(name, "number" if kinds == {float} else "text")
        filters.check_kinds(plan.where, lambda name: table.columns[name].kind == "number")
    if truth is not None:
        from lossctl import joins

        theirs = {name: columns.pop(name) for name in list(columns) if name in table.truth}
        keys: dict[str, As] = dict.fromkeys(request.on, "text")
        plan = plan._replace(truth=joins.load(truth, request.on, {**keys, **theirs}, table.renamed))
        columns = {**keys, **columns}
    columns = {table.original(name): how for name, how in columns.items()}
    _check_files(plan.sources, table, columns)
    bounds = _bounds(plan, table)
    pieces = tuple(
        piece
        for at, source in enumerate(plan.sources)
        for piece in prune(source, source.pieces(at, list(columns)), bounds)
    )
    return plan._replace(columns=columns, pieces=pieces, block_rows=block_rows(dict.fromkeys(plan.numeric())))


def _filter(text: str | None) -> "Filter | None":
    if not text:
        return None
    from lossctl import filters

    return filters.parse(text)


def _bounds(plan: Plan, table: Table) -> dict[str, tuple[float, float]]:
    """What the filter says of columns in the files themselves; rows that pair by position are all needed."""
    if plan.where is None or (plan.truth is not None and not plan.truth.on):
        return {}
    from lossctl import filters

    return {table.original(name): span for name, span in filters.bounds(plan.where).items() if name not in table.truth}


def _truth_source(request: Request) -> Source | None:
    if request.truth is None:
        if request.on or request.join == "inner" or request.many_to_one:
            raise UsageError("--on, --join and --many-to-one need --truth FILE.")
        return None
    return open_sources([request.truth], request.text)[0]


def _prepared(plan: Plan, table: Table, threads: int) -> Plan:
    """The plan with its parameters as kernels take them; some need a first pass over the target to count classes."""
    terms = tuple(_prepare_term(term, plan, table, threads) for term in plan.terms)
    return plan._replace(terms=terms)


def _prepare_term(term: Term, plan: Plan, table: Table, threads: int) -> Term:
    loss = spec.get(term.loss)
    if loss.preparer is None:
        return term
    scores = [b for b in term.bindings.values() if b.layout not in ("number", "nested") and b.role.kind != "class"]
    target = next((b for b in term.bindings.values() if b.role.kind in ("class", "class or vector", "binary")), None)
    size = max((binding.width for binding in scores), default=1)
    named = next((b for b in term.bindings.values() if b.classes), None)
    names = tuple(map(str, range(size))) if named is None else named.classes
    written = () if named is None else named.written

    def counts() -> Array:
        if target is None:
            raise UsageError(f"{loss.name} has no class target to count.")
        alone = plan._replace(
            terms=(), weight=None, unit_weight=None, group=None, by=(), id=None, counted=(target, size)
        )
        read = {table.original(name) for name in (*target.columns, *_choosing(plan))}
        columns = {name: how for name, how in plan.columns.items() if name in read} or plan.columns
        outcome = local.run(alone._replace(columns=columns), threads)
        outcome.check(plan.sources)
        nothing = np.zeros((2, size) if target.role.kind == "binary" else size)
        return nothing if outcome.counts is None else outcome.counts

    return term._replace(resolved=loss.prepared(term.resolved, Classes(size, names, counts, written)))


def _choosing(plan: Plan) -> tuple[str, ...]:
    """The columns that decide which rows are read: those of the filter and the keys of a join."""
    from lossctl import filters

    chosen = () if plan.where is None else tuple(filters.columns(plan.where))
    return chosen if plan.truth is None else (*chosen, *plan.truth.on)


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
                    f"{source.path} has no column {name!r}, which {sources[0].path} has (it has: {listing(found)}). "
                    "Files of one dataset need the same columns."
                )
            here, there = found[name], table.columns[name]
            if here.kind != there.kind and "unknown" not in (here.kind, there.kind):
                raise DataError(
                    f"column {name!r} holds {here.type} in {source.path} and {there.type} in {sources[0].path}. "
                    "Files of one dataset need the same types."
                )


def _check_options(request: Request, losses: Sequence[Loss]) -> None:
    known = {name for loss in losses for name in [*loss.params, *(role.name for role in loss.roles)]}
    for name, value in request.options.items():
        if name not in known and value is not None:
            raise UsageError(
                f"{request.loss} has no option --{name.replace('_', '-')} (it has: "
                f"{listing(sorted('--' + k.replace('_', '-') for k in known))}).{did_you_mean(name, known)}"
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


def _check_request(request: Request, plan: Plan, losses: Sequence[Loss]) -> None:
    """What the options ask of the losses they are used with."""
    for term, loss in zip(plan.terms, losses, strict=True):
        kernel = term.kernel
        if plan.weight is not None and not kernel.takes_weights and not term.nested:
            raise UsageError(f"{loss.name} has one value per unit and takes no --weight; use --unit-weight.")
        if plan.unit_weight is not None and (not kernel.unit_valued or term.nested):
            raise UsageError(f"{loss.name} has row values; use --weight, not --unit-weight.")
        if kernel.unit_valued and request.reduction not in (None, "mean", "sum", "none"):
            raise UsageError(
                f"{loss.name} has one value per unit: --reduction {request.reduction} does not apply; "
                "use mean, sum or none."
            )
        if request.missing == "skip" and kernel.gapless:
            raise UsageError(
                f"{loss.name} compares each row with an earlier one, so rows cannot be left out: "
                "fill the missing values in, or give a scale column."
            )
        if request.gradient and loss.slope is None:
            raise UsageError(f"{loss.name} has no gradient (see `lossctl info {loss.name}`); leave --gradient out.")
    predicted = [
        term.bindings[loss.slope_role].columns
        for term, loss in zip(plan.terms, losses, strict=True)
        if loss.slope_role in term.bindings
    ]
    if request.gradient and len(set(predicted)) > 1:
        said = " and ".join(repr(brief(columns)) for columns in dict.fromkeys(predicted))
        raise UsageError(f"--gradient needs terms of the same predictions, and these are of {said}; ask for one alone.")
    if request.per_row:
        check_apart(
            [request.per_row], [*(source.path for source in plan.sources), *([request.truth] if request.truth else [])]
        )
    for option, threshold in (("--max", request.max), ("--min", request.min)):
        if threshold is not None and not isfinite(threshold):
            raise UsageError(f"{option} must be a finite number to hold the value against, not {threshold:g}.")
    if request.gradient and not request.per_row:
        raise UsageError("--gradient needs --per-row FILE to write to.")
    if request.ci is not None and not 1 <= request.ci < 100:
        raise UsageError(f"--ci is a level in percent, e.g. --ci 95, not {request.ci:g}.")
    if request.ci_method not in ("normal", "bootstrap"):
        raise UsageError(f"--ci-method is normal or bootstrap, not {request.ci_method!r}.")
    if request.ci is None and request.ci_method == "bootstrap":
        raise UsageError("--ci-method bootstrap needs --ci LEVEL, e.g. --ci 95.")
    if request.seed < 0:
        raise UsageError(f"--seed must be >= 0, not {request.seed}.")
    if request.id and not request.per_row:
        raise UsageError("--id needs --per-row FILE: it names the rows there.")
