# make        install into .venv, run the main job, say where its report is
# make test   install, then the default tests      make study   the long ones
# make bench   speed and memory side by side
# make verifiers   the chip tools of `bioplastic verify`, in an environment of their own
# make importers   readers of NIR, for `bioplastic verify --with norse` and `bioplastic conformance`
# make oracle  the tests that need tools from elsewhere, after building that environment
# make oracle-readers   every event file and SONATA in readers from elsewhere, which it installs
# make lint   ruff and mypy                        make docs    the pages, in docs/_build/html

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH  ?= torch==2.13.0
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# the pinned versions are those of Python 3.11; elsewhere the ranges of pyproject.toml decide
# (asked by the shell when pip runs: make would ask before there is an environment)
PINS = $$($(BIN)/python -c 'import sys; print("-c constraints.txt" if sys.version_info[:2] == (3, 11) else "")')

.PHONY: run install test study bench verifiers verifier-xylosim verifier-nengo importers readers oracle oracle-readers lint docs clean

run: install
	$(BIN)/bioplastic run sequence-prediction

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install $(PINS) "$(TORCH)"
	$(PIP) install $(PINS) -e ".[test,bench]"
	@touch $@

$(VENV)/.installed-docs: $(STAMP)
	$(PIP) install $(PINS) -e ".[docs]"
	@touch $@

test: install
	$(BIN)/python -m pytest -n 2 -m "not study and not oracle and not cython"

study: install
	$(BIN)/python -m pytest -m "study or cython"

bench: $(STAMP)
	$(PIP) install $(PINS) -e ".[compare]"
	$(BIN)/bioplastic bench all --json docs/figures/bench.json

verifiers: .verifiers/.installed

.verifiers/.installed: bioplastic/export/replay/requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x .verifiers/bin/python || $(PYTHON) -m venv .verifiers
	.verifiers/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	.verifiers/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --ignore-requires-python lava-nc==0.10.0
	@touch $@

# two environments: some importers need a nir that cannot read what the others need
importers: .importers/.installed .importers-old/.installed

.importers/.installed: bioplastic/export/replay/importers.txt
.importers-old/.installed: bioplastic/export/replay/importers-old.txt

.importers/.installed .importers-old/.installed .verifiers-xylosim/.installed .verifiers-nengo/.installed:
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@touch $@

oracle: install verifiers
	$(BIN)/python -m pytest -m oracle

# readers of event files and of SONATA, beside the packages of .venv and not in it: some are GPL
readers: .readers/.installed

SITE = import sysconfig; print(sysconfig.get_path("purelib"))

.readers/.installed: tests/export/readers.txt $(STAMP)
	test -x .readers/bin/python || $(BIN)/python -m venv .readers
	$(BIN)/python -c '$(SITE)' > "$$(.readers/bin/python -c '$(SITE)')/beside.pth"
	.readers/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@touch $@

oracle-readers: readers
	.readers/bin/python -m pytest -m oracle tests/export/test_oracles.py tests/export/test_eieio.py

# SynSense's simulator of Xylo states no licence: it has an environment of its own
verifier-xylosim: .verifiers-xylosim/.installed

.verifiers-xylosim/.installed: bioplastic/export/replay/requirements-xylosim.txt

# nengo 3.2 is free for non-commercial use only: it has an environment of its own too
verifier-nengo: .verifiers-nengo/.installed

.verifiers-nengo/.installed: bioplastic/export/replay/requirements-nengo.txt

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf $(VENV) .verifiers .verifiers-xylosim .verifiers-nengo .importers .importers-old .readers build dist *.egg-info docs/_build
