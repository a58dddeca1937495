"""Write the oracle fixtures: `python make_fixtures.py [FAMILY ...]`; without a name, every family."""

import argparse
import importlib
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
FAMILIES = (
    "regression", "likelihood", "binary", "multiclass", "divergence", "forecast",
    "overlap", "boxes", "metric_learning", "ranking", "sequence", "generative", "penalty",
)  # fmt: skip


def main() -> None:
    """Each family module has one `build() -> Family`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", nargs="*", choices=FAMILIES, default=FAMILIES, metavar="FAMILY")
    # Read by the peers when they are first imported: double precision, one thread, no accelerator.
    os.environ.update(KERAS_BACKEND="torch", JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu", OMP_NUM_THREADS="1")
    folder = HERE / "fixtures"
    folder.mkdir(exist_ok=True)
    for name in parser.parse_args().family:
        family = importlib.import_module(name).build()
        path = family.write(folder)
        print(f"{path.name}: {len(family.cases)} cases, {len({case.loss for case in family.cases})} losses")


if __name__ == "__main__":
    main()
