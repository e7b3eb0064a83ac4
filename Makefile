# All that a machine needs is make and Python 3.11 or newer: `make demo`, `make test`. PYTHON= names another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet -c constraints.txt

.PHONY: help demo up test lint format constraints clean
.DEFAULT_GOAL := help

help:  ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1:/p' Makefile | awk -F: '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/installed-demo  ## pay suppliers through Airflow and a sandbox, kill a batch half-way, show that each was paid once, and reconcile
	@$(BIN)/paygate demo

up: $(VENV)/installed-demo  ## Airflow with the sandbox and its connections, for a browser; Ctrl-C stops both
	@$(BIN)/paygate up

test: $(VENV)/installed-dev  ## the whole test suite; ARGS="-k balance" runs a part of it
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/installed-dev  ## ruff and strict mypy
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy

format: $(VENV)/installed-dev  ## let ruff put the code in order
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

# The newest of everything that our requirements allow, for every extra. Run the tests before committing the result.
constraints:  ## resolve constraints.txt anew, in an environment of its own
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip --disable-pip-version-check install --quiet ".[dev]"
	@{ sed -n '/^#/p' constraints.txt; build/constraints/bin/python -m pip freeze --exclude airflow-provider-paygate; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints
	@echo "constraints.txt: $$(grep -c == constraints.txt) pins"

clean:  ## remove what make made: the environment and what `make up` kept
	@rm -rf $(VENV) .airflow build

# A stamp per set of requirements: installing again is skipped until they change.
$(VENV)/installed-demo: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing Airflow and the provider into $(VENV), about 150 packages ..."
	@$(INSTALL) -e ".[sandbox,recon]"
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing Airflow, the provider and the tools of its tests into $(VENV), about 150 packages ..."
	@$(INSTALL) -e ".[dev]"
	@rm -rf .mypy_cache  # it remembers which packages were missing
	@touch $@ $(VENV)/installed-demo

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
		"paygate needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv --clear $(VENV)
