"""SEP: a term whose best coefficient is infinite, or that rests on its prior.

Where some combination b of columns has b x >= 0 at every detection and <= 0 at every
non-detection, the likelihood rises along b without end. A linear programme finds such a b or
proves that there is none (Konis 2007, thesis, University of Oxford).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import joined, plain_columns
from occupancy.checks.species import changes
from occupancy.engines.ml import Maximum
from occupancy.problem import Predictor, Problem
from surveys.problems import listing

WIDE = 0.9  # sd of the posterior over that of the prior
FAR = 10.0  # log odds for one sd of a covariate
MODERATE = 8.0
ROWS_AT_ONCE = 2000
ONE_SD = (0.158655, 0.841345)
CURE = (
    "Join rare levels of a factor, or drop the term. Do not read the size of this effect: the "
    "data do not set it."
)


@dataclass(frozen=True)
class _Found:
    term: str
    why: str
    ratio: float | None = None


def check(evidence: Evidence) -> list[Verdict]:
    verdicts = []
    for predictor in evidence.problem.predictors.values():
        found = _separated(evidence, predictor)
        known = {f.term for f in found}
        found += [f for f in _far(evidence, predictor) if f.term not in known]
        known |= {f.term for f in found}
        found += [f for f in _wide(evidence, predictor) if f.term not in known]
        if found:
            verdicts.append(_tell(predictor.name, found))
    return verdicts


def _tell(name: str, found: list[_Found]) -> Verdict:
    parts = []
    for why in dict.fromkeys(f.why for f in found):
        terms = [f.term for f in found if f.why == why]
        parts.append(f"{listing(terms)} " + why.format(s="" if len(terms) > 1 else "s"))
    numbers = {"parameter": name, "terms": [f.term for f in found]}
    ratios = {f"{f.term}: sd, share of that of the prior": f.ratio for f in found if f.ratio}
    return Verdict("SEP", "warn", f"`{name}`: {'; '.join(parts)}.", numbers | ratios, CURE)


def _slopes(predictor: Predictor) -> list[int]:
    return [i for i, term in enumerate(predictor.terms) if term != "Intercept"]


def _separated(evidence: Evidence, predictor: Predictor) -> list[_Found]:
    """Terms along which the likelihood rises without end."""
    slopes = _slopes(predictor)
    if not slopes or _is_regular(evidence.ml) or not _tells_detections(evidence, predictor):
        return []
    rows, seen = _outcomes(evidence.problem, predictor)
    if seen.all() or not seen.any():
        return []  # NODET and ALLDET tell of these
    columns = _standardised(predictor, plain_columns(predictor)[:, rows])
    direction = separating_direction(columns.T, seen)
    why = "separate{s} detections from non-detections perfectly, so no finite coefficient fits best"
    return [_Found(predictor.terms[i], why) for i in slopes if abs(direction[i]) > 1e-6]


def _tells_detections(evidence: Evidence, predictor: Predictor) -> bool:
    """Whether detections are a yes or no of this very predictor: psi of a site, p of a visit."""
    family = evidence.problem.family
    if not family.proof or family.observes != "detection" or len(family.detections) > 2:
        return False
    told = family.parameter(predictor.name)
    if predictor.level == "visit":
        return "p" in (told.name, told.short)
    return told.name == "psi" and predictor.level == "site" and not changes(evidence.problem)


def _is_regular(ml: Maximum | None) -> bool:
    """Whether a finite maximum was found, which rules separation out."""
    if ml is None or ml.flat or not ml.converged:
        return False
    return bool(np.abs(ml.theta).max(initial=0.0) < MODERATE)


def _outcomes(problem: Problem, predictor: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """Rows that count, and whether each had a detection: sites for psi, visits for p."""
    if predictor.level == "visit":
        own = problem.family.parameter(predictor.name).only
        mine = problem.observed.label == int(own) if own else slice(None)
        seen = problem.observed.detected[mine]
        return np.arange(seen.size), seen
    n = problem.n_chain
    visited = np.flatnonzero(np.bincount(problem.chain_of_visit, minlength=n))
    detections = np.bincount(problem.chain_of_visit, weights=problem.observed.detected, minlength=n)
    return visited, detections[visited] > 0


def _standardised(predictor: Predictor, columns: np.ndarray) -> np.ndarray:
    """Columns over their sd, about their mean where an intercept takes it up."""
    out = columns.copy()
    centres = columns.mean(axis=1) if "Intercept" in predictor.terms else np.zeros(len(columns))
    for i in _slopes(predictor):
        spread = columns[i].std()
        out[i] = (columns[i] - centres[i]) / (spread if spread > 0 else 1.0)
    return out


def separating_direction(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(column,) coefficients that separate (row, column) x by `seen`; zeros where none do.

    Maximise sum(s x) b under s x b >= 0, |b| <= 1, s = 1 at a detection and -1 elsewhere. Rows
    are taken up as they are broken, so that long tables cost no more than short ones.
    """
    from scipy.optimize import linprog

    rows = np.unique(np.where(seen, 1.0, -1.0)[:, None] * x, axis=0)
    total = rows.sum(axis=0)
    active = np.zeros(len(rows), dtype=bool)
    active[np.linspace(0, len(rows) - 1, min(len(rows), ROWS_AT_ONCE)).astype(int)] = True
    while True:
        held = -rows[active]
        answer = linprog(-total, A_ub=held, b_ub=np.zeros(len(held)), bounds=(-1, 1))
        if answer.x is None or -answer.fun < 1e-7 * len(rows):
            return np.zeros(x.shape[1])
        broken = np.flatnonzero((rows @ answer.x < -1e-7) & ~active)
        if not broken.size:
            return answer.x
        worst = np.argsort(rows[broken] @ answer.x)[:ROWS_AT_ONCE]
        active[broken[worst]] = True


def _far(evidence: Evidence, predictor: Predictor) -> list[_Found]:
    """Slopes that the likelihood drives away though no separation is perfect."""
    ml = evidence.ml
    if ml is None or not ml.flat:
        return []
    sizes = [len(p.terms) for p in evidence.problem.predictors.values()]
    names = list(evidence.problem.predictors)
    theta = np.split(ml.theta, np.cumsum(sizes)[:-1])[names.index(predictor.name)]
    why = "grow{s} without end in the likelihood, so no finite coefficient fits best"
    return [_Found(predictor.terms[i], why) for i in _slopes(predictor) if abs(theta[i]) > FAR]


def _wide(evidence: Evidence, predictor: Predictor) -> list[_Found]:
    """Slopes whose posterior is as wide as their prior."""
    draws = evidence.draws
    if draws is None or predictor.name not in draws:
        return []
    phi = joined(draws, predictor.name) @ predictor.table.functional.T
    if len(phi) < 2:
        return []
    out = []
    why = "learned nothing from the data: posterior as wide as prior"
    for i in _slopes(predictor):
        low, high = predictor.table.coefficients[i].quantile(np.array(ONE_SD))
        prior_sd, sd = (high - low) / 2, float(phi[:, i].std(ddof=1))
        if np.isfinite(prior_sd) and sd > WIDE * prior_sd:
            out.append(_Found(predictor.terms[i], why, sd / float(prior_sd)))
    return out
