"""`rw(season)`, `rw(season | region)`: what wanders from season to season.

With order 1 the effects are a random walk, of which only the differences between seasons are known
to the prior: it is taken as its distance from its own mean, so that effects add to zero over the
seasons. With order 2 the slope is a random walk (an integrated Wiener process, the discrete cubic
smoothing spline); it is a line, normal(0, 1.5) for one sd of the seasons, and its distance from
the line. Seasons may be unevenly spaced: with generalised covariance

    K(h) = -|h| / 2 (order 1),   |h|^3 / 12 (order 2)

effects are normal(0, sd^2 c P K P), where P takes out the mean, or the line, and c is such that the
mean of the variances is sd^2. So `sd` is the typical (root mean square) distance of a season from
the mean, or from the line, however many seasons there are. With groups every level walks by itself.

Seasons never surveyed are drawn from the same process given those that were.

Source: Rue and Held (2005) Gaussian Markov random fields, ch. 3; Wecker and Ansley (1983) JASA
78:81-89; Sørbye and Rue (2014) Spatial Statistics 8:39-51 for the scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from occupancy.columns.blocks import Reader
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import POSITIVE
from occupancy.priors.prior import Prior
from occupancy.varying.along_time import AlongTime
from occupancy.varying.base import Fresh, Hyper
from occupancy.varying.basis import FUNCTIONS, in_pymc, pack, sum_of_shapes
from occupancy.varying.curve import FREE_SD, SD_OF_CURVES
from surveys.problems import ModelError


@dataclass(frozen=True, eq=False)
class Walk(AlongTime):
    """A random walk, as a sum of its principal components."""

    kind = "rw"
    functions = FUNCTIONS

    @property
    def order(self) -> int:
        return int(self.node.options.get("order", 1))

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        prior = Prior("half_normal", (SD_OF_CURVES,))
        own = (Hyper("sd", POSITIVE, prior),)
        if self.keys and self.order == 2:
            return (*own, Hyper("sd", POSITIVE, prior, "line"))
        return own

    @cached_property
    def _components(self) -> tuple[np.ndarray, np.ndarray, float]:
        """(time, component), their sizes in units of sd, and the sd of one step likewise."""
        t = self.times.at / self.times.unit
        null = trend(t, self.order)
        project = np.eye(t.size) - null @ np.linalg.pinv(null)
        cov = project @ generalised(t, t, self.order) @ project
        size, along = np.linalg.eigh((cov + cov.T) / 2.0)
        size, along = size[self.order :][::-1], along[:, self.order :][:, ::-1]
        along *= np.sign(along[np.abs(along).argmax(axis=0), np.arange(size.size)])
        total = size.sum()
        return along * np.sqrt(t.size), np.sqrt(size / total), float(np.sqrt(t.size / total))

    @property
    def _line(self) -> np.ndarray:
        t = self.times.at
        return (t - t.mean()) / np.std(t, ddof=1)

    @property
    def shapes(self) -> np.ndarray:
        """(time, shape): with order 2 the line, then the components."""
        own = self._components[0]
        return own if self.order == 1 else np.column_stack([self._line, own])

    @property
    def _sizes(self) -> np.ndarray:
        own = self._components[1]
        if self.order == 1:
            return own
        line = 1.0 if self.keys else float(self.node.options.get("line", FREE_SD))
        return np.concatenate([[line], own])

    @property
    def _hyper_of(self) -> np.ndarray:
        out = np.zeros(self._sizes.size, np.int64)
        if self.order == 2:
            out[0] = 1 if self.keys else -1
        return out

    @property
    def n_raw(self) -> int:
        return self.n_group * self._sizes.size

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        n = self.times.n
        return pack(
            self.shapes,
            self._sizes,
            self._hyper_of,
            np.repeat(np.arange(self.n_group), n),
            np.tile(np.arange(n), self.n_group),
            n_group=self.n_group,
            information=information,
            centring=self.centring,
            keeps_effects=True,
        )

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        return in_pymc(name, hypers, whole, real)

    def draw_line(self, natural: np.ndarray, fresh: Fresh) -> np.ndarray:
        unit = np.stack([fresh(f"component {k}") for k in range(self._sizes.size)], axis=1)
        sds = np.column_stack([np.ones(len(natural)), natural])[:, self._hyper_of + 1]
        return sum_of_shapes(self.shapes, unit * sds * self._sizes)

    def draw_at(
        self,
        natural: np.ndarray,
        t: float,
        known: np.ndarray,
        values: np.ndarray,
        unit: np.ndarray,
    ) -> np.ndarray:
        step = self.times.unit
        if self.order == 1:  # only the neighbours tell
            at = int(np.searchsorted(known, t))
            near = slice(max(at - 1, 0), at + 1)
            known, values = known[near], values[:, near]
        weight, sd = conditional(t / step, known / step, self.order)
        return values @ weight + self._components[2] * sd * natural[:, 0] * unit

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> AlongTime:
        out = super().learn(node, reader)
        if int(node.options.get("order", 1)) == 2:
            if out.times.n < 3:
                raise ModelError("a walk of order 2 needs three seasons. Use order 1.")
            if node.by and "line" in node.options:
                raise ModelError(
                    "with groups every line is drawn from a population with an sd. Leave out "
                    f'line=, and state a prior of "sd[line, {node.name}]" if need be.'
                )
        elif "line" in node.options:
            raise ModelError("a walk of order 1 has no line. Leave out line=.")
        return out


def generalised(a: np.ndarray, b: np.ndarray, order: int) -> np.ndarray:
    """(a, b) generalised covariance of the process between times."""
    h = np.abs(a[:, None] - b)
    return -h / 2.0 if order == 1 else h**3 / 12.0


def trend(t: np.ndarray, order: int) -> np.ndarray:
    """(time, order) what the prior says nothing about: the mean, the line."""
    t = np.asarray(t, np.float64)
    return np.stack([np.ones(t.size), t - t.mean()][:order], axis=1)


def conditional(t: float, known: np.ndarray, order: int) -> tuple[np.ndarray, float]:
    """Weights of the known values in the mean at ``t``, and the sd for a step of sd 1.

    The mean is straight between neighbours, and level beyond the ends, with order 1; the natural
    cubic spline through the known values with order 2.
    """
    middle, n = known.mean(), known.size
    null = np.stack([np.ones(n), known - middle][:order], axis=1)
    here = np.array([1.0, t - middle][:order])
    system = np.zeros((n + order, n + order))
    system[:n, :n] = generalised(known, known, order)
    system[:n, n:], system[n:, :n] = null, null.T
    right = np.concatenate([generalised(np.array([t]), known, order)[0], here])
    solved = np.linalg.solve(system, right)
    return solved[:n], float(np.sqrt(max(-(solved @ right), 0.0)))
