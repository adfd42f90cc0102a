"""The answer that forgets detection: ever seen, or not, on the same columns."""

from __future__ import annotations

import numpy as np

from occupancy.problem import Problem

MOST_STEPS = 60


def coefficients(problem: Problem) -> np.ndarray:
    """(term,) logistic regression of "ever detected" on the columns of psi, visited sites only.

    NaN where it runs away to infinity (no detection, or detections everywhere).
    """
    psi = next(iter(problem.predictors.values()))
    visited = problem.visits_per_chain > 0
    seen = (problem.detections_per_chain > 0)[visited].astype(float)
    x = problem.in_field_order(psi.columns)[:, visited].T
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    x = x / spread
    beta = np.zeros(x.shape[1])
    if not seen.size or seen.min() == seen.max():
        return np.full(beta.size, np.nan)
    for _ in range(MOST_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        information = (x * (p * (1 - p))[:, None]).T @ x
        step = np.linalg.lstsq(information, x.T @ (seen - p), rcond=None)[0]
        step *= min(1.0, 4.0 / max(np.abs(step).max(), 1e-12))
        beta += step
        if np.abs(step).max() < 1e-10:
            return beta / spread
    return np.full(beta.size, np.nan)
