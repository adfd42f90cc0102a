"""`(1 + ele | region)`: effects of each level that vary together, with a correlation between them.

    effect[:, l] ~ normal(0, S),    S = diag(sd) L L' diag(sd)

The correlation matrix L L' has an LKJ(eta) prior (Lewandowski, Kurowicka and Joe 2009), by its
partial correlations c[i, j]: they are independent, (1 + c[i, j]) / 2 ~ beta(b, b) with
b = eta + (k - 2 - j) / 2, and

    L[i, j] = c[i, j] sqrt(r[i, j]),   r[i, 0] = 1,   r[i, j + 1] = r[i, j] (1 - c[i, j]^2)

Effects lie one after the other, each with all its levels. Given those before, an effect of a level
is normal, and it is sampled as a season of ``occupancy.varying.ar1`` is given the season before; a
shift of all levels is turned into a coordinate of its own, as in ``occupancy.varying.group``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from occupancy.columns.blocks import Memory, Reader, effect_columns, effect_labels
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import POSITIVE, SIGNED, Functions
from occupancy.priors.prior import Prior
from occupancy.varying.base import (
    SETTLED,
    TYPICAL_SD,
    Face,
    Fresh,
    Hyper,
    State,
    Varying,
    mean_square,
)
from occupancy.varying.group import (
    GroupDesign,
    Key,
    learn_levels,
    new_levels,
    refuse_levels,
    row_keys,
    turn,
    turned,
)
from surveys.problems import ModelError

_HALF_LOG_TWO_PI = 0.9189385332046727
ETA = 2.0  # of the LKJ prior: correlations near -1 and 1 are unlikely


@njit(error_model="numpy", cache=True)
def _factor(partial, k, lower, rest):
    """Fill L and r from partial correlations, row by row."""
    at = 0
    for i in range(k):
        r = 1.0
        for j in range(i):
            c = partial[at]
            rest[i, j] = r
            lower[i, j] = c * math.sqrt(r)
            r *= 1.0 - c * c
            at += 1
        rest[i, i] = r
        lower[i, i] = math.sqrt(r)


@njit(error_model="numpy", cache=True)
def _turn(turns, unit, given, out):
    if turns:
        turn(given, unit, out)
    else:
        out[:] = given


@njit(error_model="numpy", cache=True)
def _conditional(sd, lower, z, i):
    """Mean and sd of effect ``i`` of a level, given its effects before."""
    expected = 0.0
    for j in range(i):
        expected += lower[i, j] * z[j]
    return sd * expected, sd * lower[i, i]


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    k = whole[0]
    n = raw.size // k
    lower, rest = np.zeros((k, k)), np.zeros((k, k))
    _factor(natural[k:], k, lower, rest)
    given, raw = raw, np.empty(raw.size)
    for i in range(k):
        at = slice(i * n, (i + 1) * n)
        _turn(whole[1], real[at], given[at], raw[at])
    told = real[raw.size :]
    z = np.empty(k)
    total = -_HALF_LOG_TWO_PI * raw.size
    for q in range(n):
        for i in range(k):
            o = i * n + q
            expected, spread = _conditional(natural[i], lower, z, i)
            share = 1.0 / (1.0 + told[o] * spread * spread)
            root = math.sqrt(share)
            effect[o] = share * expected + spread * root * raw[o]
            z[i] = root * raw[o] - (1.0 - share) * expected / spread
            total += 0.5 * (math.log(share) - z[i] * z[i])
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    k = whole[0]
    n = raw.size // k
    lower, rest = np.zeros((k, k)), np.zeros((k, k))
    _factor(natural[k:], k, lower, rest)
    d_lower = np.zeros((k, k))
    told = real[raw.size :]
    z, d_z = np.empty(k), np.empty(k)
    given, raw, d_given, d_raw = raw, np.empty(raw.size), d_raw, np.empty(raw.size)
    for i in range(k):
        at = slice(i * n, (i + 1) * n)
        _turn(whole[1], real[at], given[at], raw[at])
    for q in range(n):
        for i in range(k):
            o = i * n + q
            expected, spread = _conditional(natural[i], lower, z, i)
            z[i] = (effect[o] - expected) / spread
            d_z[i] = -z[i]
        for i in range(k - 1, -1, -1):
            o = i * n + q
            expected, spread = _conditional(natural[i], lower, z, i)
            share = 1.0 / (1.0 + told[o] * spread * spread)
            root, rest_share = math.sqrt(share), 1.0 - share
            d_share = -2.0 * share * rest_share / spread  # by spread
            d_raw[o] = root * (slope[o] * spread + d_z[i])
            d_expected = slope[o] * share - d_z[i] * rest_share / spread
            d_spread = slope[o] * (expected * d_share + raw[o] * share * root)
            d_spread += d_z[i] * d_share * (0.5 * raw[o] / root + expected / spread)
            d_spread += d_z[i] * rest_share * expected / (spread * spread) - rest_share / spread
            d_natural[i] += (d_spread * spread + d_expected * expected) / natural[i]
            d_lower[i, i] += d_spread * natural[i]
            for j in range(i):
                d_lower[i, j] += d_expected * natural[i] * z[j]
                d_z[j] += d_expected * natural[i] * lower[i, j]
    for i in range(k):
        at = slice(i * n, (i + 1) * n)
        _turn(whole[1], real[at], d_raw[at], d_given[at])
    pair = (k * (k - 1)) // 2
    for i in range(k - 1, -1, -1):
        d_rest = d_lower[i, i] * 0.5 / lower[i, i]
        for j in range(i - 1, -1, -1):
            pair -= 1
            c, r = natural[k + pair], rest[i, j]
            d_natural[k + pair] += d_lower[i, j] * math.sqrt(r) - 2.0 * c * r * d_rest
            d_rest = d_rest * (1.0 - c * c) + d_lower[i, j] * c * 0.5 / math.sqrt(r)


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    forward(natural, raw, whole, real, out)


@dataclass(frozen=True)
class Correlated(Varying):
    """Effects of one grouping that vary together.

    `effects` names what varies ("1" for the level itself); `spreads` are the sds of what the
    effects multiply, over the rows that count.
    """

    node: Node
    effects: tuple[str, ...]
    keys: tuple[Key, ...]
    spreads: tuple[float, ...]
    memory: Memory
    centring: float | None = None

    kind = "correlated"
    functions = Functions(forward, adjoint, weights)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.node.by)

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels in natural order: "north", "north/park1"."""
        return tuple("/".join(key) for key in self.keys)

    @property
    def alone(self) -> tuple[GroupDesign, ...]:
        """Each effect as if it varied by itself; its weights are those of its place."""
        out, by = [], self.by
        for effect in self.node.effects:
            labels = ("Intercept",) if effect is None else effect_labels(effect, self.memory, {})
            for column, label in enumerate(labels):
                name = "/".join(by) if effect is None else f"{label}|{'/'.join(by)}"
                spread = self.spreads[len(out)]
                out.append(
                    GroupDesign(name, by, label, self.keys, spread, self.memory, effect, column)
                )
        return tuple(out)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(i, j) of each partial correlation, in the order of the hyper-parameters."""
        return tuple((i, j) for i in range(len(self.effects)) for j in range(i))

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        k = len(self.effects)
        scales = [float(f"{1.0 / s:.10g}") for s in self.spreads]
        out = [
            Hyper("sd", POSITIVE, Prior("half_normal", (s,)), e, spread=1.0 / s, slope=e != "1")
            for e, s in zip(self.effects, scales, strict=True)
        ]
        for i, j in self.pairs:
            b = ETA + (k - 2 - j) / 2
            name = "partial_correlation" if j else "correlation"
            label = f"{self.effects[j]} {self.effects[i]}"
            out.append(Hyper(name, SIGNED, Prior("beta", (b, b)), label, (k - 2 - j) / 2))
        return tuple(out)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"{effect}, {level}" for effect in self.effects for level in self.levels)

    @property
    def leaning(self) -> tuple[tuple[int, int], ...]:
        n = len(self.keys)
        return tuple((j * n, (j + 1) * n) for j in range(len(self.effects)))

    def _values(self, frame: Frame, n: int | None) -> list[np.ndarray | None]:
        reader = Reader(self.memory, frame, n=n)
        return _columns(self.node, reader)

    def _index(self, frame: Frame, n: int | None) -> np.ndarray:
        known = {key: i for i, key in enumerate(self.keys)}
        keys, of_row = row_keys(Reader(self.memory, frame, n=n), self.by)
        return np.array([known.get(key, -1) for key in keys] or [-1], dtype=np.int64)[of_row]

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        index, size = self._index(frame, n), len(self.keys)
        return tuple(
            Face(np.where(index < 0, -1, index + j * size), value)
            for j, value in enumerate(self._values(frame, n))
        )

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        k, n = len(self.effects), len(self.keys)
        told = np.zeros((k, n)) if information is None else information.reshape(k, n)
        if self.centring is not None:
            told = np.full((k, n), self.centring * SETTLED)
        shift = np.sqrt((np.array(self.spreads)[:, None] / TYPICAL_SD) ** 2 + told)
        unit = shift / np.linalg.norm(shift, axis=1, keepdims=True)
        # integrals over one level at a time need levels that are not turned into each other
        return np.array([k, information is not None]), np.concatenate([unit.ravel(), told.ravel()])

    def correlation(self, natural: np.ndarray) -> np.ndarray:
        """(draw, effect, effect) correlation matrices."""
        lower = self._lower(natural)
        return lower @ lower.transpose(0, 2, 1)

    def _lower(self, natural: np.ndarray) -> np.ndarray:
        k = len(self.effects)
        lower, rest = np.zeros((len(natural), k, k)), np.ones((len(natural), k))
        for at, (i, j) in enumerate(self.pairs):
            c = natural[:, k + at]
            lower[:, i, j] = c * np.sqrt(rest[:, i])
            rest[:, i] *= 1.0 - c**2
        lower[:, range(k), range(k)] = np.sqrt(rest)
        return lower

    def spread_over(
        self, natural: np.ndarray, weights: np.ndarray, faces: tuple[Face, ...]
    ) -> np.ndarray:
        sds = natural[:, : len(self.effects)]
        square = np.array([[mean_square(a, b) for b in faces] for a in faces])
        return np.einsum("di,dij,dj,ij->d", sds, self.correlation(natural), sds, square)

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        index, size = self._index(frame, n), len(self.keys)
        new = index < 0
        drawn = None
        if new.any():
            unit = [
                new_levels(frame, self.by, new, lambda label, e=e: fresh(f"{e} {label}"))
                for e in self.effects
            ]
            sds = natural[:, : len(self.effects)]
            drawn = np.einsum("dij,jdr->idr", self._lower(natural), np.stack(unit))
            drawn *= sds.T[:, :, None]
        out = np.zeros((len(weights), n))
        for j, value in enumerate(self._values(frame, n)):
            at = np.zeros((len(weights), n))
            at[:, ~new] = weights[:, j * size + index[~new]]
            if drawn is not None:
                at[:, new] = drawn[j]
            out += at if value is None else at * value
        return out

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        k, n = len(self.effects), len(self.keys)
        sd, partial = hypers[:k], dict(zip(self.pairs, hypers[k:], strict=True))
        lower: list[list[Any]] = [[0.0] * k for _ in range(k)]
        for i in range(k):
            rest: Any = 1.0
            for j in range(i):
                lower[i][j] = partial[i, j] * rest**0.5
                rest = rest * (1.0 - partial[i, j] ** 2)
            lower[i][i] = pt.as_tensor(rest) ** 0.5
        units, told = (part.reshape(k, n) for part in np.split(real, 2))
        raw = pm.Flat(name, shape=k * n)
        z: list[Any] = []
        each: list[Any] = []
        density: Any = -_HALF_LOG_TWO_PI * k * n
        for i in range(k):
            row = raw[i * n : (i + 1) * n]
            row = turned(units[i]) @ row if whole[1] else row
            before = sum((lower[i][j] * z[j] for j in range(i)), pt.zeros(n))
            expected, spread = sd[i] * before, sd[i] * lower[i][i]
            share = 1.0 / (1.0 + told[i] * spread**2)
            each.append(share * expected + spread * pt.sqrt(share) * row)
            z.append(pt.sqrt(share) * row - (1.0 - share) * expected / spread)
            density += 0.5 * pt.sum(pt.log(share) - z[i] ** 2)
        pm.Potential(f"{name}_density", density)
        effect = pt.concatenate(each)
        return effect, effect

    def to_state(self) -> State:
        return {
            "name": self.name,
            "effects": list(self.effects),
            "levels": [list(k) for k in self.keys],
            "spreads": list(self.spreads),
        }

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Correlated:
        keys = learn_levels(tuple(c.name for c in node.by), reader)
        columns = _columns(node, reader)
        spreads, names = [], _names(node, reader.memory)
        for label, column in zip(names, columns, strict=True):
            spread = 1.0 if column is None else float(np.std(column, ddof=1))
            if column is not None and not spread > 1e-12 * np.abs(column).max():
                raise ModelError(f"{label} is the same in every survey that counts.")
            spreads.append(spread)
        return cls(node, names, keys, tuple(spreads), reader.memory)

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Correlated:
        keys = tuple(tuple(key) for key in state["levels"])
        return cls(node, tuple(state["effects"]), keys, tuple(state["spreads"]), memory)


def _names(node: Node, memory: Memory) -> tuple[str, ...]:
    out: list[str] = []
    for effect in node.effects:
        if effect is None:
            out.append("1")
            continue
        refuse_levels(effect, node.by, memory)
        out += effect_labels(effect, memory, {})
    return tuple(out)


def _columns(node: Node, reader: Reader) -> list[np.ndarray | None]:
    """What each effect multiplies; None for the level itself."""
    out: list[np.ndarray | None] = []
    for effect in node.effects:
        if effect is None:
            out.append(None)
            continue
        refuse_levels(effect, node.by, reader.memory)
        block = effect_columns(effect, reader, {})
        out += [np.ascontiguousarray(column) for column in block.T]
    return out
