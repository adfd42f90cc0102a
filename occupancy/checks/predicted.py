"""psi and p at the visited sites: for each draw, or at the maximum of the likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from occupancy.links import LINKS

if TYPE_CHECKING:
    import xarray as xr

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
        Mean of psi over the visited sites.
    p : (draw,)
        Mean of p over the visits.
    p_star : (visited site,)
        Chance of one detection or more over the visits made there, if present; mean of the draws.
    """

    source: Literal["posterior", "ml"]
    psi: np.ndarray
    p: np.ndarray
    p_star: np.ndarray


def predict(problem: Problem, posterior: xr.Dataset | None, ml: Maximum | None) -> Predicted | None:
    """Predict at the surveys' own covariates, each visit with its own p; None without estimates."""
    if not is_psi_and_p(problem) or not problem.y.size:
        return None
    if posterior is not None:
        points = _of_draws(problem, posterior)
    elif ml is not None:
        points = iter([ml.coefficients])
    else:
        return None
    psi_of, p_of = problem.predictors["psi"], problem.predictors["p"]
    visited = np.bincount(problem.chain_of_visit, minlength=problem.n_chain) > 0
    log_complement = LINKS[p_of.link].log_complement
    if log_complement is None:
        return None
    psi, p, p_star = [], [], np.zeros(problem.n_chain)
    for point in points:
        psi.append(LINKS[psi_of.link].inverse(eta(psi_of, point))[visited].mean())
        log_missed = log_complement(eta(p_of, point))
        p.append(-np.expm1(log_missed).mean())
        p_star -= np.expm1(
            np.bincount(problem.chain_of_visit, weights=log_missed, minlength=problem.n_chain)
        )
    source = "ml" if posterior is None else "posterior"
    return Predicted(source, np.array(psi), np.array(p), p_star[visited] / len(psi))


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
    for group in predictor.groups:
        effect = point.get(f"{predictor.name}_effect[{group.name}]")
        if effect is not None:  # the maximum is of the model without groups
            part = effect[group.level]
            out += part if group.value is None else part * group.value
    return out


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
    kept = min(n, max(FEWEST_DRAWS, min(MOST_DRAWS, MOST_VALUES // problem.y.size)))
    for d in np.linspace(0, n - 1, kept).astype(int):
        yield {name: v[d] for name, v in values.items()}
