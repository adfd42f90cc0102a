"""Natural cubic splines on knots: straight beyond the last knots, bent as little as they can be.

A spline is known by its values g at the knots. Its second derivatives there are m = B^-1 D g
(0 at both ends), and the integral of its squared second derivative is g' D' B^-1 D g.

Source: Green and Silverman (1994) Nonparametric regression and generalized linear models, ch. 2.
"""

from __future__ import annotations

import numpy as np


def bending(knots: np.ndarray) -> np.ndarray:
    """(knot, knot) matrix that makes second derivatives at the knots from values there."""
    m, h = knots.size, np.diff(knots)
    inner = np.arange(m - 2)
    differences = np.zeros((m - 2, m))
    differences[inner, inner] = 1.0 / h[:-1]
    differences[inner, inner + 1] = -1.0 / h[:-1] - 1.0 / h[1:]
    differences[inner, inner + 2] = 1.0 / h[1:]
    band = np.diag((h[:-1] + h[1:]) / 3.0)
    band += np.diag(h[1:-1] / 6.0, 1) + np.diag(h[1:-1] / 6.0, -1)
    out = np.zeros((m, m))
    out[1:-1] = np.linalg.solve(band, differences)
    return out


def roughness(knots: np.ndarray) -> np.ndarray:
    """(knot, knot) matrix S with g' S g = integral of the squared second derivative."""
    m, h = knots.size, np.diff(knots)
    second = bending(knots)[1:-1]
    band = np.diag((h[:-1] + h[1:]) / 3.0)
    band += np.diag(h[1:-1] / 6.0, 1) + np.diag(h[1:-1] / 6.0, -1)
    out = second.T @ band @ second
    assert out.shape == (m, m)
    return (out + out.T) / 2.0


def values_at(
    x: np.ndarray, knots: np.ndarray, values: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """(row, spline) of splines with these (knot, spline) values and second derivatives.

    Beyond the knots each goes on as the straight line that it is there. Every row is computed by
    itself, so that it has the same number in any table.
    """
    inside = np.clip(x, knots[0], knots[-1])
    at = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, knots.size - 2)
    h = (knots[at + 1] - knots[at])[:, None]
    a = (knots[at + 1] - inside)[:, None] / h
    b = (inside - knots[at])[:, None] / h
    out = a * values[at] + b * values[at + 1]
    out += ((a**3 - a) * second[at] + (b**3 - b) * second[at + 1]) * h**2 / 6.0
    # the slope at an end: second derivatives are 0 there
    slope = (values[at + 1] - values[at]) / h
    slope += np.where(x[:, None] < knots[0], -1.0, 1.0) * (second[at] + second[at + 1]) * h / 6.0
    return out + (x - inside)[:, None] * slope
