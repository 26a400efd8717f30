# `make help` lists the targets. Every one sets up what it needs; what is built or downloaded is kept outside the tree.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The cluster comes before the images that are loaded into it.
.NOTPARALLEL:
.PHONY: help demo test test-unit lint fmt crds lock cluster-up cluster-down cluster-status cluster-verify images install kubeconfig quickstart-store venv bench-evidence bench-serving bench-fetching bench-rollback

# Asked for when a recipe runs, not when the Makefile is read.
VENV = $$(hack/venv.sh)
# What the cluster's targets and the tests agree on.
CLUSTER_ENV = source hack/lib.sh && use_cluster

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: cluster-up images ## the main job on a real cluster: one version promoted, one rolled back
	@$(CLUSTER_ENV); "$(VENV)/bin/python" -m examples.demo.run $(DEMO_ARGS)

test: lint cluster-up images ## all the tests, those on the cluster included
	@$(CLUSTER_ENV); export PATH="$(VENV)/bin:$$(hack/build-tools.sh helm):$$PATH"; python -m pytest $(PYTEST_ARGS)

test-unit: ## the tests that need no cluster
	@"$(VENV)/bin/python" -m pytest tests/unit $(PYTEST_ARGS)

bench-evidence: ## what the evidence engine promises, measured; writes benchmarks/evidence
	@"$(VENV)/bin/python" -m benchmarks.evidence.run $(BENCH_ARGS)

bench-serving: ## the serving runtime against others, on one core; writes benchmarks/serving
	@"$(VENV)/bin/python" -m benchmarks.serving.run $(BENCH_ARGS)

bench-fetching: ## fetching a model of 2 GiB against a plain copy; writes benchmarks/fetching
	@PYTHONPATH=tests "$(VENV)/bin/python" -m benchmarks.fetching.run $(BENCH_ARGS)

bench-rollback: cluster-up install ## how long a bad version stays with users, on the cluster; writes benchmarks/rollback
	@$(CLUSTER_ENV); export PATH="$(VENV)/bin:$$PATH"; PYTHONPATH=tests python -m benchmarks.rollback.run $(BENCH_ARGS)

lint: ## style, types, layers, generated files
	@source hack/lib.sh; export PATH="$(VENV)/bin:$$PATH"; \
	say "style"; ruff check .; ruff format --check .; \
	progress "types" mypy; \
	progress "layers" lint-imports; \
	say "generated files"; leadsman crds --check; leadsman package-schema --check

fmt: ## format the Python code
	@export PATH="$(VENV)/bin:$$PATH"; ruff check --fix . ; ruff format .

crds: ## write the CRDs, the reference and the schema of packages from their types
	@"$(VENV)/bin/leadsman" crds --write; "$(VENV)/bin/leadsman" package-schema --write

lock: ## write requirements/*.txt
	@export PATH="$(VENV)/bin:$$PATH"; hack/lock.sh

cluster-up: ## a Kubernetes with a gateway: by kind, or of processes of this machine (CLUSTER=kind|local|existing)
	@hack/cluster.sh up

cluster-down: ## take the cluster away, with all that belongs to it
	@hack/cluster.sh down

cluster-status: ## what of the cluster runs
	@hack/cluster.sh status

cluster-verify: ## show that the gateway works and that cluster-down leaves nothing behind; leaves no cluster
	@hack/cluster.sh up >/dev/null; hack/verify-gateway.sh; hack/verify-cluster-clean.sh

images: ## build the images and load them into the cluster
	@hack/images.sh

install: images ## install Leadsman into the cluster with Helm
	@hack/install.sh

kubeconfig: ## print the path of the cluster's kubeconfig
	@$(CLUSTER_ENV); echo "$$KUBECONFIG"

quickstart-store: ## the README's model store
	@hack/quickstart.sh

venv: ## print the path of the virtual environment
	@hack/venv.sh
