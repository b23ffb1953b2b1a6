# Two commands: `make demo` and `make test`. Whichever comes first makes .venv.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMPILE = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
    --no-emit-index-url --override requirements/overrides.txt

.PHONY: help demo test test-slow test-gpu check lock clean

help:
	@echo "make demo       films drawn, features, models, report: the whole way, on examples"
	@echo "make test       the everyday tests and quality gates (under ten minutes)"
	@echo "make test-slow  chaos, whole runs, long films"
	@echo "make test-gpu   what needs an NVIDIA device, in an environment of its own (VENV=.venv-cuda)"
	@echo "make check      ruff, mypy, layers only"
	@echo "make lock       compile requirements/*.in to the pinned lists beside them"

$(READY): requirements/lock.txt pyproject.toml
	@python=$$(for p in $(PYTHON) python3.11 python3.12 python3; do \
	    $$p -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	    && echo $$p && break; done); \
	 test -n "$$python" || { echo "Python 3.11 or 3.12 with its venv module is needed" >&2; exit 2; }; \
	 echo "making $(VENV) with $$python: about a minute, 3.5 GB"; \
	 $$python -m venv --clear $(VENV)
	@$(BIN)/python infra/install.py requirements/lock.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-deps --disable-pip-version-check --no-build-isolation -e .
	@DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL $(BIN)/python -m flows.own_prefect database
	@touch $(READY)

demo: $(READY)
	@$(BIN)/cinelake demo

test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

check: $(READY)
	@$(BIN)/python -m pytest -q tests/test_quality.py

lock: $(READY)
	@$(BIN)/python -m pip install --quiet uv
	@$(COMPILE) requirements/dev.in -o requirements/lock.txt
	@$(COMPILE) -c requirements/lock.txt requirements/cpu.in -o requirements/cpu.txt
	@$(COMPILE) -c requirements/lock.txt --override requirements/cuda-overrides.txt requirements/cuda.in \
	    -o requirements/cuda.txt

# On a machine with an NVIDIA device, in an environment of its own: make test-gpu VENV=.venv-cuda
test-gpu: $(READY)
	@$(BIN)/python -m pip uninstall --quiet --yes --disable-pip-version-check tensorflow-cpu onnxruntime
	@$(BIN)/python -m pip install --quiet --no-deps --disable-pip-version-check -r requirements/cuda.txt
	@$(BIN)/python -m pytest -m gpu

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache
