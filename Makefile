# demo, test, check, bench, bench-images, bench-model, bench-trust, prove, gpu, train-demo, release: each is one word for one need.
# TORCH_INDEX: another package index for torch, for example a CUDA or CPU-only one (see README).
# ADVISORIES: OSV's exports for PyPI and npm, which `make release` compares its parts with (see deploy/README.md).
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
ADVISORIES ?=
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -q
export OMP_NUM_THREADS ?= 1

# viewer: only for whoever changes the page; the built files are in the repository. Wants Node 20 or newer.
.PHONY: demo test check bench bench-images bench-model bench-trust prove gpu train-demo release viewer install system-packages clean

demo: $(VENV)/.ready-app
	$(BIN)/dragonfly-med demo

test: system-packages $(VENV)/.ready-test build/test-files
	$(MAKE) check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not gpu and not slow"

check: $(VENV)/.ready-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layout.py

bench: $(VENV)/.ready-test
	$(BIN)/dragonfly-med bench

bench-images: $(VENV)/.ready-test
	$(BIN)/dragonfly-med bench-images

bench-model: $(VENV)/.ready-test
	$(BIN)/dragonfly-med bench-model

bench-trust: $(VENV)/.ready-test
	$(BIN)/dragonfly-med bench-trust

prove: system-packages $(VENV)/.ready-test build/test-files
	$(BIN)/python -m pytest -m slow

# Without a GPU it fails and says so; with one it leaves deploy/records/gpu-DATE.md to be committed.
gpu: $(VENV)/.ready-test
	$(BIN)/python -m pytest -m gpu tests/gpu
	$(BIN)/dragonfly-med prove-gpu deploy/records

train-demo: $(VENV)/.ready-test
	$(BIN)/dragonfly-med train-demo build/demo-model

release: $(VENV)/.ready-test
	$(BIN)/python deploy/release/make.py $(ADVISORIES)

viewer:
	cd app/viewer && npm ci --ignore-scripts && npm run check && npm run build

install: $(VENV)/.ready-app

$(VENV)/.ready-app: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(PIP) install -c constraints.txt -e '.[web,worker]'
	touch $@

$(VENV)/.ready-test: $(VENV)/.ready-app
	$(PIP) install -c constraints.txt -e '.[web,worker,train,test,release]'
	touch $@

# DICOM files that no wheel holds, for the tests that count over every file.
build/test-files: deploy/test-files.txt $(VENV)/.ready-app
	sh deploy/test-files.sh $(BIN)/python

system-packages:
	sh deploy/test-packages.sh

clean:
	rm -rf $(VENV) .make .pytest_cache .mypy_cache .ruff_cache
