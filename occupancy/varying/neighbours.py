"""`space(kind="nngp")`: a field in which each place depends on its nearest neighbours before it.

    effect[i] = sum_j A[i, j] effect[neighbour j of i] + sd s[i] z[i],      z ~ normal(0, 1)

Places stand in an order in which each is as far as can be from those before it (maximin; Guinness
2018), and the neighbours of a place are the nearest of those (Datta and others 2016). With C the
correlations among the neighbours and c those with them, A = C^-1 c and s^2 = 1 - c' A.

A and s depend on one number, the range. They are computed exactly, with their derivatives, at
ranges a seventh apart in the logarithm, and between these by cubic Hermite interpolation, whose
error is about 1e-5: no matrix is factorised while sampling. Elsewhere a field is told from the
nearest surveyed places (kriging) with the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit

from occupancy.columns.blocks import Memory
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import Functions
from occupancy.varying.base import Face, Fresh, Hyper, State, Varying
from occupancy.varying.situated import Field, correlation, fresh_of_places, smoothness_allowed

_HALF_LOG_TWO_PI = 0.9189385332046727
ALLOWED = ("exponential", "matern32", "matern52")
STEP = 1.0 / 7.0  # of the logarithm of the range, from node to node
BEYOND = 4.0  # nodes reach from the prior's shortest range over this to its longest times this
JITTER = 1e-9  # on the diagonal of C: neighbours may nearly coincide
SAME = 1e-6  # kilometres within which two places are one
AT_ONCE = 2_000  # places whose neighbours are sought, or matrices solved, at one time
# places in `whole`: sizes, then the order of the places, then the neighbours of each in order
N_PLACE, N_NEAR, N_NODE, HEAD = range(4)


@njit(error_model="numpy", cache=True)
def _node(reach, whole, real, basis, change):
    """Node below a range, and the four cubics there with their slopes along log(range)."""
    first, step = real[0], real[1]
    t = (math.log(reach) - first) / step
    last = whole[N_NODE] - 1
    inside = 1.0
    if t < 0.0 or t > last:
        inside = 0.0  # beyond the nodes nothing changes any more
    t = min(max(t, 0.0), float(last))
    at = min(int(t), last - 1)
    x = t - at
    basis[0] = 1.0 + x * x * (2.0 * x - 3.0)
    basis[1] = step * x * (1.0 - x) * (1.0 - x)
    basis[2] = x * x * (3.0 - 2.0 * x)
    basis[3] = step * x * x * (x - 1.0)
    change[0] = inside * 6.0 * x * (x - 1.0) / step
    change[1] = inside * (1.0 - x) * (1.0 - 3.0 * x)
    change[2] = -change[0]
    change[3] = inside * x * (3.0 * x - 2.0)
    return at


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    n, k = whole[N_PLACE], whole[N_NEAR]
    order = whole[HEAD : HEAD + n]
    near = whole[HEAD + n :]
    basis, change = np.empty(4), np.empty(4)
    at = _node(natural[1], whole, real, basis, change)
    width = 2 * (k + 1)
    low = real[2 + at * n * width :]
    high = real[2 + (at + 1) * n * width :]
    b0, b1, b2, b3 = basis[0], basis[1], basis[2], basis[3]
    total = -_HALF_LOG_TWO_PI * n
    for i in range(n):
        o = i * width
        d = o + k + 1
        value = b0 * low[o + k] + b1 * low[d + k] + b2 * high[o + k] + b3 * high[d + k]
        value *= natural[0] * raw[i]
        for j in range(k):
            a = b0 * low[o + j] + b1 * low[d + j] + b2 * high[o + j] + b3 * high[d + j]
            value += a * effect[near[i * k + j]]
        effect[order[i]] = value
        total -= 0.5 * raw[i] * raw[i]
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    n, k = whole[N_PLACE], whole[N_NEAR]
    order = whole[HEAD : HEAD + n]
    near = whole[HEAD + n :]
    basis, change = np.empty(4), np.empty(4)
    at = _node(natural[1], whole, real, basis, change)
    width = 2 * (k + 1)
    low = real[2 + at * n * width :]
    high = real[2 + (at + 1) * n * width :]
    b0, b1, b2, b3 = basis[0], basis[1], basis[2], basis[3]
    c0, c1, c2, c3 = change[0], change[1], change[2], change[3]
    back = slope.copy()
    d_sd, d_log = 0.0, 0.0
    for i in range(n - 1, -1, -1):
        o = i * width
        d = o + k + 1
        g = back[order[i]]
        s = b0 * low[o + k] + b1 * low[d + k] + b2 * high[o + k] + b3 * high[d + k]
        moved = c0 * low[o + k] + c1 * low[d + k] + c2 * high[o + k] + c3 * high[d + k]
        d_raw[i] = g * natural[0] * s - raw[i]
        d_sd += g * s * raw[i]
        moved *= natural[0] * raw[i]
        for j in range(k):
            p = near[i * k + j]
            a = b0 * low[o + j] + b1 * low[d + j] + b2 * high[o + j] + b3 * high[d + j]
            by = c0 * low[o + j] + c1 * low[d + j] + c2 * high[o + j] + c3 * high[d + j]
            moved += by * effect[p]
            back[p] += a * g
        d_log += g * moved
    d_natural[0] += d_sd
    d_natural[1] += d_log / natural[1]


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    forward(natural, raw, whole, real, out)


@dataclass(frozen=True)
class Neighbours(Varying):
    """A field by nearest neighbours: one effect for each place.

    Attributes
    ----------
    field : where the places are, and what the field multiplies
    n_near : neighbours of each place
    """

    field: Field
    n_near: int

    kind = "space"
    is_field = True
    by = ()
    functions = Functions(forward, adjoint, weights)

    @property
    def name(self) -> str:
        return self.field.node.name

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        return self.field.hypers

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"{east:.3f},{north:.3f}" for east, north in self.field.places)

    @property
    def n_weight(self) -> int:
        return len(self.field.places)

    def describe(self) -> str:
        """How the field is computed, in a sentence."""
        return (
            f"{self.name}: nearest neighbours, {self.n_near} of each of {self.n_weight:,} places, "
            f"{self.field.smoothness}."
        )

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        return (Face(self.field.index(frame, n), self.field.value(frame, n)),)

    # ---------------------------------------------------------------- the numbers

    @cached_property
    def _ordered(self) -> tuple[np.ndarray, np.ndarray]:
        """(place,) places in order, and (place in order, neighbour) places; -1 for none."""
        order = maximin(self.field.places)
        return order, earlier_neighbours(self.field.places, order, self.n_near)

    @cached_property
    def nodes(self) -> np.ndarray:
        """(node,) logarithms of the ranges at which A and s are computed."""
        low = math.log(self.field.shortest / BEYOND)
        high = math.log(max(self.field.extent, self.field.shortest) * BEYOND)
        return low + STEP * np.arange(math.ceil((high - low) / STEP) + 2)

    @cached_property
    def _compiled(self) -> tuple[np.ndarray, np.ndarray]:
        order, near = self._ordered
        table = self._table(self.field.places[order], near)
        whole = np.concatenate(
            [[len(order), self.n_near, len(self.nodes)], order, np.maximum(near, 0).ravel()]
        )
        real = np.concatenate([[self.nodes[0], STEP], table.ravel()])
        return whole.astype(np.int64), real

    def _table(self, at: np.ndarray, near: np.ndarray) -> np.ndarray:
        """(node, place, value or slope along log(range), A of each neighbour and s)."""
        k = near.shape[1]
        out = np.empty((len(self.nodes), len(at), 2, k + 1))
        for lo in range(0, len(at), AT_ONCE):
            rows = slice(lo, lo + AT_ONCE)
            for g, log_range in enumerate(self.nodes):
                out[g, rows] = self._conditional(at[rows], near[rows], math.exp(log_range))
        return out

    def _conditional(self, at: np.ndarray, near: np.ndarray, reach: float) -> np.ndarray:
        """(place, 2, neighbour + 1) A and s at one range, and their slopes along its log."""
        there = self.field.places[np.maximum(near, 0)]  # (place, neighbour, 2)
        absent = near < 0
        among = np.sqrt(((there[:, :, None] - there[:, None, :]) ** 2).sum(axis=-1))
        to = np.sqrt(((there - at[:, None, :]) ** 2).sum(axis=-1))
        length, code = reach * self.field.length_per_range, self.field.code
        big, d_big = correlation(among, length, code)
        small, d_small = correlation(to, length, code)
        lone = absent[:, :, None] | absent[:, None, :]
        big, d_big = np.where(lone, 0.0, big), np.where(lone, 0.0, d_big)
        small, d_small = np.where(absent, 0.0, small), np.where(absent, 0.0, d_small)
        diagonal = np.arange(near.shape[1])
        big[:, diagonal, diagonal] = 1.0 + JITTER
        a = np.linalg.solve(big, small[..., None])[..., 0]
        moved = np.einsum("ijk,ik->ij", d_big, a)
        d_a = np.linalg.solve(big, (d_small - moved)[..., None])[..., 0]
        s = np.sqrt(np.maximum(1.0 + JITTER - (small * a).sum(axis=1), JITTER))
        d_s = ((moved - 2.0 * d_small) * a).sum(axis=1) / (2.0 * s)
        return np.stack([np.column_stack([a, s]), np.column_stack([d_a, d_s])], axis=1)

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        return self._compiled

    # ---------------------------------------------------------------- after sampling

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        at, value = self.field.at(frame, n), self.field.value(frame, n)
        out = np.full((len(weights), n), np.nan)
        known = np.flatnonzero(np.isfinite(at).all(axis=1))
        if known.size:
            near, distance = _nearest(self.field.places, at[known], self.n_near)
            there = distance[:, 0] <= SAME
            out[:, known[there]] = weights[:, near[there, 0]]
            new = known[~there]
            for lo in range(0, new.size, AT_ONCE):
                rows = new[lo : lo + AT_ONCE]
                own = near[~there][lo : lo + AT_ONCE]
                out[:, rows] = self._krige(natural, weights, at[rows], own, fresh)
        return out if value is None else out * value

    def _krige(self, natural, weights, at, near, fresh: Fresh) -> np.ndarray:
        """(draw, place) from the nearest surveyed places, with what these do not tell."""
        table = self._table(at, near)
        noise = fresh_of_places(at, fresh)
        out = np.empty((len(weights), len(at)))
        for d, (sd, reach) in enumerate(natural[:, :2]):
            g, basis = self._cubics(reach)
            parts = (table[g, :, 0], table[g, :, 1], table[g + 1, :, 0], table[g + 1, :, 1])
            both = sum(b * part for b, part in zip(basis, parts, strict=True))
            out[d] = (both[:, :-1] * weights[d][near]).sum(axis=1) + sd * both[:, -1] * noise[d]
        return out

    def _cubics(self, reach: float) -> tuple[int, np.ndarray]:
        basis = np.empty(4)
        whole = np.array([0, 0, len(self.nodes)], np.int64)
        at = _node(float(reach), whole, np.array([self.nodes[0], STEP]), basis, np.empty(4))
        return int(at), basis

    # ---------------------------------------------------------------- the model of record

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt
        from pytensor.tensor.linalg import solve_triangular

        sd, reach = hypers
        order, near = self._ordered
        n, k = near.shape
        table = pt.as_tensor(real[2:].reshape(len(self.nodes), n, 2, k + 1))
        last = len(self.nodes) - 1
        t = pt.clip((pt.log(reach) - real[0]) / STEP, 0.0, float(last))
        g = pt.clip(pt.floor(t).astype("int64"), 0, last - 1)
        x = t - g
        both = (
            (1 + x**2 * (2 * x - 3)) * table[g, :, 0]
            + STEP * x * (1 - x) ** 2 * table[g, :, 1]
            + x**2 * (3 - 2 * x) * table[g + 1, :, 0]
            + STEP * x**2 * (x - 1) * table[g + 1, :, 1]
        )
        raw = pm.Normal(name, 0.0, 1.0, shape=n)
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)  # where each place stands in the order
        i, j = np.nonzero(near >= 0)
        system = pt.set_subtensor(pt.eye(n)[i, place[near[i, j]]], -both[i, j])
        ordered = solve_triangular(system, sd * both[:, k] * raw, lower=True)
        effect = ordered[place]
        return effect, effect

    def to_state(self) -> State:
        return self.field.state() | {"kind": "nngp", "neighbours": self.n_near}

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Neighbours:
        return cls(Field.from_state(node, memory, state), int(state["neighbours"]))


def neighbours_for(field: Field) -> Neighbours:
    """As many neighbours as stated, or ten; fewer where there are fewer places."""
    smoothness_allowed(field, ALLOWED, "nngp")
    asked = int(field.node.options.get("neighbours", 10))
    return Neighbours(field, min(asked, len(field.places) - 1))


def maximin(places: np.ndarray) -> np.ndarray:
    """Places in an order in which each is as far as can be from those before it."""
    middle = places.mean(axis=0)
    order = np.empty(len(places), np.int64)
    order[0] = ((places - middle) ** 2).sum(axis=1).argmin()
    nearest = ((places - places[order[0]]) ** 2).sum(axis=1)
    for i in range(1, len(places)):
        order[i] = nearest.argmax()
        np.minimum(nearest, ((places - places[order[i]]) ** 2).sum(axis=1), out=nearest)
        nearest[order[: i + 1]] = -1.0
    return order


def earlier_neighbours(places: np.ndarray, order: np.ndarray, k: int) -> np.ndarray:
    """(place in order, k) the nearest places before each in the order; -1 where there are fewer."""
    n = len(order)
    out = np.full((n, k), -1, np.int64)
    for i in range(1, min(n, 4 * k)):
        out[i, : min(i, k)] = _nearest(places[order[:i]], places[order[i : i + 1]], k)[0]
    lo = min(n, 4 * k)
    while lo < n:  # those before the last doubling in a tree, the rest of them one by one
        hi = min(2 * lo, n)
        rows = np.arange(lo, hi)
        for start in range(0, rows.size, AT_ONCE):
            own = rows[start : start + AT_ONCE]
            before, far = _nearest(places[order[:lo]], places[order[own]], k)
            later = np.arange(lo, own[-1] + 1)
            among = np.sqrt(
                ((places[order[own], None] - places[order[later]][None]) ** 2).sum(axis=-1)
            )
            among[later[None, :] >= own[:, None]] = np.inf
            every = np.concatenate([far, among], axis=1)
            label = np.concatenate([before, np.broadcast_to(later, among.shape)], axis=1)
            best = np.argpartition(every, k - 1, axis=1)[:, :k]
            nearer = np.take_along_axis(every, best, axis=1).argsort(axis=1, kind="stable")
            best = np.take_along_axis(best, nearer, axis=1)
            out[own] = np.take_along_axis(label, best, axis=1)
        lo = hi
    return np.where(out >= 0, order[np.maximum(out, 0)], -1)


def _nearest(places: np.ndarray, at: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(row, k) nearest places of each row, and their distances."""
    from scipy.spatial import cKDTree

    k = min(k, len(places))
    tree = cKDTree(places)
    distance, index = tree.query(at, k=k)
    return index.reshape(len(at), k), distance.reshape(len(at), k)
