"""`@loss`, which declares a loss, and every loss by name: built in, in packages that offer some, in files of --plugin.

The built-in families are the first plugin: they are known by the name of their package, and imported when asked for.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

# Imported here, and not only where arrays are: CPython 3.11 maps its stack in pieces of 16 kB, and so long an import
# that happens to begin at the edge of one pays for it with a system call per call (a twentieth of a command's start).
import numpy  # noqa: F401

from lossctl.declare.declaration import Example, Loss
from lossctl.declare.kernel import Elements, Scope
from lossctl.declare.signature import read_signature
from lossctl.errors import DeclarationError, LossctlError, UsageError, did_you_mean, spelled

BUILT_IN = os.path.join(os.path.dirname(os.path.dirname(__file__)), "losses")
GROUP = "lossctl.losses"
_LOADED: set[str] = set()


def load_file(path: str) -> None:
    """Run a plugin file, which declares its losses as built-in ones are declared; once, however it is named."""
    if (real := os.path.realpath(path)) in _LOADED:
        return
    if not Path(path).is_file():
        raise UsageError(f"--plugin {path}: there is no such file.")
    name = f"lossctl_plugin_{Path(path).stem}"
    about = spec_from_file_location(name, path)
    if about is None or about.loader is None:
        raise UsageError(f"--plugin {path}: a Python file (.py) is needed.")
    module = module_from_spec(about)
    sys.modules[name] = module
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nothing is left beside the user's file
    try:
        about.loader.exec_module(module)
    except LossctlError as error:
        raise UsageError(f"plugin {path}: {error}") from None
    except Exception as error:  # whatever a plugin does wrong is its author's to mend, not a defect of ours
        raise UsageError(
            f"plugin {path} cannot be loaded: {type(error).__name__}: {error}{_line(error, path)}"
        ) from error
    finally:
        sys.dont_write_bytecode = kept
    _LOADED.add(real)


@cache
def load_packages() -> None:
    """Import every installed package that offers losses."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # as above
            raise UsageError(
                f"plugin {entry.name} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}. "
                "Mend it, or uninstall the package."
            ) from error


def _line(error: Exception, path: str) -> str:
    """Where in the plugin it went wrong; errors of syntax say so themselves."""
    import traceback

    where = str(Path(path).absolute())
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in (path, where)]
    return f" (line {frames[-1].lineno})." if frames and not isinstance(error, SyntaxError) else "."


_REGISTRY: dict[str, Loss] = {}
_ALIASES: dict[str, str] = {}


def loss(
    *,
    task: str,
    dimension: str,
    convex: bool | str,
    differentiable: bool | str,
    robust: bool | str,
    smoothness: str,
    scale: str,
    reference: str,
    use_when: str,
    avoid_when: str = "",
    pitfalls: str = "",
    examples: tuple[Example, ...] = (),
    aliases: tuple[str, ...] = (),
    scope: Scope = "row",
    elements: Elements = None,
    unit_valued: bool | None = None,
    pooled: bool = False,
    reduction: str = "mean",
    one_of: tuple[str, ...] = (),
    undefined: str = "",
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Loss]:
    """Declare the decorated kernel as a loss.

    `elements`: the kernel returns a value per component, and a row is worth their mean or sum. `unit_valued`: it
    returns one value per unit (set and group losses do, unless told otherwise). `pooled`: a set loss whose
    components share one formula instead of having one each. `one_of`: roles of which exactly one must be bound.
    A declaration that is wrong raises `DeclarationError` at once. What several losses share is said by a `partial`.

    >>> import lossctl, numpy as np
    >>> from functools import partial
    >>> from typing import Annotated
    >>> from lossctl.declare import Param, Real, example
    >>> linear = partial(lossctl.loss, task="regression", dimension="target units", convex=True, robust=False,
    ...     differentiable="no (kink)", smoothness="C0", scale="linear")
    >>> case = example((3.0 + 0.5) / 2, {"factor": 3.0}, target=[1, 2], pred=[0, 2.5])
    >>> @linear(use_when="too low costs more", reference="an example", examples=(case,))
    ... def lopsided(target: Real, pred: Real, *, factor: Annotated[float, Param("cost of too low", gt=0)] = 2.0):
    ...     "Absolute error, times `factor` below the target."
    ...     return np.where(pred < target, factor * (target - pred), pred - target)
    >>> lossctl.losses.lopsided([1.0, 2.0], [0.0, 2.5])
    array([2. , 0.5])
    >>> lossctl.compute("lopsided(factor=3)", {"target": [1.0, 2.0], "pred": [0.0, 2.5]}).value
    1.75
    """

    def declare(function: Callable[..., Any]) -> Loss:
        title = name or function.__name__
        kernel, params = read_signature(function, title, scope)
        kernel.elements, kernel.pooled = elements, pooled
        kernel.unit_valued = scope != "row" if unit_valued is None else unit_valued
        if not function.__doc__:
            raise DeclarationError(f"loss {title!r} has no docstring.")
        facts = {
            "convex": convex,
            "differentiable": differentiable,
            "robust": robust,
            "smoothness": smoothness,
            "scale": scale,
        }
        declared = Loss(
            name=title,
            aliases=aliases,
            task=task,
            kernel=kernel,
            params=params,
            doc=function.__doc__,
            family=function.__module__.rpartition(".")[2],
            facts=facts,
            dimension=dimension,
            reference=reference,
            use_when=use_when,
            avoid_when=avoid_when,
            pitfalls=pitfalls,
            examples=examples,
            reduction=reduction,
            one_of=one_of,
            undefined=undefined,
        )
        _register(declared)
        return declared

    return declare


