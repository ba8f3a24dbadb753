# Assumes only make and a Python >= 3.11 with pip and venv; each target installs what it needs
# into $(VENV), once. With another interpreter: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
SEEDS ?= 100

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check bench fuzz digests clean

run: $(VENV)/.installed
	$(BIN)/labtester run kvsrv --seeds $(SEEDS)
	$(BIN)/labtester run lock --seeds $(SEEDS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses auto

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.linearizability.fuzz

digests: $(VENV)/.installed
	$(BIN)/python tests/digest_matrix.py

clean:
	rm -rf .venv .venv-* dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .labtester

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "labtester needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1);" \
	    "name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "installing labtester into $(VENV)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the development tools into $(VENV)"
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@
