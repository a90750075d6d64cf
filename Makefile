# The course's commands; `make` lists them. Each sets up the environment first where it needs to.

VENV ?= .venv
PYTHON3 ?= python3
PY = "$(VENV)/bin/python"

# JupyterLab asks the network for news and updates of its own, which no lab needs.
OFFLINE = --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

.DEFAULT_GOAL := help
.PHONY: help lab test notebooks grade assets bench-grading samples constraints clean environment

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

lab: environment  ## open JupyterLab on the labs
	$(PY) -m jupyterlab --ServerApp.root_dir=labs $(OFFLINE)

test: export HF_HUB_OFFLINE := 1
test: export TRANSFORMERS_OFFLINE := 1
test: environment  ## run everything that must pass
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m pytest tests -n 2 --dist loadfile
	$(PY) -m pytest --nbval --nbval-current-env -p no:randomly -n 2 --dist loadfile solutions

notebooks: environment  ## make solutions/ and labs/ from course/lessons/
	$(PY) -m autograder.hidden
	$(PY) -m course.build

grade: environment  ## grade the submissions under submitted/
	$(PY) -m autograder.grading $(OPTIONS)

assets: environment  ## train the models again (hours), measure them, write the manifest
	$(PY) -m course.recipes $(OPTIONS)

bench-grading: environment  ## time plain nbgrader against the engine on one class
	$(PY) -m tests.benchmarks.grading $(OPTIONS)

samples: environment  ## write sample submissions to try grading with
	$(PY) -m tests.samples

constraints: environment  ## write the installed versions to constraints.txt
	@mkdir -p build
	$(PY) -m pip freeze --exclude-editable --exclude torch > build/freeze.txt
	@echo "# The versions that the tests passed with, rewritten by \`make constraints\`." > constraints.txt
	@grep -Ev '^(nvidia|cuda)[-_]|^triton=|@ ' build/freeze.txt >> constraints.txt

clean:  ## remove caches and build/, nothing that is work
	find . \( -name .git -o -name '.venv*' -o -name submitted \) -prune -o \
	    -type d \( -name __pycache__ -o -name .pytest_cache -o -name .ruff_cache \) -prune -exec rm -r {} +
	rm -rf build

environment:
	@$(PYTHON3) course/bootstrap.py "$(VENV)"

.DEFAULT:
	@echo "There is no target '$@'; \`make help\` lists them." >&2; exit 1
