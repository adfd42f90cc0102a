"""Single season: occupied or not, closed during the visits, no false detections.

    z_i ~ Bernoulli(psi_i)          y_ij | z_i ~ Bernoulli(z_i p_ij)

Source: MacKenzie et al. (2002) Ecology 83:2248-2255; Tyre et al. (2003) Ecological Applications
13:1790-1801.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.families.base import Family, Parameter
from occupancy.families.chain import make_kernel, site_ranges
from occupancy.kernel.simd import FAST, softplus, vexp
from occupancy.kernel.two_state import (
    occupy,
    occupy_in_logs,
    occupy_slopes,
    on_predictors,
)


def tables(values, y):
    """Initial (site, state) and emission (site, visit, state); states absent, present."""
    psi, p = np.asarray(values["psi"]), np.asarray(values["p"])
    initial = np.stack([1 - psi, psi], axis=-1)
    seen = np.stack([np.where(y > 0, 0.0, 1.0), np.where(y > 0, p, 1 - p)], axis=-1)
    return initial, np.where(np.isnan(y)[..., None], 1.0, seen)


def data(y, site_of_visit, n_site):
    """1 where a site was never detected, else 0."""
    unseen = np.ones(n_site)
    unseen[site_of_visit[y > 0]] = 0.0
    return (unseen,)


@njit(error_model="numpy", cache=True)
def kernel(links, predictors, data, layout, gradients, log_lik, states):
    """The fast path of two states and one season."""
    site_start, visit_start, diagonal_start, diagonal_size = layout
    total = on_predictors(
        links[0],
        predictors[0],
        predictors[1],
        data[0],
        site_start,
        visit_start,
        diagonal_start,
        diagonal_size,
        gradients[0],
        gradients[1],
        log_lik,
        states[1],
    )
    for i in range(log_lik.size):
        states[0, i] = 1.0 - states[1, i]
    return total


# The same family on the shared core: what a new family writes.


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _seen_given_present(signed, emission, n):
    for i in range(n):
        emission[i] *= 1.0 / (1.0 + vexp(signed[i]))


@njit(error_model="numpy", cache=True)
def fill(links, predictors, data, block, initial, emission, scratch):
    """Tables of one block, as probabilities; False where they cannot hold the numbers."""
    s0, s1, v0, sizes = block
    n = s1 - s0
    occupy(links[0], predictors[0][s0:s1], initial[1], initial[0], scratch[0])
    for i in range(n):
        emission[0, 0, i] = data[0][s0 + i]
        emission[0, 1, i] = 1.0
    for j, o in site_ranges(v0, sizes):
        _seen_given_present(predictors[1][o:], emission[0, 1], sizes[j])


@njit(error_model="numpy", cache=True)
def fill_in_logs(links, predictors, data, block, initial, emission):
    """The same tables as logarithms."""
    s0, s1, v0, sizes = block
    for i in range(s1 - s0):
        initial[1, i], initial[0, i], _, _ = occupy_in_logs(links[0], predictors[0][s0 + i])
        emission[0, 0, i] = 0.0 if data[0][s0 + i] > 0.0 else -np.inf
        emission[0, 1, i] = 0.0
    for j, o in site_ranges(v0, sizes):
        for i in range(sizes[j]):
            emission[0, 1, i] -= softplus(predictors[1][o + i])


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _expected_minus_predicted(slope, empty_slope, smoothed, gradient, n):
    for i in range(n):
        gradient[i] = smoothed[1, i] * slope[i] - smoothed[0, i] * empty_slope[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _not_as_seen(signed, present, gradient, n):
    for i in range(n):
        t = vexp(signed[i])
        gradient[i] = -present[i] * t / (1.0 + t)


@njit(error_model="numpy", cache=True)
def adjoint(links, predictors, data, block, smoothed, gradients):
    """Expected minus predicted: (w - psi) for psi, -w (1 - r) for a visit, signed."""
    s0, s1, v0, sizes = block
    n = s1 - s0
    slopes = np.empty((2, n))
    occupy_slopes(links[0], predictors[0][s0:s1], slopes[1], slopes[0])
    _expected_minus_predicted(slopes[1], slopes[0], smoothed[0], gradients[0][s0:s1], n)
    for j, o in site_ranges(v0, sizes):
        _not_as_seen(predictors[1][o:], smoothed[0, 1], gradients[1][o:], sizes[j])


kernel_on_core = make_kernel(2, fill, fill_in_logs, adjoint)

FAMILY = Family(
    name="single_season",
    title="Single-season occupancy",
    source="MacKenzie et al. (2002) Ecology 83:2248-2255",
    states=("absent", "present"),
    detections=(0.0, 1.0),
    parameters=(
        Parameter("psi", "site", ("logit", "cloglog"), "probability that a site is occupied"),
        Parameter("p", "visit", ("logit",), "probability of detection on a visit, if occupied"),
    ),
    tables=tables,
    kernel=kernel,
    data=data,
    signed=frozenset({"p"}),
    fast=True,
)
