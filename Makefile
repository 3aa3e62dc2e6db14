# Needs python3 (3.11 or newer) and make; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check
quiet = out=$$($(1) 2>&1) || { printf '%s\n' "$$out"; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bench-live bench-peers lock

help: ## what one can do here
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s%s\n", $$1, $$2}'

setup: $(READY) ## the environment in .venv, from requirements.lock

demo: $(READY) ## real recordings become sessions, adherence, an alert and a board
	@$(BIN)/rtm demo

test: $(READY) ## all tests
	@$(BIN)/pytest -n 3 --dist loadgroup --durations 25

check: $(READY) ## lint, format, types, and who imports whom
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo 'ruff format would change files: .venv/bin/ruff format'; exit 1; }
	@$(call quiet,$(BIN)/mypy)
	@$(call quiet,$(BIN)/lint-imports)

bench: $(READY) ## measurements, one JSON object a line
	@set -e; for file in $(filter-out tests/bench/live.py tests/bench/soak.py,$(wildcard tests/bench/*.py)); do $(BIN)/python "$$file"; done

bench-live: $(READY) ## measurements on a real Kafka, beside the bare consumer
	@$(BIN)/python tests/bench/live.py

PEERS := .venv-peers
bench-peers: $(READY) ## the same small job by quixstreams, by bytewax and by us
	@test -x $(PEERS)/bin/python || { $(PYTHON) -m venv $(PEERS) && \
		$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/bench/peers/requirements.txt; }
	@$(BIN)/python tests/bench/peers/run.py

# editables: what hatchling asks for to make an editable install
lock: $(READY) ## requirements.lock anew, names and hashes only
	@$(PIP) install --quiet uv
	@echo editables | $(BIN)/uv pip compile --quiet pyproject.toml - --extra demo --extra grafana --extra live --group dev --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --output-file requirements.lock
	@! grep -n '://' requirements.lock

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3'; exit 1; }
	@echo 'Making .venv, once: a minute or two'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
