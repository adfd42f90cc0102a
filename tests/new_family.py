"""A family as a newcomer would add it: one file that reads like its paper.

False positives: a visit to an empty site detects with probability p10.

    z_i ~ Bernoulli(psi_i)        y_ij | z_i ~ Bernoulli(z_i p11_ij + (1 - z_i) p10_ij)

Source: Royle and Link (2006) Ecology 87:835-841.
"""

import numpy as np
from numba import njit

from occupancy.families.base import Family, Parameter
from occupancy.families.chain import make_kernel, site_ranges
from occupancy.kernel.simd import sigmoid, softplus


def tables(values, y):
    """Initial (site, state) and emission (site, visit, state); states absent, present."""
    psi = np.asarray(values["psi"])
    seen = np.stack([values["p10"], values["p11"]], axis=-1)
    emission = np.where((y > 0)[..., None], seen, 1 - seen)
    return np.stack([1 - psi, psi], axis=-1), np.where(np.isnan(y)[..., None], 1.0, emission)


def data(y, site_of_visit, n_site):
    """-1 where a visit detected, else 1."""
    return (np.where(y > 0, -1.0, 1.0),)


@njit(error_model="numpy")
def fill_in_logs(links, predictors, data, block, initial, emission):
    """Logarithms of the tables of one block."""
    s0, s1, v0, sizes = block
    for i in range(s1 - s0):
        initial[0, i] = -softplus(predictors[0][s0 + i])
        initial[1, i] = -softplus(-predictors[0][s0 + i])
        emission[0, :, i] = 0.0
    for j, o in site_ranges(v0, sizes):
        for i in range(sizes[j]):
            emission[0, 0, i] -= softplus(data[0][o + i] * predictors[2][o + i])
            emission[0, 1, i] -= softplus(data[0][o + i] * predictors[1][o + i])


@njit(error_model="numpy")
def fill(links, predictors, data, block, initial, emission, scratch):
    """The same tables as probabilities."""
    fill_in_logs(links, predictors, data, block, initial, emission)
    for i in range(block[1] - block[0]):
        for k in range(2):
            initial[k, i] = np.exp(initial[k, i])
            emission[0, k, i] = np.exp(emission[0, k, i])


@njit(error_model="numpy")
def adjoint(links, predictors, data, block, smoothed, gradients):
    """Expected minus predicted."""
    s0, s1, v0, sizes = block
    for i in range(s1 - s0):
        gradients[0][s0 + i] = smoothed[0, 1, i] - sigmoid(predictors[0][s0 + i])
    for j, o in site_ranges(v0, sizes):
        for i in range(sizes[j]):
            s = data[0][o + i]
            gradients[1][o + i] = -smoothed[0, 1, i] * s * sigmoid(s * predictors[1][o + i])
            gradients[2][o + i] = -smoothed[0, 0, i] * s * sigmoid(s * predictors[2][o + i])


FAMILY = Family(
    name="false_calls",
    title="Occupancy with false positives",
    source="Royle and Link (2006) Ecology 87:835-841",
    states=("absent", "present"),
    detections=(0.0, 1.0),
    parameters=(
        Parameter("psi", "site", ("logit",), "probability that a site is occupied"),
        Parameter("p11", "visit", ("logit",), "probability of detection, if occupied"),
        Parameter("p10", "visit", ("logit",), "probability of detection, if empty"),
    ),
    tables=tables,
    kernel=make_kernel(2, fill, fill_in_logs, adjoint),
    data=data,
)
