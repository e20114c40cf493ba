# Everything here works on a fresh clone: `make book` and `make test` set up what they need first.
# Wanted: Python 3.11 or newer and a package index. Nice to have: npm (offline pages), Chromium
# (browser checks). What is missing is named in one line, with the way to get it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NOTEBOOK ?=

# Every file that the HTML depends on. `find` also sees new files; the folders themselves are in
# the list because deleting a file changes its folder's time ("book/", for "book" is a target).
BOOK_SOURCES = _config.yml _toc.yml $(shell find book/ notebooks/ perceptual_edu/ data/results/ CHANGELOG.md \
	\( -name __pycache__ -o -name .ipynb_checkpoints -o -path book/tools \) -prune -o -print 2>/dev/null)

INSTALLED := $(VENV)/.installed
WEIGHTS   := $(VENV)/.weights
BUILT     := _build/.built

# Two files of tests at a time, each with half of the processor: most wait for something else.
THREADS = $(shell $(BIN)/python -c 'import os; print(max(1, os.cpu_count() // 2))')
PYTEST  = PERCEPTUAL_EDU_SCALE=smoke OMP_NUM_THREADS=$(THREADS) \
	$(BIN)/python -m pytest -n 2 --dist loadfile -p no:cacheprovider
TRY       := book/_static/try/made/contents.js

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup browser-files chromium book pdf test lab execute clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) browser-files chromium $(WEIGHTS) ## make .venv, install everything, fetch VGG-16's weights

book: setup ## re-run stale notebooks, build the HTML, say where it is
	@$(BIN)/python book/tools/execute.py --stale
	@$(BIN)/python book/tools/results_page.py
	@$(BIN)/python book/tools/video_page.py
	@$(MAKE) --no-print-directory $(BUILT)
	@echo "The book: $(CURDIR)/_build/html/index.html"
	@echo "Better served than opened as a file: $(BIN)/python -m http.server --directory _build/html 8000"
	@echo "and then open http://localhost:8000"

pdf: book ## print the whole book into one file, _build/perceptual_edu.pdf (needs Chromium)
	@$(BIN)/python book/tools/pdf.py

# The stale notebooks are only named here: running them would hide that somebody forgot to.
test: setup ## lint, unit tests, browser checks, every notebook and solution at smoke scale
	@$(BIN)/python book/tools/execute.py --check || { echo "run make execute, look at the outputs, and commit them" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(BUILT)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python tests/with_solutions.py _build/chapters
	@$(PYTEST) --nbval-lax --nbval-current-env tests _build/chapters
	@$(PYTEST) -q --other-number-format tests

# Containers and rented GPU machines often have only root, whom Jupyter refuses unless told.
lab: setup ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=. $(if $(filter 0,$(shell id -u)),--allow-root)

execute: setup ## re-run all notebooks, or one: make execute NOTEBOOK=notebooks/01_pixels.ipynb
	@$(BIN)/python book/tools/execute.py $(if $(NOTEBOOK),$(NOTEBOOK),--all)

clean: ## remove what was built (.venv and the weights' cache stay)
	rm -rf _build book/_static/try/made .pytest_cache .ruff_cache build *.egg-info
	find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print | xargs rm -rf

# pip runs again only when the pins or the package's metadata change.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is missing or older. Name another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned packages into $(VENV) (about 2.5 GB the first time, most of it PyTorch)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || { \
	  echo "pip could not install requirements.txt: see its message above (no package index within reach?)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# MathJax and the widgets' scripts, so that the built pages ask the network for nothing.
# Without npm the tool says so and the pages load them from their usual CDN. Never fatal.
browser-files: $(INSTALLED)
	@$(BIN)/python book/tools/vendor.py

# Only the browser checks need Chromium; without it they are skipped, loudly. Never fatal.
chromium: $(INSTALLED)
	@$(BIN)/python book/tools/browser.py --quiet || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium with apt-get for the browser checks"; \
	    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || true; \
	  fi; $(BIN)/python book/tools/browser.py --quiet || $(BIN)/python book/tools/browser.py || true; }

# The library would fetch the weights by itself at first use; here it happens where one can watch.
# Not fatal either: the committed outputs build into a book without them.
$(WEIGHTS): $(INSTALLED)
	@$(BIN)/perceptual-edu weights && touch $@ || \
	  echo "VGG-16's weights are missing (see above): the book builds, but notebooks and tests that use them will not run" >&2

# What the page Try it runs, from the shipped networks and, where npm was there, a runtime.
$(TRY): book/tools/try_it.py perceptual_edu/inference/onnx_export.py data/checkpoints \
	$(wildcard data/checkpoints/* data/styles/* book/_static/vendor/onnxruntime-web/VERSION)
	@$(BIN)/python book/tools/try_it.py

# --all: Sphinx repeats a warning only when it reads the page again, so an incremental build could
# turn a failure into a success. It takes seconds; make skips it when nothing changed.
# -n -W --keep-going: every broken reference, citation, link or picture fails the build.
# The old pages go first: a page that is no longer written would stay and be checked.
$(BUILT): $(TRY) $(BOOK_SOURCES)
	@rm -rf _build
	@$(BIN)/jupyter-book build . -q --all -n -W --keep-going
	@touch $@
