"""NMIX: counts of individuals that are mostly missed tell an index, hardly a number.

Where p is small the counts hold the product of abundance and p, and which of the two is large is
settled by the form of the model: models that fit alike give totals that differ manifold.

Source: Barker et al. (2018) Biometrics 74:369-377; Kéry (2018) Ecology 99:281-288; Link et al.
(2018) Ecology 99:1547-1551.
"""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import estimates
from occupancy.checks.words import probability
from occupancy.links import LINKS

LOWEST_P = 0.2
CURE = (
    "Call the result an index of abundance, and compare it between sites and years with a like p. "
    "Numbers need knowledge of p from elsewhere in its prior: marked animals, distances, double "
    "observers."
)


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if problem.family.observes != "count" or "lam" not in problem.predictors:
        return []
    if not problem.observed.detected.any():
        return []
    p = problem.predictors["p"]
    values = [LINKS[p.link].inverse(e).mean() for e in estimates(evidence, p)]
    if not values or np.mean(values) >= LOWEST_P:
        return []
    mean = float(np.mean(values))
    message = (
        f"An individual is counted with probability {probability(mean)} on a visit. So small a p "
        "is hardly told apart from a smaller number of animals: how many there are is set by the "
        "form of the model."
    )
    return [Verdict("NMIX", "warn", message, {"mean_p": mean}, CURE)]
