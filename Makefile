# What a newcomer needs: make demo, make test. Everything lives in .venv and build/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KEEP ?=
TORTURE ?= 1000
SEED ?= 1
export TORTURE SEED

.DEFAULT_GOAL := help
.PHONY: help setup demo test check torture lock clean up down screenshots torture-team

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.made ## make .venv with everything for use and tests

$(VENV)/.made: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: $(PYTHON) is older than Python 3.11; run make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

demo: setup ## bootstrap and certify 25 devices on the sandbox; KEEP=1 leaves it up
	@$(BIN)/birthcert demo $(if $(KEEP),--keep)

up: setup ## a whole installation: Postgres, Prefect, two workers, the sandbox, deployments
	@$(BIN)/birthcert up

down: setup ## end what make up started; data stays
	@$(BIN)/birthcert down

test: setup check ## the whole suite: style, types, layers, tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

screenshots: setup ## the pictures of docs/ui.md, taken anew
	SCREENSHOTS=$(CURDIR)/docs/screenshots $(BIN)/python -m pytest tests/deployments

check: setup ## style, types and layers alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

torture: setup ## kill runs at every call, then TORTURE=n times at random
	@$(BIN)/python benchmarks/torture.py

torture-team: setup ## kill the servers of an installation in the middle of runs
	$(BIN)/python -m pytest -m slow

lock: ## write requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra aws-blocks --extra sandbox --extra postgres --extra dev \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean: ## remove what make made
	rm -rf build $(VENV)
