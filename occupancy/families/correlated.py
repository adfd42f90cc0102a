"""Correlated visits: on neighbouring replicates the species is here, or away, together.

    z_i ~ Bernoulli(psi_i)                                the species uses the site
    a_i1 | z_i ~ Bernoulli(z_i pi_i)                      it is here at the first replicate
    a_ij | z_i, a_i,j-1 ~ Bernoulli(z_i theta0_i)         here now, if it was not just before
                          Bernoulli(z_i theta1_i)         here now, if it was
    y_ij | a_ij ~ Bernoulli(a_ij p_ij)

Made for segments of a trail walked one after the other, and as good for days in a row: where
theta1 > theta0 signs come in runs, and a model that takes visits for independent finds too little
occupancy. The order of the visits counts, and a replicate that was not surveyed still lies
between its neighbours. With ``start="equilibrium"`` the first replicate is like any other,

    pi = theta0 / (theta0 + 1 - theta1)

and pi is no parameter. With pi = theta0 = theta1 = 1 the species is always here: single season.

Source: Hines et al. (2010) Ecological Applications 20:1456-1466.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.base import PROBABILITY, Family, Parameter
from occupancy.families.chain import from_logs
from occupancy.families.chances import (
    as_detected,
    seen_only_in,
    seen_only_in_slope,
    share_in_logs,
    yes_no_slope,
)
from occupancy.kernel.two_state import occupy_in_logs

ABSENT, AWAY, HERE = 0, 1, 2


def tables(values, y, effort):
    """Initial (site, state), transition (site, replicate - 1, from, to), emission by state."""
    v = {name: np.asarray(values[name]) for name in values if name != "p"}
    first = v.get("pi")
    if first is None:
        come, go = v["theta0"], 1 - v["theta1"]
        first = np.where(come + go > 0, come / np.where(come + go > 0, come + go, 1.0), 0.5)
    psi, none = v["psi"], np.zeros_like(v["psi"])
    rows = [np.stack([none + 1, none, none], axis=-1)]
    rows += [np.stack([none, 1 - here, here], axis=-1) for here in (v["theta0"], v["theta1"])]
    change = np.stack(rows, axis=-2)[:, None]  # (site, 1, from, to)
    shape = (len(psi), y.shape[1] - 1, 3, 3)
    unseen, seen = np.moveaxis(pieces.detected_if_present(values["p"], y), -1, 0)
    return (
        np.stack([1 - psi, psi * (1 - first), psi * first], axis=-1),
        np.broadcast_to(change, shape),
        np.stack([unseen, unseen, seen], axis=-1),
    )


@njit(error_model="numpy", cache=True)
def _first(at, i, here, away, out):
    """The site, and the species' place at the first replicate."""
    occupied, empty, _, _ = occupy_in_logs(at[0][0], at[1][at[2][0] + i])
    out[ABSENT], out[AWAY], out[HERE] = empty, occupied + away, occupied + here


@njit(error_model="numpy", cache=True)
def _first_slope(at, i, weight, gradient):
    """Slope of psi."""
    row = at[2][0] + i
    occupied = weight[AWAY] + weight[HERE]
    gradient[row] += yes_no_slope(at[0][0], at[1][row], occupied, weight[ABSENT])


@njit(error_model="numpy", cache=True)
def _chance(at, m, i):
    """Logs of a site parameter and of its complement."""
    yes, no, _, _ = occupy_in_logs(at[0][m], at[1][at[2][m] + i])
    return yes, no


@njit(error_model="numpy", cache=True)
def _move(at, m, i, out):
    """theta0 is parameter m, theta1 the next."""
    out[:, :] = -np.inf
    out[ABSENT, ABSENT] = 0.0
    out[AWAY, HERE], out[AWAY, AWAY] = _chance(at, m, i)
    out[HERE, HERE], out[HERE, AWAY] = _chance(at, m + 1, i)


@njit(error_model="numpy", cache=True)
def _move_slope(at, m, i, weight, gradient):
    """Expected minus predicted, for either theta."""
    for k in range(2):
        row, a = at[2][m + k] + i, AWAY + k
        gradient[row] += yes_no_slope(at[0][m + k], at[1][row], weight[a, HERE], weight[a, AWAY])


