# Every target does all of its own set-up: a fresh machine needs make, Python 3.11 and this directory.

PYTHON ?=
SEEDS ?= 2000
WORKERS ?= 3
ARGS ?=

BIN := .venv/bin
STAMP := .venv/.built
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)
SLOW = -o timeout=3600 -o faulthandler_timeout=4000

.DEFAULT_GOAL := help
.PHONY: help demo test lint format unit slow bench simulate docs packages clean

help:  ## what can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP)  ## a registry, three instances, a caller; then one is killed, one drained, the registry stopped
	@KEEP=$(KEEP) $(BIN)/python -m demo.run $(ARGS)

# What failed beside other work is run again, alone: a machine that others use too is late now and then, and a test that
# waits for real programs is not. It is said, with the first failure in full; what fails twice has failed.
test: lint $(STAMP) packages  ## everything that must hold before a commit: lint, types, tests
	@$(PYTEST); code=$$?; [ $$code -eq 1 ] || exit $$code; \
	echo "!! What failed is run again, alone. If it passes now it is a test that needs care: see above." >&2; \
	$(BIN)/python -m pytest --last-failed --exitfirst

lint: $(STAMP)  ## rules, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)  ## let ruff format and fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

unit: $(STAMP) packages  ## the default test run alone (ARGS="tests/core -k lease")
	@$(PYTEST)

slow: $(STAMP) packages  ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow $(SLOW) $(ARGS)

bench: $(STAMP) packages  ## each figure beside its reference; writes bench/RESULTS.md
	@$(BIN)/python -m bench $(ARGS)

simulate: $(STAMP)  ## the seeded simulator, thousands of seeds (SEEDS=2000)
	@$(BIN)/python -m pytest -m simulation $(SLOW) --seeds $(SEEDS) -q $(ARGS)

docs: $(STAMP)  ## write the generated pages of docs/ again
	@$(BIN)/python docs/generate.py

clean:  ## remove everything that make made
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@scripts/setup packages

$(STAMP): pyproject.toml scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup venv
	@touch $@
