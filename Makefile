# `make` alone lists what there is.

CARGO ?= cargo
PYTHON ?= $(shell sh scripts/find-python.sh)
VENV := $(CURDIR)/.cache/venv
WHEELS := $(CURDIR)/.cache/wheels
REQUIREMENTS := python/requirements-test.txt

.DEFAULT_GOAL := help

## help: list the targets
.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk '{ name = $$1; sub(/^[^ ]* /, ""); sub(/:$$/, "", name); printf "  %-14s %s\n", name, $$0 }'

## demo: a job signs a model with a key in a real OpenBao; a policy accepts it offline, everything else is refused
.PHONY: demo
demo:
	@test -n "$(PYTHON)" || { echo "make: Python 3.9 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(CARGO) build --locked --quiet --package modelseal-cli --bin modelseal --example make_demo_model
	@sh scripts/demo.sh "$$(sh scripts/target-dir.sh)/debug" "$(PYTHON)"

## demo-local: the same with a key file and no server
.PHONY: demo-local
demo-local:
	@$(CARGO) build --locked --quiet --package modelseal-cli --bin modelseal --example make_demo_model
	@sh scripts/demo-local.sh "$$(sh scripts/target-dir.sh)/debug"

## test: every test: Rust, command line, interoperability, Python on every interpreter found
.PHONY: test
test: venv servers
	sh scripts/check-core-boundary.sh
	MODELSEAL_TEST_MODEL_SIGNING=$(VENV)/bin/model_signing $(CARGO) test --workspace --locked
	$(MAKE) --no-print-directory test-python

## test-python: build the wheel once, install it, test it on every CPython from 3.9 on that is found
.PHONY: test-python
test-python: wheel
	$(VENV)/bin/python -m mypy.stubtest modelseal
	MODELSEAL_TEST_MODEL_SIGNING=$(VENV)/bin/model_signing $(VENV)/bin/python -m pytest
	sh scripts/test-pythons.sh $(VENV)/bin/python $(WHEELS)/*.whl

## lint: formatting, clippy, rustdoc, ruff, mypy, stubs, licences, shell scripts: every warning is an error
.PHONY: lint
lint: venv
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked
	sh scripts/check-core-boundary.sh
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/shellcheck -x .ci/run scripts/*.sh
	sh scripts/cargo-deny.sh
	$(MAKE) --no-print-directory wheel
	$(VENV)/bin/python -m mypy.stubtest modelseal

## bench: measure against openssl and the reference tool, side by side (BENCH_ARGS='--quick' for small sizes)
.PHONY: bench
bench:
	$(PYTHON) scripts/bench.py $(BENCH_ARGS)

## docs: the Rust API as HTML
.PHONY: docs
docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

## wheel: the Python wheel, unoptimised, installed into .cache/venv
.PHONY: wheel
wheel: venv
	rm -rf $(WHEELS)
	$(VENV)/bin/maturin build --quiet --locked --profile dev --auditwheel skip --out $(WHEELS)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(WHEELS)/*.whl

## interop-venv: the Python environment of the tests, with the reference tool; prints the path of that tool
.PHONY: interop-venv
interop-venv: venv
	@echo $(VENV)/bin/model_signing

.PHONY: venv
venv:
	@test -n "$(PYTHON)" || { echo "make: Python 3.9 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) scripts/make_venv.py $(VENV) $(REQUIREMENTS)

## servers: install and build the servers that the tests run against; the first time takes minutes
.PHONY: servers
servers:
	@$(PYTHON) tests/vault/provide.py >/dev/null

## clean: remove what was built and cached
.PHONY: clean
clean:
	$(CARGO) clean
	rm -rf .cache
