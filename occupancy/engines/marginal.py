"""Maximum likelihood with group effects: they are integrated out, and told at their modes.

The marginal likelihood is maximised over coefficients and hyper-parameters (the logarithms of
the sds) by Newton's method, with exact gradients and their differences. It is an integral by
adaptive quadrature where levels are independent and have one or two effects each, and Laplace's
approximation where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from occupancy.engines import ml, quadrature
from occupancy.engines.compiled import slots
from occupancy.engines.coordinates import varying_terms
from occupancy.engines.laplace import Mode, find_mode
from occupancy.engines.latent import Latent
from occupancy.engines.ml import Maximum
from occupancy.engines.newton import FAR, FLAT, Objective, Top, curvature, newton_step
from occupancy.kernel.varying import POSITIVE
from occupancy.problem import Problem
from surveys.problems import ModelError

Method = Literal["laplace", "quadrature"]
DIFFERENCE = 3e-4  # of the outer vector, for second derivatives
COEFFICIENT_STEP, HYPER_STEP = 5.0, 1.5  # longest in one step
MOST_STEPS, HALVINGS = 60, 30
AT_REST = 1e-9  # log-likelihood units that another step would gain
NEAR_END = 3.0  # from the least value of a hyper-parameter, where the end itself is tried
WIDE_START = 1.5  # the second climb begins with sds so many times larger, in logarithms
FARTHEST_START = 8.0  # of a coefficient, where the likelihood without groups has no end


@dataclass(frozen=True, kw_only=True)
class Integrated(Maximum):
    """A maximum of the marginal likelihood.

    ``coefficients``, ``covariance`` and ``theta`` are those of the coefficients alone.

    Attributes
    ----------
    hyper : (hyper,)
        On the whole line: logarithms of the sds, -inf for a sd of 0; logits of shares, and of
        (1 + r) / 2 for correlations.
    hyper_names : as ``engines.compiled.slots``
    whole : (coefficient + hyper, coefficient + hyper)
        Covariance of both; NaN for a sd at an end (0, or so large that all effects are at either
        end of the scale), the others having what they have beside it.
    method : "laplace" or "quadrature"
    nodes : int
        For each effect of a level; 1 is Laplace's approximation.
    nodes_change : float
        What more nodes changed of the log-likelihood.
    varying : {slot: values}
        Hyper-parameters on their own scales, and modes of what is kept of effects; slots as
        ``engines.compiled.slots``.
    pooled : Maximum
        Without group effects.
    accuracy : dict
        How far Laplace's approximation is from the integral; see ``engines.accuracy``.
    """

    hyper: np.ndarray
    hyper_names: list[str]
    whole: np.ndarray
    method: Method
    nodes: int
    nodes_change: float
    varying: dict[str, np.ndarray]
    pooled: Maximum
    accuracy: dict[str, Any] = field(default_factory=dict)

    @property
    def n_parameter(self) -> int:
        return self.whole.shape[0]

    @property
    def at_end(self) -> np.ndarray:
        """(hyper,) bool: sds of 0."""
        return ~np.isfinite(self.hyper)

    @property
    def hyper_errors(self) -> np.ndarray:
        """(hyper,) standard errors of the logarithms; NaN at 0."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(np.diag(self.whole)[self.covariance.shape[0] :])


