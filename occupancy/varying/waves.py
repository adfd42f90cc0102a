"""`space(kind="hsgp")`: a smooth field as a sum of waves, with few numbers for any number of sites.

    effect(x, y) = sum_ab phi_a(x) phi_b(y) weight[a, b]
    weight[a, b] ~ normal(0, sd sqrt(s(w_a^2 + w_b^2; range)))
    phi_a(x) = sin(w_a (x + L)) / sqrt(L),     w_a = pi a / (2 L),     -L < x < L

s is the spectral density of the Matern family in two dimensions (Solin and Sarkka 2020;
Riutort-Mayol and others 2023). The basis is a product, so it is never written out for every place:
the sum over b is made once for each northing, and then the sum over a for each place,

    effect = ((Phi_b weight') * Phi_a) summed over a

which costs places x functions where the northings all differ, and a fraction of it on a grid.
There the places of a northing are read side by side too.
Waves shorter than the shortest along the axes are left out: resolution is the same in every
direction. A wave that the data tell much about is sampled as its weight, one that they tell little
about as weight / sd, as in `group`.
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
from occupancy.kernel.simd import vexp, vlog_and_inverse
from occupancy.kernel.varying import Functions
from occupancy.varying.base import SETTLED, Face, Fresh, Hyper, State, Varying
from occupancy.varying.situated import (
    LENGTHS,
    NU,
    SMOOTHNESS,
    Field,
    fresh_of_places,
    in_words,
    smoothness_allowed,
)

_HALF_LOG_TWO_PI = 0.9189385332046727
ALLOWED = ("matern32", "matern52", "gaussian")
LOST = 0.03  # share of the variance in waves left out, at the shortest range that is resolved
BOUNDARY = 1.5  # half-width of the box of the waves, in half-widths of the longer side
MOST_BASIS, FEWEST_BASIS = 32, 10  # along the longer axis, unless stated
WIDE_ENOUGH = 6.0  # distances between neighbours that a pattern must span to be seen at all
ROWS = 32  # northings at a time, on the way back
LANES = 8  # axes are padded to a multiple, so that inner loops have no rest
MANY = 6  # places of a northing, from which on it pays to read them side by side
# places in `whole`: sizes, whether Phi_a holds each northing as (a, place) instead of (place, a),
# then waves of each a, then the first place of each northing
CODE, N_NORTHING, N_PLACE, N_A, N_B, N_WAVE, BESIDE, HEAD = 0, 1, 2, 3, 4, 5, 6, 7


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
    """Slices of ``real``: l / range, squared frequencies, told, Phi_a, Phi_b, Phi_b turned."""
    n_u, n, n_a, n_b, k = whole[1], whole[2], whole[3], whole[4], whole[5]
    at = 1 + 2 * k
    phi_a = real[at : at + n * n_a]
    at += n * n_a
    phi_b = real[at : at + n_u * n_b]
    at += n_u * n_b
    return real[1 : 1 + k], real[1 + k : 1 + 2 * k], phi_a, phi_b, real[at:]


@njit(error_model="numpy", cache=True)
def _make_weights(natural, raw, whole, real, weight):
    """Fill the weights of all waves; the log density of raw."""
    square, told, _, _, _ = _parts(whole, real)
    k = whole[N_WAVE]
    log_scale, along = np.empty(k), np.empty(k)
    _log_scales(natural[0], natural[1], whole, square, real[0], log_scale, along)
    total = -_HALF_LOG_TWO_PI * k
    for q in range(k):
        scale = vexp(log_scale[q])
        more = 1.0 + told[q] * scale * scale
        weight[q] = scale / math.sqrt(more) * raw[q]
        total -= 0.5 * (raw[q] * raw[q] / more + math.log(more))
    return total


@njit(error_model="numpy", cache=True, fastmath={"contract", "nsz", "reassoc"})
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


@njit(error_model="numpy", cache=True, fastmath={"contract", "nsz", "reassoc"})
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


@njit(error_model="numpy", cache=True, fastmath={"contract", "nsz", "reassoc"})
def _field(grid, whole, phi_a, phi_b, effect):
    """Effects of all places from the weights, (a, b) padded with zeros."""
    n_u, n_a, n_b = whole[N_NORTHING], whole[N_A], whole[N_B]
    count = whole[HEAD : HEAD + n_a]
    first = whole[HEAD + n_a :]
    t = np.empty(n_a)
    for u in range(n_u):
        row = phi_b[u * n_b : (u + 1) * n_b]
        for a in range(0, n_a, 4):
            v0, v1, v2, v3 = 0.0, 0.0, 0.0, 0.0
            g0, g1, g2, g3 = grid[a], grid[a + 1], grid[a + 2], grid[a + 3]
            for b in range(count[a]):
                v0 += g0[b] * row[b]
                v1 += g1[b] * row[b]
                v2 += g2[b] * row[b]
                v3 += g3[b] * row[b]
            t[a], t[a + 1], t[a + 2], t[a + 3] = v0, v1, v2, v3
        if whole[BESIDE]:
            own = effect[first[u] : first[u + 1]]
            _beside(t, phi_a[first[u] * n_a : first[u + 1] * n_a], own)
            continue
        for i in range(first[u], first[u + 1]):
            mine = phi_a[i * n_a : (i + 1) * n_a]
            v = 0.0
            for a in range(n_a):
                v += mine[a] * t[a]
            effect[i] = v


@njit(error_model="numpy", cache=True, fastmath={"contract", "nsz", "reassoc"})
def _back(slope, whole, phi_a, turned, d_grid):
    """Slopes along the weights from those along the effects."""
    n_u, n_a, n_b = whole[N_NORTHING], whole[N_A], whole[N_B]
    count = whole[HEAD : HEAD + n_a]
    first = whole[HEAD + n_a :]
    rows, flipped = np.empty((ROWS, n_a)), np.empty((n_a, ROWS))
    for block in range((n_u + ROWS - 1) // ROWS):
        u0 = block * ROWS
        for r in range(ROWS):
            mine = rows[r]
            for a in range(n_a):
                mine[a] = 0.0
            if u0 + r < n_u and whole[BESIDE]:
                i, j = first[u0 + r], first[u0 + r + 1]
                _beside_back(slope[i:j], phi_a[i * n_a : j * n_a], mine)
            elif u0 + r < n_u:
                for i in range(first[u0 + r], first[u0 + r + 1]):
                    s = slope[i]
                    for a in range(n_a):
                        mine[a] += s * phi_a[i * n_a + a]
        for a in range(n_a):
            for r in range(ROWS):
                flipped[a, r] = rows[r, a]
        mine = turned[block * n_b * ROWS : (block + 1) * n_b * ROWS]
        for a in range(0, n_a, 4):
            f0, f1, f2, f3 = flipped[a], flipped[a + 1], flipped[a + 2], flipped[a + 3]
            for b in range(count[a]):
                own = mine[b * ROWS : (b + 1) * ROWS]
                v0, v1, v2, v3 = 0.0, 0.0, 0.0, 0.0
                for r in range(ROWS):
                    v0 += f0[r] * own[r]
                    v1 += f1[r] * own[r]
                    v2 += f2[r] * own[r]
                    v3 += f3[r] * own[r]
                d_grid[a, b] += v0
                d_grid[a + 1, b] += v1
                d_grid[a + 2, b] += v2
                d_grid[a + 3, b] += v3


@njit(error_model="numpy", cache=True)
def _to_grid(weight, whole, grid):
    at = 0
    own = whole[HEAD + whole[N_A] + whole[N_NORTHING] + 1 :]
    for a in range(whole[N_A]):
        for b in range(own[a]):
            grid[a, b] = weight[at]
            at += 1


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    _, _, phi_a, phi_b, _ = _parts(whole, real)
    weight, grid = np.empty(whole[N_WAVE]), np.zeros((whole[N_A], whole[N_B]))
    total = _make_weights(natural, raw, whole, real, weight)
    _to_grid(weight, whole, grid)
    _field(grid, whole, phi_a, phi_b, effect)
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    square, told, phi_a, _, turned = _parts(whole, real)
    k = whole[N_WAVE]
    d_grid = np.zeros((whole[N_A], whole[N_B]))
    _back(slope, whole, phi_a, turned, d_grid)
    log_scale, along = np.empty(k), np.empty(k)
    _log_scales(natural[0], natural[1], whole, square, real[0], log_scale, along)
    own = whole[HEAD + whole[N_A] + whole[N_NORTHING] + 1 :]
    d_sd, d_range, q = 0.0, 0.0, 0
    for a in range(whole[N_A]):
        for b in range(own[a]):
            scale = vexp(log_scale[q])
            known = told[q] * scale * scale
            share = 1.0 / (1.0 + known)
            scale *= math.sqrt(share)
            d_raw[q] = scale * d_grid[a, b] - share * raw[q]
            d_log = d_grid[a, b] * scale * raw[q] + known * (raw[q] * raw[q] * share - 1.0)
            d_log *= share
            d_sd += d_log
            d_range += d_log * along[q]
            q += 1
    d_natural[0] += d_sd / natural[0]
    d_natural[1] += d_range / natural[1]


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    _make_weights(natural, raw, whole, real, out)


@dataclass(frozen=True)
class Waves(Varying):
    """A smooth field on a basis of waves.

    Attributes
    ----------
    field : where the places are, and what the field multiplies
    box : (2,) half the sides of the box of the waves, kilometres
    highest : the highest frequency kept, radians for each kilometre
    centring : None where the data choose the coordinates, 1 where waves are sampled as they are,
        0 where in units of their sd
    """

    field: Field
    box: tuple[float, float]
    highest: float
    centring: float | None = None

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

    @cached_property
    def waves(self) -> np.ndarray:
        """(wave, 2) numbers a and b of the waves kept, b varying fastest."""
        most = [math.floor(self.highest * 2 * side / math.pi + 1e-9) for side in self.box]
        a, b = (np.arange(1, m + 1) for m in most)
        square = self._frequency(0, a)[:, None] ** 2 + self._frequency(1, b)[None, :] ** 2
        floor = self._frequency(0, a[:1])[0] ** 2 + self._frequency(1, b[:1])[0] ** 2
        kept = square <= max(self.highest**2, floor) * (1 + 1e-9)
        return np.argwhere(kept) + 1

    def _frequency(self, axis: int, number: np.ndarray) -> np.ndarray:
        return math.pi * number / (2.0 * self.box[axis])

    @cached_property
    def squares(self) -> np.ndarray:
        """(wave,) squared frequency."""
        return self._frequency(0, self.waves[:, 0]) ** 2 + self._frequency(1, self.waves[:, 1]) ** 2

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"{a},{b}" for a, b in self.waves)

    @property
    def n_weight(self) -> int:
        return len(self.waves)

    @property
    def n_effect(self) -> int:
        return len(self.field.places)

    @property
    def basis(self) -> tuple[int, int]:
        """Waves along each axis."""
        a, b = self.waves.max(axis=0)
        return int(a), int(b)

    @property
    def per_axis(self) -> int:
        """Waves along the longer axis, as `basis=` says it."""
        return round(self.highest * 2 * max(self.box) / math.pi)

    @property
    def resolved(self) -> float:
        """The shortest range of which the waves hold all but 3 % of the variance, kilometres."""
        return shortest_resolved(self.highest, self.field.code)

    def lost(self, reach: float) -> float:
        """Share of the variance that lies in the waves left out, at a range in kilometres."""
        x = self.highest * reach * self.field.length_per_range
        nu = NU[self.field.code]
        return math.exp(-0.5 * x * x) if math.isinf(nu) else (1 + x * x / (2 * nu)) ** -nu

    @property
    def widest(self) -> float:
        """The longest range that the box leaves untouched, kilometres."""
        return 2.0 * min(b - h for b, h in zip(self.box, self.field.half, strict=True))

    def describe(self) -> str:
        """How the field is computed, in a sentence."""
        a, b = self.basis
        return (
            f"{self.name}: {self.n_weight} waves ({a} by {b}) over {self.n_effect:,} places, "
            f"{self.field.smoothness}; they resolve ranges from {in_words(self.resolved)} on."
        )

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        return (Face(self.field.index(frame, n), self.field.value(frame, n)),)

    # ---------------------------------------------------------------- the basis

    def _phi(self, axis: int, at: np.ndarray) -> np.ndarray:
        """(place, wave of one axis) sines that are 0 at the sides of the box."""
        number = np.arange(1, self.basis[axis] + 1)
        side = self.box[axis]
        return np.sin(self._frequency(axis, number) * (at[:, None] + side)) / math.sqrt(side)

    def _grid(self, weights: np.ndarray) -> np.ndarray:
        """(..., a, b) weights with zeros where a wave was left out."""
        out = np.zeros((*weights.shape[:-1], *self.basis))
        out[..., self.waves[:, 0] - 1, self.waves[:, 1] - 1] = weights
        return out

    def _values(self, weights: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(draw, place) field at any places, the sum over b made once for each northing."""
        northing, of_place = np.unique(at[:, 1], return_inverse=True)
        phi_a, phi_b = self._phi(0, at[:, 0]), self._phi(1, northing)
        out = np.empty((len(weights), len(at)))
        for d, grid in enumerate(self._grid(weights)):
            out[d] = np.einsum("ia,ia->i", phi_a, (phi_b @ grid.T)[of_place])
        return out

    @cached_property
    def _compiled(self) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """``whole``, and the parts of ``real`` that the information does not change."""
        at = self.field.places
        northing, of_place = np.unique(at[:, 1], return_inverse=True)
        first = np.searchsorted(of_place, np.arange(len(northing) + 1))
        own = np.bincount(self.waves[:, 0] - 1, minlength=self.basis[0])
        n_a, n_b = _padded(self.basis[0]), _padded(self.basis[1])
        phi_a, phi_b = np.zeros((len(at), n_a)), np.zeros((len(northing), n_b))
        phi_a[:, : self.basis[0]] = self._phi(0, at[:, 0])
        phi_b[:, : self.basis[1]] = self._phi(1, northing)
        own = np.concatenate([own, np.zeros(n_a - own.size, np.int64)])
        fours = np.repeat(own.reshape(-1, 4).max(axis=1), 4)  # four a's share a loop over b
        count = np.minimum(_padded(fours), n_b)
        blocks = -(-len(northing) // ROWS)
        turned = np.zeros((blocks * ROWS, n_b))
        turned[: len(northing)] = phi_b
        turned = turned.reshape(blocks, ROWS, n_b).transpose(0, 2, 1)
        beside = len(at) >= MANY * len(northing)
        if beside:
            each = np.split(phi_a, first[1:-1])
            phi_a = np.concatenate([own_places.T.ravel() for own_places in each])
        sizes = [self.field.code, len(northing), len(at), n_a, n_b, len(self.waves), beside]
        whole = np.concatenate([sizes, count, first, own]).astype(np.int64)
        return whole, (phi_a.ravel(), phi_b.ravel(), turned.ravel())

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        whole, parts = self._compiled
        scales = [np.array([self.field.length_per_range]), self.squares, self._told(information)]
        return whole, np.concatenate([*scales, *parts])

    def _told(self, information: np.ndarray | None) -> np.ndarray:
        """(wave,) about how much the data can tell about each weight."""
        if self.centring is not None:
            return np.full(len(self.waves), self.centring * SETTLED)
        if information is None:
            return np.zeros(len(self.waves))
        phi_a, phi_b = (self._phi(axis, self.field.places[:, axis]) ** 2 for axis in (0, 1))
        told = phi_a.T @ (information[:, None] * phi_b)
        return told[self.waves[:, 0] - 1, self.waves[:, 1] - 1]

    def scales(self, natural: np.ndarray) -> np.ndarray:
        """(draw, wave) sd of every weight."""
        code, per_range = self.field.code, self.field.length_per_range
        length = natural[:, 1:2] * per_range
        if code == SMOOTHNESS.index("gaussian"):
            density = 2 * math.pi * length**2 * np.exp(-0.5 * length**2 * self.squares)
        else:
            nu = NU[code]
            density = 4 * math.pi * nu * (2 * nu) ** nu * length ** (-2 * nu)
            density = density * (2 * nu / length**2 + self.squares) ** (-nu - 1)
        return natural[:, :1] * np.sqrt(density)

    # ---------------------------------------------------------------- after sampling

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self._values(weights, self.field.places)

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        at, value = self.field.at(frame, n), self.field.value(frame, n)
        out = np.full((len(weights), n), np.nan)
        known = np.isfinite(at).all(axis=1)
        inside = np.clip(at, -np.array(self.box), np.array(self.box))
        out[:, known] = self._values(weights, inside[known])
        beyond = known & (np.abs(at) > np.array(self.field.half) * (1 + 1e-9)).any(axis=1)
        if beyond.any():
            out[:, beyond] += self._lost(natural, inside[beyond]) * fresh_of_places(
                at[beyond], fresh
            )
        return out if value is None else out * value

    def _lost(self, natural: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(draw, place) sd that the waves lack beyond the surveyed box, where they run out."""
        phi_a, phi_b = self._phi(0, at[:, 0]) ** 2, self._phi(1, at[:, 1]) ** 2
        held = np.empty((len(natural), len(at)))
        for d, grid in enumerate(self._grid(self.scales(natural) ** 2)):
            held[d] = np.einsum("ia,ia->i", phi_a, phi_b @ grid.T)
        return np.sqrt(np.maximum(natural[:, :1] ** 2 - held, 0.0))

    # ---------------------------------------------------------------- the model of record

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        sd, reach = hypers
        told = real[1 + len(self.waves) : 1 + 2 * len(self.waves)]
        length = reach * self.field.length_per_range
        if self.field.smoothness == "gaussian":
            density = 2 * math.pi * length**2 * pt.exp(-0.5 * length**2 * self.squares)
        else:
            nu = NU[self.field.code]
            density = 4 * math.pi * nu * (2 * nu) ** nu * length ** (-2 * nu)
            density = density * (2 * nu / length**2 + self.squares) ** (-nu - 1)
        scale = sd * pt.sqrt(density)
        wider = (1.0 + told * scale**2) ** 0.5
        raw = pm.Normal(name, 0.0, wider, shape=len(self.waves))
        weight = scale / wider * raw
        a, b = self.waves.T - 1
        grid = pt.set_subtensor(pt.zeros(self.basis)[a, b], weight)
        phi_a, phi_b = (self._phi(axis, self.field.places[:, axis]) for axis in (0, 1))
        return ((phi_b @ grid.T) * phi_a).sum(axis=1), weight

    def to_state(self) -> State:
        return self.field.state() | {
            "kind": "hsgp",
            "box": list(self.box),
            "highest": self.highest,
        }

    @classmethod
    def learn(cls, node, reader) -> Varying:
        raise NotImplementedError("the sites choose the kind of field: see space")

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Waves:
        east, north = map(float, state["box"])
        return cls(Field.from_state(node, memory, state), (east, north), float(state["highest"]))


def waves_for(field: Field) -> tuple[tuple[float, float], float]:
    """The box and the highest frequency: as stated, or what the sites could ever show.

    A pattern narrower than six distances between neighbours cannot be told from noise, so shorter
    waves are not needed; and no more than 32 along the longer side, which the checks watch over.
    """
    smoothness_allowed(field, ALLOWED, "hsgp")
    stated = field.node.options
    longer = max(field.half)
    margin = (float(stated.get("boundary", BOUNDARY)) - 1.0) * longer
    box = (field.half[0] + margin, field.half[1] + margin)
    basis = stated.get("basis")
    if basis is None:
        wanted = WIDE_ENOUGH * field.shortest
        needed = frequency_for(wanted, field.code) * 2 * max(box) / math.pi
        basis = min(max(math.ceil(needed), FEWEST_BASIS), MOST_BASIS)
    return box, math.pi * int(basis) / (2 * max(box))


def shortest_resolved(highest: float, code: int) -> float:
    """Range at which waves above a frequency hold 3 % of the variance."""
    return LENGTHS[code] * _reach(code) / highest


def frequency_for(reach: float, code: int) -> float:
    """The other way: the frequency needed for a range."""
    return LENGTHS[code] * _reach(code) / reach


def _reach(code: int) -> float:
    """Frequency times length beyond which 3 % of the variance lie, in two dimensions.

    1 - (1 + x^2 / (2 nu))^-nu of the variance of a Matern field lies below x.
    """
    if code == SMOOTHNESS.index("gaussian"):
        return math.sqrt(-2.0 * math.log(LOST))
    nu = NU[code]
    return math.sqrt(2 * nu * (LOST ** (-1 / nu) - 1))


def _padded(n: Any) -> Any:
    return -(-n // LANES) * LANES
