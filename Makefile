# One line each: `make demo`, `make test`, `make test-quick`, `make check`, `make format`, `make bench`, `make docs`,
# `make notebooks`, `make release-check`.
# Each sets up what it needs in ./.venv first; a stamp file makes the next run start at once.
# Another Python: `make test PYTHON=/path/to/python3.12`. Another place for the environment: `VENV=...`.

VENV ?= .venv
PYTHON ?=
PYTEST_ARGS ?= -n auto --dist worksteal
BENCH_ARGS ?=
BIN := $(VENV)/bin

# the first Python on the path that is new enough and can make virtual environments
CANDIDATES := $(PYTHON) python3 python3.13 python3.12 python3.11 python
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

# a virtual environment that was left half made is made again
.DELETE_ON_ERROR:
.PHONY: demo test test-quick check format bench docs notebooks release-check clean

demo: $(VENV)/.ready-demo
	$(BIN)/python -m kjax examples/digits_cnn.py
	$(BIN)/python -m kjax examples/digits_cnn.py --evaluate

test: $(VENV)/.ready-test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-quick: $(VENV)/.ready-test
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

check: $(VENV)/.ready-dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

format: $(VENV)/.ready-dev
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

bench: $(VENV)/.ready-bench
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

docs: $(VENV)/.ready-docs
	JAX_PLATFORMS=cpu $(BIN)/python -m sphinx -q -W --keep-going -n -d site/doctrees docs site/html
	@echo "site/html/index.html"

notebooks: $(VENV)/.ready-docs
	JAX_PLATFORMS=cpu $(BIN)/python tools/notebooks.py

release-check: $(VENV)/.ready-release
	$(BIN)/python tools/release_check.py

clean:
	rm -rf $(VENV) build dist demo_out bench_out .test_cache site docs/api docs/notebooks

$(BIN)/python:
	@for p in $(CANDIDATES); do \
	    if $$p -c '$(USABLE)' >/dev/null 2>&1; then echo "$$p -m venv $(VENV)"; exec $$p -m venv $(VENV); fi; \
	done; \
	echo "kjax needs Python 3.11 or newer with the venv module; found none of: $(CANDIDATES)." >&2; \
	echo "Install one (Debian: apt-get install python3 python3-venv) or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.ready-demo: EXTRAS = sklearn,viz
$(VENV)/.ready-test: EXTRAS = test
$(VENV)/.ready-dev: EXTRAS = dev
$(VENV)/.ready-bench: EXTRAS = bench
$(VENV)/.ready-docs: EXTRAS = docs
$(VENV)/.ready-release: EXTRAS = release

$(VENV)/.ready-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@
