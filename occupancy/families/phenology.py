"""Phenology: a species that uses a site comes once and leaves once, at any time of the season.

    z_i ~ Bernoulli(psi_i)                 the species uses the site at some visit
    here at visit 1                        with entry_i1
    not yet arrived at j, here at j + 1    with entry_i,j+1
    here at j, gone at j + 1               with departure_ij, for good
    y_ij | here ~ Bernoulli(p_ij), never otherwise

entry_ij is the chance that a species still to come has arrived by visit j, so entry_i1 is the
share present from the start, and entry_ij prod_k<j (1 - entry_ik) the share that arrives just
before visit j, which the paper calls beta. Whoever uses a site has arrived by its last visit:
there entry is 1, whatever its predictor. The last visit is the last one made at that site, not
that of the most visited site, so that visits never made teach nothing. (A site without visits:
the last step.)

The order of the visits counts, and steps should be about as long: a visit that was planned and
not made is a step like any other. With entry_i1 = 1 and departure = 0 the species is always here:
single season.

Source: Kendall et al. (2013) Ecology 94:610-617, staggered arrival and departure; Roth, Strebel
and Amrhein (2014) Ecology 95:2144-2154.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.base import PROBABILITY, Data, Family, Observed, Parameter
from occupancy.families.chain import from_logs
from occupancy.families.chances import (
    as_detected,
    seen_only_in,
    seen_only_in_slope,
    yes_no_slope,
)
from occupancy.kernel.two_state import occupy_in_logs

ABSENT, COMING, HERE, GONE = 0, 1, 2, 3
PSI, ENTRY, DEPARTURE, P = 0, 1, 2, 3


def last_visit(made: np.ndarray) -> np.ndarray:
    """(site,) step of the last visit made; the last step where none was."""
    steps = np.arange(made.shape[1])
    return np.where(made.any(axis=1), np.where(made, steps, -1).max(axis=1), made.shape[1] - 1)


def tables(values, y, effort):
    """Initial (site, state), transition (site, visit - 1, from, to), emission by state."""
    psi, leave = np.asarray(values["psi"]), np.asarray(values["departure"])
    last = last_visit(~np.isnan(y).all(axis=2))
    forced = np.arange(y.shape[1]) == last[:, None]
    enter = np.where(forced, 1.0, np.asarray(values["entry"]))  # (site, visit)
    start = [1 - psi, psi * (1 - enter[:, 0]), psi * enter[:, 0], np.zeros_like(psi)]
    change = np.zeros((*leave.shape, 4, 4))
    change[..., ABSENT, ABSENT] = change[..., GONE, GONE] = 1.0
    change[..., COMING, COMING], change[..., COMING, HERE] = 1 - enter[:, 1:], enter[:, 1:]
    change[..., HERE, HERE], change[..., HERE, GONE] = 1 - leave, leave
    unseen, seen = np.moveaxis(pieces.detected_if_present(values["p"], y), -1, 0)
    return np.stack(start, axis=-1), change, np.stack([unseen, unseen, seen, unseen], axis=-1)


def data(observed: Observed) -> Data:
    """by_visit: 1 where the visit detected. by_chain: step by which the species has come."""
    last = np.full(observed.n_chain, -1.0)
    np.maximum.at(last, observed.chain, observed.step.astype(np.float64))
    last[last < 0] = observed.n_step - 1
    return as_detected(observed)[0], last[None, :]


@njit(error_model="numpy", cache=True)
def _arrive(at, t, i):
    """Logs of arriving by visit t and of not doing so."""
    links, eta, start, _, by_chain, n_chain = at
    if t == int(by_chain[0, i]):
        return 0.0, -np.inf
    yes, no, _, _ = occupy_in_logs(links[ENTRY], eta[start[ENTRY] + t * n_chain + i])
    return yes, no


@njit(error_model="numpy", cache=True)
def _arrive_slope(at, t, i, yes, no, gradient):
    links, eta, start, _, by_chain, n_chain = at
    row = start[ENTRY] + t * n_chain + i
    if t < int(by_chain[0, i]):  # none is still to come at its last visit
        gradient[row] += yes_no_slope(links[ENTRY], eta[row], yes, no)


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """Empty, still to come, or here from the start."""
    occupied, empty, _, _ = occupy_in_logs(at[0][PSI], at[1][at[2][PSI] + i])
    here, coming = _arrive(at, 0, i)
    out[ABSENT], out[COMING], out[HERE] = empty, occupied + coming, occupied + here
    out[GONE] = -np.inf


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    row = at[2][PSI] + i
    occupied = weight[COMING] + weight[HERE]
    gradient[row] += yes_no_slope(at[0][PSI], at[1][row], occupied, weight[ABSENT])
    _arrive_slope(at, 0, i, weight[HERE], weight[COMING], gradient)


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """Who is still to come arrives or not, who is here leaves or not."""
    links, eta, start, _, _, n_chain = at
    row = start[DEPARTURE] + t * n_chain + i
    out[:, :] = -np.inf
    out[ABSENT, ABSENT] = out[GONE, GONE] = 0.0
    out[COMING, HERE], out[COMING, COMING] = _arrive(at, t + 1, i)
    out[HERE, GONE], out[HERE, HERE], _, _ = occupy_in_logs(links[DEPARTURE], eta[row])


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Expected minus predicted."""
    links, eta, start, _, _, n_chain = at
    row = start[DEPARTURE] + t * n_chain + i
    left, stayed = weight[HERE, GONE], weight[HERE, HERE]
    gradient[row] += yes_no_slope(links[DEPARTURE], eta[row], left, stayed)
    _arrive_slope(at, t + 1, i, weight[COMING, HERE], weight[COMING, COMING], gradient)


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) if here, never otherwise."""
    seen_only_in(HERE, P, at, v, out)


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen."""
    seen_only_in_slope(HERE, P, at, v, weight, gradient)


kernel = from_logs("phenology", initial, initial_slope, visit, visit_slope, change, change_slope)

PARAMETERS = (
    Parameter("psi", "site", PROBABILITY, "probability that a site is used at some visit"),
    Parameter("entry", "season", PROBABILITY, "probability of arrival, if still to come"),
    Parameter("departure", "interval", PROBABILITY, "probability of leaving, if here"),
    Parameter("p", "visit", PROBABILITY, "probability of detection on a visit, if here"),
)


def family(**unknown: Any) -> Family:
    """Occupancy with arrival and departure during the visits of one season."""
    pieces.check_options("phenology", unknown)
    return Family(
        name="phenology",
        title="Occupancy with arrival and departure",
        source="Kendall et al. (2013) Ecology 94:610-617",
        states=("absent", "still to come", "here", "gone"),
        detections=(0.0, 1.0),
        parameters=PARAMETERS,
        tables=tables,
        kernel=kernel,
        data=data,
        steps="visit",
        occupied=(False, True, True, True),
        psi=pieces.psi_itself,
        closed=True,
    )


FAMILY = family()
