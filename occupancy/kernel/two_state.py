"""The thin fast path: two states, one season, Bernoulli visits.

    L_i = psi_i prod_v p^y (1-p)^(1-y) + (1 - psi_i) [never detected]

One exponential per visit and one per site; probabilities are multiplied, so there is one
logarithm per site. What cancels is never subtracted: beside the product Q of the visit
probabilities runs its deficit D = 1 - Q, a sum of positive terms, so that values and gradients
keep their digits at linear predictors of +-40. A block in which a likelihood underflows is done
again in logarithms.

Visits arrive *signed*: the linear predictor times -1 where the species was detected. Then the
probability of what was seen, given presence, is 1 / (1 + exp(signed)) in both cases.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from occupancy.kernel.simd import (
    EXP_LIMIT,
    FAST,
    TINY,
    UNDERFLOW,
    sigmoid,
    softplus,
    vexp,
    vexpm1_negative,
    vlog_and_inverse,
)

LOGIT, CLOGLOG, PROBIT = 0, 1, 4  # codes of links of a probability
HALF_LOG_TWO_PI = 0.9189385332046727
EXP_TOP = 690.0


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _occupy_logit(eta, psi, empty, slope):
    for i in range(eta.size):
        t = vexp(-eta[i])
        one = 1.0 / (1.0 + t)
        psi[i] = one
        empty[i] = t * one
        slope[i] = t * one


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _occupy_cloglog(eta, psi, empty, slope):
    for i in range(eta.size):
        lam = vexp(eta[i])
        none = vexp(-lam) if lam < EXP_LIMIT else 0.0  # vexp never falls to 0
        one = vexpm1_negative(lam)
        psi[i] = one
        empty[i] = none
        slope[i] = lam * none / max(one, TINY)


@njit(fastmath=FAST, error_model="numpy", cache=True)
def occupy(link, eta, psi, empty, slope):
    """Fill psi, 1 - psi and d log psi / d eta, each without cancellation."""
    if link == LOGIT:
        _occupy_logit(eta, psi, empty, slope)
    else:
        _occupy_cloglog(eta, psi, empty, slope)


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _slopes_logit(eta, slope, slope_empty):
    for i in range(eta.size):
        t = vexp(-eta[i])
        one = 1.0 / (1.0 + t)
        slope[i] = t * one
        slope_empty[i] = one


@njit(error_model="numpy", cache=True)
def occupy_slopes(link, eta, slope, slope_empty):
    """Fill d log psi / d eta and -d log(1 - psi) / d eta."""
    if link == LOGIT:
        _slopes_logit(eta, slope, slope_empty)
    else:
        for i in range(eta.size):
            _, _, slope[i], slope_empty[i] = occupy_in_logs(link, eta[i])


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _visit(signed, other, product, deficit, n):
    for i in range(n):
        t = vexp(signed[i])
        r = 1.0 / (1.0 + t)
        c = t * r
        deficit[i] += product[i] * c
        product[i] *= r
        other[i] = c  # probability of the other outcome; becomes the gradient below


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _sites(psi, empty, slope, product, deficit, unseen, present, log_lik, gradient, n):
    underflows = 0.0
    for i in range(n):
        u = unseen[i]
        a = psi[i] * product[i]
        lik = a + u * empty[i] + TINY
        missing = psi[i] * deficit[i]
        value, inverse = vlog_and_inverse(lik, missing + (1.0 - u) * empty[i])  # pyright: ignore[reportGeneralTypeIssues]
        log_lik[i] = value
        present[i] = max(1.0 - u, min(a * inverse, 1.0))
        gradient[i] = slope[i] * ((1.0 - u) - u * missing * inverse)
        underflows += 1.0 if lik < UNDERFLOW else 0.0
    return underflows


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _visit_gradient(c, present, n):
    for i in range(n):
        c[i] = -c[i] * present[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _clear(product, deficit, n):
    for i in range(n):
        product[i] = 1.0
        deficit[i] = 0.0


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _sum(x, n):
    total = 0.0
    for i in range(n):
        total += x[i]
    return total


@njit(error_model="numpy", cache=True)
def block(link, eta, signed, unseen, sizes, scratch, gradient, visit_gradient, log_lik, present):
    """One block of sites.

    Parameters
    ----------
    eta : (site,)
        Linear predictor of psi.
    signed : (visit of the block,)
        Signed linear predictor of p, diagonal by diagonal.
    unseen : (site,)
        1 where the species was never detected, else 0.
    sizes : (diagonal,)
        Sites with a j-th visit.
    scratch : (5, >= site)
    gradient, visit_gradient : like ``eta`` and ``signed``
        Filled: d log L / d eta and d log L / d signed. They must not share memory with them.
    log_lik, present : (site,)
        Filled: log-likelihood and P(present | data).

    Returns
    -------
    The block's log-likelihood.
    """
    n = eta.size
    psi, empty, slope, product, deficit = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    _clear(product, deficit, n)
    o = 0
    for j in range(sizes.size):
        _visit(signed[o:], visit_gradient[o:], product, deficit, sizes[j])
        o += sizes[j]
    occupy(link, eta, psi, empty, slope)
    bad = _sites(psi, empty, slope, product, deficit, unseen, present, log_lik, gradient, n)
    if bad != 0.0:
        return _block_in_logs(
            link, eta, signed, unseen, sizes, scratch, gradient, visit_gradient, log_lik, present
        )
    o = 0
    for j in range(sizes.size):
        _visit_gradient(visit_gradient[o:], present, sizes[j])
        o += sizes[j]
    return _sum(log_lik, n)


@njit(error_model="numpy", cache=True)
def _block_in_logs(
    link, eta, signed, unseen, sizes, scratch, gradient, visit_gradient, log_lik, present
):
    """The same block in logarithms: scalar and slow, right at predictors of +-800."""
    n = eta.size
    log_product = scratch[3]
    for i in range(n):
        log_product[i] = 0.0
    o = 0
    for j in range(sizes.size):
        for i in range(sizes[j]):
            log_product[i] -= softplus(signed[o + i])
        o += sizes[j]
    total = 0.0
    for i in range(n):
        log_psi, log_empty, slope, slope_empty = occupy_in_logs(link, eta[i])
        a = log_psi + log_product[i]
        w = 1.0
        log_lik[i] = a
        if unseen[i] > 0.0:
            top = max(a, log_empty)
            log_lik[i] = top + np.log1p(np.exp(min(a, log_empty) - top))
            w = np.exp(a - log_lik[i])
        present[i] = w
        gradient[i] = w * slope - (1.0 - w) * slope_empty
        total += log_lik[i]
    o = 0
    for j in range(sizes.size):
        for i in range(sizes[j]):
            visit_gradient[o + i] = -present[i] * sigmoid(signed[o + i])
        o += sizes[j]
    return total


@njit(error_model="numpy", cache=True)
def _log_normal(x):
    """log Phi(x) and its slope phi(x) / Phi(x); far below zero by the asymptotic series."""
    if x < -30.0:
        t = 1.0 / (x * x)
        tail = t * (-1.0 + t * (3.0 + t * (-15.0 + t * (105.0 + t * (-945.0 + 10395.0 * t)))))
        value = -0.5 * x * x - HALF_LOG_TWO_PI - math.log(-x) + math.log1p(tail)
        return value, -x / (1.0 + tail)
    above = 0.5 * math.erfc(x * 0.7071067811865476)
    value = math.log1p(-above) if x > 0.0 else math.log(0.5 * math.erfc(-x * 0.7071067811865476))
    return value, math.exp(-0.5 * x * x - HALF_LOG_TWO_PI - value)


@njit(error_model="numpy", cache=True)
def occupy_in_logs(link, eta):
    """log psi, log(1 - psi), d log psi / d eta and -d log(1 - psi) / d eta."""
    if link == LOGIT:
        return -softplus(-eta), -softplus(eta), sigmoid(-eta), sigmoid(eta)
    if link == PROBIT:
        yes, slope = _log_normal(eta)
        no, slope_empty = _log_normal(-eta)
        return yes, no, slope, slope_empty
    lam = np.exp(min(eta, EXP_TOP))
    log_psi = np.log(-np.expm1(-lam)) if eta > -30.0 else eta - 0.5 * lam
    slope = 0.0
    if lam < 700.0:
        slope = lam / np.expm1(lam) if lam > 0.0 else 1.0
    return log_psi, -lam, slope, lam


@njit(error_model="numpy", cache=True)
def on_predictors(
    link,
    eta_psi,
    signed_p,
    unseen,
    site_start,
    visit_start,
    diagonal_start,
    diagonal_size,
    gradient_psi,
    gradient_p,
    log_lik,
    present,
):
    """Log-likelihood, gradient and P(present | data) of all sites, from linear predictors.

    All arrays lie in layout order. ``gradient_p`` is with respect to the signed predictor.
    """
    most = 1
    for b in range(site_start.size - 1):
        most = max(most, site_start[b + 1] - site_start[b])
    scratch = np.empty((5, most))
    total = 0.0
    for b in range(site_start.size - 1):
        s0, s1 = site_start[b], site_start[b + 1]
        v0, v1 = visit_start[b], visit_start[b + 1]
        total += block(
            link,
            eta_psi[s0:s1],
            signed_p[v0:v1],
            unseen[s0:s1],
            diagonal_size[diagonal_start[b] : diagonal_start[b + 1]],
            scratch,
            gradient_psi[s0:s1],
            gradient_p[v0:v1],
            log_lik[s0:s1],
            present[s0:s1],
        )
    return total
