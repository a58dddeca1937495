"""The options that `compute` has for every loss, declared once."""

from enum import StrEnum
from typing import Annotated

import typer

from lossctl.cli import completion

COLUMNS, TEXT, JOIN, REDUCING, STATISTICS = "Columns", "Text files", "Join", "Reduction", "Statistics"
OUTPUT, GATE, ENGINE = "Output", "Gate", "Engine"


class Missing(StrEnum):
    """What to do with missing values."""

    error = "error"
    skip = "skip"


class Join(StrEnum):
    """What to do with keys on one side only."""

    strict = "strict"
    inner = "inner"


class Combine(StrEnum):
    """How the terms of an expression are added."""

    uncertainty = "uncertainty"
    normalized = "normalized"


class CiMethod(StrEnum):
    """How intervals are found."""

    normal = "normal"
    bootstrap = "bootstrap"


class Format(StrEnum):
    """How a report is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


# Options that other commands have too.
FormatOption = Annotated[Format, typer.Option(help="What is printed.", rich_help_panel=OUTPUT)]
OutputOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the report to a file.", rich_help_panel=OUTPUT)
]
ExportOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FORMAT=FILE", help="Also write the report so; repeatable.", rich_help_panel=OUTPUT),
]
PrecisionOption = Annotated[
    int | None,
    typer.Option(metavar="DIGITS", min=1, max=17, help="Significant digits shown.", rich_help_panel=OUTPUT),
]
ThreadsOption = Annotated[
    int, typer.Option(metavar="N", min=0, help="Worker threads (0: all cores).", rich_help_panel=ENGINE)
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show a traceback where something fails.", rich_help_panel=ENGINE)
]


def common(
    loss: Annotated[
        str,
        typer.Argument(
            autocompletion=completion.losses,
            help="A loss (see `lossctl list`), or an expression such as '0.7*mse + 0.3*mae'.",
        ),
    ],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Parquet, CSV, JSON Lines, Arrow, NumPy; several are one dataset."),
    ],
    *,
    weight: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.columns, metavar="COLUMN", help="Row weights >= 0.", rich_help_panel=COLUMNS
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.columns,
            metavar="COLUMN",
            help="Rows with one value are a unit.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    unit_weight: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.columns, metavar="COLUMN", help="Weights of units.", rich_help_panel=COLUMNS
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=completion.columns,
            metavar="COLUMN[,COLUMN]",
            help="Evaluate each slice beside the whole.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.columns,
            metavar="COLUMN",
            help="Names the rows in --per-row.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(metavar="CHAR", help="Between cells; tab, comma ... (else recognised).", rich_help_panel=TEXT),
    ] = None,
    quote: Annotated[
        str | None, typer.Option(metavar="CHAR", help="Around cells; '' for none.", rich_help_panel=TEXT)
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(metavar="CHAR", help="Decimal point: . or ,", rich_help_panel=TEXT)
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line names columns.", rich_help_panel=TEXT),
    ] = None,
    na_values: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Cells that are missing values.", rich_help_panel=TEXT)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPR", help="Only rows that pass, e.g. \"model == 'a' and h < 3\".", rich_help_panel=COLUMNS
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the first N rows that pass.", rich_help_panel=COLUMNS)
    ] = None,
    truth: Annotated[
        str | None, typer.Option(metavar="FILE", help="The targets are in this file.", rich_help_panel=JOIN)
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=completion.columns,
            metavar="COLUMN[,COLUMN]",
            help="Keys that join it (else: row by row).",
            rich_help_panel=JOIN,
        ),
    ] = None,
    join: Annotated[
        Join, typer.Option(help="Every key on both sides, or those on both.", rich_help_panel=JOIN)
    ] = Join.strict,
    many_to_one: Annotated[
        bool, typer.Option("--many-to-one", help="Several predictions per key.", rich_help_panel=JOIN)
    ] = False,
    missing: Annotated[
        Missing, typer.Option(help="Null and NaN: an error, or rows left out and counted.", rich_help_panel=COLUMNS)
    ] = Missing.error,
    positive_label: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The label that counts as positive.", rich_help_panel=COLUMNS)
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Class names in the order of the scores.", rich_help_panel=COLUMNS),
    ] = None,
    reduction: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="mean, mean-rows (batchmean), mean-elements, sum, sum-elements or none.",
            rich_help_panel=REDUCING,
        ),
    ] = None,
    coef_file: Annotated[
        str | None,
        typer.Option(metavar="FILE:COLUMN", help="Coefficients for penalty terms.", rich_help_panel=REDUCING),
    ] = None,
    combine: Annotated[
        Combine | None, typer.Option(help="How terms are added, if not plainly.", rich_help_panel=REDUCING)
    ] = None,
    log_var: Annotated[
        list[str] | None,
        typer.Option(metavar="S[,S]", help="Log-variance of each term, in order.", rich_help_panel=REDUCING),
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="R[,R]", help="Reference value of each term.", rich_help_panel=REDUCING)
    ] = None,
    ci: Annotated[
        float | None,
        typer.Option(metavar="LEVEL", help="Confidence interval, e.g. 95 (%).", rich_help_panel=STATISTICS),
    ] = None,
    ci_method: Annotated[
        CiMethod, typer.Option(help="Central limit theorem (delta method), or resampling.", rich_help_panel=STATISTICS)
    ] = CiMethod.normal,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Seed of the bootstrap.", rich_help_panel=STATISTICS)
    ] = 0,
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Mean, std, extremes and percentiles of row losses.", rich_help_panel=STATISTICS),
    ] = False,
    format: FormatOption = Format.table,
    output: OutputOption = None,
    export: ExportOption = None,
    precision: PrecisionOption = None,
    per_row: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write each row's (or unit's) loss: .parquet, .csv or .jsonl.", rich_help_panel=OUTPUT
        ),
    ] = None,
    gradient: Annotated[
        bool, typer.Option("--gradient", help="Add d loss / d pred to --per-row.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the bare number.", rich_help_panel=OUTPUT)
    ] = False,
    max: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="Exit 1 if the whole or a slice is above.", rich_help_panel=GATE),
    ] = None,
    min: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="Exit 1 if the whole or a slice is below.", rich_help_panel=GATE),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the columns and rows, and stop.", rich_help_panel=ENGINE)
    ] = False,
    threads: ThreadsOption = 0,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Beyond it scattered units go to disk, e.g. 2GB.", rich_help_panel=ENGINE),
    ] = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py", help="Losses of your own; repeatable.", rich_help_panel=ENGINE),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """The options that every loss has."""