class Marginal:
    """Log marginal likelihood on the outer vector; modes found are where the next search begins.

    Parameters
    ----------
    penalised : bool
        Add the log priors of the coefficients and of the sds.
    """

    def __init__(self, latent: Latent, method: Method, n_node: int = 1, penalised: bool = False):
        self.latent, self.method, self.n_node = latent, method, n_node
        self.members = quadrature.parts(latent) if method == "quadrature" else None
        self.priors = _Priors(latent) if penalised else None
        self._last: Mode | None = None
        self._nodes: quadrature.Nodes | None = None

    def mode(self, outer: np.ndarray) -> Mode:
        """The mode of the effects, sought from the last one found, moved along."""
        start = None
        if self._last is not None:
            start = self._last.raw + self._last.moved @ (outer - self._last.outer)
            if not np.isfinite(start).all() or np.abs(outer - self._last.outer).max() > 0.5:
                start = self._last.raw
        return find_mode(self.latent, outer, start)

    def value(self, outer: np.ndarray) -> float:
        mode = self.mode(outer)
        if mode.is_flat:
            return -np.inf
        value = mode.log_marginal
        if self.members is not None:
            value = quadrature.nodes_about(mode, self.members, self.n_node).value_gradient(outer)[0]
        if self.priors is not None:
            value += self.priors(outer)[0]
        return value if np.isfinite(value) else -np.inf

    def value_gradient(self, outer: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient; what is asked for next lies near."""
        self._last = mode = self.mode(outer)
        self._nodes = None
        if self.members is not None:
            self._nodes = quadrature.nodes_about(mode, self.members, self.n_node)
            value, gradient = self._nodes.value_gradient(outer)
        else:
            value, gradient = mode.log_marginal, mode.gradient()
        if self.priors is not None:
            v, g, _ = self.priors(outer)
            return value + v, gradient + g
        return value, gradient

    def hessian(self, outer: np.ndarray) -> np.ndarray:
        """By central differences of exact gradients, about the last point and at its nodes."""
        n = outer.size
        out = np.empty((n, n))
        for i in range(n):
            step = DIFFERENCE * np.eye(n)[i]
            out[i] = (self._slope(outer + step) - self._slope(outer - step)) / (2 * DIFFERENCE)
        out = 0.5 * (out + out.T)
        return out if self.priors is None else out + self.priors(outer)[2]

    def _slope(self, outer: np.ndarray) -> np.ndarray:
        if self._nodes is not None:
            return self._nodes.value_gradient(outer)[1]
        return self.mode(outer).gradient()


class _Priors:
    """Log priors of coefficients and sds, each at its own scale: those of a penalty."""

    def __init__(self, latent: Latent):
        self.objective = Objective(latent.problem.without_groups(), penalised=True)
        self.hypers = [q for _, t in varying_terms(latent.problem) for q in t.hypers]
        self.n = latent.n_coefficient

    def __call__(self, outer: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, first, second = self.objective.log_prior(outer[: self.n])
        gradient, hessian = np.zeros(outer.size), np.zeros((outer.size, outer.size))
        gradient[: self.n], hessian[: self.n, : self.n] = first, second
        for k, (prior, hyper) in enumerate(self.hypers, start=self.n):
            if hyper.domain != POSITIVE:  # a beta prior is one of the logit
                v, gradient[k], hessian[k, k] = curvature(prior, float(outer[k]))
                value += v
                continue
            sd = float(np.exp(outer[k]))
            v, slope, bend = curvature(prior, sd)
            value += v
            gradient[k], hessian[k, k] = slope * sd, bend * sd * sd + slope * sd
        return value, gradient, hessian


@dataclass(frozen=True)
class _Climbed:
    outer: np.ndarray
    value: float
    gradient: np.ndarray
    hessian: np.ndarray
    free: np.ndarray
    converged: bool


def _climb(marginal: Marginal, outer: np.ndarray) -> _Climbed:
    """Newton's method with steps halved until the value rises; sds may end at their least."""
    latent = marginal.latent
    k = latent.n_coefficient
    least = np.concatenate([np.full(k, -np.inf), latent.least])
    most = np.concatenate([np.full(k, np.inf), latent.most])
    limit = np.concatenate([np.full(k, COEFFICIENT_STEP), np.full(latent.n_hyper, HYPER_STEP)])
    outer = np.clip(outer, least, most)

    def is_free():
        low, high = (outer <= least) & (gradient <= 1e-6), (outer >= most) & (gradient >= -1e-6)
        return ~(low | high)

    value, gradient = marginal.value_gradient(outer)
    hessian, exact = marginal.hessian(outer), True
    converged, tried = False, False
    for _ in range(MOST_STEPS):
        free = is_free()
        step = np.zeros(outer.size)
        step[free] = newton_step(-hessian[np.ix_(free, free)], gradient[free])
        gain = float(gradient @ step)
        if gain < AT_REST and not exact:
            hessian, exact = marginal.hessian(outer), True
            continue
        step *= min(1.0, float((limit / np.maximum(np.abs(step), 1e-300)).min()))
        low = free & (outer < least + NEAR_END) & (gradient < 0) & (step < 0)
        low[:k] = False
        low[k:] &= latent.is_sd
        if low.any() and not tried:
            tried = True
            there = np.where(low, least, outer)
            if marginal.value(there) >= value - 1e-9:
                outer = there
                value, gradient = marginal.value_gradient(outer)
                hessian, exact = marginal.hessian(outer), True
                continue
        converged = gain < AT_REST
        slack = 1e-8 if converged else 1e-12 * abs(value)
        for _ in range(HALVINGS):
            trial = np.clip(outer + step, least, most)
            if marginal.value(trial) >= value - slack:
                break
            step = 0.5 * step
        else:
            converged = gain < 1e-6
            if exact:
                break
            hessian, exact = marginal.hessian(outer), True
            continue
        before, slope = outer, gradient
        outer = trial
        if not (outer - before).any():  # no number lies between here and a better place
            break
        value, gradient = marginal.value_gradient(outer)
        if converged:
            break
        hessian, exact = _updated(hessian, outer - before, gradient - slope), False
    if not exact:
        hessian = marginal.hessian(outer)
    free = is_free()
    return _Climbed(outer, value, gradient, hessian, free, converged)


def _updated(hessian: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The symmetric change of rank one after which the Hessian tells the last change of slope."""
    if not step.any():
        return hessian
    left = change - hessian @ step
    scale = float(left @ step)
    if abs(scale) < 1e-8 * np.linalg.norm(left) * np.linalg.norm(step):
        return hessian
    return hessian + np.outer(left, left) / scale


def maximise(
    problem: Problem,
    seed: int = 1,
    *,
    integrate: str = "auto",
    nodes: int | None = None,
    penalised: bool = False,
) -> Integrated:
    """Maximise the marginal likelihood.

    Parameters
    ----------
    integrate : "auto", "laplace" or "quadrature"
        By default quadrature wherever it applies.
    nodes : int, optional
        For each effect of a level; by default 15, and more until the log-likelihood changes by
        less than 1e-4.
    penalised : bool
        Maximise the marginal likelihood times the priors of coefficients and sds.

    Raises
    ------
    ModelError
        Quadrature is asked for where it does not apply.
    """
    from occupancy.engines.accuracy import of_laplace

    if not problem.y.size:
        raise ModelError("No visit was made, so there is nothing to fit.")
    latent = Latent(problem)
    members = quadrature.parts(latent)
    if integrate == "quadrature" and members is None:
        raise ModelError(
            'integrate = "quadrature" needs groups whose levels are independent of each other, '
            "with one or two effects for each level; levels of this model share sites or visits "
            'with others. Use integrate = "laplace".'
        )
    pooled = ml.maximise(problem.without_groups(), seed)
    laplace = Marginal(latent, "laplace", penalised=penalised)
    tops = []
    for start in _starts(latent, pooled):
        tops.append(_climb(laplace, start))
        if tops[-1].converged and tops[-1].free.all():
            break  # a second climb is made only from an sd of 0, or where none came to rest
    top = max(tops, key=lambda t: t.value)
    same = sum(abs(t.value - top.value) < 1e-4 for t in tops)
    by_quadrature = members is not None and integrate != "laplace"
    if not by_quadrature:
        accuracy = of_laplace(laplace, top.outer, top.hessian, seed)
        return _told(latent, pooled, laplace, top, len(tops), same, 0.0, accuracy)
    begin = top.outer.copy()
    hypers = slice(latent.n_coefficient, None)
    begin[hypers] = latent.off_the_end(begin[hypers])
    marginal, best, change = quadratured(latent, begin, members, nodes, penalised)
    accuracy = {
        "by": "",
        "laplace_hyper": top.outer[hypers].tolist(),
        "laplace_log_likelihood": float(top.value),
    }
    return _told(latent, pooled, marginal, best, len(tops), same, change, accuracy)


def quadratured(
    latent: Latent,
    outer: np.ndarray,
    members: np.ndarray,
    nodes: int | None = None,
    penalised: bool = False,
) -> tuple[Marginal, _Climbed, float]:
    """The top by quadrature, with as many nodes as it takes, and what more nodes change."""
    wide = int((members >= 0).sum(axis=1).max())
    most = quadrature.MOST_NODES[wide]
    offered = [n for n in quadrature.MORE_NODES if n <= most]
    n = nodes or offered[0]
    while True:
        marginal = Marginal(latent, "quadrature", n, penalised)
        top = _climb(marginal, outer)
        more = next((k for k in (*offered, 2 * n + 1) if k > n), n)
        change = Marginal(latent, "quadrature", more, penalised).value(top.outer) - top.value
        if nodes or abs(change) < quadrature.ENOUGH or n >= most:
            return marginal, top, float(change)
        outer, n = top.outer, more


def _starts(latent: Latent, pooled: Maximum):
    """The top without groups and sds of 0.5; with larger ones too."""
    beta = np.concatenate(list(pooled.coefficients.values()))
    theta = np.linalg.solve(latent.fixed.transform(), beta)
    theta = np.clip(theta, -FARTHEST_START, FARTHEST_START)
    for more in (0.0, WIDE_START):
        yield np.concatenate([theta, latent.hyper_of_start + more * latent.is_sd])


def _told(
    latent: Latent,
    pooled: Maximum,
    marginal: Marginal,
    top: _Climbed,
    starts: int,
    same: int,
    change: float,
    accuracy: dict[str, Any],
) -> Integrated:
    theta, hyper = latent.split(top.outer)
    k = latent.n_coefficient
    a = np.eye(top.outer.size)
    a[:k, :k] = latent.fixed.transform()
    hessian = top.hessian[np.ix_(top.free, top.free)]
    scale = np.linalg.eigvalsh(-hessian)
    flat = bool(scale.min() < FLAT * max(scale.max(), 1.0)) or bool(np.abs(theta).max() > FAR)
    point = Top(top.outer[top.free], top.value, top.gradient, hessian, 0, top.converged, flat)
    whole = np.full((top.outer.size, top.outer.size), np.nan)
    whole[np.ix_(top.free, top.free)] = ml.covariance_of(point, a[np.ix_(top.free, top.free)])
    beta = a[:k, :k] @ theta
    none = latent.is_sd & ~top.free[k:] & (hyper <= latent.least)
    value = top.value
    if marginal.priors is not None:
        value -= marginal.priors(top.outer)[0]
    return Integrated(
        ml.split(latent.problem, beta),
        whole[:k, :k],
        float(value),
        starts,
        same,
        top.converged,
        flat and bool(np.isnan(np.diag(whole)[:k]).any()),
        ml.standardised(latent.fixed, beta),
        hyper=np.where(none, -np.inf, hyper),
        hyper_names=[s.name for s in slots(latent.problem) if s.kind == "hyper"],
        whole=whole,
        method=marginal.method,
        nodes=marginal.n_node,
        nodes_change=change,
        varying=_varying(latent, marginal.mode(top.outer)),
        pooled=pooled,
        accuracy=accuracy,
    )


def _varying(latent: Latent, mode: Mode) -> dict[str, np.ndarray]:
    """Hyper-parameters and modes by slot."""
    hyper = latent.split(mode.outer)[1]
    natural = np.concatenate([v[0] for v in latent.natural_by_term(hyper[None, :])])
    weights = latent.kept(hyper) @ mode.raw
    hypers = [s.name for s in slots(latent.problem) if s.kind == "hyper"]
    effects = [s.name for s in slots(latent.problem) if s.kind == "effects"]
    parts = np.split(weights, latent.weight_start[1:-1])
    return dict(zip(hypers, map(np.asarray, natural), strict=True)) | dict(
        zip(effects, parts, strict=True)
    )
