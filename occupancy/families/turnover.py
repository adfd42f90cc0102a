"""Two states, absent and present: the first season, and change between seasons where there is any.

    z_i1 ~ Bernoulli(psi_i)
    z_i,t+1 | z_it ~ Bernoulli((1 - z_it) gamma_it + z_it (1 - epsilon_it))

What a visit sees is left to the family. Families that take these pieces have psi first, then,
with ``seasons="dynamic"``, gamma and epsilon; the parameters of their visits come last, so that
their place is counted from the end of ``start``: parameter m from the end begins at
``start[start.size - 1 - m]``.

Source: MacKenzie et al. (2002) Ecology 83:2248-2255; MacKenzie et al. (2003) Ecology 84:2200-2207.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.base import PROBABILITY, Parameter, stationary
from occupancy.families.chain import from_logs
from occupancy.kernel.simd import sigmoid, softplus
from occupancy.kernel.two_state import occupy_in_logs

SEASONS = ("", "dynamic")
GAMMA = Parameter("gamma", "interval", ("logit",), "probability that an empty site is colonised")
EPSILON = Parameter(
    "epsilon", "interval", ("logit",), "probability that an occupied site is abandoned"
)


def parameters(seasons: str) -> tuple[Parameter, ...]:
    """psi, and gamma and epsilon where sites change between seasons."""
    at_first = " in the first season" if seasons else ""
    psi = Parameter("psi", "site", PROBABILITY, f"probability that a site is occupied{at_first}")
    return (psi, GAMMA, EPSILON) if seasons else (psi,)


def as_options(seasons: str, **others: str) -> dict[str, Any]:
    """What of a family of these pieces depends on its seasons, and the options chosen."""
    chosen = {name: value for name, value in {"seasons": seasons, **others}.items() if value}
    if seasons:
        return {"min_seasons": 2, "max_seasons": None, "options": chosen}
    return {"options": chosen}


def tables(values, y) -> tuple[np.ndarray, np.ndarray]:
    """Initial (site, state) and transition (site, interval, from, to)."""
    initial = pieces.present(values["psi"])
    if "gamma" in values:
        return initial, pieces.coming_and_going(values["gamma"], values["epsilon"])
    n_site, n_season, _ = y.shape
    return initial, stationary(n_site, n_season, 2)


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """log(1 - psi), log psi."""
    links, eta, start, _, _, _ = at
    out[1], out[0], _, _ = occupy_in_logs(links[0], eta[start[0] + i])


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    links, eta, start, _, _, _ = at
    _, _, slope, empty = occupy_in_logs(links[0], eta[start[0] + i])
    gradient[start[0] + i] += weight[1] * slope - weight[0] * empty


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """Colonised with gamma, abandoned with epsilon."""
    _, eta, start, _, _, n_chain = at
    come, go = eta[start[1] + t * n_chain + i], eta[start[2] + t * n_chain + i]
    out[0, 0], out[0, 1] = -softplus(come), -softplus(-come)
    out[1, 0], out[1, 1] = -softplus(-go), -softplus(go)


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Changes expected less changes predicted."""
    _, eta, start, _, _, n_chain = at
    gamma, epsilon = start[1] + t * n_chain + i, start[2] + t * n_chain + i
    come, go = eta[gamma], eta[epsilon]
    gradient[gamma] += weight[0, 1] * sigmoid(-come) - weight[0, 0] * sigmoid(come)
    gradient[epsilon] += weight[1, 0] * sigmoid(-go) - weight[1, 1] * sigmoid(go)


def kernels(name: str, visit, visit_slope) -> dict[str, Any]:
    """Kernel by ``seasons`` of a family told by what its visits see."""
    closed = from_logs(name, initial, initial_slope, visit, visit_slope)
    moving = from_logs(
        f"{name}_dynamic", initial, initial_slope, visit, visit_slope, change, change_slope
    )
    return {"": closed, "dynamic": moving}
