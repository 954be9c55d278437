# Two commands: `make demo` shows the product, `make test` proves it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

ALL    := .[train,search,openvino,simulate,dask,parquet,quantize,test,docs]
MODELS := clic_ecal_fixed clic_ecal_angle
ZOO    := src/caloforge/zoo

.PHONY: demo test test-portable test-all check docs wheel pretrained lock clean FORCE

# Every bundled model beside Geant4: showers in demo/MODEL.h5, the report in demo/MODEL.
demo: $(VENV)/.base $(VENV)/.native
	@$(MAKE) --no-print-directory -j2 $(MODELS:%=demo/%)

demo/%: $(VENV)/.base FORCE
	@mkdir -p demo
	@$(BIN)/caloforge generate $* --like $(ZOO)/$*_geant4.h5 --seed 1 -o demo/$*.h5
	@$(BIN)/caloforge validate $(ZOO)/$*_geant4.h5 demo/$*.h5 -o demo/$*

FORCE:

# Two processes of a thread each: what two cores do fastest, and what each test gets anywhere.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q
test: $(VENV)/.all $(VENV)/.native check
	@$(PYTEST) -n 2 --dist loadfile

# The tests as a processor with AVX2 only, of one core, would see them: torch, oneDNN (OpenVINO),
# OpenBLAS, MKL and numpy are kept from anything newer. ONNX Runtime cannot be.
NEWER    = from numpy._core._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f; \
           print(*(n for n in d if f[n] and ("512" in n or n == "X86_V4")))
PORTABLE = ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell \
           MKL_ENABLE_INSTRUCTIONS=AVX2 OMP_NUM_THREADS=1 \
           NPY_DISABLE_CPU_FEATURES="$$($(BIN)/python -c '$(NEWER)')" \
           $$(command -v taskset > /dev/null && echo taskset -c 0)
test-portable: $(VENV)/.all $(VENV)/.native
	@$(PORTABLE) $(BIN)/python -m pytest -q $(TESTS)

test-all: $(VENV)/.all $(VENV)/.native $(VENV)/.spark check
	@$(PYTEST) -m "slow or not slow"

# The docs as a site in site/: links are checked, and the notebook is run.
docs: $(VENV)/.docs
	@$(BIN)/ruff check docs/*.py examples
	@$(BIN)/ruff format --check docs/*.py examples
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

wheel: $(VENV)/bin/python
	@$(PIP) build
	@$(BIN)/python -m build --outdir dist

# A bundled model from its recipe and the Geant4 showers DATA=..., with its scores in its card.
MODEL  := clic_ecal_fixed
RECIPE  = $(if $(findstring angle,$(MODEL)),factorised_angle,factorised)
SAMPLE  = $(ZOO)/$(MODEL)_geant4.h5
RUN     = runs/$(MODEL)
pretrained: $(VENV)/.all
	@test -n "$(DATA)" || (echo "say which showers: make pretrained DATA=showers.h5" && exit 2)
	@$(BIN)/caloforge train recipes/$(RECIPE).toml --data $(DATA) -o $(RUN)
	@$(BIN)/caloforge export $(RUN) -o $(RUN).onnx
	@$(BIN)/caloforge generate $(RUN).onnx --like $(SAMPLE) --seed 1 -o $(RUN).h5
	@$(BIN)/caloforge validate $(SAMPLE) $(RUN).h5 -o $(RUN)-report
	@$(BIN)/caloforge export $(RUN) --scores $(RUN)-report/metrics.json -o $(RUN).onnx

check: $(VENV)/.all
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Spark is half a gigabyte, and one slow test.
$(VENV)/.spark: $(VENV)/.all
	@$(PIP) -e ".[spark]"
	@touch $@

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
	@touch $@ $(VENV)/.base $(VENV)/.docs

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing what builds the docs into $(VENV)"
	@$(PIP) -e ".[openvino,docs]"
	@touch $@ $(VENV)/.base

# The native engine, where there is a C++ compiler; without it the other engines make the showers.
NATIVE := native/CMakeLists.txt native/pyproject.toml $(wildcard $(addprefix native/, \
          include/*.h src/*.?pp src/steps/*.hpp src/steps/*/*.hpp python/*.cpp python/caloforge_native/*.py*))
$(VENV)/.native: $(NATIVE) | $(VENV)/bin/python
	@if command -v $(firstword $(CXX)) > /dev/null; then \
	    echo "building the native engine"; \
	    $(PIP) ./native || echo "the native engine could not be built: the other engines are used"; \
	else \
	    echo "no C++ compiler ($(CXX)): without the native engine, the others are used"; \
	fi
	@touch $@

# Pin every version that a fresh environment with all extras resolves to.
lock:
	@rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet --upgrade -e "$(ALL:]=,spark])"
	@$(VENV)-lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	@rm -rf $(VENV)-lock

clean:
	@rm -rf $(VENV) demo build dist site
