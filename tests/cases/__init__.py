"""Cases of every family, for ``tests/test_families.py``: one line here for each file."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "single_season",
    "dynamic",
    "interacting",
    "integrated",
    "counts",
    "time_to_detection",
    "scores",
    "false_positive",
    "autologistic",
    "stacked",
    "multi_scale",
    "multi_state",
    "correlated",
    "phenology",
    "royle_nichols",
    "n_mixture",
)

CASES = tuple(case for name in MODULES for case in import_module(f"cases.{name}").CASES)
