"""CONFOUND: psi and p can stand in for one another."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import is_psi_and_p, joined
from occupancy.formula.tree import columns_in
from occupancy.problem import Predictor
from surveys.problems import listing

FEW_VISITS, LARGEST = 2, 0.8
FEWEST_DRAWS = 50
CURE_BOTH = (
    "Visit the sites three times or more, or leave {names} out of the formula where biology "
    "gives it the smaller part."
)
CURE_RIDGE = (
    "More visits to the same sites tell psi and p apart. Until then quote psi and p together, with "
    "their joint interval, or put knowledge of p from elsewhere into its prior."
)


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if not is_psi_and_p(problem) or not problem.observed.detected.any():
        return []
    psi, p = problem.predictors["psi"], problem.predictors["p"]
    verdicts = []
    visits = problem.visits_per_chain[problem.visits_per_chain > 0]
    both = [name for name in _covariates(psi) if name in _covariates(p) and name != "species"]
    median = float(np.median(visits)) if visits.size else 0.0
    if both and median <= FEW_VISITS:
        message = (
            f"{listing(both)} {'stands' if len(both) == 1 else 'stand'} in the formulas of psi and "
            f"of p, and the median site had {median:g} visits: so few can hardly tell a covariate "
            "that brings the species from one that shows it."
        )
        numbers: dict = {"covariates": both, "visits_at_median_site": median}
        cure = CURE_BOTH.format(names=listing(both))
        verdicts.append(Verdict("CONFOUND", "warn", message, numbers, cure))
    found = _strongest(evidence, psi, p)
    if found is not None and abs(found[2]) > LARGEST:
        first, second, r = found
        message = (
            f"The estimates of psi ({first}) and p ({second}) are tied together (correlation "
            f"{r:.2f}): the data hold their combination, hardly each of them."
        )
        numbers = {"psi_term": first, "p_term": second, "correlation": r}
        verdicts.append(Verdict("CONFOUND", "warn", message, numbers, CURE_RIDGE))
    return verdicts


def _covariates(predictor: Predictor) -> list[str]:
    """Covariates of the fixed effects."""
    parts = [part for effect in predictor.design.formula.effects for part in effect.parts]
    return list(dict.fromkeys(name for part in parts for name in columns_in(part)))


def _strongest(evidence: Evidence, psi: Predictor, p: Predictor) -> tuple[str, str, float] | None:
    """The pair of coefficients of psi and p with the largest correlation.

    Intercepts are taken at the mean of the covariates: at zero of a covariate far from zero they
    would be tied to its slope and to nothing else.
    """
    if not psi.terms or not p.terms:
        return None
    turns = [_at_means(psi), _at_means(p)]
    if evidence.draws is not None:
        pairs = zip((psi, p), turns, strict=True)
        values = np.hstack([joined(evidence.draws, q.name) @ t.T for q, t in pairs])
        if len(values) < FEWEST_DRAWS:
            return None
        covariance = np.cov(values, rowvar=False)
    elif evidence.ml is not None:
        k = len(psi.terms)
        turn = np.eye(k + len(p.terms))
        turn[:k, :k], turn[k:, k:] = turns
        covariance = turn @ evidence.ml.covariance @ turn.T
    else:
        return None
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (covariance / np.outer(sd, sd))[: len(psi.terms), len(psi.terms) :]
    if not np.isfinite(r).any():
        return None
    i, j = np.unravel_index(np.nanargmax(np.abs(r)), r.shape)
    return psi.terms[i], p.terms[j], float(r[i, j])


def _at_means(predictor: Predictor) -> np.ndarray:
    """(coefficient, coefficient) turning the intercept into the predictor at mean covariates."""
    turn = np.eye(len(predictor.terms))
    if "Intercept" in predictor.terms:
        turn[predictor.terms.index("Intercept")] = predictor.design.centres
    return turn
