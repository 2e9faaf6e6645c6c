# make demo   the first night: a district, a forecast, what freezes, what to do, and a page
# make test   every check
# Both set up all they need: a virtual environment, the dependencies, the console.

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8787
SCALE ?= 1
DEMO_DATA ?= demo-data
WEB := src/lingjing/interfaces/web/index.html
CONSOLE := $(shell find console -name node_modules -prune -o -type f -print 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench soak wheel reference docs clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# //p' Makefile
	@echo "make check  formatting, lint, types (part of make test)"
	@echo "make bench  speed and skill, recorded in benchmarks/RESULTS.md"
	@echo "make docs   the reference and the notebooks, written anew"
	@echo "make soak   faults survived, at length, recorded in benchmarks/SOAK.md"
	@echo "make wheel  a wheel that carries the built page"

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Lingjing needs Python 3.11 or newer on the PATH"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed

$(WEB): $(CONSOLE) tools/build_console.py | $(VENV)/bin/python
	$(BIN)/python tools/build_console.py
	@touch $@

demo: $(VENV)/.installed $(WEB)
	$(BIN)/lingjing demo --data $(DEMO_DATA) --port $(PORT) --scale $(SCALE) $(DEMO_OPTIONS)

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy

test: $(VENV)/.installed-test $(WEB) check
	$(BIN)/python tools/prepare_tests.py
	$(BIN)/python tools/build_console.py --check
	$(BIN)/python -m pytest -n 2 --dist worksteal

bench: $(VENV)/.installed-test
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,bench]'
	$(BIN)/python -m benchmarks

soak: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.soak

wheel: $(VENV)/.installed-test $(WEB)
	$(BIN)/python -m build --wheel

reference: $(VENV)/.installed-test
	$(BIN)/python tools/write_reference.py

docs: reference
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[docs]'
	$(BIN)/python tools/run_notebooks.py

format: $(VENV)/.installed-test
	$(BIN)/ruff check -q --fix .
	$(BIN)/ruff format -q .

clean:
	rm -rf $(VENV) dist build console/node_modules src/lingjing/interfaces/web demo-data