def _register(declared: Loss) -> None:
    for title in (declared.name, *declared.aliases):
        if title in _ALIASES:
            raise DeclarationError(f"loss {declared.name!r}: the name {title!r} is taken by {_ALIASES[title]!r}.")
        _ALIASES[title] = declared.name
    _REGISTRY[declared.name] = declared


def get(name: str) -> Loss:
    """The loss of a name or alias."""
    found = find(name)
    if found is None:
        tip = did_you_mean(spelled(name) if spelled(name) in _ALIASES else name, _ALIASES)
        raise UsageError(f"there is no loss {name!r}.{tip} `lossctl list` shows them all.")
    return found


def find(name: str) -> Loss | None:
    """The loss of a name or alias, if there is one; packages are searched only where nothing built in answers."""
    if name not in _ALIASES:
        load_naming(name)
    if name not in _ALIASES:
        _load()
    return _REGISTRY.get(_ALIASES.get(name, ""))


def every() -> Iterator[Loss]:
    """All losses by family, in the order of their declaration, whichever was imported first."""
    _load()
    yield from sorted(_REGISTRY.values(), key=_declared_at)


def _declared_at(loss: Loss) -> tuple[str, str, int]:
    code = loss.kernel.function.__code__
    return loss.family, code.co_filename, code.co_firstlineno


def names() -> list[str]:
    """All names and aliases."""
    return [name for loss in every() for name in (loss.name, *loss.aliases)]


def _load() -> None:
    load()
    load_packages()


@cache
def load() -> None:
    """Import every built-in family, which declares its losses."""
    for family in families():
        import_module(f"{GROUP}.{family}")


def load_naming(name: str) -> None:
    """Import the families whose text declares or aliases a name: all of them cost a tenth of a command's start."""
    # A name that stands in a text for something else imports a family in vain, which does no harm. One that stands in
    # none, being put together while the family is imported, is found by `find`, which then imports all.
    told = f"def {name}(".encode(), f'"{name}"'.encode()
    for family in families():
        with open(os.path.join(BUILT_IN, *family.split(".")) + ".py", "rb") as file:
            text = file.read()
        if any(words in text for words in told):
            import_module(f"{GROUP}.{family}")


def families() -> list[str]:
    """The built-in families, in order of name; each stands in the folder of its field."""
    fields = [entry.name for entry in os.scandir(BUILT_IN) if entry.is_dir() and not entry.name.startswith("_")]
    files = [(name, field) for field in fields for name in os.listdir(os.path.join(BUILT_IN, field))]
    modules = sorted((name[:-3], field) for name, field in files if name.endswith(".py") and not name.startswith("_"))
    return [f"{field}.{family}" for family, field in modules]
