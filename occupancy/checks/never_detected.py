"""NODET: the species was never detected, so there is an upper bound of psi at best."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import is_psi_and_p
from occupancy.checks.species import by_species, changes
from occupancy.checks.words import counted, probability
from surveys.problems import listing

EXAMPLES = (0.1, 0.3)
CURE = (
    "Report the upper end of the interval of psi, not the mean. Knowledge of p from elsewhere "
    'belongs into its prior: [model.NAME.priors.p] Intercept = "between 0.1 and 0.4".'
)


def check(evidence: Evidence) -> list[Verdict]:
    if evidence.problem.family.observes == "score":
        return []  # every file has a score, whatever it holds
    table = by_species(evidence.problem)
    none = [s for s in table if s.visits.size and not s.detected.any()]
    if not none:
        return []
    visits = none[0].visits
    numbers: dict = {"visited_sites": visits.size, "visits": int(visits.sum())}
    if len(table) > 1:
        numbers = {"species": [s.name for s in none], "species_in_all": len(table)}
        message = f"{len(none)} of {len(table)} species were never detected: "
        message += f"{listing([s.name for s in none])}."
        return [Verdict("NODET", "warn", message, numbers, CURE)]
    message = (
        f"No detection on {counted(int(visits.sum()), 'visit')} to "
        f"{counted(visits.size, 'site')}{_in_seasons(evidence)}. "
    )
    if not is_psi_and_p(evidence.problem):
        message += "They give an upper bound of occupancy at best, and tell nothing of detection."
        return [Verdict("NODET", "warn", message, numbers, CURE)]
    bounds = {p: highest_psi(visits, p) for p in EXAMPLES}
    numbers |= {f"highest_psi_at_p_{p}": b for p, b in bounds.items()}
    told = "; ".join(
        f"with p = {p}, "
        + (f"psi above {probability(b)} is" if b < 1 else "no psi is")
        + " excluded"
        for p, b in bounds.items()
    )
    message += f"About p the data say nothing: {told} (at 95 %)."
    return [Verdict("NODET", "warn", message, numbers, CURE)]


def _in_seasons(evidence: Evidence) -> str:
    n = evidence.problem.data.sizes["season"]
    return f" and seasons ({n} seasons)" if changes(evidence.problem) else ""


def highest_psi(visits: np.ndarray, p: float) -> float:
    """The psi above which no detection at all has a chance below 5 %; 1 where every psi has more.

    sum over sites of log(1 - psi + psi (1 - p)^visits) = log .05
    """
    from scipy.optimize import brentq

    star = -np.expm1(visits * np.log1p(-p))

    def excess(psi: float) -> float:
        return float(np.log1p(-psi * star).sum() - np.log(0.05))

    return 1.0 if excess(1.0) > 0 else float(brentq(excess, 0.0, 1.0))
