"""Stacked seasons: whether a site is occupied is drawn anew in every season.

    z_it ~ Bernoulli(psi_it)
    y_itj | z_it ~ Bernoulli(z_it p_itj)

Given psi, a season knows nothing of the one before: what ties seasons together stands in the
formula of psi, such as a trend of the seasons and an effect of each site,

    psi = "elevation + rw(season) + (1 | site)"

Without an effect of the site, seasons of one site count as so many sites, and intervals are too
narrow. There are no rates of colonisation; the change of occupancy from season to season is told.

Source: Outhwaite et al. (2018) Ecological Indicators 93:333-343; Doser et al. (2022) Methods in
Ecology and Evolution 13:1670-1678, function tPGOcc; Kery and Royle (2021) Applied hierarchical
modeling in ecology 2, section 4.6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.base import Family, Parameter
from occupancy.families.chain import from_logs
from occupancy.families.chances import (
    as_detected,
    seen_only_in,
    seen_only_in_slope,
    yes_no_slope,
)
from occupancy.kernel.two_state import occupy_in_logs

PRESENT = 1
PSI, P = 0, 1


def tables(values, y, effort):
    """Initial (site, state), transition (site, interval, from, to), emission by state."""
    psi = np.asarray(values["psi"])
    change = pieces.coming_and_going(psi[:, 1:], 1 - psi[:, 1:])
    return pieces.present(psi[:, 0]), change, pieces.detected_if_present(values["p"], y)


@njit(error_model="numpy", cache=True)
def _row(at, t, i):
    """Where psi of a season stands."""
    return at[2][PSI] + t * at[5] + i


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """The first season."""
    out[1], out[0], _, _ = occupy_in_logs(at[0][PSI], at[1][_row(at, 0, i)])


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    row = _row(at, 0, i)
    gradient[row] += yes_no_slope(at[0][PSI], at[1][row], weight[1], weight[0])


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """The next season, the same from either state."""
    yes, no, _, _ = occupy_in_logs(at[0][PSI], at[1][_row(at, t + 1, i)])
    for before in range(2):
        out[before, 0], out[before, 1] = no, yes


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Expected minus predicted, whatever was before."""
    row = _row(at, t + 1, i)
    yes, no = weight[0, 1] + weight[1, 1], weight[0, 0] + weight[1, 0]
    gradient[row] += yes_no_slope(at[0][PSI], at[1][row], yes, no)


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) if present, never if absent."""
    seen_only_in(PRESENT, P, at, v, out)


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen."""
    seen_only_in_slope(PRESENT, P, at, v, weight, gradient)


kernel = from_logs("stacked", initial, initial_slope, visit, visit_slope, change, change_slope)

PARAMETERS = (
    Parameter("psi", "season", ("logit", "cloglog"), "probability that a site is occupied"),
    Parameter("p", "visit", ("logit", "cloglog"), "probability of detection, if occupied"),
)


def family(**unknown: Any) -> Family:
    """Seasons that are independent given psi."""
    pieces.check_options("stacked", unknown)
    return Family(
        name="stacked",
        title="Stacked seasons",
        source="Outhwaite et al. (2018) Ecological Indicators 93:333-343",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=PARAMETERS,
        tables=tables,
        kernel=kernel,
        data=as_detected,
        min_seasons=2,
        max_seasons=None,
    )


FAMILY = family()
