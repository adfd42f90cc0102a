"""psi and p at the visited sites: for each draw, or at the maximum of the likelihood.

p is that of families in which a visit detects, or not, a species that is there: of one season, of
many, of several sources or species. What it belongs to is a site in one season.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from occupancy.engines.compiled import hyper_names
from occupancy.links import LINKS
from occupancy.results.availability import few_detections, is_local

if TYPE_CHECKING:
    import xarray as xr

    from occupancy.checks.base import Evidence
    from occupancy.engines.ml import Maximum
    from occupancy.problem import Predictor, Problem

MOST_DRAWS, FEWEST_DRAWS = 400, 50
MOST_VALUES = 50_000_000  # draws times visits: some seconds

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Predicted:
    """What a fit says of the places that were visited.

    Attributes
    ----------
    psi : (draw,)
        Mean of psi over the visited sites; empty where the family has more than psi and p.
    p : (draw,)
        Mean of p over the visits.
    p_star : (unit,)
        Chance of one detection or more over the visits made at a site in a season, if present;
        mean of the draws. Of a species that comes and goes within a site: over all its visits.
    single : (unit,)
        Chance that there is no more than one, if there is one; mean of the draws.
    visits, detections : (unit,)
    """

    source: Literal["posterior", "ml"]
    psi: np.ndarray
    p: np.ndarray
    p_star: np.ndarray
    single: np.ndarray
    visits: np.ndarray
    detections: np.ndarray


def predict(problem: Problem, posterior: xr.Dataset | None, ml: Maximum | None) -> Predicted | None:
    """Predict at the surveys' own covariates, each visit with its own p; None without estimates."""
    detecting = _detecting(problem)
    if not detecting or not problem.y.size:
        return None
    if posterior is not None:
        points = _of_draws(problem, posterior)
    elif ml is not None:
        points = iter([_point(ml)])
    else:
        return None
    unit = _units(problem)
    n = unit.max() + 1
    visits = np.bincount(unit)
    chain_of_unit = np.empty(n, np.int64)
    chain_of_unit[unit] = problem.chain_of_visit
    detections = np.bincount(unit, weights=problem.observed.detected)
    psi_of = problem.predictors["psi"] if is_psi_and_p(problem) else None
    visited = np.bincount(problem.chain_of_visit, minlength=problem.n_chain) > 0
    log_missed = np.empty(problem.y.size)
    psi, p, p_star, single = [], [], np.zeros(n), np.zeros(n)
    for point in points:
        if psi_of is not None:
            psi.append(LINKS[psi_of.link].inverse(eta(psi_of, point))[visited].mean())
        for predictor, mine in detecting:
            log_complement = LINKS[predictor.link].log_complement
            if log_complement is None:
                return None
            log_missed[mine] = log_complement(eta(predictor, point))
        p.append(-np.expm1(log_missed).mean())
        if is_local(problem.family):
            missed, once = few_detections(problem, _signed(problem, point))
            at = problem.layout.site_order[chain_of_unit]
            p_star += 1 - missed[at]
            with np.errstate(invalid="ignore", divide="ignore"):
                single += np.where(missed[at] < 1, once[at] / (1 - missed[at]), 1.0)
            continue
        none = np.bincount(unit, weights=log_missed, minlength=n)
        some = -np.expm1(none)
        p_star += some
        odds = np.bincount(unit, weights=np.expm1(np.minimum(-log_missed, 300.0)), minlength=n)
        with np.errstate(invalid="ignore", divide="ignore"):
            single += np.where(some > 0, np.exp(none) * odds / some, 1.0)
    source = "ml" if posterior is None else "posterior"
    return Predicted(
        source, np.array(psi), np.array(p), p_star / len(p), single / len(p), visits, detections
    )


def estimates(evidence: Evidence, predictor: Predictor) -> Iterator[np.ndarray]:
    """(row,) linear predictor of draws, else of the maximum; nothing without both."""
    if evidence.draws is not None:
        points = _of_draws(evidence.problem, evidence.draws)
    else:
        points = iter([] if evidence.ml is None else [_point(evidence.ml)])
    return (eta(predictor, point) for point in points)


