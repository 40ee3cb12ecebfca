# Verbs for people and CI alike; each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
RUNS := $(VENV)/.runs
CONSTRAINED := -c requirements/constraints.txt

.PHONY: run test coverage check docs golden bench inspect lm-eval mimesis setup

run: $(RUNS)  ## a persona drawn at random, and its quick card on the embedded model, in out/card/
	$(BIN)/personae generate deeppersona -n 1 --seed 7 --anchors "E=1.5, N=-1" --out out/persona.json
	$(BIN)/personae card out/persona.json --model smollm2 --quick --out out/card

test: setup  ## all tests, doctests and documentation examples; the slow ones in a step of their own
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow tests

coverage: setup  ## the lines that tests reach, by room
	mkdir -p out
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --cov --cov-report=json:out/coverage.json
	$(BIN)/python -m tests.support.coverage_by_room out/coverage.json

check: setup  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: setup  ## README's table, the tree of rooms, the API pages; then the site, in site/, with a link to PERSONAE_REPOSITORY
	$(BIN)/python -m docs.extensions.pages
	$(BIN)/python -m pip install -q -c requirements/constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

golden: setup  ## golden reports of STUDIES="trait sac", or of all: read the difference
	$(BIN)/python -m tests.golden $(STUDIES)

bench: setup  ## the benchmarks; figures go to benchmarks/RESULTS.md
	$(BIN)/python -m pip install -q -c requirements/constraints.txt accelerate
	$(BIN)/python -m benchmarks

inspect:  ## inspect_ai, whose logs the tests read back, in an environment of its own
	$(PYTHON) -m venv out/inspect
	grep -vE '^(fsspec|python-dateutil)==' requirements/constraints.txt > out/inspect/constraints.txt
	out/inspect/bin/pip install -q -c out/inspect/constraints.txt -e '.[inspect]' inspect_ai==0.3.285

lm-eval:  ## the harness that the benchmark compares with, in an environment of its own
	$(PYTHON) -m venv out/lm-eval
	out/lm-eval/bin/pip install -q -c requirements/constraints.txt lm_eval==0.4.13 torch transformers accelerate

mimesis:  ## the sampler that the benchmark compares with, in an environment of its own
	$(PYTHON) -m venv out/mimesis
	out/mimesis/bin/pip install -q mimesis==22.2.0

setup: $(STAMP)

$(RUNS): pyproject.toml requirements/constraints.txt requirements/embedded.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q $(CONSTRAINED) -e '.[local,read]'
	$(BIN)/python -m pip install -q --no-deps --require-hashes -r requirements/embedded.txt
	touch $(RUNS)

$(STAMP): $(RUNS)
	$(BIN)/python -m pip install -q $(CONSTRAINED) -e '.[local,hub,read,ray,adapters,dev]'
	touch $(STAMP)
