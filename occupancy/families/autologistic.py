"""Autologistic occupancy: a site occupied before is more, or less, likely to be occupied now.

    z_i1 ~ Bernoulli(psi_i1)
    logit P(z_i,t+1 = 1 | z_it) = logit(psi_i,t+1) + theta_it z_it
    y_itj | z_it ~ Bernoulli(z_it p_itj)

``psi`` is the chance that a site empty the season before is occupied, and theta is what its own
past adds, on the scale of log odds. So colonisation is gamma_it = psi_i,t+1 and persistence is
1 - epsilon_it = expit(logit(psi_i,t+1) + theta_it). In the first season a site is taken to have
been empty before. With ``start="equilibrium"`` it is taken to have lived long under the rates of
its first interval with the first season's psi: P(z_i1 = 1) = gamma / (gamma + epsilon) there.

Source: Royle and Dorazio (2008) Hierarchical modeling and inference in ecology; Fidino (2025), R
package autoOcc, for the start of a site that was empty before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from scipy import special

from occupancy.families import pieces
from occupancy.families.base import PROBABILITY, Family, Parameter
from occupancy.families.chain import from_logs
from occupancy.families.chances import (
    as_detected,
    seen_only_in,
    seen_only_in_slope,
    share_in_logs,
)
from occupancy.kernel.simd import sigmoid, softplus

PRESENT = 1
PSI, THETA, P = 0, 1, 2


def persistence(psi: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Chance that a site stays occupied, where an empty one is occupied with ``psi``."""
    return special.expit(special.logit(psi) + theta)


def tables(values, y, effort):
    """Initial (site, state), transition (site, interval, from, to), emission by state."""
    psi, theta = np.asarray(values["psi"]), np.asarray(values["theta"])
    change = pieces.coming_and_going(psi[:, 1:], 1 - persistence(psi[:, 1:], theta))
    return pieces.present(psi[:, 0]), change, pieces.detected_if_present(values["p"], y)


def tables_balanced(values, y, effort):
    """The same, where the first season is in equilibrium."""
    psi, theta = np.asarray(values["psi"]), np.asarray(values["theta"])
    _, change, emission = tables(values, y, effort)
    epsilon = special.expit(-special.logit(psi[:, 0]) - theta[:, 0])
    return pieces.present(psi[:, 0] / (psi[:, 0] + epsilon)), change, emission


@njit(error_model="numpy", cache=True)
def _at(at, m, t, i):
    """Row of a season's or an interval's parameter."""
    return at[2][m] + t * at[5] + i


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """As if the site had been empty before."""
    x = at[1][_at(at, PSI, 0, i)]
    out[0], out[1] = -softplus(x), -softplus(-x)


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    row = _at(at, PSI, 0, i)
    x = at[1][row]
    gradient[row] += weight[1] * sigmoid(-x) - weight[0] * sigmoid(x)


@njit(error_model="numpy", cache=True)
def initial_balanced(at, i, out):
    """gamma / (gamma + epsilon) with gamma = expit(x), epsilon = expit(-x - theta)."""
    x, theta = at[1][_at(at, PSI, 0, i)], at[1][_at(at, THETA, 0, i)]
    out[1], out[0], _, _ = share_in_logs(-softplus(-x), -softplus(x + theta))


@njit(error_model="numpy", cache=True)
def initial_balanced_slope(at, i, weight, gradient):
    """The log odds of the equilibrium are log gamma - log epsilon."""
    a, b = _at(at, PSI, 0, i), _at(at, THETA, 0, i)
    x, theta = at[1][a], at[1][b]
    _, _, share, rest = share_in_logs(-softplus(-x), -softplus(x + theta))
    excess = weight[1] * rest - weight[0] * share
    gradient[a] += excess * (sigmoid(-x) + sigmoid(x + theta))
    gradient[b] += excess * sigmoid(x + theta)


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """Empty sites are occupied with expit(x), occupied ones with expit(x + theta)."""
    x = at[1][_at(at, PSI, t + 1, i)]
    both = x + at[1][_at(at, THETA, t, i)]
    out[0, 0], out[0, 1] = -softplus(x), -softplus(-x)
    out[1, 0], out[1, 1] = -softplus(both), -softplus(-both)


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Expected minus predicted, from either state."""
    a, b = _at(at, PSI, t + 1, i), _at(at, THETA, t, i)
    x = at[1][a]
    both = x + at[1][b]
    came = weight[0, 1] * sigmoid(-x) - weight[0, 0] * sigmoid(x)
    stayed = weight[1, 1] * sigmoid(-both) - weight[1, 0] * sigmoid(both)
    gradient[a] += came + stayed
    gradient[b] += stayed


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) if present, never if absent."""
    seen_only_in(PRESENT, P, at, v, out)


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen."""
    seen_only_in_slope(PRESENT, P, at, v, weight, gradient)


kernel = from_logs("autologistic", initial, initial_slope, visit, visit_slope, change, change_slope)
kernel_balanced = from_logs(
    "autologistic_balanced",
    initial_balanced,
    initial_balanced_slope,
    visit,
    visit_slope,
    change,
    change_slope,
)

PARAMETERS = (
    Parameter("psi", "season", ("logit",), "probability of occupancy, if empty the season before"),
    Parameter("theta", "interval", ("identity",), "what being occupied adds to the next log odds"),
    Parameter("p", "visit", PROBABILITY, "probability of detection, if occupied"),
)


def family(start: str = "", **unknown: Any) -> Family:
    """Autologistic occupancy; ``start="equilibrium"`` for a first season of its own rates."""
    pieces.check_options("autologistic", unknown, start=(start, ("", "equilibrium")))
    balanced = start == "equilibrium"
    return Family(
        name="autologistic",
        title="Autologistic occupancy",
        source="Royle and Dorazio (2008); Fidino (2025) R package autoOcc",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=PARAMETERS,
        tables=tables_balanced if balanced else tables,
        kernel=kernel_balanced if balanced else kernel,
        data=as_detected,
        min_seasons=2,
        max_seasons=None,
        options={"start": start} if start else {},
    )


FAMILY = family()
