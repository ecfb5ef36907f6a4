PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check interop mutants fuzz lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Build the environment from the hashed lock

# --no-build-isolation: the build backend comes from the same lock as everything else.
$(VENV)/.ready: requirements-dev.txt pyproject.toml packages/toolkit/pyproject.toml packages/relying-party/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Assay needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e packages/relying-party -e packages/toolkit
	touch $@

demo: setup  ## The main job, end to end: phones, Assay and a bank, with only HTTP between them
	$(BIN)/assay demo

serve: setup  ## Keep the local stack running for hands-on use
	$(BIN)/assay serve

check: setup  ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The interop tests verify tokens with another language's library; without Node they skip and say why.
interop: tests/interop/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix tests/interop --no-audit --no-fund --silent; fi

test: check interop  ## Everything that CI runs
	$(BIN)/python -m pytest -n 2

# Where what is signed may not be changed by one bit; the default test run takes a sample of this.
mutants: setup  ## Change each signed byte of forty recorded pieces of evidence, three ways (minutes)
	$(BIN)/python -m tests.mutants.run

# An environment of its own, for CPython 3.11: atheris 3.0.0 has wheels for few interpreters, and only this one is tried.
FUZZ_PYTHON ?= python3.11
SECONDS ?= 3600
.venv-fuzz/.ready: requirements-dev.txt requirements-fuzz.txt pyproject.toml packages/toolkit/pyproject.toml packages/relying-party/pyproject.toml
	$(FUZZ_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "fuzzing needs Python 3.11; set FUZZ_PYTHON=")'
	$(FUZZ_PYTHON) -m venv --clear .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt -r requirements-fuzz.txt
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e packages/relying-party -e packages/toolkit
	touch $@

fuzz: .venv-fuzz/.ready  ## libFuzzer on every decoder and verifier: SECONDS=3600 for all, TARGET=name for one
	.venv-fuzz/bin/python -m tests.fuzz.run --seconds $(SECONDS) $(addprefix --target ,$(TARGET))

lock:  ## Rewrite the lock files (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url requirements.in -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url requirements-dev.in -o requirements-dev.txt
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-emit-index-url requirements-fuzz.in -o requirements-fuzz.txt

clean:  ## Remove the environment and what tools left behind
	rm -rf $(VENV) .venv-fuzz .fuzz .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
