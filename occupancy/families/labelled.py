"""What families share whose visits carry labels, with a chance of detection for each label.

A visit that looks for one species among several, or that was made by one way of surveying, has
the detection parameter of its label. Those parameters are the family's last, one for each label,
and each has the rows of its own visits only, in layout order.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.families.base import Observed
from occupancy.kernel.simd import sigmoid, softplus
from occupancy.kernel.two_state import LOGIT, occupy_in_logs

SEEN, ROW, LABEL = 0, 1, 2  # items of ``by_visit``


def by_label(observed: Observed, n_label: int) -> np.ndarray:
    """by_visit: 1 where the visit detected; its row among those of all labels; its label."""
    row = np.empty(observed.label.size)
    first = 0
    for own in range(n_label):
        mine = np.flatnonzero(observed.label == own)
        row[mine] = first + np.arange(mine.size)
        first += mine.size
    return np.stack([observed.detected, row, observed.label]).astype(np.float64)


@njit(error_model="numpy", cache=True)
def log_chance(at, first, v):
    """Log P(what visit v saw | there to be seen); ``first`` is the first label's parameter."""
    links, eta, start, by_visit, _, _ = at
    x = eta[start[first] + int(by_visit[ROW, v])]
    seen = by_visit[SEEN, v] > 0.0
    link = links[first + int(by_visit[LABEL, v])]
    if link == LOGIT:
        return -softplus(-x if seen else x)
    detect, miss, _, _ = occupy_in_logs(link, x)
    return detect if seen else miss


@njit(error_model="numpy", cache=True)
def add_slope(at, first, v, present, gradient):
    """Slope of ``log_chance``, times P(there to be seen | whole history)."""
    links, eta, start, by_visit, _, _ = at
    row = start[first] + int(by_visit[ROW, v])
    seen = by_visit[SEEN, v] > 0.0
    link = links[first + int(by_visit[LABEL, v])]
    if link == LOGIT:
        gradient[row] += present * (sigmoid(-eta[row]) if seen else -sigmoid(eta[row]))
    else:
        _, _, slope, empty = occupy_in_logs(link, eta[row])
        gradient[row] += present * (slope if seen else -empty)
