"""Seeing the species: p on a visit as made, and how many visits are enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from occupancy.problem import Problem
from occupancy.results.draws import Draws, natural, summary
from occupancy.results.passes import predictors_at

MOST_DRAWS = 1000
ENOUGH = 0.95


def table(problem: Problem, draws: Draws, interval: float) -> list[dict[str, Any]]:
    """One row per species: mean p over the visits made, p* of a site's visits, visits needed.

    p* is the mean, over the visited sites, of the chance to see the species at least once in
    the visits made there, each with its own p; ``visits`` is their median number;
    ``visits_for_95`` is how many visits at the mean p give 95 %.
    """
    point = None if draws.point is None else _mean_p(problem, draws.point)
    drawn = _mean_p(problem, draws.thinned(MOST_DRAWS))
    n_species = problem.data.sizes["species"]
    visits = problem.visits_per_chain.reshape(n_species, -1)
    rows = []
    for s, name in enumerate(problem.data["species"].values):
        made = visits[s][visits[s] > 0]
        p = summary(drawn[0][:, s], interval)
        star = summary(drawn[1][:, s], interval)
        if point is not None:
            p["mean"], star["mean"] = point[0][0, s], point[1][0, s]
        row: dict[str, Any] = {"species": str(name)}
        row |= {f"p_{q}": float(p[q]) for q in ("mean", "lower", "upper")}
        row |= {f"p_star_{q}": float(star[q]) for q in ("mean", "lower", "upper")}
        row["visits"] = float(np.median(made)) if made.size else 0.0
        row["visits_for_95"] = _needed(p["mean"])
        row["visits_for_95_lower"] = _needed(p["upper"])
        row["visits_for_95_upper"] = _needed(p["lower"])
        rows.append(row)
    return rows


def _needed(p: float) -> float:
    """Visits until the chance to have seen the species, if present, is 95 %; NaN if unknown."""
    if not np.isfinite(p) or p <= 0:
        return float("nan")
    return float(np.ceil(np.log(1 - ENOUGH) / np.log1p(-p) - 1e-9)) if p < 1 else 1.0


def _mean_p(problem: Problem, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """(draw, species) mean p over the visits made, and mean p* over the visited sites."""
    p = problem.predictors["p"]
    place = list(problem.predictors).index("p")
    n_species = problem.data.sizes["species"]
    n_site = problem.data.sizes["site"]
    chain = problem.layout.site_order[problem.chain_of_visit]
    species = chain // n_site
    made = np.bincount(species, minlength=n_species)
    visited = problem.visits_per_chain > 0
    of_chain = np.arange(visited.size)[visited] // n_site
    sites = np.bincount(of_chain, minlength=n_species)
    out, star = np.full((2, draws.n, n_species), np.nan)
    for d in range(draws.n):
        eta = predictors_at(problem, draws, d)[place]
        value = natural(p, eta if p.sign is None else eta * p.sign)
        total = np.bincount(species, weights=value, minlength=n_species)
        out[d] = np.where(made > 0, total / np.maximum(made, 1), np.nan)
        with np.errstate(divide="ignore"):
            missed = np.bincount(chain, weights=np.log1p(-value), minlength=visited.size)
        seen = np.bincount(of_chain, weights=-np.expm1(missed[visited]), minlength=n_species)
        star[d] = np.where(sites > 0, seen / np.maximum(sites, 1), np.nan)
    return out, star
