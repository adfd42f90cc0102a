"""PARTIAL: fewer chains or draws than were asked for."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted

CURE = "Run occupancy fit again; it starts this unit anew."


def check(evidence: Evidence) -> list[Verdict]:
    told, numbers = [], {}
    if evidence.asked is not None:
        chains, draws = evidence.asked
        got = list(evidence.got or [])
        numbers = {"chains_asked": chains, "draws_asked": draws, "draws_made": got}
        if len(got) < chains or min(got, default=0) < draws:
            made = ", ".join(str(n) for n in got) or "none"
            told.append(
                f"{counted(chains, 'chain')} of {draws} draws were asked for; "
                f"{counted(len(got), 'chain')} came, with {made} draws."
            )
    elif evidence.interrupted:
        told.append("Somebody stopped the sampler.")
    if bad := _not_numbers(evidence):
        told.append(f"{counted(bad, 'draw')} hold values that are no numbers.")
        numbers["draws_without_value"] = bad
    if not told:
        return []
    message = "Sampling was cut off. " + " ".join(told)
    return [Verdict("PARTIAL", "block", message, numbers, CURE)]


def _not_numbers(evidence: Evidence) -> int:
    """Draws in which any quantity is NaN or infinite."""
    if evidence.draws is None:
        return 0
    bad: np.ndarray | bool = False
    for values in evidence.draws.data_vars.values():
        others = [d for d in values.dims if d not in ("chain", "draw")]
        lost = ~np.isfinite(values.transpose("chain", "draw", *others).values)
        bad = bad | lost.reshape(*lost.shape[:2], -1).any(axis=2)
    return int(np.sum(bad))
