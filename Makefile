# `make demo` and `make test` need Python 3.11 or newer and make, nothing else. PY=/path/to/python chooses one.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
ENVIRONMENT := sh deploy/environment.sh
PACKAGES := hub connectors mappings sync_jobs
PEOPLE ?=
SEED ?=

.PHONY: help demo test nightly chaos check format bench conformance lock clean

help:
	@echo "make demo          environment and main job: four sandboxes, connected, reconciled, verified"
	@echo "make test          environment and all tests"
	@echo "make check         format, lint, types, floors"
	@echo "make nightly       the long random histories as well"
	@echo "make chaos         workers, queue and store tormented for ten minutes; CHAOS_SECONDS, CHAOS_SEED"
	@echo "make bench         benchmarks"
	@echo "make conformance VENDOR_SPECS=DIR   against vendors' own API descriptions"
	@echo "make format        format the code"
	@echo "make lock          resolve reqs.in and reqs-dev.in anew"

demo: $(VENV)/.run
	$(VENV)/bin/hub demo $(if $(PEOPLE),--people $(PEOPLE)) $(if $(SEED),--seed $(SEED))

# Bytecode is kept, whatever the environment says: the tests start some hundred processes.
test: $(VENV)/.dev
	env -u VENDOR_SPECS -u PYTHONDONTWRITEBYTECODE $(PYTHON) -m pytest -n 3

nightly: $(VENV)/.dev
	env -u VENDOR_SPECS -u PYTHONDONTWRITEBYTECODE $(PYTHON) -m pytest -n 3 --nightly

chaos: $(VENV)/.dev
	CHAOS_SECONDS=$(or $(CHAOS_SECONDS),600) CHAOS_SEED=$(or $(CHAOS_SEED),1) $(PYTHON) -m pytest -s tests/chaos/test_chaos.py

check: $(VENV)/.dev
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -P -c "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())" --no-logo
	@! grep -n "://" requirements*.lock || { echo "a lock names an address; run 'make lock'" >&2; exit 1; }

format: $(VENV)/.dev
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

bench: $(VENV)/.dev
	@set -e; for file in $$(grep -l __main__ benchmarks/*.py); do \
	  echo "== $$file"; $(PYTHON) -m benchmarks.$$(basename $$file .py); done

conformance: $(VENV)/.dev
	@test -d "$(VENDOR_SPECS)" || { echo "say where the descriptions are: make conformance VENDOR_SPECS=DIR" >&2; exit 1; }
	VENDOR_SPECS="$$(cd "$(VENDOR_SPECS)" && pwd)" $(PYTHON) -m pytest tests/conformance

# One environment: the tools of the tests are added to what the hub runs on.
$(VENV)/.run: requirements.lock requirements-uv.lock deploy/environment.sh
	@$(ENVIRONMENT) requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@$(ENVIRONMENT) requirements-dev.lock
	@touch $@

COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header

lock: $(VENV)/.dev
	$(COMPILE) $(UPGRADE) reqs.in -o requirements.lock
	$(COMPILE) $(UPGRADE) -c requirements.lock reqs-dev.in -o requirements-dev.lock
	sed -n '/^uv==/,/# via/p' requirements-dev.lock | sed 's/# via .*/# installs the other locks/' >requirements-uv.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
