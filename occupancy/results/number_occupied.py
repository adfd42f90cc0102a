"""How many of the surveyed sites were occupied: the whole distribution, not its mean alone.

Given the parameters and what was seen, sites are independent, so their number is Poisson-binomial
of P(occupied | everything seen there). For a sampled fit that is averaged over the draws, which
puts the uncertainty of the parameters in; the number in histories sampled jointly with them stands
beside it, and differs by chance alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve

from occupancy.problem import Problem
from occupancy.results import passes
from occupancy.results.draws import Draws
from occupancy.results.regions import season_labels

MOST_DRAWS = 400
TOGETHER = 32
BY_SUMS = 512  # terms up to which a product is summed outright, which keeps its smallest digits


def occupied_pmf(problem: Problem, draws: Draws, occupied: np.ndarray, seed: int) -> pd.DataFrame:
    """P(number of surveyed sites that were occupied), of each species and season.

    Parameters
    ----------
    occupied : (draw, species, site, season) bool
        Histories sampled jointly.

    Returns
    -------
    DataFrame
        species, season, number (0 to the sites surveyed in any season), probability (at the
        maximum of the likelihood, or averaged over the draws), joint (share of the sampled
        histories; of a maximum, with draws around it).
    """
    centre = draws.centre.thinned(MOST_DRAWS)
    ever = problem.visits_by_season.sum(axis=2) > 0  # (species, site)
    labels = season_labels(problem)
    species = problem.data["species"].values
    shape = (len(species), len(labels))
    total = [[np.zeros(ever[s].sum() + 1) for _ in range(shape[1])] for s in range(shape[0])]
    for d in range(centre.n):
        one = Draws(
            {k: v[d : d + 1] for k, v in centre.coefficients.items()},
            {k: v[d : d + 1] for k, v in centre.sds.items()},
            {k: v[d : d + 1] for k, v in centre.effects.items()},
        )
        present = passes.run(problem, one, seed).present
        for s in range(shape[0]):
            for t in range(shape[1]):
                total[s][t] += poisson_binomial(present[s, ever[s], t])
    tables = []
    for s, name in enumerate(species):
        for t, label in enumerate(labels):
            n = total[s][t].size
            joint = np.bincount(occupied[:, s, ever[s], t].sum(axis=1), minlength=n)
            tables.append(
                pd.DataFrame(
                    {
                        "species": str(name),
                        "season": label,
                        "number": np.arange(n),
                        "probability": total[s][t] / centre.n,
                        "joint": joint / len(occupied),
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def poisson_binomial(p: np.ndarray) -> np.ndarray:
    """(n + 1,) P(k successes in n trials, each with its own chance): a product of polynomials."""
    p = np.asarray(p, dtype=np.float64)
    if not np.isfinite(p).all():
        return np.full(p.size + 1, np.nan)
    sure = p == 1.0  # a species that was seen: they move the distribution, and no more
    parts = _few_at_once(p[~sure])
    while len(parts) > 1:
        paired = [_times(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = paired + parts[len(paired) * 2 :]
    return np.concatenate([np.zeros(sure.sum()), parts[0]])


def _few_at_once(p: np.ndarray) -> list[np.ndarray]:
    """Distributions of neighbouring trials, ``TOGETHER`` by ``TOGETHER``, all made side by side."""
    whole = p.size // TOGETHER * TOGETHER
    rows = p[:whole].reshape(-1, TOGETHER)
    pmf = np.zeros((len(rows), TOGETHER + 1))
    pmf[:, 0] = 1.0
    for v in rows.T[:, :, None]:
        pmf[:, 1:], pmf[:, :1] = pmf[:, 1:] * (1 - v) + pmf[:, :-1] * v, pmf[:, :1] * (1 - v)
    return [*pmf, *(np.array([1 - v, v]) for v in p[whole:])] or [np.ones(1)]


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if min(a.size, b.size) <= BY_SUMS:
        return np.convolve(a, b)
    return np.maximum(fftconvolve(a, b), 0.0)
