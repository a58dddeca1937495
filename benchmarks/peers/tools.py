"""Who runs: lossctl in its interpreter, the peers in an environment of their own, torch where there is one."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from peers.queries import query

HERE = Path(__file__).resolve().parent
BENCHMARKS = HERE.parent
ENVIRONMENT = BENCHMARKS / ".venv"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE_PACKAGES = ENVIRONMENT / "lib" / PYTHON / "site-packages"
PACKAGES = ("duckdb", "duckdb-cli", "polars", "pandas", "scikit-learn", "pyarrow")
# The program itself: the script on the path is Python that starts it, which would cost DuckDB another start-up.
DUCKDB_BINARY = SITE_PACKAGES / "duckdb_cli" / "duckdb"
# What `python -c` runs for DuckDB: the import and the query alone. The value is the last column of each row.
DUCKDB = "import sys, duckdb; print(*(repr(row[-1]) for row in duckdb.sql(sys.argv[1]).fetchall()), sep='\\n')"
SCRIPTS = {"Polars": "with_polars.py", "pandas": "with_pandas.py", "scikit-learn": "with_sklearn.py"}

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """The interpreters: lossctl's, that of the peers, and one with torch and pyarrow."""

    python: str
    torch: str | None = None

    @property
    def lossctl(self) -> Command:
        """The installed command, or the package run as a module."""
        script = Path(self.python).parent / "lossctl"
        return (str(script),) if script.exists() else (self.python, "-m", "lossctl")

    @property
    def peers(self) -> str:
        return str(ENVIRONMENT / "bin" / "python")

    def peer(self, name: str, work: str, file: Path) -> Command:
        """The process that does a work on a file."""
        match name:
            case "DuckDB":
                return self.peers, "-c", DUCKDB, query(work, str(file))
            case "duckdb-cli":
                return str(DUCKDB_BINARY), "-noheader", "-list", "-c", query(work, str(file))
            case "torch":
                return self.torch or self.peers, str(HERE / "with_torch.py"), work, str(file)
            case _:
                return self.peers, str(HERE / SCRIPTS[name]), work, str(file)


def prepare_peers() -> None:
    """Make the environment of the peers, once."""
    stamp = ENVIRONMENT / "installed.txt"
    wanted = "\n".join([PYTHON, *PACKAGES])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing the peers in {ENVIRONMENT} ...", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the peers cannot be installed: {done.stderr.strip() or done.stdout.strip()}")
    stamp.write_text(wanted)


def torch_python(given: str | None) -> str | None:
    """An interpreter with torch: the one given, or the peers' own where someone has installed it there."""
    return given or (str(ENVIRONMENT / "bin" / "python") if (SITE_PACKAGES / "torch").exists() else None)


def versions(tools: Tools) -> str:
    """The versions that matter to a reader of results."""
    ask = (
        "import sys; from importlib.metadata import version, PackageNotFoundError\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: pass\n"
        "print('Python', sys.version.split()[0])"
    )
    told: dict[str, None] = {}
    for python, names in (
        (tools.python, ("lossctl", "numpy", "pyarrow", "typer")),
        (tools.peers, PACKAGES),
        (tools.torch, ("torch",)),
    ):
        if python and Path(python).exists():
            done = subprocess.run([python, "-c", ask, *names], capture_output=True, text=True, check=False)
            told |= dict.fromkeys(done.stdout.splitlines())
    return ", ".join(told)
