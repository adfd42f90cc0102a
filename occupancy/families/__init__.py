"""One model family per file; the table below names them all.

A new family is one file with a function ``family(**options)`` and one line here.
"""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from occupancy.families.base import Family
from surveys.problems import ModelError, nearest

if TYPE_CHECKING:
    import xarray as xr

FAMILIES = {
    "single_season": "occupancy.families.single_season",
    "dynamic": "occupancy.families.dynamic",
    "royle_nichols": "occupancy.families.royle_nichols",
    "n_mixture": "occupancy.families.n_mixture",
    "interacting": "occupancy.families.interacting",
    "integrated": "occupancy.families.integrated",
    "counts": "occupancy.families.counts",
    "time_to_detection": "occupancy.families.time_to_detection",
    "scores": "occupancy.families.scores",
    "false_positive": "occupancy.families.false_positive",
    "autologistic": "occupancy.families.autologistic",
    "stacked": "occupancy.families.stacked",
    "multi_scale": "occupancy.families.multi_scale",
    "multi_state": "occupancy.families.multi_state",
    "correlated": "occupancy.families.correlated",
    "phenology": "occupancy.families.phenology",
}

# Families whose species share a chain, told without importing any kernel.
JOINT = frozenset({"interacting"})


def get(name: str, data: xr.Dataset | None = None, **options: Any) -> Family:
    """The family of this name, made with its options.

    A family whose parameters depend on the surveys (one for each species) has a function
    ``options_from(data, options)`` that reads them there.
    """
    module = import_module(_place(name))
    if data is not None and hasattr(module, "options_from"):
        options = module.options_from(data, options)
    return module.family(**options)


def is_joint(name: str) -> bool:
    """Whether all species are estimated together, as one unit of work; imports no family."""
    return name in JOINT


def options_of(name: str) -> tuple[str, ...]:
    """Names of the options that a family can be told; none of a family that is not in the table."""
    if name not in FAMILIES:
        return ()
    asked = signature(import_module(FAMILIES[name]).family).parameters.values()
    return tuple(p.name for p in asked if p.kind is not p.VAR_KEYWORD)


def _place(name: str) -> str:
    if name not in FAMILIES:
        close = nearest(name, FAMILIES)
        hint = f" Did you mean '{close}'?" if close else ""
        raise ModelError(
            f"There is no family '{name}'.{hint} Families: {', '.join(sorted(FAMILIES))}."
        )
    return FAMILIES[name]
