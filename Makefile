# Two commands on a fresh machine: `make demo` and `make test`. Each sets up .venv itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src python -type f -not -name '*.pyc') CMakeLists.txt pyproject.toml

.PHONY: demo serve test lint format bench compare compare-full bandwidth production growth durable
.PHONY: brokerage asan tsan reliability wheel floors long screenshots clean cpp instructions

demo: $(VENV)/installed
	$(BIN)/mvcore demo

# Serves the demo's book in the browser.
serve: $(VENV)/installed
	$(BIN)/python -m pip install --quiet 'mvcore[serve]'  # adds the dependencies of this extra
	$(BIN)/mvcore serve --demo

test: $(VENV)/installed $(VENV)/developing cpp
	$(BIN)/ctest --preset dev
	$(BIN)/python -m pytest

lint: $(VENV)/installed $(VENV)/developing
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

format: $(VENV)/developing
	$(BIN)/ruff check --fix-only . ; $(BIN)/ruff format .
	git ls-files '*.cpp' '*.hpp' '*.h' '*.inl' | xargs $(BIN)/clang-format -i

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet .
	touch $@

$(VENV)/developing: requirements-dev.txt | $(VENV)/installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

# ---- C++ tests ----
CMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cmake

cpp: $(VENV)/developing
	$(CMAKE) --preset dev && $(CMAKE) --build --preset dev

asan tsan: $(VENV)/developing
	$(CMAKE) --preset $@ && $(CMAKE) --build --preset $@ && $(BIN)/ctest --preset $@

# ---- Run by hand ----
# Takes the pictures of the page for docs/images. Needs Chromium.
screenshots: $(VENV)/installed $(VENV)/developing
	PYTHONPATH=tests $(BIN)/python tests/screenshots.py

# Each benchmark writes its section of docs/benchmarks.md.
bench: $(VENV)/installed $(VENV)/developing
	$(BIN)/python bench/report.py --size full --write

# Compares with NumPy, numba, polars, DuckDB, pandas and Perspective, and draws charts. A tenth of
# the size takes minutes, full size up to an hour and 24 GB.
compare: $(VENV)/installed $(VENV)/benching
	$(BIN)/python bench/compare.py --size mid --write

compare-full: $(VENV)/installed $(VENV)/benching
	$(BIN)/python bench/compare.py --size full --write

$(VENV)/benching: requirements-bench.txt | $(VENV)/developing
	$(BIN)/python -m pip install --quiet -r requirements-bench.txt
	touch $@

# Tests every promise of docs/reliability.md, with the number of runs before a release. Takes about
# an hour.
reliability: $(VENV)/installed $(VENV)/developing cpp
	$(CMAKE) --preset asan && $(CMAKE) --build --preset asan
	$(BIN)/python tests/reliability_page.py

# Instructions per operation, for comparison with docs/benchmarks.md. Needs valgrind.
instructions: $(VENV)/installed
	$(BIN)/python bench/instructions.py --write

# bandwidth: against the memory bus. production: ten minutes of a day's load in real time. growth:
# exponents. durable: a book in a folder. brokerage: transactions of a brokerage house, beside dicts
# and SQLite. Each writes its section of docs/benchmarks.md.
bandwidth production growth durable brokerage: $(VENV)/installed $(VENV)/developing
	$(BIN)/python bench/$@.py --write

# Runs a writer and readers for a minute, and a long state machine on every instruction set.
long: export PYTHONHASHSEED = 0
long: $(VENV)/installed $(VENV)/developing
	MVCORE_SECONDS=60 $(BIN)/python -m pytest tests/python/test_consistency.py -s
	for isa in $$($(BIN)/python -c 'import mvcore._core as c; print(*c.isas())'); do \
	  MVCORE_ISA=$$isa MVCORE_STEPS=100000 $(BIN)/python -m pytest tests/python/test_state_machine.py -s || exit 1; \
	done

wheel: $(VENV)/developing
	$(BIN)/python -m build --outdir dist
	ls -l dist

# Tests with the lowest versions of the package's dependencies.
floors: $(VENV)/developing
	$(PYTHON) -m venv build/floors
	build/floors/bin/pip install --quiet . -c tests/floors.txt pytest hypothesis pytest-benchmark
	build/floors/bin/python -m pytest tests/python

clean:
	rm -rf build dist $(VENV)
