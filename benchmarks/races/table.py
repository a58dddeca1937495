"""Results as Markdown, which is also what the terminal shows: pure functions of outcomes."""

from collections.abc import Iterable, Mapping, Sequence

from races.results import Kept, Measured, Outcome

Row = Sequence[str]


def markdown(headings: Row, rows: Iterable[Row], right: Iterable[int] = ()) -> str:
    """An aligned Markdown table; the columns in `right` hold numbers."""
    lines = [list(headings), *map(list, rows)]
    widths = [max(3, *(len(line[at]) for line in lines)) for at in range(len(headings))]
    numbers = set(right)
    rule = ["-" * (width - 1) + ":" if at in numbers else "-" * width for at, width in enumerate(widths)]
    lines.insert(1, rule)
    return "\n".join("| " + " | ".join(_pad(line, widths, numbers)) + " |" for line in lines)


def _pad(line: Row, widths: Sequence[int], right: set[int]) -> list[str]:
    sized = zip(line, widths, strict=True)
    return [cell.rjust(width) if at in right else cell.ljust(width) for at, (cell, width) in enumerate(sized)]


def ratios(outcomes: Iterable[Outcome]) -> str:
    """The table of ratios against targets."""
    rows = [_ratio(line, outcome.scale) for outcome in outcomes for line in outcome.lines]
    return markdown(("what", "ratio", "of best times", "against", "target", ""), rows, right=(1, 2, 4))


def _ratio(line: Measured, scale: float) -> Row:
    verdict = "" if line.met is None else "met" if line.met else "**missed**"
    if scale != 1 and verdict:
        verdict = "scaled data"
    target = ""
    if line.limit is not None:
        target = f"{'>=' if line.at_least else '<='} {_value(line.limit, line.unit)}"
    best = "" if line.best is None else _value(line.best, line.unit)
    return line.title, _value(line.value, line.unit), best, line.against, target, verdict


def _value(value: float, unit: str) -> str:
    return f"{value:.0f} MB" if unit == "MB" else f"{value:.2f} x"


def details(outcomes: Iterable[Outcome]) -> str:
    """What every runner of every race took."""
    rows = [row for outcome in outcomes for row in _runners(outcome)]
    return markdown(("race", "runner", "median s", "best s", "peak MB", "M rows/s", "to ours"), rows, right=range(2, 7))


def _runners(outcome: Outcome) -> list[Row]:
    ours = next(iter(outcome.timings.values()), None)
    return [
        (
            "" if at else outcome.title,
            name,
            f"{timing.median:.3f}",
            f"{timing.best:.3f}",
            f"{timing.megabytes:.0f}",
            f"{outcome.rows / timing.median / 1e6:.3g}" if outcome.rows else "",
            f"{timing.median / ours.median:.2f} x" if ours else "",
        )
        for at, (name, timing) in enumerate(outcome.timings.items())
    ]


def notes(outcomes: Iterable[Outcome]) -> str:
    """Who could not run, and why."""
    return "\n".join(f"- {outcome.title}: {note}" for outcome in outcomes for note in outcome.notes)


def section(kept: Mapping[str, Kept]) -> str:
    """The results as they stand in the README."""
    outcomes = [entry.outcome for entry in kept.values()]
    told = dict.fromkeys((entry.day, entry.versions) for entry in kept.values())
    parts = [
        *(f"Measured {day}: {versions}." for day, versions in told),
        "### Ratios",
        ratios(outcomes),
        "### Every runner",
        details(outcomes),
    ]
    if found := notes(outcomes):
        parts += ["### Who could not run", found]
    return "\n\n".join(parts)
