# pgolf. `make` lists what there is. Everything is installed into .venv, from requirements.lock, with hashes.

PYTHON ?= python3
RECIPE ?= recipes/smoke.yaml
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
LINTED := pgolf verify tests
# uv does not read pip's configuration: hand it pip's package index, where one is set.
INDEX := $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX := $(INDEX)
endif

.DEFAULT_GOAL := help
.PHONY: help setup record verify run bundle bytes data test test-slow test-gpu check format bench fuzz lock docs clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  RECIPE=$(RECIPE)   ARGS='--set train.stop.steps=20 --seed 42'"

setup: $(READY) ## Install everything into .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pgolf needs Python 3.11 or newer, $(PYTHON) is older. Set PYTHON=python3.12, for example."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Could not make .venv: is the venv module there (Debian: python3-venv)?"; exit 2; }
	awk '/^uv==/ {on = 1} on {print; if (!/\\$$/) exit}' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

record: $(READY) ## Run RECIPE for all its seeds and write the record folder
	$(BIN)/pgolf record $(RECIPE) $(ARGS)

verify: $(READY) ## Judge a record folder (FOLDER=...) or a pull request (PR=1394)
	$(BIN)/pgolf verify audit $(if $(PR),--pr $(PR),"$(FOLDER)") $(ARGS)

run: $(READY) ## Run RECIPE for all its seeds
	$(BIN)/pgolf run $(RECIPE) $(ARGS)

bundle: $(READY) ## Compile RECIPE into one train_gpt.py
	$(BIN)/pgolf bundle $(RECIPE) -o train_gpt.py $(ARGS)

bytes: $(READY) ## Show what each module of RECIPE's bundle costs
	$(BIN)/pgolf bytes $(RECIPE) $(ARGS)

data: $(READY) ## Make the demo data set
	$(BIN)/pgolf data demo $(ARGS)

test: $(READY) ## Run the tests (CPU, minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow and not gpu" $(ARGS)

test-slow: $(READY) ## Run the tests that take long
	$(BIN)/python -m pytest -q -m slow $(ARGS)

test-gpu: $(READY) ## Run the tests that need a GPU
	$(BIN)/python -m pytest -q -m gpu $(ARGS)

check: $(READY) ## Lint, types, import directions, generated files
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pgolf recipe schema | diff - recipes/recipe.schema.json
	$(BIN)/pgolf recipe catalogue | diff - recipes/README.md
	$(BIN)/pgolf verify policy schema | diff - verify/policy/policy.schema.json

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix $(LINTED)
	$(BIN)/ruff format $(LINTED)

docs: $(READY) ## Write generated files anew
	$(BIN)/pgolf recipe schema -o recipes/recipe.schema.json
	$(BIN)/pgolf recipe catalogue -o recipes/README.md
	$(BIN)/pgolf verify policy schema > .venv/policy.schema.json && mv .venv/policy.schema.json verify/policy/policy.schema.json
	$(BIN)/python -m verify.report.as_json

bench: $(READY) ## Time what pgolf does against the public scripts (PGOLF_REFERENCE=its file)
	$(BIN)/python -m tests.bench $(ARGS)

fuzz: $(READY) ## Throw damaged files at verify's readers (ARGS='--minutes 10')
	$(BIN)/python -m tests.fuzz $(ARGS)

lock: ## Resolve requirements.in anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements.in -o requirements.lock

clean: ## Remove what can be made again (not data, runs and records)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
