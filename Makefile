PYTHONS := 3.11 3.12 3.13
JAVAS := 17 21 25
# The first of them that is there; another: make setup PYTHON=python3.13, beside this one: make VENV=.venv-3.13 PYTHON=python3.13 test
PYTHON ?= $(or $(shell for each in $(PYTHONS); do python$$each --version >/dev/null 2>&1 && echo python$$each && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
JAVA := $(if $(JAVA_HOME),$(JAVA_HOME)/bin/java,java)
JAVA_SAYS = $(shell { $(JAVA) -version; } 2>&1 | grep -v "^Picked up" | head -n 1)
PYTHON_SAYS = $(shell { $(PYTHON) --version; } 2>&1 | head -n 1)
VERSION ?= 4.0
# Another Spark than the pinned one, with a Delta of its time, and what is run on it.
OTHER := .spark-$(VERSION)
ON_OTHER := tests/test_pipeline.py tests/test_scoring.py tests/test_catalog.py tests/test_coercion.py tests/tables/test_warehouse.py tests/tables/test_contended.py
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run replay test test-long test-spark cluster-test lint format lock wheel jobs bench jars-s3 clean java jars classes

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: java $(VENV)/installed classes ## Make .venv from requirements.lock, and fetch Delta's jars

run: setup ## Take the flights project from landing files to a released model and its report
	$(BIN)/python jobs/stage_flights.py --environment local --until 2013-07-31
	$(BIN)/solvent pipeline --project flights --environment local --as-of 2013-08-02 --release

replay: setup ## Play the flights of August to December 2013 as if they came now; half an hour or more
	$(BIN)/python jobs/replay_flights.py

test: setup ## Run the tests, in two processes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-long: setup ## Run the tests that take minutes each: deployments that are killed or come at once
	$(BIN)/python -m pytest -m long

test-spark: $(OTHER)/installed ## Run main jobs and ledgers on another Spark, with its Delta: VERSION=4.0, 4.1 or 4.2
	PYTHONPATH=$(CURDIR)/$(OTHER)/python SOLVENT_ENVIRONMENT=$(CURDIR)/$(OTHER)/local.yml $(BIN)/python -m pytest $(ON_OTHER)

cluster-test: setup ## Make one model on Spark standalone, of 1 to 3 workers, and Spark Connect, and compare digests
	$(BIN)/python -m pytest tests/cluster -m "long or not long"

lint: setup ## Check style, formatting, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code, and fix what can be fixed
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: setup ## Pin what setup.py asks for in requirements.lock, keeping the pins that still fit
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version $(firstword $(PYTHONS)) \
		--generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --all-extras --output-file requirements.lock setup.py

wheel: setup ## Build the wheel into dist/
	rm -rf build dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

jobs: setup ## Write the entry points for spark-submit from the list of jobs
	$(BIN)/python tools/write_jobs.py

bench: setup ## Run each side-by-side measurement of bench/
	@for measurement in bench/*.py; do $(BIN)/python $$measurement || exit 1; done

jars-s3: setup ## Fetch the jars that tables on S3 need, 13 MB, into .jars-s3
	@$(BIN)/python tools/fetch_jars.py s3

clean: ## Remove what the other targets made, but not var/, where tables and models are
	rm -rf $(VENV) .jars .jars-s3 .spark-* build dist lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find lib jobs tools tests bench -name __pycache__ -prune -exec rm -rf {} +

java:
	$(if $(filter $(foreach each,$(JAVAS),"$(each)" "$(each).%),$(JAVA_SAYS)),@:,$(error Java 17, 21 or 25 is needed, \
		but `$(JAVA) -version` says: $(JAVA_SAYS). Install such a runtime and put it on PATH, or set JAVA_HOME to it))

$(VENV)/made:
	$(if $(filter $(PYTHONS:%=%.%),$(PYTHON_SAYS)),@:,$(error Python 3.11, 3.12 or 3.13 is needed, but `$(PYTHON) --version` says: \
		$(PYTHON_SAYS). Install one, or name it: make setup PYTHON=/path/to/python3.11))
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/locked: $(VENV)/made requirements.lock
	@echo "Installing the packages of requirements.lock into $(VENV): a few minutes"
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/installed: $(VENV)/locked setup.py pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.spark-%/installed: tests/spark/%/requirements.lock tests/spark/%/jars.sha256 | setup
	rm -rf $(@D)
	$(PIP) install --require-hashes --no-deps --target $(@D)/python -r $<
	PYTHONPATH=$(@D)/python $(BIN)/python tools/fetch_jars.py spark-$*
	sed 's#jars: .jars#jars: $(@D)/jars#' conf/environments/local.yml > $(@D)/local.yml
	@touch $@

jars: $(VENV)/locked
	@$(BIN)/python tools/fetch_jars.py

# Java reads an archive of classes only where it is the Java that wrote it, and the jars are those of which it wrote.
classes: $(VENV)/installed jars
	@of="$(abspath $(VENV)) $$($(JAVA) -version 2>&1)"; \
	if [ "$$of" != "$$(cat .jars/classes.of 2>&1)" ] || [ .jars/classes.jsa -ot $(VENV)/locked ]; then \
		echo "Archiving the classes that Spark loads: a minute"; $(BIN)/python tools/archive_classes.py && echo "$$of" > .jars/classes.of; fi
