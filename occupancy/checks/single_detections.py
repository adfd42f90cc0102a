"""FP: too many sites rest on one detection for a species that is seen that easily.

The model takes every detection as true. Where p* is high, an occupied site is seen several times;
sites with one detection only, more of them than the model expects, may hold a mistake each. Even
1 % of false detections makes occupancy too large.

Source: McClintock et al. (2010) Ecology 91:2446-2454; Miller et al. (2011) Ecology 92:1422-1428.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import counted, percent, probability
from occupancy.results.availability import is_local

LARGEST_SHARE = 0.3
HIGH_P_STAR = 0.9
RARE = 0.01  # probability, under the model, of so many such sites
FEWEST_VISITS = 3  # of two visits one detection is nothing strange
CURE = (
    "Look at these detections again. If some may be mistakes, use family false_positive, with the "
    "detections that are beyond doubt as 2; otherwise the animals may differ in how easily they "
    "are seen (family royle_nichols)."
)


def check(evidence: Evidence) -> list[Verdict]:
    told = evidence.predicted
    if told is None:
        return []
    with_any = (told.detections > 0) & (told.visits >= FEWEST_VISITS)
    if not with_any.any() or float(np.median(told.p_star)) <= HIGH_P_STAR:
        return []
    once = told.detections[with_any] == 1
    share, chance = float(once.mean()), told.single[with_any]
    spread = np.sqrt((chance * (1 - chance)).sum())
    excess = once.sum() - 0.5 - chance.sum()
    by_chance = float(ndtr(-excess / spread)) if spread > 0 else float(excess <= 0)
    if share <= LARGEST_SHARE or by_chance >= RARE:
        return []
    local = is_local(evidence.problem.family)
    season = " and season" if evidence.problem.n_step > 1 and not local else ""
    message = (
        f"{percent(share)} of the {counted(int(with_any.sum()), f'site{season}')} with a detection "
        f"rest on a single one, where the model expects {percent(float(chance.mean()))}: a present "
        f"species is seen with probability {probability(float(np.median(told.p_star)))} over the "
        "visits. Some may be false detections, which make occupancy too large."
    )
    numbers = {
        "share_with_one_detection": share,
        "share_expected": float(chance.mean()),
        "sites": int(with_any.sum()),
        "p_star": float(np.median(told.p_star)),
    }
    return [Verdict("FP", "warn", message, numbers, CURE)]
