"""From a family's ``fill`` and ``adjoint`` to a kernel on linear predictors, through the core.

``fill(links, predictors, data, block, initial, emission, scratch)`` writes the tables of one
block as probabilities; ``fill_in_logs(links, predictors, data, block, initial, emission)`` as
logarithms, for blocks that underflow; ``adjoint(links, predictors, data, block, smoothed,
gradients)`` turns smoothed state probabilities (season, state, site) into the gradient of every
predictor. ``block`` is (first site, end site, first visit, sites with a j-th visit).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.kernel.core import forward_backward, forward_backward_in_logs


@njit(error_model="numpy", cache=True)
def site_ranges(first, sizes):
    """(j, place of the first j-th visit) for every diagonal of a block."""
    out = np.empty((sizes.size, 2), np.int64)
    o = first
    for j in range(sizes.size):
        out[j, 0] = j
        out[j, 1] = o
        o += sizes[j]
    return out


def make_kernel(n_state: int, fill, fill_in_logs, adjoint):
    """A kernel with the signature of ``Family.kernel`` for a family of one season."""

    @njit(error_model="numpy")
    def kernel(links, predictors, data, layout, gradients, log_lik, states):
        site_start, visit_start, diagonal_start, diagonal_size = layout
        n_block = site_start.size - 1
        most = 1
        for b in range(n_block):
            most = max(most, site_start[b + 1] - site_start[b])
        initial = np.empty((n_state, most))
        transition = np.empty((0, n_state, n_state, most))
        emission = np.empty((1, n_state, most))
        alpha = np.empty((1, n_state, most))
        beta = np.empty((n_state, most))
        work = np.empty((n_state + 1, most))
        smoothed = np.empty((1, n_state, most))
        scratch = np.empty((4, most))
        total = 0.0
        for b in range(n_block):
            s0, s1 = site_start[b], site_start[b + 1]
            sizes = diagonal_size[diagonal_start[b] : diagonal_start[b + 1]]
            block = (s0, s1, visit_start[b], sizes)
            n = s1 - s0
            ll = log_lik[s0:s1]
            fill(links, predictors, data, block, initial, emission, scratch)
            if not forward_backward(
                initial, transition, emission, n, alpha, beta, work, smoothed, transition, ll
            ):
                fill_in_logs(links, predictors, data, block, initial, emission)
                forward_backward_in_logs(initial, transition, emission, n, smoothed, transition, ll)
            adjoint(links, predictors, data, block, smoothed, gradients)
            for i in range(n):
                total += ll[i]
                for k in range(n_state):
                    states[k, s0 + i] = min(smoothed[0, k, i], 1.0)
        return total

    return kernel
