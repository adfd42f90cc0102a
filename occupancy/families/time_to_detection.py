"""Time to detection: when on a visit the species was first seen, if it was seen at all.

    z_i ~ Bernoulli(psi_i)
    T_ij | z_i = 1 has density f(t), survival S(t);   T_ij | z_i = 0 never comes

    exponential    f(t) = r exp(-r t)                             S(t) = exp(-r t)
    Weibull        f(t) = k r (r t)^(k - 1) exp(-(r t)^k)         S(t) = exp(-(r t)^k)

with the rate r_ij per unit of time, log r_ij linear, and the shape k_i of a site. A visit lasts
until Tmax = effort e_ij, and one that detected nothing says T_ij > e_ij. So a site has

    L_i = psi_i prod_detected f(t_ij) prod_others S(e_ij) + (1 - psi_i) [never detected]

and the probability to detect on a visit, if present, is 1 - S(e_ij). This is the Weibull of scale
1 / r in R's ``dweibull`` and unmarked's ``occuTTD``; k < 1 is a species seen early or late, the
mark of birds that differ in how easily they are seen.

A time is what was noted where the visit detected. **A visit made without detection has y = +inf
in ``tables``, ``draw`` and padded arrays**; in ``Observed`` the flag ``detected`` alone says which
is which, and y of the others is not read. Times and effort are in one unit.

With ``seasons="dynamic"`` sites are colonised and abandoned between seasons.

Source: Garrard et al. (2008) Austral Ecology 33:986-998; Kery and Royle (2016) Applied
Hierarchical Modeling in Ecology 1, section 10.12.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces, turnover
from occupancy.families.base import Family, Observed, Parameter
from surveys.problems import ModelError

RATE = Parameter("rate", "visit", ("log",), "detections per unit of time, if occupied")
SHAPE = Parameter("shape", "site", ("log",), "Weibull shape: below 1 the hazard falls with time")
LARGEST = 690.0  # logarithm of the largest hazard told
LARGEST_WEIBULL = 230.0  # the same where three such numbers are multiplied


def tables(values, y, effort):
    """Tables of the states; y is +inf where the visit, of length ``effort``, saw nothing."""
    rate, shape = np.broadcast_to(values["rate"], y.shape), _shape(values)
    seen = np.isfinite(y)
    with np.errstate(over="ignore", divide="ignore"):  # at time 0 a Weibull may be infinite
        until = np.where(seen, y, effort)
        hazard = (rate * until) ** shape
        density = shape * rate * (rate * np.where(seen, y, 1.0)) ** (shape - 1) * np.exp(-hazard)
    chance = np.stack([np.where(seen, 0.0, 1.0), np.where(seen, density, np.exp(-hazard))], axis=-1)
    return *turnover.tables(values, y), np.where(np.isnan(y)[..., None], 1.0, chance)


def draw(values, state, made, effort, rng):
    """Times of first detection given true states; +inf where the visit ended before."""
    waited = rng.exponential(size=made.shape) ** (1 / _shape(values))
    t = waited / np.broadcast_to(values["rate"], made.shape)
    return np.where((state[..., None] > 0) & (t <= effort), t, np.inf)


def _shape(values) -> np.ndarray:
    """k, broadcast over (site, season, visit)."""
    return np.asarray(values["shape"])[:, None, None] if "shape" in values else np.ones(1)


def data(observed: Observed):
    """by_visit: log of the time until detection or the end of the visit; 1 where detected."""
    seen = observed.detected
    t, end = observed.y[seen], observed.effort[seen]
    wrong = t[~((t > 0) & np.isfinite(t))]
    if wrong.size:
        raise ModelError(
            f"Family 'time_to_detection' got {wrong[0]:g} as a time of first detection. Times "
            "are positive; give a detection at once half of the smallest step of the clock."
        )
    late = np.flatnonzero(t > end * (1 + 1e-6))  # single precision of the surveys
    if late.size:
        raise ModelError(
            f"Family 'time_to_detection' got a first detection after {t[late[0]]:g} on a visit "
            f"that lasted {end[late[0]]:g}. Give times and effort in the same unit."
        )
    until = np.where(seen, observed.y, observed.effort)
    with np.errstate(divide="ignore"):
        return np.stack([np.log(until), seen.astype(float)]), np.zeros((0, observed.n_chain))


def guess(observed: Observed) -> dict[str, float]:
    """Detections per unit of time at the sites that had any."""
    seen = observed.detected
    some = np.zeros(observed.n_chain, bool)
    some[observed.chain[seen]] = True
    here = some[observed.chain]
    time = np.where(seen, observed.y, observed.effort)[here].sum()
    return {"rate": max(seen.sum(), 0.5) / max(time, 1e-6)}


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """log f = log r - r t where detected, log S = -r t elsewhere."""
    _, eta, start, by_visit, _, _ = at
    log_rate = eta[start[start.size - 2] + v]
    out[1] -= np.exp(min(log_rate + by_visit[0, v], LARGEST))
    if by_visit[1, v] > 0.0:
        out[0] = -np.inf
        out[1] += log_rate


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """1 - r t where detected, -r t elsewhere."""
    _, eta, start, by_visit, _, _ = at
    row = start[start.size - 2] + v
    x = min(eta[row] + by_visit[0, v], LARGEST)
    gradient[row] -= weight[1] * (np.expm1(x) if by_visit[1, v] > 0.0 else np.exp(x))


@njit(error_model="numpy", cache=True)
def weibull_visit(at, t, i, v, out):
    """log f = log k + k x - log t - e^(k x) with x = log(r t); log S = -e^(k x)."""
    _, eta, start, by_visit, _, _ = at
    log_shape = eta[start[start.size - 2] + i]
    shape = np.exp(min(log_shape, LARGEST_WEIBULL))
    kx = shape * (eta[start[start.size - 3] + v] + by_visit[0, v])
    out[1] -= np.exp(min(kx, LARGEST_WEIBULL))
    if by_visit[1, v] > 0.0:
        out[0] = -np.inf
        out[1] += log_shape + kx - by_visit[0, v]


@njit(error_model="numpy", cache=True)
def weibull_visit_slope(at, t, i, v, weight, gradient):
    """By log r: k (1 - H); by log k: 1 + k x (1 - H), with the 1s only where detected."""
    _, eta, start, by_visit, _, _ = at
    rate, log_shape = start[start.size - 3] + v, start[start.size - 2] + i
    shape = np.exp(min(eta[log_shape], LARGEST_WEIBULL))
    kx = shape * (eta[rate] + by_visit[0, v])
    seen = by_visit[1, v]
    x = min(kx, LARGEST_WEIBULL)
    left = np.expm1(x) if seen > 0.0 else np.exp(x)  # hazard used up, less the one that came
    gradient[rate] -= weight[1] * shape * left
    gradient[log_shape] += weight[1] * (seen - kx * left)


KERNELS = {
    "exponential": turnover.kernels("time_to_detection", visit, visit_slope),
    "weibull": turnover.kernels("time_to_detection_weibull", weibull_visit, weibull_visit_slope),
}


def family(times: str = "exponential", seasons: str = "", **unknown: Any) -> Family:
    """Time to detection; ``times="weibull"`` for a hazard that rises or falls with time."""
    pieces.check_options(
        "time_to_detection",
        unknown,
        times=(times, tuple(KERNELS)),
        seasons=(seasons, turnover.SEASONS),
    )
    weibull = times == "weibull"
    return Family(
        name="time_to_detection",
        title="Occupancy from times to detection",
        source="Garrard et al. (2008) Austral Ecology 33:986-998",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=(*turnover.parameters(seasons), RATE, *((SHAPE,) if weibull else ())),
        tables=tables,
        kernel=KERNELS[times][seasons],
        data=data,
        draw=draw,
        guess=guess,
        observes="time",
        **turnover.as_options(seasons, times="weibull" if weibull else ""),
    )
