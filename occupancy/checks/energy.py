"""EBFMI: the sampler moves too slowly between the middle and the tails of the posterior."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted

WARN = 0.3
FEWEST_DRAWS = 50  # below, chance alone brings it under the threshold
CURE = "Give the sd of groups a tighter prior, or draw longer: [sample] tune = 2000, draws = 4000."


def check(evidence: Evidence) -> list[Verdict]:
    stats = evidence.sample_stats
    if stats is None or "energy" not in stats or stats.sizes["draw"] < FEWEST_DRAWS:
        return []
    measured = bfmi(stats["energy"].transpose("chain", "draw").values)
    low = measured < WARN  # NaN, energies all alike: RHAT tells of it
    if not low.any():
        return []
    smallest = float(np.nanmin(measured))
    message = (
        f"The energy mixes badly in {counted(int(low.sum()), 'chain')} of {low.size} (E-BFMI down "
        f"to {smallest:.2f}, wanted {WARN} or more): the tails of the posterior may be missing."
    )
    numbers = {"smallest_ebfmi": smallest, "chains_below": int(low.sum()), "chains": low.size}
    return [Verdict("EBFMI", "warn", message, numbers, CURE)]


def bfmi(energy: np.ndarray) -> np.ndarray:
    """(chain,) mean squared step of the energy over its variance, from (chain, draw).

    Source: Betancourt (2016), arXiv:1604.00695.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.square(np.diff(energy, axis=1)).mean(axis=1) / energy.var(axis=1, ddof=1)
