"""COLLIN: covariates of one formula that tell nearly the same."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import plain_columns
from occupancy.problem import Predictor, Problem
from surveys.problems import listing

LARGEST_R, LARGEST_VIF = 0.7, 5.0
CURE = (
    "Keep the one with the clearer meaning, or read them together only. For a curve write "
    "poly(x, 2), whose columns are uncorrelated."
)


def check(evidence: Evidence) -> list[Verdict]:
    verdicts = []
    for predictor in evidence.problem.predictors.values():
        verdicts += _judge(evidence.problem, predictor)
    return verdicts


def _judge(problem: Problem, predictor: Predictor) -> list[Verdict]:
    design, names = predictor.design, predictor.terms
    columns = plain_columns(predictor)
    if predictor.level == "site":
        visits = np.bincount(problem.chain_of_visit, minlength=problem.n_chain)
        columns = columns[:, visits > 0]
    varying = [
        i
        for i, name in enumerate(names)
        if name != "Intercept" and columns.shape[1] > 2 and np.ptp(columns[i]) > 0
    ]
    if len(varying) < 2:
        return []
    r = np.corrcoef(columns[varying])
    # Levels of one factor exclude one another; that is no fault, and their VIF says little.
    level = np.array([design.is_indicator(i) for i in varying])
    pairs = [
        (names[varying[i]], names[varying[j]], float(r[i, j]))
        for i in range(len(varying))
        for j in range(i)
        if abs(r[i, j]) > LARGEST_R and not (level[i] and level[j])
    ]
    vif = np.where(level, 0.0, _inflation(r))
    inflated = {names[varying[i]]: float(vif[i]) for i in np.flatnonzero(vif > LARGEST_VIF)}
    if not pairs and not inflated:
        return []
    told = [f"{a} and {b} (r = {c:.2f})" for a, b, c in sorted(pairs, key=lambda q: -abs(q[2]))]
    message = f"`{predictor.name}`: "
    if told:
        message += f"{listing(told)} tell nearly the same; their effects cannot be told apart well."
    else:
        message += (
            f"{listing(inflated)} can be told from the other covariates together (VIF up to "
            f"{max(inflated.values()):.1f})."
        )
    numbers = {"parameter": predictor.name}
    numbers |= {f"r of {a} and {b}": c for a, b, c in pairs}
    numbers |= {f"VIF of {name}": v for name, v in inflated.items()}
    return [Verdict("COLLIN", "note", message, numbers, CURE)]


def _inflation(r: np.ndarray) -> np.ndarray:
    """(column,) variance inflation: the diagonal of the inverse correlation matrix."""
    try:
        return np.diag(np.linalg.inv(r))
    except np.linalg.LinAlgError:
        return np.full(len(r), np.inf)
