"""One model family per file; the table below names them all.

A new family is one file with a function ``family(**options)`` and one line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from occupancy.families.base import Family
from surveys.problems import ModelError, nearest

FAMILIES = {
    "single_season": "occupancy.families.single_season",
    "dynamic": "occupancy.families.dynamic",
    "royle_nichols": "occupancy.families.royle_nichols",
    "n_mixture": "occupancy.families.n_mixture",
}


def get(name: str, **options: Any) -> Family:
    """The family of this name, made with its options."""
    if name not in FAMILIES:
        close = nearest(name, FAMILIES)
        hint = f" Did you mean '{close}'?" if close else ""
        raise ModelError(
            f"There is no family '{name}'.{hint} Families: {', '.join(sorted(FAMILIES))}."
        )
    return import_module(FAMILIES[name]).family(**options)
