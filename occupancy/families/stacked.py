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
from occupancy.families.base import Data, Family, Observed, Parameter
from occupancy.families.chain import from_blocks
from occupancy.families.chances import yes_no_slope
from occupancy.kernel.simd import FAST, vexp
from occupancy.kernel.two_state import LOGIT, occupy_in_logs

PSI, P = 0, 1


def tables(values, y, effort):
    """Initial (site, state), transition (site, interval, from, to), emission by state."""
    psi = np.asarray(values["psi"])
    change = pieces.coming_and_going(psi[:, 1:], 1 - psi[:, 1:])
    return pieces.present(psi[:, 0]), change, pieces.detected_if_present(values["p"], y)


def data(observed: Observed) -> Data:
    """by_visit: 1 where the visit detected, else 0. by_chain: 1 in seasons without detection."""
    unseen = np.ones((observed.n_step, observed.n_chain))
    unseen[observed.step[observed.detected], observed.chain[observed.detected]] = 0.0
    return observed.detected.astype(np.float64)[None, :], unseen


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _chances(link, eta, no, yes, n):
    """Probability and its complement, each without cancellation."""
    if link == LOGIT:
        for i in range(n):
            t = vexp(-eta[i])
            one = 1.0 / (1.0 + t)
            yes[i] = one
            no[i] = t * one
        return
    for i in range(n):
        log_yes, log_no, _, _ = occupy_in_logs(link, eta[i])
        yes[i], no[i] = np.exp(log_yes), np.exp(log_no)


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _visits(link, eta, seen, chance, slope, n):
    """Chance of what each visit saw at an occupied site, and the slope of its logarithm."""
    if link == LOGIT:
        for v in range(n):
            sign = 2.0 * seen[v] - 1.0
            t = vexp(-sign * eta[v])
            one = 1.0 / (1.0 + t)
            chance[v] = one
            slope[v] = sign * t * one
        return
    for v in range(n):
        log_yes, log_no, up, down = occupy_in_logs(link, eta[v])
        chance[v] = np.exp(log_yes if seen[v] > 0.0 else log_no)
        slope[v] = up if seen[v] > 0.0 else -down


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _multiply(chance, emission, n):
    for i in range(n):
        emission[i] *= chance[i]


@njit(error_model="numpy", cache=True)
def fill(at, layout, b, first, moves, emission, gradient):
    """Tables of one block, as probabilities; the slope of every visit."""
    links, eta, start, by_visit, unseen, n_chain = at
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    _chances(links[PSI], eta[start[PSI] + s0 :], first[0], first[1], n)
    for t in range(moves.shape[0]):
        o = start[PSI] + (t + 1) * n_chain + s0
        _chances(links[PSI], eta[o:], moves[t, 0, 0], moves[t, 0, 1], n)
        moves[t, 1, :, :n] = moves[t, 0, :, :n]
    for t in range(emission.shape[0]):
        for i in range(n):
            emission[t, 0, i] = unseen[t, s0 + i]
            emission[t, 1, i] = 1.0
    v = layout[1][b]
    chance = np.empty(n)
    for d in range(layout[2][b], layout[2][b + 1]):
        size, t, run = layout[3][d], layout[4][d], layout[5][d]
        o = start[P] + v
        _visits(links[P], eta[o:], by_visit[0, v:], chance, gradient[o:], size)
        if run >= 0:
            _multiply(chance, emission[t, 1, run:], size)
        else:
            for k in range(size):
                emission[t, 1, layout[6][v + k] - s0] *= chance[k]
        v += size


@njit(error_model="numpy", cache=True)
def fill_in_logs(at, layout, b, first, moves, emission, gradient):
    """The same tables as logarithms."""
    links, eta, start, by_visit, unseen, n_chain = at
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    for i in range(n):
        row = start[PSI] + s0 + i
        first[1, i], first[0, i], _, _ = occupy_in_logs(links[PSI], eta[row])
        for t in range(moves.shape[0]):
            yes, no, _, _ = occupy_in_logs(links[PSI], eta[row + (t + 1) * n_chain])
            for before in range(2):
                moves[t, before, 0, i], moves[t, before, 1, i] = no, yes
        for t in range(emission.shape[0]):
            emission[t, 0, i] = 0.0 if unseen[t, s0 + i] > 0.0 else -np.inf
            emission[t, 1, i] = 0.0
    v = layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        for _ in range(layout[3][d]):
            row = start[P] + v
            yes, no, up, down = occupy_in_logs(links[P], eta[row])
            seen = by_visit[0, v] > 0.0
            emission[layout[4][d], 1, layout[6][v] - s0] += yes if seen else no
            gradient[row] = up if seen else -down
            v += 1


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _psi_slope(link, eta, empty, occupied, gradient, n):
    """Expected minus predicted."""
    if link == LOGIT:
        for i in range(n):
            t = vexp(-eta[i])
            one = 1.0 / (1.0 + t)
            gradient[i] = occupied[i] * t * one - empty[i] * one
        return
    for i in range(n):
        gradient[i] = yes_no_slope(link, eta[i], occupied[i], empty[i])


@njit(error_model="numpy", cache=True)
def adjoint(at, layout, b, first, moves, smoothed, both, gradient):
    """Expected minus predicted."""
    links, eta, start, _, _, n_chain = at
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    for t in range(smoothed.shape[0]):
        o = start[PSI] + t * n_chain + s0
        _psi_slope(links[PSI], eta[o:], smoothed[t, 0], smoothed[t, 1], gradient[o:], n)
    v = layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        size, t, run = layout[3][d], layout[4][d], layout[5][d]
        o = start[P] + v
        if run >= 0:
            _multiply(smoothed[t, 1, run:], gradient[o:], size)
        else:
            for k in range(size):
                gradient[o + k] *= smoothed[t, 1, layout[6][v + k] - s0]
        v += size


kernel = from_blocks("stacked", fill, fill_in_logs, adjoint)

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
        data=data,
        min_seasons=2,
        max_seasons=None,
    )


FAMILY = family()
