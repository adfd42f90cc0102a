"""The answer that forgets detection: ever seen, or not, on the same columns."""

from __future__ import annotations

import numpy as np

from occupancy import links
from occupancy.engines.newton import conditioning
from occupancy.problem import Problem

MOST_STEPS = 60
NEAREST = 1e-13  # a share no nearer to 0 or 1 than this, on the way to the maximum


def coefficients(problem: Problem) -> np.ndarray:
    """(term,) regression of "ever detected" on the columns of psi, visited sites only.

    Of a yes or no by the link of psi, so that it stands on the same scale: logistic regression
    for logit. NaN where it runs away to infinity (no detection, or detections everywhere), and of
    scores without a threshold, which say of no site whether the species was detected.
    """
    psi = next(iter(problem.predictors.values()))
    if psi.name != "psi" or psi.level != "site" or problem.n_step > 1:
        return np.full(len(psi.terms), np.nan)  # no share of sites that it would be naive about
    if not problem.tells_detections:
        return np.full(len(psi.terms), np.nan)
    link = links.LINKS[psi.link]
    visited = problem.visits_per_chain > 0
    seen = (problem.detections_per_chain > 0)[visited].astype(float)
    a = conditioning(psi)
    x = (a.T @ problem.in_field_order(psi.columns)[:, visited]).T
    known = problem.in_field_order(psi.offset)[visited] if psi.offset.size else 0.0
    theta = np.zeros(x.shape[1])
    if not seen.size or seen.min() == seen.max():
        return np.full(theta.size, np.nan)
    lowest, highest = link.forward(NEAREST), link.forward(1 - NEAREST)
    for _ in range(MOST_STEPS):  # Fisher's scoring
        eta = np.clip(x @ theta + known, lowest, highest)
        share, slope = link.inverse(eta), link.derivative(eta)
        spread = share * (1 - share)
        information = (x * (slope**2 / spread)[:, None]).T @ x
        score = x.T @ (slope * (seen - share) / spread)
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        step *= min(1.0, 4.0 / max(np.abs(step).max(), 1e-12))
        theta += step
        if np.abs(step).max() < 1e-10:
            return a @ theta
    return np.full(theta.size, np.nan)
