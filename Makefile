# Two commands: `make demo` shows the product, `make test` proves it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

ALL    := .[train,search,openvino,simulate,dask,quantize,test]
MODEL  := clic_ecal_fixed
SAMPLE := $(wildcard src/caloforge/zoo/$(MODEL)_geant4.h5)

.PHONY: demo test test-all check pretrained lock clean

demo: $(VENV)/.base
	@mkdir -p demo
	@$(BIN)/caloforge generate $(MODEL) --like $(SAMPLE) --seed 1 -o demo/generated.h5
	@$(BIN)/caloforge validate $(SAMPLE) demo/generated.h5 -o demo/report

test: $(VENV)/.all check
	@$(BIN)/python -m pytest -q

test-all: $(VENV)/.all check
	@$(BIN)/python -m pytest -q -m "slow or not slow"

# The bundled model from its recipe and the Geant4 showers DATA=..., with its scores in its card.
RUN := runs/$(MODEL)
pretrained: $(VENV)/.all
	@test -n "$(DATA)" || (echo "say which showers: make pretrained DATA=showers.h5" && exit 2)
	@$(BIN)/caloforge train recipes/factorised.toml --data $(DATA) -o $(RUN)
	@$(BIN)/caloforge export $(RUN) -o $(RUN).onnx
	@$(BIN)/caloforge generate $(RUN).onnx --like $(SAMPLE) --seed 1 -o $(RUN).h5
	@$(BIN)/caloforge validate $(SAMPLE) $(RUN).h5 -o $(RUN)-report
	@$(BIN)/caloforge export $(RUN) --scores $(RUN)-report/metrics.json -o $(RUN).onnx

check: $(VENV)/.all
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

# The base: generating and validating need neither torch nor Geant4.
$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing caloforge into $(VENV)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.all: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing caloforge with all extras into $(VENV)"
	@$(PIP) -e "$(ALL)"
	@touch $@ $(VENV)/.base

# Pin every version that a fresh environment with all extras resolves to.
lock:
	@rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet --upgrade -e "$(ALL)"
	@$(VENV)-lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	@rm -rf $(VENV)-lock

clean:
	@rm -rf $(VENV) demo build
