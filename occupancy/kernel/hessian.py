"""Exact second derivatives of the two-state single-season likelihood, by Louis' identity.

    H_i = E[H of the complete data | y] + Var[score of the complete data | y]

With w = P(present | y) and s the score of the visits given presence, the variance is
w (1 - w) d d', where d stacks the difference of the two scores of psi and s. One pass gives the
value, the gradient and the Hessian, so Newton's method costs five passes and the standard errors
come with it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from occupancy.kernel.columns import add_columns, dot, start
from occupancy.kernel.simd import FAST
from occupancy.kernel.two_state import LOGIT, block, occupy_in_logs


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _dot3(a, b, c):
    total = 0.0
    for i in range(c.size):
        total += a[i] * b[i] * c[i]
    return total


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _zero(out):
    for i in range(out.size):
        out[i] = 0.0


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _score(x, other, out, n):
    for i in range(n):
        out[i] -= x[i] * other[i]


@njit(error_model="numpy", cache=True)
def _curvatures(link, eta, unseen, log_lik, present, spread, difference, curvature):
    """Per site: w (1 - w), difference of the scores of psi, expected second derivative.

    1 - w is made directly: the slope of cloglog would multiply what a subtraction rounds.
    """
    for i in range(eta.size):
        w = present[i]
        _, log_empty, slope, slope_empty = occupy_in_logs(link, eta[i])
        absent = unseen[i] * np.exp(log_empty - log_lik[i])
        spread[i] = w * absent
        difference[i] = slope + slope_empty
        if link == LOGIT:
            curvature[i] = -slope * slope_empty
        else:  # slope' = slope (1 - lam - slope), slope_empty = lam
            lam = slope_empty
            curvature[i] = w * slope * (1.0 - lam - slope) - absent * lam


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _other(gradient, present, out, n):
    for i in range(n):
        out[i] = -gradient[i] / max(present[i], 1e-300)


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _visit_curvature(gradient, present, out, n):
    # gradient = -w c; the second derivative is -w c (1 - c)
    for i in range(n):
        c = -gradient[i] / max(present[i], 1e-300)
        out[i] = gradient[i] * (1.0 - c)


@njit(error_model="numpy", cache=True)
def value_gradient_hessian(
    link,
    coefficients_psi,
    coefficients_p,
    columns_psi,
    signed_columns_p,
    offset_psi,
    signed_offset_p,
    unseen,
    site_start,
    visit_start,
    diagonal_start,
    diagonal_size,
    gradient,
    hessian,
):
    """Fill ``gradient`` (k,) and ``hessian`` (k, k), k = columns of psi then of p; return log L.

    Columns are (column, row) in layout order; those of p are multiplied by the sign of the visit.
    """
    k_psi, k_p = coefficients_psi.size, coefficients_p.size
    n_block = site_start.size - 1
    n_most, m_most = 1, 1
    for b in range(n_block):
        n_most = max(n_most, site_start[b + 1] - site_start[b])
        m_most = max(m_most, visit_start[b + 1] - visit_start[b])
    scratch = np.empty((5, n_most))
    per_site = np.empty((8, n_most))
    per_visit = np.empty((3, m_most))
    scores = np.empty((k_p, n_most))
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    total = 0.0
    for b in range(n_block):
        s0, s1 = site_start[b], site_start[b + 1]
        v0, v1 = visit_start[b], visit_start[b + 1]
        n, m = s1 - s0, v1 - v0
        sizes = diagonal_size[diagonal_start[b] : diagonal_start[b + 1]]
        eta, signed = per_site[0, :n], per_visit[0, :m]
        start(offset_psi, s0, eta)
        start(signed_offset_p, v0, signed)
        add_columns(coefficients_psi, columns_psi, s0, s1, eta)
        add_columns(coefficients_p, signed_columns_p, v0, v1, signed)
        g, h = per_site[1, :n], per_visit[1, :m]
        log_lik, present = per_site[2, :n], per_site[3, :n]
        total += block(link, eta, signed, unseen[s0:s1], sizes, scratch, g, h, log_lik, present)
        spread, difference, curvature = per_site[4, :n], per_site[5, :n], per_site[6, :n]
        _curvatures(link, eta, unseen[s0:s1], log_lik, present, spread, difference, curvature)
        bend = per_visit[2, :m]
        o = 0
        for c in range(k_p):
            _zero(scores[c, :n])
        for j in range(sizes.size):
            size = sizes[j]
            _visit_curvature(h[o:], present, bend[o:], size)
            o += size
        # score of the visits given presence: sum over visits of -x c, with c = -h / w
        other = per_visit[0, :m]
        o = 0
        for j in range(sizes.size):
            _other(h[o:], present, other[o:], sizes[j])
            o += sizes[j]
        for c in range(k_p):
            o = 0
            for j in range(sizes.size):
                _score(signed_columns_p[c, v0 + o : v1], other[o:], scores[c], sizes[j])
                o += sizes[j]
        for c in range(k_psi):
            x = columns_psi[c, s0:s1]
            gradient[c] += dot(x, g)
            for i in range(n):
                per_site[7, i] = x[i] * (curvature[i] + spread[i] * difference[i] ** 2)
            for d in range(c, k_psi):
                hessian[c, d] += dot(columns_psi[d, s0:s1], per_site[7, :n])
            for i in range(n):
                per_site[7, i] = x[i] * spread[i] * difference[i]
            for d in range(k_p):
                hessian[c, k_psi + d] += dot(scores[d, :n], per_site[7, :n])
        for c in range(k_p):
            x = signed_columns_p[c, v0:v1]
            gradient[k_psi + c] += dot(x, h)
            for d in range(c, k_p):
                hessian[k_psi + c, k_psi + d] += _dot3(signed_columns_p[d, v0:v1], x, bend) + _dot3(
                    scores[d, :n], scores[c, :n], spread
                )
    for c in range(k_psi + k_p):
        for d in range(c):
            hessian[c, d] = hessian[d, c]
    return total
