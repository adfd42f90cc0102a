"""Dynamic occupancy: sites are colonised and abandoned between seasons.

    z_i1 ~ Bernoulli(psi_i)
    z_i,t+1 | z_it ~ Bernoulli((1 - z_it) gamma_it + z_it (1 - epsilon_it))
    y_itj | z_it ~ Bernoulli(z_it p_itj)

With ``start="equilibrium"`` the first season is that of a site long under its own first rates,
gamma / (gamma + epsilon), and psi is no parameter.

Source: MacKenzie et al. (2003) Ecology 84:2200-2207; Royle and Kery (2007) Ecology 88:1813-1823.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from occupancy.families import pieces
from occupancy.families.base import Family, Observed, Parameter
from occupancy.families.chain import from_blocks
from occupancy.kernel.simd import FAST, sigmoid, softplus, vexp


def tables(values, y, effort):
    """Initial (site, state), transition (site, interval, from, to), emission by state."""
    gamma, epsilon = values["gamma"], values["epsilon"]
    psi = values.get("psi", gamma[:, 0] / (gamma[:, 0] + epsilon[:, 0]))
    emission = pieces.detected_if_present(values["p"], y)
    return pieces.present(psi), pieces.coming_and_going(gamma, epsilon), emission


def data(observed: Observed):
    """by_visit: -1 where the visit detected, else 1. by_chain: 1 in seasons without detection."""
    unseen = np.ones((observed.n_step, observed.n_chain))
    unseen[observed.step[observed.detected], observed.chain[observed.detected]] = 0.0
    return np.where(observed.detected, -1.0, 1.0)[None, :], unseen


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _both(eta, no, yes, n):
    """Probability and its complement, each without cancellation."""
    for i in range(n):
        t = vexp(-eta[i])
        one = 1.0 / (1.0 + t)
        yes[i] = one
        no[i] = t * one


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _balance(gamma, epsilon, first, n):
    """gamma / (gamma + epsilon) from the two predictors."""
    for i in range(n):
        a = 1.0 + vexp(-epsilon[i])
        b = 1.0 + vexp(-gamma[i])
        first[1, i] = a / (a + b)
        first[0, i] = b / (a + b)


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _seen_given_present(signed, emission, other, n):
    for i in range(n):
        t = vexp(signed[i])
        r = 1.0 / (1.0 + t)
        emission[i] *= r
        other[i] = t * r


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _chances(signed, as_seen, other):
    for v in range(signed.size):
        t = vexp(signed[v])
        r = 1.0 / (1.0 + t)
        as_seen[v] = r
        other[v] = t * r


@njit(error_model="numpy", cache=True)
def _multiply_at(as_seen, places, s0, emission):
    for v in range(places.size):
        emission[places[v] - s0] *= as_seen[v]


@njit(error_model="numpy", cache=True)
def _rates(at, equilibrium):
    """Where the predictors of gamma, epsilon and p begin."""
    start = at[2]
    o = 0 if equilibrium else 1
    return start[o], start[o + 1], start[o + 2]


@njit(error_model="numpy", cache=True)
def _fill(at, layout, b, first, moves, emission, gradient, equilibrium):
    _, eta, _, _, unseen, n_chain = at
    gamma, epsilon, p = _rates(at, equilibrium)
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    if equilibrium:
        _balance(eta[gamma + s0 :], eta[epsilon + s0 :], first, n)
    else:
        _both(eta[s0:], first[0], first[1], n)
    for t in range(moves.shape[0]):
        o = t * n_chain + s0
        _both(eta[gamma + o :], moves[t, 0, 0], moves[t, 0, 1], n)
        _both(eta[epsilon + o :], moves[t, 1, 1], moves[t, 1, 0], n)
    for t in range(emission.shape[0]):
        for i in range(n):
            emission[t, 0, i] = unseen[t, s0 + i]
            emission[t, 1, i] = 1.0
    v = layout[1][b]
    as_seen = np.empty(n)
    for d in range(layout[2][b], layout[2][b + 1]):
        size, t, run = layout[3][d], layout[4][d], layout[5][d]
        o = p + v
        if run >= 0:
            _seen_given_present(eta[o:], emission[t, 1, run:], gradient[o:], size)
        else:
            _chances(eta[o : o + size], as_seen, gradient[o : o + size])
            _multiply_at(as_seen, layout[6][v : v + size], s0, emission[t, 1])
        v += size


@njit(error_model="numpy", cache=True)
def _fill_in_logs(at, layout, b, first, moves, emission, gradient, equilibrium):
    _, eta, _, _, unseen, n_chain = at
    gamma, epsilon, p = _rates(at, equilibrium)
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    for i in range(n):
        if equilibrium:
            come = -softplus(-eta[gamma + s0 + i])
            go = -softplus(-eta[epsilon + s0 + i])
            top = max(come, go)
            both = top + np.log1p(np.exp(min(come, go) - top))
            first[0, i], first[1, i] = go - both, come - both
        else:
            first[0, i], first[1, i] = -softplus(eta[s0 + i]), -softplus(-eta[s0 + i])
        for t in range(moves.shape[0]):
            come, go = eta[gamma + t * n_chain + s0 + i], eta[epsilon + t * n_chain + s0 + i]
            moves[t, 0, 0, i], moves[t, 0, 1, i] = -softplus(come), -softplus(-come)
            moves[t, 1, 0, i], moves[t, 1, 1, i] = -softplus(-go), -softplus(go)
        for t in range(emission.shape[0]):
            emission[t, 0, i] = 0.0 if unseen[t, s0 + i] > 0.0 else -np.inf
            emission[t, 1, i] = 0.0
    v = layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        for _ in range(layout[3][d]):
            emission[layout[4][d], 1, layout[6][v] - s0] -= softplus(eta[p + v])
            gradient[p + v] = sigmoid(eta[p + v])
            v += 1


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _logit_slope(no_chance, yes_chance, no, yes, gradient, n):
    """Weight of yes times (1 - probability) less weight of no times the probability."""
    for i in range(n):
        gradient[i] = yes[i] * no_chance[i] - no[i] * yes_chance[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _not_as_seen(present, gradient, n):
    for i in range(n):
        gradient[i] = -present[i] * gradient[i]


@njit(error_model="numpy", cache=True)
def _not_as_seen_at(places, s0, present, gradient):
    for v in range(places.size):
        gradient[v] = -present[places[v] - s0] * gradient[v]


@njit(error_model="numpy", cache=True)
def _adjoint(at, layout, b, first, moves, smoothed, both, gradient, equilibrium):
    _, eta, _, _, _, n_chain = at
    gamma, epsilon, p = _rates(at, equilibrium)
    s0, n = layout[0][b], layout[0][b + 1] - layout[0][b]
    for t in range(both.shape[0]):
        o = t * n_chain + s0
        m, w = moves[t], both[t]
        _logit_slope(m[0, 0], m[0, 1], w[0, 0], w[0, 1], gradient[gamma + o :], n)
        _logit_slope(m[1, 1], m[1, 0], w[1, 1], w[1, 0], gradient[epsilon + o :], n)
    if equilibrium:
        # log(gamma / (gamma + epsilon)): d log psi = (1 - psi) (1 - gamma), and so on
        for i in range(n):
            excess = smoothed[0, 1, i] * first[0, i] - smoothed[0, 0, i] * first[1, i]
            gradient[gamma + s0 + i] += excess * sigmoid(-eta[gamma + s0 + i])
            gradient[epsilon + s0 + i] -= excess * sigmoid(-eta[epsilon + s0 + i])
    else:
        _logit_slope(first[0], first[1], smoothed[0, 0], smoothed[0, 1], gradient[s0:], n)
    v = layout[1][b]
    for d in range(layout[2][b], layout[2][b + 1]):
        size, t, run = layout[3][d], layout[4][d], layout[5][d]
        o = p + v
        if run >= 0:
            _not_as_seen(smoothed[t, 1, run:], gradient[o:], size)
        else:
            places = layout[6][v : v + size]
            _not_as_seen_at(places, s0, smoothed[t, 1], gradient[o : o + size])
        v += size


@njit(error_model="numpy", cache=True)
def fill(at, layout, b, first, moves, emission, gradient):
    """Tables of one block, as probabilities; the chance of the other outcome of every visit."""
    _fill(at, layout, b, first, moves, emission, gradient, False)


@njit(error_model="numpy", cache=True)
def fill_in_logs(at, layout, b, first, moves, emission, gradient):
    """The same tables as logarithms."""
    _fill_in_logs(at, layout, b, first, moves, emission, gradient, False)


@njit(error_model="numpy", cache=True)
def adjoint(at, layout, b, first, moves, smoothed, both, gradient):
    """Expected minus predicted."""
    _adjoint(at, layout, b, first, moves, smoothed, both, gradient, False)


@njit(error_model="numpy", cache=True)
def fill_balanced(at, layout, b, first, moves, emission, gradient):
    """Tables of one block that starts in equilibrium."""
    _fill(at, layout, b, first, moves, emission, gradient, True)


@njit(error_model="numpy", cache=True)
def fill_balanced_in_logs(at, layout, b, first, moves, emission, gradient):
    """The same tables as logarithms."""
    _fill_in_logs(at, layout, b, first, moves, emission, gradient, True)


@njit(error_model="numpy", cache=True)
def adjoint_balanced(at, layout, b, first, moves, smoothed, both, gradient):
    """Expected minus predicted."""
    _adjoint(at, layout, b, first, moves, smoothed, both, gradient, True)


kernel = from_blocks("dynamic", fill, fill_in_logs, adjoint)
kernel_balanced = from_blocks(
    "dynamic_balanced", fill_balanced, fill_balanced_in_logs, adjoint_balanced
)

PARAMETERS = (
    Parameter("psi", "site", ("logit",), "probability that a site is occupied at first"),
    Parameter("gamma", "interval", ("logit",), "probability that an empty site is colonised"),
    Parameter("epsilon", "interval", ("logit",), "probability that an occupied site is abandoned"),
    Parameter("p", "visit", ("logit",), "probability of detection on a visit, if occupied"),
)


def family(start: str = "", **unknown: Any) -> Family:
    """Dynamic occupancy; ``start="equilibrium"`` for a first season of its own rates."""
    pieces.check_options("dynamic", unknown, start=(start, ("", "equilibrium")))
    balanced = start == "equilibrium"
    return Family(
        name="dynamic",
        title="Dynamic occupancy",
        source="MacKenzie et al. (2003) Ecology 84:2200-2207",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=PARAMETERS[1:] if balanced else PARAMETERS,
        tables=tables,
        kernel=kernel_balanced if balanced else kernel,
        data=data,
        signed=frozenset({"p"}),
        min_seasons=2,
        max_seasons=None,
        options={"start": start} if start else {},
    )


FAMILY = family()
