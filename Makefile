# Two commands do everything from a bare checkout: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help demo test slow check lint types format clean

help:
	@echo "make demo    install into .venv, invent a study, fit it, write its report (demo/)"
	@echo "make test    install into .venv, run the test suite (about twenty minutes)"
	@echo "make slow    the long tests: posteriors, 200 rank statistics of every family"
	@echo "make check   format, lint, types, tests: before every commit"
	@echo "make format  put the code into the project's form"
	@echo "make clean   remove .venv and caches; never touches studies"

demo:
	@scripts/make_venv.sh
	@.venv/bin/occupancy demo

test:
	@scripts/make_venv.sh dev
	.venv/bin/python -m pytest -n 2

slow:
	@scripts/make_venv.sh dev
	.venv/bin/python -m pytest -n 2 -m slow

check: lint types test

lint:
	@scripts/make_venv.sh dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

types:
	@scripts/make_venv.sh dev
	.venv/bin/pyright --pythonpath .venv/bin/python

format:
	@scripts/make_venv.sh dev
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
