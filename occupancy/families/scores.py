"""Scores: a classifier's number for each recording or picture, without a threshold.

    z_i ~ Bernoulli(psi_i)
    s_ij | z_i = 1 ~ p_ij Normal(mu1_i, sigma1_i) + (1 - p_ij) Normal(mu0_i, sigma0_i)
    s_ij | z_i = 0 ~ Normal(mu0_i, sigma0_i)

Where the species is present, a share p of the files holds it, and those score around mu1; every
other file scores around mu0. A visit is one file. Scores should be on a scale on which they look
normal, such as the logit of a classifier's output.

The likelihood is the same with the two distributions and p <-> 1 - p swapped at present sites as
far as these go, so the upper mean is written as mu1 = mu0 + gap with **gap > 0 on a log link**:
files with the species score higher, and the mirrored answer cannot occur.

With ``seasons="dynamic"`` sites are colonised and abandoned between seasons.

Source: Rhinehart, Turek and Kitzes (2022) Methods in Ecology and Evolution 13:1778-1789.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces, turnover
from occupancy.families.base import Family, Observed, Parameter
from occupancy.kernel.simd import sigmoid, softplus
from surveys.problems import ModelError

PARAMETERS = (
    Parameter("p", "visit", ("logit",), "probability that a file holds the species, if occupied"),
    Parameter("mu0", "site", ("identity",), "mean score of files without the species"),
    Parameter("gap", "site", ("log",), "mean score of files with the species, above mu0"),
    Parameter("sigma0", "site", ("log",), "standard deviation of scores without the species"),
    Parameter("sigma1", "site", ("log",), "standard deviation of scores with the species"),
)
HALF_LOG_TWO_PI = 0.9189385332046728
FURTHEST = 115.0  # logarithm of the widest gap and the narrowest sigma told


def tables(values, y, effort):
    """Tables of the states, with densities of the scores as emission."""
    p = np.broadcast_to(values["p"], y.shape)
    mu0, gap, sigma0, sigma1 = _of_sites(values)
    noise = _normal(y, mu0, sigma0)
    chance = np.stack([noise, p * _normal(y, mu0 + gap, sigma1) + (1 - p) * noise], axis=-1)
    return *turnover.tables(values, y), np.where(np.isnan(y)[..., None], 1.0, chance)


def _normal(y, mu, sigma):
    return np.exp(-0.5 * ((y - mu) / sigma) ** 2 - HALF_LOG_TWO_PI) / sigma


def _of_sites(values) -> list[np.ndarray]:
    """mu0, gap, sigma0, sigma1, broadcast over (site, season, visit)."""
    return [np.asarray(values[p.name])[:, None, None] for p in PARAMETERS[1:]]


def draw(values, state, made, effort, rng):
    """Scores given true states."""
    mu0, gap, sigma0, sigma1 = _of_sites(values)
    holds = (rng.random(made.shape) < values["p"]) & (state[..., None] > 0)
    z = rng.normal(size=made.shape)
    return np.where(holds, mu0 + gap + sigma1 * z, mu0 + sigma0 * z)


def data(observed: Observed):
    """by_visit: the score."""
    if not np.isfinite(observed.y).all():
        raise ModelError(
            "Family 'scores' got an infinite score. Scores at the ends of a classifier's scale "
            "(0 or 1 before a logit) have to be moved inside before they are transformed."
        )
    return observed.y[None, :].copy(), np.zeros((0, observed.n_chain))


def guess(observed: Observed) -> dict[str, float]:
    """Two heaps of scores, each score with the nearer mean; half of the sites occupied."""
    y = observed.y
    if np.unique(y).size < 4:
        return {}
    low, high = np.quantile(y, [0.25, 0.95])
    upper = y > 0.5 * (low + high)
    for _ in range(20):
        low, high = y[~upper].mean(), y[upper].mean()
        upper = y > 0.5 * (low + high)
    sigma = max(y.std() / 10, 1e-6)
    return {
        "psi": 0.5,
        "p": min(2 * upper.mean(), 0.9),
        "mu0": low,
        "gap": high - low,
        "sigma0": max(y[~upper].std(), sigma),
        "sigma1": max(y[upper].std(), sigma),
    }


@njit(error_model="numpy", cache=True)
def _told(at, i, v):
    """log-odds that a visit's file holds the species, log N0, and the terms of its slopes."""
    _, eta, start, by_visit, _, _ = at
    last = start.size - 2
    p = eta[start[last - 4] + v]
    gap = np.exp(min(eta[start[last - 2] + i], FURTHEST))
    log_narrow0 = min(-eta[start[last - 1] + i], FURTHEST)
    log_narrow1 = min(-eta[start[last] + i], FURTHEST)
    narrow0, narrow1 = np.exp(log_narrow0), np.exp(log_narrow1)
    above = by_visit[0, v] - eta[start[last - 3] + i]
    z0, z1 = above * narrow0, (above - gap) * narrow1
    noise = log_narrow0 - 0.5 * z0 * z0 - HALF_LOG_TWO_PI
    call = log_narrow1 - 0.5 * z1 * z1 - HALF_LOG_TWO_PI
    return p, gap, narrow0, narrow1, z0, z1, noise, call


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Noise if absent; a mixture of calls and noise if present."""
    p, _, _, _, _, _, noise, call = _told(at, i, v)
    out[0] += noise
    with_call, without = call - softplus(-p), noise - softplus(p)
    out[1] += max(with_call, without) + np.log1p(np.exp(-abs(with_call - without)))


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slopes of each normal, times the chance that the file is of its kind."""
    p, gap, narrow0, narrow1, z0, z1, noise, call = _told(at, i, v)
    odds = p + call - noise
    holds, empty = weight[1] * sigmoid(odds), weight[1] * sigmoid(-odds)
    start = at[2]
    last = start.size - 2
    gradient[start[last - 4] + v] += holds * sigmoid(-p) - empty * sigmoid(p)
    empty += weight[0]
    gradient[start[last - 3] + i] += holds * z1 * narrow1 + empty * z0 * narrow0
    gradient[start[last - 2] + i] += holds * z1 * narrow1 * gap
    gradient[start[last - 1] + i] += empty * (z0 * z0 - 1.0)
    gradient[start[last] + i] += holds * (z1 * z1 - 1.0)


KERNELS = turnover.kernels("scores", visit, visit_slope)


def family(seasons: str = "", **unknown: Any) -> Family:
    """Classifier scores; ``seasons="dynamic"`` where sites change between seasons."""
    pieces.check_options("scores", unknown, seasons=(seasons, turnover.SEASONS))
    return Family(
        name="scores",
        title="Occupancy from classifier scores",
        source="Rhinehart et al. (2022) Methods in Ecology and Evolution 13:1778-1789",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=(*turnover.parameters(seasons), *PARAMETERS),
        tables=tables,
        kernel=KERNELS[seasons],
        data=data,
        draw=draw,
        guess=guess,
        proof=False,
        observes="score",
        **turnover.as_options(seasons),
    )
