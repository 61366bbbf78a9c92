# Everything that a developer runs; `make help` lists it. The environment is .venv; stamps in it say what is up to date.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := $(CURDIR)/.venv
STAMPS := .venv/stamps
export PATH := $(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(VENV)
unexport PYTHONPATH PYTHONHOME
# uv compiles nothing: without this every process would compile what it imports, each time anew.
unexport PYTHONDONTWRITEBYTECODE

# The full environment holds all of the core: where it is there, that one is kept up to date.
CORE := $(if $(wildcard $(STAMPS)/dev),$(STAMPS)/dev,$(STAMPS)/core)
FRONT_END := $(shell find src labextension/schema labextension/style labextension/install.json -type f 2>/dev/null)
BUILT := $(if $(wildcard labextension/build/package.json),,FORCE)

.PHONY: help setup demo test test-long lab check bench types docs lock clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(CORE) ## the main job on real data: train as a job, register, deploy, predict, check drift
	@jupyter mlplat demo

setup: $(STAMPS)/dev $(STAMPS)/frontend ## the development environment: .venv, test extras, front end, browser
	@scripts/setup system

test: setup ## every test but the long ones
	@scripts/test

test-long: setup ## the long fault and soak tests too
	@pytest --timeout 1800

lab: $(STAMPS)/dev $(STAMPS)/frontend ## JupyterLab with the extension
	@jupyter lab

check: $(STAMPS)/dev $(STAMPS)/node_modules ## lint, formatting, types, generated files
	@ruff check .
	@ruff format --check .
	@mypy
	@python scripts/generate_types.py --check
	@python scripts/generate_docs.py --check
	@python scripts/check_locks.py
	@jlpm lint:check
	@jlpm tsc --noEmit

bench: setup ## the benchmarks
	@failed=0; for file in benchmarks/*.py; do echo "== $$file"; python "$$file" || failed=1; done; exit $$failed

types: $(STAMPS)/dev ## write src/types.ts from models.py
	@python scripts/generate_types.py

docs: $(STAMPS)/dev ## write the reference parts of docs/ from the code
	@python scripts/generate_docs.py

lock: $(STAMPS)/venv ## write the locks anew; UPGRADE=1 takes newer versions
	@scripts/setup lock $(if $(UPGRADE),--upgrade)

clean: ## remove .venv, node_modules and everything that was built
	rm -rf .venv node_modules lib dist build labextension/build tsconfig.tsbuildinfo .eslintcache
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/browser/pictures
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv: scripts/setup
	@scripts/setup venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/core: requirements.lock pyproject.toml package.json | $(STAMPS)/venv
	@scripts/setup core
	@touch $@

$(STAMPS)/dev: requirements-dev.lock pyproject.toml package.json | $(STAMPS)/venv
	@scripts/setup node
	@scripts/setup dev
	@touch $@ $(STAMPS)/core

$(STAMPS)/node_modules: package.json yarn.lock .yarnrc.yml | $(STAMPS)/dev
	@echo "installing the front end's packages (log: .venv/jlpm.log)"
	@jlpm install --immutable >.venv/jlpm.log 2>&1 || { tail -n 40 .venv/jlpm.log; exit 1; }
	@touch $@

$(STAMPS)/frontend: $(FRONT_END) package.json tsconfig.json $(BUILT) | $(STAMPS)/dev $(STAMPS)/node_modules
	@echo "building the front end"
	@jlpm build:prod
	@scripts/setup link
	@touch $@

FORCE:
