"""The chance of all that a season of visits to a site may have seen, from the family tables.

A *block* is what one detection history is of: a site in one season; a site over all its steps
where a family takes them for one closed period; and one species there, where several share a
chain. Of a season the site's state is the projected one, as it is expected before that site is
looked at, so that the chances of all histories add up to one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.problem import Problem
from occupancy.simulation import Padded, pad
from surveys.problems import ModelError


@dataclass(frozen=True)
class Blocks:
    """Where the visits used stand: which do not depend on parameters.

    Attributes
    ----------
    visit : (block kind, chain, slot) int64
        Number of the visit, layout order; -1 where none was made.
    step : (slot,) int64
        Step of each slot of a closed family; of a season's block all slots share its step.
    species, season : (block kind,) int64
    chains : one (own chain,) int64 for each block kind
        Chains of its species.
    n_visit : int
    """

    visit: np.ndarray
    step: np.ndarray
    species: np.ndarray
    season: np.ndarray
    chains: tuple[np.ndarray, ...]


def blocks_of(problem: Problem) -> Blocks:
    """Blocks of the surveys.

    Raises
    ------
    ModelError
        What a visit sees is no detection: there are no histories to count.
    """
    family = problem.family
    if family.observes != "detection" or not family.detections:
        raise ModelError(
            f"Family '{family.name}' reads a {family.observes} on each visit, so there are no "
            "detection histories to compare. It has no goodness of fit by histories."
        )
    n_species, n_site, n_season, n_visit = problem.used.shape
    one = family.closed or problem.steps.over == "visit"
    cells = np.argwhere(problem.used)[problem.field_rank]  # layout order
    species, site, season, visit = cells.T
    n_block = 1 if one else n_season
    n_slot = n_season * n_visit if one else n_visit
    slot = season * n_visit + visit if one else visit
    block = np.zeros_like(season) if one else season
    chain = site if family.joint else species * n_site + site
    of = np.full((n_species * n_block, problem.n_chain, n_slot), -1, np.int64)
    of[species * n_block + block, chain, slot] = np.arange(len(cells))
    steps = np.arange(n_slot)
    if problem.steps.over != "visit":
        steps = problem.steps.of_season[steps // n_visit] if one else np.zeros(n_slot, np.int64)
    every = np.arange(problem.n_chain)
    own = [every if family.joint else every[every // n_site == s] for s in range(n_species)]
    kinds = np.repeat(np.arange(n_species), n_block)
    return Blocks(
        of, steps, kinds, np.tile(np.arange(n_block), n_species), tuple(own[s] for s in kinds)
    )


@dataclass(frozen=True)
class Chances:
    """What the tables say at one set of parameters.

    Attributes
    ----------
    initial : (chain, state), projected to each step in ``state``
    emission : (value, visit, state)
        Chance to see each of the family's values on a visit, layout order.
    """

    problem: Problem
    blocks: Blocks
    state: np.ndarray  # (chain, step, state)
    transition: np.ndarray  # (chain, step - 1, from, to)
    emission: np.ndarray

    def of_histories(self, kind: int, chains: np.ndarray, histories: np.ndarray) -> np.ndarray:
        """(chain, history) P(history), the visits made being the same at all these chains.

        Parameters
        ----------
        histories : (history, slot) int
            Place of what was seen among the family's values; -1 where no visit was made.
        """
        made = np.flatnonzero(histories[0] >= 0)
        visit = self.blocks.visit[kind][chains]
        alpha = self._first(kind, chains)[:, None, :]
        at = 0
        for slot in made:
            alpha, at = self._on(kind, chains, alpha, at, slot)
            seen = self.emission[:, visit[:, slot]]  # (value, chain, state)
            alpha = alpha * np.moveaxis(seen[histories[:, slot]], 0, 1)
        return np.broadcast_to(alpha.sum(axis=2), (chains.size, len(histories)))

    def of_numbers(self, kind: int, chains: np.ndarray) -> np.ndarray:
        """(chain, number) P(number of visits with a detection), 0 to as many as there are slots."""
        visit = self.blocks.visit[kind][chains]
        n_slot = visit.shape[1]
        none = self.emission[0]
        some = self.emission[1:].sum(axis=0)
        alpha = np.zeros((chains.size, n_slot + 1, self.state.shape[2]))
        alpha[:, 0] = self._first(kind, chains)
        at = 0
        for slot in range(n_slot):
            made = visit[:, slot] >= 0
            if not made.any():
                continue
            alpha, at = self._on(kind, chains, alpha, at, slot)
            v = visit[made, slot]
            here = alpha[made]
            more = here * none[v][:, None]
            more[:, 1:] += here[:, :-1] * some[v][:, None]
            alpha[made] = more
        return alpha.sum(axis=2)

    def _first(self, kind: int, chains: np.ndarray) -> np.ndarray:
        one = self.problem.family.closed or self.problem.steps.over == "visit"
        step = 0 if one else self.problem.steps.of_season[self.blocks.season[kind]]
        return self.state[chains, step]

    def _on(self, kind: int, chains: np.ndarray, alpha: np.ndarray, at: int, slot: int):
        """Move on to the step of a slot, where the steps are inside a block."""
        while at < self.blocks.step[slot]:
            alpha = alpha @ self.transition[chains, at]
            at += 1
        return alpha, at


def chances(problem: Problem, blocks: Blocks, eta: tuple[np.ndarray, ...]) -> Chances:
    """Tables of the family at linear predictors in layout order."""
    given: Padded = pad(problem, eta)
    family, values = problem.family, dict(given.values)
    emission = []
    for value in family.detections:
        seen = np.where(given.made, value, np.nan)
        initial, transition, table = family.tables(values, seen, given.effort)
        emission.append(table[given.where])
    state = np.empty((problem.n_chain, problem.n_step, initial.shape[1]))
    state[:, 0] = initial
    for t in range(1, problem.n_step):
        state[:, t] = np.einsum("na,nab->nb", state[:, t - 1], transition[:, t - 1])
    return Chances(problem, blocks, state, transition, np.stack(emission))


def seen_values(problem: Problem) -> np.ndarray:
    """(visit,) place of what each visit saw among the family's values, layout order."""
    return np.searchsorted(np.asarray(problem.family.detections), problem.y)
