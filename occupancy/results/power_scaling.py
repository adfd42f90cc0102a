"""How far a posterior moves when its prior, or its likelihood, counts a little more or less.

Each is raised to a power: 0.8 and 1.25 in place of 1. Draws of the power-scaled posterior are the
draws at hand under Pareto-smoothed importance weights, so nothing is fitted again; the distance is
the cumulative Jensen-Shannon distance for a doubling of the power.

Source: Kallioinen et al. (2024), Statistics and Computing 34:57, by ArviZ, which is imported for
it here and nowhere else.
"""

from __future__ import annotations

import numpy as np

POWERS = (0.8, 1.25)
FEWEST = 100  # draws: below it weights have no tail to smooth
LARGEST_K = 0.7  # Pareto shape from which the weighted draws stand for nothing


def sensitivity(quantities: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    """Distance moved by each quantity for a doubling of the power; NaN where it cannot be told.

    Parameters
    ----------
    quantities : (quantity, draw)
    log_density : (draw,)
        Log of what is scaled, up to a constant: all priors, or the likelihood.

    Returns
    -------
    (quantity,)
    """
    unknown = np.full(len(quantities), np.nan)
    n = log_density.size
    if n < FEWEST or not np.isfinite(log_density).all():
        return unknown
    if np.ptp(log_density) == 0:  # flat priors: no power changes them
        return np.zeros(len(quantities))
    from arviz_stats.base.array import array_stats  # slow to import

    centred = log_density - log_density.max()
    weights = []
    for power in POWERS:
        raw = (power - 1) * centred
        if array_stats.pareto_khat(raw[None], tail="right", log_weights=True) > LARGEST_K:
            return unknown
        smoothed = array_stats.power_scale_lw(centred, alpha=power)
        weight = np.exp(smoothed - smoothed.max())
        weights.append((weight / weight.sum())[None])
    out = unknown
    for i, values in enumerate(quantities):
        if np.isfinite(values).all() and np.ptp(values) > 0:
            out[i] = float(array_stats.power_scale_sense(values[None], *weights, *POWERS))
    return out
