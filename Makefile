# Two commands: `make app` opens the page on http://127.0.0.1:7860, `make test` runs lint, types and every test.
# Both make .venv once; a second run starts in seconds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Two OpenMP threads that spin while waiting collapse as soon as anything else runs (16 tokens/s instead of 140).
export OMP_WAIT_POLICY := PASSIVE
export GRADIO_ANALYTICS_ENABLED := False

.PHONY: app test lint train-env train-nano-smoke bench screenshots clean

app: $(VENV)/app.done
	$(BIN)/python app.py

test: $(VENV)/dev.done lint
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

lint: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/mypy emotionthinker annotate training benchmarks app.py

train-env: $(VENV)/train.done

# The whole training chain on 60 clips that espeak-ng speaks; minutes, not days, to see that it runs.
train-nano-smoke: $(VENV)/train.done
	HF_HUB_OFFLINE=1 $(BIN)/python -m training.smoke

# Clips of people instead of the examples: make bench BENCH="--crema-d DIR"
bench: $(VENV)/dev.done $(VENV)/train.done
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks.table --write docs/speed.md $(BENCH)

screenshots: $(VENV)/dev.done
	$(BIN)/python -m tests.browser.screenshots
	$(BIN)/python -m tests.browser.walkthrough

# Torch first and by itself, so that the version asked for is the one that everything else is resolved against.
$(VENV)/app.done: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch==' requirements.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/dev.done: $(VENV)/app.done requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/train.done: $(VENV)/app.done requirements-train.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt
	touch $@

clean:
	rm -rf $(VENV)
