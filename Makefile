# `make` alone prints the targets. Everything is installed in .venv, nothing outside it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Further options for pytest, for instance: make test ARGS="tests/labeling -k undo"
ARGS ?=
# A package index that offers smaller, CPU-only builds of torch; empty: the default index's build.
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help run install test test-postgres stress lint format types imports check bench clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(BIN)/.installed ## install what is missing, then start everything (PORT, DATA_DIR: see .env.example)
	@exec $(BIN)/python manage.py up

install: $(BIN)/.installed-dev ## install everything that developing needs

test: $(BIN)/.installed-dev ## tests on SQLite and the embedded Redis
	$(PYTEST) $(ARGS)

test-postgres: $(BIN)/.installed-dev ## the same tests on PostgreSQL
	$(BIN)/python tests/run_on_postgres.py $(ARGS)

stress: $(BIN)/.installed-dev ## fifty labelers at once on 2,000 comparisons, on PostgreSQL (minutes)
	STRESS=1 $(BIN)/python tests/run_on_postgres.py tests/labeling/at_once/test_stress.py $(ARGS)

lint: $(BIN)/.installed-dev ## ruff: mistakes and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(BIN)/.installed-dev ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(BIN)/.installed-dev ## mypy
	$(BIN)/mypy

imports: $(BIN)/.installed-dev ## imports run one way, and migrations are complete
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run --settings config.settings_test

check: lint types imports test ## everything but PostgreSQL

bench: $(BIN)/.installed-dev ## every benchmark, one after the other
	@set -e; for program in benchmarks/[a-z]*.py; do \
		echo "== $$program"; $(BIN)/python "$$program"; done

clean: ## remove caches; .venv and var stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is none: make $(or $(MAKECMDGOALS),run) PYTHON=python3.11"; \
		exit 1; }
	@echo "Creating a virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "venv is missing: on Debian and Ubuntu, apt-get install python3-venv"; \
		rm -rf $(VENV); exit 1; }

# A stamp is newer than the requirements it was made from: nothing is installed twice.
$(BIN)/.installed: requirements.txt | $(BIN)/python
	@echo "Installing Python packages (the first time this takes some minutes) …"
	@$(PIP) -r requirements.txt
	@touch $@
	@echo "Installed."

$(BIN)/.installed-dev: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing Python packages for development …"
	@$(PIP) -r requirements-dev.txt
	@touch $(BIN)/.installed $@
	@echo "Installed."
