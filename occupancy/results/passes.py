"""One pass over the draws: likelihood, smoothed states and sampled states of every chain.

For every draw the kernel gives, at every site, the log-likelihood with the states summed out and
P(state | data). Sampled states are drawn from the latter, never from psi alone, so that a site
where the species was seen is always occupied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.problem import Problem
from occupancy.results.draws import Draws

MOST_POINTWISE = 30_000_000  # values of draws times chains kept in memory (240 MB)


@dataclass(frozen=True)
class Pass:
    """What one pass gave, chains in field order.

    Attributes
    ----------
    log_lik : (draw, chain) or None
        None unless asked for, or where it would not fit in memory.
    present : (chain,)
        P(occupied | data), averaged over the draws.
    states : (chain, state)
        P(state | data), averaged over the draws.
    occupied : (draw, chain) bool
        Sampled states.
    """

    log_lik: np.ndarray | None
    present: np.ndarray
    states: np.ndarray
    occupied: np.ndarray


def run(problem: Problem, draws: Draws, seed: int, pointwise: bool = False) -> Pass:
    """Pass over the draws; states are sampled with ``seed``.

    ``pointwise`` keeps the log-likelihood of every draw and chain, where memory allows.
    """
    rng = np.random.default_rng(seed)
    n = problem.n_chain
    keep = pointwise and draws.n * n <= MOST_POINTWISE
    log_lik = np.empty((draws.n, n)) if keep else None
    occupied = np.empty((draws.n, n), dtype=bool)
    states = np.zeros((len(problem.family.states), n))
    mark = np.array(problem.family.occupied)
    usable = problem.usable
    for d in range(draws.n):
        _, ll, w, _ = problem.evaluate(predictors_at(problem, draws, d))
        states += w
        if log_lik is not None:
            log_lik[d, problem.layout.site_order] = ll
        share = np.clip(w[mark].sum(axis=0), 0.0, 1.0)
        at = problem.in_field_order(share)
        occupied[d] = rng.random(n) < at
    states = problem.in_field_order(states / draws.n).T
    states[~usable] = np.nan
    return Pass(log_lik, states[:, mark].sum(axis=1), states, occupied)


def predictors_at(problem: Problem, draws: Draws, d: int) -> tuple[np.ndarray, ...]:
    """Linear predictors of one draw, in layout order, signed where the columns are."""
    out = []
    for p in problem.predictors.values():
        eta = draws.coefficients[p.name][d] @ p.columns
        if p.offset.size:
            eta += p.offset
        for g in p.groups:
            part = draws.effects[p.name, g.name][d][g.level]
            part = part if g.value is None else part * g.value
            eta += part if p.sign is None else part * p.sign
        out.append(eta)
    return tuple(out)
