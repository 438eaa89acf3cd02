# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# make demo      one primary and two standbys on this machine, without root, licence or Tibero
# make test      everything: lint, unit, molecule (as root: over real SSH)
#
# make help lists the rest. Each target prepares what it needs and nothing else.

PYTHON ?= python3
export PYTHON
PY := .venv/bin/python
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit molecule sweep soak docs build bench format clean venv-run venv-test packages

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r a b; do printf '%-18s %s\n' "$$a" "$$b"; done

venv-run:
	@tools/setup.sh run

venv-test:
	@tools/setup.sh test

packages: venv-test
	@$(PY) -m tools.packages

demo: venv-run ## one primary and two standbys built by our own playbooks in the local lab
	@$(PY) -m lab.demo

test: venv-test ## everything that is proved: lint, unit, molecule
	@$(MAKE) lint
	@$(MAKE) unit
	@$(MAKE) molecule
	@echo "make test: all of it passed"

lint: venv-test ## style, types, documentation, sanity, house rules, artefact
	@$(PY) -m tools.check lint $(GATES)

unit: packages ## unit tests, recordings, every supported ansible-core
	@$(PY) -m tools.check unit $(GATES)

molecule: packages ## every scenario in molecule/, or those named in GATES
	@$(PY) -m tools.check molecule $(GATES)

sweep: packages ## role changes broken at every moment in every way, and run again; CASES="switchover:2:crash reinstate:copy:ssh" for some, JOBS=2 on two labs
	@$(PY) -m lab.sweep --jobs $(or $(JOBS),1) $(CASES)

soak: packages ## drills in a row on one lab, and the table of their figures; ROUNDS=59 KINDS="switchover kill_server freeze" TRANSPORT=SYNC, ASYNC or MIXED PROTECTION=availability
	@$(PY) -m lab.soak --transport $(or $(TRANSPORT),SYNC) $(if $(PROTECTION),--protection $(PROTECTION)) $(or $(ROUNDS),59) $(KINDS)

format: venv-test ## add missing licence headers, bring Python files into their form
	@$(PY) -m tools.house.headers && $(PY) -m ruff check --quiet --fix-only . && $(PY) -m ruff format --quiet .

docs: venv-test ## the documentation as HTML in build/docs
	@$(PY) -m tools.docs

build: venv-test ## the collection's artefact in build/
	@$(PY) -m tools.build

bench: packages ## benchmarks/, with the figures they must keep
	@$(PY) -m tools.bench

clean: ## remove what the targets made, labs included
	@tools/clean.sh
