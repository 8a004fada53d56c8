# Everything runs in .venv, which is made from the lock file when it is missing or older than that.
# Paths are relative and nothing is called by an absolute one: the folder may have any name.

PYTHON ?= python3
UV ?= uv

VENV := .venv
RUN := $(VENV)/bin/python -m
STAMP := $(VENV)/made-from-lock

CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))
CHROMEDRIVER := $(shell command -v chromedriver)

.PHONY: help tune test check lint types benchmark lock clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@echo 'make TARGET [PYTHON=python3.12], where TARGET is one of'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | column -t -s '|'

tune: $(STAMP) ## Tune a real model on real data, with a progress bar
	@$(RUN) prefect_tuner.flows.command_line run deployments/digits.yaml

test: $(STAMP) ## Run the whole test suite
ifeq ($(and $(CHROMIUM),$(CHROMEDRIVER)),)
	@echo 'No chromium with its chromedriver here: the browser tests are skipped.'
endif
	@$(RUN) pytest

check: lint types ## Lint and check types

lint: $(STAMP)
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

types: $(STAMP)
	@$(RUN) mypy
	@$(RUN) mypy tests benchmarks deployments
