"""From a family's pieces to its kernel on linear predictors, through the shared core.

A kernel takes ``(links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states,
pairs)``: ``eta`` holds the predictors of all parameters one after the other, parameter m from
``start[m]``; rows of a site parameter lie by chain, of a season or interval parameter step by
step and by chain inside a step, of a visit parameter by visit. ``by_visit`` (item, visit) and
``by_chain`` (item, chain) are what ``Family.data`` made of the surveys. It fills ``gradient``
(like eta), ``log_lik`` (chain,), ``states`` (step, state, chain) and ``pairs`` (step - 1, from,
to, chain), each unless it has no chains, and returns the total.

There are two ways to write one.

``from_logs``: six small functions of one chain, one interval or one visit. ``at`` is ``(links,
eta, start, by_visit, by_chain, n_chain)``.

    initial(at, i, out)             out[k] = log P(first state k)
    visit(at, t, i, v, out)         out[k] += log P(what visit v saw | state k in step t)
    change(at, t, i, out)           out[a, b] = log P(state b in step t + 1 | state a in step t)
    initial_slope(at, i, weight, gradient), visit_slope(at, t, i, v, weight, gradient),
    change_slope(at, t, i, weight, gradient)
                                    gradient[row] += sum_k weight[k] d out[k] / d eta[row]

``from_blocks``: tables of a block of chains at once, for families whose speed is worth the
lines. ``fill(at, layout, b, first, moves, emission, gradient)`` writes probabilities,
``fill_in_logs`` (the same arguments) logarithms, for blocks that underflow; both may leave in the
gradient of the block's visits what ``adjoint(at, layout, b, first, moves, smoothed, both,
gradient)`` needs again, where the tables are probabilities always. ``adjoint`` sets the gradient.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.kernel.binding import bind
from occupancy.kernel.core import forward_backward, forward_backward_in_logs
from occupancy.kernel.simd import FAST, vexp


@njit(error_model="numpy", cache=True)
def site_ranges(first, sizes):
    """(j, place of the first j-th visit) for every diagonal of a block."""
    out = np.empty((sizes.size, 2), np.int64)
    o = first
    for j in range(sizes.size):
        out[j, 0] = j
        out[j, 1] = o
        o += sizes[j]
    return out


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _exp(x, out, n):
    for i in range(n):
        out[i] = vexp(x[i]) if x[i] > -708.0 else 0.0


@njit(error_model="numpy", cache=True)
def largest_block(site_start):
    """Chains in the largest block."""
    most = 1
    for b in range(site_start.size - 1):
        most = max(most, site_start[b + 1] - site_start[b])
    return most


@njit(error_model="numpy", cache=True)
def _shifted(emission, n, shift, out):
    """Take off each season's largest emission, which adds to ``shift``; the rest as probabilities.

    The logarithms are changed in place too: a chain that is done again in logarithms would lose
    what sets its states apart beside emissions of -1e299.
    """
    for i in range(n):
        shift[i] = 0.0
    for t in range(emission.shape[0]):
        for i in range(n):
            top = emission[t, 0, i]
            for k in range(1, emission.shape[1]):
                top = max(top, emission[t, k, i])
            if not top > -np.inf:  # impossible in every state: told by the likelihood
                top = 0.0
            shift[i] += top
            for k in range(emission.shape[1]):
                emission[t, k, i] -= top
        for k in range(emission.shape[1]):
            _exp(emission[t, k], out[t, k], n)


@njit(error_model="numpy", cache=True)
def keep_states(smoothed, moves, s0, n, states, pairs):
    """Write a block's smoothed states and its pairs, where they were asked for."""
    if states.shape[2] > 0:
        for t in range(smoothed.shape[0]):
            for k in range(smoothed.shape[1]):
                for i in range(n):
                    states[t, k, s0 + i] = min(smoothed[t, k, i], 1.0)
    if pairs.shape[3] > 0:
        for t in range(moves.shape[0]):
            for a in range(moves.shape[1]):
                for b in range(moves.shape[2]):
                    for i in range(n):
                        pairs[t, a, b, s0 + i] = min(moves[t, a, b, i], 1.0)


def _missing(*args):  # stands where a family's piece is bound
    raise NotImplementedError


initial = visit = change = initial_slope = visit_slope = change_slope = _missing
fill = fill_in_logs = adjoint = _missing


