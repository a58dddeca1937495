"""The operations that programs are made of, in the order of their numbers in the compiled module, and what folds them.

Every value is a double: flags are 0 and 1, label codes whole numbers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Op(NamedTuple):
    """An operation: its number, how many operands it takes, and the same in NumPy."""

    number: int
    arity: int
    plain: Callable[..., Any]


_UNARY: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sign": np.sign,
    "rint": np.rint,
    "floor": np.floor,
    "ceil": np.ceil,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "not": np.logical_not,
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "log2": np.log2,
    "log10": np.log10,
    "exp2": np.exp2,
}
_BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "min": np.minimum,
    "max": np.maximum,
    "pow": np.power,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.multiply,
    "or": np.maximum,
    "copysign": np.copysign,
    "hypot": np.hypot,
}
_TERNARY: dict[str, Callable[..., Any]] = {
    "where": lambda a, b, c: np.where(a != 0.0, b, c),
    "muladd": lambda a, b, c: a * b + c,
    "mulsub": lambda a, b, c: a * b - c,
    "submul": lambda a, b, c: c - a * b,
}
_ALL = [(1, _UNARY), (2, _BINARY), (3, _TERNARY)]
OPS = {
    name: Op(number, arity, plain)
    for number, (name, arity, plain) in enumerate(
        (name, arity, plain) for arity, table in _ALL for name, plain in table.items()
    )
}
# What is not an operation on runs of values: numbers that follow.
PICK, SKIP, SUM, MOST, LEAST, ROWS = range(len(OPS), len(OPS) + 6)
COMMUTATIVE = frozenset({"add", "mul", "min", "max", "eq", "ne", "and", "or", "hypot"})
FLAGS = frozenset({"isnan", "isinf", "isfinite", "not", "lt", "le", "eq", "ne", "and", "or"})
# What operations cost, those that are not here 1: a branch is passed over only where that saves more than the look.
COSTS = dict.fromkeys(
    ["exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "arctan", "sinh", "cosh", "log2", "log10", "exp2", "pow"], 12
) | {"hypot": 12, "div": 3, "sqrt": 3}
