# make demo | test | lint | bench | docs | help: each installs what it needs into .venv first, once.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
STAMPS := .venv/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-compile --constraint constraints.txt
PINS := pyproject.toml constraints.txt
PYTEST_ARGS ?=
# One more than there are cores, up to four: tests wait for engines, browsers and servers half of their time.
WORKERS := $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? cores + 1 : 4)))

# A module is compiled by the first process that imports it, not by each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint bench docs reference constraints clean help

demo: $(STAMPS)/demo  ## simulate a small parametric study with EnergyPlus, build its store and catalog in demo/site
	@$(BIN)/simstac demo demo

test: lint $(STAMPS)/bytecode  ## everything that CI checks: lint, then all tests (in CI a skipped test is a failure)
	@scripts/system_packages.sh git chromium npm openssl s3fs
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(if $(CI),--require-all) $(PYTEST_ARGS)

lint: $(STAMPS)/test  ## ruff, mypy (strict) and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMPS)/test  ## measure against peers in the same run and rewrite the tables of benchmarks/README.md
	@for script in $$(grep -l '^def main' benchmarks/*.py); do echo "$$script"; $(BIN)/python "$$script"; done

docs: $(STAMPS)/docs  ## build the documentation into build/docs
	$(BIN)/zensical build --strict --config-file mkdocs.yml

reference: $(STAMPS)/test  ## write the generated pages of docs/reference and the schema in configs
	$(BIN)/python scripts/build_reference.py

constraints:  ## resolve every dependency anew and write constraints.txt
	@scripts/update_constraints.sh

clean:  ## remove what make made: .venv, demo, caches and builds
	rm -rf .venv demo site build test-artifacts .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*##/\1\t/' | expand -t 14

$(BIN)/python:
	@scripts/make_venv.sh .venv

$(STAMPS)/demo: EXTRAS := demo,parquet,plot
$(STAMPS)/test: EXTRAS := test,lint
$(STAMPS)/docs: EXTRAS := docs

$(STAMPS)/bytecode: $(STAMPS)/test
	@$(BIN)/python -m compileall -qq -x '/tests/' .venv/lib src || true  # what cannot be compiled is no module but a template
	@touch $@

$(STAMPS)/%: $(PINS) | $(BIN)/python
	@echo "Installing simstac[$(EXTRAS)] into .venv …"
	@$(PIP) --editable '.[$(EXTRAS)]'
	@mkdir -p $(STAMPS) && touch $@
