"""One pass over the draws: likelihood, smoothed states and sampled histories of every chain.

For every draw the kernel gives, at every site, the log-likelihood with the states summed out,
P(state | data) and P(state now, state next | data). Whole histories are drawn from these, never
from psi alone: a site where the species was seen is always occupied, and what is counted between
two seasons (turnover, change) is counted on one history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.problem import Problem
from occupancy.results.draws import Draws, natural
from occupancy.results.membership import Membership, mixed
from occupancy.results.occupied import marks, reported

MOST_ROWS = 20_000  # numbers of individuals told of one site
MOST_POINTWISE = 30_000_000  # values of draws times chains kept in memory (240 MB)


@dataclass(frozen=True)
class Pass:
    """What one pass gave, in field order; season runs over the seasons that are reported.

    Attributes
    ----------
    log_lik : (draw, chain) or None
        None unless asked for, or where it would not fit in memory.
    present : (species, site, season)
        P(occupied | whole history), averaged over the draws.
    states : (chain, step, state)
        P(state | whole history), averaged over the draws.
    occupied : (draw, species, site, season) bool
        Sampled histories.
    numbers : (draw, chain) int, or None
        Sampled numbers of individuals, where states are such.
    member : (draw, species) bool, or None
        Sampled members of the community, where species need not be.
    """

    log_lik: np.ndarray | None
    present: np.ndarray
    states: np.ndarray
    occupied: np.ndarray
    numbers: np.ndarray | None = None
    member: np.ndarray | None = None


def run(problem: Problem, draws: Draws, seed: int, pointwise: bool = False) -> Pass:
    """Pass over the draws; histories are sampled with ``seed``.

    ``pointwise`` keeps the log-likelihood of every draw and chain, where memory allows.
    """
    rng = np.random.default_rng(seed)
    n, at, mark = problem.n_chain, reported(problem), marks(problem)
    n_site = problem.data.sizes["site"]
    keep = pointwise and draws.n * n <= MOST_POINTWISE
    log_lik = np.empty((draws.n, n)) if keep else None
    shape = (-1, n_site, at.size)
    n_species = problem.data.sizes["species"]
    occupied = np.empty((draws.n, n_species, n_site, at.size), dtype=bool)
    states = np.zeros((problem.n_step, problem.n_shown, n))
    several = problem.n_step > 1 or mark.shape[0] > 1
    counts = not problem.family.states
    numbers = np.empty((draws.n, n), np.int64) if counts else None
    species = None if problem.if_member is None else Membership(problem)
    member = None if species is None else np.empty((draws.n, n_species), bool)
    for d in range(draws.n):
        eta = predictors_at(problem, draws, d)
        if species is None or member is None:
            ll, w, pairs = _told(problem, eta)
            states += w[:, : problem.n_shown]
        else:
            ll, w, pairs = _told(species.inside, eta[: len(species.inside.predictors)])
            share = species.chance(ll, species.omega(eta))
            states += mixed(w[:, : problem.n_shown], species.of_chains(share))
            member[d] = rng.random(n_species) < share
            if log_lik is not None:
                ll = problem.evaluate(eta)[1]
        if log_lik is not None:
            log_lik[d, problem.layout.site_order] = ll
        if several:
            path = problem.in_field_order(sample_path(w, pairs, rng)[at])  # (season, chain)
            held = mark[:, path]  # (kind, season, chain)
            occupied[d] = np.moveaxis(held, 1, 2).reshape(shape)
        elif numbers is not None:
            numbers[d] = problem.in_field_order(_pick(w[0], rng))
            occupied[d] = (numbers[d] > 0).reshape(shape)
        else:
            share = np.clip(w[0, mark[0]].sum(axis=0), 0.0, 1.0)
            occupied[d] = (rng.random(n) < problem.in_field_order(share)).reshape(shape)
        if member is not None:
            occupied[d] &= member[d][:, None, None]
            if numbers is not None:
                numbers[d] *= np.repeat(member[d], n_site)
    states = np.moveaxis(problem.in_field_order(states / draws.n), 2, 0)
    states[~problem.usable] = np.nan
    if counts:
        present = (1.0 - states[:, at, :1]).transpose(2, 0, 1).reshape(shape)
    else:
        present = np.moveaxis(states[:, at] @ mark.T.astype(float), 2, 0).reshape(shape)
    return Pass(log_lik, np.clip(present, 0.0, 1.0), states, occupied, numbers, member)


def log_likelihoods(problem: Problem, draws: Draws) -> np.ndarray:
    """(draw, chain) log-likelihood of every site, states summed out, field order.

    The draws may be those of another fit with the same designs.
    """
    out = np.empty((draws.n, problem.n_chain))
    for d in range(draws.n):
        out[d] = problem.in_field_order(problem.evaluate(predictors_at(problem, draws, d))[1])
    return out


def held_out_likelihoods(problem: Problem, draws: Draws) -> np.ndarray:
    """(draw, chain) log-likelihood of every site given the rest of the surveys, field order.

    Given the parameters sites are independent, but for those of a species that may be no member
    of the community.
    """
    if problem.if_member is None:
        return log_likelihoods(problem, draws)
    species = Membership(problem)
    out = np.empty((draws.n, problem.n_chain))
    for d in range(draws.n):
        eta = predictors_at(problem, draws, d)
        log_lik = species.inside.evaluate(eta[: len(species.inside.predictors)])[1]
        told = species.given_the_rest(log_lik, species.omega(eta))
        out[d] = problem.in_field_order(told)
    return out


def _told(problem: Problem, eta: tuple[np.ndarray, ...]):
    """Log-likelihoods, states and pairs; of numbers as many rows as hold all but a millionth."""
    rows = problem.n_shown
    while True:
        _, ll, w, pairs, _ = problem.evaluate(eta, problem.n_step > 1, rows)
        if problem.family.states or rows >= MOST_ROWS or w[0, -1].max() < 1e-6:
            return ll, w, pairs
        rows *= 2


def expected_numbers(problem: Problem, point: Draws) -> np.ndarray:
    """(chain,) E[N | data] at one set of parameters, exact."""
    eta = predictors_at(problem, point, 0)
    share = 1.0
    if problem.if_member is not None:
        species = Membership(problem)
        problem = species.inside
        omega, eta = species.omega(eta), eta[: len(problem.predictors)]
        share = species.of_chains(species.chance(problem.evaluate(eta)[1], omega))
    gradients = problem.evaluate(eta)[4]
    names, predictors = list(problem.predictors), problem.predictors.values()
    rows = {n: (p, e, g) for n, p, e, g in zip(names, predictors, eta, gradients, strict=True)}
    at_sites = {n: row for n, row in rows.items() if row[0].level == "site"}
    values = {n: natural(p, e) for n, (p, e, _) in at_sites.items()}
    number = problem.family.number
    if number is None:
        raise ValueError(f"family '{problem.family.name}' has no numbers")
    found = number(values, {n: g for n, (_, _, g) in at_sites.items()})
    return problem.in_field_order(share * found)


def sample_path(states: np.ndarray, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(step, chain) one whole history of every chain, from smoothed states and pairs.

    Given the data a chain is still a chain: its first state has the smoothed probability, each
    next one that of the pair given the state before.
    """
    n_step, _, n = states.shape
    path = np.empty((n_step, n), dtype=np.int64)
    path[0] = _pick(states[0], rng)
    chain = np.arange(n)
    for t in range(1, n_step):
        path[t] = _pick(pairs[t - 1][path[t - 1], :, chain].T, rng)
    return path


def _pick(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(chain,) index drawn along the first axis; weights need not add to one."""
    upper = weight.cumsum(axis=0)
    drawn = (rng.random(weight.shape[1]) * upper[-1] >= upper).sum(axis=0)
    return np.minimum(drawn, weight.shape[0] - 1)


def predictors_at(problem: Problem, draws: Draws, d: int) -> tuple[np.ndarray, ...]:
    """Linear predictors of one draw, in layout order, signed where the columns are."""
    out = []
    for p in problem.predictors.values():
        eta = draws.coefficients[p.name][d] @ p.columns
        if p.offset.size:
            eta += p.offset
        at = slice(d, d + 1)
        effects = {
            t.name: t.design.at_levels(
                draws.hypers[p.name, t.name][at], draws.effects[p.name, t.name][at]
            )[0]
            for t in p.varying
        }
        out.append(p.add_varying(eta, effects))
    return tuple(out)
