"""What varies with structure: one kind per file, named in the table below."""

from __future__ import annotations

from occupancy.varying.areal import Bym2, Icar
from occupancy.varying.base import Face, Hyper, Varying, raw_name
from occupancy.varying.correlated import Correlated
from occupancy.varying.factors import Factors
from occupancy.varying.group import GroupDesign, define_groups, learn_groups
from occupancy.varying.phylo import Phylo

VARYING: dict[str, type[Varying]] = {
    "correlated": Correlated,
    "icar": Icar,
    "bym2": Bym2,
    "factors": Factors,
    "phylo": Phylo,
}

__all__ = [
    "VARYING",
    "Bym2",
    "Correlated",
    "Face",
    "Factors",
    "GroupDesign",
    "Hyper",
    "Icar",
    "Phylo",
    "Varying",
    "define_groups",
    "learn_groups",
    "raw_name",
]
