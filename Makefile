# Everything a developer or CI runs. Needs Python 3.11 or newer and make; the rest goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help demo install check format test bench docs

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: install ## Train on synthetic users, print recommendations and a metrics table
	@$(BIN)/latentrec demo

install: $(STAMP) ## Make .venv with latentrec and the developer tools

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "error: Python 3.11 or newer is needed, this is %d.%d; use make PYTHON=python3.11" % sys.version_info[:2])'
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing into $(VENV) (the first time takes a few minutes)"
	@$(BIN)/python -m pip install -qq -c constraints.txt -e ".[dev]"
	@touch $@

check: install ## Lint, format check, types, import rules, spelling; changes nothing
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "error: the files below need 'make format'"; $(BIN)/ruff format --check; exit 1; }
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/codespell

format: install ## Rewrite the files the way the check wants them
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

test: install check ## Check, then run all tests; the last line reads 'N passed, 0 failed'
	@$(BIN)/python .ci/run_tests.py -n auto --dist loadfile

bench: install ## Run benchmarks/*.py at quick sizes; docs/performance.md has the full ones
	@set -e; found=; for file in benchmarks/[!_]*.py; do \
	  if [ -f "$$file" ]; then found=1; echo "== $$file"; $(BIN)/python "$$file"; fi; done; \
	  if [ -z "$$found" ]; then echo "no benchmarks yet: benchmarks/ holds no .py file"; fi

docs: install ## Write the tables of settings, check links, decision records and command lines
	@$(BIN)/python docs/settings.py
	@$(BIN)/python -m pytest tests/test_project.py -k "document"
