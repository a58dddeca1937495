"""What is measured: which processes race on which files, and which ratios are held against which targets."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from peers.tools import BENCHMARKS, Command, Tools

HERE = Path(__file__).resolve().parent
DATA = BENCHMARKS / "data"
MILLION = 1_000_000
BATCH = 512  # rows of a batch in the file of batches, which must hold whole ones

BINARY = "duckdb-cli"
DUCK = ("DuckDB", BINARY)
QUICK = (*DUCK, "Polars")
PEERS = (*QUICK, "pandas")
ALL = (*PEERS, "scikit-learn")

PAIR = ("--target", "y_true", "--pred", "y_pred")
LABEL = ("--target", "y_true", "--pred", "logit")
CLASSES = ("--target", "y_true", "--pred", "logit_*")
TWENTY = (
    "mse mae huber half_squared_error smooth_l1 pseudo_huber log_cosh quantile expectile epsilon_insensitive"
    " cauchy welsch geman_mcclure tukey_biweight mape smape rmse wape max_error relative_squared_error"
)
MASK = ("--target", "y_true", "--pred", "prob")


@dataclass(frozen=True, slots=True)
class Data:
    """A file that is made before it is needed."""

    kind: str
    rows: int
    suffix: str = "parquet"

    @property
    def path(self) -> Path:
        return DATA / f"{self.kind}-{self.rows}.{self.suffix}"


@dataclass(frozen=True, slots=True)
class Runner:
    """A process; `inside` ones tell their seconds themselves, `checked` ones print the race's value."""

    name: str
    command: Command
    checked: bool = True
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A ratio of ours to the best of the others (to nothing: megabytes), and the target it is held against."""

    title: str
    ours: str
    others: tuple[str, ...]
    limit: float | None = None
    at_least: bool = False
    quantity: str = "time"


@dataclass(frozen=True, slots=True)
class Race:
    """Runners that take turns, ours first; `repeat` times the rounds where a process is short."""

    name: str
    title: str
    data: tuple[Data, ...]
    runners: tuple[Runner, ...]
    lines: tuple[Line, ...]
    rows: int = 0
    repeat: int = 1
    peers: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """A loss on a file, by lossctl and by the peers that can express it."""

    name: str
    title: str
    data: Data
    loss: str
    options: Command
    peers: tuple[str, ...]
    limit: float | None = None
    megabytes: float | None = None

    @property
    def arguments(self) -> Command:
        return self.loss, str(self.data.path), *self.options, "-q"


Size = Callable[..., Data]


def scaled(scale: float, kind: str, rows: int, suffix: str = "parquet", multiple: int = 1) -> Data:
    """A file of about so many rows; the scale is for trying things out."""
    return Data(kind, max(1, round(rows * scale / multiple)) * multiple, suffix)


def count(rows: int) -> str:
    """A number of rows as people say it."""
    return f"{rows / MILLION:g} M rows" if rows >= MILLION else f"{rows:,} rows"


def works(size: Size) -> list[Work]:
    """The losses of the issues on their files, with the targets for files of this size."""
    pairs, labels = size("pairs", 20 * MILLION), size("labels", 20 * MILLION)
    logits, table = size("logits", 2 * MILLION), size("table", 5 * MILLION, "csv")
    distributions, pixels = size("distributions", MILLION), size("pixels", 10 * MILLION)
    images, triplets = size("images", 2048), size("triplets", 100_000)
    batches, sequences = size("batches", 40 * BATCH, multiple=BATCH), size("sequences", 2000)
    lists = size("logit-lists", 20_000)
    embedding = ("--embedding", "embedding", "--label", "label", "--group", "batch")
    three = ("--anchor", "anchor", "--positive", "positive", "--negative", "negative", "--eps", "0")
    return [
        Work("mse", "mse", pairs, "mse", PAIR, ALL, 1.0),
        Work("huber", "huber", pairs, "huber", PAIR, PEERS, 1.0, 200),
        Work("bce_with_logits", "bce_with_logits", labels, "bce_with_logits", LABEL, (*PEERS, "torch"), 1.0),
        Work("cross_entropy", "cross_entropy, 10 columns", logits, "cross_entropy", CLASSES, (*ALL, "torch"), 1.0),
        Work("mse_csv", "mse, CSV of 4 columns", table, "mse", PAIR, ALL, 0.8),
        Work(
            "cross_entropy_list",
            "cross_entropy, lists of 1000",
            lists,
            "cross_entropy",
            ("--target", "y_true", "--pred", "logits"),
            (*QUICK, "torch"),
        ),
        Work(
            "kl_divergence",
            "kl_divergence, 2 x 10 columns",
            distributions,
            "kl_divergence",
            ("--target", "p_*", "--pred", "q_*"),
            (*PEERS, "torch"),
        ),
        Work("dice", "dice, a row per pixel", pixels, "dice", (*MASK, "--group", "image"), (*PEERS, "torch")),
        Work("dice_nested", "dice, lists of 4096 pixels", images, "dice", MASK, (*QUICK, "torch")),
        Work("triplet", "triplet, lists of 128", triplets, "triplet", three, (*QUICK, "torch")),
        Work(
            "ctc",
            "ctc, 50 to 100 steps of 32",
            sequences,
            "ctc",
            ("--pred", "logits", "--target", "classes"),
            ("torch",),
        ),
        Work("nt_xent", "nt_xent, batches of 512 x 128", batches, "nt_xent", embedding, (*DUCK, "torch")),
    ]


def full_works(size: Size) -> list[Work]:
    """The same losses on five times the data, where start-up weighs little: against the fastest two peers."""
    bigger = {"mse": 0.8, "huber": 0.8, "bce_with_logits": 0.5, "cross_entropy": 0.5}
    return [
        replace(work, data=size(work.data.kind, rows), peers=QUICK, limit=bigger[work.name])
        for work in works(size)
        if work.name in bigger
        for rows in [10 * MILLION if work.name == "cross_entropy" else 100 * MILLION]
    ]


def race(tools: Tools, work: Work, suffix: str = "") -> Race:
    """A work as a race of whole processes."""
    names = [name for name in work.peers if name != "torch" or tools.torch]
    runners = (
        Runner("lossctl", (*tools.lossctl, "compute", *work.arguments)),
        *(Runner(name, tools.peer(name, work.name, work.data.path)) for name in names),
    )
    title = f"{work.title}, {count(work.data.rows)}"
    hosted = tuple(name for name in names if name != BINARY)
    lines = [Line(title, "lossctl", hosted, work.limit)]
    if BINARY in names:
        lines.append(Line(f"{title}, against DuckDB's binary", "lossctl", (BINARY,), work.limit))
    if work.megabytes:
        lines.append(Line(f"peak memory of {title}", "lossctl", (), work.megabytes, quantity="memory"))
    return Race(work.name + suffix, title, (work.data,), runners, tuple(lines), work.data.rows, peers=True)


def startup(tools: Tools) -> list[Race]:
    """What a command costs before it computes."""
    small = Data("pairs", 1000)
    typer, everything = "import typer", "import typer, numpy, pyarrow.parquet"
    compute = (*tools.lossctl, "compute", "huber", str(small.path), *PAIR)

    def imports(python: str, what: str) -> Runner:
        return Runner(what, (python, "-c", what), checked=False)

    commands = (
        Runner("lossctl --help", (*tools.lossctl, "--help"), checked=False),
        Runner("lossctl --version", (*tools.lossctl, "--version"), checked=False),
        imports(tools.python, typer),
        *([imports(tools.torch, "import torch")] if tools.torch else []),
    )
    computing = (
        Runner("compute -q", (*compute, "-q"), checked=False),
        Runner("compute", compute, checked=False),
        imports(tools.python, everything),
    )
    return [
        Race(
            "startup",
            "start-up",
            (),
            commands,
            (
                Line(f"`--help` against `{typer}`", "lossctl --help", (typer,), 2.5),
                Line(f"`--version` against `{typer}`", "lossctl --version", (typer,), 1.3),
            ),
            repeat=3,
        ),
        Race(
            "startup-compute",
            "compute on 1,000 rows",
            (small,),
            computing,
            (
                Line(f"`compute -q`, 1,000 rows, against `{everything}`", "compute -q", (everything,), 1.5),
                Line(f"`compute` with its table, 1,000 rows, against `{everything}`", "compute", (everything,), 1.5),
            ),
            repeat=3,
        ),
    ]


def _inside(tools: Tools, name: str, what: str, threads: int, data: Data, *rest: str) -> Runner:
    command = (tools.python, str(HERE / "scan.py"), what, str(threads), str(data.path), *rest)
    return Runner(name, command, checked=what == "engine", inside=True)


def overheads(tools: Tools, size: Size) -> list[Race]:
    """The engine against a bare scan of the same columns, and two threads against one, imports excluded."""
    pairs, labels = size("pairs", 20 * MILLION), size("labels", 20 * MILLION)
    logits = size("logits", 2 * MILLION)
    pair, label, classes = (
        {"target": "y_true", "pred": "y_pred"},
        {"target": "y_true", "pred": "logit"},
        {"target": "y_true", "pred": "logit_*"},
    )
    cheap, transcendental = 1.5, 2.5
    races = []
    for loss, data, roles, limit in (
        ("mse", pairs, pair, cheap),
        ("huber", pairs, pair, cheap),
        ("log_cosh", pairs, pair, transcendental),
        ("bce_with_logits", labels, label, transcendental),
        ("cross_entropy", logits, classes, transcendental),
    ):
        columns = ["y_true", *([f"logit_{at}" for at in range(10)] if roles is classes else [roles["pred"]])]
        options = [loss, *(f"{role}={column}" for role, column in roles.items())]
        runners = tuple(
            _inside(tools, f"{name}, {threads} thread{'s' * (threads > 1)}", what, threads, data, *rest)
            for name, what, rest in (("engine", "engine", options), ("bare scan", "bare", columns))
            for threads in (2, 1)
        )
        title = f"{loss} inside, {count(data.rows)}"
        lines = (
            Line(f"{title}, against a bare scan", "engine, 2 threads", ("bare scan, 2 threads",), limit),
            Line(f"{title}, against a bare scan, 1 thread", "engine, 1 thread", ("bare scan, 1 thread",), limit),
            Line(f"{title}, two threads are faster by", "engine, 1 thread", ("engine, 2 threads",), 1.7, at_least=True),
        )
        races.append(Race(f"scan-{loss}", title, (data,), runners, lines, data.rows))
    return races


def slices(tools: Tools, size: Size) -> Race:
    """Fifty slices beside the whole, against the same by the peers, and against no slices."""
    data = size("slices", 20 * MILLION)
    compute = (*tools.lossctl, "compute", "mse", str(data.path), *PAIR, "-q")
    title = f"mse by 50 slices, {count(data.rows)}"
    runners = (
        Runner("lossctl", (*compute, "--by", "region")),
        Runner("lossctl, no slices", compute, checked=False),
        *(Runner(name, tools.peer(name, "mse_by", data.path)) for name in PEERS),
    )
    lines = (Line(title, "lossctl", PEERS), Line(f"{title}, against none", "lossctl", ("lossctl, no slices",), 1.5))
    return Race("mse_by", title, (data,), runners, lines, data.rows, peers=True)


def together(tools: Tools, size: Size) -> Race:
    """Twenty losses in one pass, against the first of them alone."""
    data = size("pairs", 20 * MILLION)
    title = f"twenty losses by compare, {count(data.rows)}"
    losses = (part for loss in TWENTY.split() for part in ("--loss", loss))
    runners = (
        Runner("twenty losses", (*tools.lossctl, "compare", str(data.path), *losses, *PAIR, "-q"), checked=False),
        Runner("one loss", (*tools.lossctl, "compute", TWENTY.split()[0], str(data.path), *PAIR, "-q"), checked=False),
    )
    return Race("compare", title, (data,), runners, (Line(title, "twenty losses", ("one loss",), 4.0),), data.rows)


def pushdown(tools: Tools, size: Size) -> Race:
    """A filter that keeps one row group of a hundred, against the peers' and against the whole file."""
    data = size("steps", 20 * MILLION)
    compute = (*tools.lossctl, "compute", "mse", str(data.path), *PAIR, "-q")
    title = f"mse of 1 % by --where, {count(data.rows)}"
    runners = (
        Runner("lossctl", (*compute, "--where", "step = 0")),
        Runner("lossctl, no filter", compute, checked=False),
        *(Runner(name, tools.peer(name, "mse_where", data.path)) for name in QUICK),
    )
    lines = (Line(title, "lossctl", QUICK), Line(f"{title}, against all", "lossctl", ("lossctl, no filter",)))
    return Race("mse_where", title, (data,), runners, lines, data.rows, peers=True)


