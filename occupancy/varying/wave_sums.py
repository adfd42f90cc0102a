"""Sums of waves, compiled: effects of places from weights, and back.

The sum over b is made once for each northing, and the one over a for each place of it; both ways
go through blocks of northings, so that what stands between the two sums stays in fast memory. How
the waves along a are laid out depends on the places (``LAYOUT``):

* ``LATTICE``: most crossings of the eastings with the northings are places, so that all northings
  share one (a, easting) table, followed by the same one turned;
* ``BESIDE``: many places on a northing, each northing with its own (a, place);
* ``APART``: (place, a).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from occupancy.kernel.simd import FAST, vexp, vlog_and_inverse

_HALF_LOG_TWO_PI = 0.9189385332046727
ROWS = 32  # northings at a time
# places in `whole`: sizes, layout of Phi_a and on a lattice its columns, then HEAD: for each a its
# number of b, for each b the padded number of a, the first place of each northing, and on a
# lattice the easting of each place
CODE, N_NORTHING, N_PLACE, N_A, N_B, N_WAVE, LAYOUT, N_COLUMN, HEAD = 0, 1, 2, 3, 4, 5, 6, 7, 8
APART, BESIDE, LATTICE = 0, 1, 2


def fours(n):
    """The next multiple of four: axes are padded, so that inner loops have no rest."""
    return (n + 3) // 4 * 4


_fours = njit(error_model="numpy", cache=True)(fours)


@njit(error_model="numpy", cache=True)
def _log_scales(sd, reach, whole, square, per_range, out, slope):
    """Log sd of every weight, and its derivative along the log of the range."""
    length = reach * per_range
    log_length = math.log(length)
    log_sd = math.log(sd)
    if whole[CODE] == 3:
        constant = math.log(2.0 * math.pi) + 2.0 * log_length
        for k in range(square.size):
            reached = length * length * square[k]
            out[k] = log_sd + 0.5 * (constant - 0.5 * reached)
            slope[k] = 0.5 * (2.0 - reached)
        return
    nu = 0.5 + whole[CODE]
    inverse = 2.0 * nu / (length * length)
    constant = math.log(4.0 * math.pi * nu) + nu * math.log(2.0 * nu) - 2.0 * nu * log_length
    for k in range(square.size):
        both = inverse + square[k]
        log_both, under = vlog_and_inverse(both, 1.0 - both)  # pyright: ignore[reportGeneralTypeIssues]
        out[k] = log_sd + 0.5 * (constant - (nu + 1.0) * log_both)
        slope[k] = (nu + 1.0) * inverse * under - nu


@njit(error_model="numpy", cache=True)
def _parts(whole, real):
    """Slices of ``real``: squared frequencies, told, Phi_a, Phi_b and Phi_b turned by blocks."""
    n_u, n_a, n_b, k = whole[N_NORTHING], whole[N_A], whole[N_B], whole[N_WAVE]
    size = (2 * whole[N_COLUMN] if whole[LAYOUT] == LATTICE else whole[N_PLACE]) * n_a
    rows = _fours(n_u)
    at = 1 + 2 * k
    phi_a = real[at : at + size]
    at += size
    phi_b = real[at : at + rows * n_b].reshape(rows, n_b)
    at += rows * n_b
    return real[1 : 1 + k], real[1 + k : 1 + 2 * k], phi_a, phi_b, real[at:]


@njit(error_model="numpy", cache=True)
def _counts(whole):
    """Slices of ``whole``: b of each a, padded a of each b, first place of a northing, eastings."""
    at = HEAD + whole[N_A]
    middle = at + whole[N_B]
    end = middle + whole[N_NORTHING] + 1
    return whole[HEAD:at], whole[at:middle], whole[middle:end], whole[end:]


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _make_weights(natural, raw, whole, real, weight):
    """Fill the weights of all waves; the log density of raw."""
    k = whole[N_WAVE]
    square, told = real[1 : 1 + k], real[1 + k : 1 + 2 * k]
    log_scale, along = np.empty(k), np.empty(k)
    _log_scales(natural[0], natural[1], whole, square, real[0], log_scale, along)
    total = 0.0
    for q in range(k):
        scale = vexp(log_scale[q])
        known = told[q] * scale * scale
        log_more, share = vlog_and_inverse(1.0 + known, -known)  # pyright: ignore[reportGeneralTypeIssues]
        weight[q] = scale * math.sqrt(share) * raw[q]
        total += raw[q] * raw[q] * share + log_more
    return -_HALF_LOG_TWO_PI * k - 0.5 * total


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _add_product(left, right, row_width, group_width, out):
    """out += left @ right, where what lies beyond the widths of an (even) row or a four is 0.

    Shapes are (n, k), (k, m) and (n, m), n even, k a multiple of four.
    """
    for i in range(0, left.shape[0], 2):
        for g in range(0, left.shape[1], 4):
            p0, p1, p2, p3 = left[i, g], left[i, g + 1], left[i, g + 2], left[i, g + 3]
            q0, q1, q2, q3 = (
                left[i + 1, g],
                left[i + 1, g + 1],
                left[i + 1, g + 2],
                left[i + 1, g + 3],
            )
            for j in range(min(row_width[i], group_width[g])):
                r0, r1, r2, r3 = right[g, j], right[g + 1, j], right[g + 2, j], right[g + 3, j]
                out[i, j] += p0 * r0 + p1 * r1 + p2 * r2 + p3 * r3
                out[i + 1, j] += q0 * r0 + q1 * r1 + q2 * r2 + q3 * r3


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _beside(t, phi, out):
    """Places of one northing, Phi (a, place); a in fours."""
    n = out.size
    for i in range(n):
        out[i] = 0.0
    for a in range(0, t.size, 4):
        t0, t1, t2, t3 = t[a], t[a + 1], t[a + 2], t[a + 3]
        w, x = phi[a * n : (a + 1) * n], phi[(a + 1) * n : (a + 2) * n]
        y, z = phi[(a + 2) * n : (a + 3) * n], phi[(a + 3) * n : (a + 4) * n]
        for i in range(n):
            out[i] += t0 * w[i] + t1 * x[i] + t2 * y[i] + t3 * z[i]


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _beside_back(slope, phi, out):
    n = slope.size
    for a in range(0, out.size, 4):
        w, x = phi[a * n : (a + 1) * n], phi[(a + 1) * n : (a + 2) * n]
        y, z = phi[(a + 2) * n : (a + 3) * n], phi[(a + 3) * n : (a + 4) * n]
        v0, v1, v2, v3 = 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            s = slope[i]
            v0 += s * w[i]
            v1 += s * x[i]
            v2 += s * y[i]
            v3 += s * z[i]
        out[a], out[a + 1], out[a + 2], out[a + 3] = v0, v1, v2, v3


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _field(grid, whole, phi_a, phi_b, effect):
    """Effects of all places from the weights (b, a), padded with zeros."""
    n_u, n_a, n_e = whole[N_NORTHING], whole[N_A], whole[N_COLUMN]
    _, width, first, east = _counts(whole)
    whole_rows, whole_lines = np.full(ROWS, n_a), np.full(max(ROWS, n_a), n_e)
    sums, lines = np.empty((ROWS, n_a)), np.empty((ROWS, n_e))
    lattice = phi_a[: n_a * n_e].reshape(n_a, n_e)
    for u0 in range(0, n_u, ROWS):
        n = min(ROWS, n_u - u0)
        rows = _fours(n)
        sums[:] = 0.0
        _add_product(phi_b[u0 : u0 + rows], grid, whole_rows, width, sums)
        if whole[LAYOUT] == LATTICE:
            lines[:] = 0.0
            _add_product(sums[:rows], lattice, whole_lines, whole_lines, lines)
            for r in range(n):
                for i in range(first[u0 + r], first[u0 + r + 1]):
                    effect[i] = lines[r, east[i]]
            continue
        for r in range(n):
            begin, end = first[u0 + r], first[u0 + r + 1]
            if whole[LAYOUT] == BESIDE:
                _beside(sums[r], phi_a[begin * n_a : end * n_a], effect[begin:end])
                continue
            for i in range(begin, end):
                v = 0.0
                for a in range(n_a):
                    v += phi_a[i * n_a + a] * sums[r, a]
                effect[i] = v


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _back(slope, whole, phi_a, turned, d_grid):
    """Slopes along the weights (b, a) from those along the effects."""
    n_u, n_a, n_b, n_e = whole[N_NORTHING], whole[N_A], whole[N_B], whole[N_COLUMN]
    _, width, first, east = _counts(whole)
    whole_rows = np.full(max(ROWS, n_e), n_a)
    sums, lines = np.empty((ROWS, n_a)), np.empty((ROWS, n_e))
    lattice = phi_a[n_a * n_e : 2 * n_a * n_e].reshape(n_e, n_a) if n_e else sums
    for u0 in range(0, n_u, ROWS):
        n = min(ROWS, n_u - u0)
        rows = _fours(n)
        sums[:] = 0.0
        if whole[LAYOUT] == LATTICE:
            lines[:] = 0.0
            for r in range(n):
                for i in range(first[u0 + r], first[u0 + r + 1]):
                    lines[r, east[i]] = slope[i]
            _add_product(lines[:rows], lattice, whole_rows, whole_rows, sums)
        else:
            for r in range(n):
                begin, end = first[u0 + r], first[u0 + r + 1]
                if whole[LAYOUT] == BESIDE:
                    _beside_back(slope[begin:end], phi_a[begin * n_a : end * n_a], sums[r])
                    continue
                for i in range(begin, end):
                    for a in range(n_a):
                        sums[r, a] += slope[i] * phi_a[i * n_a + a]
        mine = turned[u0 * n_b : (u0 + ROWS) * n_b].reshape(n_b, ROWS)
        _add_product(mine[:, :rows], sums[:rows], width, whole_rows, d_grid)


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    _, _, phi_a, phi_b, _ = _parts(whole, real)
    weight, grid = np.empty(whole[N_WAVE]), np.zeros((whole[N_B], whole[N_A]))
    total = _make_weights(natural, raw, whole, real, weight)
    own, at = _counts(whole)[0], 0
    for a in range(own.size):
        for b in range(own[a]):
            grid[b, a] = weight[at]
            at += 1
    _field(grid, whole, phi_a, phi_b, effect)
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    square, told, phi_a, _, turned = _parts(whole, real)
    k = whole[N_WAVE]
    d_grid = np.zeros((whole[N_B], whole[N_A]))
    _back(slope, whole, phi_a, turned, d_grid)
    d_weight = np.empty(k)
    own, at = _counts(whole)[0], 0
    for a in range(own.size):
        for b in range(own[a]):
            d_weight[at] = d_grid[b, a]
            at += 1
    log_scale, along = np.empty(k), np.empty(k)
    _log_scales(natural[0], natural[1], whole, square, real[0], log_scale, along)
    d_sd, d_range = _through_scales(raw, told, log_scale, along, d_weight, d_raw)
    d_natural[0] += d_sd / natural[0]
    d_natural[1] += d_range / natural[1]


@njit(error_model="numpy", cache=True, fastmath=FAST)
def _through_scales(raw, told, log_scale, along, d_weight, d_raw):
    """Fill the slopes along raw; those along the logarithms of sd and range."""
    d_sd, d_range = 0.0, 0.0
    for q in range(raw.size):
        scale = vexp(log_scale[q])
        known = told[q] * scale * scale
        share = 1.0 / (1.0 + known)
        scale *= math.sqrt(share)
        d_raw[q] = scale * d_weight[q] - share * raw[q]
        d_log = d_weight[q] * scale * raw[q] + known * (raw[q] * raw[q] * share - 1.0)
        d_log *= share
        d_sd += d_log
        d_range += d_log * along[q]
    return d_sd, d_range


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    _make_weights(natural, raw, whole, real, out)
