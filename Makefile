# Everything runs in a virtual environment of its own, .venv, made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-dev
DEMO_ARGS := $(if $(VIDEO),--video "$(VIDEO)")

.PHONY: help demo test lint format mutants clean

help:
	@echo "make demo              run the main job once, offline (VIDEO=path.mp4 takes your own video)"
	@echo "make test              run the tests"
	@echo "make lint              ruff and mypy"
	@echo "make format            rewrite the code in the project's format"
	@echo "make mutants           run mutation testing, up to an hour (ARGS=\"--count 20 client\" for less)"
	@echo "make clean             remove the virtual environment and what was built"

demo: $(VENV)/.ready
	@$(BIN)/mockling demo $(DEMO_ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

mutants: $(VENV)/.ready-mutants
	$(BIN)/python -m tests.mutation $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mockling needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.ready: pyproject.toml | $(BIN)/python
	@echo "Installing Mockling into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.ready-mutants: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutants]'
	@touch $@

$(READY): pyproject.toml | $(BIN)/python
	@echo "Installing Mockling and its development tools into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.ready
