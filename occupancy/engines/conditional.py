"""Effects given a maximum of the marginal likelihood: modes, errors, joint normal draws.

    e | outer ~ normal(mode, M A^-1 M')      outer ~ normal(maximum, its covariance)

The mode moves with the outer parameters, so that draws of both together carry the uncertainty of
either: e = mode + (d mode / d outer)(outer - maximum) + noise.

The logarithm of an sd is normal where 0 is far. Where 0 lies within one standard error of the sd,
such draws would reach thousands, and a new level have psi 0 or 1: there the sd itself is normal,
folded at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.special import ndtri
from scipy.stats import foldnorm

from occupancy.engines.coordinates import varying_terms
from occupancy.engines.laplace import Mode, find_mode
from occupancy.engines.latent import Latent
from occupancy.engines.marginal import Integrated
from occupancy.problem import Problem

AT_ONCE = 500  # rows of a covariance made at one time
NEAR_ZERO = 1.0  # standard error of log(sd), that of the sd in sds, from which 0 is near
LEAST_OF_SD = 1e-3  # in drawn sds, so that a folded one has a logarithm


@dataclass(frozen=True)
class Conditional:
    """Effects, or whatever their kind keeps of a draw, at and around a maximum.

    Attributes
    ----------
    centre : (outer,)
        Coefficients on their own scale, then hyper-parameters; an sd of 0 stands at its least.
    known : (outer,) bool
        Those with a variance.
    spread : (known, known)
        Their covariance.
    kept : (weight, raw) sparse
    moved : (weight, outer)
        d mode / d outer.
    near_zero : (outer,) bool
        Standard deviations of which 0 is within one standard error.
    """

    mode: Mode
    centre: np.ndarray
    known: np.ndarray
    spread: np.ndarray
    kept: sparse.csr_array
    moved: np.ndarray
    near_zero: np.ndarray

    @property
    def latent(self) -> Latent:
        return self.mode.latent

    @property
    def weights(self) -> np.ndarray:
        """(weight,) modes."""
        return self.kept @ self.mode.raw

    @cached_property
    def errors(self) -> np.ndarray:
        """(weight,) standard errors, those of the outer parameters among them."""
        own = np.empty(self.moved.shape[0])
        for first in range(0, own.size, AT_ONCE):
            rows = self.kept[first : first + AT_ONCE]
            solved = self.mode.factor.solve(rows.T.toarray())
            own[first : first + AT_ONCE] = (rows.T.multiply(solved)).sum(axis=0)
        moved = self.moved[:, self.known]
        of_outer = np.einsum("ei,ij,ej->e", moved, self.spread, moved)
        return np.sqrt(np.maximum(own + of_outer, 0.0))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(draw, outer) and (draw, weight), jointly.

        A coefficient without a variance is NaN; a hyper-parameter without one stays.
        """
        scale, along = np.linalg.eigh(self.spread)
        half = along * np.sqrt(np.maximum(scale, 0.0))
        away = np.zeros((n, self.centre.size))
        away[:, self.known] = rng.normal(size=(n, int(self.known.sum()))) @ half.T
        folded = np.abs(1.0 + away[:, self.near_zero])
        away[:, self.near_zero] = np.log(np.maximum(folded, LEAST_OF_SD))
        noise = self.kept @ self.mode.factor.noise(rng.normal(size=(self.mode.raw.size, n)))
        weights = self.weights + away @ self.moved.T + noise.T
        lost = ~self.known & (np.arange(self.known.size) < self.latent.n_coefficient)
        drawn = self.centre + np.where(lost, np.nan, away)
        k = self.latent.n_coefficient  # a hyper-parameter stays where a maximum may lie at all
        drawn[:, k:] = np.clip(drawn[:, k:], self.latent.least, self.latent.most)
        return drawn, weights

    def by_term(self, weights: np.ndarray) -> list[np.ndarray]:
        """(..., weight) cut into the terms, in their order."""
        return np.split(weights, self.latent.weight_start[1:-1], axis=-1)


def conditional(problem: Problem, top: Integrated) -> Conditional:
    """The effects of a model at its maximum; found again in some milliseconds."""
    latent = Latent(problem)
    k = latent.n_coefficient
    beta = np.concatenate(list(top.coefficients.values()))
    hyper = np.where(top.at_end, latent.least, top.hyper)
    transform = latent.fixed.transform()
    outer = np.concatenate([np.linalg.solve(transform, beta), hyper])
    mode = find_mode(latent, outer)
    kept = latent.kept(hyper)
    moved = kept @ mode.moved
    for j, slope in enumerate(latent.kept_slopes(hyper)):
        moved[:, k + j] += slope @ mode.raw
    moved[:, :k] = np.linalg.solve(transform.T, moved[:, :k].T).T
    known = np.isfinite(np.diag(top.whole))
    spread = top.whole[np.ix_(known, known)]
    is_sd = [h.name == "sd" for _, t in varying_terms(problem) for h in t.design.hypers]
    near = np.array([False] * k + is_sd) & known
    near[known] &= np.diag(spread) > NEAR_ZERO**2
    return Conditional(mode, np.concatenate([beta, hyper]), known, spread, kept, moved, near)


def ends_of_sd(log_sd: float, error: float, interval: tuple[float, float]) -> tuple[float, float]:
    """Quantiles of an sd from its logarithm and the standard error of that, as in ``draw``."""
    if error > NEAR_ZERO:
        lower, upper = foldnorm.ppf(interval, 1.0 / error, scale=np.exp(log_sd) * error)
    else:
        lower, upper = np.exp(log_sd + ndtri(interval) * error)
    return float(lower), float(upper)
