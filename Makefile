PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
JAVA := $(if $(JAVA_HOME),$(JAVA_HOME)/bin/java,java)
JAVA_SAYS = $(shell { $(JAVA) -version; } 2>&1 | grep -v "^Picked up" | head -n 1)
PYTHON_SAYS = $(shell { $(PYTHON) --version; } 2>&1 | head -n 1)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run replay test test-long cluster-test lint format lock wheel bench jars-s3 clean java jars classes

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
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-find-links --extra spark --extra dev --extra flights --extra temperatures --extra connect --extra s3 \
		--output-file requirements.lock setup.py

wheel: setup ## Build the wheel into dist/
	rm -rf build dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

bench: setup ## Run each side-by-side measurement of bench/
	@for measurement in bench/*.py; do $(BIN)/python $$measurement || exit 1; done

jars-s3: setup ## Fetch the jars that tables on S3 need, 13 MB, into .jars-s3
	@$(BIN)/python tools/fetch_jars.py s3

clean: ## Remove what the other targets made, but not var/, where tables and models are
	rm -rf $(VENV) .jars .jars-s3 build dist lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find lib jobs tools tests bench -name __pycache__ -prune -exec rm -rf {} +

java:
	$(if $(findstring version "17,$(JAVA_SAYS)),@:,$(error Java 17 is needed, but `$(JAVA) -version` says: \
		$(JAVA_SAYS). Install a Java 17 runtime and put it on PATH, or set JAVA_HOME to it))

$(VENV)/made:
	$(if $(findstring Python 3.11.,$(PYTHON_SAYS)),@:,$(error Python 3.11 is needed, but `$(PYTHON) --version` says: \
		$(PYTHON_SAYS). Install it, or name it: make setup PYTHON=/path/to/python3.11))
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/locked: $(VENV)/made requirements.lock
	@echo "Installing the packages of requirements.lock into $(VENV): a few minutes"
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/installed: $(VENV)/locked setup.py pyproject.toml
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

jars: $(VENV)/locked
	@$(BIN)/python tools/fetch_jars.py

classes: $(VENV)/installed jars
	@test -e .jars/classes.jsa || { echo "Archiving the classes that Spark loads: a minute"; $(BIN)/python tools/archive_classes.py; }
