"""`phylo(species)`: species that are related resemble each other.

    effect ~ normal(0, sd^2 (share C + (1 - share) I))

C comes with the surveys, from a tree: the way from the root that two species have in common,
divided by its mean for a species with itself, so that the sd is that of an average species. The
share is Pagel's lambda.

Source: Pagel (1999) Nature 401:877; Housworth and others (2004) American Naturalist 163:84.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.formula.tree import Varying as Node
from occupancy.priors.prior import Prior
from occupancy.varying.base import State
from occupancy.varying.group import learn_levels
from occupancy.varying.spectral import Spectral
from surveys.problems import ModelError, listing

PAGELS_LAMBDA = Prior("beta", (1.0, 1.0))


@dataclass(frozen=True)
class Phylo(Spectral):
    """Effects of species on a tree, in part inherited, in part of each species alone."""

    covariance: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    kind = "phylo"

    @property
    def shared(self) -> Prior | None:
        return PAGELS_LAMBDA

    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        values, vectors = np.linalg.eigh(self.covariance)
        return vectors, np.maximum(values, 0.0)  # below zero by rounding alone

    def to_state(self) -> State:
        return super().to_state() | {"covariance": self.covariance.tolist()}

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Phylo:
        """Species of the surveys and their covariance.

        Raises
        ------
        ModelError
            None came with the surveys, a label is not among its species, or only one was met.
        """
        column = node.inside[0].name
        around = reader.surroundings
        if not around.species:
            raise ModelError(
                "the surveys do not know how related the species are. Attach a tree: "
                'surveys.attach_phylogeny(data, "tree.nwk"), or name it in the study file: '
                '[taxa] tree = "tree.nwk".'
            )
        met = [key[0] for key in learn_levels((column,), reader)]
        place = {name: k for k, name in enumerate(around.species)}
        strange = [name for name in met if name not in place]
        if strange:
            raise ModelError(
                f"'{column}' has {listing(strange)}, which is not among the {len(place)} species "
                f"whose relatives are known ({listing(around.species, 5)})."
            )
        held = tuple(sorted(place[name] for name in met))
        scaled = around.covariance / np.diag(around.covariance).mean()
        return cls(node, around.species, held, reader.memory, None, scaled)

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Phylo:
        covariance = np.array(state["covariance"], np.float64)
        return cls(node, tuple(state["levels"]), tuple(state["met"]), memory, None, covariance)
