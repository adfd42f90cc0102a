"""Adaptive Gauss-Hermite quadrature: the marginal likelihood where effects come in small parts.

Where the effects of each level are independent of those of all others, and are one or two, the
integral over them all is a product of integrals over one or two variables:

    L_part = sum_k w_k exp(x_k^2) f(u + sqrt(2) C x_k) |sqrt(2) C|        C C' = A^-1 of the part

All parts are evaluated at once, node by node. At nodes that stay where they are the gradient is
the mean of the slopes under the weights that the nodes have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.engines.laplace import Mode
from occupancy.engines.latent import Latent

LARGEST_PART = 2  # raw effects
FIRST_NODES, MORE_NODES = 15, (15, 25, 41, 61)
MOST_NODES = {1: 61, 2: 41}  # for each direction
ENOUGH = 1e-4  # log-likelihood units that more nodes may change


def parts(latent: Latent) -> np.ndarray | None:
    """(part, 2) raw effects of each independent part, -1 where it has one; None where some have
    more.
    """
    of_raw = latent.component[1]
    count = np.bincount(of_raw)
    if count.size == 0 or count.max() > LARGEST_PART:
        return None
    order = np.argsort(of_raw, kind="stable")
    first = np.cumsum(count) - count
    out = np.full((count.size, 2), -1)
    out[:, 0] = order[first]
    two = count == 2
    out[two, 1] = order[first[two] + 1]
    return out


@dataclass(frozen=True)
class Nodes:
    """Nodes of all parts at once.

    Attributes
    ----------
    raw : (node, raw)
    log_weight : (node, part)
        -inf at nodes that a part does not have.
    """

    latent: Latent
    raw: np.ndarray
    log_weight: np.ndarray

    def value_gradient(self, outer: np.ndarray) -> tuple[float, np.ndarray]:
        """Log marginal likelihood and its gradient, the nodes held."""
        total, gradient, _ = self.evaluate(outer)
        return total, gradient

    def evaluate(self, outer: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The same, and the (node, part) logarithms of what the nodes add."""
        latent = self.latent
        theta, hyper = latent.split(outer)
        base, matrix = latent.fixed_part(theta), latent.matrix(hyper)
        slopes = latent.matrix_slopes(hyper)
        of_effect, of_raw, of_chain = latent.component
        inside = of_chain >= 0
        n_part = self.log_weight.shape[1]
        part_of_row = np.where(inside, of_chain, n_part)[latent.chain]
        sums = _Sums(n_part, part_of_row, len(slopes))
        logs = np.empty_like(self.log_weight)
        outside = 0.0
        for k, (raw, log_weight) in enumerate(zip(self.raw, self.log_weight, strict=True)):
            point = latent.at(base + latent.gather @ (matrix @ raw))
            if not np.isfinite(point.by_chain).all():  # so far out that nothing is left
                logs[k] = -np.inf
                continue
            own = np.bincount(of_chain[inside], weights=point.by_chain[inside], minlength=n_part)
            prior = -0.5 * raw * (latent.precision @ raw)
            own += np.bincount(of_raw, weights=prior, minlength=n_part)
            logs[k] = log_weight + own
            outside = float(point.by_chain[~inside].sum())
            along = latent.scatter @ point.slope
            by_hyper = [
                np.bincount(of_effect, weights=along * (d @ raw), minlength=n_part) for d in slopes
            ]
            sums.add(logs[k], point.slope, by_hyper)
        value, row, by_hyper = sums.told()
        gradient = np.concatenate([latent.along_columns(row), by_hyper])
        return value + outside + latent.log_normaliser, gradient, logs


class _Sums:
    """Sums over nodes of weights, and of slopes under them, relative to the largest weight."""

    def __init__(self, n_part: int, part_of_row: np.ndarray, n_hyper: int):
        self.part_of_row = part_of_row  # n_part where a row belongs to none
        self.top, self.total = np.full(n_part, -np.inf), np.zeros(n_part)
        self.rows, self.by_hyper = np.zeros(part_of_row.size), np.zeros((n_hyper, n_part))
        self.loose = part_of_row == n_part

    def add(self, logs: np.ndarray, slope: np.ndarray, by_hyper: list[np.ndarray]) -> None:
        higher = np.maximum(self.top, logs)
        at = np.where(np.isfinite(higher), higher, 0.0)
        fade, weight = np.exp(self.top - at), np.exp(logs - at)
        self.top, self.total = higher, self.total * fade + weight
        self.rows *= np.append(fade, 0.0)[self.part_of_row]
        self.rows += np.append(weight, 1.0)[self.part_of_row] * slope
        for k, own in enumerate(by_hyper):
            self.by_hyper[k] = self.by_hyper[k] * fade + weight * own

    def told(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Value, slopes of the rows, slopes along the hyper-parameters."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float((self.top + np.log(self.total)).sum())
            share = 1.0 / self.total
            return value, self.rows * np.append(share, 1.0)[self.part_of_row], self.by_hyper @ share


def nodes_about(mode: Mode, members: np.ndarray, n: int) -> Nodes:
    """Nodes about the modes of all parts, ``n`` for each direction."""
    latent = mode.latent
    x, w = np.polynomial.hermite.hermgauss(n)
    log_w = np.log(w) + x * x
    first, second = members[:, 0], members[:, 1]
    two = second >= 0
    a, b, c = _covariances(mode, members)
    lower = np.sqrt(a)
    cross = np.where(two, c / lower, 0.0)
    rest = np.sqrt(np.where(two, b - cross**2, 1.0))
    grid = [(i, j) for i in range(n) for j in (range(n) if two.any() else range(1))]
    raw = np.tile(mode.raw, (len(grid), 1))
    log_weight = np.empty((len(grid), len(members)))
    scale = np.sqrt(2.0)
    for k, (i, j) in enumerate(grid):
        raw[k, first] += scale * lower * x[i]
        raw[k, second[two]] += scale * (cross * x[i] + rest * x[j])[two]
        one = log_w[i] + np.log(scale * lower)
        log_weight[k] = np.where(two, one + log_w[j] + np.log(scale * rest), one)
        if j:
            log_weight[k, ~two] = -np.inf
    return Nodes(latent, raw, log_weight)


def _covariances(mode: Mode, members: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(part,) variance of the first raw effect, of the second, and their covariance."""
    first, second = members[:, 0], members[:, 1]
    two = second >= 0
    one = np.zeros((mode.raw.size, 2))
    one[first, 0] = 1.0
    one[second[two], 1] = 1.0
    solved = mode.factor.solve(one)
    a = solved[first, 0]
    b = np.where(two, solved[np.maximum(second, 0), 1], 1.0)
    c = np.where(two, solved[np.maximum(second, 0), 0], 0.0)
    return a, b, c
