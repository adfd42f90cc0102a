"""KTRUNC: counts that set no upper limit to the number of individuals.

Repeated counts tell p by what they share: counts of one site rise and fall together as far as
sites differ. Where they do not, the likelihood grows with abundance for ever, p going to 0. With n
counts of J visits the statistic is

    mean over sites and pairs of visits of n_j n_k  -  (mean of n)^2        <= 0: no limit

The sum over numbers of individuals needs no limit of its own here: it goes as far as matters.

Source: Dennis, Morgan and Ridout (2015) Biometrics 71:237-246.
"""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.problem import Problem

CURE = (
    "Report the counts, or occupancy (family single_season), not a number of individuals. More "
    "visits, or knowledge of p in its prior, may set a limit."
)


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if problem.family.observes != "count" or "lam" not in problem.predictors:
        return []
    found = shared(problem)
    if not np.isfinite(found) or found > 0 or not problem.observed.detected.any():
        return []
    message = (
        "Counts of one site are no more alike than counts of different sites (covariance "
        f"{found:.3g}): the likelihood grows with the number of individuals for ever, and the one "
        "shown is where the search, or the prior, stopped."
    )
    return [Verdict("KTRUNC", "block", message, {"covariance": found}, CURE)]


def shared(problem: Problem) -> float:
    """Covariance between counts of the same site; NaN where no site was visited twice."""
    chain, y = problem.chain_of_visit, problem.y
    n = np.bincount(chain, minlength=problem.n_chain)
    total = np.bincount(chain, weights=y, minlength=problem.n_chain)
    squares = np.bincount(chain, weights=y**2, minlength=problem.n_chain)
    pairs = n * (n - 1.0)
    if not pairs.any():
        return float("nan")
    return float((total**2 - squares).sum() / pairs.sum() - y.mean() ** 2)