def large(tools: Tools, size: Size) -> list[Race]:
    """What needs a large file: memory that does not grow with it, and two threads against one as whole processes."""
    tenth, whole = size("pairs", 10 * MILLION), size("pairs", 100 * MILLION)
    labels = size("labels", 100 * MILLION)

    def compute(name: str, loss: str, data: Data, columns: Command, *options: str) -> Runner:
        return Runner(name, (*tools.lossctl, "compute", loss, str(data.path), *columns, "-q", *options))

    memory = (
        replace(compute("the larger", "huber", whole, PAIR), checked=False),
        replace(compute("the smaller", "huber", tenth, PAIR), checked=False),
    )
    title = f"peak memory of huber, {count(whole.rows)}"
    races = [
        Race(
            "memory",
            f"{title} against {count(tenth.rows)}",
            (tenth, whole),
            memory,
            (
                Line(f"{title}, against {count(tenth.rows)}", "the larger", ("the smaller",), 1.2, quantity="memory"),
                Line(title, "the larger", (), 200, quantity="memory"),
            ),
        )
    ]
    for loss, data, columns in (("huber", whole, PAIR), ("bce_with_logits", labels, LABEL)):
        title = f"{loss} on threads, {count(data.rows)}"
        two = compute("2 threads", loss, data, columns, "--threads", "2")
        one = compute("1 thread", loss, data, columns, "--threads", "1")
        line = Line(f"{title}, two are faster than one by", "1 thread", ("2 threads",), 1.7, at_least=True)
        races.append(Race(f"threads-{loss}", title, (data,), (two, one), (line,), data.rows))
    return races


PARTS: dict[str, Callable[[Tools, Size], list[Race]]] = {
    "startup": lambda tools, _: startup(tools),
    "losses": lambda tools, size: [race(tools, work) for work in works(size)],
    "options": lambda tools, size: [slices(tools, size), together(tools, size), pushdown(tools, size)],
    "scans": overheads,
    "large": lambda tools, size: [*(race(tools, work, "-large") for work in full_works(size)), *large(tools, size)],
}


def parts(tools: Tools, scale: float, full: bool, part: str | None = None) -> dict[str, list[Race]]:
    """The races of every part in the order of the tables, or of one part; the large files only where they are meant."""
    names = [part] if part else [name for name in PARTS if full or name != "large"]
    return {name: PARTS[name](tools, partial(scaled, scale)) for name in names}
