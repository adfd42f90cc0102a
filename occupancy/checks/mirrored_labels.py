"""LABEL: true and false detections may trade names, and psi with its complement.

Of unconfirmed visits alone the likelihood is the same at psi with (p11, p10) and at 1 - psi with
(p10, p11). A certain detection, or one on a visit that makes no false ones, settles which is which.

Source: Royle and Link (2006) Ecology 87:835-841; Miller et al. (2011) Ecology 92:1422-1428.
"""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import eta
from occupancy.checks.rhat import WARN
from occupancy.checks.words import probability
from occupancy.links import LINKS
from occupancy.problem import Problem
from surveys.problems import listing

CURE = (
    'Choose mirror = "below", which keeps the false detections rarer than the true ones, or '
    "confirm some of the detections (2 on visits of type confirmed), or visit some sites by a "
    "method that makes no false ones (visits of type standard)."
)
CURE_CHAINS = CURE + " Do not pool these chains."


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if "p10" not in problem.predictors or not problem.observed.detected.any():
        return []
    if not _settled(problem):
        message = (
            "No detection is certain and none was made on a visit that makes no false ones: psi "
            "and 1 - psi explain the data alike, with true and false detections swapped. The "
            "numbers shown are one of two answers."
        )
        return [Verdict("LABEL", "block", message, {"certain_detections": 0}, CURE)]
    means = _chain_means(evidence)
    if means is None or not (min(means) < 0.5 < max(means)) or not _apart(evidence):
        return []
    told = listing([probability(m) for m in means])
    message = (
        f"The chains do not agree on which detections are true: their means of psi are {told}, on "
        "both sides of 0.5. Some hold the mirrored answer."
    )
    return [Verdict("LABEL", "block", message, {"psi_by_chain": means}, CURE_CHAINS)]


def _settled(problem: Problem) -> bool:
    """Whether any detection is one that an empty site cannot give."""
    family, seen = problem.family, problem.observed
    certain = seen.y == max(family.detections)
    standard = (seen.label == family.labels.index("standard")) & seen.detected
    return bool(certain.any() or standard.any())


def _chain_means(evidence: Evidence) -> list[float] | None:
    """Mean of psi at the visited sites, of each chain; None without chains."""
    draws = evidence.draws
    if draws is None or draws.sizes["chain"] < 2:
        return None
    psi = evidence.problem.predictors["psi"]
    visited = np.bincount(evidence.problem.chain_of_visit, minlength=psi.columns.shape[1]) > 0
    means = []
    for c in range(draws.sizes["chain"]):
        middle = draws.isel(chain=c).mean("draw")
        point = {str(name): values.values for name, values in middle.data_vars.items()}
        means.append(float(LINKS[psi.link].inverse(eta(psi, point))[visited].mean()))
    return means


def _apart(evidence: Evidence) -> bool:
    """Whether the chains differ in a coefficient of psi or of a detection."""
    found = evidence.convergence
    mine = found["parameter"].isin(["psi", "p11", "p10"])
    return bool((found.loc[mine, "rhat"] > WARN).any())
