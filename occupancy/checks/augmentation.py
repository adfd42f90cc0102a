"""AUGMENT: the number of species presses against the most that it could be.

With M species added the community has at most those detected and M. Where draws of N come near
that, more species would have raised N, and the interval ends where the data were cut.
"""

from __future__ import annotations

import numpy as np

from occupancy.augmentation import MOST, added_to
from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import percent
from occupancy.results.draws import from_posterior
from occupancy.results.membership import Membership
from occupancy.results.passes import predictors_at

DRAWS = 400
NEAR = 20  # within one in so many of the species added
LARGEST_SHARE = 0.02


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if problem.if_member is None or evidence.posterior is None:
        return []
    draws = from_posterior(problem, evidence.posterior).thinned(DRAWS)
    species = Membership(problem)
    rng = np.random.default_rng(1)
    n = np.empty(draws.n)
    for d in range(draws.n):
        eta = predictors_at(problem, draws, d)
        log_lik = species.inside.evaluate(eta[: len(species.inside.predictors)])[1]
        chance = species.chance(log_lik, species.omega(eta))
        n[d] = (rng.random(chance.size) < chance).sum()
    most, added = species.never.size, added_to(problem.data)
    share = float((n >= most - species.never.sum() // NEAR).mean())
    if share <= LARGEST_SHARE:
        return []
    numbers = {"share": share, "most": most, "added": added, "median": float(np.median(n))}
    message = (
        f"In {percent(share)} of the draws the community has {most} species or nearly so, which is "
        f"all that were detected or added ({added}): N may be larger than it is told."
    )
    more = min(4 * added, MOST)
    cure = (
        f"Add more, for example augment = {more}. Where N follows, the data set no upper limit to "
        "it: many species may be rare or hardly detectable, and no number of them can be told."
    )
    return [Verdict("AUGMENT", "warn", message, numbers, cure)]
