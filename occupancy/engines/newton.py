"""Newton's method on the coefficients, in coordinates where their columns are independent.

    beta = A theta        A: centres and scales every column but the intercept, then takes from
                             each column what those before it tell

The change of coordinates is exact and is undone in every answer; it keeps the Hessian well
conditioned when a covariate lies far from zero (an elevation in metres), or a column almost
follows from others (a year and its square).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from occupancy.kernel.densities import log_density
from occupancy.kernel.hessian import value_gradient_hessian
from occupancy.problem import Predictor, Problem

MOST_STEPS = 100
STEP_LIMIT = 5.0  # largest change of a standardised coefficient in one step
FLAT, TINY = 1e-9, 1e-300
FAR = 25.0  # whitened coefficients beyond which a maximum lies at infinity


def conditioning(predictor: Predictor) -> np.ndarray:
    """The matrix of one predictor that centres and scales: (coefficient, coefficient)."""
    design = predictor.design
    k = len(design.columns)
    spread = np.where(np.asarray(design.spreads) > 0, design.spreads, 1.0)
    a = np.diag(1.0 / spread)
    if k and design.columns[0] == "Intercept":
        a[0, 0] = 1.0
        a[0, 1:] = -np.asarray(design.centres)[1:] / spread[1:]
    return a


def whitening(predictor: Predictor) -> np.ndarray:
    """The matrix A of one predictor: (coefficient, coefficient), an intercept staying itself."""
    a = conditioning(predictor)
    x = a.T @ predictor.columns
    gram = x @ x.T / max(x.shape[1], 1)
    try:
        lower = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:  # columns that rounding cannot tell apart: scaled is all we can
        return a
    return a @ np.linalg.inv(lower).T


@dataclass(frozen=True)
class Top:
    """Where a climb ended.

    Attributes
    ----------
    theta : (coefficient,)
    value : float
    hessian : (coefficient, coefficient)
    converged : bool
    flat : bool
        The Hessian is singular there: a ridge, or a boundary at infinity.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    hessian: np.ndarray
    steps: int
    converged: bool
    flat: bool


class Objective:
    """Log-likelihood of the fixed effects, with its gradient and Hessian in theta.

    Parameters
    ----------
    penalised : bool
        Add the log priors of the coefficients.
    """

    def __init__(self, problem: Problem, penalised: bool = False):
        self.problem = problem
        self.predictors = tuple(problem.predictors.values())
        self.a = [whitening(p) for p in self.predictors]
        self.sizes = [len(p.terms) for p in self.predictors]
        self.columns = [
            np.ascontiguousarray(a.T @ p.columns)
            for a, p in zip(self.a, self.predictors, strict=True)
        ]
        self.penalised = penalised
        ends = np.cumsum([0, *self.sizes])
        self.parts = list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))

    @property
    def size(self) -> int:
        return sum(self.sizes)

    def transform(self) -> np.ndarray:
        """beta = transform @ theta for all predictors together."""
        out = np.zeros((self.size, self.size))
        o = 0
        for a in self.a:
            out[o : o + len(a), o : o + len(a)] = a
            o += len(a)
        return out

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, gradient, hessian = (
            self._louis(theta) if self.problem.fast else self._differences(theta)
        )
        if self.penalised:
            v, g, h = self.log_prior(theta)
            return value + v, gradient + g, hessian + h
        return value, gradient, hessian

    def value(self, theta: np.ndarray) -> float:
        """Objective alone."""
        value = self._likelihood(theta)[0]
        return value + self.log_prior(theta)[0] if self.penalised else value

    def _split(self, theta: np.ndarray) -> list[np.ndarray]:
        return [theta[a:b] for a, b in self.parts]

    def _likelihood(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        predictors = []
        for b, x, p in zip(self._split(theta), self.columns, self.predictors, strict=True):
            eta = b @ x
            predictors.append(eta + p.offset if p.offset.size else eta)
        total, _, _, _, gradients = self.problem.evaluate(tuple(predictors))
        parts = [x @ g for x, g in zip(self.columns, gradients, strict=True)]
        return total, np.concatenate(parts)

    def _louis(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        psi, p = self.predictors
        k = self.size
        gradient, hessian = np.empty(k), np.empty((k, k))
        first, second = self._split(theta)
        value = value_gradient_hessian(
            int(self.problem.links[0]),
            first,
            second,
            self.columns[0],
            self.columns[1],
            psi.offset,
            p.offset,
            self.problem.family_data[1][0],
            *self.problem.blocks,
            gradient,
            hessian,
        )
        return value, gradient, hessian

    def _differences(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, gradient = self._likelihood(theta)
        h = 1e-5
        hessian = np.empty((theta.size, theta.size))
        for i in range(theta.size):
            step = np.zeros(theta.size)
            step[i] = h
            hessian[i] = (self._likelihood(theta + step)[1] - self._likelihood(theta - step)[1]) / (
                2 * h
            )
        return value, gradient, 0.5 * (hessian + hessian.T)

    def log_prior(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value = 0.0
        gradient, hessian = np.zeros(self.size), np.zeros((self.size, self.size))
        o = 0
        for b, a, p in zip(self._split(theta), self.a, self.predictors, strict=True):
            functional = p.table.functional @ a
            part = slice(o, o + len(b))
            for row, prior in zip(functional, p.table.coefficients, strict=True):
                v, d, c = curvature(prior, float(row @ b))
                value += v
                gradient[part] += d * row
                hessian[part, part] += c * np.outer(row, row)
            o += len(b)
        return value, gradient, hessian


def curvature(prior, x: float) -> tuple[float, float, float]:
    """Log density of a prior with its first two derivatives."""
    code, (a, b, c) = prior.code, three(prior.arguments)
    value, slope = log_density(code, a, b, c, x)
    h = 1e-4 * max(1.0, abs(x))
    up, down = log_density(code, a, b, c, x + h)[1], log_density(code, a, b, c, x - h)[1]
    return value, slope, (up - down) / (2 * h)


def three(arguments) -> tuple[float, float, float]:
    """Arguments of a prior padded to three, as the compiled densities take them."""
    padded = (*[float(v) for v in arguments], 0.0, 0.0, 0.0)
    return padded[0], padded[1], padded[2]


def newton_step(curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """curvature^-1 gradient; along positive curvature where the Hessian is not definite."""
    try:
        return cho_solve(cho_factor(curvature, check_finite=False), gradient)
    except np.linalg.LinAlgError:
        scale, along = np.linalg.eigh(curvature)
        floor = max(scale.max(initial=0.0), 1.0) * 1e-10
        return along @ ((along.T @ gradient) / np.maximum(np.abs(scale), floor))


def climb(objective, theta: np.ndarray, free: np.ndarray | None = None) -> Top:
    """Climb to a maximum from ``theta``; coefficients that are not ``free`` stay.

    Steps are exact Newton steps, along positive curvature where the Hessian is not negative
    definite, halved until the value rises.
    """
    free = np.ones(theta.size, bool) if free is None else free
    theta = theta.copy()
    value, gradient, hessian = objective(theta)
    converged = False
    steps = 0
    for steps in range(1, MOST_STEPS + 1):  # noqa: B007
        g = gradient[free]
        step = newton_step(-hessian[np.ix_(free, free)], g)
        decrement = float(g @ step)
        step *= min(1.0, STEP_LIMIT / max(np.abs(step).max(initial=0.0), TINY))
        if decrement < 1e-14 * max(1.0, abs(value)):
            converged = True
            # The last step squares what is left of the slope, and cannot be told from rounding.
            trial = theta.copy()
            trial[free] += step
            answer = objective(trial)
            if np.isfinite(answer[0]) and answer[0] >= value - 1e-13 * abs(value):
                theta, (value, gradient, hessian) = trial, answer
            break
        for _ in range(40):
            trial = theta.copy()
            trial[free] += step
            answer = objective(trial)
            if np.isfinite(answer[0]) and answer[0] >= value - 1e-13 * abs(value):
                break
            step *= 0.5
        else:
            converged = decrement < 1e-8
            break
        theta, (value, gradient, hessian) = trial, answer
    scale = np.linalg.eigvalsh(-hessian[np.ix_(free, free)]) if free.any() else np.ones(1)
    flat = bool(scale.min() < FLAT * max(scale.max(), 1.0)) or bool(np.abs(theta).max() > FAR)
    return Top(theta, float(value), gradient, hessian, steps, converged, flat)
