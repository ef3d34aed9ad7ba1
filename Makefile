# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
# Every recipe that talks to the cluster runs in the sandbox's environment (PATH, KUBECONFIG, state backend).
ENV := eval "$$($(PYTHON) -m sandbox env)"
# Most tests wait most of the time, for pods above all: with one more than there are cores, these idled for 60 to 80 % of it. Each
# takes up to 2 GB.
WORKERS ?= $(shell echo $$(($$(nproc) * 5 / 2)))
# Whatever the shell says: hundreds of processes of a test run would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(ENV) && $(VENV)/bin/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test test-long up down status check registry connect storage flink trino edge collector unit cluster e2e bench bench-preview bench-deploy bench-brokers bench-gateway bench-elastic bench-monitoring bench-connect bench-edge bench-scale bench-fuzz

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements.txt requirements-dev.txt policies/requirements.txt components/pyproject.toml runtime/pyproject.toml runtime/setup.py runtime/kafka_platform_runtime/gateway/_records.c runtime/kafka_platform_runtime/gateway/_unpacking.c
	@$(PYTHON) -m sandbox.venv $(VENV)
	@touch $@

demo: $(STAMP) ## A Kubernetes, a Kafka deployed by `pulumi up`, and real records through it
	@$(PYTHON) -m sandbox up --without-keda
	@$(ENV) && $(VENV)/bin/python -m sandbox.demo

test: check ## Every test that this machine can run; says why the rest are skipped
	@$(PYTHON) -m sandbox up
	@$(PYTEST) --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder tests/e2e tests/cluster tests/unit

test-long: up registry connect storage flink trino edge collector ## All tests, also those that need minutes of compiling (once) or of waiting, as each alert by a real fault
	@$(PYTHON) -m sandbox languages
	@TEST_LONG=1 $(MAKE) test

up: $(STAMP) ## Only the sandbox: Kubernetes, Pulumi and the images
	@$(PYTHON) -m sandbox up
	@echo 'next      eval "$$(python3 -m sandbox env)"     use pulumi and kubectl in this shell'

down: ## Remove the sandbox and everything in it
	@$(PYTHON) -m sandbox down

status: ## What runs in the sandbox
	@$(PYTHON) -m sandbox status

check: $(STAMP) ## Formatting, lint, types, stack files
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/python -m infra check --all
	@$(VENV)/bin/python -m infra schema --check

registry: $(STAMP) ## Fetches the schema registry (159 MB), so that tests with a real one are not skipped
	@$(PYTHON) -m sandbox.registry

connect: $(STAMP) ## Fetches the plugins of Kafka Connect (300 MB), so that tests with a real one are not skipped
	@$(PYTHON) -m sandbox.connect

storage: $(STAMP) ## Compiles the object store (two minutes), so that tests with a real one are not skipped
	@$(PYTHON) -m sandbox.object_store

flink: $(STAMP) ## Fetches Flink (420 MB), so that tests of stream jobs are not skipped
	@$(PYTHON) -m sandbox.flink

trino: $(STAMP) ## Fetches Trino (820 MB), so that tests of queries are not skipped
	@$(PYTHON) -m sandbox.trino

edge: $(STAMP) ## Compiles Traefik and cert-manager (ten minutes of processor time), so that tests from outside the cluster are not skipped
	@$(PYTHON) -m sandbox.edge

collector: $(STAMP) ## Compiles the log collector (six minutes of processor time), so that tests with a real one are not skipped
	@$(PYTHON) -m sandbox.collector

unit: $(STAMP) ## Tests that need no cluster
	@$(VENV)/bin/python -m pytest tests/unit

cluster: up ## Tests against a real API server and engine
	@$(PYTEST) tests/cluster

e2e: up ## Tests with real pods and real records
	@$(PYTEST) tests/e2e

bench: bench-preview bench-deploy bench-brokers bench-gateway bench-elastic bench-monitoring bench-connect bench-edge bench-scale ## All benchmarks; each ends with one line of JSON

bench-preview bench-deploy bench-brokers bench-gateway bench-elastic bench-monitoring bench-scale: up
	@$(ENV) && exec $(VENV)/bin/python -m tests.bench.$(subst bench-,,$@)

bench-connect: up connect ## Connectors as a stack renders them, next to the same ones started by hand
	@$(ENV) && exec $(VENV)/bin/python -m tests.bench.connect

bench-edge: up edge ## Writes through Traefik, next to direct ones
	@$(ENV) && exec $(VENV)/bin/python -m tests.bench.edge

bench-fuzz: $(STAMP) ## A long fuzz of the HTTP gateway: 20 minutes, or `make bench-fuzz SECONDS=60 SEED=7`
	@exec $(VENV)/bin/python -m tests.bench.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))
