# Assumes only make and a Python >= 3.11 with pip and venv; each target installs what it needs
# into $(VENV), once. With another interpreter: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
SEEDS ?= 100
TESTS ?=
DIGESTS ?=
# A CPython newer than those tried with these versions may need newer ones. Asked once, so no `?=`.
ifndef CONSTRAINTS
CONSTRAINTS := $(shell $(PYTHON) -c 'import sys; \
  print("/dev/null" if sys.version_info[:2] > (3, 15) else "constraints.txt")' 2>/dev/null)
endif
PIP_OPTIONS ?=

BIN := $(VENV)/bin
# Both variables: since pip 25.3 what the build itself needs takes its versions from the second.
PIP_INSTALL = PIP_CONSTRAINT=$(CONSTRAINTS) PIP_BUILD_CONSTRAINT=$(CONSTRAINTS) \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS)

.PHONY: pictures run test test-newest test-oldest check bench bench-check fuzz digests attacks soak clean

run: $(VENV)/.installed
	$(BIN)/labtester run kvsrv --seeds $(SEEDS)
	$(BIN)/labtester run lock --seeds $(SEEDS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses auto $(TESTS)

# The same tests with the newest and with the oldest versions that pyproject.toml allows of what
# labtester uses, each in an environment of its own. TESTS=tests/labrpc runs some of them.
test-newest:
	@rm -f $(VENV)-newest/.installed $(VENV)-newest/.installed-dev
	$(MAKE) test VENV=$(VENV)-newest CONSTRAINTS=/dev/null \
	  PIP_OPTIONS='--upgrade --upgrade-strategy eager'

test-oldest:
	@mkdir -p $(VENV)-oldest
	$(PYTHON) tests/lower_bounds.py > $(VENV)-oldest/constraints.txt
	$(MAKE) test VENV=$(VENV)-oldest CONSTRAINTS=$(VENV)-oldest/constraints.txt

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

# Calls that an RPC and an operation make, against those stored: no clock has a say in it.
bench-check: $(VENV)/.installed
	$(BIN)/python -m bench.calls --check

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.linearizability.fuzz

# DIGESTS=--few compares a few tests of each replicated lab, as CI does; DIGESTS=--bugs one run of
# each planted bug.
digests: $(VENV)/.installed
	$(BIN)/python tests/digest_matrix.py $(DIGESTS)

# Submissions that attack their grader; 200 seeds of each lab, in one process and isolated.
attacks: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q tests/grading/attacks/all_attacks.py
	$(BIN)/python -m tests.grading.same_digests --seeds 200

# Each bug of the catalogue must be found within 200 seeds. Every correct solution must pass 1 000
# seeds of every test, 20 of one of weight 50, which has 20 000 clients: --seeds is divided by a
# test's weight, so the heavy ones among the others come again with more. Of Raft only the reference
# is run on as many. It takes hours.
MUTANTS := $(BIN)/labtester mutants
comma := ,
space := $(subst ,, )
RAFT_TWICE := test_reliable_churn_3c test_unreliable_churn_3c test_snapshot_install_3d \
  test_snapshot_install_unreliable_3d test_snapshot_install_crash_3d test_snapshot_install_un_crash_3d
soak: $(VENV)/.installed
	$(BIN)/python -m pytest -q tests/guard/all_leaks.py tests/hostile/all_hostile.py
	$(BIN)/python -m pytest -q tests/grading/all_class.py tests/report/all_stories.py tests/report/all_outputs.py
	$(MUTANTS) kvsrv --only bugs --first --seeds 200
	$(MUTANTS) lock --only bugs --first --seeds 200
	$(MUTANTS) dedup --only bugs --first --seeds 200
	$(MUTANTS) kvsrv --only correct --seeds 1000
	$(MUTANTS) lock --only correct --seeds 1000
	$(MUTANTS) dedup --only correct --seeds 1000
	$(MUTANTS) lock --only correct --seeds 3000 --tests test_many_clients_reliable
	$(MUTANTS) lock --only correct --seeds 5000 --tests test_one_client_reliable,test_held_for_long
	$(MUTANTS) kvsrv --only correct --seeds 10000 --tests test_put_concurrent_reliable
	$(MUTANTS) dedup --only correct --seeds 5000 --tests test_basic
	$(MUTANTS) dedup --only correct --seeds 20000 --tests test_concurrent,test_forgotten_client
	$(MUTANTS) raft --only bugs --first --seeds 100
	$(MUTANTS) raft --only correct --seeds 50
	$(BIN)/labtester run raft --seeds 1000
	$(BIN)/labtester run raft --seeds 2000 --tests $(subst $(space),$(comma),$(RAFT_TWICE))
	$(BIN)/labtester run raft --seeds 5000 --tests test_figure8_3c,test_figure8_unreliable_3c
	$(MUTANTS) rsm --only bugs --first --seeds 100
	$(MUTANTS) kvraft --only bugs --first --seeds 100
	$(MUTANTS) kvraft-dedup --only bugs --first --seeds 100
	$(MUTANTS) rsm --only correct --seeds 50
	$(MUTANTS) kvraft --only correct --seeds 50
	$(MUTANTS) kvraft-dedup --only correct --seeds 50
	$(BIN)/labtester run rsm --seeds 500
	$(BIN)/labtester run kvraft --seeds 500
	$(BIN)/labtester run kvraft-dedup --seeds 500
	$(MUTANTS) mapreduce --only bugs --first --seeds 100
	$(MUTANTS) mapreduce --only correct --seeds 200
	$(BIN)/labtester run mapreduce --seeds 1000
	$(BIN)/python -m pytest tests/labs/kvraft/all_soak.py --sim-seeds 1000

# The pictures of pages in docs/: bugs are planted, and what is drawn of them is photographed.
pictures: $(VENV)/.installed-dev
	$(BIN)/python docs/pictures/take.py

clean:
	rm -rf .venv .venv-* dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .labtester

$(VENV)/.installed: pyproject.toml $(wildcard $(CONSTRAINTS))
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
