"""`spline(ele)`, `spline(ele | region)`: a smooth curve, bent as much as the data ask for.

    f(x) = a (x - mean) / s + sum_k b[k] shape[k](x)

with s the standard deviation of x. The shapes are natural cubic splines that have, over the rows
that count, mean 0, no slope and mean square 1, and are uncorrelated; they diagonalise the integral
of the squared second derivative, in which shape k has the size rough[k]. Then

    a ~ normal(0, 1.5)                  the line: a fixed effect of x, scaled
    b[k] ~ normal(0, sd c / sqrt(rough[k])),    c^2 sum_k 1 / rough[k] = 1

so that `sd` is the typical (root mean square) distance of the curve from its line over the rows
that count, and sd = 0 is the straight line. Beyond the surveyed range the curve goes on straight.
With groups, the line of a level is normal(0, sd[line]): curves of levels are deviations.

Source: Wood (2017) Generalized additive models, sections 5.3.1 and 5.4; Green and Silverman (1994).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.formula.tree import Varying as Node
from occupancy.terms.base import spread
from occupancy.varying import natural_spline
from occupancy.varying.base import State
from occupancy.varying.curve import Curve, restored
from surveys.problems import ModelError

CLOSEST = 1e-4  # knots, as a share of the range


@dataclass(frozen=True, eq=False, kw_only=True)
class Spline(Curve):
    """A smooth curve; `centre` and `unit` are the mean and the sd of x over the rows that count.

    `knots` (knot,) lie on the scale of (x - centre) / unit; `values` and `second` (knot, shape)
    are the shapes and their second derivatives there, `size` (shape,) their standard deviations
    in units of `sd`.
    """

    centre: float
    unit: float
    knots: np.ndarray
    values: np.ndarray
    second: np.ndarray
    size: np.ndarray

    kind = "spline"
    free = "line"

    @property
    def n_free(self) -> int:
        return 1

    @property
    def names(self) -> tuple[str, ...]:
        return ("line", *(f"bend {k + 1}" for k in range(self.size.size)))

    @property
    def scale(self) -> np.ndarray:
        return np.concatenate([[1.0], self.size])

    def shapes(self, x: np.ndarray) -> np.ndarray:
        z = (x - self.centre) / self.unit
        bends = natural_spline.values_at(z, self.knots, self.values, self.second)
        return np.column_stack([z, bends])

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> Spline:
        cls.refuse_free(node)
        x, keys, found = cls.read(node, reader)
        centre, unit = spread(x)
        at, count = np.unique(x, return_counts=True)
        if at.size < 3:
            raise ModelError(
                f"it has only {at.size} different values, between which there is nothing but a "
                f"straight line. Write {node.inside[0]}."
            )
        z = (at - centre) / unit
        knots = _knots(z, int(node.options.get("basis", 10)))
        values, size = _shapes(z, count / x.size, knots)
        second = natural_spline.bending(knots) @ values
        return cls(
            node, reader.memory, keys, found["at"], found["pairs"],
            centre=centre, unit=unit, knots=knots, values=values, second=second, size=size,
        )  # fmt: skip

    def to_state(self) -> State:
        arrays = {n: getattr(self, n).tolist() for n in ("knots", "values", "second", "size")}
        return self.kept() | {"centre": self.centre, "unit": self.unit} | arrays

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> Spline:
        arrays = {n: np.array(state[n], float) for n in ("knots", "values", "second", "size")}
        own = {"centre": float(state["centre"]), "unit": float(state["unit"]), **arrays}
        return cls(node, memory, **restored(state), **own)


def _knots(z: np.ndarray, most: int) -> np.ndarray:
    """Knots at quantiles of the distinct values, both ends among them, none too close."""
    asked = np.quantile(z, np.linspace(0.0, 1.0, min(most, z.size)))
    asked[0], asked[-1] = z[0], z[-1]
    least = CLOSEST * (z[-1] - z[0])
    kept = [asked[0]]
    for knot in asked[1:-1]:
        if knot - kept[-1] > least and asked[-1] - knot > least:
            kept.append(knot)
    out = np.array([*kept, asked[-1]])
    return out if out.size > 2 else np.array([z[0], (z[0] + z[-1]) / 2.0, z[-1]])


def _shapes(z: np.ndarray, share: np.ndarray, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(knot, shape) values at the knots, and (shape,) sizes, from values and shares of the rows."""
    from scipy.linalg import eigh

    each = natural_spline.values_at(z, knots, np.eye(knots.size), natural_spline.bending(knots))
    gram = each.T @ (each * share[:, None])
    # Shapes that are uncorrelated with lines over the rows: made so first, then diagonalised.
    lines = np.column_stack([np.ones(knots.size), knots])
    _, _, directions = np.linalg.svd((gram @ lines).T)
    rest = directions[2:].T
    rough = rest.T @ natural_spline.roughness(knots) @ rest
    among = rest.T @ gram @ rest
    size, along = eigh((rough + rough.T) / 2.0, (among + among.T) / 2.0)
    values = rest @ along
    values *= np.sign(values[np.abs(values).argmax(axis=0), np.arange(values.shape[1])])
    variance = 1.0 / size
    return values, np.sqrt(variance / variance.sum())