# ---------------------------------------------------------------- psi, pi, theta0, theta1, p


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """Here at first with pi."""
    here, away = _chance(at, 1, i)
    _first(at, i, here, away, out)


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    _first_slope(at, i, weight, gradient)
    row = at[2][1] + i
    gradient[row] += yes_no_slope(at[0][1], at[1][row], weight[HERE], weight[AWAY])


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """The next replicate."""
    _move(at, 2, i, out)


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Expected minus predicted."""
    _move_slope(at, 2, i, weight, gradient)


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) if here, never otherwise."""
    seen_only_in(HERE, 4, at, v, out)


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen."""
    seen_only_in_slope(HERE, 4, at, v, weight, gradient)


# ---------------------------------------------------------------- psi, theta0, theta1, p


@njit(error_model="numpy", cache=True)
def initial_balanced(at, i, out):
    """Here at first as in the long run."""
    come, _ = _chance(at, 1, i)
    _, go = _chance(at, 2, i)
    here, away, _, _ = share_in_logs(come, go)
    _first(at, i, here, away, out)


@njit(error_model="numpy", cache=True)
def initial_balanced_slope(at, i, weight, gradient):
    """The log odds of being here are log theta0 - log(1 - theta1)."""
    _first_slope(at, i, weight, gradient)
    links, eta, start, _, _, _ = at
    a, b = start[1] + i, start[2] + i
    come, _, up, _ = occupy_in_logs(links[1], eta[a])
    _, go, _, down = occupy_in_logs(links[2], eta[b])
    _, _, here, away = share_in_logs(come, go)
    excess = weight[HERE] * away - weight[AWAY] * here
    gradient[a] += excess * up
    gradient[b] += excess * down


@njit(error_model="numpy", cache=True)
def change_balanced(at, t, i, out):
    """The next replicate."""
    _move(at, 1, i, out)


@njit(error_model="numpy", cache=True)
def change_balanced_slope(at, t, i, weight, gradient):
    """Expected minus predicted."""
    _move_slope(at, 1, i, weight, gradient)


@njit(error_model="numpy", cache=True)
def visit_balanced(at, t, i, v, out):
    """Bernoulli(p) if here, never otherwise."""
    seen_only_in(HERE, 3, at, v, out)


@njit(error_model="numpy", cache=True)
def visit_balanced_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen."""
    seen_only_in_slope(HERE, 3, at, v, weight, gradient)


kernel = from_logs("correlated", initial, initial_slope, visit, visit_slope, change, change_slope)
kernel_balanced = from_logs(
    "correlated_balanced",
    initial_balanced,
    initial_balanced_slope,
    visit_balanced,
    visit_balanced_slope,
    change_balanced,
    change_balanced_slope,
)

PARAMETERS = (
    Parameter("psi", "site", PROBABILITY, "probability that a site is occupied"),
    Parameter("pi", "site", ("logit",), "probability of being here at first, if occupied"),
    Parameter("theta0", "site", ("logit",), "probability of being here, if not here just before"),
    Parameter("theta1", "site", ("logit",), "probability of being here, if here just before"),
    Parameter("p", "visit", PROBABILITY, "probability of detection on a visit, if here"),
)


def family(start: str = "", **unknown: Any) -> Family:
    """Correlated visits; ``start="equilibrium"`` where the first visit is like any other."""
    pieces.check_options("correlated", unknown, start=(start, ("", "equilibrium")))
    balanced = start == "equilibrium"
    return Family(
        name="correlated",
        title="Occupancy with correlated visits",
        source="Hines et al. (2010) Ecological Applications 20:1456-1466",
        states=("absent", "at the site, not here", "here"),
        detections=(0.0, 1.0),
        parameters=tuple(p for p in PARAMETERS if not (balanced and p.name == "pi")),
        tables=tables,
        kernel=kernel_balanced if balanced else kernel,
        data=as_detected,
        steps="visit",
        occupied=(False, True, True),
        psi=pieces.psi_itself,
        closed=True,
        options={"start": start} if start else {},
    )


FAMILY = family()
