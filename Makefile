# Each target sets up what it needs in .venv, once. Another Python: make PYTHON=python3.12 …
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOCK_FLAGS := -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check check-format check-lint check-types check-layers check-schema check-docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## a whole hub with three invented landlords, on this machine; Ctrl-C stops it
	@exec $(BIN)/python -m hub.cli demo $(ARGS)

test: $(READY) ## all tests, against real servers (ARGS=… goes to pytest)
	@exec $(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

fuzz: $(READY) ## malformed files, bad snapshots, slow uploads, all of them (ARGS=--help)
	@exec $(BIN)/python tests/fuzz/fuzz_main.py $(ARGS)

check: check-format check-lint check-types check-layers check-schema check-docs ## format, lint, types, layers, schema, docs

check-format: $(READY)
	@$(BIN)/python -m ruff format --check --quiet . || { echo 'run: $(BIN)/ruff format .'; exit 1; }

check-lint: $(READY)
	@$(BIN)/python -m ruff check --quiet .

check-types: $(READY)
	@$(BIN)/python -m mypy

check-layers: $(READY)
	@$(BIN)/lint-imports

check-schema: $(READY)
	@$(BIN)/python -m tenant_api.export --check

check-docs: $(READY)
	@$(BIN)/python -m pytest -q tests/guards

lock: $(READY) ## resolve the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile $(LOCK_FLAGS) $(ARGS) pyproject.toml -o requirements.lock
	sed -n '/^uv==/,/# via/p' requirements.lock > requirements-uv.lock

clean: ## remove .venv and caches; the demo's data (.housing-hub) stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find hub plugins graphql tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Two `make` at once in one checkout: the second waits, and finds it done.
ifndef SETUP_LOCKED
$(READY): requirements.lock requirements-uv.lock pyproject.toml
	@if command -v flock >/dev/null 2>&1; then exec flock Makefile $(MAKE) SETUP_LOCKED=1 $@; \
	else exec $(MAKE) SETUP_LOCKED=1 $@; fi
else
# uv does not read pip's configuration (mirrors, certificates): where it fails, pip does the same more slowly.
# The stamp is touched last, so an interrupted set-up is done again; `import pip` fails after an upgrade of Python.
$(READY): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo missing). Try: make PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv >/dev/null 2>&1 || { \
	  rm -rf .venv; \
	  echo "$(PYTHON) cannot make a virtual environment. Run this, then make again:"; \
	  if command -v apt-get >/dev/null 2>&1; then \
	    $(PYTHON) -c 'import sys; print("  sudo apt-get install -y python%d.%d-venv" % sys.version_info[:2])'; \
	  else echo "  install your system's package of Python's venv and ensurepip modules"; fi; exit 1; }
	@began=$$(date +%s); printf '  %-64s ' 'setting up .venv'; \
	{ $(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements-uv.lock \
	    && $(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock; } 2>.venv/uv.log \
	  || $(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements.lock || exit 1; \
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . || exit 1; \
	touch $@; printf 'done     %4d s\n' $$(($$(date +%s) - began))
endif
