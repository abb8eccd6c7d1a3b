# The only entrance: `make test` and `make check` set up everything they need in ./.venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

SCAN_VENV := .venv-scan
SCAN_STAMP := $(SCAN_VENV)/.installed

.PHONY: check test simulate format lint types site scan wheel mutants clean demo down
check: lint types site scan test wheel

# From nothing to a finished execution of catch_the_fish, on the local platform.
demo: $(STAMP)
	@$(BIN)/phaseline demo

# Stops what runs, and deletes what it has left in .phaseline/.
down:
	@if [ -e .phaseline/local ]; then $(MAKE) -s $(STAMP) && $(BIN)/phaseline local down --purge; else echo "nothing runs"; fi

# In more processes than two cores ask for: the tests of the local platform mostly wait.
test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 3

# More seeds than `make test` runs: make simulate SEEDS=100000 PROCESSES=2, or a state machine of a file, with
# CONFIG=phaseline.yaml MACHINE=catch_the_fish
SEEDS ?= 10000
PROCESSES ?= 2
FIRST ?= 0
simulate: $(STAMP)
	@PYTHONPATH=.:lambdas:constructs $(BIN)/python -m tests.simulation.run --seeds $(SEEDS) --first $(FIRST) \
		--processes $(PROCESSES) $(if $(CONFIG),--config $(CONFIG)) $(if $(MACHINE),--machine $(MACHINE))

# Changes the engine in thousands of ways, one at a time, and says which of them its quick tests notice. What has been
# tried is not tried again. One mutant: cd build/mutants, then ../../.venv/bin/mutmut show NAME
mutants: $(STAMP)
	@mkdir -p build/mutants && ln -sfn ../../lambdas build/mutants/src
	@ln -sfn ../../tests build/mutants/tests && ln -sfn ../../pyproject.toml build/mutants/pyproject.toml
	@cd build/mutants && rm -rf mutants/tests && ../../$(BIN)/mutmut run --max-children $(PROCESSES) && ../../$(BIN)/mutmut results

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

# The docs site, in build/site. A broken link, and a page that no menu leads to, is an error.
# What --quiet does not say, --strict does not count.
site: $(STAMP)
	@mkdir -p build
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict >build/site.log 2>&1 || { cat build/site.log >&2; exit 1; }

# What security scanners say of the templates. checkov pins an old boto3, so it has an environment of its own.
scan: $(STAMP) $(SCAN_STAMP)
	@PYTHONPATH=.:constructs:lambdas $(BIN)/python -m tests.scan.check $(SCAN_VENV)/bin

# What somebody else gets: the built wheel, installed and used in a clean environment outside the project.
wheel: $(STAMP)
	@$(BIN)/python tests/wheel/check.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(STAMP): pyproject.toml requirements-dev.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@begun=$$(date +%s); echo "  Setting up $(VENV): a minute or two"; \
	{ $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt; } \
	|| { echo "Setting up $(VENV) failed, as said above: mend that (is the package index reached?), then make it again" >&2; exit 1; }; \
	printf '✓ %-44s%6d s\n' "Set up $(VENV)" $$(($$(date +%s) - begun))
	@touch $@

$(SCAN_STAMP): requirements-scan.txt requirements-scan.lock
	@echo "  Setting up $(SCAN_VENV): a minute or two"; \
	{ $(PYTHON) -m venv $(SCAN_VENV) && $(SCAN_VENV)/bin/python -m pip install -q --disable-pip-version-check -r requirements-scan.txt; } \
	|| { echo "Setting up $(SCAN_VENV) failed, as said above: mend that (is the package index reached?), then make it again" >&2; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) $(SCAN_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
