"""Effects with a known covariance, all of it or a share: `icar`, `bym2`, `phylo`.

    effect ~ normal(0, sd^2 (share C + (1 - share) I)),    C = V diag(d) V'

V is orthonormal, so that the effects are V c with c[k] ~ normal(0, s[k]) independent and
s[k] = sd sqrt(share d[k] + 1 - share): exact, whatever the share. Where all has structure the
share is 1, and directions with d = 0 are left out: along them the effects sum to zero.

Each c[k] is sampled as x[k] = c[k] sqrt(1 / s[k]^2 + told[k]), told from how much the data can tell
about its direction, as levels of groups are.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit

from occupancy.columns.blocks import Memory, Reader
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import POSITIVE, SHARE, Functions
from occupancy.priors.prior import Prior
from occupancy.varying.base import SETTLED, Face, Fresh, Hyper, State, Varying
from occupancy.varying.group import new_levels, row_keys

_HALF_LOG_TWO_PI = 0.9189385332046727
# whole: whether there is a share, directions, then the row of the basis of each effect
# real: d of each direction, what is told of each, then the basis row by row


# Sums of products may be regrouped, which is what lets them be done four at a time.
@njit(error_model="numpy", cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b):
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@njit(error_model="numpy", cache=True)
def _along(natural, raw, whole, real, c):
    """Fill the coefficients of the directions; the log density of raw."""
    m = whole[1]
    share = natural[1] if whole[0] else 1.0
    total = -_HALF_LOG_TWO_PI * m
    for k in range(m):
        s = natural[0] * math.sqrt(share * real[k] + (1.0 - share))
        more = 1.0 + real[m + k] * s * s
        c[k] = s / math.sqrt(more) * raw[k]
        total -= 0.5 * (raw[k] * raw[k] / more + math.log(more))
    return total


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    m = whole[1]
    c = np.empty(m)
    total = _along(natural, raw, whole, real, c)
    for e in range(effect.size):
        first = 2 * m + whole[2 + e] * m
        effect[e] = _dot(real[first : first + m], c)
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    m = whole[1]
    share = natural[1] if whole[0] else 1.0
    sd = natural[0]
    g = np.zeros(m)
    for e in range(effect.size):
        first = 2 * m + whole[2 + e] * m
        own = slope[e]
        for k in range(m):
            g[k] += own * real[first + k]
    to_sd, to_share = 0.0, 0.0
    for k in range(m):
        variance = share * real[k] + (1.0 - share)
        s = sd * math.sqrt(variance)
        known = real[m + k] * s * s
        rest = 1.0 / (1.0 + known)  # of the prior in the posterior precision
        size = s * math.sqrt(rest)
        d_raw[k] = size * g[k] - rest * raw[k]
        along = rest * (g[k] * size * raw[k] + known * (rest * raw[k] * raw[k] - 1.0))  # by log s
        to_sd += along
        to_share += 0.5 * along * (real[k] - 1.0) / variance
    d_natural[0] += to_sd / sd
    if whole[0]:
        d_natural[1] += to_share


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    m = whole[1]
    c = np.empty(m)
    _along(natural, raw, whole, real, c)
    for e in range(out.size):
        first = 2 * m + e * m
        out[e] = _dot(real[first : first + m], c)


@dataclass(frozen=True)
class Spectral(Varying):
    """Effects of levels whose covariance is known but for an sd, and a share.

    `levels` are all that have a place in the covariance; `met` those that the surveys have, in
    the order of the levels.
    """

    node: Node
    levels: tuple[str, ...]
    met: tuple[int, ...]
    memory: Memory
    centring: float | None = None

    functions = Functions(forward, adjoint, weights)

    @property
    @abstractmethod
    def shared(self) -> Prior | None:
        """Prior of the share with structure; None where all has it."""

    @abstractmethod
    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Directions (level, direction) and the structured variance along each."""

    @cached_property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        directions, variance = self.spectrum()
        if self.shared is None:
            told = variance > 0.0
            directions, variance = directions[:, told], variance[told]
        return directions, variance

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.node.inside)

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        sd = Hyper("sd", POSITIVE, Prior("half_normal", (1.0,)))
        return (sd,) if self.shared is None else (sd, Hyper("share", SHARE, self.shared))

    @property
    def labels(self) -> tuple[str, ...]:
        return self.levels

    @property
    def n_raw(self) -> int:
        return self._spectrum[1].size

    @property
    def n_effect(self) -> int:
        return len(self.met)

    def _place(self, frame: Frame, n: int | None) -> np.ndarray:
        """(row,) place among the levels; -1 where a label has none."""
        known = {level: i for i, level in enumerate(self.levels)}
        keys, of_row = row_keys(Reader(self.memory, frame, n=n), self.by)
        return np.array([known.get(key[0], -1) for key in keys] or [-1], dtype=np.int64)[of_row]

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        effect = np.full(len(self.levels) + 1, -1)  # the last is for labels without a place
        effect[list(self.met)] = np.arange(len(self.met))
        return (Face(effect[self._place(frame, n)]),)

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        directions, variance = self._spectrum
        told = np.zeros(variance.size)
        if self.centring is not None:
            told += self.centring * SETTLED
        elif information is not None:
            told = information @ directions[list(self.met)] ** 2
        whole = np.array([self.shared is not None, variance.size, *self.met], np.int64)
        return whole, np.concatenate([variance, told, directions.ravel()])

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights[:, list(self.met)]

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        place = self._place(frame, n)
        out = weights[:, place]
        new = place < 0
        if new.any():
            out[:, new] = natural[:, :1] * new_levels(frame, self.by, new, fresh)
        return out

    def draw(self, natural: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        directions, variance = self._spectrum
        share = 1.0 if self.shared is None else natural[1]
        s = natural[0] * np.sqrt(share * variance + 1.0 - share)
        return directions @ (s * rng.normal(size=s.size))

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        directions, variance = self._spectrum
        told = real[variance.size : 2 * variance.size]
        share = hypers[1] if self.shared is not None else 1.0
        s = hypers[0] * pt.sqrt(share * variance + (1.0 - share))
        wider = pt.sqrt(1.0 + told * s**2)
        raw = pm.Normal(name, 0.0, wider, shape=variance.size)
        kept = pt.as_tensor(directions) @ (s / wider * raw)
        return kept[np.array(self.met)], kept

    def to_state(self) -> State:
        return {"name": self.name, "levels": list(self.levels), "met": list(self.met)}
