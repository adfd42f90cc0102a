"""Multi-scale occupancy: occupied sites, used units within them, visits within units.

    z_i ~ Bernoulli(psi_i)                the species uses the site
    a_it | z_i ~ Bernoulli(z_i theta_it)  it is in unit t of the site
    y_itj | a_it ~ Bernoulli(a_it p_itj)  a visit to the unit detects it

The units of a site are subplots, cameras, water samples, or periods in which the species may be
out of reach. They lie along the season axis, and the site is closed over all of them. For
environmental DNA they are site, sample and replicate. Given z the units are independent, so

    L_i = psi_i prod_t [theta_it g_it + (1 - theta_it) n_it] + (1 - psi_i) prod_t n_it

with g_it the chance of the unit's visits if the species is there, and n_it = 1 where it was never
detected in the unit, else 0. That is a chain over units of three states: absent from the site;
at the site but not in the unit; in the unit. It grows with the number of units, not with their
2^T patterns of use. theta and p are told apart only by units with several visits, and psi and
theta only by sites with several units: at least two of each are needed.

Source: Nichols et al. (2008) Journal of Applied Ecology 45:1321-1329; Mordecai et al. (2011)
Journal of Applied Ecology 48:56-66.
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
    yes_no_slope,
)
from occupancy.kernel.two_state import occupy_in_logs

ABSENT, ELSEWHERE, HERE = 0, 1, 2
PSI, THETA, P = 0, 1, 2


def tables(values, y, effort):
    """Initial (site, state), transition (site, unit - 1, from, to), emission by state."""
    psi, theta = np.asarray(values["psi"])[:, None], np.asarray(values["theta"])
    used = np.stack([np.zeros_like(theta), 1 - theta, theta], axis=-1)  # (site, unit, state)
    absent = np.broadcast_to([1.0, 0.0, 0.0], used.shape)
    change = np.stack([absent, used, used], axis=-2)[:, 1:]
    initial = psi * used[:, 0] + (1 - psi) * absent[:, 0]
    unseen, seen = np.moveaxis(pieces.detected_if_present(values["p"], y), -1, 0)
    return initial, change, np.stack([unseen, unseen, seen], axis=-1)


@njit(error_model="numpy", cache=True)
def _row(at, t, i):
    """Where theta of a unit stands."""
    return at[2][THETA] + t * at[5] + i


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """The site, and its first unit."""
    links, eta, start, _, _, _ = at
    occupied, empty, _, _ = occupy_in_logs(links[PSI], eta[start[PSI] + i])
    used, unused, _, _ = occupy_in_logs(links[THETA], eta[_row(at, 0, i)])
    out[ABSENT], out[ELSEWHERE], out[HERE] = empty, occupied + unused, occupied + used


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted, for the site and for its first unit."""
    links, eta, start, _, _, _ = at
    row, unit = start[PSI] + i, _row(at, 0, i)
    occupied = weight[ELSEWHERE] + weight[HERE]
    gradient[row] += yes_no_slope(links[PSI], eta[row], occupied, weight[ABSENT])
    gradient[unit] += yes_no_slope(links[THETA], eta[unit], weight[HERE], weight[ELSEWHERE])


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """The next unit, whatever this one was."""
    used, unused, _, _ = occupy_in_logs(at[0][THETA], at[1][_row(at, t + 1, i)])
    out[:, :] = -np.inf
    out[ABSENT, ABSENT] = 0.0
    for a in (ELSEWHERE, HERE):
        out[a, ELSEWHERE], out[a, HERE] = unused, used


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Expected minus predicted."""
    row = _row(at, t + 1, i)
    used = weight[ELSEWHERE, HERE] + weight[HERE, HERE]
    unused = weight[ELSEWHERE, ELSEWHERE] + weight[HERE, ELSEWHERE]
    gradient[row] += yes_no_slope(at[0][THETA], at[1][row], used, unused)


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) in the unit, never elsewhere."""
    seen_only_in(HERE, P, at, v, out)


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen."""
    seen_only_in_slope(HERE, P, at, v, weight, gradient)


kernel = from_logs("multi_scale", initial, initial_slope, visit, visit_slope, change, change_slope)

PARAMETERS = (
    Parameter("psi", "site", PROBABILITY, "probability that a site is occupied"),
    Parameter("theta", "season", PROBABILITY, "probability of use of a unit, if occupied"),
    Parameter("p", "visit", PROBABILITY, "probability of detection, if in the unit"),
)


def family(**unknown: Any) -> Family:
    """Multi-scale occupancy; the seasons of the surveys are the units."""
    pieces.check_options("multi_scale", unknown)
    return Family(
        name="multi_scale",
        title="Multi-scale occupancy",
        source="Nichols et al. (2008) Journal of Applied Ecology 45:1321-1329",
        states=("absent", "at the site, not in the unit", "in the unit"),
        detections=(0.0, 1.0),
        parameters=PARAMETERS,
        tables=tables,
        kernel=kernel,
        data=as_detected,
        occupied=(False, True, True),
        psi=pieces.psi_itself,
        min_seasons=2,
        max_seasons=None,
        closed=True,
    )


FAMILY = family()
