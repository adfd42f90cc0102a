"""BOUND: the likelihood runs to psi = 1, often with p near 0, which says nothing of the species.

With psi and p alike everywhere, psi-hat is 1 exactly when

    sites without a detection / sites  <=  (1 - d / (S K))^K        d detections, S sites, K visits

The general form is the score of the likelihood at psi = 1, where the visits alone decide p:

    visited sites  -  sum over sites without a detection of  1 / prod(1 - p_j)   >=  0

It holds with unequal visits and a p that varies, and needs no fit of the model.

Where p at psi = 1 is high, sites without a detection really are few: psi is close to 1, and the
lower end of its interval is worth telling. Such a boundary warns; the others block.

Source: Guillera-Arroita, Ridout and Morgan (2010), Methods in Ecology and Evolution 1:131-139.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, log_expit

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import is_psi_and_p, plain_columns
from occupancy.checks.species import changes
from occupancy.checks.words import percent, probability

if TYPE_CHECKING:
    from occupancy.problem import Problem

HIGH_PSI, LIKELY, LOW_P = 0.99, 0.05, 0.15
PSI_NEAR_ONE = 0.95
ENOUGH = 0.95  # cumulative detection at psi = 1 from which the boundary is no weakness
MOST_STEPS = 50
CURE = (
    "More visits to the same sites tell a rare animal from one that is hard to see. Until then "
    "report psi times p, or put knowledge of p from elsewhere into its prior and say so."
)
CURE_COMMON = "Report the lower end of the interval of psi: the data set no upper end below 1."


@dataclass(frozen=True)
class Boundary:
    """What the data say of psi = 1, before any fit.

    Attributes
    ----------
    at_one : bool
        The likelihood with one psi for all sites has its maximum at psi = 1.
    undetected : float
        Share of the visited sites without a detection.
    by_chance : float
        Share that would go without one at psi = 1.
    p : float
        Mean p over the visits at psi = 1.
    p_star : float
        Chance of a detection over all visits to the median site at psi = 1.
    """

    at_one: bool
    undetected: float
    by_chance: float
    p: float
    p_star: float


def boundary(problem: Problem) -> Boundary:
    """Judge from detections and visits alone; p follows its formula, psi is one for all sites.

    Without detections nothing points to psi = 1; without a second visit anywhere the likelihood
    is as high at psi = 1 as at smaller psi. `at_one` is False for both.
    """
    n = problem.n_chain
    visits = np.bincount(problem.chain_of_visit, minlength=n)
    visited = visits > 0
    detected = np.bincount(problem.chain_of_visit, weights=problem.y > 0, minlength=n) > 0
    if not detected.any():
        share = 1.0 if visited.any() else np.nan
        return Boundary(False, share, share, 0.0, 0.0)
    predictor = problem.predictors["p"]
    offset = predictor.offset if predictor.offset.size else np.zeros(problem.y.size)
    if predictor.sign is not None:
        offset = offset * predictor.sign
    eta = _logistic(plain_columns(predictor), offset, problem.y > 0)
    log_missed = np.bincount(problem.chain_of_visit, weights=log_expit(-eta), minlength=n)
    with np.errstate(over="ignore"):
        score = visited.sum() - np.exp(-log_missed[visited & ~detected]).sum()
    missed = np.exp(log_missed[visited])
    tiny = 1e-9 * visited.sum()  # an exact tie lies on the boundary
    return Boundary(
        bool(score >= -tiny and visits.max() > 1),
        float((visited & ~detected).sum() / visited.sum()),
        float(missed.mean()),
        float(expit(eta).mean()),
        float(1 - np.median(missed)),
    )


def _logistic(columns: np.ndarray, offset: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Fitted predictor of a logistic regression by Newton's method, on orthonormal columns."""
    if not len(columns):
        return offset
    if len(columns) == 1 and np.ptp(columns) == 0 and np.ptp(offset) == 0:
        share = seen.mean()
        with np.errstate(divide="ignore"):
            return np.full(seen.size, np.log(share) - np.log1p(-share))
    basis = np.linalg.qr(columns.T)[0] * np.sqrt(seen.size)
    sign = np.where(seen, 1.0, -1.0)
    eta, value = offset, log_expit(sign * offset).sum()
    for _ in range(MOST_STEPS):
        p = expit(eta)
        slope = basis.T @ (seen - p)
        weight = np.maximum(p * (1 - p), 1e-12)
        change = basis @ np.linalg.lstsq((basis.T * weight) @ basis, slope, rcond=None)[0]
        for _ in range(30):
            new = log_expit(sign * (eta + change)).sum()
            if new >= value:
                break
            change = change / 2
        else:
            return eta
        gained, eta, value = new - value, eta + change, new
        if gained < 1e-12 * max(1.0, abs(value)):
            return eta
    return eta  # separated: the predictor has gone far enough


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if not is_psi_and_p(problem) or changes(problem) or not problem.y.size:
        return []
    found = boundary(problem)
    estimated = evidence.predicted
    near_one = estimated is None or float(estimated.psi.mean()) > PSI_NEAR_ONE
    constant = problem.predictors["psi"].terms == ("Intercept",)
    # The law is of one psi for all sites; where psi has covariates the estimates must agree.
    by_law = found.at_one and found.undetected > 0 and (constant or near_one)
    high = float((estimated.psi > HIGH_PSI).mean()) if estimated is not None else 0.0
    p = float(estimated.p.mean()) if estimated is not None else np.nan
    by_fit = high > LIKELY and p < LOW_P
    if not by_law and not by_fit:
        return []  # a detection at every site is told by ALLDET
    numbers = {
        "share_without_detection": found.undetected,
        "share_by_chance_at_psi_1": found.by_chance,
        "p_at_psi_1": found.p,
        "probability_psi_above_0.99": high if estimated is not None else None,
        "mean_p": p,
    }
    message = _of_law(found) if by_law else _of_fit(evidence, high, p)
    if by_law and not by_fit and found.p_star >= ENOUGH:
        message += " Nearly all sites are occupied; the data give psi no upper end below 1."
        return [Verdict("BOUND", "warn", message, numbers, CURE_COMMON)]
    message += " Many sites with a small p and few sites with a larger p explain them alike."
    return [Verdict("BOUND", "block", message, numbers, CURE)]


def _of_law(found: Boundary) -> str:
    return (
        f"The likelihood runs to psi = 1: {percent(found.undetected)} of the visited sites are "
        f"without a detection, and chance explains {percent(found.by_chance)} if the species were "
        f"everywhere with p = {probability(found.p)}."
    )


def _of_fit(evidence: Evidence, high: float, p: float) -> str:
    if evidence.draws is None:
        return f"The likelihood runs to psi = 1 with a mean p of {probability(p)}."
    return (
        f"psi is above {HIGH_PSI} with probability {probability(high)}, while p is "
        f"{probability(p)} on average."
    )
