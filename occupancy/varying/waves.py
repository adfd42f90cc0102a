"""`space(kind="hsgp")`: a smooth field as a sum of waves, with few numbers for any number of sites.

    effect(x, y) = sum_ab phi_a(x) phi_b(y) weight[a, b]
    weight[a, b] ~ normal(0, sd sqrt(s(w_a^2 + w_b^2; range)))
    phi_a(x) = sin(w_a (x + L)) / sqrt(L),     w_a = pi a / (2 L),     -L < x < L

s is the spectral density of the Matern family in two dimensions (Solin and Sarkka 2020;
Riutort-Mayol and others 2023). The basis is a product, so it is never written out for every place:
the sum over b is made once for each northing, and then the sum over a for each place,

    effect = ((Phi_b weight') * Phi_a) summed over a

which costs places x functions where the northings all differ, and a fraction of it on a grid
(``wave_sums``).
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

from occupancy.columns.blocks import Memory
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import Functions
from occupancy.varying.base import (
    SETTLED,
    USUAL_STEPS,
    WIDE_STEPS,
    Face,
    Fresh,
    Hyper,
    State,
    Varying,
)
from occupancy.varying.situated import (
    LENGTHS,
    NU,
    SMOOTHNESS,
    Field,
    fresh_of_places,
    in_words,
    smoothness_allowed,
)
from occupancy.varying.wave_sums import (
    APART,
    BESIDE,
    LATTICE,
    ROWS,
    adjoint,
    forward,
    fours,
    weights,
)

ALLOWED = ("matern32", "matern52", "gaussian")
LOST = 0.03  # share of the variance in waves left out, at the shortest range that is resolved
BOUNDARY = 1.5  # half-width of the box of the waves, in half-widths of the longer side
MOST_BASIS, FEWEST_BASIS = 32, 10  # along the longer axis, unless stated
WIDE_ENOUGH = 6.0  # distances between neighbours that a pattern must span to be seen at all
MANY = 6  # places of a northing, from which on it pays to read them side by side
PLENTY = 100  # waves, which keep steps short whatever share of them is accepted
FILLED = 0.5  # of the crossings of a lattice, from which on it is one


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
    def acceptance(self) -> float:
        return WIDE_STEPS if self.n_weight >= PLENTY else USUAL_STEPS

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
        own = np.bincount(self.waves[:, 0] - 1, minlength=fours(self.basis[0]))
        across = np.bincount(self.waves[:, 1] - 1, minlength=fours(self.basis[1]))
        n_a, n_b = len(own), len(across)
        width = np.maximum.accumulate(fours(across)[::-1])[::-1]
        phi_a = np.zeros((len(at), n_a))
        phi_b = np.zeros((-(-len(northing) // ROWS) * ROWS, n_b))
        phi_a[:, : self.basis[0]] = self._phi(0, at[:, 0])
        phi_b[: len(northing), : self.basis[1]] = self._phi(1, northing)
        turned = phi_b.reshape(-1, ROWS, n_b).transpose(0, 2, 1)
        easting, of_easting = np.unique(at[:, 0], return_index=True, return_inverse=True)[1:]
        layout, columns, east = APART, 0, np.empty(0, np.int64)
        if len(at) >= FILLED * len(northing) * len(easting):
            layout, columns, east = LATTICE, fours(len(easting)), of_easting
            table = np.zeros((columns, n_a))
            table[: len(easting)] = phi_a[easting]
            phi_a = np.concatenate([table.T.ravel(), table.ravel()])
        elif len(at) >= MANY * len(northing):
            layout = BESIDE
            each = np.split(phi_a, first[1:-1])
            phi_a = np.concatenate([own_places.T.ravel() for own_places in each])
        sizes = [self.field.code, len(northing), len(at), n_a, n_b, len(self.waves)]
        whole = np.concatenate([sizes, [layout, columns], own, width, first, east])
        phi_b = phi_b[: fours(len(northing))]
        return whole.astype(np.int64), (phi_a.ravel(), phi_b.ravel(), turned.ravel())

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
