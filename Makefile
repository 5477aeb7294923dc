# Everything starts from .venv, which the first target that needs it makes and keeps in step with the pinned versions.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BROKER ?= embedded
DATA ?= data
TEST_PROCESSES ?= 2
PYTEST_ARGS ?=
KILLS ?= 2000

.DEFAULT_GOAL := help
.PHONY: help venv demo serve dev kafka test test-deps check format bench sim soak chaos clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv with the pinned versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) is older than 3.11; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "make: python3 -m venv failed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

demo: $(STAMP) ## Load the manuals' stories and check the rows (BROKER=kafka: on Apache Kafka)
	$(BIN)/python scripts/demo.py --broker $(BROKER)

serve: $(STAMP) ## Run the service for good, under DATA=data
	$(BIN)/routine-load serve --data-dir $(DATA)

dev: $(STAMP) ## The service, an embedded Kafka broker and a live topic
	$(BIN)/routine-load dev

kafka: $(STAMP) ## Run Apache Kafka on a free port until interrupted
	$(BIN)/python -m routine_load.testing.apache_kafka

test: $(STAMP) ## All tests, in TEST_PROCESSES=2 processes
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

test-deps: ## Install what some tests need beside Python: MariaDB, PostgreSQL, a JDK, Maven
	@scripts/test-deps

check: $(STAMP) ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Routine load beside a consumer that only counts, Stream Load beside COPY
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.stream_load
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.scale --only commits

SEEDS ?= 1000
FIRST ?= 0
PLAY ?=

sim: $(STAMP) ## Play SEEDS=1000 simulated stories of failures from FIRST=0, or one again: PLAY=seed/cluster/17
	$(BIN)/python -m tests.sim $(if $(PLAY),$(PLAY),--seeds $(SEEDS) --first $(FIRST) --processes $(TEST_PROCESSES))

soak: $(STAMP) ## The long crash test, and a million generated statements
	RL_SOAK=1 $(BIN)/python -m pytest -s tests/crash tests/fuzz tests/wire/test_loader_kill.py $(PYTEST_ARGS)

chaos: $(STAMP) ## Thousands of kills and broken connections, on real processes; KILLS=2000
	RL_SOAK=1 RL_TEST_KILLS=$(KILLS) $(BIN)/python -m pytest -s tests/crash/test_chaos.py tests/crash/test_toxic_tcp.py \
	  tests/crash/test_every_cut_kill.py tests/crash/test_sleepers.py tests/crash/test_clocks.py tests/crash/test_network_namespaces.py $(PYTEST_ARGS)

clean: ## Remove everything that was made here
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
