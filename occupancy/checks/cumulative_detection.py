"""PSTAR: a present species had a fair chance of being missed over all visits."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import probability
from occupancy.results.availability import is_local

NOTE, WARN = 0.8, 0.5
AIM = 0.95
CURE = "Plan more or longer visits. The detection table says how many visits give 95 %."


def check(evidence: Evidence) -> list[Verdict]:
    told = evidence.predicted
    if told is None or not evidence.problem.observed.detected.any():
        return []  # without a detection nothing is known of p: NODET
    star = float(np.median(told.p_star))
    if star >= NOTE:
        return []
    median = float(np.median(told.visits))
    p = float(told.p.mean())
    below = float((told.p_star < WARN).mean())
    local = is_local(evidence.problem.family)
    season = " and season" if evidence.problem.n_step > 1 and not local else ""
    given = " that finds it there" if local else ""
    message = (
        f"At the median site{season} {median:g} visits detect a present species with probability "
        f"{probability(star)} (p is {probability(p)} a visit{given}): much of psi rests on the "
        "model, little on what was seen."
    )
    numbers = {
        "p_star": star,
        "visits_at_median_site": median,
        "mean_p": p,
        "share_of_sites_below_0.5": below,
    }
    cure = CURE
    if 0 < p < 1 and not local:  # the species may be away at further visits too
        wanted = int(np.ceil(np.log(1 - AIM) / np.log1p(-p)))
        numbers["visits_for_0.95"] = wanted
        cure = f"Plan more or longer visits: {wanted} like these would give 95 %."
    return [Verdict("PSTAR", "warn" if star < WARN else "note", message, numbers, cure)]
