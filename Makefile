# `make demo` runs the product, `make test` passes its tests; both set up whatever is missing first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo demo-providers demo-reset test test-scaled fuzz lint audit check messages screenshots bench chaos clean

# Compiled modules are kept whatever the shell says: without them every start takes three seconds longer.
demo: $(VENV)/runtime
	@DEMO=1 PYTHONDONTWRITEBYTECODE= exec $(BIN)/python manage.py demo

demo-providers: $(VENV)/runtime
	@exec $(BIN)/python -m tests.demo_providers

demo-reset: $(VENV)/runtime
	@DEMO=1 $(BIN)/python manage.py demo --reset

test: $(VENV)/development
	$(BIN)/python -m pytest

test-scaled: $(VENV)/development
	$(BIN)/python -m tests.services -- $(BIN)/python -m pytest -m "not e2e and not slow"

fuzz: $(VENV)/development
	$(BIN)/python -m tests.fuzz

lint: $(VENV)/development
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py makemigrations --check --dry-run

# Bad habits in our code, and known holes in the packages that it runs on.
audit: $(VENV)-audit/done $(VENV)/development
	$(VENV)-audit/bin/bandit --quiet --configfile pyproject.toml --recursive accounts chat orders ordersupport
	$(BIN)/python -m tests.audit $(VENV)-audit/bin/pip-audit

check: lint audit
	$(BIN)/python -m pytest -m "not e2e and not slow"

# Gathers every text into the apps' catalogues and compiles them; names what is not translated yet.
messages: $(VENV)/runtime
	$(BIN)/python manage.py messages

screenshots: $(VENV)/development
	$(BIN)/python -m tests.e2e.screenshots

# Every benchmark, one after the other; docs/benchmarks.md says what each measures.
BENCHMARKS ?= start page accept confirmations recovery chat sockets

bench: $(VENV)/development
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done

# Kills, lost answers and restarts on the real processes; 2,000 orders on SQLite unless told otherwise:
#     make chaos CHAOS="--orders 500 --kills 5 --seed 8 --database postgres --redis"
chaos: $(VENV)/development
	$(BIN)/python -m tests.chaos $(CHAOS)

# What can be made again; var/ is not among it: there are the database, its key, and what people sent.
clean:
	rm -rf $(VENV) $(VENV)-audit .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "A virtual environment can't be made. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/runtime: requirements.txt | $(VENV)/bin/python
	@# Without compiling what may never be imported: the first page is there sooner, and Python compiles the rest on first use.
	$(PIP) install --quiet --no-compile -r requirements.txt
	@touch $@

$(VENV)/development: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	$(PIP) install --quiet --no-compile -r requirements-dev.txt
	@touch $(VENV)/runtime $@

$(VENV)-audit/done: requirements-audit.txt | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet --no-compile -r requirements-audit.txt
	@touch $@