def _from_logs(links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states, pairs):
    """Loop over blocks of a family told in logarithms, piece by piece."""
    site_start, visit_start, diagonal_start, diagonal_size, steps, _, places = layout
    n_step, n_state, n_chain = states.shape[0], states.shape[1], log_lik.size
    at = (links, eta, start, by_visit, by_chain, n_chain)
    most = largest_block(site_start)
    log_initial = np.empty((n_state, most))
    log_change = np.empty((n_step - 1, n_state, n_state, most))
    log_emission = np.empty((n_step, n_state, most))
    first = np.empty((n_state, most))
    moves = np.empty((n_step - 1, n_state, n_state, most))
    emission = np.empty((n_step, n_state, most))
    alpha = np.empty((n_step, n_state, most))
    beta = np.empty((n_state, most))
    work = np.empty((n_state + 1, most))
    smoothed = np.empty((n_step, n_state, most))
    both = np.empty((n_step - 1, n_state, n_state, most))
    shift = np.empty(most)
    one = np.empty(n_state)
    two = np.empty((n_state, n_state))
    gradient[:] = 0.0
    total = 0.0
    for b in range(site_start.size - 1):
        s0, s1 = site_start[b], site_start[b + 1]
        n = s1 - s0
        for i in range(n):
            initial(at, s0 + i, one)
            for k in range(n_state):
                log_initial[k, i] = one[k]
                for t in range(n_step):
                    log_emission[t, k, i] = 0.0
            for t in range(n_step - 1):
                change(at, t, s0 + i, two)
                for a in range(n_state):
                    for k in range(n_state):
                        log_change[t, a, k, i] = two[a, k]
        v = visit_start[b]
        for d in range(diagonal_start[b], diagonal_start[b + 1]):
            t = steps[d]
            for _ in range(diagonal_size[d]):
                i = places[v]
                one[:] = 0.0
                visit(at, t, i, v, one)
                for k in range(n_state):
                    log_emission[t, k, i - s0] += one[k]
                v += 1
        _shifted(log_emission, n, shift, emission)
        for k in range(n_state):
            _exp(log_initial[k], first[k], n)
        for t in range(n_step - 1):
            for a in range(n_state):
                for k in range(n_state):
                    _exp(log_change[t, a, k], moves[t, a, k], n)
        ll = log_lik[s0:s1]
        if not forward_backward(first, moves, emission, n, alpha, beta, work, smoothed, both, ll):
            forward_backward_in_logs(log_initial, log_change, log_emission, n, smoothed, both, ll)
        for i in range(n):
            ll[i] += shift[i]
            total += ll[i]
            for k in range(n_state):
                one[k] = smoothed[0, k, i]
            initial_slope(at, s0 + i, one, gradient)
            for t in range(n_step - 1):
                for a in range(n_state):
                    for k in range(n_state):
                        two[a, k] = both[t, a, k, i]
                change_slope(at, t, s0 + i, two, gradient)
        v = visit_start[b]
        for d in range(diagonal_start[b], diagonal_start[b + 1]):
            t = steps[d]
            for _ in range(diagonal_size[d]):
                i = places[v]
                for k in range(n_state):
                    one[k] = smoothed[t, k, i - s0]
                visit_slope(at, t, i, v, one, gradient)
                v += 1
        keep_states(smoothed, both, s0, n, states, pairs)
    return total


def _from_blocks(links, eta, start, by_visit, by_chain, layout, gradient, log_lik, states, pairs):
    """Loop over blocks of a family that fills the tables of a block itself."""
    site_start = layout[0]
    n_step, n_state, n_chain = states.shape[0], states.shape[1], log_lik.size
    at = (links, eta, start, by_visit, by_chain, n_chain)
    most = largest_block(site_start)
    first = np.empty((n_state, most))
    moves = np.empty((n_step - 1, n_state, n_state, most))
    emission = np.empty((n_step, n_state, most))
    alpha = np.empty((n_step, n_state, most))
    beta = np.empty((n_state, most))
    work = np.empty((n_state + 1, most))
    smoothed = np.empty((n_step, n_state, most))
    both = np.empty((n_step - 1, n_state, n_state, most))
    total = 0.0
    for b in range(site_start.size - 1):
        s0, s1 = site_start[b], site_start[b + 1]
        n = s1 - s0
        ll = log_lik[s0:s1]
        fill(at, layout, b, first, moves, emission, gradient)
        if not forward_backward(first, moves, emission, n, alpha, beta, work, smoothed, both, ll):
            fill_in_logs(at, layout, b, first, moves, emission, gradient)
            forward_backward_in_logs(first, moves, emission, n, smoothed, both, ll)
            for k in range(n_state):
                _exp(first[k], first[k], n)
                for t in range(n_step - 1):
                    for a in range(n_state):
                        _exp(moves[t, a, k], moves[t, a, k], n)
        adjoint(at, layout, b, first, moves, smoothed, both, gradient)
        for i in range(n):
            total += ll[i]
        keep_states(smoothed, both, s0, n, states, pairs)
    return total


@njit(error_model="numpy", cache=True)
def stays(at, t, i, out):
    """No season follows another."""


@njit(error_model="numpy", cache=True)
def stays_slope(at, t, i, weight, gradient):
    """Nothing to add."""


def from_logs(
    name, initial, initial_slope, visit, visit_slope, change=stays, change_slope=stays_slope
):
    """The kernel of a family told in logarithms, piece by piece."""
    return bind(
        _from_logs,
        name,
        initial=initial,
        initial_slope=initial_slope,
        visit=visit,
        visit_slope=visit_slope,
        change=change,
        change_slope=change_slope,
    )


def from_blocks(name, fill, fill_in_logs, adjoint):
    """The kernel of a family that fills the tables of a block itself."""
    return bind(_from_blocks, name, fill=fill, fill_in_logs=fill_in_logs, adjoint=adjoint)
