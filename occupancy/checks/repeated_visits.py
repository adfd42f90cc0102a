"""ONEVISIT: too few sites were visited twice to tell a missed animal from an absent one."""

from __future__ import annotations

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted, percent

FEWEST_SITES, SMALLEST_SHARE = 20, 0.1
CURE = (
    "Return to some of the sites within the season; thirty sites with two visits help more than a "
    "hundred new ones."
)


def check(evidence: Evidence) -> list[Verdict]:
    if "rate" in evidence.problem.predictors:
        return []  # one visit tells the rate: when the species was seen, or how often
    # Visits within one season, for the species looked for most often: (site,)
    visits = evidence.problem.used.sum(axis=3).max(axis=(0, 2), initial=0)
    visited, twice = int((visits > 0).sum()), int((visits > 1).sum())
    if twice >= FEWEST_SITES and twice >= SMALLEST_SHARE * visited:
        return []
    share = twice / visited if visited else 0.0
    message = (
        f"{twice} of {counted(visited, 'visited site')} ({percent(share)}) had two visits or more "
        f"in a season; at least {FEWEST_SITES} sites and {percent(SMALLEST_SHARE)} are needed. "
        "With fewer, psi and p are told apart by assumptions, hardly by the data."
    )
    numbers = {"sites_with_two_visits": twice, "visited_sites": visited, "share": share}
    return [Verdict("ONEVISIT", "block", message, numbers, CURE)]
