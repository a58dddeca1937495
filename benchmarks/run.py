"""Race lossctl against its peers, and hold the ratios against the targets.

python benchmarks/run.py [--part NAME] [--only PATTERN] [--rounds N] [--rows SCALE] [--full] [--write]
"""

import argparse
import os
import re
import subprocess
import sys
from datetime import date

from peers.tools import BENCHMARKS, Tools, prepare_peers, torch_python, versions
from races import results, table
from races.measure import WrongValueError, hold
from races.results import Kept
from races.works import DATA, PARTS, Data, Race, parts

README = BENCHMARKS / "README.md"
KEPT = DATA / "results.json"
START, END = "<!-- results: written by run.py --write -->", "<!-- end of results -->"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Race lossctl against DuckDB, Polars, pandas, scikit-learn and torch.")
    parser.add_argument("--part", choices=list(PARTS), help="only the races of this part (large: as with --full)")
    parser.add_argument("--only", metavar="PATTERN", default="", help="only races whose name holds this expression")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="timed rounds of every race (default 5)")
    parser.add_argument("--rows", metavar="SCALE", type=float, default=1.0, help="scales the rows of files, e.g. 0.01")
    parser.add_argument("--full", action="store_true", help="also the files of 100 M rows (4 GB more)")
    parser.add_argument("--python", metavar="FILE", default=sys.executable, help="the interpreter that has lossctl")
    parser.add_argument("--torch", metavar="FILE", help="an interpreter that has torch and pyarrow")
    parser.add_argument("--list", action="store_true", help="name the races, and stop")
    parser.add_argument("--write", action="store_true", help="write the results kept so far into README.md")
    given = parser.parse_args()
    if given.write and given.rows != 1:
        parser.error("--write is for results on whole files; leave --rows out.")
    if given.rounds < 1 or given.rows <= 0:
        parser.error("--rounds and --rows must be positive.")
    return given


def main() -> int:
    given = options()
    tools = Tools(os.path.abspath(given.python), torch_python(given.torch))
    asked = {
        part: [race for race in races if re.search(given.only, race.name)]
        for part, races in parts(tools, given.rows, given.full, given.part).items()
    }
    races = [race for members in asked.values() for race in members]
    if given.list:
        print(
            *(f"{part:9} {race.name:24} {race.title}" for part, members in asked.items() for race in members), sep="\n"
        )
        return 0
    if not races:
        print(f"no race is named like {given.only!r}; --list names them (more with --full).", file=sys.stderr)
        return 2
    if any(race.peers for race in races):
        prepare_peers()
    DATA.mkdir(exist_ok=True)
    try:
        told = versions(tools)
        print(told)
        code = max(compete(part, members, given, tools, told) for part, members in asked.items() if members)
        if tools.torch is None:
            print("\n- torch: skipped, there is no environment with it (--torch PYTHON names one)")
    except KeyboardInterrupt:
        print("\ninterrupted; the races that ended are kept.", file=sys.stderr)
        return 130
    if given.write:
        write([race.name for races in parts(tools, 1.0, full=True).values() for race in races])
    return code


def compete(part: str, races: list[Race], given: argparse.Namespace, tools: Tools, told: str) -> int:
    """Hold the races of a part, keep what came of each, and print the part's tables."""
    outcomes, wrong = [], []
    for race in races:
        for data in race.data:
            make(data, tools)
        try:
            outcome = hold(race, given.rounds, given.rows, report)
        except WrongValueError as error:
            wrong.append(str(error))
            continue
        outcomes.append(outcome)
        if given.rows == 1:
            keep(Kept(outcome, date.today().isoformat(), told))
    report("")
    print(f"\n## {part}", table.details(outcomes), table.ratios(outcomes), sep="\n\n", flush=True)
    lines = [table.notes(outcomes), *(f"- DIFFERENT VALUES: {error}" for error in wrong)]
    if any(lines):
        print("", *filter(None, lines), sep="\n")
    return 1 if wrong or not all(outcome.timings for outcome in outcomes) else 0


def make(data: Data, tools: Tools) -> None:
    """Make a file that is missing or older than its generator; in another process, so that this one stays small."""
    generator = BENCHMARKS / "races" / "data.py"
    if data.path.exists() and data.path.stat().st_mtime >= generator.stat().st_mtime:
        return
    report(f"making {data.path.name}")
    command = [tools.python, str(generator), data.kind, str(data.rows), str(data.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{data.path.name} cannot be made: {done.stderr.strip()}")


def report(text: str) -> None:
    """What is going on, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def keep(entry: Kept) -> None:
    results.save(KEPT, results.load(KEPT) | {entry.outcome.name: entry})


def write(order: list[str]) -> None:
    """Put the results kept between the markers of the README, in the order of the races."""
    kept = results.load(KEPT)
    section = table.section({name: kept[name] for name in order if name in kept})
    before, _, rest = README.read_text().partition(START)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{START}\n\n{section}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
