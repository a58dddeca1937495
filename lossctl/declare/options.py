"""Every option, declared once: the command line, the keywords of Python, settings and documentation are made of it."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "text",  # any text
    "label",  # a value of a label, which Python and settings may give as a number
    "word",  # one of `choices`
    "flag",  # without a value; None where it is recognised unless it is given
    "whole",  # a whole number from `least` to `most`
    "number",
    "level",  # a number, in percent
    "column",  # a name
    "columns",  # names in a comma list, or one by one
    "names",  # texts in a comma list
    "numbers",  # numbers in a comma list, or one by one
    "losses",  # one by one
    "texts",  # one by one
    "file",  # the path of a file
    "cells",  # FILE:COLUMN
    "data",  # the path of a file, or in Python the data itself
]


class Sign(NamedTuple):
    """Where an option stands in the signature of a result, and what stands there if it is not given ("": nothing)."""

    place: int
    otherwise: str = ""


class Option(NamedTuple):
    """What is said of one option.

    `default` is that of Python; on the command line a list is None. A `text` may have `choices`, too: settings know
    them, and what reads the text checks them. `takes` is how a message of Python says what it takes, where its kind
    does not say it; a `word` which has it is only known as a text there. An option `reaches` the command line alone,
    also the keywords of Python, or also settings, where `about` describes it and `empty` allows an empty text. If it is
    a `variable`, `compute` and `compare` also read it from the environment.
    """

    name: str
    kind: Kind
    help: str
    metavar: str | None = None
    panel: str = ""
    default: object = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    empty: bool = False
    short: str = ""
    takes: str = ""
    about: str = ""
    commands: tuple[str, ...] = ("compute", "compare")
    reaches: Literal["line", "python", "settings"] = "settings"
    variable: bool = True
    signs: Sign | None = None

    @property
    def flag(self) -> str:
        """The option as it is written on the command line: --per-row."""
        return "--" + self.name.replace("_", "-")


COMPARISON, COLUMNS, TEXT, JOIN, REDUCING = "Comparison", "Columns", "Text files", "Join", "Reduction"
STATISTICS, OUTPUT, GATE, ENGINE = "Statistics", "Output", "Gate", "Engine"
COMPUTE, REPORTS, LISTINGS = ("compute",), ("compute", "compare", "check"), ("list", "info")
ITSELF = "lossctl"  # the options of the command that has the others

# In the order that help lists them: panels by the first of each.
OPTIONS = (
    Option(
        "loss",
        "losses",
        "A loss, or an expression such as '0.7*mse + 0.3*mae'; repeatable.",
        "LOSS",
        COMPARISON,
        commands=("compare",),
        reaches="line",
        variable=False,
    ),
    Option(
        "baseline",
        "file",
        "The model that others are compared with (else the first).",
        "FILE",
        COMPARISON,
        commands=("compare",),
        reaches="line",
        variable=False,
    ),
    Option("weight", "column", "Row weights >= 0.", "COLUMN", COLUMNS, signs=Sign(1, "none")),
    Option("group", "column", "Rows with one value are a unit.", "COLUMN", COLUMNS, signs=Sign(7)),
    Option("unit_weight", "column", "Weights of units.", "COLUMN", COLUMNS, signs=Sign(8)),
    Option("by", "columns", "Evaluate each slice beside the whole.", "COLUMN[,COLUMN]", COLUMNS, ()),
    Option("id", "column", "Names the rows in --per-row.", "COLUMN", COLUMNS, commands=COMPUTE, reaches="python"),
    Option("delimiter", "text", "Between cells; tab, comma ... (else recognised).", "CHAR", TEXT, takes="a character"),
    Option("quote", "text", "Around cells; '' for none.", "CHAR", TEXT, empty=True, takes="a character"),
    Option("decimal", "text", "Decimal point: . or ,", "CHAR", TEXT, choices=(".", ","), takes="a character"),
    Option("header", "flag", "Whether the first line names columns.", panel=TEXT),
    Option(
        "na_values", "names", "Cells that are missing values.", "A,B,...", TEXT, empty=True, takes="a list of texts"
    ),
    Option(
        "where",
        "text",
        "Only rows that pass, e.g. \"model == 'a' and h < 3\".",
        "EXPR",
        COLUMNS,
        takes="a condition, e.g. 'h < 3'",
        signs=Sign(3, "-"),
    ),
    Option("limit", "whole", "Only the first N rows that pass.", "N", COLUMNS, least=1, signs=Sign(5)),
    Option("truth", "data", "The targets are in this file.", "FILE", JOIN, signs=Sign(4)),
    Option("on", "columns", "Keys that join it (else: row by row).", "COLUMN[,COLUMN]", JOIN, ()),
    Option(
        "join",
        "word",
        "Every key on both sides, or those on both.",
        panel=JOIN,
        default="strict",
        choices=("strict", "inner"),
    ),
    Option("many_to_one", "flag", "Several predictions per key.", panel=JOIN, default=False),
    Option(
        "missing",
        "word",
        "Null and NaN: an error, or rows left out and counted.",
        panel=COLUMNS,
        default="error",
        choices=("error", "skip"),
        signs=Sign(2, "error"),
    ),
    Option("positive_label", "label", "The label that counts as positive.", "VALUE", COLUMNS),
    Option(
        "classes", "names", "Class names in the order of the scores.", "A,B,...", COLUMNS, (), takes="a list of names"
    ),
    Option(
        "reduction",
        "text",
        "mean, mean-rows (batchmean), mean-elements, sum, sum-elements or none.",
        "NAME",
        REDUCING,
        choices=("mean", "mean-rows", "batchmean", "mean-elements", "sum", "sum-elements"),  # none: nothing to check
        takes="a word, e.g. 'sum'",
    ),
    Option("coef_file", "cells", "Coefficients for penalty terms.", "FILE:COLUMN", REDUCING, takes="FILE:COLUMN"),
    Option(
        "combine",
        "word",
        "How terms are added, if not plainly.",
        panel=REDUCING,
        choices=("uncertainty", "normalized"),
        signs=Sign(6),
    ),
    Option("log_var", "numbers", "Log-variance of each term, in order.", "S[,S]", REDUCING, ()),
    Option("reference", "numbers", "Reference value of each term.", "R[,R]", REDUCING, ()),
    Option("ci", "level", "Confidence interval, e.g. 95 (%).", "LEVEL", STATISTICS),
    Option(
        "ci_method",
        "word",
        "Central limit theorem (delta method), or resampling.",
        panel=STATISTICS,
        default="normal",
        choices=("normal", "bootstrap"),
        takes="'normal' or 'bootstrap'",
    ),
    Option("seed", "whole", "Seed of the bootstrap.", "N", STATISTICS, 0, least=0),
    Option("stats", "flag", "Mean, std, extremes and percentiles of row losses.", panel=STATISTICS, default=False),
    Option("task", "text", "Only the losses of a task.", "TASK", commands=("list",), reaches="line"),
    Option(
        "format",
        "word",
        "What is printed.",
        default="table",
        choices=("table", "json"),
        commands=LISTINGS,
        reaches="line",
    ),
    Option(
        "format",
        "word",
        "What is printed.",
        panel=OUTPUT,
        default="table",
        choices=("table", "json", "csv", "markdown"),
        commands=REPORTS,
        reaches="line",
    ),
    Option("output", "file", "Write the report to a file.", "FILE", OUTPUT, commands=REPORTS, reaches="line"),
    Option(
        "export",
        "texts",
        "Also write the report so; repeatable.",
        "FORMAT=FILE",
        OUTPUT,
        commands=REPORTS,
        reaches="line",
    ),
    Option(
        "precision",
        "whole",
        "Significant digits shown.",
        "DIGITS",
        OUTPUT,
        least=1,
        most=17,
        commands=REPORTS,
        reaches="line",
    ),
    Option(
        "per_row",
        "file",
        "Write each row's (or unit's) loss: .parquet, .csv or .jsonl.",
        "FILE",
        OUTPUT,
        commands=COMPUTE,
        reaches="python",
    ),
    Option(
        "gradient",
        "flag",
        "Add d loss / d pred to --per-row.",
        panel=OUTPUT,
        default=False,
        commands=COMPUTE,
        reaches="python",
    ),
    Option("quiet", "flag", "Print the bare number.", panel=OUTPUT, default=False, short="-q", reaches="line"),
    Option(
        "max",
        "number",
        "Exit 1 if the whole or a slice is above.",
        "VALUE",
        GATE,
        about="The largest value allowed, for the whole and every slice.",
    ),
    Option(
        "min",
        "number",
        "Exit 1 if the whole or a slice is below.",
        "VALUE",
        GATE,
        about="The least value allowed, for the whole and every slice.",
    ),
    Option(
        "dry_run",
        "flag",
        "Show the columns and rows, and stop.",
        panel=ENGINE,
        default=False,
        commands=COMPUTE,
        reaches="line",
    ),
    Option(
        "threads",
        "whole",
        "Worker threads (0: all cores).",
        "N",
        ENGINE,
        0,
        least=0,
        commands=REPORTS,
        reaches="python",
    ),
    Option(
        "memory", "text", "Beyond it scattered units go to disk, e.g. 2GB.", "SIZE", ENGINE, takes="a size, e.g. '2GB'"
    ),
    Option(
        "plugin",
        "texts",
        "Losses of your own; repeatable.",
        "FILE.py",
        ENGINE,
        commands=("compute", "compare", *LISTINGS),
        reaches="line",
    ),
    Option("version", "flag", "Show the version and exit.", default=False, commands=(ITSELF,), reaches="line"),
    Option(
        "debug",
        "flag",
        "Show a traceback where something fails.",
        panel=ENGINE,
        default=False,
        commands=(*REPORTS, ITSELF),
        reaches="line",
    ),
)


def of(command: str) -> list[Option]:
    """The options that a command has."""
    return [option for option in OPTIONS if command in option.commands]


KEYWORDS = {option.name: option for option in OPTIONS if option.reaches != "line"}
SETTINGS = {name: option for name, option in KEYWORDS.items() if option.reaches == "settings"}
SIGNS = sorted((option.signs, option.name) for option in OPTIONS if option.signs)
# No role and no parameter may take one of these: the options and arguments of the commands that have a loss's own
# beside them, those of `lossctl` itself, and names that are kept for options to come.
COMMON_OPTIONS = frozenset(
    {option.name for option in OPTIONS if {"compute", "compare", ITSELF} & {*option.commands}}
    | {"loss", "file", "help", "no_header", "model_column", "strict", "engine", "scheduler"}
)


def signed(given: Mapping[str, object], names: Iterable[str] = ()) -> list[str]:
    """What the signature of a result says of options; columns of roles stand behind those that are always said."""
    found = [(sign, f"{name.replace('_', '-')}:", given[name]) for sign, name in SIGNS]
    always = [f"{name}{value or sign.otherwise}" for sign, name, value in found if sign.otherwise]
    return [*always, *names, *(f"{name}{value}" for sign, name, value in found if not sign.otherwise and value)]
