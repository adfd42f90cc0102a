"""Seeing a species that comes and goes within an occupied site: p* from the family's own tables.

Where replicates are correlated, the season has arrivals and departures, or a site has units, a
visit may find the species away, and p is that of a visit that finds it there. So

    p* = P(at least one detection on the visits made | the site is occupied)

is not 1 - prod(1 - p). It is summed here over every path of the species within the site.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from occupancy.families.base import Family
from occupancy.problem import Problem
from occupancy.simulation import pad

CELLS_AT_ONCE = 4_000_000  # of the tables: sites, steps, visits and states


def is_local(family: Family) -> bool:
    """Whether an occupied site has states in which the species cannot be seen."""
    return family.closed and sum(family.occupied) > 1


def few_detections(problem: Problem, eta: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(chain,) P(no detection | occupied) and P(exactly one | occupied), on the visits made.

    Field order; 1 and 0 at a site without visits.

    Parameters
    ----------
    eta : one (row,) for each parameter
        Linear predictors, layout order, signed where the family asks for it.
    """
    given = pad(problem, eta)
    made = given.made
    values = dict(given.values) | {"psi": np.ones(problem.n_chain)}
    none, one = np.empty((2, problem.n_chain))
    for rows in _pieces(problem.n_chain, made[0].size * problem.family.n_state):
        part = {k: v[rows] for k, v in values.items()}
        where, effort = made[rows], given.effort[rows]
        unseen, seen = (np.where(where, y, np.nan) for y in (0.0, 1.0))
        initial, transition, missed = problem.family.tables(part, unseen, effort)
        found = problem.family.tables(part, seen, effort)[2]
        first = initial
        second = np.zeros_like(first)
        for t in range(where.shape[1]):
            if t:
                first = np.einsum("na,nab->nb", first, transition[:, t - 1])
                second = np.einsum("na,nab->nb", second, transition[:, t - 1])
            for j in range(where.shape[2]):
                here = where[:, t, j, None]
                more = second * missed[:, t, j] + first * found[:, t, j]
                second = np.where(here, more, second)
                first = np.where(here, first * missed[:, t, j], first)
        none[rows], one[rows] = first.sum(axis=1), second.sum(axis=1)
    return none, one


def _pieces(n: int, cells: int) -> Iterator[slice]:
    size = max(1, CELLS_AT_ONCE // max(cells, 1))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
