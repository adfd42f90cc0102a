"""A site-level parameter at any places: mean, sd and interval, the same code for sites and maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtri

from occupancy import links
from occupancy.columns.frame import read_column
from occupancy.problem import Predictor, Problem
from occupancy.results.draws import Draws, interval_ends, linear_predictor, natural, summary

CELLS_AT_ONCE = 4_000_000  # draws times places in memory at one time (32 MB)

Summary = dict[str, np.ndarray]


def summarise(
    predictor: Predictor,
    draws: Draws,
    frame: Mapping[str, np.ndarray],
    n: int,
    interval: float,
    covariance: np.ndarray | None = None,
    seed: int = 0,
) -> Summary:
    """Mean, sd, lower and upper of the parameter at ``n`` places.

    With a ``covariance`` of the coefficients (maximum likelihood) the mean is the parameter at
    the maximum, the sd is by the delta method and the interval is Wald's on the link scale.
    """
    if covariance is not None:
        return _wald(predictor, draws, frame, n, interval, covariance)
    out = {k: np.empty(n) for k in ("mean", "sd", "lower", "upper")}
    for rows, eta in in_pieces(predictor, draws, frame, n, seed):
        for k, v in summary(natural(predictor, eta), interval).items():
            out[k][rows] = v
    return out


def quantiles(
    predictor: Predictor,
    draws: Draws,
    frame: Mapping[str, np.ndarray],
    n: int,
    at: tuple[float, ...],
    covariance: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
    """(place, quantile) of the parameter; Wald's on the link scale with a ``covariance``."""
    if covariance is not None:
        eta, se = _eta_and_error(predictor, draws, frame, n, covariance)
        return natural(predictor, eta[:, None] + se[:, None] * ndtri(at)[None, :])
    out = np.empty((n, len(at)))
    for rows, eta in in_pieces(predictor, draws, frame, n, seed):
        out[rows] = np.quantile(natural(predictor, eta), at, axis=0).T
    return out


def in_pieces(
    predictor: Predictor, draws: Draws, frame: Mapping[str, np.ndarray], n: int, seed: int
):
    """(rows, (draw, row) predictor) piece by piece, so that maps of any size fit in memory."""
    step = max(1, CELLS_AT_ONCE // max(draws.n, 1))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        yield rows, linear_predictor(predictor, draws, frame, n, seed, rows)


def _wald(predictor, draws, frame, n, interval, covariance) -> Summary:
    eta, se = _eta_and_error(predictor, draws, frame, n, covariance)
    link = links.LINKS[predictor.link]
    z = ndtri(interval_ends(interval)[1])
    return {
        "mean": link.inverse(eta),
        "sd": np.abs(link.derivative(eta)) * se,
        "lower": link.inverse(eta - z * se),
        "upper": link.inverse(eta + z * se),
    }


def _eta_and_error(predictor, draws, frame, n, covariance) -> tuple[np.ndarray, np.ndarray]:
    """Linear predictor at the maximum and its standard error."""
    eta = linear_predictor(predictor, draws.centre, frame, n)[0]
    x = predictor.design.matrix(
        {k: v for k, v in frame.items() if k in predictor.design.variables}, n=n
    )
    unknown = ~np.isfinite(np.diag(covariance))  # coefficients that lie at infinity
    known = np.where(unknown[:, None] | unknown, 0.0, covariance)
    with np.errstate(invalid="ignore"):
        se = np.sqrt(np.einsum("ij,jk,ik->i", x, known, x))
    se[(x[:, unknown] != 0).any(axis=1)] = np.nan
    return eta, se


def surveyed_rows(problem: Problem, level: str, n: int) -> np.ndarray:
    """(n,) bool: rows of a level's table at a site ever visited; all if none was."""
    visited = problem.visits_per_chain > 0
    if level in ("visit", "community") or not visited.any():
        return np.ones(n, bool)
    return np.repeat(visited, n // visited.size)


def outside_sampled(
    predictor: Predictor, surveyed: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray], n: int
) -> np.ndarray:
    """(n,) True where a number lies outside its surveyed range, or a text was never surveyed.

    Where a value is missing there is no prediction, and nothing is said.
    """
    out = np.zeros(n, dtype=bool)
    for name in predictor.design.variables:
        if name == "site":  # every other place has another label: no covariate is out of range
            continue
        seen, asked = np.asarray(surveyed[name]), np.asarray(new[name])
        if seen.dtype.kind in "fiu":
            low, high = np.nanmin(seen), np.nanmax(seen)
            asked = read_column({name: asked}, name)
            out |= (asked < low) | (asked > high)
        else:
            known = {"", *(str(v) for v in seen)}
            out |= np.array([v not in known for v in read_column({name: asked}, name)], dtype=bool)
    return out


def weighted_mean(
    predictor: Predictor,
    draws: Draws,
    frame: Mapping[str, np.ndarray],
    n: int,
    weights: Mapping[str, np.ndarray],
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """{label: (draw,)} weighted mean over places, from joint draws; NaN places weigh nothing."""
    total = {k: np.zeros(draws.n) for k in weights}
    weight = dict.fromkeys(weights, 0.0)
    for rows, eta in in_pieces(predictor, draws, frame, n, seed):
        values = natural(predictor, eta)
        good = np.isfinite(values).all(axis=0)
        for label, w in weights.items():
            part = np.where(good, w[rows], 0.0)
            use = part > 0
            total[label] += values[:, use] @ part[use]
            weight[label] += part.sum()
    return {k: total[k] / weight[k] if weight[k] > 0 else np.full(draws.n, np.nan) for k in weights}
