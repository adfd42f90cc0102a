"""What varies with structure: one kind per file, named in the table below."""

from __future__ import annotations

from occupancy.varying.along_time import AlongTime
from occupancy.varying.ar1 import Ar1
from occupancy.varying.areal import Bym2, Icar
from occupancy.varying.base import Face, Hyper, Kind, Varying, raw_name
from occupancy.varying.correlated import Correlated
from occupancy.varying.cyclic import Cyclic
from occupancy.varying.factors import Factors
from occupancy.varying.group import GroupDesign, define_groups, learn_groups
from occupancy.varying.phylo import Phylo
from occupancy.varying.space import Space
from occupancy.varying.spline import Spline
from occupancy.varying.walk import Walk

VARYING: dict[str, Kind] = {
    "correlated": Correlated,
    "spline": Spline,
    "cyclic": Cyclic,
    "rw": Walk,
    "ar1": Ar1,
    "space": Space,
    "icar": Icar,
    "bym2": Bym2,
    "factors": Factors,
    "phylo": Phylo,
}

__all__ = [
    "VARYING",
    "AlongTime",
    "Ar1",
    "Bym2",
    "Correlated",
    "Cyclic",
    "Face",
    "Factors",
    "GroupDesign",
    "Hyper",
    "Icar",
    "Kind",
    "Phylo",
    "Space",
    "Spline",
    "Varying",
    "Walk",
    "define_groups",
    "learn_groups",
    "raw_name",
]
