"""Which species belong to the community: those detected, and of the others whom the data leave.

w is drawn once for each species and draw, given everything that was seen,

    P(w_s = 1 | data) = Omega prod_i L_si / (Omega prod_i L_si + 1 - Omega)

and the states of its sites after it: sites drawn one by one would make a species that is absent
from one community present at some of its sites.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from occupancy.families.augmented import OMEGA
from occupancy.kernel.simd import sigmoid
from occupancy.problem import Problem


class Membership:
    """Species of a problem, each a member of the community or not.

    Attributes
    ----------
    inside : Problem
        The same surveys given that every species is a member.
    """

    def __init__(self, problem: Problem):
        inside = problem.if_member
        if inside is None:
            raise ValueError("the species of this model are all members")
        self.problem, self.inside = problem, inside

    @cached_property
    def never(self) -> np.ndarray:
        """(species,) bool: never detected."""
        return self.problem.never_detected

    @cached_property
    def _species(self) -> np.ndarray:
        """(chain,) place of each chain's species, layout order."""
        return self.problem.layout.site_order // self.problem.data.sizes["site"]

    def chance(self, log_lik: np.ndarray, omega: float) -> np.ndarray:
        """(species,) P(w = 1 | data).

        Parameters
        ----------
        log_lik : (chain,)
            Given that the species is a member, layout order.
        omega : on the link scale
        """
        whole = np.bincount(self._species, log_lik, minlength=self.never.size)
        return np.where(self.never, [sigmoid(omega + v) for v in whole], 1.0)

    def given_the_rest(self, log_lik: np.ndarray, omega: float) -> np.ndarray:
        """(chain,) log P(what was seen at a site | what was seen of its species elsewhere).

        Arguments as of ``chance``. Without the one site that detected it, a species would be one
        that nobody detected.
        """
        n = self.never.size
        whole = np.bincount(self._species, log_lik, minlength=n)[self._species]
        found = np.zeros(log_lik.size)
        found[self.problem.chain_of_visit[self.problem.observed.detected]] = 1.0
        elsewhere = np.bincount(self._species, found, minlength=n)[self._species] - found > 0
        member, stranger = -np.logaddexp(0.0, -omega), -np.logaddexp(0.0, omega)
        every, rest = member + whole, member + whole - log_lik
        never = self.never[self._species]
        return np.where(never, np.logaddexp(every, stranger), every) - np.where(
            elsewhere, rest, np.logaddexp(rest, stranger)
        )

    def of_chains(self, by_species: np.ndarray) -> np.ndarray:
        """(chain,) the value of each chain's species, layout order."""
        return by_species[self._species]

    def omega(self, predictors: tuple[np.ndarray, ...]) -> float:
        """Omega on the link scale."""
        return float(predictors[list(self.problem.predictors).index(OMEGA)][0])


def mixed(states: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(step, state, chain) states of species that are there with this probability (chain,)."""
    out = states * share
    out[:, 0] += 1.0 - share
    return out
