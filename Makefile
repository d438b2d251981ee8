# Needs Python 3.11 to 3.13 with pip and venv, and make. Everything is installed into .venv.
#   make demo    from clicks to a distilled student, left in runs/demo
#   make test    lint, types, import layers, tests
#   make test-all  the same with the long tests
#   make docs    the site, in site/
# TORCH_INDEX: index of PyTorch wheels (the address that PyTorch's site shows for pip and CPU).
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo docs test test-all check pytest clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(BIN)/distill-rec demo --out runs/demo

docs: $(VENV)/.installed
	$(BIN)/mkdocs build --strict

test: check pytest

test-all: check $(VENV)/.ray
	$(BIN)/python -m pytest -m ""

$(VENV)/.ray: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[ray]'
	touch $@

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes, a file of tests in one of them: each makes its own tiny run, and threads are one per process. The order
# is that of tests/conftest.py, not xdist's, which begins the files of few tests last, and those are the longest.
pytest: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	touch $@

# torch first, so that its CPU wheels are not replaced by larger ones.
$(VENV)/.torch: $(VENV)/.python constraints.txt
	$(PIP) install -q $(TORCH) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) install -q -c constraints.txt -e '.[train,search,serve,demo,notebooks,track,docs,qlora,dev]'
	touch $@

clean:
	rm -rf $(VENV) runs site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