def _point(ml: Maximum) -> Values:
    """Coefficients, and hyper-parameters and modes of effects where the maximum has them."""
    return ml.coefficients | getattr(ml, "varying", {})


def _detecting(problem: Problem) -> list[tuple[Predictor, np.ndarray]]:
    """Predictors of detection on a visit, with the visits that are theirs; empty where none is."""
    family = problem.family
    if family.observes != "detection" or not family.proof:
        return []
    found, covered = [], np.zeros(problem.y.size, bool)
    for name, p in problem.predictors.items():
        told = family.parameter(name)
        if p.level != "visit" or "p" not in (told.name, told.short):
            continue
        if LINKS[p.link].log_complement is None:
            return []
        mine = np.ones(problem.y.size, bool)
        if told.only:
            mine = problem.observed.label == int(told.only)
        covered |= mine
        found.append((p, mine))
    return found if covered.all() else []


def _units(problem: Problem) -> np.ndarray:
    """(visit,) which site and season a visit belongs to, and which species where they share one."""
    seen = problem.observed
    unit = seen.chain * problem.n_step + (0 if is_local(problem.family) else seen.step)
    if problem.family.joint:
        unit = unit * len(problem.family.labels) + seen.label
    return np.unique(unit, return_inverse=True)[1]


def is_psi_and_p(problem: Problem) -> bool:
    """Whether the family is described by occupancy of sites and detection on visits."""
    levels = {name: p.level for name, p in problem.predictors.items()}
    return levels == {"psi": "site", "p": "visit"}


def eta(predictor: Predictor, point: Values) -> np.ndarray:
    """(row,) linear predictor in layout order, without the sign that the kernel asks for."""
    out = np.asarray(point[predictor.name]) @ predictor.columns
    if predictor.offset.size:
        out += predictor.offset
    if predictor.sign is not None:
        out *= predictor.sign
    effects = {}
    for term in predictor.varying:
        weights = point.get(f"{predictor.name}_effect[{term.name}]")
        if weights is not None:  # the maximum may be of the model where nothing varies
            names = hyper_names(predictor.name, term)
            natural = np.array([[float(point[name]) for name in names]])
            effects[term.name] = term.design.at_levels(natural, np.asarray(weights)[None])[0]
    plain = replace(predictor, sign=None)
    return plain.add_varying(out, effects)


def _signed(problem: Problem, point: Values) -> tuple[np.ndarray, ...]:
    """Linear predictors of all parameters as kernels and simulations take them."""
    out = []
    for p in problem.predictors.values():
        value = eta(p, point)
        out.append(value if p.sign is None else value * p.sign)
    return tuple(out)


def plain_columns(predictor: Predictor) -> np.ndarray:
    """(coefficient, row) in layout order, without the sign that the kernel asks for."""
    return predictor.columns if predictor.sign is None else predictor.columns * predictor.sign


def joined(posterior: xr.Dataset, name: str) -> np.ndarray:
    """(draw, ...) with the chains one after the other."""
    values = posterior[name]
    others = [d for d in values.dims if d not in ("chain", "draw")]
    array = values.transpose("chain", "draw", *others).values
    return array.reshape(-1, *array.shape[2:])


def _of_draws(problem: Problem, posterior: xr.Dataset) -> Iterator[Values]:
    """Coefficients and effects of draws spread evenly over all chains."""
    values = {str(v): joined(posterior, str(v)) for v in posterior.data_vars}
    n = len(next(iter(values.values())))
    size = problem.y.size * (10 * problem.n_state if is_local(problem.family) else 1)
    kept = min(n, max(FEWEST_DRAWS, min(MOST_DRAWS, MOST_VALUES // size)))
    for d in np.linspace(0, n - 1, kept).astype(int):
        yield {name: v[d] for name, v in values.items()}
