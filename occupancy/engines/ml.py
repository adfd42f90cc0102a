"""Maximum likelihood: several starts, exact gradient and Hessian, Wald intervals.

The latent states are summed out, so this is the likelihood of the detection histories. Effects of
groups are integrated out of it in ``occupancy.engines.marginal``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.engines.newton import FAR, FLAT, Objective, Top, climb, conditioning
from occupancy.links import LINKS
from occupancy.problem import Problem
from surveys.problems import ModelError

STARTS, MORE_STARTS = 3, 8  # more where tops differ, and where what is hidden has many states
MOVED = 1e-4  # share of a flat direction from which a coefficient is part of it
SAME_TOP = 1e-6  # log-likelihood units within which two climbs reached the same top


@dataclass(frozen=True)
class Maximum:
    """A maximum-likelihood fit.

    Attributes
    ----------
    coefficients : {parameter: (term,)}
    covariance : (coefficient, coefficient)
        Inverse of the observed information, in the order of the parameters; NaN for coefficients
        along which the likelihood is flat. Where these lie at infinity (a psi of 1, a year
        without colonisation) the others have the covariance that they have with them there.
    log_likelihood : float
    same_top : int
        How many of the starts reached it.
    flat : bool
        The likelihood has a ridge or its maximum lies at infinity.
    """

    coefficients: dict[str, np.ndarray]
    covariance: np.ndarray
    log_likelihood: float
    starts: int
    same_top: int
    converged: bool
    flat: bool
    theta: np.ndarray

    @property
    def n_parameter(self) -> int:
        return self.covariance.shape[0]

    @property
    def aic(self) -> float:
        """Akaike's criterion: -2 log L + 2 k."""
        return -2 * self.log_likelihood + 2 * self.n_parameter

    def standard_errors(self) -> dict[str, np.ndarray]:
        """{parameter: (term,)} from the covariance."""
        variance = np.diag(self.covariance)
        with np.errstate(invalid="ignore"):
            se = np.sqrt(np.where(variance >= 0, variance, np.nan))
        out, o = {}, 0
        for name, b in self.coefficients.items():
            out[name] = se[o : o + b.size]
            o += b.size
        return out


def maximise(problem: Problem, seed: int = 1, starts: int | None = None) -> Maximum:
    """Climb from several starts and keep the highest top.

    Three starts are made, and eight where these do not agree or more than two states are hidden.

    Raises
    ------
    ModelError
        No visit was made.
    ValueError
        The problem has group effects, which ``engines.marginal`` integrates out.
    """
    if problem.has_groups:
        raise ValueError("maximise a problem with group effects by engines.marginal")
    if not problem.y.size:
        raise ModelError("No visit was made, so there is nothing to fit.")
    objective = Objective(problem)
    places = _starts(objective, seed, starts or MORE_STARTS)
    hidden = problem.family.n_state > len(problem.family.detections) and not problem.family.joint
    first = starts or (MORE_STARTS if hidden else STARTS)
    tops = [climb(objective, s) for s in places[:first]]
    best, alike = _highest(tops)
    if len(alike) < len(tops):
        tops += [climb(objective, s) for s in places[first:]]
        best, alike = _highest(tops)
    best = next((t for t in alike if t.converged), best)
    same = len(alike)
    a = objective.transform()
    return Maximum(
        split(problem, a @ best.theta),
        covariance_of(best, a),
        best.value,
        len(tops),
        same,
        best.converged,
        best.flat,
        standardised(objective, a @ best.theta),
    )


def _highest(tops: list[Top]) -> tuple[Top, list[Top]]:
    """The highest top, and all that are as high."""
    best = max(tops, key=lambda t: t.value if np.isfinite(t.value) else -np.inf)
    return best, [t for t in tops if abs(t.value - best.value) < SAME_TOP]


def standardised(objective: Objective, beta: np.ndarray) -> np.ndarray:
    """(coefficient,) effects of one sd of each column, the intercept at their means."""
    parts = np.split(beta, np.cumsum(objective.sizes)[:-1])
    made = [
        np.linalg.solve(conditioning(p), b)
        for p, b in zip(objective.predictors, parts, strict=True)
    ]
    return np.concatenate(made)


def _starts(objective: Objective, seed: int, n: int) -> list[np.ndarray]:
    """Zero, the naive guesses, and draws around them."""
    rng = np.random.default_rng(seed)
    zero = np.zeros(objective.size)
    naive = zero.copy()
    o = 0
    for guess, p in zip(_guesses(objective.problem), objective.predictors, strict=True):
        if p.terms and p.terms[0] == "Intercept":
            naive[o] = guess
        o += len(p.terms)
    return [naive, zero, *[naive + rng.normal(size=zero.size) for _ in range(max(n - 2, 0))]]


def _guesses(problem: Problem) -> list[float]:
    """An intercept for each parameter, from what can be counted without a model."""
    seen = problem.detections_per_chain > 0
    visited = problem.visits_per_chain > 0
    share = (seen.sum() + 0.5) / (visited.sum() + 1.0)
    visits = problem.visits_per_chain[seen].sum()
    rate = (problem.detections_per_chain.sum() + 0.5) / (visits + 1.0)
    family = problem.family
    known = {"psi": share, "p": min(rate, 0.98)}
    out = []
    for p in problem.predictors.values():
        told = family.parameter(p.name)
        value = known.get(told.name, known.get(told.short))
        if family.guess is not None:
            value = family.guess(problem.observed).get(told.name, value)
        out.append(0.0 if value is None else float(LINKS[p.link].forward(value)))
    return out


def covariance_of(top: Top, a: np.ndarray) -> np.ndarray:
    """Of the coefficients beta = a theta, NaN for those that a flat direction moves."""
    if not top.flat:
        return a @ np.linalg.inv(-top.hessian) @ a.T
    if not np.isfinite(top.hessian).all():
        return np.full_like(top.hessian, np.nan)
    scale, along = np.linalg.eigh(-top.hessian)
    flat = scale < FLAT * max(scale.max(), 1.0)
    away = np.abs(top.theta) > FAR  # at infinity, whatever rounding says of the curvature there
    basis, size, _ = np.linalg.svd(np.hstack([along[:, flat], np.eye(away.size)[:, away]]))
    n = int((size > MOVED).sum())
    loose, free = basis[:, :n], basis[:, n:]
    held = free.T @ -top.hessian @ free
    if not held.size or np.linalg.eigvalsh(held).min() <= 0:
        return np.full_like(top.hessian, np.nan)
    covariance = a @ free @ np.linalg.inv(held) @ free.T @ a.T
    moved = np.abs(a @ loose).max(axis=1, initial=0.0) > MOVED * np.linalg.norm(a, axis=1)
    covariance[moved] = covariance[:, moved] = np.nan
    return covariance


def split(problem: Problem, beta: np.ndarray) -> dict[str, np.ndarray]:
    """One vector of coefficients, or one row for each, to {parameter: (term, ...)}."""
    sizes = [len(p.terms) for p in problem.predictors.values()]
    return dict(zip(problem.predictors, np.split(beta, np.cumsum(sizes)[:-1]), strict=True))
