"""Regions that touch: connected parts of the graph, and the scaled intrinsic covariance of each.

With Q = D - W of a connected part of n regions (D counts neighbours, W is 1 where two touch), the
intrinsic autoregression has the covariance Q^-, the generalised inverse, times a variance. It is
scaled so that the geometric mean of the marginal variances is 1 in every part: then the sd means
the same for any graph. A region without neighbours has the variance 1.

Source: Riebler and others (2016) Statistical Methods in Medical Research 25:1145; Freni-Sterrantino
and others (2018) Spatial and Spatio-temporal Epidemiology 26:25.
"""

from __future__ import annotations

import numpy as np


def components(n: int, borders: np.ndarray) -> list[np.ndarray]:
    """Places of the regions of each connected part, in order of the first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(borders))
    graph = coo_matrix((ones, (borders[:, 0], borders[:, 1])), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    found = [np.flatnonzero(part == k) for k in range(part.max() + 1)] if n else []
    return sorted(found, key=lambda own: own[0])


def laplacian(n: int, borders: np.ndarray) -> np.ndarray:
    """(region, region) Q = D - W; a border that is listed twice counts once."""
    touch = np.zeros((n, n))
    touch[borders[:, 0], borders[:, 1]] = touch[borders[:, 1], borders[:, 0]] = 1.0
    return np.diag(touch.sum(axis=1)) - touch


def basis(n: int, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal directions (region, direction), and the structured variance along each.

    Structure has the covariance directions @ diag(variance) @ directions.T; it sums to zero in
    every connected part, whose constant direction has the variance 0.
    """
    directions, variance = np.zeros((n, n)), np.zeros(n)
    at = 0
    for own in components(n, borders):
        size = own.size
        if size == 1:
            directions[own[0], at], variance[at] = 1.0, 1.0
            at += 1
            continue
        inside = borders[np.isin(borders[:, 0], own)]
        place = np.searchsorted(own, inside)
        values, vectors = np.linalg.eigh(laplacian(size, place))
        vectors[:, 0] = 1.0 / np.sqrt(size)  # eigh gives it but for rounding
        inverse = np.concatenate([[0.0], 1.0 / values[1:]])
        scale = np.exp(np.mean(np.log(vectors**2 @ inverse)))
        directions[own, at : at + size] = vectors
        variance[at : at + size] = inverse / scale
        at += size
    return directions, variance
