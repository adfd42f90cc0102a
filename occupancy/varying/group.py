"""`(1 | region)`, `(0 + ele | region)`: a deviation for each level, all with one sd.

    effect[l] ~ normal(0, sd)

Each level is sampled as x[l] = effect[l] sqrt(1 / sd^2 + told[l]), where told[l] is about how much
its rows can tell: the root of its posterior precision, so that x[l] has a posterior sd near 1
whatever the sd. Where sd is small, or the data tell little, that is the effect in units of its sd;
where they tell much it is the effect itself (partial non-centring; Papaspiliopoulos, Roberts and
Skold 2007). A fixed power of sd between the two has a funnel where sd comes near 0, and diverges
there. A common shift of all levels is told by the prior alone, where a coefficient beside them can
make up for it: x is turned, so that it is a coordinate of its own (at a typical sd).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from occupancy.columns.blocks import Memory, Reader, effect_columns, effect_labels
from occupancy.columns.frame import Frame, read_column
from occupancy.formula.tree import Column, Effect, Group
from occupancy.kernel.varying import POSITIVE, Functions
from occupancy.priors.prior import Prior
from occupancy.terms.levels import as_levels, natural
from occupancy.varying.base import SETTLED, TYPICAL_SD, Face, Fresh, Hyper, State, Varying
from surveys.problems import ModelError

_HALF_LOG_TWO_PI = 0.9189385332046727
Key = tuple[str, ...]


@njit(error_model="numpy", cache=True)
def turn(raw, unit, out):
    """Reflect so that the first coordinate becomes one along ``unit``; its own inverse."""
    along = raw[0]
    for q in range(raw.size):
        along += unit[q] * raw[q]
    along /= 1.0 + unit[0]
    for q in range(raw.size):
        out[q] = raw[q] - along * unit[q]
    out[0] -= along


@njit(error_model="numpy", cache=True)
def forward(natural, raw, whole, real, effect):
    sd = natural[0]
    total = -_HALF_LOG_TWO_PI * raw.size
    if whole[0]:
        turn(raw, real[raw.size :], effect)
    else:
        effect[:] = raw
    for q in range(raw.size):
        x = effect[q]
        more = 1.0 + real[q] * sd * sd  # posterior precision in units of the prior's
        effect[q] = sd / math.sqrt(more) * x
        total -= 0.5 * (x * x / more + math.log(more))
    return total


@njit(error_model="numpy", cache=True)
def adjoint(natural, raw, effect, slope, whole, real, d_natural, d_raw):
    sd = natural[0]
    along = 0.0  # d / d log sd
    d_x = np.empty(raw.size)
    for q in range(raw.size):
        known = real[q] * sd * sd
        share = 1.0 / (1.0 + known)  # of the prior in the posterior precision
        z = effect[q] / sd
        d_x[q] = math.sqrt(share) * (sd * slope[q] - z)
        along += share * (slope[q] * effect[q] + known * (z * z - 1.0))
    if whole[0]:
        turn(d_x, real[raw.size :], d_raw)
    else:
        d_raw[:] = d_x
    d_natural[0] += along / sd


@njit(error_model="numpy", cache=True)
def weights(natural, raw, whole, real, out):
    forward(natural, raw, whole, real, out)


@dataclass(frozen=True)
class GroupDesign(Varying):
    """One set of group effects: a deviation for each level, all with one standard deviation.

    `name` is "region/park" for the level of each park, "ele|region/park" for its slope; `effect`
    is "Intercept" or the column that the slope belongs to; `keys` holds the parts of each level
    ("north", "park1"). `spread` is the sd of the value on the rows that count, 1 for an intercept.
    `centring` is None where the data choose the coordinates, 1 where effects are sampled as they
    are, 0 where in units of their sd.
    """

    name: str
    by: tuple[str, ...]
    effect: str
    keys: tuple[Key, ...]
    spread: float
    memory: Memory
    slope: Effect | None = None
    column: int = 0
    centring: float | None = None

    kind = "group"
    functions = Functions(forward, adjoint, weights)

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        scale = float(f"{SD_OF_GROUPS / self.spread:.10g}")
        is_slope = self.slope is not None
        prior = Prior("half_normal", (scale,))
        return (Hyper("sd", POSITIVE, prior, spread=self.spread, slope=is_slope),)

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels in natural order: "north", "north/park1"."""
        return tuple("/".join(key) for key in self.keys)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.levels

    @property
    def leaning(self) -> tuple[tuple[int, int], ...]:
        return ((0, len(self.keys)),)

    def index(self, frame: Frame, n: int | None = None) -> np.ndarray:
        """(row,) int64: the level of each row; -1 where it was never seen, or is missing."""
        known = {key: i for i, key in enumerate(self.keys)}
        keys, of_row = row_keys(Reader(self.memory, frame, n=n), self.by)
        return np.array([known.get(key, -1) for key in keys] or [-1], dtype=np.int64)[of_row]

    def value(self, frame: Frame, n: int | None = None) -> np.ndarray | None:
        """(row,) float64 that the effect multiplies; None for an intercept."""
        if self.slope is None:
            return None
        reader = Reader(self.memory, frame, n=n)
        return np.ascontiguousarray(effect_columns(self.slope, reader, {})[:, self.column])

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        return (Face(self.index(frame, n), self.value(frame, n)),)

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        told = np.zeros(len(self.keys)) if information is None else information
        if self.centring is not None:
            told = np.full(len(self.keys), self.centring * SETTLED)
        shift = np.sqrt((self.spread / TYPICAL_SD) ** 2 + told)  # x of effects that are all alike
        unit = shift / np.linalg.norm(shift)
        # integrals over one level at a time need levels that are not turned into each other
        return np.array([information is not None], np.int64), np.concatenate([told, unit])

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        index, value = self.index(frame, n), self.value(frame, n)
        known = index >= 0
        at = np.zeros((len(weights), n))
        at[:, known] = weights[:, index[known]]
        if not known.all():
            at[:, ~known] = natural[:, :1] * new_levels(frame, self.by, ~known, fresh)
        return at if value is None else at * value

    def draw(self, natural: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return natural[0] * rng.normal(size=len(self.keys))

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        import pymc as pm

        (sd,) = hypers
        told, unit = np.split(real, 2)
        raw = pm.Flat(name, shape=told.size)
        x = turned(unit) @ raw if whole[0] else raw
        wider = (1.0 + told * sd**2) ** 0.5
        pm.Potential(f"{name}_density", pm.logp(pm.Normal.dist(0.0, wider), x).sum())
        effect = sd / wider * x
        return effect, effect

    def to_state(self) -> State:
        return {"name": self.name, "levels": [list(k) for k in self.keys], "spread": self.spread}


SD_OF_GROUPS = 1.0


def turned(unit: np.ndarray) -> np.ndarray:
    """(n, n) the matrix of ``turn``."""
    v = unit.copy()
    v[0] += 1.0
    return np.eye(unit.size) - np.outer(v, v) / v[0]


def new_levels(frame: Frame, by: tuple[str, ...], new: np.ndarray, fresh: Fresh) -> np.ndarray:
    """(draw, new row) standard normal numbers, the same wherever a label appears; NaN for none."""
    told = [as_levels(read_column(frame, b)[new]) for b in by]
    rows = np.stack([at for _, at in told], axis=1)
    unique, inverse = np.unique(rows, axis=0, return_inverse=True)
    keys = [[texts[i] for (texts, _), i in zip(told, row, strict=True)] for row in unique]
    drawn = [fresh("/".join(key)) for key in keys]
    unknown = [not all(key) for key in keys]
    return np.where(unknown, np.nan, np.stack(drawn, axis=1))[:, inverse]


def row_keys(reader: Reader, by: tuple[str, ...]) -> tuple[list[Key], np.ndarray]:
    """List the distinct levels, and (row,) which of them each row has; "" is missing."""
    codes = np.zeros(reader.n, dtype=np.int64)
    keys: list[Key] = [()]
    for name in by:
        texts, of_row = as_levels(reader.column(name))
        seen, codes = np.unique(codes * len(texts) + of_row, return_inverse=True)
        keys = [(*keys[i // len(texts)], texts[i % len(texts)]) for i in seen]
    return keys, codes


def learn_levels(by: tuple[str, ...], reader: Reader) -> tuple[Key, ...]:
    """The levels met in the rows that count, in natural order.

    Raises
    ------
    ModelError
        Fewer than two levels.
    """
    keys, _ = row_keys(reader, by)
    levels = tuple(sorted(keys, key=lambda key: [natural(text) for text in key]))
    if len(levels) < 2:
        only = f" ('{'/'.join(levels[0])}')" if levels else ""
        raise ModelError(
            f"there is only one level of {'/'.join(by)}{only} in the surveys that count, and "
            "nothing to vary between. Leave the group out."
        )
    if len({"/".join(k) for k in levels}) < len(levels):
        raise ModelError("two levels have the same name once joined by '/'. Rename one.")
    return levels


def learn_groups(group: Group, reader: Reader) -> list[GroupDesign]:
    """Learn the effects of one `( ... | ...)`; a slope with several columns makes several.

    Raises
    ------
    ModelError
        Fewer than two levels, or a slope of a factor.
    """
    with reader.told(str(group)):
        levels = learn_levels(tuple(c.name for c in group.by), reader)
        return define_groups(group, reader.memory, levels, reader)


def refuse_levels(effect: Effect, by: tuple[Column, ...], memory: Memory) -> None:
    """Slopes are of numbers: a factor has levels instead."""
    for part in effect.parts:
        if memory.has_levels(part):
            name = part.name if isinstance(part, Column) else part.inside_label
            raise ModelError(
                f"'{name}' has levels, and only numbers can have a slope in each group. "
                f"Write (1 | {':'.join(str(c) for c in by)}:{name}) for a deviation of each "
                "level in each group."
            )


def define_groups(
    group: Group,
    memory: Memory,
    levels: tuple[Key, ...],
    reader: Reader | None = None,
) -> list[GroupDesign]:
    """Group designs with known levels; spreads are measured where a reader is given."""
    by = tuple(c.name for c in group.by)
    if group.effect is None:
        return [GroupDesign(group.name, by, "Intercept", levels, 1.0, memory)]
    refuse_levels(group.effect, group.by, memory)
    block = effect_columns(group.effect, reader, {}) if reader is not None else None
    labels = effect_labels(group.effect, memory, {})
    designs = []
    for j, label in enumerate(labels):
        spread = 1.0
        if block is not None:
            spread = float(np.std(block[:, j], ddof=1))
            if not spread > 1e-12 * np.abs(block[:, j]).max():
                raise ModelError(f"{label} is the same in every survey that counts.")
        name = f"{label}|{'/'.join(by)}"
        designs.append(GroupDesign(name, by, label, levels, spread, memory, group.effect, j))
    return designs
