"""What varies with structure: one kind per file, named in the table below."""

from __future__ import annotations

from occupancy.varying.base import Face, Hyper, Varying, raw_name
from occupancy.varying.correlated import Correlated
from occupancy.varying.group import GroupDesign, define_groups, learn_groups
from occupancy.varying.spline import Spline

VARYING: dict[str, type[Varying]] = {
    "correlated": Correlated,
    "spline": Spline,
}

__all__ = [
    "VARYING",
    "Correlated",
    "Face",
    "GroupDesign",
    "Hyper",
    "Spline",
    "Varying",
    "define_groups",
    "learn_groups",
    "raw_name",
]
