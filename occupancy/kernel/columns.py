"""Columns times coefficients, and back, for a piece of the rows that lies in fast memory."""

from __future__ import annotations

from numba import njit

from occupancy.kernel.simd import FAST


@njit(fastmath=FAST, error_model="numpy", cache=True)
def start(offset, lo, out):
    if offset.size > 0:
        for i in range(out.size):
            out[i] = offset[lo + i]
    else:
        for i in range(out.size):
            out[i] = 0.0


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _four(a, b, c, d, w, x, y, z, out):
    for i in range(out.size):
        out[i] += a * w[i] + b * x[i] + c * y[i] + d * z[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _three(a, b, c, x, y, z, out):
    for i in range(out.size):
        out[i] += a * x[i] + b * y[i] + c * z[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _two(a, b, x, y, out):
    for i in range(out.size):
        out[i] += a * x[i] + b * y[i]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _one(a, x, out):
    for i in range(out.size):
        out[i] += a * x[i]


@njit(error_model="numpy", cache=True)
def add_columns(coefficients, columns, lo, hi, out):
    """out += coefficients @ columns[:, lo:hi], four columns at a time."""
    k = coefficients.size
    c = 0
    while c + 4 <= k:
        _four(
            coefficients[c],
            coefficients[c + 1],
            coefficients[c + 2],
            coefficients[c + 3],
            columns[c, lo:hi],
            columns[c + 1, lo:hi],
            columns[c + 2, lo:hi],
            columns[c + 3, lo:hi],
            out,
        )
        c += 4
    if k - c == 3:
        _three(
            coefficients[c],
            coefficients[c + 1],
            coefficients[c + 2],
            columns[c, lo:hi],
            columns[c + 1, lo:hi],
            columns[c + 2, lo:hi],
            out,
        )
    elif k - c == 2:
        _two(coefficients[c], coefficients[c + 1], columns[c, lo:hi], columns[c + 1, lo:hi], out)
    elif k - c == 1:
        _one(coefficients[c], columns[c, lo:hi], out)


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _dots(w, x, y, z, g):
    a = b = c = d = 0.0
    for i in range(g.size):
        v = g[i]
        a += w[i] * v
        b += x[i] * v
        c += y[i] * v
        d += z[i] * v
    return a, b, c, d


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _dots3(x, y, z, g):
    a = b = c = 0.0
    for i in range(g.size):
        v = g[i]
        a += x[i] * v
        b += y[i] * v
        c += z[i] * v
    return a, b, c


@njit(fastmath=FAST, error_model="numpy", cache=True)
def dot(x, g):
    a = 0.0
    for i in range(g.size):
        a += x[i] * g[i]
    return a


@njit(error_model="numpy", cache=True)
def add_products(columns, lo, hi, g, out):
    """out += columns[:, lo:hi] @ g."""
    k = out.size
    c = 0
    while c + 4 <= k:
        a0, a1, a2, a3 = _dots(
            columns[c, lo:hi],
            columns[c + 1, lo:hi],
            columns[c + 2, lo:hi],
            columns[c + 3, lo:hi],
            g,
        )
        out[c] += a0
        out[c + 1] += a1
        out[c + 2] += a2
        out[c + 3] += a3
        c += 4
    if k - c == 3:
        a0, a1, a2 = _dots3(columns[c, lo:hi], columns[c + 1, lo:hi], columns[c + 2, lo:hi], g)
        out[c] += a0
        out[c + 1] += a1
        out[c + 2] += a2
        c += 3
    while c < k:
        out[c] += dot(columns[c, lo:hi], g)
        c += 1
