# What one types in this project. `make help` lists it.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.made-for

.PHONY: help run test check faults bench clean

help: ## list these
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

run: $(READY) ## a first run: server, data, training, deployment, predictions; ONCE=1 ends when it is through
	@$(BIN)/python examples/first_run.py $(if $(ONCE),--once)

test: $(READY) ## all tests but the long ones
	@$(BIN)/pytest

check: $(READY) ## lint, format, types, layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

faults: $(READY) ## kill processes at many seeded instants and look for losses (long)
	@ATHANOR_FAULT_INSTANTS=20 $(BIN)/pytest tests/faults -m faults

bench: $(READY) ## the short benchmarks; see benchmarks/README.md for the long ones
	@$(BIN)/python benchmarks/help.py
	@$(BIN)/python benchmarks/limits.py --runs 12
	@$(BIN)/python benchmarks/predict_http.py

clean: ## remove the environment and what tools left behind; data folders stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made again when what it is made from has changed.
$(READY): pyproject.toml constraints.txt scripts/environment.sh
	@sh scripts/environment.sh
	@touch $@
