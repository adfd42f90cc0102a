"""Effects given a maximum of the marginal likelihood: modes, errors, joint normal draws.

    e | outer ~ normal(mode, M A^-1 M')      outer ~ normal(maximum, its covariance)

The mode moves with the outer parameters, so that draws of both together carry the uncertainty of
either: e = mode + (d mode / d outer)(outer - maximum) + noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from occupancy.engines.laplace import Mode, covariance_within, find_mode
from occupancy.engines.latent import Latent
from occupancy.engines.marginal import Integrated
from occupancy.problem import Problem


@dataclass(frozen=True)
class Conditional:
    """Effects at and around a maximum.

    Attributes
    ----------
    centre : (outer,)
        Coefficients on their own scale, then hyper-parameters; a hyper-parameter that has run to
        its end stands at its least value.
    known : (outer,) bool
        Those with a variance.
    spread : (known, known)
        Their covariance.
    moved : (effect, outer)
        d mode / d outer.
    alive : (effect,)
        0 where the sd is, and so the effects; else 1.
    """

    mode: Mode
    centre: np.ndarray
    known: np.ndarray
    spread: np.ndarray
    moved: np.ndarray
    alive: np.ndarray

    @property
    def latent(self) -> Latent:
        return self.mode.latent

    @cached_property
    def errors(self) -> np.ndarray:
        """(effect,) standard errors, those of the outer parameters among them."""
        place, _, covariance = covariance_within(self.mode)
        own = covariance[np.arange(place.size), place]
        moved = self.moved[:, self.known]
        of_outer = np.einsum("ei,ij,ej->e", moved, self.spread, moved)
        return np.sqrt(np.maximum(own + of_outer, 0.0)) * self.alive

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(draw, outer) and (draw, effect), jointly; NaN for what has no variance."""
        scale, along = np.linalg.eigh(self.spread)
        half = along * np.sqrt(np.maximum(scale, 0.0))
        away = np.zeros((n, self.centre.size))
        away[:, self.known] = rng.normal(size=(n, int(self.known.sum()))) @ half.T
        noise = self.mode.matrix @ self.mode.factor.noise(rng.normal(size=(self.mode.raw.size, n)))
        effects = (self.mode.effects + away @ self.moved.T + noise.T) * self.alive
        return self.centre + np.where(self.known, away, np.nan), effects

    def by_term(self, effects: np.ndarray) -> list[np.ndarray]:
        """(..., effect) cut into the terms, in the order of the groups."""
        return np.split(effects, self.latent.effect_start[1:-1], axis=-1)


def conditional(problem: Problem, top: Integrated) -> Conditional:
    """The effects of a model at its maximum; found again in some milliseconds."""
    latent = Latent(problem)
    k = latent.n_coefficient
    beta = np.concatenate(list(top.coefficients.values()))
    hyper = np.where(top.at_end, latent.least, top.hyper)
    transform = latent.fixed.transform()
    outer = np.concatenate([np.linalg.solve(transform, beta), hyper])
    mode = find_mode(latent, outer)
    moved = mode.effects_moved
    moved[:, :k] = np.linalg.solve(transform.T, moved[:, :k].T).T
    known = np.isfinite(np.diag(top.whole))
    spread = top.whole[np.ix_(known, known)]
    alive = latent.is_alive(~top.at_end)
    return Conditional(mode, np.concatenate([beta, hyper]), known, spread, moved, alive)
