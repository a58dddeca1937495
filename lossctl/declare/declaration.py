"""A declared loss: what its declaration says, the hooks it may have, and its call on NumPy arrays."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lossctl.arithmetic.arrays import Array, Flags
from lossctl.declare.classes import Classes, classes_of
from lossctl.declare.from_python import depth, from_python
from lossctl.declare.kernel import Detector, Kernel, LossRole, Rule, Scope
from lossctl.declare.params import FILE, FileCells, Parameter, Value
from lossctl.declare.signature import read_detector, read_signature, role_of
from lossctl.errors import DataError, DeclarationError, UsageError, did_you_mean


class Example(NamedTuple):
    """A case worked by hand: arrays by role, parameters, and the reduced value (or row values).

    >>> from lossctl.declare import Example
    >>> Example({"target": [3, 2], "pred": [2.5, 5]}, value=(0.5 + 3.0) / 2).value
    1.75
    """

    arrays: Mapping[str, Any]
    value: float
    params: Mapping[str, Any] = {}


def example(value: float, params: Mapping[str, Any] | None = None, **arrays: object) -> Example:
    """An `Example` with its arrays as keywords.

    >>> from lossctl.declare import example
    >>> example((0.5 + 3.0) / 2, {"delta": 2.0}, target=[3, 2], pred=[2.5, 5]).params
    {'delta': 2.0}
    """
    return Example(arrays, value, params or {})


@dataclass(slots=True, eq=False, repr=False)
class Hooks:
    """`@huber.gradient` is `huber.hooks.gradient`; what can be declared several times is in the plural.

    `finish` alone belongs to the kernel, which cannot be evaluated without it.
    """

    gradient: Callable[..., Array] | None = None
    gradient_by: str = "pred"
    findings: list[Detector] = field(default_factory=list)
    unit_findings: list[Detector] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    check_params: Callable[..., str | None] | None = None
    prepare: Callable[[dict[str, Any], Classes], dict[str, Any]] | None = None
    domains: Callable[..., Mapping[str, Any]] | None = None
    letters: Callable[..., Mapping[str, int]] | None = None
    detail: Callable[..., Mapping[str, Array]] | None = None
    when_absent: dict[str, Kernel] = field(default_factory=dict)


@dataclass(slots=True, eq=False, repr=False)
class Loss:
    """A declared loss: callable on NumPy arrays, and the source of its command, help, documentation and tests.

    `help(lossctl.losses.huber)` shows one's formula, arrays, parameters and examples. Arrays come as `(n,)`, vectors
    as `(n, d)`; they are named by role, parameters by keyword. Wrong shapes and parameters raise `LossctlError`.

    >>> from lossctl import losses
    >>> losses.huber
    <loss huber(target, pred, *, delta=1.0)>
    >>> losses.huber([3.0, 2.0], [2.5, 5.0], delta=2.0)  # a row loss: a value per row
    array([0.125, 4.   ])
    >>> round(losses.rmse(target=[3.0, 2.0], pred=[2.5, 5.0]), 6)  # a set loss: the value of all rows
    2.150581
    """

    name: str
    aliases: tuple[str, ...]
    task: str
    kernel: Kernel
    params: dict[str, Parameter]
    doc: str
    family: str
    facts: Mapping[str, str | bool | None]
    dimension: str
    reference: str
    use_when: str
    avoid_when: str
    pitfalls: str
    examples: tuple[Example, ...]
    reduction: str
    one_of: tuple[str, ...]
    undefined: str
    hooks: Hooks = field(default_factory=Hooks)

    @property
    def roles(self) -> tuple[LossRole, ...]:
        return self.kernel.roles

    @property
    def scope(self) -> Scope:
        return self.kernel.scope

    @property
    def scopes(self) -> str:
        """The scopes it can take, as catalogues write them: 'row', or 'row/group' where a role decides."""
        kernels = (self.kernel, *self.hooks.when_absent.values())
        return "/".join(dict.fromkeys(kernel.scope for kernel in kernels))

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return self.doc.strip().partition("\n")[0]

    @property
    def formula(self) -> str:
        """The docstring after its first sentence: the formula and its conventions."""
        return "\n".join(line.strip() for line in self.doc.strip().splitlines()[1:]).strip()

    def kernel_for(self, bound: Mapping[str, Any]) -> Kernel:
        """The kernel for the roles that are bound: some losses have another one where a role is absent."""
        for role, kernel in self.hooks.when_absent.items():
            if role not in bound:
                return kernel
        return self.kernel

    def finish(self, function: Callable[..., Array]) -> Callable[..., Array]:
        """Decorate the function from a unit's merged statistics to its value."""
        self.kernel.finisher = function
        return function

    def gradient(self, function: Callable[..., Array]) -> Callable[..., Array]:
        """Decorate the derivative of the row value (or of each element) by the prediction."""
        self.hooks.gradient = function
        return function

    def gradient_by(self, role: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
        """Decorate the derivative by a role that is not `pred`."""
        self.hooks.gradient_by = role
        return self.gradient

    def finding(self, code: str) -> Callable[[Callable[..., Flags]], Callable[..., Flags]]:
        """Decorate a function that marks the rows showing a pitfall."""

        def register(function: Callable[..., Flags]) -> Callable[..., Flags]:
            self.hooks.findings.append(read_detector(code, function, self.name))
            return function

        return register

    def unit_finding(self, code: str) -> Callable[[Callable[..., Flags]], Callable[..., Flags]]:
        """Decorate a function of units' merged statistics and the parameters that marks units showing a pitfall.

        It is given what the finisher is, and returns `(u,)` flags, or `(k, u)` where a unit shows it in any component.
        """
        if self.kernel.scope != "set":
            raise DeclarationError(f"loss {self.name!r}: only a set loss has merged statistics to find {code} in.")

        def register(function: Callable[..., Flags]) -> Callable[..., Flags]:
            self.hooks.unit_findings.append(read_detector(code, function, self.name))
            return function

        return register

    def rule(self, says: str) -> Callable[[Callable[..., Flags]], Callable[..., Flags]]:
        """Decorate a function of the kernel's arrays and parameters that marks rows breaking a rule (errors)."""

        def register(function: Callable[..., Flags]) -> Callable[..., Flags]:
            self.hooks.rules.append(Rule(says, function))
            return function

        return register

    def check_params(self, function: Callable[..., str | None]) -> None:
        """Decorate a function from the parameters to what is wrong with them together, or None."""
        self.hooks.check_params = function

    def prepare(self, function: Callable[[dict[str, Any], Classes], dict[str, Any]]) -> None:
        """Decorate the function from parameters as given to those the kernel takes (class weights as an array)."""
        self.hooks.prepare = function

    def letters(self, function: Callable[..., Mapping[str, int]]) -> None:
        """Decorate a function from the parameters to the class of each letter, for targets that are text."""
        self.hooks.letters = function

    def detail(self, function: Callable[..., Mapping[str, Array]]) -> None:
        """Decorate a function of row values, arrays and parameters; the means of what it gives go to the details."""
        self.hooks.detail = function

    def spelling(self, params: Mapping[str, Any]) -> Mapping[str, int]:
        """The class of each letter, where text targets are spelled out."""
        return self.hooks.letters(**params) if self.hooks.letters else {}

    def domains(self, function: Callable[..., Mapping[str, Any]]) -> None:
        """Decorate a function from the parameters to the roles that they change: `{"pred": Simplex}`.

        Beside the parameters it is given `vectors`, the names of the roles that hold several numbers a row.
        """
        self.hooks.domains = function

    def roles_for(
        self, params: Mapping[str, Any], kernel: Kernel, vectors: frozenset[str] = frozenset()
    ) -> tuple[LossRole, ...]:
        """The kernel's roles, as the parameters and the roles (`vectors`) that hold several numbers a row make them."""
        changed = self.hooks.domains(**params, vectors=vectors) if self.hooks.domains else {}
        chosen = {name: role_of(annotation) for name, annotation in changed.items()}
        return tuple(role._replace(role=chosen.get(role.name) or role.role) for role in kernel.roles)

    def with_files(self, params: Mapping[str, Any], read: Callable[[str, str], FileCells]) -> dict[str, Any]:
        """The parameters with the cells of files in place of `file:PATH`, where a hook makes something of them.

        `read` is given the parameter's text and its option: nothing here opens a file.
        """
        told = dict(params)
        for name, value in params.items():
            parameter = self.params[name]
            if self.hooks.prepare and parameter.from_file and isinstance(value, str) and value.startswith(FILE):
                told[name] = read(value, parameter.option)
        return told

    def prepared(self, params: Mapping[str, Any], classes: Classes) -> dict[str, Any]:
        """The parameters as the kernel takes them."""
        return self.hooks.prepare(dict(params), classes) if self.hooks.prepare else dict(params)

    def when_absent(
        self, role: str, *, scope: Scope, unit_valued: bool = False, gapless: bool = False
    ) -> Callable[[Callable[..., Any]], Kernel]:
        """Decorate the kernel that serves when an optional role has no column; `gapless`: it needs every row."""

        def register(function: Callable[..., Any]) -> Kernel:
            kernel, params = read_signature(function, self.name, scope)
            if not set(params) <= set(self.params):
                raise DeclarationError(f"loss {self.name!r}: its kernel without {role!r} has other parameters.")
            kernel.unit_valued, kernel.gapless = unit_valued, gapless
            self.hooks.when_absent[role] = kernel
            return kernel

        return register

    def resolve_params(self, given: Mapping[str, object], columns: Collection[str] = ()) -> dict[str, Value]:
        """Every parameter with its value, given or default, checked; those read from columns are left out."""
        for name in given:
            if name not in self.params:
                known = [*self.params, *(role.name for role in self.roles)]
                raise UsageError(
                    f"{self.name} has no parameter {name!r} (it has: {', '.join(self.params) or 'none'})."
                    + did_you_mean(name, known)
                )
        resolved: dict[str, Value] = {}
        for name, parameter in self.params.items():
            if name in given:
                resolved[name] = parameter.check(given[name], self.name)
            elif name in columns:
                continue
            elif parameter.required:
                raise UsageError(f"{self.name} needs {parameter.option}: {parameter.help}.")
            else:
                resolved[name] = parameter.default
        wrong = self.hooks.check_params(**resolved) if self.hooks.check_params and not columns else None
        if wrong:
            raise UsageError(f"{self.name}: {wrong}")
        return resolved

    def __call__(self, *arrays: object, **keywords: object) -> Any:
        """Row values `(n,)` of a row loss, the value of one unit of the others; vectors come as `(n, d)`."""
        names = [role.name for role in self.roles]
        if len(arrays) > len(names):
            raise UsageError(f"{self.name} takes {len(names)} arrays ({', '.join(names)}), not {len(arrays)}.")
        twice = [name for name in names[: len(arrays)] if name in keywords]
        if twice:
            raise UsageError(f"{self.name} is given {twice[0]} twice: by its place and by its name.")
        given = dict(zip(names, arrays, strict=False)) | {k: v for k, v in keywords.items() if k in names}
        given = {name: value for name, value in given.items() if value is not None}
        params = self.resolve_params({key: value for key, value in keywords.items() if key not in names})
        kernel = self.kernel_for(given)
        for role in kernel.roles:
            if role.required and role.name not in given:
                raise UsageError(f"{self.name} needs {role.name}.")
        vectors = frozenset(name for name, value in given.items() if depth(value) > 1)
        named = from_python(self.roles_for(params, kernel, vectors), given, self.name, self.spelling(params))
        prepared = self.prepared(self.with_files(params, _read_cells), classes_of(kernel.roles, named))
        for rule in self.hooks.rules:
            if rule.broken(**named, **prepared).any():
                raise DataError(f"{self.name}: {rule.says}.")
        return kernel.alone(named, prepared)

    def __repr__(self) -> str:
        from lossctl.declare import describe

        return f"<loss {self.name}{describe.signature(self)}>"


def _read_cells(said: str, option: str) -> FileCells:
    """The reader of the planner, which the package hands on: losses that are called in Python take files too."""
    from lossctl import read_cells

    return read_cells(said, option)


class _Lazy:
    """An attribute that `describe` writes when a loss is asked for it; asked for on the class, it is the class's own.

    So `help(losses.huber)` shows that loss, and `help(Loss)` the class, and no docstring is written at start.
    """

    def __init__(self, writer: str, own: object) -> None:
        self.writer, self.own = writer, own

    def __get__(self, loss: Loss | None, owner: type[Loss]) -> object:
        from lossctl.declare import describe

        return self.own if loss is None else getattr(describe, self.writer)(loss)


Loss.__doc__ = _Lazy("document", Loss.__doc__)  # type: ignore[assignment]
Loss.__signature__ = _Lazy("signature", None)  # type: ignore[attr-defined]
