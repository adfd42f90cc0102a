"""Regions that touch: connected parts of the graph, and the scaled intrinsic covariance of each.

With Q = D - W of a connected part of n regions (D counts neighbours, W is 1 where two touch), the
intrinsic autoregression has the covariance Q^-, the generalised inverse, times a variance. It is
scaled so that the geometric mean of the marginal variances is 1 in every part: then the sd means
the same for any graph. A region without neighbours has the variance 1.

Source: Riebler and others (2016) Statistical Methods in Medical Research 25:1145; Freni-Sterrantino
and others (2018) Spatial and Spatio-temporal Epidemiology 26:25.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

SOLVED_AT_ONCE = 256


def components(n: int, borders: np.ndarray) -> list[np.ndarray]:
    """Places of the regions of each connected part, in order of the first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(borders))
    graph = coo_matrix((ones, (borders[:, 0], borders[:, 1])), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    order = np.argsort(part, kind="stable")
    found = np.split(order, np.cumsum(np.bincount(part))[:-1])
    return sorted(found, key=lambda own: own[0])


def laplacian(n: int, borders: np.ndarray) -> np.ndarray:
    """(region, region) Q = D - W; a border that is listed twice counts once."""
    touch = np.zeros((n, n))
    touch[borders[:, 0], borders[:, 1]] = touch[borders[:, 1], borders[:, 0]] = 1.0
    return np.diag(touch.sum(axis=1)) - touch


def basis(n: int, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of `_basis`, kept for the next model on the same map."""
    pairs = np.ascontiguousarray(borders, np.int64)
    return _basis(n, pairs.tobytes())


@lru_cache(maxsize=4)
def _basis(n: int, pairs: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal directions (region, direction), and the structured variance along each.

    Structure has the covariance directions @ diag(variance) @ directions.T; it sums to zero in
    every connected part, whose constant direction has the variance 0.
    """
    borders = np.frombuffer(pairs, np.int64).reshape(-1, 2)
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
    directions.setflags(write=False)
    variance.setflags(write=False)
    return directions, variance


class Part:
    """One connected part of two regions or more: its Q without the first region, factorised.

    With G the inverse of that, padded by zeros, Q^- = P G P with P = I - 1/n.
    """

    def __init__(self, own: np.ndarray, borders: np.ndarray):
        from scipy.sparse import coo_matrix
        from scipy.sparse.linalg import splu

        inside = np.searchsorted(own, borders[np.isin(borders[:, 0], own)])
        inside = np.unique(np.sort(inside, axis=1), axis=0)
        n, e = own.size, len(inside)
        rows, signs = np.repeat(np.arange(e), 2), np.tile([1.0, -1.0], e)
        self.own = own
        self.difference: Any = coo_matrix((signs, (rows, inside.ravel())), shape=(e, n)).tocsr()
        q = (self.difference.T @ self.difference).tocsc()
        self.solver: Any = splu(q[1:, 1:].tocsc())

    def scale(self) -> float:
        """Geometric mean of the diagonal of Q^-."""
        n = self.own.size
        diagonal = np.zeros(n)
        mean = np.concatenate([[0.0], self.solver.solve(np.ones(n - 1))]) / n
        for first in range(0, n - 1, SOLVED_AT_ONCE):
            columns = np.arange(first, min(first + SOLVED_AT_ONCE, n - 1))
            unit = np.zeros((n - 1, columns.size))
            unit[columns, np.arange(columns.size)] = 1.0
            diagonal[columns + 1] = self.solver.solve(unit)[columns, np.arange(columns.size)]
        return float(np.exp(np.mean(np.log(diagonal - 2.0 * mean + mean.mean()))))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(region,) normal with the covariance Q^-: Q^- B' z, since Q = B' B."""
        z = self.difference.T @ rng.normal(size=self.difference.shape[0])
        out = np.concatenate([[0.0], self.solver.solve(z[1:])])
        return out - out.mean()


@lru_cache(maxsize=4)
def _parts(n: int, pairs: bytes) -> tuple[tuple[Part, float], ...]:
    borders = np.frombuffer(pairs, np.int64).reshape(-1, 2)
    found = [Part(own, borders) for own in components(n, borders) if own.size > 1]
    return tuple((part, part.scale()) for part in found)


def parts(n: int, borders: np.ndarray) -> tuple[tuple[Part, float], ...]:
    """Connected parts of two regions or more, each with its scale; without a dense matrix."""
    return _parts(n, np.ascontiguousarray(borders, np.int64).tobytes())
