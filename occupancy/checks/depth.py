"""TREE: steps of the sampler that hit their depth limit."""

from __future__ import annotations

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted, percent

NOTE = 0.01
CURE = (
    "Scale the covariates in the formula, as in scale(elevation). Long tails of a coefficient have "
    "the same effect: see SEP."
)


def check(evidence: Evidence) -> list[Verdict]:
    stats = evidence.sample_stats
    if stats is None or "maxdepth_reached" not in stats:
        return []
    reached = stats["maxdepth_reached"].values.astype(bool)
    n = int(reached.sum())
    if not reached.size or n <= NOTE * reached.size:
        return []
    message = (
        f"{counted(n, 'draw')} of {reached.size} ({percent(n / reached.size)}) hit the depth "
        "limit: the draws are right, but cost much time, and the chains mix slowly."
    )
    numbers = {"draws_at_limit": n, "draws": reached.size, "share": n / reached.size}
    return [Verdict("TREE", "note", message, numbers, CURE)]
