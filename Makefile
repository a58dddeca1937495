# Two commands on a fresh machine with Python >= 3.11 and make: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ORACLES := tests/oracles
SOURCES := $(shell find lossctl -name '*.py' -o -name '*.cpp' -o -name '*.h' -o -name '*.json')

.DEFAULT_GOAL := help
.PHONY: help run test check docs bench fixtures clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Install into .venv, and compute losses of the sample predictions
	$(BIN)/lossctl compute huber sample_data/preds.parquet --delta 1.0
	$(BIN)/lossctl compute rmse sample_data/preds.csv --by diagnosis
	$(BIN)/lossctl list --task regression

test: $(VENV)/.testing ## Install what the tests need, and run them on all cores
	$(BIN)/pytest -n auto --dist worksteal

check: $(VENV)/.checking ## Lint, types, direction of imports, generated docs in step
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/whole/test_layers.py
	$(BIN)/python docs/make.py --check

docs: $(VENV)/.installed ## Write the generated parts of README.md and docs/
	$(BIN)/python docs/make.py

bench: $(VENV)/.installed ## Race lossctl against DuckDB, Polars, pandas and scikit-learn; PART=startup for a part
	$(BIN)/python benchmarks/run.py $(if $(PART),--part $(PART))

fixtures: $(ORACLES)/.venv/.installed ## Compute the expectations of tests/oracles again, with the peers
	cd $(ORACLES) && .venv/bin/python make_fixtures.py

clean: ## Remove environments, caches and builds
	rm -rf $(VENV) $(ORACLES)/.venv benchmarks/.venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find lossctl -name '*.so' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp per set of packages: each is installed once, and again when pyproject.toml changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Not editable: an installed package is compiled once, and starts faster; it is what the tests import (`pytest` puts no
# working directory before it, `python -m pytest` does). `build` may hold modules that are gone.
$(VENV)/.installed: pyproject.toml $(SOURCES) | $(BIN)/python
	@rm -rf build
	$(PIP) .
	@touch $@

$(VENV)/.testing: pyproject.toml $(SOURCES) | $(BIN)/python
	@rm -rf build
	$(PIP) '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.checking: pyproject.toml $(SOURCES) | $(BIN)/python
	@rm -rf build
	$(PIP) '.[dev]'
	@touch $@ $(VENV)/.testing $(VENV)/.installed

$(ORACLES)/.venv/.installed: $(ORACLES)/requirements.txt $(ORACLES)/requirements-no-deps.txt
	$(PYTHON) -m venv $(ORACLES)/.venv
	$(ORACLES)/.venv/bin/pip install --quiet torch==2.13.0
	$(ORACLES)/.venv/bin/pip install --quiet --requirement $(ORACLES)/requirements.txt
	$(ORACLES)/.venv/bin/pip install --quiet --no-deps --requirement $(ORACLES)/requirements-no-deps.txt
	@touch $@
