# Every target but bench is `python -m course …`, which does the same where there is no make.
# PYTHON is the first one that is new enough, unless it is given.
ifndef PYTHON
PYTHON := $(or $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done),python3)
endif
COURSE = $(PYTHON) -m course

.PHONY: help setup lab test lint build bench clean

help:
	@echo "make setup          install what the course needs into .venv, once"
	@echo "make lab [LAB=1]    open a lab in JupyterLab"
	@echo "make test [ARGS=…]  run the tests with pytest"
	@echo "make lint           check style and types"
	@echo "make build          make the students' notebooks from solutions/"
	@echo "make bench [BENCH=llama]  measure against other tools, into RESULTS.md (an hour for all)"
	@echo "make clean          remove what can be made again, never work or marks"

setup:
	@$(COURSE) setup

lab: setup
	@$(COURSE) lab $(LAB)

build: setup
	@$(COURSE) build

test lint:
	@$(COURSE) setup --dev
	@$(COURSE) $@ $(ARGS)

BENCH = evaluation finetuning forecaster grading growth kills llama labs serving

bench:
	@$(COURSE) setup --dev
	@for name in $(BENCH); do \
		$$(ls .venv/bin/python 2>/dev/null || echo $(PYTHON)) -m benchmarks.$$name $(ARGS) || exit; done

clean:
	@$(COURSE) clean
