"""Single season: occupied or not, closed during the visits, no false detections.

    z_i ~ Bernoulli(psi_i)          y_ij | z_i ~ Bernoulli(z_i p_ij)

With ``effort="exposure"`` the chance to detect comes from a hazard per unit of effort e_ij,
p_ij = 1 - exp(-h_ij e_ij), log h_ij linear: one visit of seven days is seven visits of a day.

A site told to be occupied has psi = 1 in its likelihood: it was not chosen by chance, so it
teaches detection and nothing about psi.

Source: MacKenzie et al. (2002) Ecology 83:2248-2255; Tyre et al. (2003) Ecological Applications
13:1790-1801.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.base import PROBABILITY, Family, Observed, Parameter, stationary
from occupancy.families.chain import from_blocks, from_logs
from occupancy.kernel.simd import FAST, sigmoid, softplus, vexp
from occupancy.kernel.two_state import CLOGLOG, LOGIT, occupy, occupy_in_logs, on_predictors


def tables(values, y, effort):
    """Initial (site, state), no transition, emission (site, season, visit, state)."""
    psi = np.asarray(values["psi"])
    initial = np.stack([1 - psi, psi], axis=-1)
    n_site, n_season, _ = y.shape
    return initial, stationary(n_site, n_season, 2), pieces.detected_if_present(values["p"], y)


def data(observed: Observed):
    """by_visit: -1 where the visit detected, else 1. by_chain: 1 where never detected; known."""
    unseen = np.ones(observed.n_chain)
    unseen[observed.chain[observed.detected]] = 0.0
    sign = np.where(observed.detected, -1.0, 1.0)
    return sign[None, :], np.stack([unseen, observed.known.astype(float)])


# ---------------------------------------------------------------- piece by piece


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """log(1 - psi), log psi; 0 and certain where the site is known to be occupied."""
    links, eta, start, _, by_chain, _ = at
    out[1], out[0], _, _ = occupy_in_logs(links[0], eta[start[0] + i])
    if by_chain[1, i] > 0.0:
        out[0], out[1] = -np.inf, 0.0


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    links, eta, start, _, by_chain, _ = at
    _, _, slope, empty = occupy_in_logs(links[0], eta[start[0] + i])
    if by_chain[1, i] == 0.0:
        gradient[start[0] + i] += weight[1] * slope - weight[0] * empty


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p) if present, never if absent."""
    links, eta, start, by_visit, _, _ = at
    seen = by_visit[0, v] < 0.0
    detect, miss, _, _ = occupy_in_logs(links[1], eta[start[1] + v] * by_visit[0, v])
    out[0] += -np.inf if seen else 0.0
    out[1] += detect if seen else miss


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen, with the sign of the visit."""
    links, eta, start, by_visit, _, _ = at
    sign = by_visit[0, v]
    _, _, slope, empty = occupy_in_logs(links[1], eta[start[1] + v] * sign)
    gradient[start[1] + v] += weight[1] * sign * (slope if sign < 0.0 else -empty)


kernel_from_pieces = from_logs("single_season", initial, initial_slope, visit, visit_slope)


@njit(error_model="numpy", cache=True)
def kernel(links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states, pairs):
    """The fast path of two states and one season, wherever it serves."""
    n_known = 0.0
    for i in range(log_lik.size):
        n_known += by_chain[1, i]
    if links[0] > CLOGLOG or links[1] != LOGIT or n_known > 0.0:
        return kernel_from_pieces(
            links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states, pairs
        )
    a, b, c = start[0], start[1], start[2]
    told = states.shape[2] > 0
    present = states[0, 1] if told else np.empty(log_lik.size)
    total = on_predictors(
        links[0],
        eta[a:b],
        eta[b:c],
        by_chain[0],
        layout[0],
        layout[1],
        layout[2],
        layout[3],
        gradient[a:b],
        gradient[b:c],
        log_lik,
        present,
    )
    if told:
        for i in range(log_lik.size):
            states[0, 0, i] = 1.0 - present[i]
    return total


# ---------------------------------------------------------------- the same on blocks of the core


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _seen_given_present(signed, emission, other, n):
    for i in range(n):
        t = vexp(signed[i])
        r = 1.0 / (1.0 + t)
        emission[i] *= r
        other[i] = t * r


@njit(error_model="numpy", cache=True)
def fill(at, layout, b, first, moves, emission, gradient):
    """Tables of one block, as probabilities; the chance of the other outcome of every visit."""
    links, eta, start, _, by_chain, _ = at
    s0, s1 = layout[0][b], layout[0][b + 1]
    n = s1 - s0
    occupy(
        links[0],
        eta[start[0] + s0 : start[0] + s1],
        first[1],
        first[0],
        gradient[start[0] + s0 : start[0] + s1],
    )
    for i in range(n):
        emission[0, 0, i] = by_chain[0, s0 + i]
        emission[0, 1, i] = 1.0
    o = start[1] + layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        _seen_given_present(eta[o:], emission[0, 1], gradient[o:], layout[3][d])
        o += layout[3][d]


@njit(error_model="numpy", cache=True)
def fill_in_logs(at, layout, b, first, moves, emission, gradient):
    """The same tables as logarithms."""
    links, eta, start, _, by_chain, _ = at
    s0, s1 = layout[0][b], layout[0][b + 1]
    for i in range(s1 - s0):
        log_psi, log_empty, slope, _ = occupy_in_logs(links[0], eta[start[0] + s0 + i])
        first[1, i], first[0, i] = log_psi, log_empty
        gradient[start[0] + s0 + i] = slope
        emission[0, 0, i] = 0.0 if by_chain[0, s0 + i] > 0.0 else -np.inf
        emission[0, 1, i] = 0.0
    o = start[1] + layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        for i in range(layout[3][d]):
            emission[0, 1, i] -= softplus(eta[o + i])
            gradient[o + i] = sigmoid(eta[o + i])
        o += layout[3][d]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _expected_minus_predicted(empty_slope, present, absent, gradient, n):
    for i in range(n):
        gradient[i] = present[i] * gradient[i] - absent[i] * empty_slope[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _not_as_seen(present, gradient, n):
    for i in range(n):
        gradient[i] = -present[i] * gradient[i]


@njit(error_model="numpy", cache=True)
def adjoint(at, layout, b, first, moves, smoothed, both, gradient):
    """Expected minus predicted: (w - psi) for psi, -w (1 - r) for a visit, signed."""
    links, eta, start, _, _, _ = at
    s0, s1 = layout[0][b], layout[0][b + 1]
    n = s1 - s0
    empty_slope = first[1]  # of a logit, psi itself
    if links[0] != LOGIT:
        for i in range(n):
            _, _, _, empty_slope[i] = occupy_in_logs(links[0], eta[start[0] + s0 + i])
    present, absent = smoothed[0, 1], smoothed[0, 0]
    _expected_minus_predicted(empty_slope, present, absent, gradient[start[0] + s0 :], n)
    o = start[1] + layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        _not_as_seen(present, gradient[o:], layout[3][d])
        o += layout[3][d]


kernel_on_core = from_blocks("single_season", fill, fill_in_logs, adjoint)


def family(effort: str = "", **unknown: Any) -> Family:
    """Single-season occupancy; ``effort="exposure"`` for a hazard per unit of effort."""
    pieces.check_options("single_season", unknown, effort=(effort, ("", "exposure")))
    exposed = effort == "exposure"
    p = Parameter(
        "p",
        "visit",
        ("cloglog",) if exposed else PROBABILITY,
        "probability of detection on a visit, if occupied",
        exposure=exposed,
    )
    psi = Parameter("psi", "site", PROBABILITY, "probability that a site is occupied")
    return Family(
        name="single_season",
        title="Single-season occupancy",
        source="MacKenzie et al. (2002) Ecology 83:2248-2255",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=(psi, p),
        tables=tables,
        kernel=kernel,
        data=data,
        signed=frozenset({"p"}),
        fast=not exposed,
        takes_known=True,
        options={"effort": effort} if effort else {},
    )


FAMILY = family()
