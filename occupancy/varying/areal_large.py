"""Effects of many regions that touch: the same model as `areal`, by borders, not directions.

Raw numbers x stand for u = x less its mean in each connected part, which is what u has to be; the
mean itself has a density of its own, which nothing else depends on. The density of u is

    -(1 / 2) scale sum over borders (u[a] - u[b])^2

For `icar` u is sampled as effect sqrt(1 / sd^2 + told), told from how much the data can tell about
a region on average, as levels of groups are; for `bym2` effect = sd (sqrt(share) u + sqrt(1 -
share) v), with v sampled beside u.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from occupancy.kernel.varying import Functions
from occupancy.priors.prior import Prior
from occupancy.varying.areal import SHARE_WITH_STRUCTURE, Icar
from occupancy.varying.base import SETTLED, SMALL_STEPS
from occupancy.varying.graph_of_regions import parts

_HALF_LOG_TWO_PI = 0.9189385332046727
# whole: whether there is a share, regions, parts, borders, then the part of each region (-1: it has
# no neighbours), both ends of each border, and the region of each effect
# real: told, then the scale of each part and its regions


@njit(error_model="numpy", cache=True)
def _level(x, whole, real, u, mean):
    """Fill u, and the mean of each part."""
    n, n_part = whole[1], whole[2]
    for c in range(n_part):
        mean[c] = 0.0
    for i in range(n):
        if whole[4 + i] >= 0:
            mean[whole[4 + i]] += x[i] / real[1 + n_part + whole[4 + i]]
    for i in range(n):
        u[i] = x[i] if whole[4 + i] < 0 else x[i] - mean[whole[4 + i]]


@njit(error_model="numpy", cache=True)
def _structured(natural, x, whole, real, u, d_u):
    """Log density of x; fill u and the slopes of the density along it; and along log sd."""
    n, n_part, n_border = whole[1], whole[2], whole[3]
    known = real[0] * natural[0] * natural[0]
    mean = np.empty(n_part)
    _level(x, whole, real, u, mean)
    precision = 1.0 / (1.0 + known)
    total, square, free = 0.0, 0.0, 0.0
    for i in range(n):
        d_u[i] = 0.0
    for c in range(n_part):
        size = real[1 + n_part + c]
        total -= 0.5 * size * mean[c] * mean[c]
        free += size - 1.0
    for i in range(n):
        if whole[4 + i] < 0:
            square += u[i] * u[i]
            d_u[i] -= precision * u[i]
            free += 1.0
    first = 4 + n
    for b in range(n_border):
        one, other = whole[first + 2 * b], whole[first + 2 * b + 1]
        scale = real[1 + whole[4 + one]]
        gap = u[one] - u[other]
        square += scale * gap * gap
        d_u[one] -= precision * scale * gap
        d_u[other] += precision * scale * gap
    total -= 0.5 * (precision * square + free * math.log(1.0 + known))
    return total, precision * known * (precision * square - free)


@njit(error_model="numpy", cache=True)
def _fill(natural, raw, whole, real, u, out, rows):
    n = whole[1]
    if whole[0]:
        a = natural[0] * math.sqrt(natural[1])
        b = natural[0] * math.sqrt(1.0 - natural[1])
        for e in range(out.size):
            out[e] = a * u[rows[e]] + b * raw[n + rows[e]]
    else:
        a = natural[0] / math.sqrt(1.0 + real[0] * natural[0] * natural[0])
        for e in range(out.size):
            out[e] = a * u[rows[e]]


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    n = whole[1]
    u, d_u = np.empty(n), np.empty(n)
    total, _ = _structured(natural, raw[:n], whole, real, u, d_u)
    for i in range(n, raw.size):
        total -= 0.5 * raw[i] * raw[i] + _HALF_LOG_TWO_PI
    _fill(natural, raw, whole, real, u, effect, whole[4 + n + 2 * whole[3] :])
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    n, n_part = whole[1], whole[2]
    u, d_u = np.empty(n), np.empty(n)
    _, along = _structured(natural, raw[:n], whole, real, u, d_u)
    rows = whole[4 + n + 2 * whole[3] :]
    for i in range(n, raw.size):
        d_raw[i] = -raw[i]
    sd = natural[0]
    if whole[0]:
        share = natural[1]
        a, b = math.sqrt(share), math.sqrt(1.0 - share)
        for e in range(effect.size):
            q = rows[e]
            d_u[q] += slope[e] * sd * a
            d_raw[n + q] += slope[e] * sd * b
            d_natural[1] += 0.5 * slope[e] * sd * (u[q] / a - raw[n + q] / b)
            along += slope[e] * effect[e]
    else:
        share = 1.0 / (1.0 + real[0] * sd * sd)  # of the prior in the posterior precision
        change = sd * math.sqrt(share)
        for e in range(effect.size):
            d_u[rows[e]] += slope[e] * change
            along += share * slope[e] * effect[e]
    d_natural[0] += along / sd
    # through x less its mean, and the density of the mean
    mean, level = np.zeros(n_part), np.zeros(n_part)
    for i in range(n):
        c = whole[4 + i]
        if c >= 0:
            size = real[1 + n_part + c]
            mean[c] += d_u[i] / size
            level[c] += raw[i] / size
    for i in range(n):
        c = whole[4 + i]
        d_raw[i] = d_u[i] if c < 0 else d_u[i] - mean[c] - level[c]


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    n = whole[1]
    u, mean = np.empty(n), np.empty(whole[2])
    _level(raw[:n], whole, real, u, mean)
    _fill(natural, raw, whole, real, u, out, np.arange(n))


@dataclass(frozen=True)
class LargeIcar(Icar):
    """Effects of many regions on a graph, smooth over borders."""

    functions = Functions(forward, adjoint, weights)

    @property
    def n_raw(self) -> int:
        return len(self.levels) * (1 if self.shared is None else 2)

    @property
    def acceptance(self) -> float:
        return SMALL_STEPS

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        n, found = len(self.levels), parts(len(self.levels), self.borders)
        part = np.full(n, -1)
        for c, (own, _) in enumerate(found):
            part[own.own] = c
        told = 0.0
        if self.shared is None and self.centring is not None:
            told = self.centring * SETTLED
        elif self.shared is None and information is not None:
            told = float(information.mean())
        borders = np.unique(np.sort(self.borders, axis=1), axis=0)
        head = [self.shared is not None, n, len(found), len(borders)]
        whole = np.concatenate([head, part, borders.ravel(), self.met]).astype(np.int64)
        scales, sizes = [scale for _, scale in found], [own.own.size for own, _ in found]
        return whole, np.array([told, *scales, *sizes], np.float64)

    def draw(self, natural: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        u = rng.normal(size=len(self.levels))
        for part, scale in parts(len(self.levels), self.borders):
            u[part.own] = part.draw(rng) / math.sqrt(scale)
        if self.shared is None:
            return natural[0] * u
        v = rng.normal(size=u.size)
        return natural[0] * (math.sqrt(natural[1]) * u + math.sqrt(1.0 - natural[1]) * v)

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        n, n_part, n_border = (int(k) for k in whole[1:4])
        part = whole[4 : 4 + n]
        one, other = whole[4 + n : 4 + n + 2 * n_border].reshape(-1, 2).T
        told, scale = real[0], real[1 : 1 + n_part]
        share = np.zeros((n_part, n))  # of each region in the mean of its part
        for c in range(n_part):
            share[c, part == c] = 1.0 / real[1 + n_part + c]
        raw: Any = pm.Flat(name, shape=self.n_raw)
        x, sd = raw[:n], hypers[0]
        mean = pt.as_tensor(share) @ x
        level = pt.concatenate([mean, pt.zeros(1)])[np.where(part < 0, n_part, part)]
        u = x - level
        square = pt.sum(scale[part[one]] * (u[one] - u[other]) ** 2)
        square = square + pt.sum(u[np.flatnonzero(part < 0)] ** 2)
        more = 1.0 + told * sd**2  # posterior precision in units of the prior's
        density = -0.5 * (square / more + (n - n_part) * pt.log(more))
        density = density - 0.5 * pt.sum(real[1 + n_part :] * mean**2)
        if self.shared is None:
            kept = sd / pt.sqrt(more) * u
        else:
            v = raw[n:]
            density = density - 0.5 * pt.sum(v**2) - _HALF_LOG_TWO_PI * n
            kept = sd * (pt.sqrt(hypers[1]) * u + pt.sqrt(1.0 - hypers[1]) * v)
        pm.Potential(f"{name}_density", density)
        return kept[np.array(self.met)], kept


@dataclass(frozen=True)
class LargeBym2(LargeIcar):
    """Effects of many regions, in part smooth over borders, in part each for itself."""

    kind = "bym2"

    @property
    def shared(self) -> Prior | None:
        return SHARE_WITH_STRUCTURE
