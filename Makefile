# make run   install, train on the shipped corpus, evaluate, predict   (make run ARTICLE=path for an article of yours)
# make test  install the development extras, lint, type-check, test
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := $(VENV)/.stamps
INPUTS := pyproject.toml constraints.txt
ARTICLE ?=
OVERRIDES ?=

.PHONY: run test lint install dev clean

run: install
	$(BIN)/newsstance pipeline experiment=quickstart $(if $(ARTICLE),input='$(ARTICLE)') $(OVERRIDES)

test: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --durations=15

install: $(STAMPS)/run
dev: $(STAMPS)/dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "newsstance needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }

# The CPU build of torch goes first: what follows then finds its requirement met and pulls no CUDA build.
$(STAMPS)/run: $(BIN)/python $(INPUTS)
	$(PIP) install --quiet --no-compile --constraint constraints.txt torch
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: $(STAMPS)/run
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) outputs dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
