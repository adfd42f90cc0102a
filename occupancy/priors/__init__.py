"""Priors as data: text like normal(0, 1.5) to densities, and the defaults of every coefficient."""

from __future__ import annotations

from occupancy.priors.kinds import KINDS
from occupancy.priors.prior import Prior, parse
from occupancy.priors.table import PriorTable, resolve

__all__ = ["KINDS", "Prior", "PriorTable", "parse", "resolve"]
