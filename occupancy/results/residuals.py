"""Dunn-Smyth residuals of occupancy and of detection: normal where the model is right.

A detection is 0 or 1, so its residual lies anywhere between two bounds of the model's distribution
and is drawn there at random (with a seed that is kept). Two kinds, since two things may be wrong:

    occupancy   from "ever detected":       P(none) is the border between not detected and detected
    detection   from the number of visits with a detection, given at least one:
                from P(at most n - 1 | some) to P(at most n | some); NaN where there was none

Draw them against every covariate, space and time; a trend is what the model leaves out. For a
sampled fit the distribution is averaged over the draws.

Source: Warton, Stoklosa, Guillera-Arroita, MacKenzie and Welsh (2017) Methods in Ecology and
Evolution 8:408-417; Dunn and Smyth (1996) JCGS 5:236-244.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from occupancy.problem import Problem
from occupancy.results.draws import Draws
from occupancy.results.passes import predictors_at
from occupancy.results.regions import season_labels
from occupancy.results.seasons_seen import blocks_of, chances, seen_values

MOST_DRAWS = 200
NEAREST = 1e-15  # a share no nearer to 0 or 1 than this, whose normal score is finite


def residuals(problem: Problem, draws: Draws, seed: int) -> pd.DataFrame:
    """One row for each species, site and season with visits.

    Returns
    -------
    DataFrame
        species, site, season, visits, detections; ``occupancy`` and ``detection``: residuals;
        ``occupancy_lower``, ``occupancy_upper``, ``detection_lower``, ``detection_upper``: the
        bounds, as probabilities, between which they were drawn.
    """
    blocks = blocks_of(problem)
    centre = draws.centre.thinned(MOST_DRAWS)
    parts: list[list[np.ndarray]] = [[] for _ in blocks.visit]
    for d in range(centre.n):
        told = chances(problem, blocks, predictors_at(problem, centre, d))
        for kind, own in enumerate(blocks.chains):
            pmf = told.of_numbers(kind, own)
            parts[kind] = [pmf] if not parts[kind] else [parts[kind][0] + pmf]
    values = np.append(seen_values(problem), -1)
    rng = np.random.default_rng([seed, 1996])
    labels, sites = season_labels(problem), problem.data["site"].values
    tables = []
    for kind, own in enumerate(blocks.chains):
        seen = values[blocks.visit[kind][own]]
        made, found = (seen >= 0).sum(axis=1), (seen > 0).sum(axis=1)
        bounds = limits(parts[kind][0] / centre.n, found)
        table = pd.DataFrame(
            {
                "species": str(problem.data["species"].values[blocks.species[kind]]),
                "site": sites,
                "season": labels[blocks.season[kind]],
                "visits": made,
                "detections": found,
            }
        )
        for name, (low, high) in bounds.items():
            between = low + rng.random(low.size) * (high - low)
            table[name] = ndtri(np.clip(between, NEAREST, 1 - NEAREST))
            table[f"{name}_lower"], table[f"{name}_upper"] = low, high
        tables.append(table[made > 0])
    out = pd.concat(tables, ignore_index=True)
    out.attrs["seed"] = seed
    return out


def limits(pmf: np.ndarray, found: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{kind: (lower, upper)} bounds of the residuals, as probabilities.

    Parameters
    ----------
    pmf : (site, number)
        Of the number of visits with a detection.
    found : (site,) int
    """
    none, row = pmf[:, 0], np.arange(found.size)
    some = found > 0
    ever = np.where(some, none, 0.0), np.where(some, 1.0, none)
    tail = np.cumsum(pmf[:, :0:-1], axis=1)[:, ::-1]  # P(number >= k), k = 1 ..
    tail = np.concatenate([tail, np.zeros((len(pmf), 1))], axis=1)
    k = np.maximum(found, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = 1 - tail[row, k - 1] / tail[:, 0], 1 - tail[row, k] / tail[:, 0]
    return {
        "occupancy": ever,
        "detection": (np.where(some, low, np.nan), np.where(some, high, np.nan)),
    }
