"""Counts: individuals, calls or tracks counted on a visit, none where the species is absent.

    z_i ~ Bernoulli(psi_i)          n_ij | z_i = 1 ~ Poisson(rate_ij e_ij),   n_ij | z_i = 0 is 0

The rate is one of detections per unit of effort e_ij, log rate_ij linear; log e_ij is added to the
predictor. Visits are independent given the state, so that a site has

    L_i = psi_i prod_j Poisson(n_ij; rate_ij e_ij) + (1 - psi_i) [all n_ij = 0]

with every n_ij! in it: the probability of the counts as they are, visit by visit. That of their
total alone, Poisson(sum_j n_ij; sum_j rate_ij e_ij), leaves out the multinomial probability of
which visit counted how many, and with it most of what counts say of the visits' covariates.
unmarked's ``occuCOP`` documents the first and computes the second: the two agree, but for a
constant, only where the rate does not change between the visits of a site.

With ``seasons="dynamic"`` sites are colonised and abandoned between seasons.

Source: Pautrel et al. (2023) bioRxiv 2023.11.17.567350.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from scipy.special import gammaln

from occupancy.families import pieces, turnover
from occupancy.families.base import Family, Observed, Parameter
from surveys.problems import ModelError

RATE = Parameter(
    "rate", "visit", ("log",), "expected count per unit of effort, if occupied", exposure=True
)
LARGEST = 650.0  # logarithm of the largest mean: its double times a count is still a number


def tables(values, y, effort):
    """Tables of the states; ``values["rate"]`` is the mean of the visit, effort included."""
    mean = np.broadcast_to(values["rate"], y.shape)
    return *turnover.tables(values, y), emission(mean, y)


def emission(mean: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Emission (..., state): no count above 0 if absent, Poisson if present; 1 where NaN."""
    n = np.nan_to_num(y)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        seen = np.where(n > 0, n * np.log(mean), 0.0)
        chance = np.stack([np.where(n > 0, 0.0, 1.0), np.exp(seen - mean - gammaln(n + 1))], -1)
    return np.where(np.isnan(y)[..., None], 1.0, chance)


def draw(values, state, made, effort, rng):
    """Counts given true states."""
    mean = np.broadcast_to(values["rate"], made.shape) * (state[..., None] > 0)
    return rng.poisson(np.where(made, mean, 0.0))


def largest_log_chance(n: np.ndarray) -> np.ndarray:
    """log Poisson(n; n), the highest that a count can have: n log n - n - log n!.

    By Stirling's series from 16 on, where those three would leave few digits.
    """
    n = np.maximum(np.asarray(n, dtype=np.float64), 1.0)
    direct = n * np.log(n) - n - gammaln(n + 1)
    s = 1 / (n * n)
    series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / n
    return np.where(n < 16, direct, -0.5 * np.log(2 * np.pi * n) - series)


def data(observed: Observed):
    """by_visit: the count, its logarithm, and its chance where the mean is the count itself."""
    n = observed.y
    wrong = n[~(np.isfinite(n) & (n >= 0) & (n == np.floor(n)))]
    if wrong.size:
        raise ModelError(
            f"Family 'counts' got {wrong[0]:g} where a count belongs. Counts are whole numbers "
            "from 0; give densities or indices as the numbers that were counted, with effort."
        )
    some = np.maximum(n, 1.0)
    return np.stack([n, np.log(some), largest_log_chance(some)]), np.zeros((0, observed.n_chain))


def guess(observed: Observed) -> dict[str, float]:
    """The mean count per unit of effort where there was any."""
    some = np.zeros(observed.n_chain, bool)
    some[observed.chain[observed.y > 0]] = True
    here = some[observed.chain]
    effort = max(observed.effort[here].sum(), 1e-6)
    return {"rate": max(observed.y[here].sum(), 0.5) / effort}


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Poisson if present, never above 0 if absent.

    log P(n; m) = log P(n; n) - n (e^d - 1 - d) with d = log m - log n: near the mean nothing
    large is subtracted from anything large.
    """
    _, eta, start, by_visit, _, _ = at
    n = by_visit[0, v]
    log_mean = eta[start[start.size - 2] + v]
    if n > 0.0:
        d = min(log_mean - by_visit[1, v], LARGEST)
        out[0] = -np.inf
        out[1] += by_visit[2, v] - n * (np.expm1(d) - d)
    else:
        out[1] -= np.exp(min(log_mean, LARGEST))


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Count less mean."""
    _, eta, start, by_visit, _, _ = at
    n, row = by_visit[0, v], start[start.size - 2] + v
    if n > 0.0:
        gradient[row] -= weight[1] * n * np.expm1(min(eta[row] - by_visit[1, v], LARGEST))
    else:
        gradient[row] -= weight[1] * np.exp(min(eta[row], LARGEST))


KERNELS = turnover.kernels("counts", visit, visit_slope)


def family(seasons: str = "", **unknown: Any) -> Family:
    """Counts; ``seasons="dynamic"`` where sites change between seasons."""
    pieces.check_options("counts", unknown, seasons=(seasons, turnover.SEASONS))
    return Family(
        name="counts",
        title="Occupancy from counts",
        source="Pautrel et al. (2023) bioRxiv 2023.11.17.567350",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=(*turnover.parameters(seasons), RATE),
        tables=tables,
        kernel=KERNELS[seasons],
        data=data,
        draw=draw,
        guess=guess,
        observes="count",
        **turnover.as_options(seasons),
    )
