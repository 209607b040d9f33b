# `make` lists the targets. All of them work in .venv, which is made on first use from requirements.txt.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.installed
WORKSPACE := .lineup/quickstart
UV_FLAGS := --universal --python-version 3.11 --all-extras --no-emit-index-url --no-emit-find-links

# lineup is imported from where it stands, it need not be installed; dvc.yaml does so for each copy.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src
TOOLS := PYTHONPATH="$(CURDIR)/src:$(CURDIR)/tools"
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint types fresh check readme screens bench bundle unbundle sweep repro prove review board

help:  ## list the targets
	@sed -n 's/^\([a-z.]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F '|' '{printf "make %-17s %s\n", $$1, $$2}'

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and f"error: $(PYTHON): Python {sys.version.split()[0]}; expected 3.11 to 3.13; fix: make PYTHON=python3.11 ...")'
	@echo "making $(VENV) and installing requirements.txt (some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	@touch $@

quickstart: $(READY)  ## run the whole pipeline on scikit-learn's digits, apart from the real results
	@python tools/workspace.py $(WORKSPACE) quickstart/params.yaml
	@touch $(WORKSPACE)/.started
	@cd $(WORKSPACE) && dvc repro
	@cd $(WORKSPACE) && if [ metrics/comparison.md -ot .started ]; then cat metrics/comparison.md; fi
	@echo
	@echo "The report: $(WORKSPACE)/plots/full_report.html"
	@echo "Change quickstart/params.yaml and run make quickstart again: only what the change touches is rerun."

test: $(READY)  ## run the tests
	@pytest -n 2 --dist worksteal

lint: $(READY)  ## check form and style
	@ruff format --check
	@ruff check

types: $(READY)  ## check types
	@mypy

fresh: $(READY)  ## check that the committed results belong to the committed code and parameters
	@said=$$(dvc repro --allow-missing --dry 2>&1) && echo "$$said" | grep 'Data and pipelines are up to date' || \
	  { echo "$$said"; echo "error: dvc.lock: stale; expected what dvc repro leaves; fix: dvc repro --allow-missing, then commit (if it lacks data: first dvc repro preprocess@VIEW weights@WEIGHTS)"; exit 1; }

check:  ## run what CI runs on every push
	@.ci/run

# What the command line may give: a variable of the environment that happens to have such a name is not meant.
PRECISION :=
FROM :=
NAME :=
JOBS :=
SINCE :=
PAGE :=
PORT :=
MODELS :=
# For bundle: the runs, where the parts go and how large, and what the other machine has and lacks.
RUNS :=
OUT := .lineup/bundle
PART_MB := 60
PYTHON_THERE := 3.12
MACHINE_THERE := x86_64
WHEELS := dvc
BUNDLE := $(TOOLS) python -m

bundle: $(READY)  ## pack runs for a machine without a network: make bundle RUNS="d3 e1"
	@$(BUNDLE) bundle.pack $(RUNS) --out "$(OUT)" --part-mb "$(PART_MB)" \
	  --python "$(PYTHON_THERE)" --machine "$(MACHINE_THERE)" --wheels "$(WHEELS)"

unbundle: $(READY)  ## merge what came back from there: make unbundle FROM=folder
	@$(BUNDLE) bundle.merge "$(FROM)"

sweep: $(READY)  ## list the declared grids, or run one: make sweep NAME=a7 JOBS=1
	@$(TOOLS) python -m sweep.run $(if $(NAME),"$(NAME)" "$(or $(JOBS),1)")

repro: $(READY)  ## dvc repro with trainings side by side: make repro JOBS=2
	@$(TOOLS) python -m jobs.run "$(or $(JOBS),2)"

prove: $(READY)  ## show that changed code gives the same bits: make prove SINCE=HEAD^ [RUNS="d3"] [PRECISION=fp32]
	@$(TOOLS) python -m prove --since "$(or $(SINCE),HEAD^)" --precision "$(PRECISION)" $(RUNS)

# For review: CHECKS and REPORT are named in it, POST is the number of a pull request; the workflow sets them.
review: $(READY)  ## what changed, and whether it is real: make review SINCE=main [PAGE=review.html]
	@$(TOOLS) python -m review.run --since "$(or $(SINCE),main)" \
	  $(if $(PAGE),--page "$(PAGE)") \
	  $(if $(CHECKS),--checks "$(CHECKS)") $(if $(REPORT),--report "$(REPORT)") $(if $(POST),--post "$(POST)")

board: $(READY)  ## watch the learning curves in TensorBoard: make board PORT=6006
	@python tools/board.py --port "$(or $(PORT),6006)"

readme: $(READY)  ## bring the tables of results in README and docs/transfer.md up to date
	@python tools/readme.py

screens: $(READY)  ## draw what DVC's commands print, for README: make screens NAME=metrics
	@python tools/screens.py $(NAME)

bench: $(READY)  ## measure training speed against the usual loop and the compute limit: make bench MODELS="d3"
	@$(TOOLS) python -m bench.run $(if $(MODELS),--models $(MODELS)) --write metrics/bench.json

# Only when asked for by name: the times of a fresh clone say nothing about which file is newer.
ifneq (,$(filter requirements.txt,$(MAKECMDGOALS)))
.PHONY: requirements.txt
endif
requirements.txt:  ## pin the environment that pyproject.toml asks for
	@$(PYTHON) -m venv .lineup/uv
	@.lineup/uv/bin/python -m pip install --quiet uv
	@.lineup/uv/bin/uv pip compile --quiet $(UV_FLAGS) --custom-compile-command "make $@" pyproject.toml -o $@
