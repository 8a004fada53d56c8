# Everything runs in .venv, which is made from the lock file when it is not there or out of date.
# All paths are relative, and modules are run rather than scripts: the folder may have any name.

PYTHON ?= python3
UV ?= uv

# The frameworks that `make frameworks` tries are too large for everybody's environment.
VENV := $(if $(filter frameworks,$(MAKECMDGOALS)),.venv-frameworks,.venv)
RUN := $(VENV)/bin/python -m
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(RUN) pip install --quiet --quiet

# Each is written when its step is done, so that a step that was cut short is done again.
LOCKED := $(VENV)/has-the-lock
# The installation knows this folder by its full path: moved or copied, it is made anew.
INSTALLED := $(VENV)/has-the-package-$(shell pwd | cksum | cut -d ' ' -f 1)
FRAMEWORKS := $(VENV)/has-the-frameworks

VERSION := import sys; print("%d.%d.%d" % tuple(sys.version_info[:3]))

.DEFAULT_GOAL := help
.PHONY: help tune test check lint types docs gallery benchmark frameworks lock clean FORCE

help: ## Say what can be made
	@echo 'make TARGET, or make TARGET PYTHON=python3.12, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

# ENGINE=dask has trials run on a local Dask cluster, with a worker for each trial at a time.
tune: $(INSTALLED) ## Tune a real model on real data (ENGINE=dask: on a Dask cluster)
	@$(RUN) prefect_tuner.flows.commands.command_line run deployments/digits.yaml \
	  $(if $(ENGINE),--engine "$(ENGINE)")

# Compiled once, and not by each of a thousand processes where PYTHONDONTWRITEBYTECODE is set.
test: $(INSTALLED) ## Run the whole test suite
	@$(RUN) compileall -q src/prefect_tuner flows strategies tasks tests
	@$(RUN) pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

check: lint types ## Check style and types

lint: $(INSTALLED) ## Check style alone
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

types: $(INSTALLED) ## Check types alone
	@$(RUN) mypy
	@$(RUN) mypy tests benchmarks deployments docs

# Strictly: a dead link, an anchor that is not there, or any other warning is an error.
docs: $(INSTALLED) ## Build the documentation site
	@$(RUN) sphinx --builder html --fail-on-warning --keep-going --quiet docs build/docs
	@echo 'Open build/docs/index.html'

gallery: $(INSTALLED) ## Take the screenshots of the documentation anew (needs Chromium)
	@$(RUN) tests.browser.gallery

benchmark: $(INSTALLED) ## Measure what a trial costs
	@$(RUN) benchmarks.overhead

frameworks: $(FRAMEWORKS) ## Try PyTorch, TensorFlow and others in trials (5 GB)
	@$(RUN) pytest tests/frameworks
	@$(RUN) benchmarks.frameworks.table --write docs/what_runs_in_a_trial.md

lock: ## Renew requirements.lock (needs uv)
	@command -v "$(UV)" >/dev/null || { \
	  echo 'make lock needs uv: python3 -m pip install uv, or name it: make lock UV=path/to/uv' >&2; \
	  exit 1; }
	@echo 'Looking for the newest versions that go together ...'
	@{ echo '# Exact versions of everything, for Python 3.11 and newer. Renew with: make lock'; \
	  "$(UV)" pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links; } > requirements.new || { \
	  rm -f requirements.new; exit 1; }
	@mv requirements.new requirements.lock

clean: ## Remove the environment and whatever was generated
	@rm -rf .venv .venv-frameworks build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python that is named on the command line is the one that is used, whatever .venv was made with.
ifneq ($(origin PYTHON),file)
ifneq ($(shell { "$(PYTHON)" -c '$(VERSION)'; } 2>/dev/null),$(shell cat $(LOCKED) 2>/dev/null))
$(LOCKED): FORCE
endif
endif

$(LOCKED): requirements.lock
	@fail() { printf '%s\n' "$$@" >&2; exit 1; }; \
	needs='prefect-tuner needs Python 3.11 or newer. Say which one to use:'; \
	use='    make $(or $(MAKECMDGOALS),test) PYTHON=python3.12'; \
	version=$$("$(PYTHON)" -c '$(VERSION)') || fail '$(PYTHON) does not run.' "$$needs" "$$use"; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  fail "$(PYTHON) is Python $$version." "$$needs" "$$use"; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  fail "$(PYTHON) (Python $$version) comes without venv or ensurepip." \
	    "On Debian and Ubuntu: apt-get install python$${version%.*}-venv"; \
	echo "Making $(VENV) with Python $$version: some minutes, and once only ..."
	@rm -rf $(VENV)
	@"$(PYTHON)" -m venv $(VENV)
	@$(PIP) --requirement requirements.lock
	@"$(PYTHON)" -c '$(VERSION)' > $(LOCKED)

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

$(FRAMEWORKS): $(INSTALLED) benchmarks/frameworks/requirements.txt
	@echo 'Installing the frameworks: 5 GB, many minutes, and once only ...'
	@$(PIP) --constraint requirements.lock --requirement benchmarks/frameworks/requirements.txt
	@touch $(FRAMEWORKS)
