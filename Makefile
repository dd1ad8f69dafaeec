# What a newcomer types. `make` alone prints the list.
#
# The environment is made with the first Python from 3.11 to 3.13 on PATH, or with the one you name:
#   make PYTHON=/path/to/python3.12 install

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A hundred processes that the tests start would compile the house anew.
export PYTHONDONTWRITEBYTECODE :=

# A live server is for `make test-live` alone.
test-live: export CLOUDSTACK_URL CLOUDSTACK_API_KEY CLOUDSTACK_SECRET_KEY
test fast: export CLOUDSTACK_URL :=

# What `make check` leaves to `make test`.
FAST := not slow and not kafka and not postgres and not dns and not browser and not serial
CODE := bot workflows handlers tests deploy $(wildcard bench)

.PHONY: help install demo test test-live check check-all lint fast wire bench schema pictures lock system services clean
# The system's packages come before the environment, and both before the services.
.NOTPARALLEL:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.dev ## .venv with the command `ilbot` and the development tools

demo: $(VENV)/.runtime ## the bot in a pretend world, in your browser; needs nothing but Python
	@$(BIN)/ilbot demo

test: system $(VENV)/.dev services ## every test, on a real Kafka, PostgreSQL, BIND 9 and Chromium; installs what is missing
	$(BIN)/python -m pytest -n 2 --dist loadgroup --durations=20 $(PYTEST)

check: lint fast ## format, lint, types, layers and the fast tests: under a minute

lint: $(VENV)/.dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

fast: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup --hypothesis-profile=quick -m "$(FAST)" $(PYTEST)

check-all: check ## check, then the fast tests on each other Python found here
	deploy/dev/other-pythons "$(FAST)"

test-live: $(VENV)/.dev ## claims and runbooks on a live CloudStack: CLOUDSTACK_URL=… CLOUDSTACK_API_KEY=… CLOUDSTACK_SECRET_KEY=…
	@: "$${CLOUDSTACK_URL:?is not set; docs/LIVE.md says how to start a server}"
	@: "$${CLOUDSTACK_API_KEY:?is not set}" "$${CLOUDSTACK_SECRET_KEY:?is not set}"
	$(BIN)/python -m pytest -v tests/live $(PYTEST)

wire: $(VENV)/.dev ## the pretend CloudStack against recordings of a real one: what is equal, what is not
	@$(BIN)/python -m tests.contract.wire_report $(RECORDING)

bench: $(VENV)/.dev services ## what the bot costs: events per second, time to decide (BENCH_KAFKA=full: all of it)
	$(BIN)/python -m bench

schema: $(VENV)/.dev ## docs/*.schema.json, from the formats of a spec and of a CPU sample
	@$(BIN)/python -c 'import json, bot.services.spec_format as spec; \
	  print(json.dumps(spec.json_schema(), indent=2))' > docs/ilb.schema.json
	@$(BIN)/python -c 'import bot.services.cpu_format as cpu; \
	  print(cpu.schema_text(), end="")' > docs/cpu-sample.schema.json

pictures: $(VENV)/.dev ## docs/images, from the demo's page: cards of pair and roll, in Chromium
	@$(BIN)/python -m tests.e2e.pictures

lock: ## newest versions of everything into constraints.txt, for Python 3.11 to 3.13
	deploy/dev/lock

system:
	@deploy/dev/system-packages

services: $(VENV)/.dev
	@deploy/dev/services

clean: ## forget the environment and what the tools left here (the caches elsewhere stay)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache

$(VENV)/.made:
	@python="$${PYTHON:-$$(deploy/dev/find-python)}"; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV)
	@$(PIP) install -q --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing ilbot into $(VENV)"
	@$(PIP) install -qq -c constraints.txt -e .
	@$(BIN)/python deploy/dev/check_sqlite.py
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing the development tools into $(VENV)"
	@$(PIP) install -qq -c constraints.txt --group dev
	@touch $@
