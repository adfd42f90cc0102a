"""`icar(region)`, `bym2(region)`: regions that touch resemble each other.

    icar:  effect = sd u                        u the scaled intrinsic autoregression, see
    bym2:  effect = sd (sqrt(share) u           `graph_of_regions`
                        + sqrt(1 - share) v)    v ~ normal(0, 1), each region for itself

The two parts of bym2 are integrated out: their sum is normal, and is what is sampled. u sums to
zero in each connected part of the graph; a region without neighbours has an effect of its own
with the same sd. Regions that were never surveyed have effects too, from those around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.formula.tree import Varying as Node
from occupancy.priors.prior import Prior
from occupancy.varying.base import State
from occupancy.varying.graph_of_regions import basis
from occupancy.varying.group import learn_levels
from occupancy.varying.spectral import Spectral
from surveys.problems import ModelError, listing

MOST_REGIONS = 1500  # the basis is dense
# Half or less of the variance has structure with chance 2/3, as the prior of Riebler and others
# (2016) has it; the whole range stays open.
SHARE_WITH_STRUCTURE = Prior("beta", (1.0, round(math.log2(3.0), 3)))


@dataclass(frozen=True)
class Icar(Spectral):
    """Effects of regions on a graph, smooth over borders."""

    borders: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))

    kind = "icar"

    @property
    def shared(self) -> Prior | None:
        return None

    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        return basis(len(self.levels), self.borders)

    def to_state(self) -> State:
        return super().to_state() | {"borders": self.borders.tolist()}

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Self:
        """Regions of the graph, and which of them the surveys have.

        Raises
        ------
        ModelError
            No neighbours are known, a label is not among the regions, or only one was met.
        """
        column = node.inside[0].name
        around = reader.surroundings
        if not around.regions:
            raise ModelError(
                "the surveys do not know which regions touch. Attach them: "
                'surveys.attach_neighbours(data, "regions.gpkg"), or name the layer in the study '
                "file under [regions]."
            )
        met = [key[0] for key in learn_levels((column,), reader)]
        place = {name: k for k, name in enumerate(around.regions)}
        strange = [name for name in met if name not in place]
        if strange:
            raise ModelError(
                f"'{column}' has {listing(strange)}, which is not among the {len(place)} regions "
                f"whose neighbours are known ({listing(around.regions, 5)}). Write the labels as "
                "the layer has them, or attach the neighbours of these too."
            )
        if len(place) > MOST_REGIONS:
            raise ModelError(
                f"the layer has {len(place)} regions, and {node.kind}() takes at most "
                f"{MOST_REGIONS}. Join regions, or use space() on the coordinates."
            )
        held = tuple(sorted(place[name] for name in met))
        return cls(node, around.regions, held, reader.memory, None, around.borders)

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Self:
        borders = np.array(state["borders"], np.int64).reshape(-1, 2)
        return cls(node, tuple(state["levels"]), tuple(state["met"]), memory, None, borders)


@dataclass(frozen=True)
class Bym2(Icar):
    """Effects of regions, in part smooth over borders, in part each for itself."""

    kind = "bym2"

    @property
    def shared(self) -> Prior | None:
        return SHARE_WITH_STRUCTURE
