# make demo, demo-flask, demo-fastapi: the sample applications with mock providers.  make test: every test that this machine can run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_PORT ?= 8000
# It asks for an older jiter than OpenAI's newest client does; both work with the newer one.
APART := 'instructor>=1.17'

# make compiled: the path of a request, compiled beside its sources (hatch_build.py); make plain: as it was.
# make test-compiled: the tests of that path, compiled; then plain again, whatever happened.
COMPILED_TESTS := $(addprefix tests/,asgi contract dialect exchange gateway match observe policy traffic transport wsgi \
	test_build.py test_compiled.py test_entry.py test_explain.py test_facts.py test_handle.py test_packaging.py \
	e2e/test_asgi.py e2e/test_wsgi.py)
# make node-clients: what the tests of clients for Node need; without it they are skipped.
.PHONY: demo demo-flask demo-fastapi test compiled plain test-compiled node-clients matrix lint types bench bench-full format clean
.DEFAULT_GOAL := test

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(APART)
	touch $@

demo: $(VENV)/.ready
	@$(BIN)/python sample_apps/django_chat/demo.py --port $(DEMO_PORT)

demo-flask: $(VENV)/.ready
	@$(BIN)/python sample_apps/flask_chat/demo.py --port $(DEMO_PORT)

demo-fastapi: $(VENV)/.ready
	@$(BIN)/python sample_apps/fastapi_chat/demo.py --port $(DEMO_PORT)

test: $(VENV)/.ready
	$(BIN)/python -m pytest

compiled: $(VENV)/.ready
	LLMGW_COMPILE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@test -n "$$(find llmgw_middleware -name '*.so')" || { echo 'nothing was compiled' >&2; exit 1; }

plain:
	@find llmgw_middleware -name '*.so' -delete
	@rm -f llmgw__mypyc*.so

test-compiled: $(VENV)/.ready
	@trap '$(MAKE) --no-print-directory plain' EXIT; trap 'exit 1' INT TERM; \
	$(MAKE) --no-print-directory compiled && $(BIN)/python -m pytest $(COMPILED_TESTS)

node-clients:
	npm install --prefix tests/clients/node --no-package-lock --no-audit --no-fund --loglevel=error

matrix: $(VENV)/.ready
	$(BIN)/python tests/matrix/run.py $(WORDS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.ready
	$(BIN)/mypy

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks quick

# Compiled and as Python, where there is a compiler.
bench-full: $(VENV)/.ready
	@trap '$(MAKE) --no-print-directory plain' EXIT; trap 'exit 1' INT TERM; \
	$(MAKE) --no-print-directory compiled || echo 'nothing can be compiled here: plain Python alone is measured' >&2; \
	$(BIN)/python -m benchmarks all --write

clean: plain
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache
