"""Profile-likelihood intervals: how far a coefficient may go, the others doing their best.

The bound of coefficient i is where the highest log-likelihood with beta_i held there lies
chi2(interval) / 2 below the maximum. The others are climbed in whitened coordinates (``newton``):
with beta = A theta and a the i-th row of A, the points with beta_i = x are

    theta = top + u t + N w        u = x - beta_i, a t = 1, a N = 0

where t is the direction in which the top of the others moves at first, C a / (a C a), C being the
covariance of theta. So a climb begins near its end, whatever the units of the covariates.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from occupancy.engines.ml import Maximum, split
from occupancy.engines.newton import FLAT, Objective, climb
from occupancy.problem import Problem

MOST_DOUBLINGS = 12
FURTHEST = 200.0  # whitened units beyond which a coefficient has nowhere else to go
CLOSE = 1e-7  # of the root of twice the drop, which is 1.6 for 90 %


def profile(problem: Problem, top: Maximum, interval: float) -> dict[str, np.ndarray]:
    """Profile-likelihood intervals: {parameter: (term, 2)}; infinite where nothing bounds them."""
    objective = Objective(problem)
    a = objective.transform()
    beta = np.concatenate(list(top.coefficients.values()))
    theta = np.linalg.solve(a, beta)
    value, _, hessian = objective(theta)
    covariance = _covariance(hessian)
    z = float(ndtri(0.5 + interval / 2))
    out = np.empty((beta.size, 2))
    for i in range(beta.size):
        held = _Held(objective, theta, a[i], covariance)
        for side, sign in enumerate((-1.0, 1.0)):
            out[i, side] = beta[i] + _bound(held, sign, z, value)
    return split(problem, out)


def _covariance(hessian: np.ndarray) -> np.ndarray | None:
    """Inverse of the observed information; None where it is flat."""
    if not np.isfinite(hessian).all():
        return None
    scale, along = np.linalg.eigh(-hessian)
    if scale.min() < FLAT * max(scale.max(), 1.0):
        return None
    return (along / scale) @ along.T


def _bound(held: _Held, sign: float, z: float, best: float) -> float:
    """How far the coefficient goes to one side until the root of twice the drop is z."""
    from scipy.optimize import brentq

    def beyond(u: float) -> float:
        # The root of twice the drop is nearly straight in u, which makes the search short.
        return float(np.sqrt(2 * max(best - held.highest(u), 0.0))) - z

    held.forget()
    step = z * held.spread
    near, far = 0.0, sign * step
    for _ in range(MOST_DOUBLINGS):
        if beyond(far) > 0:
            return float(brentq(beyond, near, far, xtol=CLOSE * step, rtol=1e-12))
        if abs(far) > FURTHEST * held.unit:
            break
        near, far = far, far + sign * step
        step *= 2
    return sign * np.inf


class _Held:
    """The log-likelihood with one coefficient ``u`` beyond its best value, as a function of w.

    Attributes
    ----------
    spread : float
        Standard error of the coefficient; one whitened unit where the likelihood is flat.
    unit : float
        Change of the coefficient by one whitened unit.
    """

    def __init__(
        self,
        objective: Objective,
        top: np.ndarray,
        row: np.ndarray,
        covariance: np.ndarray | None,
    ):
        self.objective, self.top = objective, top
        self.unit = float(np.linalg.norm(row))
        along = row if covariance is None else covariance @ row
        self.tangent = along / float(row @ along)
        self.spread = self.unit if covariance is None else float(np.sqrt(row @ along))
        self.others = np.linalg.svd(row[None, :])[2][1:].T  # N: (theta, others)
        self.base = top
        self.forget()

    def forget(self) -> None:
        """Begin again at the maximum."""
        self.last = (0.0, np.zeros(self.others.shape[1]))

    def highest(self, u: float) -> float:
        """The highest log-likelihood with the coefficient held there."""
        self.base = self.top + u * self.tangent
        if not self.others.shape[1]:
            return self.objective.value(self.base)
        # Away from the tangent the top bends with the square of u. Also from the tangent itself:
        # the last top may lie at infinity, where no slope leads back.
        before, bent = self.last
        starts = [np.zeros_like(bent)]
        if before != 0.0:
            starts.append(bent * min((u / before) ** 2, 4.0))
        found = max((climb(self, w) for w in starts), key=lambda t: t.value)
        self.last = (u, found.theta)
        return found.value

    def __call__(self, w: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, gradient, hessian = self.objective(self.base + self.others @ w)
        return value, self.others.T @ gradient, self.others.T @ hessian @ self.others
