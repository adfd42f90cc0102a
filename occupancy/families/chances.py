"""Logarithms of chances and their slopes, shared by families told in logarithms.

A slope is d log(chance) / d predictor. Nothing here is made by subtracting from one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.families.base import Data, Observed
from occupancy.kernel.two_state import occupy_in_logs


def as_detected(observed: Observed) -> Data:
    """``Family.data`` of a family of detections: by_visit[0] is 1 where the visit detected."""
    return observed.detected.astype(np.float64)[None, :], np.zeros((0, observed.n_chain))


@njit(error_model="numpy", cache=True)
def share_in_logs(log_a, log_b):
    """log(a / (a + b)), log(b / (a + b)) and the two shares themselves."""
    top = max(log_a, log_b)
    both = top + np.log1p(np.exp(min(log_a, log_b) - top))
    return log_a - both, log_b - both, np.exp(log_a - both), np.exp(log_b - both)


@njit(error_model="numpy", cache=True)
def yes_no_slope(link, eta, yes, no):
    """Slope of yes log(chance) + no log(1 - chance)."""
    _, _, up, down = occupy_in_logs(link, eta)
    return yes * up - no * down


@njit(error_model="numpy", cache=True)
def seen_only_in(here, m, at, v, out):
    """Bernoulli of parameter ``m`` in state ``here``; never seen in another state."""
    links, eta, start, by_visit, _, _ = at
    detect, miss, _, _ = occupy_in_logs(links[m], eta[start[m] + v])
    seen = by_visit[0, v] > 0.0
    for k in range(out.size):
        if k == here:
            out[k] += detect if seen else miss
        elif seen:
            out[k] = -np.inf


@njit(error_model="numpy", cache=True)
def seen_only_in_slope(here, m, at, v, weight, gradient):
    """Slope of ``seen_only_in``."""
    links, eta, start, by_visit, _, _ = at
    seen = by_visit[0, v]
    row = start[m] + v
    gradient[row] += weight[here] * yes_no_slope(links[m], eta[row], seen, 1.0 - seen)
