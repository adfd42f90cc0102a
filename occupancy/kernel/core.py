"""Forward and backward through a finite-state chain, one block of sites at a time.

    alpha_1 = pi * E_1          alpha_t = (alpha_{t-1} P_{t-1}) * E_t

Every family is this chain: its states, an initial distribution, transitions between seasons and
one emission per season. A block of sites lies in fast memory as arrays whose last axis is the
site, so each inner loop runs over sites. A family fills the tables from its linear predictors,
the core answers with smoothed state probabilities and expected transitions, and the family turns
those into its gradient: expected minus predicted. Fit and map share one computation.

Tables are probabilities, rescaled at every season; a block whose likelihood underflows is done
again by ``forward_backward_in_logs``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.kernel.simd import FAST, UNDERFLOW, vlog_and_inverse


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _multiply(a, b, out, n):
    for i in range(n):
        out[i] = a[i] * b[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _multiply_add(a, b, out, n):
    for i in range(n):
        out[i] += a[i] * b[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _scale_and_sum(out, e, total, n):
    for i in range(n):
        v = out[i] * e[i]
        out[i] = v
        total[i] += v


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _scale(out, factor, n):
    for i in range(n):
        out[i] *= factor[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _fill(out, value, n):
    for i in range(n):
        out[i] = value


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _copy(a, out, n):
    for i in range(n):
        out[i] = a[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _take_log(total, log_lik, n):
    """Add log(total) to log_lik and turn total into its inverse; count underflows."""
    bad = 0.0
    for i in range(n):
        t = total[i]
        value, inverse = vlog_and_inverse(t, 1.0 - t)  # pyright: ignore[reportGeneralTypeIssues]
        log_lik[i] += value
        total[i] = inverse
        bad += 0.0 if t > UNDERFLOW else 1.0
    return bad


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _invert(total, n):
    for i in range(n):
        total[i] = 1.0 / total[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _pair(a, p, b, scale, out, n):
    for i in range(n):
        out[i] = a[i] * p[i] * b[i] * scale[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _smooth(a, later, scale, smoothed, beta, n):
    for i in range(n):
        v = later[i] * scale[i]
        smoothed[i] = a[i] * v
        beta[i] = v


LOG_EVERY = 8  # steps whose totals are multiplied before a logarithm is taken


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _first_of_two(initial, emission, alpha, inverse, product, n):
    bad = 0.0
    for i in range(n):
        a = initial[0, i] * emission[0, i]
        b = initial[1, i] * emission[1, i]
        total = a + b
        scale = 1.0 / total
        alpha[0, i] = a * scale
        alpha[1, i] = b * scale
        inverse[i] = scale
        product[i] = total
        bad += 0.0 if total > UNDERFLOW else 1.0
    return bad


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _next_of_two(before, moves, emission, alpha, inverse, product, n):
    bad = 0.0
    for i in range(n):
        x, y = before[0, i], before[1, i]
        a = (x * moves[0, 0, i] + y * moves[1, 0, i]) * emission[0, i]
        b = (x * moves[0, 1, i] + y * moves[1, 1, i]) * emission[1, i]
        total = a + b
        scale = 1.0 / total
        alpha[0, i] = a * scale
        alpha[1, i] = b * scale
        inverse[i] = scale
        product[i] *= total
        bad += 0.0 if product[i] > UNDERFLOW else 1.0
    return bad


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _back_of_two(alpha, moves, emission, inverse, beta, smoothed, pairs, n):
    for i in range(n):
        scale = inverse[i]
        x = beta[0, i] * emission[0, i] * scale
        y = beta[1, i] * emission[1, i] * scale
        a, b = alpha[0, i], alpha[1, i]
        stay, come = a * moves[0, 0, i] * x, a * moves[0, 1, i] * y
        go, keep = b * moves[1, 0, i] * x, b * moves[1, 1, i] * y
        pairs[0, 0, i] = stay
        pairs[0, 1, i] = come
        pairs[1, 0, i] = go
        pairs[1, 1, i] = keep
        smoothed[0, i] = stay + come
        smoothed[1, i] = go + keep
        beta[0, i] = moves[0, 0, i] * x + moves[0, 1, i] * y
        beta[1, i] = moves[1, 0, i] * x + moves[1, 1, i] * y


@njit(error_model="numpy", cache=True)
def _two_states(initial, transition, emission, n, alpha, beta, work, smoothed, pairs, log_lik):
    """The same chain of two states, every step in one loop over the sites."""
    n_season = emission.shape[0]
    inverse, product = smoothed[:, 0], work[0]  # smoothed is filled last, from the end
    _fill(log_lik, 0.0, n)
    bad = _first_of_two(initial, emission[0], alpha[0], inverse[0], product, n)
    for t in range(1, n_season):
        if t % LOG_EVERY == 0:
            bad += _take_log(product, log_lik, n)
            _fill(product, 1.0, n)
        bad += _next_of_two(
            alpha[t - 1], transition[t - 1], emission[t], alpha[t], inverse[t], product, n
        )
    bad += _take_log(product, log_lik, n)
    if bad != 0.0:
        return False
    _fill(beta[0], 1.0, n)
    _fill(beta[1], 1.0, n)
    last = n_season - 1
    kept = work[1]
    _copy(inverse[last], kept, n)
    _copy(alpha[last, 0], smoothed[last, 0], n)
    _copy(alpha[last, 1], smoothed[last, 1], n)
    for t in range(n_season - 2, -1, -1):
        _copy(inverse[t], work[2], n)
        _back_of_two(alpha[t], transition[t], emission[t + 1], kept, beta, smoothed[t], pairs[t], n)
        _copy(work[2], kept, n)
    return True


@njit(error_model="numpy", cache=True)
def forward_backward(initial, transition, emission, n, alpha, beta, work, smoothed, pairs, log_lik):
    """Run the chain for ``n`` sites of a block.

    Parameters
    ----------
    initial : (state, site)
        Probability of each state in the first season.
    transition : (season - 1, from, to, site)
        Probability of each change of state; not read where there is one season.
    emission : (season, state, site)
        Probability of a season's visits given the state; 1 where there was no visit.
    alpha : (season, state, site), beta : (state, site), work : (state + 1, site)
        Scratch.
    smoothed : (season, state, site)
        Filled: P(state | whole history).
    pairs : (season - 1, from, to, site)
        Filled: P(state now, state next | whole history).
    log_lik : (site,)
        Filled.

    Returns
    -------
    bool
        False where a likelihood underflowed: do the block again in logarithms.
    """
    n_season, n_state = emission.shape[0], emission.shape[1]
    if n_state == 2 and n_season > 1:
        return _two_states(
            initial, transition, emission, n, alpha, beta, work, smoothed, pairs, log_lik
        )
    total = work[n_state]
    _fill(log_lik, 0.0, n)
    _fill(total, 0.0, n)
    for k in range(n_state):
        _copy(initial[k], alpha[0, k], n)
        _scale_and_sum(alpha[0, k], emission[0, k], total, n)
    bad = _take_log(total, log_lik, n)
    for k in range(n_state):
        _scale(alpha[0, k], total, n)
    for t in range(1, n_season):
        _fill(total, 0.0, n)
        for b in range(n_state):
            _multiply(alpha[t - 1, 0], transition[t - 1, 0, b], alpha[t, b], n)
            for a in range(1, n_state):
                _multiply_add(alpha[t - 1, a], transition[t - 1, a, b], alpha[t, b], n)
            _scale_and_sum(alpha[t, b], emission[t, b], total, n)
        bad += _take_log(total, log_lik, n)
        for b in range(n_state):
            _scale(alpha[t, b], total, n)
    if bad != 0.0:
        return False
    for k in range(n_state):
        _copy(alpha[n_season - 1, k], smoothed[n_season - 1, k], n)
        _fill(beta[k], 1.0, n)
    for t in range(n_season - 2, -1, -1):
        for b in range(n_state):
            _scale(beta[b], emission[t + 1, b], n)
        _fill(total, 0.0, n)
        for a in range(n_state):
            _multiply(transition[t, a, 0], beta[0], work[a], n)
            for b in range(1, n_state):
                _multiply_add(transition[t, a, b], beta[b], work[a], n)
            _multiply_add(alpha[t, a], work[a], total, n)
        _invert(total, n)
        for a in range(n_state):
            for b in range(n_state):
                _pair(alpha[t, a], transition[t, a, b], beta[b], total, pairs[t, a, b], n)
        for a in range(n_state):
            _smooth(alpha[t, a], work[a], total, smoothed[t, a], beta[a], n)
    return True


@njit(error_model="numpy", cache=True)
def _log_sum(values):
    top = values[0]
    for k in range(1, values.size):
        top = max(top, values[k])
    if top == -np.inf:
        return top
    total = 0.0
    for k in range(values.size):
        total += np.exp(values[k] - top)
    return top + np.log(total)


@njit(error_model="numpy", cache=True)
def _shift(values):
    """Subtract from logarithms that of their sum, and answer it; leave them where all are -inf."""
    total = _log_sum(values)
    if total > -np.inf:
        for k in range(values.size):
            values[k] -= total
    return total


@njit(error_model="numpy", cache=True)
def forward_backward_in_logs(initial, transition, emission, n, smoothed, pairs, log_lik):
    """The same chain from tables of *logarithms*: scalar and slow, without underflow.

    Each step is told relative to its own sum: a likelihood of exp(-1e5) would else leave eleven
    digits less for the shares of the states.
    """
    n_season, n_state = emission.shape[0], emission.shape[1]
    alpha = np.empty((n_season, n_state))
    seen = np.empty((n_season, n_state))
    later = np.empty(n_state)
    terms = np.empty(n_state)
    every = np.empty(n_state * n_state)
    both = every.reshape(n_state, n_state)
    for i in range(n):
        log_lik[i] = 0.0
        for t in range(n_season):
            for k in range(n_state):
                seen[t, k] = emission[t, k, i]
            top = seen[t].max()
            log_lik[i] += top
            if top == -np.inf:  # impossible in every state: told by the likelihood
                top = 0.0
            for k in range(n_state):
                seen[t, k] -= top
        for k in range(n_state):
            alpha[0, k] = initial[k, i] + seen[0, k]
        log_lik[i] += _shift(alpha[0])
        for t in range(1, n_season):
            for b in range(n_state):
                for a in range(n_state):
                    terms[a] = alpha[t - 1, a] + transition[t - 1, a, b, i]
                alpha[t, b] = _log_sum(terms) + seen[t, b]
            log_lik[i] += _shift(alpha[t])
        for k in range(n_state):
            later[k] = 0.0
            smoothed[n_season - 1, k, i] = np.exp(alpha[n_season - 1, k])
        for t in range(n_season - 2, -1, -1):
            for a in range(n_state):
                for b in range(n_state):
                    both[a, b] = transition[t, a, b, i] + (seen[t + 1, b] + later[b])
            for a in range(n_state):
                later[a] = _log_sum(both[a])
                for b in range(n_state):
                    both[a, b] += alpha[t, a]
            total = _shift(every)
            for a in range(n_state):  # relative to the states that the past allows
                later[a] -= total if total > -np.inf else 0.0
            for a in range(n_state):
                smoothed[t, a, i] = 0.0
                for b in range(n_state):
                    pairs[t, a, b, i] = np.exp(both[a, b])
                    smoothed[t, a, i] += pairs[t, a, b, i]
